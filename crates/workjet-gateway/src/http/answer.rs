//! Heads of replies, and refusals in the words of each dialect.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use workjet_router::Inbound;
use workjet_tenant::Standing;

use crate::Refusal;
use crate::inspect::Inspected;
use crate::refusal::whole_seconds;

/// What the client of an inspected request is told in any case.
pub(crate) fn reply_headers(inspected: &Inspected) -> HeaderMap {
    let mut headers = HeaderMap::new();
    add_standings(&mut headers, inspected.standings());
    headers
}

/// Adds `RateLimit` and `RateLimit-Policy`
/// ([draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/)).
/// `burst` is a parameter of our own: what a caller at rest may spend at once.
fn add_standings(headers: &mut HeaderMap, standings: &[Standing]) {
    // Only requests are counted so far; the names are the API, the keys are not.
    let Some(standing) = standings.first() else { return };
    let quota = standing.quota;
    let policy = format!(
        "\"requests\";q={};w={};burst={}",
        quota.limit,
        whole_seconds(quota.per),
        quota.burst
    );
    let now = format!(
        "\"requests\";r={};t={}",
        standing.remaining,
        standing.reset_after.as_secs_f64().ceil()
    );
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", now)] {
        let value = HeaderValue::try_from(value).expect("numbers and quotes make a header");
        headers.insert(HeaderName::from_static(name), value);
    }
}

impl Refusal {
    /// The refusal as a client that speaks `inbound` expects it, with `headers` besides its own.
    pub(crate) fn to_response(&self, inbound: Inbound, mut headers: HeaderMap) -> Response {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        add_standings(&mut headers, &self.standings);
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if self.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(Ok(found)) = self.findings.to_header().map(HeaderValue::try_from) {
            headers.insert(HeaderName::from_static("x-workjet-dlp"), found);
        }
        let body = inbound.error_body(&self.to_api_error()).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        response
    }

    /// The refusal in the dialect that the request seems to speak.
    pub(crate) fn for_request(&self, request: &Parts) -> Response {
        self.to_response(dialect_of(request), HeaderMap::new())
    }
}

/// The answer of a path that is no model's: refusals have OpenAI's shape.
pub(super) fn answer(result: Result<Response, Refusal>) -> Response {
    result.unwrap_or_else(|refusal| refusal.to_response(Inbound::OpenAiChat, HeaderMap::new()))
}

/// Anthropic's clients are known by their path, and by a header where the path is shared. Everybody else gets OpenAI's
/// shapes.
pub(super) fn dialect_of(request: &Parts) -> Inbound {
    if request.uri.path().starts_with("/v1/messages") || request.headers.contains_key("anthropic-version") {
        Inbound::AnthropicMessages
    } else {
        Inbound::OpenAiChat
    }
}
