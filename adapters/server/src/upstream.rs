//! The way to providers: pooled connections, TLS 1.3, no redirects.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::BoxError;
use tower::timeout::Timeout;
use tower::util::BoxCloneSyncService;
use workjet_gateway::{ProviderCall, Recorded, Upstream, UpstreamError, UpstreamReply};

use crate::tls;

/// Providers close idle connections after a minute or so; a connection that we close first cannot surprise us.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// Boxed, since hyper asks for a future that can be moved.
type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>;

/// hyper's client, whatever lies on the way to a provider being its business alone. It knows no redirects.
pub struct HyperUpstream {
    client: Client<Connector, Full<Bytes>>,
}

impl fmt::Debug for HyperUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperUpstream").finish_non_exhaustive()
    }
}

impl HyperUpstream {
    /// A client that trusts the system's certificate authorities, or those in `SSL_CERT_FILE`, and gives each
    /// connection `connect` to come about.
    pub fn new(connect: Duration) -> Self {
        let config = || {
            rustls::ClientConfig::builder_with_provider(tls::provider())
                .with_protocol_versions(&[&rustls::version::TLS13])
                .expect("ring has TLS 1.3")
        };
        let config = match config().with_native_roots() {
            Ok(config) => config.with_no_client_auth(),
            // A machine without any: the demo provider and local ones work all the same, and every other answers that
            // it cannot be reached.
            Err(error) => {
                tracing::warn!(%error, "no certificate authorities on this system: set SSL_CERT_FILE");
                config()
                    .with_root_certificates(rustls::RootCertStore::empty())
                    .with_no_client_auth()
            }
        };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        // Or the first token waits for a delayed acknowledgement, some 40 ms.
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(30)));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_adaptive_window(true)
            .build(BoxCloneSyncService::new(Timeout::new(connector, connect)));
        Self { client }
    }
}

#[async_trait]
impl Upstream for HyperUpstream {
    async fn send(&self, call: Recorded<ProviderCall>) -> Result<UpstreamReply, UpstreamError> {
        let call = call.into_inner();
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = call.url.parse().map_err(|_| UpstreamError::Connect)?;
        *request.headers_mut() = call.headers;
        let agent = HeaderValue::from_static(concat!("workjet/", env!("CARGO_PKG_VERSION")));
        request
            .headers_mut()
            .entry(http::header::USER_AGENT)
            .or_insert(agent);

        let reply = self.client.request(request).await.map_err(|error| {
            // Names a host at most; keys and bodies are not in it.
            tracing::debug!(%error, source = ?error.source(), "no reply from a provider");
            if error.is_connect() {
                UpstreamError::Connect
            } else {
                UpstreamError::Closed
            }
        })?;
        let (head, body) = reply.into_parts();
        let body = body.into_data_stream().map_err(|error| match error {
            error if error.is_timeout() => UpstreamError::Timeout,
            error if error.is_parse() => UpstreamError::Protocol,
            _ => UpstreamError::Closed,
        });
        Ok(UpstreamReply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.boxed(),
        })
    }
}
