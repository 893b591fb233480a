//! How much a stream has said.

use serde_json::{Value, json};
use workjet_router::{Frame, Inbound};

fn said(inbound: Inbound, frame: Value) -> usize {
    inbound.said_bytes(&Frame::json(frame))
}

#[test]
fn every_text_of_an_openai_frame_counts() {
    let frame = json!({"id": "ignored", "choices": [
        {"index": 0, "delta": {"role": "assistant", "content": "a", "refusal": "bb", "reasoning_content": "c",
            "tool_calls": [{"index": 1, "id": "x", "function": {"name": "f", "arguments": "dd"}},
                {"index": 2, "function": {"arguments": "é"}}]}},
        {"index": 1, "delta": {"content": "f", "function_call": {"name": "f", "arguments": "g"}, "reasoning": "h"}},
        {"index": 2, "delta": {"content": null}},
    ]});
    assert_eq!(said(Inbound::OpenAiChat, frame), 11);
    assert_eq!(Inbound::OpenAiChat.said_bytes(&Frame::done()), 0);
}

#[test]
fn every_text_of_an_anthropic_frame_counts() {
    let delta = |delta: Value| json!({"type": "content_block_delta", "index": 3, "delta": delta});
    for (frame, bytes) in [
        (
            json!({"type": "content_block_start", "index": 3, "content_block": {"type": "text", "text": "a"}}),
            1,
        ),
        (delta(json!({"type": "text_delta", "text": "bb"})), 2),
        (
            delta(json!({"type": "input_json_delta", "partial_json": "{}"})),
            2,
        ),
        (delta(json!({"type": "thinking_delta", "thinking": "d"})), 1),
        (delta(json!({"type": "signature_delta", "signature": "e"})), 0),
        (json!({"type": "ping"}), 0),
    ] {
        assert_eq!(said(Inbound::AnthropicMessages, frame), bytes);
    }
}

#[test]
fn only_dones_and_message_stops_are_terminators() {
    assert!(Frame::done().is_terminator());
    assert!(Frame::named("message_stop", json!({"type": "message_stop"})).is_terminator());
    assert!(!Frame::named("message_delta", json!({"type": "message_delta"})).is_terminator());
    assert!(!Frame::json(json!({"choices": []})).is_terminator());
}
