//! However a reply is cut into frames, the client ends up with what scanning the whole would have given.

use std::collections::BTreeMap;

use crate::client::{Received, block, chunk, event, finish, message_end, pass};
use proptest::prelude::*;
use serde_json::{Value, json};
use workjet_dlp::{Action, Engine, Policy};
use workjet_gateway::release::Unscannable;
use workjet_router::{Frame, Inbound};

/// Text in which every other word is sensitive, almost sensitive, or cut short.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-z]{1,7} ",
        1 => Just("4111 1111 1111 1111".to_owned()),
        1 => Just("4111-1111-1111-111".to_owned()),
        1 => "[0-9]{1,9}",
        1 => Just("bob@example.com".to_owned()),
        1 => Just("bob@example".to_owned()),
        1 => Just("078-05-1121".to_owned()),
        1 => Just("+1 (415) 555-2671 ".to_owned()),
        1 => Just("é ☃ 🦀\u{200d} ".to_owned()),
        1 => Just("\\ \"quoted\"\n".to_owned()),
        1 => Just("password = ".to_owned()),
        1 => Just(["AKIA", "QYLPMN5HFIQR7XYA"].concat()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Cuts a text wherever `at` says, between characters.
fn cut(text: &str, at: &[usize]) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut sizes = at.iter().copied().cycle();
    let mut left = sizes.next().unwrap_or(1);
    for character in text.chars() {
        if left == 0 {
            pieces.push(String::new());
            left = sizes.next().unwrap_or(1).max(1);
        }
        left -= 1;
        pieces.last_mut().unwrap().push(character);
    }
    pieces
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..9usize, 1..6)
}

/// Deals the pieces of several channels in turns that `order` picks.
fn interleave(
    mut channels: Vec<(usize, std::vec::IntoIter<String>)>,
    order: &[usize],
) -> Vec<(usize, String)> {
    let mut dealt = Vec::new();
    let mut picks = order.iter().copied().cycle();
    while !channels.is_empty() {
        let at = picks.next().unwrap_or(0) % channels.len();
        match channels[at].1.next() {
            Some(piece) => dealt.push((channels[at].0, piece)),
            None => drop(channels.remove(at)),
        }
    }
    dealt
}

const FIELDS: [(u64, &str); 5] = [
    (0, "content"),
    (0, "refusal"),
    (0, "reasoning_content"),
    (1, "content"),
    (0, "new_field"),
];

fn openai_stream(texts: &[String], cuts: &[usize], order: &[usize]) -> Vec<Frame> {
    let channels = texts
        .iter()
        .enumerate()
        .map(|(at, text)| (at, cut(text, cuts).into_iter()))
        .collect();
    let mut frames: Vec<Frame> = [0, 1]
        .map(|choice| chunk(choice, json!({ "role": "assistant" })))
        .into();
    frames.extend(interleave(channels, order).into_iter().map(|(at, piece)| {
        let (choice, field) = FIELDS[at];
        chunk(choice, json!({ field: piece }))
    }));
    frames.extend([finish(1, "stop"), finish(0, "stop"), Frame::done()]);
    frames
}

fn blocking() -> Policy {
    Policy::redact_all()
        .with("us_ssn", Action::Block)
        .with("email", Action::Warn)
}

fn joined(joined: &BTreeMap<String, String>, key: &str) -> String {
    joined.get(key).cloned().unwrap_or_default()
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => text().prop_map(Value::String),
        1 => any::<i32>().prop_map(|number| json!(number)),
        1 => Just(json!(4111111111111111u64)),
        1 => Just(json!(null)),
    ];
    let tree = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[a-z]{1,5}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-z]{1,5}", tree, 0..4)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn openai_call(arguments: &str, cuts: &[usize]) -> Vec<Frame> {
    let part = |part: Value| chunk(0, json!({ "tool_calls": [part] }));
    let start = json!({ "name": "f", "arguments": "" });
    let mut frames = vec![part(
        json!({ "index": 0, "id": "call_1", "type": "function", "function": start }),
    )];
    let pieces = cut(arguments, cuts).into_iter();
    frames.extend(pieces.map(|piece| part(json!({ "index": 0, "function": { "arguments": piece } }))));
    frames.extend([finish(0, "tool_calls"), Frame::done()]);
    frames
}

fn anthropic_stream(texts: [&str; 2], arguments: &str, cuts: &[usize]) -> Vec<Frame> {
    let pieces = |text: &str| cut(text, cuts);
    fn grow(pieces: &[String]) -> Vec<&str> {
        pieces.iter().map(String::as_str).collect()
    }
    let (first, call, second) = (pieces(texts[0]), pieces(arguments), pieces(texts[1]));
    let start = json!({ "type": "tool_use", "id": "toolu_1", "name": "f", "input": {} });
    let mut frames = vec![event(
        json!({ "type": "message_start", "message": { "content": [] } }),
    )];
    frames.extend(block(
        0,
        json!({ "type": "text", "text": "" }),
        "text_delta",
        "text",
        &grow(&first),
    ));
    frames.extend(block(1, start, "input_json_delta", "partial_json", &grow(&call)));
    frames.extend(block(
        2,
        json!({ "type": "text", "text": "" }),
        "text_delta",
        "text",
        &grow(&second),
    ));
    frames.extend(message_end());
    frames
}

/// Something like an event, put together from the words of both dialects without sense, and with cards anywhere.
fn nonsense() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 24] = [
        "choices",
        "delta",
        "index",
        "content",
        "tool_calls",
        "function",
        "arguments",
        "name",
        "finish_reason",
        "stop",
        "type",
        "content_block",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_stop",
        "text",
        "text_delta",
        "tool_use",
        "thinking",
        "partial_json",
        "id",
        "usage",
        "4111 1111 1111 1111",
    ];
    let word = prop::sample::select(WORDS.to_vec());
    let leaf = prop_oneof![
        4 => word.clone().prop_map(|word| json!(word)),
        1 => (0..3u8).prop_map(|number| json!(number)),
        1 => Just(json!(4111111111111111u64)),
        1 => Just(json!("{\"a\":\"4111 1111 1111 1111\"}")),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            3 => prop::collection::hash_map(word.clone(), inner, 0..5)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// The same, but such that most of it is taken for what it is in place of.
fn event_like() -> impl Strategy<Value = Value> {
    prop_oneof![
        nonsense(),
        (nonsense(), nonsense()).prop_map(|(delta, rest)| {
            json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": rest["finish_reason"] }, rest] })
        }),
        (nonsense(), nonsense()).prop_map(|(call, more)| {
            json!({ "choices": [{ "delta": { "tool_calls": [call, { "index": 0, "function": more }] } }] })
        }),
        (nonsense(), prop::sample::select(vec!["start", "delta", "stop"])).prop_map(|(inner, kind)| {
            json!({ "type": format!("content_block_{kind}"), "index": 0, "delta": inner, "content_block": inner })
        }),
    ]
}

/// What must hold of every stream that was stopped.
fn assert_stopped(received: &Received) {
    assert!(
        !received.frames.iter().any(Frame::is_terminator),
        "a reply that was stopped does not look complete"
    );
    let ends = received
        .events()
        .into_iter()
        .filter(|event| event["choices"][0]["finish_reason"].is_string())
        .count();
    assert!(ends <= 1, "only the other choice may have ended");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_channel_of_openai_gets_what_the_whole_would(
        texts in prop::collection::vec(text(), 5),
        cuts in cuts(),
        order in prop::collection::vec(0..5usize, 1..9),
    ) {
        let policy = Policy::redact_all();
        let frames = openai_stream(&texts, &cuts, &order);
        let received = pass(Inbound::OpenAiChat, &policy, Unscannable::Block, frames);
        prop_assert!(received.step.blocked.is_none());
        let got = received.openai();
        for ((choice, field), text) in FIELDS.iter().zip(&texts) {
            let whole = Engine::standard().redact(text, &policy);
            prop_assert_eq!(joined(&got, &format!("{choice}.{field}")), whole.text.as_ref());
        }
        let expected: usize = texts.iter().map(|text| Engine::standard().redact(text, &policy).findings.len()).sum();
        prop_assert_eq!(received.step.findings.len(), expected);
    }

    #[test]
    fn block_cuts_exactly_where_the_match_begins(text in text(), cuts in cuts()) {
        let policy = blocking();
        let whole = Engine::standard().redact(&text, &policy);
        let frames = openai_stream(std::slice::from_ref(&text), &cuts, &[0]);
        let received = pass(Inbound::OpenAiChat, &policy, Unscannable::Block, frames);
        prop_assert_eq!(joined(&received.openai(), "0.content"), whole.text.as_ref());
        prop_assert_eq!(received.step.blocked.is_some(), whole.blocked.is_some());
        if received.step.blocked.is_some() {
            assert_stopped(&received);
        }
    }

    #[test]
    fn one_blocked_channel_stops_all(texts in prop::collection::vec(text(), 5), cuts in cuts(), order in prop::collection::vec(0..5usize, 1..9)) {
        let policy = blocking();
        let received = pass(Inbound::OpenAiChat, &policy, Unscannable::Block, openai_stream(&texts, &cuts, &order));
        let whole: Vec<_> = texts.iter().map(|text| Engine::standard().redact(text, &policy).text.into_owned()).collect();
        let is_blocked = texts.iter().any(|text| Engine::standard().redact(text, &policy).blocked.is_some());
        prop_assert_eq!(received.step.blocked.is_some(), is_blocked);
        let got = received.openai();
        for ((choice, field), whole) in FIELDS.iter().zip(&whole) {
            let got = joined(&got, &format!("{choice}.{field}"));
            prop_assert!(whole.starts_with(&got), "{got:?} is no beginning of {whole:?}");
        }
        if is_blocked {
            assert_stopped(&received);
        }
    }

    #[test]
    fn openai_tool_arguments_stay_json(document in document(), cuts in cuts(), pretty in any::<bool>()) {
        let arguments = if pretty { format!("{document:#}") } else { document.to_string() };
        for policy in [Policy::redact_all(), blocking()] {
            let received = pass(Inbound::OpenAiChat, &policy, Unscannable::Block, openai_call(&arguments, &cuts));
            let (expected, report) = Engine::standard().redact_json_text(&arguments, &policy).unwrap();
            let got = received.openai();
            if received.step.blocked.is_some() {
                prop_assert!(report.verdict != workjet_dlp::Verdict::Pass);
                prop_assert!(!policy.can_block() || !received.bytes().contains("call_1"));
                continue;
            }
            let got = joined(&got, "0.tool_calls.0.arguments");
            prop_assert!(serde_json::from_str::<Value>(&got).is_ok(), "{got}");
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn nonsense_is_scanned_like_anything_else(events in prop::collection::vec(event_like(), 1..5)) {
        for inbound in [Inbound::OpenAiChat, Inbound::AnthropicMessages] {
            for policy in [Policy::redact_all(), blocking()] {
                let sent = events.iter().cloned().map(Frame::json).collect();
                let received = pass(inbound, &policy, Unscannable::Block, sent);
                let bytes = received.bytes();
                prop_assert!(!bytes.contains("4111 1111 1111 1111"), "{bytes}");
            }
        }
    }

    #[test]
    fn each_block_of_anthropic_gets_what_the_whole_would(
        first in text(), second in text(), document in document(), cuts in cuts(),
    ) {
        let arguments = document.to_string();
        for policy in [Policy::redact_all(), blocking()] {
            let frames = anthropic_stream([&first, &second], &arguments, &cuts);
            let received = pass(Inbound::AnthropicMessages, &policy, Unscannable::Block, frames);
            let got = received.anthropic();
            let [first, second] = [&first, &second].map(|text| Engine::standard().redact(text, &policy));
            let (expected, report) = Engine::standard().redact_json_text(&arguments, &policy).unwrap();
            let is_clear = report.verdict == workjet_dlp::Verdict::Pass;

            // What stops the reply first decides how much of it the client has.
            prop_assert_eq!(joined(&got, "0.text"), first.text.as_ref());
            let (call, last) = match (&first.blocked, is_clear) {
                (None, true) => (expected.as_str(), second.text.as_ref()),
                _ => ("", ""),
            };
            prop_assert_eq!(joined(&got, "1.partial_json"), call);
            prop_assert_eq!(joined(&got, "2.text"), last);
            let is_stopped = first.blocked.is_some() || !is_clear || second.blocked.is_some();
            prop_assert_eq!(received.step.blocked.is_some(), is_stopped);
            if is_stopped {
                assert_stopped(&received);
            }
            prop_assert_eq!(received.bytes().contains("toolu_1"), first.blocked.is_none() && is_clear);
        }
    }
}
