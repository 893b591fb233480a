//! Reads replies, whole and streamed: a chunk of a stream has the shape of a whole reply.

use serde_json::Value;

use super::error;
use crate::chat::{Event, Reply, Said, StopReason, Usage};
use crate::wire::{Seen, owned};
use crate::{ReplyError, StreamError};

/// Normalises Google's `usageMetadata`: the prompt includes what came from the cache, thoughts are counted apart from
/// the candidates, and prompts that tools made apart from the prompt.
fn read_usage(usage: &Value, into: &mut Usage) {
    let count = |key: &str| usage[key].as_u64();
    into.cache_read = count("cachedContentTokenCount").or(into.cache_read);
    into.reasoning = count("thoughtsTokenCount").or(into.reasoning);
    if let Some(prompt) = count("promptTokenCount") {
        let tools = count("toolUsePromptTokenCount").unwrap_or(0);
        into.input = Some(
            prompt
                .saturating_add(tools)
                .saturating_sub(into.cache_read.unwrap_or(0)),
        );
    }
    if usage["candidatesTokenCount"].is_u64() || usage["thoughtsTokenCount"].is_u64() {
        let said = count("candidatesTokenCount").unwrap_or(0);
        into.output = Some(said.saturating_add(into.reasoning.unwrap_or(0)));
    }
}

/// Why a candidate ended. `None` while it has not.
fn stop_reason(body: &Value, called_tools: bool) -> Option<StopReason> {
    if body["promptFeedback"]["blockReason"].is_string() {
        return Some(StopReason::Refusal);
    }
    Some(match body["candidates"][0]["finishReason"].as_str()? {
        "MAX_TOKENS" => StopReason::Length,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => StopReason::Refusal,
        // Google says STOP after function calls too.
        _ if called_tools => StopReason::ToolUse,
        _ => StopReason::End,
    })
}

fn said(body: &Value) -> Result<Vec<Said>, ReplyError> {
    let mut said = Vec::new();
    for part in body["candidates"][0]["content"]["parts"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
    {
        if let Some(text) = owned(&part["text"]).filter(|text| !text.is_empty()) {
            said.push(if part["thought"] == true {
                Said::Thinking { text }
            } else {
                Said::Text(text)
            });
        } else if let Some(call) = part.get("functionCall") {
            said.push(Said::ToolCall {
                id: owned(&call["id"]).filter(|id| !id.is_empty()),
                name: owned(&call["name"]).ok_or(ReplyError::Garbage)?,
                arguments: call.get("args").map_or_else(|| "{}".to_owned(), Value::to_string),
                signature: owned(&part["thoughtSignature"]).filter(|signature| !signature.is_empty()),
            });
        }
    }
    Ok(said)
}

fn called_tools(said: &[Said]) -> bool {
    said.iter().any(|said| matches!(said, Said::ToolCall { .. }))
}

pub(crate) fn read_reply(body: &Value) -> Result<Reply, ReplyError> {
    let said = said(body)?;
    let stop = stop_reason(body, called_tools(&said)).ok_or(ReplyError::Garbage)?;
    let mut usage = Usage::default();
    read_usage(&body["usageMetadata"], &mut usage);
    Ok(Reply {
        id: owned(&body["responseId"]),
        model: owned(&body["modelVersion"]),
        said,
        stop,
        stop_sequence: None,
        usage,
    })
}

/// Reads a provider's stream, which ends without a terminator: complete is one whose last chunk said why it ended.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    started: bool,
    calls: u64,
    stop: Option<StopReason>,
}

impl StreamReader {
    pub(crate) fn event(
        &mut self,
        data: &str,
        seen: &mut Seen,
        out: &mut Vec<Event>,
    ) -> Result<(), StreamError> {
        let body: Value = serde_json::from_str(data).map_err(|_| StreamError::Garbage)?;
        if body.get("error").is_some() {
            return Err(StreamError::Provider(error(0, &body)));
        }
        if !body.is_object() {
            return Err(StreamError::Garbage);
        }
        read_usage(&body["usageMetadata"], &mut seen.usage);
        seen.see_model(&body["modelVersion"]);
        if !self.started {
            self.started = true;
            out.push(Event::Start {
                id: owned(&body["responseId"]),
                model: seen.model.clone(),
            });
        }
        for said in said(&body).map_err(|_| StreamError::Garbage)? {
            said.tell(&mut self.calls, out);
        }
        // Some models repeat STOP in every chunk, so the reply ends with the body.
        self.stop = stop_reason(&body, self.calls > 0).or(self.stop);
        Ok(())
    }

    /// The body has ended.
    pub(crate) fn end(&mut self, seen: &mut Seen, out: &mut Vec<Event>) {
        if let Some(reason) = self.stop {
            out.push(Event::Stop {
                reason,
                sequence: None,
            });
            out.push(Event::End);
            seen.ended = true;
        }
    }
}
