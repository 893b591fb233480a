//! What a client makes of a stream: the strings it joins, as the SDKs do.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use workjet_dlp::{Engine, Policy};
use workjet_gateway::release::{ReplyScanner, Step, Unscannable};
use workjet_router::{Data, Frame, Inbound};

/// Everything that left, in one go.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) frames: Vec<Frame>,
    pub(crate) step: Step,
}

/// Sends `frames` through a scanner with the standard engine.
pub(crate) fn pass(
    inbound: Inbound,
    policy: &Policy,
    unscannable: Unscannable,
    frames: Vec<Frame>,
) -> Received {
    pass_through(
        ReplyScanner::new(inbound, &Engine::standard(), policy, unscannable),
        frames,
    )
}

pub(crate) fn pass_through(mut scanner: ReplyScanner, frames: Vec<Frame>) -> Received {
    let mut received = Received::default();
    for frame in frames {
        received.take(scanner.push(frame));
    }
    received.take(scanner.finish());
    received
}

impl Received {
    fn take(&mut self, step: Step) {
        assert!(
            self.step.blocked.is_none() || step.frames.is_empty(),
            "nothing leaves after a stop"
        );
        self.frames.extend(step.frames);
        self.step.findings.extend(step.findings);
        self.step.unscannable.extend(step.unscannable);
        self.step.blocked = self.step.blocked.take().or(step.blocked);
    }

    /// The events as JSON, without OpenAI's terminator.
    pub(crate) fn events(&self) -> Vec<&Value> {
        let events = self.frames.iter().filter_map(|frame| match &frame.data {
            Data::Json(value) => Some(value),
            Data::Done => None,
        });
        events.collect()
    }

    /// All bytes that were sent.
    pub(crate) fn bytes(&self) -> String {
        let mut bytes = Vec::new();
        self.frames.iter().for_each(|frame| frame.encode(&mut bytes));
        String::from_utf8(bytes).expect("frames are UTF-8")
    }

    /// The strings of an OpenAI reply, joined: `0.content`, `1.tool_calls.0.arguments`, …
    pub(crate) fn openai(&self) -> BTreeMap<String, String> {
        let mut joined = BTreeMap::<String, String>::new();
        let mut join = |key: String, value: &Value| {
            if let Some(text) = value.as_str() {
                joined.entry(key).or_default().push_str(text);
            }
        };
        for event in self.events() {
            for choice in event["choices"].as_array().into_iter().flatten() {
                let (at, delta) = (
                    choice["index"].as_u64().expect("choices have an index"),
                    &choice["delta"],
                );
                for key in [
                    "role",
                    "content",
                    "refusal",
                    "reasoning_content",
                    "reasoning",
                    "new_field",
                ] {
                    join(format!("{at}.{key}"), &delta[key]);
                }
                join(
                    format!("{at}.function_call.name"),
                    &delta["function_call"]["name"],
                );
                join(
                    format!("{at}.function_call.arguments"),
                    &delta["function_call"]["arguments"],
                );
                join(format!("{at}.audio.transcript"), &delta["audio"]["transcript"]);
                for call in delta["tool_calls"].as_array().into_iter().flatten() {
                    let call_at = call["index"].as_u64().expect("tool calls have an index");
                    join(format!("{at}.tool_calls.{call_at}.id"), &call["id"]);
                    join(
                        format!("{at}.tool_calls.{call_at}.name"),
                        &call["function"]["name"],
                    );
                    join(
                        format!("{at}.tool_calls.{call_at}.arguments"),
                        &call["function"]["arguments"],
                    );
                    join(
                        format!("{at}.tool_calls.{call_at}.input"),
                        &call["custom"]["input"],
                    );
                }
                for detail in delta["reasoning_details"].as_array().into_iter().flatten() {
                    join(
                        format!("{at}.reasoning_details.{}", detail["index"]),
                        &detail["text"],
                    );
                }
            }
        }
        joined
    }

    /// The strings of an Anthropic reply, joined: `0.thinking`, `1.text`, `2.partial_json`, …
    ///
    /// Panics where an SDK would: deltas need a block that has started and not stopped.
    pub(crate) fn anthropic(&self) -> BTreeMap<String, String> {
        let mut joined = BTreeMap::<String, String>::new();
        let mut open = Vec::new();
        for event in self.events() {
            let index = event["index"].as_u64();
            match event["type"].as_str().expect("events have a type") {
                "content_block_start" => {
                    open.push(index);
                    for key in ["text", "thinking"] {
                        if let Some(text) = event["content_block"][key].as_str() {
                            joined
                                .entry(format!("{}.{key}", index.expect("an index")))
                                .or_default()
                                .push_str(text);
                        }
                    }
                }
                "content_block_delta" => {
                    assert!(open.contains(&index), "a delta outside its block");
                    let key = match event["delta"]["type"].as_str().expect("deltas have a type") {
                        "text_delta" => "text",
                        "thinking_delta" => "thinking",
                        "input_json_delta" => "partial_json",
                        "new_delta" => "words",
                        _ => continue,
                    };
                    let text = event["delta"][key].as_str().expect("the delta's own key");
                    joined
                        .entry(format!("{}.{key}", index.expect("an index")))
                        .or_default()
                        .push_str(text);
                }
                "content_block_stop" => open.retain(|block| *block != index),
                _ => {}
            }
        }
        joined
    }
}

/// A chunk of OpenAI's dialect.
pub(crate) fn chunk(choice: u64, delta: Value) -> Frame {
    Frame::json(json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": choice, "delta": delta, "finish_reason": null }],
    }))
}

/// The chunk that ends a choice.
pub(crate) fn finish(choice: u64, reason: &str) -> Frame {
    Frame::json(json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{ "index": choice, "delta": {}, "finish_reason": reason }],
    }))
}

/// An event of Anthropic's dialect, named after its type.
pub(crate) fn event(value: Value) -> Frame {
    let name = value["type"].as_str().expect("events have a type").to_owned();
    Frame::named(name, value)
}

/// A whole block of Anthropic's dialect that grows by `deltas`.
pub(crate) fn block(index: u64, start: Value, kind: &str, key: &str, deltas: &[&str]) -> Vec<Frame> {
    let mut frames = vec![event(
        json!({ "type": "content_block_start", "index": index, "content_block": start }),
    )];
    frames.extend(deltas.iter().map(|text| {
        let mut delta = json!({ "type": kind });
        delta[key] = json!(text);
        event(json!({ "type": "content_block_delta", "index": index, "delta": delta }))
    }));
    frames.push(event(json!({ "type": "content_block_stop", "index": index })));
    frames
}

/// The end of an Anthropic stream.
pub(crate) fn message_end() -> Vec<Frame> {
    vec![
        event(
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 5 } }),
        ),
        event(json!({ "type": "message_stop" })),
    ]
}
