//! One request over a connection of its own, and all that came back.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Method, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Longer than a debug build on a busy machine takes for anything here.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body begins and never ends.
    pub(crate) stalls: bool,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body came to its end.
    pub(crate) ended: bool,
}

impl Reply {
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!(
                "status {}, and no JSON: {}",
                self.status,
                String::from_utf8_lossy(&self.body)
            )
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Sends `sent` to `authority`, which is `host:port`, and reads the reply to its end.
pub(crate) async fn exchange(authority: &str, sent: Sent) -> Result<Reply> {
    let mut open = begin(authority, sent).await?;
    open.rest().await
}

/// A reply with its body still on the way. Dropping it hangs up.
pub(crate) struct Open {
    head: http::response::Parts,
    incoming: Incoming,
    read: BytesMut,
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Sends a request and waits for the head of its reply.
pub(crate) async fn begin(authority: &str, sent: Sent) -> Result<Open> {
    let stream = TcpStream::connect(authority)
        .await
        .with_context(|| format!("nobody listens at {authority}"))?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(async move {
        // A connection that breaks off shows in the reply.
        drop(connection.await);
    });
    let mut request = Request::new(body(&sent));
    *request.method_mut() = sent.method;
    *request.uri_mut() = sent
        .path
        .parse()
        .with_context(|| format!("no path: {}", sent.path))?;
    *request.headers_mut() = sent.headers;
    request
        .headers_mut()
        .insert(http::header::HOST, authority.parse()?);
    let reply = tokio::time::timeout(PATIENCE, sender.send_request(request))
        .await
        .context("no reply within a minute")??;
    let (head, incoming) = reply.into_parts();
    Ok(Open {
        head,
        incoming,
        read: BytesMut::new(),
        connection,
    })
}

impl Open {
    /// Reads all that is left.
    pub(crate) async fn rest(&mut self) -> Result<Reply> {
        let ended = loop {
            match self.more().await? {
                Some(true) => {}
                Some(false) => break true,
                None => break false,
            }
        };
        Ok(self.so_far(self.read.len(), ended))
    }

    /// Reads until `count` events of a stream are there, and returns them without what came behind.
    pub(crate) async fn events(&mut self, count: usize) -> Result<Reply> {
        loop {
            if let Some(end) = end_of_event(&self.read, count) {
                return Ok(self.so_far(end, false));
            }
            if self.more().await? != Some(true) {
                bail!(
                    "the stream ended before event {count}: {}",
                    String::from_utf8_lossy(&self.read)
                );
            }
        }
    }

    /// The next piece: whether there was one, or none if the connection broke off.
    async fn more(&mut self) -> Result<Option<bool>> {
        let frame = tokio::time::timeout(PATIENCE, self.incoming.frame())
            .await
            .context("no more of the body within a minute")?;
        Ok(match frame {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.read.extend_from_slice(&data);
                }
                Some(true)
            }
            Some(Err(_)) => None,
            None => Some(false),
        })
    }

    fn so_far(&self, length: usize, ended: bool) -> Reply {
        Reply {
            status: self.head.status.as_u16(),
            headers: self.head.headers.clone(),
            body: Bytes::copy_from_slice(&self.read[..length]),
            ended,
        }
    }
}

/// Where the event number `count` ends, counted from 1.
fn end_of_event(bytes: &[u8], count: usize) -> Option<usize> {
    if count == 0 {
        return Some(0);
    }
    (0..bytes.len().saturating_sub(1))
        .filter(|&at| &bytes[at..at + 2] == b"\n\n")
        .nth(count - 1)
        .map(|at| at + 2)
}

fn body(sent: &Sent) -> BoxBody<Bytes, Infallible> {
    if !sent.stalls {
        return Full::new(sent.body.clone()).boxed();
    }
    let first = stream::iter([Ok(Frame::data(sent.body.clone()))]);
    BodyExt::boxed(StreamBody::new(first.chain(stream::pending())))
}
