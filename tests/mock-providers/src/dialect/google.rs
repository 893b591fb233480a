//! Google's `generateContent`.

use serde_json::{Value, json};

use super::{Asked, Event};
use crate::script::{Part, Reply, Stop, Usage, pieces};

pub(super) fn whole(asked: &Asked, reply: &Reply) -> Value {
    let parts: Vec<Value> = reply.parts.iter().flat_map(|part| spoken(part, 0)).collect();
    response(asked, reply, parts, true)
}

/// Every chunk is a whole response with the next parts; the last one says why the model stopped.
pub(super) fn events(asked: &Asked, reply: &Reply) -> Vec<Event> {
    let mut parts: Vec<Value> = reply
        .parts
        .iter()
        .flat_map(|part| spoken(part, reply.every))
        .collect();
    let last = parts.pop().unwrap_or_else(|| json!({ "text": "" }));
    let mut events: Vec<Event> = parts
        .into_iter()
        .map(|part| Event::data(response(asked, reply, vec![part], false)))
        .collect();
    events.push(Event::data(response(asked, reply, vec![last], true)));
    events
}

fn spoken(part: &Part, every: usize) -> Vec<Value> {
    match part {
        Part::Text(text) | Part::Refusal(text) => pieces(text, every)
            .into_iter()
            .map(|text| json!({ "text": text }))
            .collect(),
        Part::Thinking { text, signature } => {
            let mut parts: Vec<Value> = pieces(text, every)
                .into_iter()
                .map(|text| json!({"text": text, "thought": true}))
                .collect();
            if let (Some(part), Some(signature)) = (parts.last_mut(), signature) {
                part["thoughtSignature"] = json!(signature);
            }
            parts
        }
        // Arguments are an object and come in one piece.
        Part::Tool { name, arguments, .. } => {
            vec![json!({"functionCall": {"name": name, "args": parsed(arguments)}})]
        }
    }
}

fn response(asked: &Asked, reply: &Reply, parts: Vec<Value>, last: bool) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if last {
        candidate["finishReason"] = json!(finish_reason(reply.stop()));
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": usage(&reply.usage),
        "modelVersion": reply.model.as_deref().unwrap_or(&asked.model),
        "responseId": "mock",
    })
}

/// Thoughts are counted apart from the candidates; the prompt includes what was cached.
fn usage(usage: &Usage) -> Value {
    let prompt = usage.input + usage.cache_read;
    json!({
        "promptTokenCount": prompt, "candidatesTokenCount": usage.output.saturating_sub(usage.reasoning),
        "thoughtsTokenCount": usage.reasoning, "cachedContentTokenCount": usage.cache_read,
        "totalTokenCount": prompt + usage.output,
    })
}

fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        // Google says STOP after a function call, too.
        Stop::End | Stop::Tool => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Refusal => "SAFETY",
    }
}

fn parsed(arguments: &Value) -> Value {
    arguments
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| arguments.clone())
}
