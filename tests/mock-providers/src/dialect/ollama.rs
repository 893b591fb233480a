//! Ollama's native `/api/chat`: one JSON object a line.

use serde_json::{Value, json};

use super::{Asked, Event};
use crate::script::{Part, Reply, Stop, Usage, pieces};

const CREATED_AT: &str = "2025-01-01T00:00:00.000000Z";

pub(super) fn whole(asked: &Asked, reply: &Reply) -> Value {
    let mut message = json!({"role": "assistant", "content": ""});
    let mut calls = Vec::new();
    for part in &reply.parts {
        match part {
            Part::Text(text) | Part::Refusal(text) => append(&mut message["content"], text),
            Part::Thinking { text, .. } => append(&mut message["thinking"], text),
            Part::Tool { name, arguments, .. } => calls.push(call(name, arguments)),
        }
    }
    if !calls.is_empty() {
        message["tool_calls"] = Value::Array(calls);
    }
    last(line(asked, reply, message), reply)
}

pub(super) fn events(asked: &Asked, reply: &Reply) -> Vec<Event> {
    let mut messages = Vec::new();
    for part in &reply.parts {
        match part {
            Part::Text(text) | Part::Refusal(text) => messages.extend(
                pieces(text, reply.every)
                    .into_iter()
                    .map(|text| json!({"role": "assistant", "content": text})),
            ),
            Part::Thinking { text, .. } => messages.extend(
                pieces(text, reply.every)
                    .into_iter()
                    .map(|text| json!({"role": "assistant", "content": "", "thinking": text})),
            ),
            // Calls come whole, each in a line of its own, before the line that says `done`.
            Part::Tool { name, arguments, .. } => messages
                .push(json!({"role": "assistant", "content": "", "tool_calls": [call(name, arguments)]})),
        }
    }
    let mut events: Vec<Event> = messages
        .into_iter()
        .map(|message| Event::data(line(asked, reply, message)))
        .collect();
    let end = line(asked, reply, json!({"role": "assistant", "content": ""}));
    events.push(Event::data(last(end, reply)));
    events
}

fn line(asked: &Asked, reply: &Reply, message: Value) -> Value {
    json!({
        "model": reply.model.as_deref().unwrap_or(&asked.model), "created_at": CREATED_AT, "message": message,
        "done": false,
    })
}

fn last(mut line: Value, reply: &Reply) -> Value {
    let Usage { input, output, .. } = reply.usage;
    line["done"] = json!(true);
    // Ollama says `stop` after a tool call, too.
    line["done_reason"] = json!(if reply.stop() == Stop::Length {
        "length"
    } else {
        "stop"
    });
    line["total_duration"] = json!(1_000_000);
    line["load_duration"] = json!(1_000);
    line["prompt_eval_count"] = json!(input);
    line["prompt_eval_duration"] = json!(1_000);
    line["eval_count"] = json!(output);
    line["eval_duration"] = json!(1_000);
    line
}

fn call(name: &str, arguments: &Value) -> Value {
    let arguments = arguments
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| arguments.clone());
    json!({"function": {"name": name, "arguments": arguments}})
}

fn append(slot: &mut Value, text: &str) {
    *slot = Value::String(slot.as_str().unwrap_or_default().to_owned() + text);
}
