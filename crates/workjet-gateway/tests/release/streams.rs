//! Streamed and whole replies on their way to the client, as the client sees them.

use crate::client::{Received, block, chunk, event, finish, message_end, pass, pass_through};
use serde_json::{Value, json};
use workjet_dlp::{Action, Engine, Policy};
use workjet_gateway::release::{Cause, Limits, ReplyScanner, Unscannable};
use workjet_router::{Data, Frame, Inbound};

const CARD: &str = "4111 1111 1111 1111";
const HIDDEN: &str = "[REDACTED:credit_card]";

fn redact() -> Policy {
    Policy::redact_all()
}

fn block_cards() -> Policy {
    Policy::redact_all().with("credit_card", Action::Block)
}

fn openai(policy: &Policy, frames: Vec<Frame>) -> Received {
    pass(Inbound::OpenAiChat, policy, Unscannable::Block, frames)
}

fn anthropic(policy: &Policy, frames: Vec<Frame>) -> Received {
    pass(Inbound::AnthropicMessages, policy, Unscannable::Block, frames)
}

#[test]
fn card_split_across_chunks_is_redacted() {
    let frames = vec![
        chunk(0, json!({ "role": "assistant", "content": "" })),
        chunk(0, json!({ "content": "pay 4111 1" })),
        chunk(0, json!({ "content": "111 1111 11" })),
        chunk(0, json!({ "content": "11 now" })),
        finish(0, "stop"),
        Frame::done(),
    ];
    let received = openai(&redact(), frames);
    assert_eq!(received.openai()["0.content"], format!("pay {HIDDEN} now"));
    assert_eq!(received.step.findings.len(), 1);
    assert_eq!(
        received.step.findings[0].path(),
        Some("choices[0].message.content")
    );
    assert!(received.step.blocked.is_none());
}

#[test]
fn plain_english_flows_with_every_chunk() {
    let engine = Engine::standard();
    let mut scanner = ReplyScanner::new(Inbound::OpenAiChat, &engine, &redact(), Unscannable::Block);
    let text = "The quick brown fox jumps over the lazy dog, and nobody minds. ";
    let (mut sent, mut got, mut behind) = (0, 0, 0);
    for _ in 0..20 {
        for piece in text.as_bytes().chunks(4) {
            let piece = std::str::from_utf8(piece).unwrap();
            sent += piece.len();
            for frame in scanner.push(chunk(0, json!({ "content": piece }))).frames {
                let Data::Json(value) = frame.data else {
                    unreachable!()
                };
                got += value["choices"][0]["delta"]["content"].as_str().unwrap().len();
            }
            behind = behind.max(sent - got);
        }
    }
    assert!(behind <= 32, "the client is {behind} bytes behind");
}

#[test]
fn first_chunk_with_the_role_always_leaves() {
    let received = openai(
        &redact(),
        vec![chunk(0, json!({ "role": "assistant", "content": "4111" }))],
    );
    assert_eq!(
        received.events()[0]["choices"][0]["delta"],
        json!({ "role": "assistant", "content": "" })
    );
    assert_eq!(received.openai()["0.content"], "4111");
}

#[test]
fn held_tail_leaves_before_the_finish_reason() {
    let received = openai(
        &redact(),
        vec![
            chunk(0, json!({ "content": "my code is 4111 1111" })),
            finish(0, "stop"),
            Frame::done(),
        ],
    );
    let events = received.events();
    let last = events.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["choices"][0]["delta"], json!({}));
    let tail = events[events.len() - 2];
    assert!(
        tail["choices"][0]["delta"]["content"]
            .as_str()
            .unwrap()
            .ends_with("4111 1111")
    );
    assert_eq!(
        tail["id"], "chatcmpl-1",
        "chunks of our own look like the provider's"
    );
    assert_eq!(tail["object"], "chat.completion.chunk");
    assert!(received.frames.last().unwrap().is_terminator());
}

#[test]
fn results_of_content_filters_pass_and_stay_where_they_were() {
    let filters = json!({ "hate": { "filtered": false, "severity": "safe" } });
    let frames = vec![
        Frame::json(
            json!({ "id": "", "model": "", "object": "", "choices": [], "prompt_filter_results": [filters] }),
        ),
        Frame::json(
            json!({ "id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [
            { "index": 0, "delta": { "content": "4111" }, "finish_reason": null, "content_filter_results": filters },
        ] }),
        ),
        finish(0, "stop"),
    ];
    let received = openai(&redact(), frames);
    let events = received.events();
    assert_eq!(events.len(), 4);
    assert_eq!(events[1]["choices"][0]["content_filter_results"], filters);
    assert_eq!(
        (&events[2]["id"], &events[2]["prompt_filter_results"]),
        (&json!("1"), &Value::Null)
    );
    assert_eq!(received.openai()["0.content"], "4111");
}

#[test]
fn text_beside_the_finish_reason_is_scanned_and_complete() {
    let last = Frame::json(json!({
        "id": "1", "object": "chat.completion.chunk",
        "choices": [{ "index": 0, "delta": { "content": "1 1111 1111" }, "finish_reason": "stop" }],
    }));
    let received = openai(
        &redact(),
        vec![chunk(0, json!({ "content": "a 4111 111" })), last, Frame::done()],
    );
    assert_eq!(received.openai()["0.content"], format!("a {HIDDEN}"));
    assert_eq!(
        received.events().last().unwrap()["choices"][0]["finish_reason"],
        "stop"
    );
}

#[test]
fn choices_are_told_apart() {
    let frames = vec![
        chunk(0, json!({ "content": "4111 1111 " })),
        chunk(1, json!({ "content": "1111 1111" })),
        chunk(0, json!({ "content": "is short" })),
        finish(1, "stop"),
        finish(0, "stop"),
        Frame::done(),
    ];
    let received = openai(&redact(), frames);
    assert_eq!(received.openai()["0.content"], "4111 1111 is short");
    assert_eq!(received.openai()["1.content"], "1111 1111");
    assert!(received.step.findings.is_empty());
}

#[test]
fn a_stream_without_an_end_still_delivers_what_came() {
    let received = openai(
        &redact(),
        vec![chunk(0, json!({ "content": "my code is 4111 1111" }))],
    );
    assert_eq!(received.openai()["0.content"], "my code is 4111 1111");
}

#[test]
fn usage_is_not_lost_with_the_text() {
    let frame = Frame::json(json!({
        "id": "1", "object": "chat.completion.chunk", "usage": { "prompt_tokens": 4111111111111111u64 },
        "choices": [{ "index": 0, "delta": { "content": "4111" }, "finish_reason": null }],
    }));
    let received = openai(&redact(), vec![frame]);
    assert_eq!(
        received.events()[0]["usage"]["prompt_tokens"],
        4111111111111111u64
    );
}

#[test]
fn block_ends_the_stream_where_the_match_begins() {
    let frames = vec![
        chunk(0, json!({ "role": "assistant", "content": "The number is 41" })),
        chunk(0, json!({ "content": "11 1111 1111 1111. More" })),
        finish(0, "stop"),
        Frame::done(),
    ];
    let received = openai(&block_cards(), frames);
    assert_eq!(received.openai()["0.content"], "The number is ");
    let blocked = received.step.blocked.as_ref().unwrap();
    assert_eq!(blocked.cause(), Cause::Policy);
    assert_eq!(blocked.path(), Some("choices[0].message.content"));
    assert!(!received.frames.iter().any(Frame::is_terminator));
    assert!(
        received
            .events()
            .iter()
            .all(|event| event["choices"][0]["finish_reason"].is_null())
    );
}

#[test]
fn block_in_one_frame_lets_the_text_before_it_out() {
    let text = format!("Here: {CARD} and more");
    let received = openai(&block_cards(), vec![chunk(0, json!({ "content": text }))]);
    assert_eq!(received.openai()["0.content"], "Here: ");
    assert!(received.step.blocked.is_some());
    let frame = Frame::json(json!({
        "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": "stop" }],
    }));
    let received = openai(&block_cards(), vec![frame, Frame::done()]);
    assert_eq!(received.openai()["0.content"], "Here: ");
    assert!(
        received
            .events()
            .iter()
            .all(|event| event["choices"][0]["finish_reason"].is_null())
    );
}

fn call(policy: &Policy, fragments: &[&str]) -> Received {
    let start = json!({ "tool_calls": [{
        "index": 0, "id": "call_1", "type": "function", "function": { "name": "pay", "arguments": "" },
    }] });
    let mut frames = vec![
        chunk(0, json!({ "role": "assistant", "content": null })),
        chunk(0, start),
    ];
    frames.extend(fragments.iter().map(|text| {
        chunk(
            0,
            json!({ "tool_calls": [{ "index": 0, "function": { "arguments": text } }] }),
        )
    }));
    frames.extend([finish(0, "tool_calls"), Frame::done()]);
    openai(policy, frames)
}

#[test]
fn tool_arguments_stay_valid_json_when_redacted() {
    let received = call(
        &redact(),
        &[
            "{\"to\":\"bob\",\"card\":\"4111 ",
            "1111 1111\\u0020",
            "1111\",\"n\":41111111",
            "11111111}",
        ],
    );
    let joined = received.openai();
    assert_eq!(joined["0.tool_calls.0.id"], "call_1");
    assert_eq!(joined["0.tool_calls.0.name"], "pay");
    let arguments: Value = serde_json::from_str(&joined["0.tool_calls.0.arguments"]).unwrap();
    assert_eq!(arguments, json!({ "to": "bob", "card": HIDDEN, "n": HIDDEN }));
    let path = received.step.findings[0].path().unwrap();
    assert!(
        path.starts_with("choices[0].message.tool_calls[0].function.arguments"),
        "{path}"
    );
    assert!(!path.contains("card"), "keys are the model's words: {path}");
}

/// What of a tool call's arguments the client has after each piece, in both dialects.
fn arguments_after_each(pieces: &[&str]) -> Vec<String> {
    let after_each = |inbound, begin: Vec<Frame>, delta: &dyn Fn(&str) -> Frame, at: &str| {
        let mut scanner = ReplyScanner::new(inbound, &Engine::standard(), &redact(), Unscannable::Block);
        begin.into_iter().for_each(|frame| drop(scanner.push(frame)));
        let mut has = String::new();
        let mut after = Vec::new();
        for piece in pieces {
            for frame in scanner.push(delta(piece)).frames {
                let Data::Json(event) = frame.data else {
                    unreachable!()
                };
                has.push_str(event.pointer(at).and_then(Value::as_str).unwrap_or_default());
            }
            after.push(has.clone());
        }
        after
    };
    let openai = after_each(
        Inbound::OpenAiChat,
        vec![chunk(
            0,
            json!({ "tool_calls": [{ "index": 0, "id": "a", "type": "function", "function": { "name": "f", "arguments": "" } }] }),
        )],
        &|piece| {
            chunk(
                0,
                json!({ "tool_calls": [{ "index": 0, "function": { "arguments": piece } }] }),
            )
        },
        "/choices/0/delta/tool_calls/0/function/arguments",
    );
    let anthropic = after_each(
        Inbound::AnthropicMessages,
        tool_use(&[]).into_iter().take(2).collect(),
        &|piece| {
            let delta = json!({ "type": "input_json_delta", "partial_json": piece });
            event(json!({ "type": "content_block_delta", "index": 1, "delta": delta }))
        },
        "/delta/partial_json",
    );
    assert_eq!(openai, anthropic);
    openai
}

#[test]
fn tool_arguments_flow_while_they_are_written() {
    let pieces = [
        r#"{"to": "Dear "#,
        r#"Bob, my ca"#,
        r#"rd is 4111 1111 "#,
        r#"1111 1111, and \u00"#,
        r#"e9t\u00e9 ", "n": 12"#,
        r#"5, "#,
        r#""x":[]}"#,
    ];
    let hidden = format!(r#"{{"to": "Dear Bob, my card is {HIDDEN}"#);
    assert_eq!(
        arguments_after_each(&pieces),
        [
            r#"{"to": "Dear "#.to_owned(),
            r#"{"to": "Dear Bob, my "#.to_owned(),
            r#"{"to": "Dear Bob, my card is "#.to_owned(),
            format!(r#"{hidden}, and "#),
            format!(r#"{hidden}, and \u00e9t\u00e9 ", "n": "#),
            format!(r#"{hidden}, and \u00e9t\u00e9 ", "n": 125, "#),
            format!(r#"{hidden}, and \u00e9t\u00e9 ", "n": 125, "x":[]}}"#),
        ]
    );
}

#[test]
fn a_finding_in_a_key_of_the_arguments_stops_the_reply() {
    for pieces in [
        &["{\"a\": 1, \"4111 1111 ", "1111 1111\": 2}"][..],
        &["{\"a\": 1, \"4111 1111 1111 1111\": 2}"],
    ] {
        let received = call(&redact(), pieces);
        assert_eq!(received.step.blocked.as_ref().unwrap().cause(), Cause::Name);
        assert_eq!(received.openai()["0.tool_calls.0.arguments"], "{\"a\": 1, \"");
        assert!(!received.frames.iter().any(Frame::is_terminator));
    }
}

#[test]
fn an_encoded_file_in_the_arguments_is_unscannable() {
    let pieces = ["{\"file\": \"data:image/png;base", "64,iVBORw0KGgo=\"}"];
    let received = call(&redact(), &pieces);
    let blocked = received.step.blocked.as_ref().unwrap();
    assert_eq!(blocked.cause(), Cause::Unscannable);
    assert_eq!(
        blocked.path(),
        Some("choices[0].message.tool_calls[0].function.arguments.*")
    );
    assert!(!received.bytes().contains("iVBOR"), "{}", received.bytes());
    assert_eq!(received.step.unscannable.len(), 1);

    let frames = tool_use(&pieces);
    let received = pass(Inbound::AnthropicMessages, &redact(), Unscannable::Allow, frames);
    assert_eq!(received.anthropic()["1.partial_json"], pieces.concat());
    assert_eq!(received.step.unscannable.len(), 1);
    assert!(received.step.blocked.is_none());
}

#[test]
fn clean_tool_arguments_pass_byte_for_byte() {
    let received = call(&redact(), &["{ \"a\" : 1.50, ", "\"b\":\"\\u00e9\" }"]);
    assert_eq!(
        received.openai()["0.tool_calls.0.arguments"],
        "{ \"a\" : 1.50, \"b\":\"\\u00e9\" }"
    );
}

#[test]
fn tool_arguments_that_are_no_json_are_scanned_as_text() {
    let received = call(&redact(), &["{\"card\": ", CARD, " oops"]);
    assert_eq!(
        received.openai()["0.tool_calls.0.arguments"],
        format!("{{\"card\": {HIDDEN} oops")
    );
}

#[test]
fn a_tool_call_waits_for_its_verdict_where_the_policy_can_block() {
    let clean = call(&block_cards(), &["{\"to\":", "\"bob\"}"]);
    let joined = clean.openai();
    assert_eq!(joined["0.tool_calls.0.id"], "call_1");
    assert_eq!(joined["0.tool_calls.0.name"], "pay");
    assert_eq!(joined["0.tool_calls.0.arguments"], "{\"to\":\"bob\"}");
    let starts: Vec<_> = clean
        .events()
        .into_iter()
        .filter(|event| !event["choices"][0]["delta"]["tool_calls"].is_null())
        .collect();
    assert_eq!(starts.len(), 1, "the call comes in one piece");

    let dirty = call(&block_cards(), &["{\"card\":\"4111 1111 ", "1111 1111\"}"]);
    assert!(!dirty.bytes().contains("tool_calls"), "{}", dirty.bytes());
    assert_eq!(dirty.step.blocked.as_ref().unwrap().cause(), Cause::Policy);
    assert!(!dirty.frames.iter().any(Frame::is_terminator));
}

#[test]
fn a_tool_call_without_arguments_still_arrives() {
    for policy in [redact(), block_cards()] {
        let joined = call(&policy, &[]).openai();
        assert_eq!(joined["0.tool_calls.0.name"], "pay");
        assert_eq!(joined["0.tool_calls.0.arguments"], "");
    }
}

#[test]
fn parallel_tool_calls_are_told_apart() {
    for policy in [redact(), block_cards()] {
        let frames = vec![
            chunk(
                0,
                json!({ "tool_calls": [
                { "index": 0, "id": "a", "type": "function", "function": { "name": "f", "arguments": "{\"x\":" } },
                { "index": 1, "id": "b", "type": "function", "function": { "name": "g", "arguments": "{\"y\":" } },
            ] }),
            ),
            chunk(
                0,
                json!({ "tool_calls": [{ "index": 1, "function": { "arguments": "2}" } }] }),
            ),
            chunk(
                0,
                json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "1}" } }] }),
            ),
            finish(0, "tool_calls"),
            Frame::done(),
        ];
        let joined = openai(&policy, frames).openai();
        assert_eq!(joined["0.tool_calls.0.arguments"], "{\"x\":1}");
        assert_eq!(joined["0.tool_calls.1.arguments"], "{\"y\":2}");
        assert_eq!(
            (&*joined["0.tool_calls.0.id"], &*joined["0.tool_calls.1.name"]),
            ("a", "g")
        );
    }
}

#[test]
fn a_finding_in_a_tool_name_stops_the_reply() {
    let frame = chunk(
        0,
        json!({ "tool_calls": [{
        "index": 0, "id": "call_1", "type": "function", "function": { "name": CARD, "arguments": "" },
    }] }),
    );
    let received = openai(&redact(), vec![frame]);
    assert!(received.frames.is_empty());
    assert_eq!(received.step.blocked.unwrap().cause(), Cause::Name);
}

#[test]
fn the_older_function_call_is_treated_like_a_tool_call() {
    let frames = |arguments: &str| {
        vec![
            chunk(
                0,
                json!({ "role": "assistant", "function_call": { "name": "pay", "arguments": "" } }),
            ),
            chunk(0, json!({ "function_call": { "arguments": arguments } })),
            finish(0, "function_call"),
            Frame::done(),
        ]
    };
    for policy in [redact(), block_cards()] {
        let joined = openai(&policy, frames("{\"to\":\"bob\"}")).openai();
        assert_eq!(joined["0.function_call.name"], "pay");
        assert_eq!(joined["0.function_call.arguments"], "{\"to\":\"bob\"}");
    }
    let dirty = openai(&block_cards(), frames(&format!("{{\"card\":\"{CARD}\"}}")));
    assert!(dirty.step.blocked.is_some() && !dirty.bytes().contains("pay"));
    assert_eq!(dirty.openai()["0.role"], "assistant");
}

#[test]
fn a_tool_name_in_fragments_is_scanned_as_clients_join_it() {
    let part = |name: &str| {
        chunk(
            0,
            json!({ "tool_calls": [{ "index": 0, "id": "call_1", "function": { "name": name, "arguments": "" } }] }),
        )
    };
    let received = openai(&redact(), vec![part("4111 1111 "), part("1111 1111")]);
    let blocked = received.step.blocked.as_ref().unwrap();
    assert_eq!(blocked.cause(), Cause::Name);
    assert_eq!(
        blocked.path(),
        Some("choices[0].message.tool_calls[0].function.name")
    );
    assert!(!received.bytes().contains("\"1111 1111\""));

    for policy in [redact(), block_cards()] {
        let repeated = openai(&policy, vec![part("pay"), part("pay"), finish(0, "tool_calls")]);
        assert!(repeated.step.blocked.is_none());
    }
    let waiting = openai(
        &block_cards(),
        vec![part("pay_"), part("bob"), finish(0, "tool_calls")],
    );
    assert_eq!(waiting.openai()["0.tool_calls.0.name"], "pay_bob");
}

#[test]
fn warnings_change_nothing_and_delay_no_tool_call() {
    let policy = Policy::all(Action::Warn);
    let received = call(&policy, &["{\"card\":\"4111 ", "1111 1111 1111\"}"]);
    assert_eq!(
        received.openai()["0.tool_calls.0.arguments"],
        format!("{{\"card\":\"{CARD}\"}}")
    );
    assert_eq!(received.events().len(), 5, "every chunk passes as it came");
    assert_eq!(received.step.findings.len(), 1);
    assert_eq!(received.step.findings[0].action(), Action::Warn);
}

#[test]
fn token_probabilities_do_not_spell_what_was_redacted() {
    let frame = Frame::json(
        json!({ "choices": [{ "index": 0, "delta": { "content": "4" }, "finish_reason": null,
        "logprobs": { "content": [{ "token": "4", "bytes": [52] }] } }] }),
    );
    let received = openai(&redact(), vec![frame.clone()]);
    assert!(!received.bytes().contains("token"));
    let received = openai(&Policy::all(Action::Warn), vec![frame]);
    assert!(received.bytes().contains("token"));
}

#[test]
fn what_repeats_a_delta_outside_of_it_does_not_leave() {
    let piece = |text: &str| {
        let message = json!({ "role": "assistant", "content": text });
        Frame::json(
            json!({ "choices": [{ "index": 0, "delta": { "content": text }, "text": text, "message": message }] }),
        )
    };
    let frames = vec![piece("4111 1111"), piece(" 1111 1111"), finish(0, "stop")];
    let received = openai(&redact(), frames);
    assert_eq!(received.openai()["0.content"], HIDDEN);
    assert!(!received.bytes().contains("1111"), "{}", received.bytes());
}

#[test]
fn unknown_strings_of_a_delta_are_joined_like_text() {
    let frames = vec![
        chunk(0, json!({ "new_field": "4111 1111" })),
        chunk(0, json!({ "new_field": " 1111 1111" })),
        finish(0, "stop"),
    ];
    let received = openai(&redact(), frames);
    assert_eq!(received.openai()["0.new_field"], HIDDEN);
    assert_eq!(received.step.findings[0].path(), Some("choices[0].message.*"));
}

#[test]
fn text_after_the_end_of_a_choice_is_refused() {
    let frames = vec![
        chunk(0, json!({ "content": "4111 1111" })),
        finish(0, "stop"),
        chunk(0, json!({ "content": " 1111 1111" })),
    ];
    let received = openai(&redact(), frames);
    assert_eq!(received.openai()["0.content"], "4111 1111");
    assert_eq!(received.step.blocked.unwrap().cause(), Cause::Malformed);
}

#[test]
fn servers_that_write_an_empty_finish_reason_everywhere_are_understood() {
    let say = |text: &str| {
        Frame::json(json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": "" }] }))
    };
    let received = openai(
        &redact(),
        vec![
            say("4111 1111 "),
            say("1111 1111"),
            finish(0, "stop"),
            Frame::done(),
        ],
    );
    assert_eq!(received.openai()["0.content"], HIDDEN);
}

#[test]
fn withheld_bytes_and_channels_are_bounded() {
    let engine = Engine::standard();
    let limits = Limits {
        withheld_bytes: 64,
        channels: 2,
    };
    let scanner = ReplyScanner::new(Inbound::OpenAiChat, &engine, &block_cards(), Unscannable::Block)
        .with_limits(limits);
    let long = chunk(
        0,
        json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "x".repeat(65) } }] }),
    );
    assert_eq!(
        pass_through(scanner, vec![long]).step.blocked.unwrap().cause(),
        Cause::TooLarge
    );

    let scanner =
        ReplyScanner::new(Inbound::OpenAiChat, &engine, &redact(), Unscannable::Block).with_limits(limits);
    let many = chunk(0, json!({ "a": "x", "b": "x", "c": "x" }));
    assert_eq!(
        pass_through(scanner, vec![many]).step.blocked.unwrap().cause(),
        Cause::TooLarge
    );
}

fn thinking(deltas: &[&str]) -> Vec<Frame> {
    let mut frames = block(
        0,
        json!({ "type": "thinking", "thinking": "", "signature": "" }),
        "thinking_delta",
        "thinking",
        deltas,
    );
    let signature = json!({ "type": "signature_delta", "signature": "c2lnbmF0dXJl" });
    frames.insert(
        frames.len() - 1,
        event(json!({ "type": "content_block_delta", "index": 0, "delta": signature })),
    );
    frames
}

#[test]
fn anthropic_text_is_redacted_and_its_tail_leaves_before_the_stop() {
    let start = json!({ "type": "text", "text": "" });
    let mut frames = block(
        0,
        start,
        "text_delta",
        "text",
        &["pay 4111 1111 1", "111 1111 or 41", "11"],
    );
    frames.extend(message_end());
    let received = anthropic(&redact(), frames);
    assert_eq!(received.anthropic()["0.text"], format!("pay {HIDDEN} or 4111"));
    let kinds: Vec<_> = received
        .events()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds[kinds.len() - 4..],
        [
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(received.step.findings[0].path(), Some("content[0].text"));
    assert!(received.frames.last().unwrap().is_terminator());
}

#[test]
fn text_in_the_start_of_a_block_continues_in_its_deltas() {
    let frames = block(
        0,
        json!({ "type": "text", "text": "4111 1111 " }),
        "text_delta",
        "text",
        &["1111 1111"],
    );
    let received = anthropic(&redact(), frames);
    assert_eq!(received.anthropic()["0.text"], HIDDEN);
}

#[test]
fn signed_thinking_passes_untouched_and_whole_before_its_signature() {
    let received = anthropic(&redact(), thinking(&["Let me see, 41", "11 apples"]));
    assert_eq!(received.anthropic()["0.thinking"], "Let me see, 4111 apples");
    let signature = received
        .events()
        .iter()
        .position(|event| event["delta"]["type"] == "signature_delta")
        .unwrap();
    let last = received
        .events()
        .iter()
        .rposition(|event| event["delta"]["type"] == "thinking_delta")
        .unwrap();
    assert!(last < signature);
    assert_eq!(received.events()[signature]["delta"]["signature"], "c2lnbmF0dXJl");
}

#[test]
fn a_finding_in_signed_thinking_is_unscannable() {
    let frames = || thinking(&["The card 4111 1111", " 1111 1111 is good"]);
    let blocked = pass(
        Inbound::AnthropicMessages,
        &redact(),
        Unscannable::Block,
        frames(),
    );
    assert_eq!(blocked.anthropic()["0.thinking"], "The card ");
    assert_eq!(blocked.step.blocked.as_ref().unwrap().cause(), Cause::Unscannable);
    assert_eq!(
        blocked.step.blocked.as_ref().unwrap().path(),
        Some("content[0].thinking")
    );

    let allowed = pass(
        Inbound::AnthropicMessages,
        &redact(),
        Unscannable::Allow,
        frames(),
    );
    assert_eq!(
        allowed.anthropic()["0.thinking"],
        format!("The card {CARD} is good")
    );
    assert!(allowed.step.blocked.is_none());
    assert_eq!(allowed.step.unscannable.len(), 1, "the log says that it passed");

    let policy = block_cards();
    let forbidden = pass(Inbound::AnthropicMessages, &policy, Unscannable::Allow, frames());
    assert_eq!(forbidden.anthropic()["0.thinking"], "The card ");
    assert_eq!(forbidden.step.blocked.unwrap().cause(), Cause::Policy);
}

#[test]
fn thinking_that_nobody_signed_is_rewritten_like_text() {
    let scanner = || {
        ReplyScanner::new(
            Inbound::AnthropicMessages,
            &Engine::standard(),
            &redact(),
            Unscannable::Block,
        )
        .with_unsigned_thinking()
    };
    let received = pass_through(scanner(), thinking(&["The card 4111 1111", " 1111 1111 is good"]));
    assert_eq!(
        received.anthropic()["0.thinking"],
        format!("The card {HIDDEN} is good")
    );
    assert!(received.step.blocked.is_none() && received.step.unscannable.is_empty());

    let block =
        json!({ "type": "thinking", "thinking": format!("The card {CARD}"), "signature": "workjet:" });
    let released = scanner()
        .release_reply(json!({ "type": "message", "content": [block] }))
        .unwrap();
    assert_eq!(
        released.reply["content"][0]["thinking"],
        format!("The card {HIDDEN}")
    );
    assert_eq!(released.findings[0].path(), Some("content[0].thinking"));
}

fn tool_use(deltas: &[&str]) -> Vec<Frame> {
    let start = json!({ "type": "tool_use", "id": "toolu_1", "name": "pay", "input": {} });
    let mut frames = block(
        0,
        json!({ "type": "text", "text": "" }),
        "text_delta",
        "text",
        &["Paying."],
    );
    frames.extend(block(1, start, "input_json_delta", "partial_json", deltas));
    frames.extend(message_end());
    frames
}

#[test]
fn anthropic_tool_input_stays_valid_json_when_redacted() {
    let received = anthropic(
        &redact(),
        tool_use(&["", "{\"card\":\"4111 1111", " 1111 1111\"}"]),
    );
    assert_eq!(
        received.anthropic()["1.partial_json"],
        format!("{{\"card\":\"{HIDDEN}\"}}")
    );
    assert!(
        received.step.findings[0]
            .path()
            .unwrap()
            .starts_with("content[1].input")
    );
}

#[test]
fn an_anthropic_tool_call_waits_for_its_verdict_where_the_policy_can_block() {
    let clean = anthropic(&block_cards(), tool_use(&["{\"to\":", "\"bob\"}"]));
    assert_eq!(clean.anthropic()["1.partial_json"], "{\"to\":\"bob\"}");
    assert!(clean.bytes().contains("toolu_1"));

    let dirty = anthropic(
        &block_cards(),
        tool_use(&["{\"card\":\"4111 1111", " 1111 1111\"}"]),
    );
    assert!(!dirty.bytes().contains("toolu_1"), "{}", dirty.bytes());
    assert_eq!(dirty.anthropic()["0.text"], "Paying.");
    assert_eq!(dirty.step.blocked.unwrap().cause(), Cause::Policy);
    assert!(!dirty.frames.iter().any(Frame::is_terminator));

    let empty = anthropic(&block_cards(), tool_use(&[]));
    assert!(
        empty.bytes().contains("toolu_1"),
        "no delta means no input, and is a call all the same"
    );
}

#[test]
fn a_tool_call_that_was_cut_is_judged_as_far_as_it_came() {
    let mut frames = tool_use(&["{\"card\":\"4111 1111 1111 1111"]);
    frames.truncate(frames.len() - 3);
    let received = anthropic(&redact(), frames.clone());
    assert_eq!(
        received.anthropic()["1.partial_json"],
        format!("{{\"card\":\"{HIDDEN}")
    );
    assert!(anthropic(&block_cards(), frames).step.blocked.is_some());
}

#[test]
fn pings_pass_while_a_tool_call_waits() {
    let engine = Engine::standard();
    let mut scanner = ReplyScanner::new(
        Inbound::AnthropicMessages,
        &engine,
        &block_cards(),
        Unscannable::Block,
    );
    let start = json!({ "type": "tool_use", "id": "toolu_1", "name": "pay", "input": {} });
    let start = event(json!({ "type": "content_block_start", "index": 0, "content_block": start }));
    assert!(scanner.push(start).frames.is_empty());
    assert_eq!(scanner.push(event(json!({ "type": "ping" }))).frames.len(), 1);
}

#[test]
fn an_event_is_named_by_what_was_scanned() {
    let frame = Frame::named(format!("card {CARD}"), json!({ "type": "ping" }));
    let received = anthropic(&redact(), vec![frame]);
    assert_eq!(received.frames[0].event.as_deref(), Some("ping"));
}

#[test]
fn citations_are_scanned_where_they_stand() {
    let citation =
        json!({ "type": "citations_delta", "citation": { "type": "char_location", "cited_text": CARD } });
    let mut frames = block(
        0,
        json!({ "type": "text", "text": "" }),
        "text_delta",
        "text",
        &["See."],
    );
    frames.insert(
        2,
        event(json!({ "type": "content_block_delta", "index": 0, "delta": citation })),
    );
    let received = anthropic(&redact(), frames);
    assert!(received.bytes().contains(&format!("\"cited_text\":\"{HIDDEN}\"")));
}

#[test]
fn a_whole_reply_is_redacted_in_one_go() {
    let scanner = || {
        ReplyScanner::new(
            Inbound::OpenAiChat,
            &Engine::standard(),
            &redact(),
            Unscannable::Block,
        )
    };
    let reply = |message: Value| json!({ "choices": [{ "index": 0, "message": message, "logprobs": { "content": [] } }] });
    let released = scanner()
        .release_reply(reply(json!({ "role": "assistant", "content": CARD })))
        .unwrap();
    assert_eq!(released.reply["choices"][0]["message"]["content"], HIDDEN);
    assert!(released.reply["choices"][0]["logprobs"].is_null());
    assert_eq!(released.findings[0].path(), Some("choices[0].message.content"));

    let call = json!({ "id": "c", "type": "function", "function": { "name": CARD, "arguments": "{}" } });
    let (blocked, _) = scanner()
        .release_reply(reply(json!({ "tool_calls": [call] })))
        .unwrap_err();
    assert_eq!(blocked.cause(), Cause::Name);
    let message = blocked.to_string();
    assert!(
        message.contains("credit_card") && !message.contains("4111"),
        "{message}"
    );
}

#[test]
fn nothing_leaves_after_the_end() {
    let engine = Engine::standard();
    let mut scanner = ReplyScanner::new(Inbound::OpenAiChat, &engine, &redact(), Unscannable::Block);
    assert!(scanner.finish().frames.is_empty());
    assert!(
        scanner
            .push(chunk(0, json!({ "content": "late" })))
            .frames
            .is_empty()
    );
}
