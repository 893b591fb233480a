//! The baseline: a proxy with the same TLS and the same HTTP library that only copies bytes.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;

/// Forwards everything to `upstream`, such as `http://127.0.0.1:4000`; announces itself as the gateway does.
pub(crate) async fn serve(upstream: &str, folder: &Path) -> Result<()> {
    let host: Arc<str> = upstream.trim_start_matches("http://").into();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let acceptor = TlsAcceptor::from(Arc::new(tls(folder)?));
    let said = serde_json::json!({
        "url": format!("https://{}", listener.local_addr()?), "ca": folder.join("raw-proxy.pem"),
    });
    println!("{said}");
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, host) = (acceptor.clone(), Arc::clone(&host));
        tokio::spawn(async move {
            // A connection that fails is its client's to report.
            drop(forward(acceptor, stream, host).await);
        });
    }
}

async fn forward(acceptor: TlsAcceptor, stream: TcpStream, host: Arc<str>) -> Result<()> {
    let tls = acceptor.accept(stream).await?;
    let upstream = TcpStream::connect(&*host).await?;
    upstream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(upstream)).await?;
    tokio::spawn(connection);
    let sender = Arc::new(Mutex::new(sender));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let sender = Arc::clone(&sender);
        async move {
            let path = request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned();
            *request.uri_mut() = path.parse::<Uri>()?;
            let mut sender = sender.lock().await;
            sender.ready().await?;
            sender
                .send_request(request)
                .await
                .context("the provider does not answer")
        }
    });
    http1::Builder::new()
        .serve_connection(TokioIo::new(tls), service)
        .await?;
    Ok(())
}

fn tls(folder: &Path) -> Result<ServerConfig> {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    fs::write(folder.join("raw-proxy.pem"), cert.pem())?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?)
}
