//! What Cloudflare calls. All else is in `workjet-cloudflare`.
#![cfg(target_arch = "wasm32")]

use axum::body::Body;
use http::Response;
use worker::{Context, Env, Request, event};

/// Answers one request.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response<Body>> {
    Ok(workjet_cloudflare::answer(&request, &env, context).await)
}

// Exported to JavaScript by being there: the classes that wrangler.toml names.
pub use workjet_cloudflare::objects::{AuditLog, RateLimits};
