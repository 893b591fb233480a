//! Anthropic's messages.

use serde_json::{Value, json};

use super::{Asked, Event};
use crate::script::{Part, Reply, Stop, Usage, pieces};

pub(super) fn whole(asked: &Asked, reply: &Reply) -> Value {
    let content: Vec<Value> = reply
        .parts
        .iter()
        .map(|part| match part {
            Part::Text(text) | Part::Refusal(text) => json!({"type": "text", "text": text, "citations": null}),
            Part::Thinking { text, signature } => {
                json!({"type": "thinking", "thinking": text, "signature": signature.as_deref().unwrap_or_default()})
            }
            Part::Tool { id, name, arguments } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": parsed(arguments)})
            }
        })
        .collect();
    json!({
        "id": "msg_mock", "type": "message", "role": "assistant", "model": model(asked, reply), "content": content,
        "stop_reason": stop_reason(reply.stop()), "stop_sequence": null, "usage": usage(&reply.usage),
    })
}

pub(super) fn events(asked: &Asked, reply: &Reply) -> Vec<Event> {
    let mut start_usage = usage(&reply.usage);
    // A placeholder: the true count comes with `message_delta`.
    start_usage["output_tokens"] = json!(1);
    let mut events = vec![event(
        "message_start",
        json!({"message": {
            "id": "msg_mock", "type": "message", "role": "assistant", "model": model(asked, reply), "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": start_usage,
        }}),
    )];
    for (index, part) in reply.parts.iter().enumerate() {
        let (start, deltas) = block(part, reply.every);
        events.push(event(
            "content_block_start",
            json!({"index": index, "content_block": start}),
        ));
        if index == 0 {
            events.push(event("ping", json!({})));
        }
        events.extend(
            deltas
                .into_iter()
                .map(|delta| event("content_block_delta", json!({"index": index, "delta": delta}))),
        );
        events.push(event("content_block_stop", json!({ "index": index })));
    }
    events.push(event(
        "message_delta",
        json!({
            "delta": {"stop_reason": stop_reason(reply.stop()), "stop_sequence": null},
            // Cumulative, and without the input: the last value of each field counts.
            "usage": {"output_tokens": reply.usage.output},
        }),
    ));
    events.push(event("message_stop", json!({})));
    events
}

/// The block as it starts, and its deltas.
fn block(part: &Part, every: usize) -> (Value, Vec<Value>) {
    match part {
        Part::Text(text) | Part::Refusal(text) => (
            json!({"type": "text", "text": ""}),
            pieces(text, every)
                .into_iter()
                .map(|text| json!({"type": "text_delta", "text": text}))
                .collect(),
        ),
        Part::Thinking { text, signature } => {
            let mut deltas: Vec<Value> = pieces(text, every)
                .into_iter()
                .map(|text| json!({"type": "thinking_delta", "thinking": text}))
                .collect();
            deltas.extend(
                signature
                    .iter()
                    .map(|text| json!({"type": "signature_delta", "signature": text})),
            );
            (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                deltas,
            )
        }
        Part::Tool { id, name, arguments } => {
            let written = arguments
                .as_str()
                .map_or_else(|| arguments.to_string(), str::to_owned);
            // No delta means `{}`, and that is how a call without arguments arrives.
            let deltas = if written == "{}" {
                Vec::new()
            } else {
                pieces(&written, every)
            };
            (
                json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                deltas
                    .into_iter()
                    .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                    .collect(),
            )
        }
    }
}

/// `input_tokens` excludes what was read from or written to a cache.
fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input, "output_tokens": usage.output,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m, "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "service_tier": "standard",
    })
}

fn event(name: &'static str, mut data: Value) -> Event {
    data["type"] = json!(name);
    Event::Json {
        name: Some(name),
        data,
    }
}

fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End => "end_turn",
        Stop::Length => "max_tokens",
        Stop::Tool => "tool_use",
        Stop::Refusal => "refusal",
    }
}

fn model<'a>(asked: &'a Asked, reply: &'a Reply) -> &'a str {
    reply.model.as_deref().unwrap_or(&asked.model)
}

/// Arguments are an object here; text that is JSON is read first.
fn parsed(arguments: &Value) -> Value {
    arguments
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| arguments.clone())
}
