//! OpenAI's Chat Completions, as a client and as a provider.
//!
//! Shapes follow <https://platform.openai.com/docs/api-reference/chat>.

mod messages;
mod read;
mod reply;
mod stream;
mod write;

pub(crate) use messages::without_our_marks;
pub(crate) use read::read;
pub(crate) use reply::{read_reply, usage_and_model, write_reply};
pub(crate) use stream::{Pass, StreamReader, StreamWriter};
pub(crate) use write::write;

use serde_json::Value;

use crate::ProviderError;
use crate::chat::StopReason;

/// Reads `{"error": {"message", "type", "param", "code"}}`; Google's and others' compatible surfaces send the same.
pub(crate) fn error(status: u16, body: &Value) -> ProviderError {
    let error = &body["error"];
    let (kind, code) = (error["type"].as_str(), error["code"].as_str());
    let implied = match (kind, code) {
        _ if status != 0 => status,
        (
            Some("rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" | "tokens" | "requests"),
            _,
        )
        | (_, Some("rate_limit_exceeded" | "insufficient_quota")) => 429,
        (Some("invalid_request_error"), _) => 400,
        (Some("authentication_error"), _) => 401,
        (Some("permission_error"), _) => 403,
        (Some("overloaded_error"), _) => 529,
        _ => error["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok())
            .filter(|code| (400..600).contains(code))
            .unwrap_or(500),
    };
    ProviderError::new(implied, kind, code)
}

const fn finish_reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::End | StopReason::StopSequence => "stop",
        StopReason::Length => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::Refusal => "content_filter",
    }
}

/// What a `finish_reason` means. It is `stop` after a refusal, and with some servers after tool calls, so that what was
/// said decides.
fn stop_reason(finish_reason: &str, called_tools: bool, refused: bool) -> StopReason {
    match finish_reason {
        "length" => StopReason::Length,
        "content_filter" => StopReason::Refusal,
        _ if refused => StopReason::Refusal,
        _ if called_tools => StopReason::ToolUse,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        _ => StopReason::End,
    }
}
