//! Where text flows in frames.

use serde_json::{Value, json};
use workjet_router::{Channel, ChannelKind, Frame, Inbound};

fn channels(inbound: Inbound, mut frame: Value) -> Vec<(String, ChannelKind, String)> {
    let slots = inbound.deltas(&mut frame);
    slots
        .into_iter()
        .map(|(channel, text)| (channel.path(), channel.kind(), text.clone()))
        .collect()
}

fn one(inbound: Inbound, frame: &mut Value) -> Channel {
    let mut slots = inbound.deltas(frame);
    assert_eq!(slots.len(), 1);
    slots.remove(0).0
}

#[test]
fn every_text_of_an_openai_frame_is_found() {
    let frame = json!({"id": "c", "choices": [
        {"index": 0, "delta": {"role": "assistant", "content": "a", "refusal": "b", "reasoning_content": "c",
            "tool_calls": [{"index": 1, "id": "x", "function": {"name": "f", "arguments": "d"}},
                {"index": 2, "function": {"arguments": "e"}}]}},
        {"index": 1, "delta": {"content": "f", "function_call": {"name": "f", "arguments": "g"}, "reasoning": "h"}},
        {"index": 2, "delta": {"content": null}},
    ]});
    let found = channels(Inbound::OpenAiChat, frame);
    let expected = [
        ("choices[0].delta.content", ChannelKind::Text, "a"),
        ("choices[0].delta.refusal", ChannelKind::Text, "b"),
        ("choices[0].delta.reasoning_content", ChannelKind::Text, "c"),
        (
            "choices[0].delta.tool_calls[1].function.arguments",
            ChannelKind::ToolArguments,
            "d",
        ),
        (
            "choices[0].delta.tool_calls[2].function.arguments",
            ChannelKind::ToolArguments,
            "e",
        ),
        ("choices[1].delta.content", ChannelKind::Text, "f"),
        (
            "choices[1].delta.function_call.arguments",
            ChannelKind::ToolArguments,
            "g",
        ),
        ("choices[1].delta.reasoning", ChannelKind::Text, "h"),
    ];
    assert_eq!(
        found,
        expected.map(|(path, kind, text)| (path.to_owned(), kind, text.to_owned()))
    );
}

#[test]
fn every_text_of_an_anthropic_frame_is_found() {
    let start = |block: Value| json!({"type": "content_block_start", "index": 3, "content_block": block});
    let delta = |delta: Value| json!({"type": "content_block_delta", "index": 3, "delta": delta});
    for (frame, path, kind, text) in [
        (
            start(json!({"type": "text", "text": "a"})),
            "content[3].text",
            ChannelKind::Text,
            "a",
        ),
        (
            delta(json!({"type": "text_delta", "text": "b"})),
            "content[3].text",
            ChannelKind::Text,
            "b",
        ),
        (
            delta(json!({"type": "input_json_delta", "partial_json": "c"})),
            "content[3].input",
            ChannelKind::ToolArguments,
            "c",
        ),
        (
            delta(json!({"type": "thinking_delta", "thinking": "d"})),
            "content[3].thinking",
            ChannelKind::SignedThinking,
            "d",
        ),
        (
            delta(
                json!({"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "e"}}),
            ),
            "content[3].citations.cited_text",
            ChannelKind::Text,
            "e",
        ),
    ] {
        assert_eq!(
            channels(Inbound::AnthropicMessages, frame),
            [(path.to_owned(), kind, text.to_owned())]
        );
    }
    assert!(channels(Inbound::AnthropicMessages, json!({"type": "ping"})).is_empty());
}

#[test]
fn a_slot_is_rewritten_in_place() {
    let mut frame = json!({"choices": [{"index": 0, "delta": {"content": "old"}}]});
    for (_, text) in Inbound::OpenAiChat.deltas(&mut frame) {
        *text = "new".to_owned();
    }
    assert_eq!(frame["choices"][0]["delta"]["content"], "new");
}

#[test]
fn channels_close_with_their_choice_or_block() {
    let inbound = Inbound::OpenAiChat;
    let mut first = json!({"choices": [{"index": 0, "delta": {"content": "a"}}]});
    let mut second = json!({"choices": [{"index": 1, "delta": {"content": "a"}}]});
    let (first, second) = (one(inbound, &mut first), one(inbound, &mut second));
    assert_ne!(first, second);
    let end = json!({"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]});
    let closes = inbound.closes(&Frame::json(end));
    assert_eq!((closes.covers(&first), closes.covers(&second)), (false, true));
    let on = json!({"choices": [{"index": 1, "delta": {}, "finish_reason": null}]});
    assert!(inbound.closes(&Frame::json(on)).is_none());
    assert!(inbound.closes(&Frame::done()).covers(&first));

    let inbound = Inbound::AnthropicMessages;
    let mut delta =
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}});
    let channel = one(inbound, &mut delta);
    let stop = |index: u64| {
        Frame::named(
            "content_block_stop",
            json!({"type": "content_block_stop", "index": index}),
        )
    };
    assert!(inbound.closes(&stop(0)).covers(&channel));
    assert!(!inbound.closes(&stop(1)).covers(&channel));
    let last = Frame::named("message_stop", json!({"type": "message_stop"}));
    assert!(inbound.closes(&last).covers(&channel));
    assert!(
        inbound
            .closes(&Frame::named("ping", json!({"type": "ping"})))
            .is_none()
    );
}

#[test]
fn a_held_tail_gets_a_frame_like_its_neighbours() {
    let like = json!({"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": null, "obfuscation": "x"});
    let delta = json!({"choices": [{"index": 2, "delta": {
        "content": "", "tool_calls": [{"index": 4, "function": {"arguments": ""}}], "function_call": {"arguments": ""}}}]});
    for (channel, _) in Inbound::OpenAiChat.deltas(&mut delta.clone()) {
        let frame = Inbound::OpenAiChat.delta_frame(&channel, "tail", &like);
        let workjet_router::Data::Json(mut value) = frame.data else {
            panic!("a chunk")
        };
        assert_eq!(
            (&value["id"], &value["created"], &value["model"]),
            (&json!("c-1"), &json!(7), &json!("m"))
        );
        assert_eq!(
            (&value["object"], value.get("usage")),
            (&json!("chat.completion.chunk"), Some(&Value::Null))
        );
        let slots = Inbound::OpenAiChat.deltas(&mut value);
        assert_eq!(slots.len(), 1);
        assert_eq!((&slots[0].0, slots[0].1.as_str()), (&channel, "tail"));
    }
    for delta in [
        json!({"type": "text_delta", "text": ""}),
        json!({"type": "input_json_delta", "partial_json": ""}),
        json!({"type": "thinking_delta", "thinking": ""}),
    ] {
        let mut frame = json!({"type": "content_block_delta", "index": 5, "delta": delta});
        let channel = one(Inbound::AnthropicMessages, &mut frame);
        let made = Inbound::AnthropicMessages.delta_frame(&channel, "tail", &Value::Null);
        assert_eq!(made.event.as_deref(), Some("content_block_delta"));
        let workjet_router::Data::Json(mut value) = made.data else {
            panic!("an event")
        };
        assert_eq!(value["index"], 5);
        let slots = Inbound::AnthropicMessages.deltas(&mut value);
        assert_eq!((&slots[0].0, slots[0].1.as_str()), (&channel, "tail"));
    }
}

#[test]
fn only_dones_and_message_stops_are_terminators() {
    assert!(Frame::done().is_terminator());
    assert!(Frame::named("message_stop", json!({"type": "message_stop"})).is_terminator());
    assert!(!Frame::named("message_delta", json!({"type": "message_delta"})).is_terminator());
    assert!(!Frame::json(json!({"choices": []})).is_terminator());
}
