//! One kept connection, and the clock on it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where a server listens and how to be let in.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) key: Option<String>,
}

/// A connection on which one request runs at a time.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    target: Target,
    host: String,
}

impl Client {
    pub(crate) async fn connect(target: Target) -> Result<Self> {
        let host = target
            .url
            .rsplit('/')
            .find(|part| !part.is_empty())
            .context("an address has a host")?
            .to_owned();
        let stream = TcpStream::connect(&host).await?;
        stream.set_nodelay(true)?;
        let sender = match &target.ca {
            None => connected(TokioIo::new(stream)).await?,
            Some(ca) => {
                let connector = TlsConnector::from(Arc::new(tls(ca)?));
                let name = ServerName::try_from("localhost")?;
                connected(TokioIo::new(connector.connect(name, stream).await?)).await?
            }
        };
        Ok(Self { sender, target, host })
    }

    /// Sends a request and reads its reply to the end.
    pub(crate) async fn whole(&mut self, body: &[u8]) -> Result<()> {
        let reply = self.send(body).await?;
        let text = reply.into_body().collect().await?.to_bytes();
        ensure!(text.ends_with(b"}"), "a reply is JSON: {text:?}");
        Ok(())
    }

    /// How long it takes until the first text of a stream is here. The rest is read, too, but not counted.
    pub(crate) async fn first_text(&mut self, body: &[u8]) -> Result<Duration> {
        let start = Instant::now();
        let mut reply = self.send(body).await?.into_body();
        let mut first = None;
        let mut said = Vec::new();
        while let Some(frame) = reply.frame().await {
            if let Ok(data) = frame?.into_data() {
                said.extend_from_slice(&data);
                if first.is_none() && has_text(&said) {
                    first = Some(start.elapsed());
                }
            }
        }
        ensure!(said.ends_with(b"data: [DONE]\n\n"), "the stream broke off");
        first.context("a stream without text")
    }

    async fn send(&mut self, body: &[u8]) -> Result<Response<Incoming>> {
        self.sender.ready().await?;
        let mut request = Request::post("/v1/chat/completions")
            .header("host", &self.host)
            .header("content-type", "application/json");
        if let Some(key) = &self.target.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let reply = self
            .sender
            .send_request(request.body(Full::new(Bytes::copy_from_slice(body)))?)
            .await?;
        ensure!(reply.status() == 200, "status {}", reply.status());
        Ok(reply)
    }
}

/// Whether an event has said anything yet: the first one names the role and holds an empty text.
fn has_text(said: &[u8]) -> bool {
    const CONTENT: &[u8] = b"\"content\":\"";
    said.windows(CONTENT.len() + 1)
        .any(|window| window.starts_with(CONTENT) && !window.ends_with(b"\""))
}

async fn connected<T>(io: TokioIo<T>) -> Result<SendRequest<Full<Bytes>>>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(io).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn tls(ca: &PathBuf) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&fs::read(ca)?) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
