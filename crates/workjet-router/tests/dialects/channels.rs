//! Where text flows in frames.

use serde_json::{Value, json};
use workjet_router::{ChannelKind, Frame, Inbound};

fn channels(inbound: Inbound, mut frame: Value) -> Vec<(String, ChannelKind, String)> {
    let slots = inbound.deltas(&mut frame);
    slots
        .into_iter()
        .map(|(channel, text)| (channel.path(), channel.kind(), text.clone()))
        .collect()
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
fn only_dones_and_message_stops_are_terminators() {
    assert!(Frame::done().is_terminator());
    assert!(Frame::named("message_stop", json!({"type": "message_stop"})).is_terminator());
    assert!(!Frame::named("message_delta", json!({"type": "message_delta"})).is_terminator());
    assert!(!Frame::json(json!({"choices": []})).is_terminator());
}
