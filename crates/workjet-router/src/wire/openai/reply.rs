//! Whole replies, and usage.

use serde_json::{Map, Value, json};

use super::{finish_reason, stop_reason};
use crate::chat::{Reply, Said, Usage};
use crate::wire::{OUR_MARK, owned};
use crate::{ReplyError, Stamp};

/// Normalises OpenAI's `usage`, whose prompt tokens include cached ones, and whose completion tokens include reasoning.
///
/// Servers like OpenAI's differ: DeepSeek and Moonshot tell cached tokens under names of their own, and xAI counts
/// reasoning apart, which only its total shows.
pub(crate) fn read_usage(usage: &Value, into: &mut Usage) {
    let count = |key: &str| usage[key].as_u64();
    let prompt = &usage["prompt_tokens_details"];
    let cache_read = prompt["cached_tokens"].as_u64();
    let cache_read = cache_read
        .or(count("prompt_cache_hit_tokens"))
        .or(count("cached_tokens"));
    let cache_write = prompt["cache_write_tokens"].as_u64();
    if let Some(total) = count("prompt_tokens") {
        let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
        into.input = Some(total.saturating_sub(cached));
    }
    into.cache_read = cache_read.or(into.cache_read);
    into.cache_write_5m = cache_write.or(into.cache_write_5m);

    let reasoning = usage["completion_tokens_details"]["reasoning_tokens"].as_u64();
    into.reasoning = reasoning.or(into.reasoning);
    if let Some(completion) = count("completion_tokens") {
        let all = completion.saturating_add(reasoning.unwrap_or(0));
        let total = count("prompt_tokens").and_then(|prompt| prompt.checked_add(all));
        let counted_apart = total.is_some() && total == count("total_tokens");
        into.output = Some(if counted_apart { all } else { completion });
    }
}

/// The usage as OpenAI's clients read it.
pub(super) fn write_usage(usage: &Usage) -> Value {
    let input = usage.total_input().unwrap_or(0);
    let output = usage.output.unwrap_or(0);
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
        "prompt_tokens_details": {"cached_tokens": usage.cache_read.unwrap_or(0)},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning.unwrap_or(0)},
    })
}

/// What accounting needs of a reply that passes as it is; `None` if it is not a completion.
pub(crate) fn usage_and_model(body: &Value) -> Option<(Usage, Option<String>)> {
    body["choices"].as_array()?;
    let mut usage = Usage {
        service_tier: owned(&body["service_tier"]),
        ..Usage::default()
    };
    read_usage(&body["usage"], &mut usage);
    Some((usage, owned(&body["model"])))
}

pub(crate) fn read_reply(body: &Value) -> Result<Reply, ReplyError> {
    let (usage, model) = usage_and_model(body).ok_or(ReplyError::Garbage)?;
    let choice = &body["choices"][0];
    let message = choice["message"].as_object().ok_or(ReplyError::Garbage)?;
    let text = |key: &str| {
        message
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let mut said = Vec::new();
    if let Some(text) = text("reasoning_content").or_else(|| text("reasoning")) {
        said.push(Said::Thinking {
            text: text.to_owned(),
        });
    }
    if let Some(text) = text("content") {
        said.push(Said::Text(text.to_owned()));
    }
    let refusal = text("refusal");
    said.extend(refusal.map(|text| Said::Refusal(text.to_owned())));
    let calls = message
        .get("tool_calls")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    for call in calls {
        said.push(Said::ToolCall {
            id: owned(&call["id"]).filter(|id| !id.is_empty()),
            name: owned(&call["function"]["name"]).ok_or(ReplyError::Garbage)?,
            arguments: owned(&call["function"]["arguments"]).unwrap_or_default(),
            signature: None,
        });
    }
    let stop = stop_reason(
        choice["finish_reason"].as_str().unwrap_or_default(),
        !calls.is_empty(),
        refusal.is_some(),
    );
    Ok(Reply {
        id: owned(&body["id"]),
        model,
        said,
        stop,
        stop_sequence: None,
        usage,
    })
}

pub(crate) fn write_reply(reply: Reply, stamp: &Stamp) -> Value {
    let mut content = String::new();
    let mut refusal = String::new();
    let mut thoughts = String::new();
    let mut calls = Vec::new();
    for said in reply.said {
        match said {
            Said::Text(text) => content.push_str(&text),
            Said::Refusal(text) => refusal.push_str(&text),
            Said::Thinking { text } => thoughts.push_str(&text),
            Said::ToolCall {
                id,
                name,
                arguments,
                signature,
            } => {
                let id = id.unwrap_or_else(|| stamp.call_id(calls.len()));
                let mut call = json!({
                    "id": id,
                    "type": "function",
                    "function": {"name": name, "arguments": arguments},
                });
                if let Some(signature) = signature {
                    call["extra_content"] = extra_content(signature);
                }
                calls.push(call);
            }
        }
    }
    let text_or_null = |text: String| if text.is_empty() { Value::Null } else { text.into() };
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    let no_content = content.is_empty() && (!calls.is_empty() || !refusal.is_empty());
    message.insert(
        "content".into(),
        if no_content { Value::Null } else { content.into() },
    );
    message.insert("refusal".into(), text_or_null(refusal));
    if !thoughts.is_empty() {
        message.insert("reasoning_content".into(), thoughts.into());
    }
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    }
    let mut body = json!({
        "id": reply.id.unwrap_or_else(|| format!("chatcmpl-{}", stamp.id)),
        "object": "chat.completion",
        "created": stamp.created,
        "model": reply.model.unwrap_or_default(),
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": finish_reason(reply.stop),
        }],
    });
    if reply.usage.is_complete() {
        body["usage"] = write_usage(&reply.usage);
    }
    body
}

/// Where a `thoughtSignature` of Google's travels through a client that knows nothing of it: clients replay the tool
/// calls of a message as they got them.
pub(super) fn extra_content(signature: String) -> Value {
    json!({OUR_MARK: {"thought_signature": signature}})
}
