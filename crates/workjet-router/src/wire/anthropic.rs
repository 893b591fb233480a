//! Anthropic's Messages, as a client and as a provider.
//!
//! Shapes follow <https://docs.claude.com/en/api/messages>.

mod messages;
mod read;
mod reply;
mod stream;
mod stream_writer;
mod write;

pub(crate) use messages::without_our_marks;
pub(crate) use read::read;
pub(crate) use reply::{read_reply, usage_and_model, write_reply};
pub(crate) use stream::{Pass, StreamReader};
pub(crate) use stream_writer::StreamWriter;
pub(crate) use write::write;

use serde_json::Value;

use crate::ProviderError;
use crate::chat::StopReason;
use crate::wire::OUR_MARK;

/// Reads `{"type": "error", "error": {"type", "message"}}`. Inside a stream there is no status (0): the type implies it.
pub(crate) fn error(status: u16, body: &Value) -> ProviderError {
    let kind = body["error"]["type"].as_str();
    let implied = match kind {
        _ if status != 0 => status,
        Some("invalid_request_error") => 400,
        Some("authentication_error") => 401,
        Some("billing_error") => 402,
        Some("permission_error") => 403,
        Some("not_found_error") => 404,
        Some("request_too_large") => 413,
        Some("rate_limit_error") => 429,
        Some("timeout_error") => 504,
        Some("overloaded_error") => 529,
        _ => 500,
    };
    ProviderError::new(implied, kind, None)
}

const fn stop_word(stop: StopReason) -> &'static str {
    match stop {
        StopReason::End => "end_turn",
        StopReason::Length => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
        StopReason::Refusal => "refusal",
    }
}

fn stop_reason(word: &str) -> StopReason {
    match word {
        "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "refusal" => StopReason::Refusal,
        _ => StopReason::End,
    }
}

/// The signature of a thinking block that came from another provider: our mark, and Google's `thoughtSignature` if there
/// is one. It takes the place of Anthropic's own, which only Anthropic can make.
fn our_signature(thought: Option<&str>) -> String {
    format!("{OUR_MARK}:{}", thought.unwrap_or_default())
}

/// What [`our_signature`] holds, if it is one of ours.
fn from_our_signature(signature: &str) -> Option<&str> {
    signature.strip_prefix(OUR_MARK)?.strip_prefix(':')
}
