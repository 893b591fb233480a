//! Clients that hang up.
//!
//! The runtime then stops asking for the rest of the reply, and tells nobody: neither is the body dropped nor the handler,
//! and the pipeline would wait for room in the body until the runtime ends it, with no outcome in the log. What it does
//! is to fire the request's signal (with the compatibility flag `enable_request_signal`). Here that drops what was being
//! made for the client, which is how a client's going is noticed in every home.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use http::Response;
use http_body::{Frame, SizeHint};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::AbortSignal;
use worker::send::SendWrapper;

/// What `reply` comes to. Both it and the body are dropped if the client of the request with `signal` hangs up.
pub(crate) async fn unless_gone(
    signal: AbortSignal,
    reply: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    if signal.aborted() {
        return Response::new(Body::empty());
    }
    let (going, gone) = oneshot::channel::<()>();
    let held = Held::default();
    let ear = Ear::new(signal, {
        let (mut going, held) = (Some(going), held.clone());
        move || {
            // Its other end learns of that, too.
            drop(going.take());
            *held.lock() = Kept::Gone;
        }
    });
    match select(pin!(reply), gone).await {
        Either::Left((response, _)) => response.map(|body| {
            {
                let mut kept = held.lock();
                if matches!(*kept, Kept::Nothing) {
                    *kept = Kept::Body(body);
                }
            }
            Body::new(Attended { held, _ear: ear })
        }),
        // Nobody reads it.
        Either::Right(_) => Response::new(Body::empty()),
    }
}

/// A body until its client has gone.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Kept>>);

#[derive(Default)]
enum Kept {
    #[default]
    Nothing,
    Body(Body),
    /// The client was faster than its reply.
    Gone,
}

impl Kept {
    const fn body(&self) -> Option<&Body> {
        match self {
            Self::Body(body) => Some(body),
            Self::Nothing | Self::Gone => None,
        }
    }
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that is dropped when its client goes.
struct Attended {
    held: Held,
    _ear: Ear,
}

impl http_body::Body for Attended {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut *self.held.lock() {
            Kept::Body(body) => Pin::new(body).poll_frame(context),
            Kept::Nothing | Kept::Gone => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.lock().body().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.held.lock().body().map(Body::size_hint).unwrap_or_default()
    }
}

/// Calls back when a signal fires, and until this is dropped.
struct Ear(SendWrapper<(AbortSignal, Closure<dyn FnMut()>)>);

impl Ear {
    fn new(signal: AbortSignal, call: impl FnMut() + 'static) -> Self {
        let call = Closure::<dyn FnMut()>::new(call);
        // Fails for no kind of event target; without it a client that hangs up is noticed late.
        let _ = signal.add_event_listener_with_callback("abort", call.as_ref().unchecked_ref());
        Self(SendWrapper((signal, call)))
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let (signal, call) = &*self.0;
        let _ = signal.remove_event_listener_with_callback("abort", call.as_ref().unchecked_ref());
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}
