//! The answer of a home that cannot serve as it is set up.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{Method, StatusCode};

use crate::Refusal;

/// What a home answers to `request` while something that it needs is missing or wrong: 503 `misconfigured` in the dialect of
/// the request, with a `message` that says what to do and holds no secret. `/healthz` is alive all the same, and `/readyz` says
/// no more than that it is not ready.
///
/// For homes that find out with the first request, as a Worker does; a server does not start.
///
/// ```
/// let (request, ()) = http::Request::get("/v1/models").body(())?.into_parts();
/// let reply = workjet_gateway::misconfigured(&request, "bind a D1 database as DB");
/// assert_eq!(reply.status(), 503);
/// # Ok::<(), http::Error>(())
/// ```
pub fn misconfigured(request: &Parts, message: impl Into<String>) -> Response {
    let mut response = match request.uri.path() {
        "/healthz" if matches!(request.method, Method::GET | Method::HEAD) => StatusCode::OK.into_response(),
        "/readyz" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => Refusal::misconfigured(message).for_request(request),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    async fn answer(path: &str) -> (StatusCode, Value) {
        let (request, ()) = http::Request::get(path).body(()).expect("a request").into_parts();
        let (head, body) = misconfigured(&request, "set the secret WORKJET_KEK").into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        (head.status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    #[tokio::test]
    async fn everything_but_healthz_is_refused_in_its_own_dialect() {
        assert_eq!(answer("/healthz").await, (StatusCode::OK, Value::Null));
        assert_eq!(
            answer("/readyz").await,
            (StatusCode::SERVICE_UNAVAILABLE, Value::Null)
        );
        for path in ["/v1/chat/completions", "/admin/v1/bootstrap", "/nowhere"] {
            let (status, body) = answer(path).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(body["error"]["code"], "misconfigured");
            assert_eq!(body["error"]["message"], "set the secret WORKJET_KEK");
        }
        let (status, body) = answer("/v1/messages").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["message"], "set the secret WORKJET_KEK");
    }
}
