//! Whole replies, and usage.

use serde_json::{Map, Value, json};

use super::{our_signature, stop_reason, stop_word};
use crate::chat::{Reply, Said, Usage, estimated_tokens};
use crate::wire::owned;
use crate::{ReplyError, Stamp};

/// Takes over what a `usage` object says; fields that it leaves out keep the value they had, so that a stream's partial
/// updates add up to the truth. Anthropic's input tokens exclude the caches already.
pub(crate) fn read_usage(usage: &Value, into: &mut Usage) {
    let set = |slot: &mut Option<u64>, key: &str| *slot = usage[key].as_u64().or(*slot);
    set(&mut into.input, "input_tokens");
    set(&mut into.output, "output_tokens");
    set(&mut into.cache_read, "cache_read_input_tokens");
    into.reasoning = usage["output_tokens_details"]["thinking_tokens"]
        .as_u64()
        .or(into.reasoning);
    // Fast mode has prices of its own, as tiers have.
    let tier = owned(&usage["speed"])
        .filter(|speed| speed == "fast")
        .or_else(|| owned(&usage["service_tier"]));
    into.service_tier = tier.or_else(|| into.service_tier.take());

    // `cache_creation_input_tokens` is the sum of what `cache_creation` splits by lifetime: never add the two.
    let split = &usage["cache_creation"];
    if split.is_object() {
        into.cache_write_5m = split["ephemeral_5m_input_tokens"]
            .as_u64()
            .or(into.cache_write_5m);
        into.cache_write_1h = split["ephemeral_1h_input_tokens"]
            .as_u64()
            .or(into.cache_write_1h);
    }
    if let Some(total) = usage["cache_creation_input_tokens"].as_u64() {
        let one_hour = into.cache_write_1h.map(|tokens| tokens.min(total));
        into.cache_write_1h = one_hour;
        into.cache_write_5m = Some(total - one_hour.unwrap_or(0));
    }
}

/// The usage as Anthropic's clients read it. Where the provider did not count, an estimate stands in, since the fields
/// are required.
pub(super) fn write_usage(usage: &Usage, estimated_input: u64, output_bytes: u64) -> Map<String, Value> {
    let writes = usage
        .cache_write_5m
        .unwrap_or(0)
        .saturating_add(usage.cache_write_1h.unwrap_or(0));
    let mut written = Map::new();
    written.insert(
        "input_tokens".into(),
        usage.input.unwrap_or(estimated_input).into(),
    );
    written.insert("cache_creation_input_tokens".into(), writes.into());
    written.insert(
        "cache_read_input_tokens".into(),
        usage.cache_read.unwrap_or(0).into(),
    );
    written.insert(
        "output_tokens".into(),
        usage.output.unwrap_or(estimated_tokens(output_bytes)).into(),
    );
    written
}

/// What accounting needs of a reply that passes as it is; `None` if it is not a message.
pub(crate) fn usage_and_model(body: &Value) -> Option<(Usage, Option<String>)> {
    body["content"].as_array()?;
    let mut usage = Usage::default();
    read_usage(&body["usage"], &mut usage);
    Some((usage, owned(&body["model"])))
}

pub(crate) fn read_reply(mut body: Value) -> Result<Reply, ReplyError> {
    let (usage, model) = usage_and_model(&body).ok_or(ReplyError::Garbage)?;
    let Value::Array(blocks) = body["content"].take() else {
        return Err(ReplyError::Garbage);
    };
    let mut said = Vec::new();
    for block in blocks {
        let text = |key: &str| owned(&block[key]).filter(|text| !text.is_empty());
        match block["type"].as_str() {
            Some("text") => said.extend(text("text").map(Said::Text)),
            Some("thinking") => said.extend(text("thinking").map(|text| Said::Thinking { text })),
            Some("tool_use") => said.push(Said::ToolCall {
                id: text("id"),
                name: text("name").ok_or(ReplyError::Garbage)?,
                arguments: block["input"].to_string(),
                signature: None,
            }),
            // Encrypted thinking, and tools that Anthropic runs itself, which a translated request cannot ask for.
            _ => {}
        }
    }
    Ok(Reply {
        id: owned(&body["id"]),
        model,
        said,
        stop: stop_reason(body["stop_reason"].as_str().unwrap_or_default()),
        stop_sequence: owned(&body["stop_sequence"]),
        usage,
    })
}

pub(crate) fn write_reply(reply: Reply, stamp: &Stamp, estimated_input: u64) -> Value {
    let thinking = |text: &str, signature: Option<&str>| json!({"type": "thinking", "thinking": text, "signature": our_signature(signature)});
    let mut content: Vec<Value> = Vec::new();
    let mut output_bytes = 0;
    let mut calls = 0;
    for said in reply.said {
        match said {
            Said::Text(text) | Said::Refusal(text) => {
                output_bytes += text.len() as u64;
                content.push(json!({"type": "text", "text": text}));
            }
            Said::Thinking { text } => {
                output_bytes += text.len() as u64;
                content.push(thinking(&text, None));
            }
            Said::ToolCall {
                id,
                name,
                arguments,
                signature,
            } => {
                output_bytes += arguments.len() as u64;
                if let Some(signature) = &signature {
                    // The thinking block before the call brings the signature back.
                    match content.last_mut().filter(|last| last["type"] == "thinking") {
                        Some(last) => last["signature"] = our_signature(Some(signature)).into(),
                        None => content.push(thinking("", Some(signature))),
                    }
                }
                let id = id.unwrap_or_else(|| stamp.call_id(calls));
                calls += 1;
                content.push(json!({"type": "tool_use", "id": id, "name": name, "input": input(&arguments)}));
            }
        }
    }
    let mut usage = write_usage(&reply.usage, estimated_input, output_bytes);
    if let Some(tier @ ("standard" | "priority" | "batch")) = reply.usage.service_tier.as_deref() {
        usage.insert("service_tier".into(), tier.into());
    }
    json!({
        "id": reply.id.unwrap_or_else(|| format!("msg_{}", stamp.id)),
        "type": "message",
        "role": "assistant",
        "model": reply.model.unwrap_or_default(),
        "content": content,
        "stop_reason": stop_word(reply.stop),
        "stop_sequence": reply.stop_sequence,
        "usage": usage,
    })
}

/// Arguments as the object that this dialect wants. A model may write what is no object, or be cut off by its limit:
/// then they come in the wrapping that Anthropic's documentation recommends for invalid JSON.
fn input(arguments: &str) -> Value {
    if arguments.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(arguments) {
        Ok(input @ Value::Object(_)) => input,
        _ => json!({"INVALID_JSON": arguments}),
    }
}
