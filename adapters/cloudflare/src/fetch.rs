//! Providers, reached by the runtime's `fetch`.

use async_trait::async_trait;
use futures_util::StreamExt as _;
use http::HeaderValue;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, USER_AGENT};
use js_sys::Uint8Array;
use worker::send::{SendFuture, SendWrapper};
use worker::{AbortController, Body, Fetch, Method, Request, RequestInit, RequestRedirect, ResponseBody};
use workjet_gateway::{ProviderCall, Recorded, Upstream, UpstreamError, UpstreamReply};

use crate::error::message;
use crate::http_types;

/// Sends each call by `fetch`, which belongs to the event that it is called in.
#[derive(Debug, Clone, Copy)]
pub struct FetchUpstream;

#[async_trait]
impl Upstream for FetchUpstream {
    async fn send(&self, call: Recorded<ProviderCall>) -> Result<UpstreamReply, UpstreamError> {
        SendFuture::new(send(call.into_inner())).await
    }
}

async fn send(mut call: ProviderCall) -> Result<UpstreamReply, UpstreamError> {
    let agent = HeaderValue::from_static(concat!("workjet/", env!("CARGO_PKG_VERSION")));
    call.headers.entry(USER_AGENT).or_insert(agent);
    // The runtime asks for what it can undo.
    call.headers.remove(ACCEPT_ENCODING);
    let mut init = RequestInit::new();
    init.with_method(Method::Post)
        .with_headers(http_types::js_headers(&call.headers))
        .with_redirect(RequestRedirect::Manual)
        // Bytes rather than a stream: their length is known, and providers want to be told.
        .with_body(Some(Uint8Array::from(&*call.body).into()));
    let request = Request::new_with_init(&call.url, &init).map_err(|_| UpstreamError::Connect)?;

    let controller = AbortController::default();
    let signal = controller.signal();
    let exchange = Exchange(Some(SendWrapper(controller)));
    let reply = Fetch::Request(request).send_with_signal(&signal).await;
    let reply = reply.map_err(|error| {
        // Names a host at most. The runtime tells a connection that was refused and one that broke by the same words,
        // so until the head is there the provider counts as out of reach.
        tracing::debug!(error = message(error), "no reply from a provider");
        UpstreamError::Connect
    })?;
    let mut headers = http_types::headers(reply.headers());
    if headers.remove(CONTENT_ENCODING).is_some() {
        // It counted the bytes before they were decoded.
        headers.remove(CONTENT_LENGTH);
    }
    let body = match reply.body() {
        ResponseBody::Stream(stream) => Body::new(stream.clone()),
        _ => Body::empty(),
    };
    let body = body.map(move |piece| {
        // Held for as long as somebody reads.
        let _on_its_way = &exchange;
        piece.map_err(|_| UpstreamError::Closed)
    });
    Ok(UpstreamReply {
        status: reply.status_code(),
        headers,
        body: body.boxed(),
    })
}

/// A call that is on its way. Dropped, it ends; after its end, dropping it does nothing.
struct Exchange(Option<SendWrapper<AbortController>>);

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(SendWrapper(controller)) = self.0.take() {
            controller.abort();
        }
    }
}
