//! What comes from outside may hold anything anywhere: nothing panics, and no error repeats a value.

use serde_json::{Value, json};
use workjet_router::{Frame, Inbound, Outbound, ReplyTranslator};

use crate::fixtures::{OUTBOUNDS, long_request, pairs, parsed, run, stamp, stream, translator, whole};

/// A value that no message may repeat.
const CANARY: &str = "canary-4111";

/// The document with each of its values in turn replaced by one of every JSON type, or taken away.
fn mangled(document: &Value) -> Vec<Value> {
    let mut pointers = Vec::new();
    collect(document, String::new(), &mut pointers);
    let mut all = Vec::new();
    for pointer in pointers {
        for other in [
            json!(null),
            json!(-7.5),
            json!(true),
            json!(CANARY),
            json!([CANARY]),
            json!({CANARY: CANARY}),
        ] {
            let mut copy = document.clone();
            *copy.pointer_mut(&pointer).unwrap() = other;
            all.push(copy);
        }
        let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
        let mut copy = document.clone();
        if let Some(Value::Object(map)) = copy.pointer_mut(parent) {
            map.remove(key);
            all.push(copy);
        }
    }
    all
}

fn collect(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| collect(value, format!("{at}/{key}"), pointers)),
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(index, value)| collect(value, format!("{at}/{index}"), pointers));
        }
        _ => {}
    }
    pointers.push(at);
}

#[test]
fn mangled_requests_are_taken_or_refused_without_repeating_them() {
    for inbound in [Inbound::OpenAiChat, Inbound::AnthropicMessages] {
        for body in mangled(&long_request(inbound)) {
            let told = match inbound.parse(body) {
                Err(error) => vec![error.to_string()],
                Ok(request) => {
                    let encode =
                        |outbound| request.encode(outbound, "m").err().map(|error| error.to_string());
                    OUTBOUNDS.into_iter().filter_map(encode).collect()
                }
            };
            assert!(!told.iter().any(|message| message.contains(CANARY)), "{told:?}");
        }
    }
}

#[test]
fn mangled_replies_are_taken_or_refused() {
    for (inbound, outbound) in pairs() {
        let translator = ReplyTranslator::new(outbound, inbound, &parsed(inbound, json!({})), stamp());
        for name in ["text", "tools", "error"] {
            for body in mangled(&serde_json::from_slice(&whole(outbound, name)).unwrap()) {
                let bytes = serde_json::to_vec(&body).unwrap();
                if let Err(error) = translator.reply(&bytes) {
                    assert!(!error.to_string().contains("secret"));
                }
                assert!(!translator.error(500, &bytes).to_string().contains("secret"));
            }
        }
    }
}

#[test]
fn mangled_streams_end_in_a_terminator_or_an_error() {
    for (inbound, outbound) in pairs() {
        let events = events(outbound);
        for (position, event) in events.iter().enumerate() {
            for other in mangled(event) {
                let mut changed = events.clone();
                changed[position] = other;
                let (frames, end) = run(
                    &mut translator(outbound, inbound),
                    [encoded(outbound, &changed).as_slice()],
                );
                assert_eq!(frames.last().is_some_and(Frame::is_terminator), end.is_ok());
                for frame in &frames {
                    let _ = inbound.said_bytes(frame);
                }
            }
        }
    }
}

/// The JSON documents of a provider's `tools` stream.
fn events(outbound: Outbound) -> Vec<Value> {
    let text = String::from_utf8(stream(outbound, "tools")).unwrap();
    let lines = text
        .lines()
        .map(|line| line.strip_prefix("data: ").unwrap_or(line));
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn encoded(outbound: Outbound, events: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        match outbound {
            Outbound::Ollama => bytes.extend_from_slice(format!("{event}\n").as_bytes()),
            _ => bytes.extend_from_slice(format!("data: {event}\n\n").as_bytes()),
        }
    }
    if outbound == Outbound::OpenAi {
        bytes.extend_from_slice(b"data: [DONE]\n\n");
    }
    bytes
}
