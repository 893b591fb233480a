//! Reads replies, whole and streamed: a line of a stream has the shape of a whole reply.

use serde_json::Value;

use super::error;
use crate::chat::{Event, Reply, Said, StopReason, Usage};
use crate::wire::{Seen, owned};
use crate::{ReplyError, StreamError};

/// Ollama leaves counts out, for one when the prompt was cached: absent stays unknown.
fn read_usage(body: &Value, into: &mut Usage) {
    into.input = body["prompt_eval_count"].as_u64().or(into.input);
    into.output = body["eval_count"].as_u64().or(into.output);
}

fn stop_reason(body: &Value, called_tools: bool) -> StopReason {
    match body["done_reason"].as_str() {
        Some("length") => StopReason::Length,
        // The reason is `stop` after tool calls too.
        _ if called_tools => StopReason::ToolUse,
        _ => StopReason::End,
    }
}

fn said(body: &Value) -> Result<Vec<Said>, ReplyError> {
    let message = &body["message"];
    let text = |key: &str| owned(&message[key]).filter(|text| !text.is_empty());
    let mut said = Vec::new();
    said.extend(text("thinking").map(|text| Said::Thinking { text }));
    said.extend(text("content").map(Said::Text));
    for call in message["tool_calls"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
    {
        let function = &call["function"];
        said.push(Said::ToolCall {
            id: owned(&call["id"]).filter(|id| !id.is_empty()),
            name: owned(&function["name"]).ok_or(ReplyError::Garbage)?,
            arguments: match &function["arguments"] {
                Value::Null => "{}".to_owned(),
                arguments => arguments.to_string(),
            },
            signature: None,
        });
    }
    Ok(said)
}

pub(crate) fn read_reply(body: &Value) -> Result<Reply, ReplyError> {
    if !body["message"].is_object() {
        return Err(ReplyError::Garbage);
    }
    let said = said(body)?;
    let called_tools = said.iter().any(|said| matches!(said, Said::ToolCall { .. }));
    let mut usage = Usage::default();
    read_usage(body, &mut usage);
    let stop = stop_reason(body, called_tools);
    Ok(Reply {
        id: None,
        model: owned(&body["model"]),
        said,
        stop,
        stop_sequence: None,
        usage,
    })
}

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    started: bool,
    calls: u64,
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
            return Err(StreamError::Provider(error(0)));
        }
        if !body.is_object() {
            return Err(StreamError::Garbage);
        }
        read_usage(&body, &mut seen.usage);
        seen.see_model(&body["model"]);
        if !self.started {
            self.started = true;
            out.push(Event::Start {
                id: None,
                model: seen.model.clone(),
            });
        }
        for said in said(&body).map_err(|_| StreamError::Garbage)? {
            said.tell(&mut self.calls, out);
        }
        if body["done"] == true {
            out.push(Event::Stop {
                reason: stop_reason(&body, self.calls > 0),
                sequence: None,
            });
            out.push(Event::End);
            seen.ended = true;
        }
        Ok(())
    }
}
