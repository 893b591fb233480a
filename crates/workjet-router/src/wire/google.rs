//! Google's `generateContent`, as a provider.
//!
//! Shapes follow <https://ai.google.dev/api/generate-content>. Keys are in camelCase; streams are asked for with
//! `?alt=sse`, without which they come as one JSON array.
//!
//! **Thought signatures.** Gemini signs its reasoning and wants the signature back on the function call that followed
//! it. No client of another dialect knows of it, so it travels in what clients replay unchanged: for OpenAI's clients
//! in `tool_calls[].extra_content.workjet.thought_signature`, for Anthropic's in the `signature` of a thinking block
//! before the call. Providers of the client's own dialect never see either.

mod read;
mod write;

pub(crate) use read::{StreamReader, read_reply};
pub(crate) use write::write;

use std::time::Duration;

use serde_json::Value;

use crate::{ProviderError, RequestError};

/// Path and query for `model`, which is a part of it: only letters, digits, `-`, `_` and `.` may stand there, so that a
/// name can neither leave its segment nor begin a query or a fragment.
pub(crate) fn path(model: &str, stream: bool) -> Result<String, RequestError> {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if model.is_empty() || model.starts_with('.') || !model.bytes().all(plain) {
        return Err(RequestError::bad_value(
            "model",
            "is not a name that Google's models have",
        ));
    }
    let method = if stream {
        "streamGenerateContent?alt=sse"
    } else {
        "generateContent"
    };
    Ok(format!("v1beta/models/{model}:{method}"))
}

/// Reads `{"error": {"code", "message", "status", "details"}}`, which may come in a list of one.
pub(crate) fn error(status: u16, body: &Value) -> ProviderError {
    let error = body.get("error").unwrap_or(&body[0]["error"]);
    let code = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let bad_key = details.iter().any(|detail| detail["reason"] == "API_KEY_INVALID");
    // A key that Google does not know is told as 400, which elsewhere is the request's fault.
    let status = if bad_key {
        401
    } else if status != 0 {
        status
    } else {
        code.unwrap_or(500)
    };
    let mut read = ProviderError::new(status, error["status"].as_str(), None);
    read.retry_after = details
        .iter()
        .find_map(|detail| seconds(detail["retryDelay"].as_str()?));
    read
}

/// Reads a protobuf duration in JSON, such as `34.5s`.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}
