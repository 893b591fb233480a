//! A card number is planted in every position of every kind of message, and must never come through.
//!
//! The positions are not listed: they are all strings, keys, arrays and objects of the documents in
//! `testdata/coverage`, which hold every field of a dialect that the map names, and some that nobody knows.

use crate::client::pass;
use serde_json::{Value, json};
use workjet_dlp::{Action, CustomPattern, Engine, Policy, Verdict};
use workjet_gateway::coverage;
use workjet_gateway::release::{ReplyScanner, Unscannable};
use workjet_router::{Frame, Inbound, Outbound};

const CANARY: &str = "4111 1111 1111 1111";
const DIALECTS: [Inbound; 2] = [Inbound::OpenAiChat, Inbound::AnthropicMessages];

macro_rules! testdata {
    ($inbound:expr, $kind:literal) => {
        serde_json::from_str::<Value>(match $inbound {
            Inbound::AnthropicMessages => {
                include_str!(concat!("../../testdata/coverage/anthropic_", $kind, ".json"))
            }
            _ => include_str!(concat!("../../testdata/coverage/openai_", $kind, ".json")),
        })
        .unwrap()
    };
}

/// Every way to plant something in a document: where, and the document that has it there.
fn planted(document: &Value) -> Vec<(String, Value)> {
    let mut plants = Vec::new();
    plant(document, String::new(), &mut plants);
    let sow = |(place, replacement): (String, Value)| {
        let mut document = document.clone();
        *document.pointer_mut(&place).unwrap() = replacement;
        (place, document)
    };
    plants.into_iter().map(sow).collect()
}

/// What may stand at `place` and below instead of what does.
fn plant(value: &Value, place: String, plants: &mut Vec<(String, Value)>) {
    let mut put = |replacement: Value| plants.push((place.clone(), replacement));
    put(json!(CANARY));
    put(json!([{ "type": CANARY }]));
    match value {
        Value::String(text) => {
            put(json!(format!("{text} {CANARY}")));
            if let Ok(inner @ Value::Object(_)) = serde_json::from_str(text) {
                for (_, inner) in planted(&inner) {
                    // Written with escapes, which hide it from a scan of the string as it stands.
                    put(json!(inner.to_string().replace("4111 ", "\\u0034111 ")));
                }
            }
        }
        Value::Array(items) => {
            put(items.iter().cloned().chain([json!(CANARY)]).collect());
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| plant(item, format!("{place}/{at}"), plants));
        }
        Value::Object(fields) => {
            let unknown = [
                json!(CANARY),
                json!({ "deep": [{ "down": CANARY }] }),
                json!(4111111111111111u64),
                json!({ CANARY: 1 }),
            ];
            for field in unknown {
                let mut fields = fields.clone();
                fields.insert("unknown".into(), field);
                put(Value::Object(fields));
            }
            let mut with_key = fields.clone();
            with_key.insert(CANARY.into(), json!("an unknown key"));
            put(Value::Object(with_key));
            fields
                .iter()
                .for_each(|(key, field)| plant(field, format!("{place}/{}", key.replace('/', "~1")), plants));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a canary lives in a document: in a string, a key, a number, or a document within a string.
fn carries_canary(value: &Value) -> bool {
    let alive = |text: &str| text.contains(CANARY) || text.contains("4111111111111111");
    match value {
        Value::String(text) => {
            alive(text)
                || serde_json::from_str::<Value>(text)
                    .is_ok_and(|inner| inner != *value && carries_canary(&inner))
        }
        Value::Number(number) => alive(&number.to_string()),
        Value::Array(items) => items.iter().any(carries_canary),
        Value::Object(fields) => fields
            .iter()
            .any(|(key, field)| alive(key) || carries_canary(field)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// A request in small ones that together hold everything it holds: scanning the large one for every position would take
/// its time.
fn taken_apart(request: &Value) -> Vec<Value> {
    let mut rest = request.clone();
    let mut parts = Vec::new();
    for list in ["messages", "tools"] {
        let items = std::mem::replace(&mut rest[list], json!([]));
        parts.extend(
            items
                .as_array()
                .unwrap()
                .iter()
                .map(|item| json!({ list: [item] })),
        );
    }
    parts.push(rest);
    parts
}

#[test]
fn no_canary_reaches_a_provider() {
    let (engine, policy) = (Engine::standard(), Policy::redact_all());
    for inbound in DIALECTS {
        let parts = taken_apart(&testdata!(inbound, "request"));
        let plants: Vec<_> = parts.iter().flat_map(planted).collect();
        assert!(plants.len() > 500, "{} plants", plants.len());
        for (place, mut request) in plants {
            assert!(carries_canary(&request), "nothing was planted at {place}");
            let report = engine.redact_json(&mut request, coverage::request(inbound), &policy);
            let leaves = report.verdict == Verdict::Pass && report.unscannable.is_empty();
            assert!(
                !(leaves && carries_canary(&request)),
                "{inbound}: a canary at {place} leaves: {request}"
            );
            assert!(
                !report.findings.is_empty(),
                "{inbound}: a canary at {place} is not reported"
            );
        }
    }
}

#[test]
fn no_canary_comes_back_to_life_in_translation() {
    let (engine, policy) = (Engine::standard(), Policy::redact_all());
    let providers = [
        Outbound::OpenAi,
        Outbound::Anthropic,
        Outbound::Google,
        Outbound::Ollama,
    ];
    let mut sent = 0;
    for inbound in DIALECTS {
        for (place, mut request) in taken_apart(&testdata!(inbound, "request"))
            .iter()
            .flat_map(planted)
        {
            let report = engine.redact_json(&mut request, coverage::request(inbound), &policy);
            if report.verdict != Verdict::Pass || !report.unscannable.is_empty() {
                continue;
            }
            // What does not parse or cannot be said in a provider's dialect does not leave either.
            let Ok(request) = inbound.parse(request) else {
                continue;
            };
            for request in providers
                .iter()
                .filter_map(|provider| request.encode(*provider, "m").ok())
            {
                sent += 1;
                let body = serde_json::from_slice(&request.body).unwrap();
                assert!(
                    !carries_canary(&body),
                    "{inbound}: a canary at {place} leaves in {body}"
                );
            }
        }
    }
    assert!(sent > 300, "{sent} requests");
}

#[test]
fn no_canary_returns_in_a_whole_reply() {
    let (engine, policy) = (Engine::standard(), Policy::redact_all());
    for inbound in DIALECTS {
        for (place, reply) in planted(&testdata!(inbound, "reply")) {
            // Token probabilities are taken out, whatever they hold.
            let scanner = ReplyScanner::new(inbound, &engine, &policy, Unscannable::Block);
            if let Ok(released) = scanner.release_reply(reply) {
                assert!(
                    !carries_canary(&released.reply),
                    "{inbound}: a canary at {place} returns"
                );
            }
        }
    }
}

fn frames(document: &Value) -> Vec<Frame> {
    let events = document.as_array().unwrap().iter().cloned();
    events
        .map(|event| match event["type"].as_str().map(str::to_owned) {
            Some(name) => Frame::named(name, event),
            None => Frame::json(event),
        })
        .collect()
}

#[test]
fn no_canary_returns_in_a_stream() {
    let policies = [
        Policy::redact_all(),
        Policy::redact_all().with("email", Action::Block),
    ];
    for inbound in DIALECTS {
        for event in testdata!(inbound, "stream").as_array().unwrap() {
            for (at, (place, planted)) in planted(event).into_iter().enumerate() {
                let sent = frames(&json!([planted]));
                let received = pass(inbound, &policies[at % 2], Unscannable::Block, sent);
                let alive = received.events().into_iter().any(carries_canary);
                assert!(!alive, "{inbound}: a canary at {place} of {event} returns");
            }
        }
    }
}

#[test]
fn messages_without_findings_pass_unchanged() {
    let (engine, policy) = (Engine::standard(), Policy::redact_all());
    for inbound in DIALECTS {
        let request = testdata!(inbound, "request");
        let mut scanned = request.clone();
        let report = engine.redact_json(&mut scanned, coverage::request(inbound), &policy);
        assert_eq!((report.verdict, report.unscannable.len()), (Verdict::Pass, 0));
        assert_eq!(scanned, request);

        let reply = testdata!(inbound, "reply");
        let scanner = ReplyScanner::new(inbound, &engine, &policy, Unscannable::Block);
        assert_eq!(scanner.release_reply(reply.clone()).unwrap().reply, reply);

        let stream = testdata!(inbound, "stream");
        let sent = frames(&stream);
        let received = pass(
            inbound,
            &Policy::all(Action::Warn),
            Unscannable::Block,
            sent.clone(),
        );
        assert!(received.step.blocked.is_none() && received.step.findings.is_empty());
        let received = pass(inbound, &policy, Unscannable::Block, sent);
        assert!(received.step.blocked.is_none(), "{:?}", received.step.blocked);
        assert!(received.step.findings.is_empty());
    }
}

#[test]
fn words_of_the_dialect_are_not_looked_at() {
    let word = "assistant|user|system|text|function|stop|tool_calls|end_turn|message|auto|ephemeral";
    let word = CustomPattern::new("word", word).unwrap();
    let engine = Engine::builder().custom(word).build().unwrap();
    let policy = Policy::redact_all();
    let cases = [
        (
            Inbound::OpenAiChat,
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a text" }] }], "tool_choice": "auto" }),
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a [REDACTED:word]" }] }], "tool_choice": "auto" }),
        ),
        (
            Inbound::AnthropicMessages,
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a text", "cache_control": { "type": "ephemeral" } }] }] }),
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a [REDACTED:word]", "cache_control": { "type": "ephemeral" } }] }] }),
        ),
    ];
    for (inbound, mut request, expected) in cases {
        let report = engine.redact_json(&mut request, coverage::request(inbound), &policy);
        assert_eq!(report.verdict, Verdict::Pass);
        assert_eq!(request, expected);
    }

    let reply = json!({ "object": "chat.completion", "choices": [{ "finish_reason": "stop", "message": { "role": "assistant", "content": "stop" } }] });
    let scanner = ReplyScanner::new(Inbound::OpenAiChat, &engine, &policy, Unscannable::Block);
    let released = scanner.release_reply(reply).unwrap().reply;
    assert_eq!(released["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        released["choices"][0]["message"],
        json!({ "role": "assistant", "content": "[REDACTED:word]" })
    );
}

#[test]
fn images_files_and_audio_are_unscannable() {
    let (engine, policy) = (Engine::standard(), Policy::redact_all());
    for inbound in DIALECTS {
        for case in testdata!(inbound, "request_binary").as_array().unwrap() {
            let report =
                engine.redact_json(&mut case["request"].clone(), coverage::request(inbound), &policy);
            assert_eq!(report.verdict, Verdict::Pass);
            let paths: Vec<_> = report
                .unscannable
                .iter()
                .map(workjet_dlp::Unscannable::path)
                .collect();
            assert_eq!(paths, [case["path"].as_str().unwrap()], "{inbound}");
        }
    }
}

#[test]
fn names_that_must_match_elsewhere_refuse() {
    let (engine, policy) = (Engine::standard(), Policy::redact_all());
    let refusing = [
        (Inbound::OpenAiChat, "/model"),
        (Inbound::OpenAiChat, "/messages/4/tool_calls/0/id"),
        (Inbound::OpenAiChat, "/messages/4/tool_calls/0/function/name"),
        (Inbound::OpenAiChat, "/messages/6/tool_call_id"),
        (Inbound::OpenAiChat, "/tools/0/function/name"),
        (Inbound::AnthropicMessages, "/model"),
        (Inbound::AnthropicMessages, "/messages/2/content/4/id"),
        (Inbound::AnthropicMessages, "/messages/3/content/0/tool_use_id"),
        (Inbound::AnthropicMessages, "/tools/0/name"),
    ];
    for (inbound, place) in refusing {
        let mut request = testdata!(inbound, "request");
        *request.pointer_mut(place).unwrap() = json!(CANARY);
        let report = engine.redact_json(&mut request, coverage::request(inbound), &policy);
        assert!(
            matches!(report.verdict, Verdict::Refused(_)),
            "{inbound} {place}: {:?}",
            report.verdict
        );
    }
}

#[test]
fn findings_show_keys_of_the_dialect_and_none_of_the_caller() {
    let (engine, policy) = (Engine::standard(), Policy::redact_all());
    let mut request = json!({
        "messages": [{ "role": "user", "content": CANARY }],
        "metadata": { "secret project": CANARY },
        "my own key": { "inner": [CANARY] },
    });
    let report = engine.redact_json(&mut request, coverage::request(Inbound::OpenAiChat), &policy);
    let paths: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.path().unwrap())
        .collect();
    assert_eq!(paths, ["messages[0].content", "metadata.*", "*.*[0]"]);
}
