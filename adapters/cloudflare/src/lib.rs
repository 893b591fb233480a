//! The Workjet gateway on Cloudflare Workers.
//!
//! Bindings, and nothing else: D1, KV, R2, Durable Objects, `fetch` and the runtime's clock, each put behind the trait
//! that the crates of the core have for it. What is decided, recorded or spoken is decided there, so that this home and
//! the self-hosted one answer alike.
//!
//! ```text
//! a request → fetch → workjet_gateway::router(core, host)
//!                       core  one for each isolate: configuration, engine, prices
//!                       host  one for each request, since handles belong to the request that opened them
//!                         D1    users, keys, sessions, secrets, outbox     KV     copies of sessions
//!                         LOGS  → AuditLog, an object for each tenant → its own SQLite, R2, the outbox in D1
//!                         RATES → RateLimits, an object for each tenant → its own SQLite
//! ```
//! Workers are single-threaded and their handles are not `Send`, while the core's traits are: each binding wraps what it
//! awaits in [`SendFuture`](worker::send::SendFuture), here and nowhere else.
//!
//! On any target but `wasm32` this crate is empty.
#![cfg(target_arch = "wasm32")]

mod bindings;
mod console;
pub mod d1;
mod error;
pub mod fetch;
mod hang_up;
mod home;
mod http_types;
pub mod kv;
pub mod object_storage;
pub mod objects;
pub mod r2;
pub mod runtime;
pub mod transport;

use axum::body::Body;
use http::Response;
use tower::ServiceExt as _;
use worker::{Context, Env, Request};
use workjet_gateway::{RemoteAddress, misconfigured, router};

use crate::bindings::Misconfigured;

/// Answers the request that the event handler `fetch` was called with. Cloudflare finds the handler, and the classes in
/// [`objects`], in the package `workjet-worker`, which is these and nothing more.
pub async fn answer(request: &Request, env: &Env, context: Context) -> Response<Body> {
    console::start();
    let signal = request.inner().signal();
    let mut request = http_types::request(request);
    // Set by Cloudflare, whatever the client sends.
    let address = request.headers().get("cf-connecting-ip");
    if let Some(address) = address.and_then(|address| address.to_str().ok()?.parse().ok()) {
        request.extensions_mut().insert(RemoteAddress(address));
    }
    let made = async {
        let host = home::host(env, context)?;
        Ok((home::core(env, &host).await?, host))
    };
    match made.await {
        Ok((core, host)) => {
            let reply = async {
                let reply = router(core, host).oneshot(request).await;
                reply.unwrap_or_else(|never| match never {})
            };
            hang_up::unless_gone(signal, reply).await
        }
        Err(Misconfigured(reason)) => {
            tracing::error!(reason, "this Worker cannot serve as it is set up");
            misconfigured(&request.into_parts().0, reason)
        }
    }
}
