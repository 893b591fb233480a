//! Streams: passed on, and read from a provider.

use serde_json::Value;

use super::reply::read_usage;
use super::{error, stop_reason};
use crate::chat::Event;
use crate::wire::{Seen, owned};
use crate::{Frame, StreamError};

/// Passes a stream on as the provider wrote it.
#[derive(Debug)]
pub(crate) struct Pass;

impl Pass {
    pub(crate) fn event(
        &self,
        event: Option<String>,
        data: &str,
        seen: &mut Seen,
        frames: &mut Vec<Frame>,
    ) -> Result<(), StreamError> {
        let value = event_data(data, seen)?;
        let name = event
            .or_else(|| owned(&value["type"]))
            .ok_or(StreamError::Garbage)?;
        frames.push(Frame::named(name, value));
        Ok(())
    }
}

/// Reads one event and notes what accounting needs.
fn event_data(data: &str, seen: &mut Seen) -> Result<Value, StreamError> {
    let value: Value = serde_json::from_str(data).map_err(|_| StreamError::Garbage)?;
    match value["type"].as_str().ok_or(StreamError::Garbage)? {
        "error" => return Err(StreamError::Provider(error(0, &value))),
        "message_start" => {
            read_usage(&value["message"]["usage"], &mut seen.usage);
            seen.see_model(&value["message"]["model"]);
        }
        "message_delta" => read_usage(&value["usage"], &mut seen.usage),
        "message_stop" => seen.ended = true,
        _ => {}
    }
    Ok(value)
}

/// Reads a provider's stream.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    /// The block of the tool call that is open, and whether its arguments have begun.
    call: Option<(u64, bool)>,
    stopped: bool,
}

impl StreamReader {
    pub(crate) fn event(
        &mut self,
        data: &str,
        seen: &mut Seen,
        out: &mut Vec<Event>,
    ) -> Result<(), StreamError> {
        let value = event_data(data, seen)?;
        let block = value["index"].as_u64().unwrap_or(0);
        match value["type"].as_str().unwrap_or_default() {
            "message_start" => out.push(Event::Start {
                id: owned(&value["message"]["id"]),
                model: seen.model.clone(),
            }),
            "content_block_start" => self.block_start(block, &value["content_block"], out)?,
            "content_block_delta" => self.block_delta(block, &value["delta"], out),
            "content_block_stop" => {
                // A call without a single fragment has no arguments; other dialects need them said.
                if let Some((key, false)) = self.call.take() {
                    out.push(Event::ToolArguments {
                        key,
                        text: "{}".to_owned(),
                    });
                }
            }
            "message_delta" => {
                if let Some(word) = value["delta"]["stop_reason"].as_str().filter(|_| !self.stopped) {
                    self.stopped = true;
                    let sequence = owned(&value["delta"]["stop_sequence"]);
                    out.push(Event::Stop {
                        reason: stop_reason(word),
                        sequence,
                    });
                }
            }
            "message_stop" => {
                if !self.stopped {
                    return Err(StreamError::Cut);
                }
                out.push(Event::End);
            }
            // `ping`, and what Anthropic may add.
            _ => {}
        }
        Ok(())
    }

    fn block_start(&mut self, key: u64, block: &Value, out: &mut Vec<Event>) -> Result<(), StreamError> {
        let text = |key: &str| owned(&block[key]).filter(|text| !text.is_empty());
        match block["type"].as_str() {
            Some("text") => out.extend(text("text").map(Event::Text)),
            Some("thinking") => out.extend(text("thinking").map(Event::Thinking)),
            Some("tool_use") => {
                let name = text("name").ok_or(StreamError::Garbage)?;
                out.push(Event::ToolStart {
                    key,
                    id: text("id"),
                    name,
                    signature: None,
                });
                // Anthropic sends an empty object here and the arguments in deltas; servers like it may send them whole.
                let whole = block["input"].as_object().filter(|input| !input.is_empty());
                if whole.is_some() {
                    out.push(Event::ToolArguments {
                        key,
                        text: block["input"].to_string(),
                    });
                }
                self.call = Some((key, whole.is_some()));
            }
            _ => {}
        }
        Ok(())
    }

    fn block_delta(&mut self, block: u64, delta: &Value, out: &mut Vec<Event>) {
        let text = |key: &str| owned(&delta[key]).filter(|text| !text.is_empty());
        match delta["type"].as_str() {
            Some("text_delta") => out.extend(text("text").map(Event::Text)),
            Some("thinking_delta") => out.extend(text("thinking").map(Event::Thinking)),
            Some("input_json_delta") => {
                // Tools that Anthropic runs itself stream their input too; those are no calls of the client's.
                if let (Some((key, begun)), Some(text)) = (&mut self.call, text("partial_json"))
                    && *key == block
                {
                    *begun = true;
                    out.push(Event::ToolArguments { key: block, text });
                }
            }
            // Signatures and citations have no counterpart.
            _ => {}
        }
    }
}
