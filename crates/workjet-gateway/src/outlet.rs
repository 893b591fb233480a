//! The way to the client, from the detached task's side.
//!
//! An [`Outlet`] gives a head once and then a body through a small channel, so a slow client slows the provider down
//! instead of filling memory. It takes [`Cleared`] content and the gateway's own refusals, nothing else, and it knows
//! when the client has hung up.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use futures_util::{SinkExt, Stream};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use serde_json::Value;
use workjet_router::{Frame, Inbound};

use crate::cleared::Cleared;
use crate::core::KeyedHash;
use crate::refusal::Refusal;

/// How many chunks may wait for the client.
const WAITING_CHUNKS: usize = 4;

/// Bytes that were released, ready for the wire. Made from [`Cleared`] content alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Encoded(Vec<u8>);

impl Encoded {
    /// A whole reply.
    pub(crate) fn reply(reply: &Cleared<Value>) -> Self {
        Self(reply.get().to_string().into_bytes())
    }

    /// Adds a frame of a stream.
    pub(crate) fn push(&mut self, frame: &Cleared<Frame>) {
        frame.get().encode(&mut self.0);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The client has hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// The task's end of the way to the client.
pub(crate) struct Outlet {
    inbound: Inbound,
    head: Option<oneshot::Sender<Head>>,
    /// The other end travels with the handler, then with the body, and is dropped when the client goes.
    alive: oneshot::Sender<Infallible>,
    body: Option<mpsc::Sender<Bytes>>,
    hash: KeyedHash,
}

/// The handler's end: resolves to the response.
pub(crate) struct Inlet {
    head: oneshot::Receiver<Head>,
    alive: oneshot::Receiver<Infallible>,
}

enum Head {
    Whole(Response<Body>),
    Stream(HeaderMap, mpsc::Receiver<Bytes>),
}

impl Outlet {
    /// A way to one client, which speaks `inbound`. `hash` commits to what it gets.
    pub(crate) fn new(inbound: Inbound, hash: KeyedHash) -> (Self, Inlet) {
        let (head, head_end) = oneshot::channel();
        let (alive, alive_end) = oneshot::channel();
        (
            Self {
                inbound,
                head: Some(head),
                alive,
                body: None,
                hash,
            },
            Inlet {
                head: head_end,
                alive: alive_end,
            },
        )
    }

    /// Completes when the client has hung up.
    pub(crate) async fn gone(&mut self) {
        self.alive.cancellation().await;
    }

    /// Whether the client has hung up.
    pub(crate) fn is_gone(&self) -> bool {
        self.alive.is_canceled()
    }

    /// Whether the client has seen the head of a reply, after which there is no other.
    pub(crate) const fn has_begun(&self) -> bool {
        self.head.is_none()
    }

    /// Sends a piece of a stream, with `headers` if it is the first.
    pub(crate) async fn send(
        &mut self,
        headers: impl FnOnce() -> HeaderMap,
        piece: Encoded,
    ) -> Result<(), Gone> {
        if let Some(head) = self.head.take() {
            let (body, body_end) = mpsc::channel(WAITING_CHUNKS);
            let mut headers = headers();
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream; charset=utf-8"),
            );
            head.send(Head::Stream(headers, body_end)).map_err(|_| Gone)?;
            self.body = Some(body);
        }
        self.hash.update(&piece.0);
        let body = self.body.as_mut().ok_or(Gone)?;
        body.send(piece.0.into()).await.map_err(|_| Gone)
    }

    /// The commitment to everything that was sent, and to `rest`.
    pub(crate) fn commitment(&self, rest: Option<&Encoded>) -> String {
        self.hash.clone().add(rest.map_or(&[], |rest| &rest.0)).finish()
    }

    /// Ends a stream with its last piece.
    pub(crate) async fn finish(mut self, headers: HeaderMap, piece: Encoded) {
        // Everything is written down already. If the client is gone now, there is nobody to tell.
        let _ = self.send(|| headers, piece).await;
    }

    /// Answers with a whole reply.
    pub(crate) fn reply(mut self, mut headers: HeaderMap, body: Encoded) {
        if let Some(head) = self.head.take() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let mut response = Response::new(Body::from(body.0));
            *response.headers_mut() = headers;
            let _ = head.send(Head::Whole(response));
        }
    }

    /// Answers with a refusal: as the whole reply, or, if a reply has begun, as an error event without the terminator, so
    /// that SDKs see a stream that broke off.
    pub(crate) async fn refuse(mut self, headers: HeaderMap, refusal: &Refusal) {
        if let Some(head) = self.head.take() {
            let _ = head.send(Head::Whole(refusal.to_response(self.inbound, headers)));
        } else if let Some(mut body) = self.body.take() {
            let mut event = Vec::new();
            self.inbound
                .error_frame(&refusal.to_api_error())
                .encode(&mut event);
            let _ = body.send(event.into()).await;
        }
    }
}

impl Inlet {
    /// Waits for the response; `None` if the task went away without one.
    pub(crate) async fn response(self) -> Option<Response<Body>> {
        match self.head.await.ok()? {
            Head::Whole(response) => Some(response),
            Head::Stream(headers, chunks) => {
                let mut response = Response::new(Body::from_stream(ClientBody {
                    chunks,
                    _alive: self.alive,
                }));
                *response.status_mut() = StatusCode::OK;
                *response.headers_mut() = headers;
                Some(response)
            }
        }
    }
}

/// What the client reads.
struct ClientBody {
    chunks: mpsc::Receiver<Bytes>,
    /// Dropped with the body: that is how the task learns.
    _alive: oneshot::Receiver<Infallible>,
}

impl Stream for ClientBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.chunks)
            .poll_next(context)
            .map(|chunk| chunk.map(Ok))
    }
}
