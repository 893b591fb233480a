//! One line for each request: what was asked for, how it ended, how long its head took.
//!
//! A log line holds nothing that a caller chose: the route instead of the path, into which anything can be put, and no
//! method that HTTP does not know.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;

use super::App;
use crate::time::millis;

/// Serves a request and logs the line.
pub(super) async fn log_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let clock = app.host.clock;
    let began = clock.now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let id = response
        .headers()
        .get("x-workjet-request-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or("-");
    tracing::info!(
        request = id,
        method,
        route = route.as_ref().map_or("-", MatchedPath::as_str),
        status = response.status().as_u16(),
        latency_ms = millis(began, clock.now()),
        "request"
    );
    response
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "-",
    }
}
