//! OpenAI's chat completions.

use serde_json::{Value, json};

use super::{Asked, Event};
use crate::script::{Part, Reply, Stop, Usage, pieces};

const CREATED: u64 = 1_700_000_000;

pub(super) fn whole(asked: &Asked, reply: &Reply) -> Value {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null, "annotations": []});
    let mut calls = Vec::new();
    for part in &reply.parts {
        match part {
            Part::Text(text) => append(&mut message["content"], text),
            Part::Refusal(text) => append(&mut message["refusal"], text),
            Part::Thinking { text, .. } => append(&mut message["reasoning_content"], text),
            Part::Tool { id, name, arguments } => calls.push(json!({
                "id": id, "type": "function", "function": {"name": name, "arguments": written(arguments)}
            })),
        }
    }
    if !calls.is_empty() {
        message["tool_calls"] = Value::Array(calls);
    }
    json!({
        "id": "chatcmpl-mock", "object": "chat.completion", "created": CREATED, "model": model(asked, reply),
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(reply.stop())}],
        "usage": usage(&reply.usage), "service_tier": "default", "system_fingerprint": "fp_mock",
    })
}

pub(super) fn events(asked: &Asked, reply: &Reply) -> Vec<Event> {
    let mut deltas = vec![json!({"role": "assistant", "content": "", "refusal": null})];
    let mut call = 0;
    for part in &reply.parts {
        match part {
            Part::Text(text) => deltas.extend(each(text, reply, |piece| json!({ "content": piece }))),
            Part::Refusal(text) => deltas.extend(each(text, reply, |piece| json!({ "refusal": piece }))),
            Part::Thinking { text, .. } => {
                deltas.extend(each(text, reply, |piece| json!({ "reasoning_content": piece })));
            }
            Part::Tool { id, name, arguments } => {
                // Only the first fragment names the call; the others know it by its index.
                deltas.push(json!({"tool_calls": [{
                    "index": call, "id": id, "type": "function", "function": {"name": name, "arguments": ""}
                }]}));
                deltas.extend(each(
                    &written(arguments),
                    reply,
                    |piece| json!({"tool_calls": [{"index": call, "function": {"arguments": piece}}]}),
                ));
                call += 1;
            }
        }
    }
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": CREATED,
            "model": model(asked, reply), "service_tier": "default", "system_fingerprint": "fp_mock",
            "choices": choices,
        });
        if asked.include_usage {
            chunk["usage"] = usage;
        }
        Event::data(chunk)
    };
    let mut events: Vec<Event> = deltas
        .into_iter()
        .map(|delta| {
            chunk(
                json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}]),
                Value::Null,
            )
        })
        .collect();
    let finish =
        json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": finish_reason(reply.stop())}]);
    events.push(chunk(finish, Value::Null));
    if asked.include_usage {
        events.push(chunk(json!([]), usage(&reply.usage)));
    }
    events.push(Event::Done);
    events
}

/// `prompt_tokens` includes the cached ones, `completion_tokens` the reasoning.
fn usage(usage: &Usage) -> Value {
    let prompt = usage.input + usage.cache_read + usage.cache_write_5m + usage.cache_write_1h;
    json!({
        "prompt_tokens": prompt, "completion_tokens": usage.output, "total_tokens": prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    })
}

fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Refusal => "stop",
        Stop::Length => "length",
        Stop::Tool => "tool_calls",
    }
}

fn model<'a>(asked: &'a Asked, reply: &'a Reply) -> &'a str {
    reply.model.as_deref().unwrap_or(&asked.model)
}

fn each(text: &str, reply: &Reply, delta: impl Fn(String) -> Value) -> Vec<Value> {
    pieces(text, reply.every).into_iter().map(delta).collect()
}

/// Arguments are text here: JSON, or whatever the script wrote.
fn written(arguments: &Value) -> String {
    arguments
        .as_str()
        .map_or_else(|| arguments.to_string(), str::to_owned)
}

fn append(slot: &mut Value, text: &str) {
    *slot = Value::String(slot.as_str().unwrap_or_default().to_owned() + text);
}
