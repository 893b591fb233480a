//! Requests and headers, between JavaScript's types and those of the crate `http`.
//!
//! The crate `worker` converts them too, but gives up, or panics, on a header value that is not ASCII. HTTP allows it,
//! and whoever can send a request can send one.

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use worker::{Body, Headers};

/// The request as axum takes it.
pub(crate) fn request(request: &worker::Request) -> http::Request<axum::body::Body> {
    let inner = request.inner();
    let body = inner.body().map_or_else(Body::empty, Body::new);
    let mut converted = http::Request::new(axum::body::Body::new(body));
    *converted.method_mut() = inner.method().parse().unwrap_or_default();
    // An address that the runtime lets in and `http` does not can name nothing here.
    *converted.uri_mut() = inner.url().parse().unwrap_or_else(|_| Uri::from_static("/"));
    *converted.headers_mut() = headers(request.headers());
    converted
}

/// JavaScript shows each byte of a header value as the character with its number.
pub(crate) fn headers(headers: &Headers) -> HeaderMap {
    let latin1 = |value: String| value.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>();
    headers
        .entries()
        .filter_map(|(name, value)| {
            let value = HeaderValue::from_bytes(&latin1(value).ok()?).ok()?;
            Some((name.parse::<HeaderName>().ok()?, value))
        })
        .collect()
}

/// The same way back.
pub(crate) fn js_headers(headers: &HeaderMap) -> Headers {
    let latin1 = |value: &HeaderValue| {
        value
            .as_bytes()
            .iter()
            .copied()
            .map(char::from)
            .collect::<String>()
    };
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), latin1(value)))
        .collect()
}
