//! Is it alive, can it serve, what has it done?

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use secrecy::{ExposeSecret, SecretString};

use super::App;
use crate::Refusal;

/// The process answers.
pub(super) async fn healthz() -> StatusCode {
    StatusCode::OK
}

/// Every store answers. The status alone: what exactly is broken is not for everybody.
pub(super) async fn readyz(State(app): State<App>) -> StatusCode {
    if app.host.health.ready().await {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// The counters, for who holds the metrics token. Without one in the configuration the path does not exist.
pub(super) async fn metrics(State(app): State<App>, request: Parts) -> Response {
    let Some(token) = &app.core.metrics_token else {
        return Refusal::not_found().for_request(&request);
    };
    if !bears(&app, &request, "metrics token", token) {
        return Refusal::unauthenticated().for_request(&request);
    }
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        app.core.metrics.to_text(),
    )
        .into_response()
}

/// Whether the request has `token`, whose purpose is named, as its bearer token.
pub(super) fn bears(app: &App, request: &Parts, purpose: &str, token: &SecretString) -> bool {
    let presented = request
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    // Hashes are compared, so that the time it takes says nothing about the token.
    let hash = |token: &str| app.core.keyed_hash(purpose).add(token.as_bytes()).finish();
    presented.is_some_and(|presented| hash(presented) == hash(token.expose_secret()))
}
