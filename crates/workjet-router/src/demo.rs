//! A provider that answers with what it was sent.
//!
//! It speaks OpenAI's dialect and replies with the last user message exactly as a provider would have received it, so
//! that a newcomer sees with one request what the gateway took out. It is deterministic: the same body gets the same
//! bytes.

use serde_json::{Value, json};

use crate::chat::estimated_tokens;
use crate::request::to_bytes;
use crate::{Frame, Stamp};

/// The demo's answer: what a provider's HTTP response would hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body: one chunk for a whole reply, several for a stream.
    pub chunks: Vec<Vec<u8>>,
}

/// Answers `body`, a request in OpenAI's dialect, as a provider would, streamed if it asks so. `stamp` gives the id and
/// the time of the reply.
pub fn answer(body: &[u8], stamp: &Stamp) -> DemoAnswer {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        let error = json!({"error": {
            "message": "the body is not JSON", "type": "invalid_request_error", "param": null, "code": null,
        }});
        return DemoAnswer {
            status: 400,
            content_type: "application/json",
            chunks: vec![to_bytes(&error)],
        };
    };
    let said = last_user_message(&request);
    if request["stream"] == true {
        streamed(&request, &said, stamp)
    } else {
        whole(&request, &said, stamp)
    }
}

fn whole(request: &Value, said: &str, stamp: &Stamp) -> DemoAnswer {
    let reply = json!({
        "id": format!("chatcmpl-{}", stamp.id),
        "object": "chat.completion",
        "created": stamp.created,
        "model": model(request),
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": said, "refusal": null},
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": usage(request, said),
    });
    DemoAnswer {
        status: 200,
        content_type: "application/json",
        chunks: vec![to_bytes(&reply)],
    }
}

fn streamed(request: &Value, said: &str, stamp: &Stamp) -> DemoAnswer {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": format!("chatcmpl-{}", stamp.id),
            "object": "chat.completion.chunk",
            "created": stamp.created,
            "model": model(request),
            "choices": choices,
            "usage": usage,
        });
        Frame::json(chunk)
    };
    let choice = |delta: Value, reason: Value| {
        chunk(
            json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]),
            Value::Null,
        )
    };
    let mut frames = vec![choice(
        json!({"role": "assistant", "content": "", "refusal": null}),
        Value::Null,
    )];
    frames.extend(pieces(said).map(|piece| choice(json!({"content": piece}), Value::Null)));
    frames.push(choice(json!({}), "stop".into()));
    if request["stream_options"]["include_usage"] == true {
        frames.push(chunk(json!([]), usage(request, said)));
    }
    frames.push(Frame::done());
    let encode = |frame: &Frame| {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        bytes
    };
    let chunks = frames.iter().map(encode).collect();
    DemoAnswer {
        status: 200,
        content_type: "text/event-stream",
        chunks,
    }
}

/// The text of the last message whose role is `user`, its parts joined without anything between.
fn last_user_message(request: &Value) -> String {
    let messages = request["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let Some(message) = messages.iter().rfind(|message| message["role"] == "user") else {
        return String::new();
    };
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// Pieces of a few characters, about as long as a token.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    const CHARACTERS: usize = 4;
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest
            .char_indices()
            .nth(CHARACTERS)
            .map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

fn model(request: &Value) -> &str {
    request["model"].as_str().unwrap_or("demo")
}

fn usage(request: &Value, said: &str) -> Value {
    let input = estimated_tokens(request["messages"].to_string().len() as u64);
    let output = estimated_tokens(said.len() as u64);
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}
