//! Streams: passed on, read from a provider, and written for a client.

use serde_json::{Map, Value, json};

use super::reply::{extra_content, read_usage, write_usage};
use super::{error, finish_reason, stop_reason};
use crate::chat::{Event, StopReason};
use crate::wire::{Seen, owned};
use crate::{Frame, Stamp, StreamError};

const DONE: &str = "[DONE]";

/// Passes a stream on as the provider wrote it.
#[derive(Debug)]
pub(crate) struct Pass {
    /// Whether the client asked for the usage that we always ask for.
    pub(crate) keep_usage: bool,
}

impl Pass {
    pub(crate) fn event(
        &self,
        data: &str,
        seen: &mut Seen,
        frames: &mut Vec<Frame>,
    ) -> Result<(), StreamError> {
        let Some(mut chunk) = chunk(data, seen)? else {
            frames.push(Frame::done());
            return Ok(());
        };
        if !self.keep_usage {
            let usage = chunk.shift_remove("usage").unwrap_or_default();
            // The chunk that carries usage alone exists only since we asked.
            if usage.is_object()
                && chunk
                    .get("choices")
                    .and_then(Value::as_array)
                    .is_some_and(Vec::is_empty)
            {
                return Ok(());
            }
        }
        frames.push(Frame::json(chunk.into()));
        Ok(())
    }
}

/// Reads one event and notes what accounting needs; `None` for the terminator.
fn chunk(data: &str, seen: &mut Seen) -> Result<Option<Map<String, Value>>, StreamError> {
    if data.trim() == DONE {
        seen.ended = true;
        return Ok(None);
    }
    let chunk: Value = serde_json::from_str(data).map_err(|_| StreamError::Garbage)?;
    if chunk.get("error").is_some_and(|error| !error.is_null()) {
        return Err(StreamError::Provider(error(0, &chunk)));
    }
    read_usage(&chunk["usage"], &mut seen.usage);
    seen.see_model(&chunk["model"]);
    if let Some(tier) = owned(&chunk["service_tier"]) {
        seen.usage.service_tier = Some(tier);
    }
    match chunk {
        Value::Object(map) => Ok(Some(map)),
        _ => Err(StreamError::Garbage),
    }
}

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    started: bool,
    stopped: bool,
    refused: bool,
    calls: Vec<Call>,
}

/// A tool call whose fragments come in.
#[derive(Debug)]
struct Call {
    index: u64,
    id: Option<String>,
    name: Option<String>,
    // What came before the name did.
    early: String,
}

impl StreamReader {
    pub(crate) fn event(
        &mut self,
        data: &str,
        seen: &mut Seen,
        out: &mut Vec<Event>,
    ) -> Result<(), StreamError> {
        let Some(chunk) = chunk(data, seen)? else {
            if !self.stopped {
                return Err(StreamError::Cut);
            }
            out.push(Event::End);
            return Ok(());
        };
        if !self.started {
            self.started = true;
            out.push(Event::Start {
                id: chunk.get("id").and_then(owned),
                model: seen.model.clone(),
            });
        }
        // `n` is one in a translation. The usage chunk has no choices.
        let Some(choice) = chunk.get("choices").and_then(|choices| choices.get(0)) else {
            return Ok(());
        };
        let delta = &choice["delta"];
        let text = |key: &str| owned(&delta[key]).filter(|text| !text.is_empty());
        out.extend(
            text("reasoning_content")
                .or_else(|| text("reasoning"))
                .map(Event::Thinking),
        );
        out.extend(text("content").map(Event::Text));
        let refusal = text("refusal");
        self.refused |= refusal.is_some();
        out.extend(refusal.map(Event::Refusal));
        for fragment in delta["tool_calls"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
        {
            self.tool_fragment(fragment, out);
        }
        if let Some(reason) = choice["finish_reason"].as_str().filter(|_| !self.stopped) {
            self.stopped = true;
            let reason = stop_reason(reason, !self.calls.is_empty(), self.refused);
            out.push(Event::Stop {
                reason,
                sequence: None,
            });
        }
        Ok(())
    }

    fn tool_fragment(&mut self, fragment: &Value, out: &mut Vec<Event>) {
        let index = fragment["index"].as_u64();
        let id = owned(&fragment["id"]).filter(|id| !id.is_empty());
        let name = owned(&fragment["function"]["name"]).filter(|name| !name.is_empty());
        let arguments = fragment["function"]["arguments"].as_str().unwrap_or_default();

        // The index identifies a call. Some servers leave it out, or give every call the same one: then a new id
        // together with a name begins a new call.
        let known = match index {
            Some(index) => self.calls.iter().rposition(|call| call.index == index),
            None => self.calls.len().checked_sub(1),
        };
        let known = known.filter(|&key| {
            let other_id = id.is_some() && self.calls[key].id.is_some() && id != self.calls[key].id;
            !(other_id && name.is_some())
        });
        let key = known.unwrap_or_else(|| {
            let index = index.unwrap_or(self.calls.len() as u64);
            self.calls.push(Call {
                index,
                id: None,
                name: None,
                early: String::new(),
            });
            self.calls.len() - 1
        });

        let call = &mut self.calls[key];
        let key = key as u64;
        if call.id.is_none() {
            call.id = id;
        }
        if call.name.is_some() {
            if !arguments.is_empty() {
                out.push(Event::ToolArguments {
                    key,
                    text: arguments.to_owned(),
                });
            }
            return;
        }
        call.early.push_str(arguments);
        if let Some(name) = name {
            call.name = Some(name.clone());
            out.push(Event::ToolStart {
                key,
                id: call.id.clone(),
                name,
                signature: None,
            });
            let early = std::mem::take(&mut call.early);
            if !early.is_empty() {
                out.push(Event::ToolArguments { key, text: early });
            }
        }
    }
}

/// Writes a stream for a client.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    stamp: Stamp,
    id: String,
    model: Option<String>,
    wants_usage: bool,
    calls: Vec<u64>,
}

impl StreamWriter {
    pub(crate) fn new(stamp: Stamp, wants_usage: bool) -> Self {
        let id = format!("chatcmpl-{}", stamp.id);
        Self {
            stamp,
            id,
            model: None,
            wants_usage,
            calls: Vec::new(),
        }
    }

    pub(crate) fn event(&mut self, event: Event, seen: &Seen, frames: &mut Vec<Frame>) {
        match event {
            Event::Start { id, model } => {
                self.id = id.unwrap_or_else(|| std::mem::take(&mut self.id));
                self.model = model;
                frames.push(self.delta(json!({"role": "assistant", "content": "", "refusal": null})));
            }
            Event::Text(text) => frames.push(self.delta(json!({"content": text}))),
            Event::Refusal(text) => frames.push(self.delta(json!({"refusal": text}))),
            Event::Thinking(text) => frames.push(self.delta(json!({"reasoning_content": text}))),
            Event::ToolStart {
                key,
                id,
                name,
                signature,
            } => {
                let index = self.calls.len();
                self.calls.push(key);
                let id = id.unwrap_or_else(|| self.stamp.call_id(index));
                let mut call = json!({
                    "index": index,
                    "id": id,
                    "type": "function",
                    "function": {"name": name, "arguments": ""},
                });
                if let Some(signature) = signature {
                    call["extra_content"] = extra_content(signature);
                }
                frames.push(self.delta(json!({"tool_calls": [call]})));
            }
            Event::ToolArguments { key, text } => {
                let index = self.calls.iter().position(|call| *call == key);
                let index = index.expect("readers start a call before its arguments");
                let call = json!({"index": index, "function": {"arguments": text}});
                frames.push(self.delta(json!({"tool_calls": [call]})));
            }
            Event::Stop { reason, .. } => frames.push(self.stop(reason)),
            Event::End => {
                if self.wants_usage && seen.usage.is_complete() {
                    let mut chunk = self.chunk(json!([]));
                    chunk["usage"] = write_usage(&seen.usage);
                    frames.push(Frame::json(chunk));
                }
                frames.push(Frame::done());
            }
        }
    }

    fn delta(&self, delta: Value) -> Frame {
        Frame::json(
            self.chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}])),
        )
    }

    fn stop(&self, reason: StopReason) -> Frame {
        let reason = finish_reason(reason);
        Frame::json(self.chunk(json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": reason}])))
    }

    fn chunk(&self, choices: Value) -> Value {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.stamp.created,
            "model": self.model.as_deref().unwrap_or_default(),
            "choices": choices,
        });
        if self.wants_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }
}
