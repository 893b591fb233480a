//! What an SDK makes of a stream: puts the pieces together and insists on the order that SDKs rely on.

use serde_json::Value;
use workjet_router::{Data, Frame, Inbound};

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Assembled {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) text: String,
    pub(crate) refusal: String,
    pub(crate) thoughts: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) stop: String,
    pub(crate) usage: Value,
    pub(crate) start_usage: Value,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// Puts a complete stream together.
pub(crate) fn assemble(inbound: Inbound, frames: &[Frame]) -> Assembled {
    match inbound {
        Inbound::OpenAiChat => openai(frames),
        _ => anthropic(frames),
    }
}

fn json(frame: &Frame) -> &Value {
    match &frame.data {
        Data::Json(value) => value,
        Data::Done => panic!("the terminator came early"),
    }
}

fn openai(frames: &[Frame]) -> Assembled {
    let mut whole = Assembled::default();
    let (last, frames) = frames.split_last().expect("a stream has frames");
    assert_eq!(last.data, Data::Done, "the terminator comes last");
    for (position, frame) in frames.iter().enumerate() {
        assert_eq!(frame.event, None);
        let chunk = json(frame);
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert!(chunk["created"].is_u64());
        let id = chunk["id"].as_str().unwrap();
        assert!(whole.id.is_empty() || whole.id == id, "the id stays the same");
        whole.id = id.to_owned();
        whole.model = chunk["model"].as_str().unwrap().to_owned();
        if chunk["usage"].is_object() {
            whole.usage = chunk["usage"].clone();
        }
        let Some(choice) = chunk["choices"].get(0) else {
            continue;
        };
        assert!(whole.stop.is_empty(), "nothing is said after the finish reason");
        let delta = &choice["delta"];
        assert_eq!(
            delta["role"] == "assistant",
            position == 0,
            "the role comes first, and once"
        );
        for (key, into) in [
            ("content", &mut whole.text),
            ("refusal", &mut whole.refusal),
            ("reasoning_content", &mut whole.thoughts),
        ] {
            into.push_str(delta[key].as_str().unwrap_or_default());
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            let function = &call["function"];
            if index == whole.calls.len() {
                assert_eq!(call["type"], "function");
                whole.calls.push(Call {
                    id: call["id"].as_str().expect("an id comes first").to_owned(),
                    name: function["name"].as_str().expect("a name comes first").to_owned(),
                    arguments: String::new(),
                });
            }
            whole.calls[index]
                .arguments
                .push_str(function["arguments"].as_str().unwrap_or_default());
        }
        whole.stop = choice["finish_reason"].as_str().unwrap_or_default().to_owned();
    }
    whole
}

fn anthropic(frames: &[Frame]) -> Assembled {
    let mut whole = Assembled::default();
    let mut open: Option<(u64, String)> = None;
    let mut blocks = 0;
    let mut stopped = false;
    for (position, frame) in frames.iter().enumerate() {
        let value = json(frame);
        let kind = value["type"].as_str().unwrap();
        assert_eq!(
            frame.event.as_deref(),
            Some(kind),
            "events are named by their type"
        );
        assert_eq!(
            kind == "message_start",
            position == 0,
            "message_start comes first, and once"
        );
        assert_eq!(
            kind == "message_stop",
            position == frames.len() - 1,
            "message_stop comes last, and once"
        );
        match kind {
            "message_start" => {
                let message = &value["message"];
                assert_eq!(
                    (&message["type"], &message["role"]),
                    (&"message".into(), &"assistant".into())
                );
                assert_eq!(message["content"], Value::Array(Vec::new()));
                assert!(message["stop_reason"].is_null());
                whole.id = message["id"].as_str().unwrap().to_owned();
                whole.model = message["model"].as_str().unwrap().to_owned();
                whole.start_usage = message["usage"].clone();
                whole.usage = message["usage"].clone();
            }
            "content_block_start" => {
                assert_eq!(open, None, "one block at a time");
                assert_eq!(value["index"], blocks, "blocks are numbered in order");
                let block = &value["content_block"];
                let kind = block["type"].as_str().unwrap().to_owned();
                if kind == "tool_use" {
                    assert_eq!(block["input"], Value::Object(serde_json::Map::new()));
                    whole.calls.push(Call {
                        id: block["id"].as_str().unwrap().to_owned(),
                        name: block["name"].as_str().unwrap().to_owned(),
                        arguments: String::new(),
                    });
                }
                open = Some((blocks, kind));
                blocks += 1;
            }
            "content_block_delta" => {
                let (index, kind) = open.as_ref().expect("deltas come within a block");
                assert_eq!(value["index"], *index);
                let delta = &value["delta"];
                let text = |key: &str| delta[key].as_str().unwrap();
                match (kind.as_str(), delta["type"].as_str().unwrap()) {
                    ("text", "text_delta") => whole.text.push_str(text("text")),
                    ("thinking", "thinking_delta") => whole.thoughts.push_str(text("thinking")),
                    ("thinking", "signature_delta") => {}
                    ("tool_use", "input_json_delta") => {
                        whole
                            .calls
                            .last_mut()
                            .unwrap()
                            .arguments
                            .push_str(text("partial_json"));
                    }
                    other => panic!("{other:?} do not go together"),
                }
            }
            "content_block_stop" => {
                assert_eq!(value["index"], open.take().expect("a block is open").0);
            }
            "message_delta" => {
                assert_eq!(open, None, "all blocks are closed");
                stopped = true;
                whole.stop = value["delta"]["stop_reason"].as_str().unwrap().to_owned();
                let usage = whole.usage.as_object_mut().unwrap();
                usage.extend(value["usage"].as_object().unwrap().clone());
            }
            "message_stop" => assert!(stopped, "message_delta comes before message_stop"),
            "ping" => {}
            other => panic!("{other}"),
        }
    }
    whole
}
