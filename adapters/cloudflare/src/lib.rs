//! The Workjet gateway on Cloudflare Workers.
#![cfg(target_arch = "wasm32")]

mod console;
pub mod d1;
mod error;
pub mod fetch;
mod http_types;
pub mod kv;
pub mod object_storage;
pub mod r2;
mod runtime;
pub mod transport;

use std::sync::{Arc, OnceLock};

use tower::ServiceExt as _;
use worker::{Context, Env, HttpRequest, event};
use workjet_auth::Operator;
use workjet_gateway::memory::MemoryHost;
use workjet_gateway::{Core, CoreOptions, Settings};

static CORE: OnceLock<Arc<Core>> = OnceLock::new();

/// Answers one request.
#[event(fetch)]
async fn fetch(
    request: HttpRequest,
    env: Env,
    context: Context,
) -> worker::Result<http::Response<axum::body::Body>> {
    let _ = env;
    let core = CORE.get_or_init(|| Arc::new(Core::new(CoreOptions::new(Settings::demo(), [0; 32]))));
    let runtime = Arc::new(runtime::Runtime::new(context));
    let host = MemoryHost::new(Operator::dangerously_claim(), runtime.clone(), runtime);
    let router = workjet_gateway::router(core.clone(), host.host());
    let reply = router.oneshot(request.map(axum::body::Body::new)).await;
    Ok(reply.unwrap_or_else(|never| match never {}))
}
