//! Values of a request that come back in its reply: where they are put, and where they are not.

use std::sync::{Arc, LazyLock};

use crate::client::{Received, block, chunk, event, finish, message_end, pass_through};
use proptest::prelude::*;
use serde_json::{Value, json};
use workjet_dlp::{Action, Engine, Policy, Vault};
use workjet_gateway::release::{ReplyScanner, Unscannable};
use workjet_router::{Data, Frame, Inbound};

/// A value with everything that JSON must escape, and one that needs nothing.
const ODD: &str = "<a \"b\" \\ \n é 🦀>";
const EMAIL: &str = "bob@example.com";

/// The tokens of [`ODD`] and [`EMAIL`], and what knows them.
struct Tokens {
    engine: Engine,
    vault: Arc<Vault>,
    odd: String,
    email: String,
}

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    let odd = workjet_dlp::CustomPattern::new("odd", "<[^>]{1,40}>").unwrap();
    let engine = Engine::builder()
        .preset(workjet_dlp::Preset::Standard)
        .custom(odd)
        .build()
        .unwrap();
    let mut vault = Vault::new([7; 32]);
    let mut token = |value| {
        let policy = Policy::all(Action::Tokenize);
        engine.tokenize(value, &policy, &mut vault).text.into_owned()
    };
    let (odd, email) = (token(ODD), token(EMAIL));
    assert!(odd.starts_with("[ODD:") && email.starts_with("[EMAIL:"));
    Tokens {
        engine: Engine::standard(),
        vault: Arc::new(vault),
        odd,
        email,
    }
});

impl Tokens {
    fn scanner(&self, inbound: Inbound, policy: &Policy) -> ReplyScanner {
        ReplyScanner::new(inbound, &self.engine, policy, Unscannable::Block)
            .with_vault(Arc::clone(&self.vault), false)
    }

    fn openai(&self, policy: &Policy, frames: Vec<Frame>) -> Received {
        pass_through(self.scanner(Inbound::OpenAiChat, policy), frames)
    }

    fn anthropic(&self, policy: &Policy, frames: Vec<Frame>) -> Received {
        pass_through(self.scanner(Inbound::AnthropicMessages, policy), frames)
    }

    fn whole(&self, inbound: Inbound, policy: &Policy, reply: Value) -> Value {
        self.scanner(inbound, policy).release_reply(reply).unwrap().reply
    }
}

fn lenient() -> Policy {
    Policy::all(Action::Off)
}

fn said(frames: impl IntoIterator<Item = String>) -> Vec<Frame> {
    let mut said: Vec<Frame> = frames
        .into_iter()
        .map(|text| chunk(0, json!({ "content": text })))
        .collect();
    said.extend([finish(0, "stop"), Frame::done()]);
    said
}

#[test]
fn value_comes_back_wherever_a_stream_cuts_its_token() {
    let tokens = &*TOKENS;
    let text = format!("Write to {0}, {0}.", tokens.email);
    for policy in [Policy::redact_all(), lenient()] {
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                let received = tokens.openai(&policy, said(pieces.map(str::to_owned)));
                assert_eq!(
                    received.openai()["0.content"],
                    format!("Write to {EMAIL}, {EMAIL}."),
                    "{pieces:?}"
                );
                assert!(received.step.findings.is_empty());
            }
        }
    }
}

#[test]
fn beginning_of_a_token_leaves_before_the_end_when_it_stays_one() {
    let tokens = &*TOKENS;
    let half = &tokens.email[..9];
    let received = tokens.openai(&Policy::redact_all(), said([format!("It is {half}")]));
    assert_eq!(received.openai()["0.content"], format!("It is {half}"));
    let last = received.events().len() - 1;
    assert_eq!(received.events()[last]["choices"][0]["finish_reason"], "stop");

    let mut frames = block(
        0,
        json!({ "type": "text", "text": "" }),
        "text_delta",
        "text",
        &["It is ", half],
    );
    frames.extend(message_end());
    let received = tokens.anthropic(&Policy::redact_all(), frames);
    assert_eq!(received.anthropic()["0.text"], format!("It is {half}"));
}

#[test]
fn only_what_may_become_a_token_of_this_request_waits() {
    let tokens = &*TOKENS;
    let mut scanner = tokens.scanner(Inbound::OpenAiChat, &lenient());
    for text in ["a [link](x) ", "[EMAIL:", "000000] ", "[1] "] {
        let step = scanner.push(chunk(0, json!({ "content": text })));
        let Some(Data::Json(value)) = step.frames.first().map(|frame| &frame.data) else {
            assert_eq!(text, "[EMAIL:");
            continue;
        };
        let got = value["choices"][0]["delta"]["content"].as_str().unwrap();
        assert!(got.ends_with(text), "{got}");
    }
}

#[test]
fn tokens_of_nobody_stay_and_values_of_the_model_are_redacted() {
    let tokens = &*TOKENS;
    let text = format!(
        "{} [EMAIL:000000] [ODD:{}] eve@example.com",
        tokens.email, "0a1b2c"
    );
    let expected = format!("{EMAIL} [EMAIL:000000] [ODD:0a1b2c] [REDACTED:email]");
    for every in [1, 2, 5, 100] {
        let pieces: Vec<String> = text
            .as_bytes()
            .chunks(every)
            .map(|piece| String::from_utf8(piece.to_vec()).unwrap())
            .collect();
        let received = tokens.openai(&Policy::redact_all(), said(pieces));
        assert_eq!(received.openai()["0.content"], expected);
        assert_eq!(received.step.findings.len(), 1, "what is put back is not scanned");
    }
    let reply = json!({ "choices": [{ "index": 0, "message": { "role": "assistant", "content": text } }] });
    let reply = tokens.whole(Inbound::OpenAiChat, &Policy::redact_all(), reply);
    assert_eq!(reply["choices"][0]["message"]["content"], expected);
}

#[test]
fn value_is_put_back_although_the_policy_for_replies_would_block_it() {
    let tokens = &*TOKENS;
    let policy = Policy::all(Action::Block);
    let received = tokens.openai(&policy, said([format!("To {}", tokens.email)]));
    assert!(received.step.blocked.is_none());
    assert_eq!(received.openai()["0.content"], format!("To {EMAIL}"));

    let received = tokens.openai(&policy, said([format!("To {} or eve@example.com", tokens.email)]));
    assert!(received.step.blocked.is_some());
    assert_eq!(received.openai()["0.content"], format!("To {EMAIL} or "));

    // What is held back when the end comes so suddenly is the model's own.
    let half = &tokens.email[..7];
    let received = tokens.openai(&policy, said([format!("To {half}eve@example.com")]));
    assert!(received.step.blocked.is_some());
    assert_eq!(received.openai()["0.content"], format!("To {half}"));
}

#[test]
fn tool_arguments_stay_json_whatever_the_value() {
    let tokens = &*TOKENS;
    let arguments =
        json!({ "to": tokens.odd, "cc": [format!("x {} y", tokens.email)], tokens.email.clone(): 1 });
    let expected = json!({ "to": ODD, "cc": [format!("x {EMAIL} y")], EMAIL: 1 });
    let written = arguments.to_string();
    for policy in [Policy::redact_all(), Policy::all(Action::Block), lenient()] {
        let call =
            json!({ "id": "c", "type": "function", "function": { "name": "f", "arguments": written } });
        let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
        let reply = tokens.whole(
            Inbound::OpenAiChat,
            &policy,
            json!({ "choices": [{ "index": 0, "message": message }] }),
        );
        let got = reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"].as_str();
        assert_eq!(serde_json::from_str::<Value>(got.unwrap()).unwrap(), expected);

        let call = json!({ "type": "tool_use", "id": "c", "name": "f", "input": arguments });
        let reply = tokens.whole(Inbound::AnthropicMessages, &policy, json!({ "content": [call] }));
        assert_eq!(reply["content"][0]["input"], expected);

        for every in [1, 3, 7, 1000] {
            let pieces: Vec<&str> = written
                .as_bytes()
                .chunks(every)
                .map(|piece| std::str::from_utf8(piece).unwrap())
                .collect();
            let mut frames = block(
                0,
                json!({ "type": "tool_use", "id": "c", "name": "f", "input": {} }),
                "input_json_delta",
                "partial_json",
                &pieces,
            );
            frames.extend(message_end());
            let got = tokens.anthropic(&policy, frames).anthropic()["0.partial_json"].clone();
            assert_eq!(serde_json::from_str::<Value>(&got).unwrap(), expected);

            let start = json!({ "index": 0, "id": "c", "type": "function", "function": { "name": "f", "arguments": "" } });
            let mut frames = vec![chunk(0, json!({ "tool_calls": [start] }))];
            frames.extend(pieces.iter().map(|piece| {
                let call = json!({ "index": 0, "function": { "arguments": piece } });
                chunk(0, json!({ "tool_calls": [call] }))
            }));
            frames.extend([finish(0, "tool_calls"), Frame::done()]);
            let got = tokens.openai(&policy, frames).openai()["0.tool_calls.0.arguments"].clone();
            assert_eq!(serde_json::from_str::<Value>(&got).unwrap(), expected);
        }
    }
}

#[test]
fn signed_thinking_keeps_its_tokens_and_other_thinking_does_not() {
    let tokens = &*TOKENS;
    let thought = format!("They mean {}.", tokens.email);
    let thinking = json!({ "type": "thinking", "thinking": thought, "signature": "c2ln" });
    let reply = json!({ "content": [thinking, { "type": "text", "text": thought }] });
    let frames = || {
        let mut frames = block(
            0,
            json!({ "type": "thinking", "thinking": "", "signature": "" }),
            "thinking_delta",
            "thinking",
            &[&thought[..12], &thought[12..]],
        );
        frames.extend(message_end());
        frames
    };
    let restored = format!("They mean {EMAIL}.");

    let signed = tokens.whole(Inbound::AnthropicMessages, &Policy::redact_all(), reply.clone());
    assert_eq!(signed["content"][0]["thinking"], thought);
    assert_eq!(signed["content"][1]["text"], restored);
    let received = tokens.anthropic(&Policy::redact_all(), frames());
    assert_eq!(received.anthropic()["0.thinking"], thought);

    let scanner = || {
        tokens
            .scanner(Inbound::AnthropicMessages, &Policy::redact_all())
            .with_unsigned_thinking()
    };
    let unsigned = scanner().release_reply(reply).unwrap().reply;
    assert_eq!(unsigned["content"][0]["thinking"], restored);
    assert_eq!(
        pass_through(scanner(), frames()).anthropic()["0.thinking"],
        restored
    );
}

#[test]
fn names_and_ids_keep_what_looks_like_a_token() {
    let tokens = &*TOKENS;
    let call = json!({ "id": tokens.email, "type": "function", "function": { "name": tokens.email, "arguments": "{}" } });
    let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    let reply = json!({ "choices": [{ "index": 0, "message": message }] });
    let got = tokens.whole(Inbound::OpenAiChat, &lenient(), reply.clone());
    assert_eq!(got, reply);
}

#[test]
fn parts_that_come_in_one_piece_are_restored_too() {
    let tokens = &*TOKENS;
    let citation =
        json!({ "type": "char_location", "cited_text": tokens.email, "document_title": tokens.email });
    let delta = json!({ "type": "citations_delta", "citation": citation });
    let mut frames = vec![
        event(
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        ),
        event(json!({ "type": "content_block_delta", "index": 0, "delta": delta })),
        event(json!({ "type": "content_block_stop", "index": 0 })),
        event(
            json!({ "type": "message_delta", "delta": { "stop_reason": "stop_sequence", "stop_sequence": tokens.email } }),
        ),
    ];
    frames.extend(message_end());
    let bytes = tokens.anthropic(&Policy::redact_all(), frames).bytes();
    assert_eq!(bytes.matches(EMAIL).count(), 3, "{bytes}");
    assert!(!bytes.contains("[EMAIL:"), "{bytes}");
}

#[test]
fn text_that_was_asked_for_as_json_stays_json() {
    let tokens = &*TOKENS;
    let text = json!({ "note": tokens.odd }).to_string();
    let expected = json!({ "note": ODD });
    let scanner = |inbound| {
        ReplyScanner::new(inbound, &tokens.engine, &Policy::redact_all(), Unscannable::Block)
            .with_vault(Arc::clone(&tokens.vault), true)
    };
    let received = pass_through(
        scanner(Inbound::OpenAiChat),
        said(text.split_inclusive(':').map(str::to_owned)),
    );
    let got = received.openai()["0.content"].clone();
    assert_eq!(serde_json::from_str::<Value>(&got).unwrap(), expected);

    let reply = json!({ "content": [{ "type": "text", "text": text }] });
    let reply = scanner(Inbound::AnthropicMessages)
        .release_reply(reply)
        .unwrap()
        .reply;
    let got = reply["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(got).unwrap(), expected);
}

#[test]
fn probabilities_do_not_spell_tokens_beside_the_text() {
    let tokens = &*TOKENS;
    let logprobs = json!({ "content": [{ "token": "[EMAIL", "logprob": -0.1 }] });
    let choice =
        json!({ "index": 0, "message": { "role": "assistant", "content": "x" }, "logprobs": logprobs });
    let reply = tokens.whole(Inbound::OpenAiChat, &lenient(), json!({ "choices": [choice] }));
    assert_eq!(reply["choices"][0]["logprobs"], Value::Null);
}

/// Text in which tokens, their pieces, their likenesses and sensitive values follow each other.
fn text() -> impl Strategy<Value = String> {
    let (odd, email) = (TOKENS.odd.clone(), TOKENS.email.clone());
    let piece = prop_oneof![
        2 => "[a-z]{1,7} ",
        2 => Just(email.clone()),
        2 => Just(odd),
        1 => (1..email.len()).prop_map(move |end| email[..end].to_owned()),
        1 => Just("[EMAIL:".to_owned()),
        1 => "\\[EMAIL:[0-9a-f]{6}\\]",
        1 => Just("[[".to_owned()),
        1 => Just("4111 1111 1111 1111".to_owned()),
        1 => Just("eve@example.com".to_owned()),
        1 => Just("password: ".to_owned()),
        1 => Just("\\ \"é\"\n".to_owned()),
    ];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

/// Cuts a text into pieces of these many characters, over and over.
fn cut(text: &str, sizes: &[usize]) -> Vec<String> {
    let mut characters = text.chars().peekable();
    let mut sizes = sizes.iter().cycle();
    let mut pieces = Vec::new();
    while characters.peek().is_some() {
        let size = *sizes.next().unwrap();
        pieces.push(characters.by_ref().take(size).collect());
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stream_puts_back_what_the_whole_would(text in text(), cuts in prop::collection::vec(1..12usize, 1..6)) {
        let tokens = &*TOKENS;
        for policy in [Policy::redact_all(), lenient(), Policy::redact_all().with("credit_card", Action::Block)] {
            let scanned = tokens.engine.redact(&text, &policy);
            let expected = tokens.vault.restore(&scanned.text);
            let received = tokens.openai(&policy, said(cut(&text, &cuts)));
            let got = received.openai().get("0.content").cloned().unwrap_or_default();
            prop_assert_eq!(got, expected.as_ref());

            let mut frames = block(
                0,
                json!({ "type": "text", "text": "" }),
                "text_delta",
                "text",
                &cut(&text, &cuts).iter().map(String::as_str).collect::<Vec<_>>(),
            );
            frames.extend(message_end());
            let received = tokens.anthropic(&policy, frames);
            let got = received.anthropic().get("0.text").cloned().unwrap_or_default();
            prop_assert_eq!(got, expected.as_ref());
        }
    }

    #[test]
    fn arguments_are_json_and_say_what_the_whole_would(
        texts in prop::collection::vec(text(), 1..4),
        cuts in prop::collection::vec(1..12usize, 1..6),
    ) {
        let tokens = &*TOKENS;
        let arguments = json!({ "list": texts }).to_string();
        for policy in [Policy::redact_all(), lenient()] {
            let (scanned, _) = tokens.engine.redact_json_text(&arguments, &policy).unwrap();
            let expected = tokens.vault.restore_json(&scanned);
            let call = |function: Value| chunk(0, json!({ "tool_calls": [{ "index": 0, "function": function }] }));
            let mut frames = vec![call(json!({ "name": "f", "arguments": "" }))];
            frames.extend(cut(&arguments, &cuts).into_iter().map(|piece| call(json!({ "arguments": piece }))));
            frames.extend([finish(0, "tool_calls"), Frame::done()]);
            let received = tokens.openai(&policy, frames);
            let got = received.openai()["0.tool_calls.0.arguments"].clone();
            prop_assert!(serde_json::from_str::<Value>(&got).is_ok());
            prop_assert_eq!(got, expected.as_ref());
        }
    }
}
