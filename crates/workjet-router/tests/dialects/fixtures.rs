//! Test data and the small things that every test needs.

use serde_json::{Value, json};
use workjet_router::{ChatRequest, Frame, Inbound, Outbound, Stamp, StreamError, StreamTranslator};

pub(crate) const INBOUNDS: [Inbound; 2] = [Inbound::OpenAiChat, Inbound::AnthropicMessages];
pub(crate) const OUTBOUNDS: [Outbound; 4] = [
    Outbound::OpenAi,
    Outbound::Anthropic,
    Outbound::Google,
    Outbound::Ollama,
];

/// All eight pairs of a client's and a provider's dialect.
pub(crate) fn pairs() -> impl Iterator<Item = (Inbound, Outbound)> {
    INBOUNDS
        .into_iter()
        .flat_map(|inbound| OUTBOUNDS.map(|outbound| (inbound, outbound)))
}

#[allow(clippy::disallowed_methods, reason = "reads test data")]
pub(crate) fn file(path: &str) -> Vec<u8> {
    let path = format!("{}/testdata/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A provider's stream: `text`, `tools` or `error`.
pub(crate) fn stream(outbound: Outbound, name: &str) -> Vec<u8> {
    let extension = if outbound == Outbound::Ollama {
        "ndjson"
    } else {
        "sse"
    };
    file(&format!("{outbound}/{name}.{extension}"))
}

/// A provider's whole reply: `text`, `tools` or `error`.
pub(crate) fn whole(outbound: Outbound, name: &str) -> Vec<u8> {
    file(&format!("{outbound}/{name}.json"))
}

/// A long request of a client's, with a system prompt, an image, tools and their results.
pub(crate) fn long_request(inbound: Inbound) -> Value {
    serde_json::from_slice(&file(&format!("requests/{inbound}.json"))).unwrap()
}

/// The shortest request of a client's, with `more` in it.
pub(crate) fn request(inbound: Inbound, more: Value) -> Value {
    let mut body = json!({"model": "fast", "messages": [{"role": "user", "content": "Hello"}]});
    if inbound == Inbound::AnthropicMessages {
        body["max_tokens"] = 100.into();
    }
    let Value::Object(more) = more else {
        panic!("an object")
    };
    body.as_object_mut().unwrap().extend(more);
    body
}

pub(crate) fn parsed(inbound: Inbound, more: Value) -> ChatRequest {
    inbound.parse(request(inbound, more)).unwrap()
}

pub(crate) fn streaming(inbound: Inbound) -> ChatRequest {
    parsed(
        inbound,
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    )
}

pub(crate) fn stamp() -> Stamp {
    Stamp {
        id: "req-1".to_owned(),
        created: 1_763_900_000,
    }
}

pub(crate) fn translator(outbound: Outbound, inbound: Inbound) -> StreamTranslator {
    StreamTranslator::new(outbound, inbound, &streaming(inbound), stamp())
}

/// Runs a whole stream, cut into `chunks`.
pub(crate) fn run<'a>(
    translator: &mut StreamTranslator,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Frame>, Result<(), StreamError>) {
    let mut frames = Vec::new();
    for chunk in chunks {
        match translator.push(chunk) {
            Ok(more) => frames.extend(more),
            Err(error) => return (frames, Err(error)),
        }
    }
    match translator.finish() {
        Ok(more) => {
            frames.extend(more);
            (frames, Ok(()))
        }
        Err(error) => (frames, Err(error)),
    }
}

/// Server-Sent Events of `data:` lines alone.
pub(crate) fn sse(events: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        Frame::json(event.clone()).encode(&mut bytes);
    }
    bytes
}

/// Anthropic's events, each named by its type.
pub(crate) fn named_sse(events: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        Frame::named(event["type"].as_str().unwrap().to_owned(), event.clone()).encode(&mut bytes);
    }
    bytes
}
