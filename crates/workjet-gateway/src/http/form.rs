//! Reads the forms of requests that are not a model's.

use axum::body::Body;
use http::header::{CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;

use super::App;
use crate::Refusal;
use crate::receive::receive;

/// A form is short.
const MAX_FORM: usize = 16 * 1024;

/// Reads a form, which is JSON: a foreign page's form cannot send that without asking first.
pub(super) async fn form<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Refusal> {
    if !is_json(headers) {
        return Err(Refusal::invalid(
            "send JSON, with `content-type: application/json`",
        ));
    }
    read(&receive(&app.core, &app.host, body, MAX_FORM).await?)
}

/// Reads a form that may be left out.
pub(super) async fn optional_form<T: DeserializeOwned + Default>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Refusal> {
    if is_json(headers) {
        let body = receive(&app.core, &app.host, body, MAX_FORM).await?;
        return if body.is_empty() {
            Ok(T::default())
        } else {
            read(&body)
        };
    }
    // Something that is no JSON may have been meant.
    if receive(&app.core, &app.host, body, MAX_FORM).await?.is_empty() {
        Ok(T::default())
    } else {
        Err(Refusal::invalid(
            "send JSON, with `content-type: application/json`",
        ))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // The parser's words could quote a password.
    serde_json::from_slice(body)
        .map_err(|_| Refusal::invalid("the body lacks a field, has one that is not known, or is not JSON"))
}
