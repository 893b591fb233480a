//! Writes a stream for a client.
//!
//! Anthropic's streams tell one content block after the other, where OpenAI's may interleave parallel tool calls. The
//! writer keeps the first call open and the others waiting until its arguments are complete.

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::reply::write_usage;
use super::{our_signature, stop_word};
use crate::chat::{Event, StopReason, Usage};
use crate::wire::Seen;
use crate::{Frame, Stamp, StreamError};

#[derive(Debug)]
pub(crate) struct StreamWriter {
    stamp: Stamp,
    estimated_input: u64,
    output_bytes: u64,
    blocks: u64,
    calls: usize,
    open: Option<Open>,
    waiting: Vec<Call>,
    stop: (StopReason, Option<String>),
}

/// The content block that is being told.
#[derive(Debug)]
enum Open {
    Text,
    Thinking,
    Call { key: u64, arguments: String },
}

/// A tool call that waits for another one to end.
#[derive(Debug)]
struct Call {
    key: u64,
    id: String,
    name: String,
    signature: Option<String>,
    arguments: String,
}

impl StreamWriter {
    pub(crate) fn new(stamp: Stamp, estimated_input: u64) -> Self {
        Self {
            stamp,
            estimated_input,
            output_bytes: 0,
            blocks: 0,
            calls: 0,
            open: None,
            waiting: Vec::new(),
            stop: (StopReason::End, None),
        }
    }

    pub(crate) fn event(
        &mut self,
        event: Event,
        seen: &Seen,
        frames: &mut Vec<Frame>,
    ) -> Result<(), StreamError> {
        match event {
            Event::Start { id, model } => frames.push(self.message_start(id, model, &seen.usage)),
            Event::Text(text) | Event::Refusal(text) => {
                if !matches!(self.open, Some(Open::Text)) {
                    self.close_all(frames);
                    self.start_block(Open::Text, json!({"type": "text", "text": ""}), frames);
                }
                self.output_bytes += text.len() as u64;
                self.delta(json!({"type": "text_delta", "text": text}), frames);
            }
            Event::Thinking(text) => {
                if !matches!(self.open, Some(Open::Thinking)) {
                    self.close_all(frames);
                    self.start_thinking(frames);
                }
                self.output_bytes += text.len() as u64;
                self.delta(json!({"type": "thinking_delta", "thinking": text}), frames);
            }
            Event::ToolStart {
                key,
                id,
                name,
                signature,
            } => {
                let id = id.unwrap_or_else(|| self.stamp.call_id(self.calls));
                self.calls += 1;
                let call = Call {
                    key,
                    id,
                    name,
                    signature,
                    arguments: String::new(),
                };
                match &self.open {
                    Some(Open::Call { arguments, .. })
                        if !self.waiting.is_empty() || !is_complete(arguments) =>
                    {
                        self.waiting.push(call);
                    }
                    _ => self.start_call(call, frames),
                }
            }
            Event::ToolArguments { key, text } => self.arguments(key, &text, frames)?,
            Event::Stop { reason, sequence } => {
                self.close_all(frames);
                self.stop = (reason, sequence);
            }
            Event::End => {
                // Some servers say more after their reason to stop.
                self.close_all(frames);
                let (reason, sequence) = &self.stop;
                let usage = write_usage(&seen.usage, self.estimated_input, self.output_bytes);
                let delta = json!({"stop_reason": stop_word(*reason), "stop_sequence": sequence});
                frames.push(Frame::named(
                    "message_delta",
                    json!({"type": "message_delta", "delta": delta, "usage": usage}),
                ));
                frames.push(Frame::named("message_stop", json!({"type": "message_stop"})));
            }
        }
        Ok(())
    }

    /// Other providers count at the end. Clients show, and decide by, what the first event says, and a zero there makes
    /// some of them think that nothing was sent: so it carries an estimate, which `message_delta` corrects.
    fn message_start(&self, id: Option<String>, model: Option<String>, usage: &Usage) -> Frame {
        let mut usage = write_usage(usage, self.estimated_input, 1);
        if usage["input_tokens"] == 0 && usage["cache_read_input_tokens"] == 0 {
            usage.insert("input_tokens".into(), self.estimated_input.into());
        }
        usage.insert("output_tokens".into(), 1.into());
        let message = json!({
            "id": id.unwrap_or_else(|| format!("msg_{}", self.stamp.id)),
            "type": "message",
            "role": "assistant",
            "model": model.unwrap_or_default(),
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage,
        });
        Frame::named(
            "message_start",
            json!({"type": "message_start", "message": message}),
        )
    }

    fn arguments(&mut self, key: u64, text: &str, frames: &mut Vec<Frame>) -> Result<(), StreamError> {
        self.output_bytes += text.len() as u64;
        match &mut self.open {
            Some(Open::Call { key: open, arguments }) if *open == key => {
                arguments.push_str(text);
                // A complete object may make way for the calls that wait.
                let makes_way =
                    !self.waiting.is_empty() && text.trim_end().ends_with('}') && is_complete(arguments);
                self.delta(json!({"type": "input_json_delta", "partial_json": text}), frames);
                if makes_way {
                    self.next_call(frames);
                }
                Ok(())
            }
            _ => {
                // More for a call that was complete, and so closed, is nothing that JSON allows.
                let call = self
                    .waiting
                    .iter_mut()
                    .find(|call| call.key == key)
                    .ok_or(StreamError::Garbage)?;
                call.arguments.push_str(text);
                Ok(())
            }
        }
    }

    /// Closes the open call and opens those that wait, up to the first that is not complete.
    fn next_call(&mut self, frames: &mut Vec<Frame>) {
        while !self.waiting.is_empty() {
            let call = self.waiting.remove(0);
            let complete = is_complete(&call.arguments);
            self.start_call(call, frames);
            if !complete {
                break;
            }
        }
    }

    fn start_call(&mut self, call: Call, frames: &mut Vec<Frame>) {
        if let Some(signature) = &call.signature {
            // Google's signature travels in the thinking block before the call, which clients replay unchanged.
            if !matches!(self.open, Some(Open::Thinking)) {
                self.close(frames);
                self.start_thinking(frames);
            }
            self.close_thinking(Some(signature), frames);
        }
        self.close(frames);
        let block = json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
        self.start_block(
            Open::Call {
                key: call.key,
                arguments: call.arguments.clone(),
            },
            block,
            frames,
        );
        if !call.arguments.is_empty() {
            self.delta(
                json!({"type": "input_json_delta", "partial_json": call.arguments}),
                frames,
            );
        }
    }

    fn start_thinking(&mut self, frames: &mut Vec<Frame>) {
        self.start_block(
            Open::Thinking,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            frames,
        );
    }

    fn start_block(&mut self, open: Open, block: Value, frames: &mut Vec<Frame>) {
        self.open = Some(open);
        frames.push(Frame::named(
            "content_block_start",
            json!({"type": "content_block_start", "index": self.blocks, "content_block": block}),
        ));
    }

    fn delta(&self, delta: Value, frames: &mut Vec<Frame>) {
        frames.push(Frame::named(
            "content_block_delta",
            json!({"type": "content_block_delta", "index": self.blocks, "delta": delta}),
        ));
    }

    fn close_all(&mut self, frames: &mut Vec<Frame>) {
        for call in std::mem::take(&mut self.waiting) {
            self.start_call(call, frames);
        }
        self.close(frames);
    }

    fn close(&mut self, frames: &mut Vec<Frame>) {
        match self.open {
            None => {}
            Some(Open::Thinking) => self.close_thinking(None, frames),
            Some(_) => self.stop_block(frames),
        }
    }

    fn close_thinking(&mut self, signature: Option<&str>, frames: &mut Vec<Frame>) {
        self.delta(
            json!({"type": "signature_delta", "signature": our_signature(signature)}),
            frames,
        );
        self.stop_block(frames);
    }

    fn stop_block(&mut self, frames: &mut Vec<Frame>) {
        self.open = None;
        frames.push(Frame::named(
            "content_block_stop",
            json!({"type": "content_block_stop", "index": self.blocks}),
        ));
        self.blocks += 1;
    }
}

fn is_complete(json: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(json).is_ok()
}
