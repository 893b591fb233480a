//! How much a stream has said.

use serde_json::Value;

use crate::{Data, Frame, Inbound};

impl Inbound {
    /// The text in a frame of this dialect, in bytes: what the model said, thought, or wrote as arguments of tool calls.
    /// What a reply cost is guessed by it when the provider did not say.
    pub fn said_bytes(self, frame: &Frame) -> usize {
        let Data::Json(frame) = &frame.data else {
            return 0;
        };
        match self {
            Self::OpenAiChat => openai(frame),
            Self::AnthropicMessages => anthropic(frame),
        }
    }
}

fn openai(chunk: &Value) -> usize {
    const TEXTS: [&str; 4] = ["content", "refusal", "reasoning_content", "reasoning"];
    let choices = chunk["choices"].as_array().into_iter().flatten();
    let said = |choice: &Value| {
        let delta = &choice["delta"];
        let calls = delta["tool_calls"].as_array().into_iter().flatten();
        let arguments = calls.map(|call| bytes(&call["function"]["arguments"]));
        TEXTS.iter().map(|key| bytes(&delta[*key])).sum::<usize>()
            + arguments.sum::<usize>()
            + bytes(&delta["function_call"]["arguments"])
    };
    choices.map(said).sum()
}

fn anthropic(event: &Value) -> usize {
    let part = match event["type"].as_str() {
        Some("content_block_start") => &event["content_block"],
        Some("content_block_delta") => &event["delta"],
        _ => return 0,
    };
    ["text", "partial_json", "thinking"]
        .iter()
        .map(|key| bytes(&part[*key]))
        .sum()
}

fn bytes(text: &Value) -> usize {
    text.as_str().map_or(0, str::len)
}
