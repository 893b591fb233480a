//! Accepts connections and hands their requests to the router, until told to stop.
//!
//! Stopping is graceful: no new connection is taken, no new request is read, and what is being answered is answered to
//! its end, within [`GRACE`].

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::{BoxError, Router};
use http::Request;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use workjet_gateway::RemoteAddress;

/// How long a shutdown waits for replies that are on their way.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// How long the last bytes of the last reply may take from here to the socket.
const FLUSH: Duration = Duration::from_millis(500);

/// A client that has not agreed on TLS by then, or not sent its headers, is none.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADERS: Duration = Duration::from_secs(15);

/// More than any client of an AI API sends.
const MAX_HEADER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
const MAX_STREAMS_PER_CONNECTION: u32 = 250;

/// Finds out, within two of these, that a client's machine is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A bound socket and how to speak on it.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    /// None is plain HTTP, which the configuration allows on loopback addresses alone.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) max_connections: usize,
}

impl Listener {
    /// Serves `router` until `shutdown` completes and the replies on their way are out.
    pub(crate) async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) {
        let acceptor = self.tls.map(TlsAcceptor::from);
        let connections = Arc::new(Semaphore::new(self.max_connections.min(Semaphore::MAX_PERMITS)));
        let graceful = GracefulShutdown::new();
        let (replying, mut replied) = mpsc::channel(1);
        // Ended with this function at the latest, so that no connection outlives the gateway that it belongs to.
        let mut open = JoinSet::new();
        tokio::pin!(shutdown);

        loop {
            // Beyond the limit, clients wait in the system's queue.
            let permit = tokio::select! {
                permit = connections.clone().acquire_owned() => permit.expect("the semaphore is never closed"),
                () = &mut shutdown => break,
            };
            let (stream, remote) = tokio::select! {
                accepted = self.socket.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        pause_after(&error).await;
                        continue;
                    }
                },
                () = &mut shutdown => break,
            };
            let client = Client {
                remote,
                router: router.clone(),
                replying: replying.downgrade(),
            };
            let (acceptor, watcher) = (acceptor.clone(), graceful.watcher());
            open.spawn(async move {
                let _permit = permit;
                if let Err(error) = client.connection(stream, acceptor, watcher).await {
                    tracing::debug!(%error, "connection ended");
                }
            });
            while open.try_join_next().is_some() {}
        }
        // Whoever connects from here on is refused by the system, not left waiting.
        drop(self.socket);
        drop(replying);
        let all_replied = async {
            // Nothing is ever sent; the channel closes with the last reply.
            let _ = replied.recv().await;
            tokio::time::sleep(FLUSH).await;
        };
        // An HTTP/2 client that has its replies can keep its connection open for as long as it likes.
        let finished = async {
            tokio::select! { () = graceful.shutdown() => {}, () = all_replied => {} }
        };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tracing::warn!(
                "some replies were still on their way after {} s and are cut off",
                GRACE.as_secs()
            );
        }
    }
}

/// Whoever is at the other end of one connection.
struct Client {
    remote: SocketAddr,
    router: Router,
    replying: mpsc::WeakSender<()>,
}

impl Client {
    /// One connection, from its handshake to its end.
    async fn connection(
        self,
        stream: TcpStream,
        acceptor: Option<TlsAcceptor>,
        watcher: Watcher,
    ) -> Result<(), BoxError> {
        // Or the first token of a stream waits for a delayed acknowledgement.
        stream.set_nodelay(true)?;
        match acceptor {
            Some(acceptor) => {
                let stream = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await??;
                self.speak(stream, watcher).await
            }
            None => self.speak(stream, watcher).await,
        }
    }

    async fn speak<S>(self, stream: S, watcher: Watcher) -> Result<(), BoxError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEADER_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
            .max_header_list_size(MAX_HEADER_BYTES as u32)
            .keep_alive_interval(Some(KEEP_ALIVE))
            .keep_alive_timeout(KEEP_ALIVE);

        let spoke = Arc::new(AtomicBool::new(false));
        let service = hyper::service::service_fn({
            let spoke = spoke.clone();
            move |mut request: Request<Incoming>| {
                spoke.store(true, Ordering::Relaxed);
                // None once a shutdown has seen the last reply out.
                let replying = self.replying.upgrade();
                request.extensions_mut().insert(RemoteAddress(self.remote.ip()));
                let response = self.router.clone().oneshot(request.map(Body::new));
                async move {
                    response.await.map(|response| {
                        response.map(|body| Reply {
                            body,
                            _replying: replying,
                        })
                    })
                }
            }
        });
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let mut connection = pin!(watcher.watch(connection));
        // hyper's own limits begin once a protocol is chosen, for which it waits as long as the client likes. Whoever
        // connects and then keeps silent would hold one of the connections that others need.
        match tokio::time::timeout(HEADERS, connection.as_mut()).await {
            Ok(ended) => ended,
            Err(_) if spoke.load(Ordering::Relaxed) => connection.await,
            Err(silence) => Err(silence.into()),
        }
    }
}

/// A body that a shutdown waits for.
struct Reply {
    body: Body,
    _replying: Option<mpsc::Sender<()>>,
}

impl http_body::Body for Reply {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// Most errors of `accept` concern one connection that is gone already. Running out of file descriptors does not, and
/// would come back at once.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::warn!(%error, "cannot accept connections: is the limit on open files high enough?");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    /// One end of a connection, and how its other end fares.
    fn connect() -> (DuplexStream, impl Future<Output = Result<(), BoxError>>) {
        let (here, there) = duplex(1024);
        let (replying, _) = mpsc::channel(1);
        let client = Client {
            remote: ([127, 0, 0, 1], 1).into(),
            router: Router::new().route("/", get(async || "hello")),
            replying: replying.downgrade(),
        };
        // Dropped, it would begin a shutdown.
        let shutdown = GracefulShutdown::new();
        (here, async move { client.speak(there, shutdown.watcher()).await })
    }

    #[tokio::test(start_paused = true)]
    async fn connection_that_says_nothing_or_not_enough_ends_in_time() {
        for words in ["", "G", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nhost: a\r\n"] {
            let (mut here, connection) = connect();
            here.write_all(words.as_bytes()).await.expect("room");
            let began = Instant::now();
            let ended = tokio::time::timeout(HEADERS * 3, connection).await;
            assert!(ended.is_ok(), "{words:?} holds a connection");
            assert!(began.elapsed() >= HEADERS, "{words:?} had its time");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn connection_that_asked_something_in_time_is_answered() {
        let (mut here, connection) = connect();
        let asked = async {
            tokio::time::sleep(HEADERS / 2).await;
            here.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                .await
                .expect("room");
            let mut reply = String::new();
            here.read_to_string(&mut reply).await.expect("a reply");
            reply
        };
        let (ended, reply) = tokio::join!(connection, asked);
        ended.expect("ends in order");
        assert!(
            reply.starts_with("HTTP/1.1 200") && reply.ends_with("hello"),
            "{reply}"
        );
    }
}
