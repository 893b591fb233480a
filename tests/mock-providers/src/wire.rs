//! Turns events into the chunks that are written to the socket, cut wherever a script wants them cut.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::Value;

use crate::dialect::{Asked, Dialect, Event};
use crate::script::Wire;

/// The bytes of one document or of a stream, in the order of their chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunks {
    /// Each is written by itself.
    pub(crate) chunks: Vec<Bytes>,
    /// Whether the connection is dropped after the last one.
    pub(crate) dropped: bool,
}

/// The chunks of a stream.
pub(crate) fn stream(asked: &Asked, events: &[Event], wire: &Wire) -> Chunks {
    let encoded = events
        .iter()
        .enumerate()
        .map(|(at, event)| encode(asked, event, at, wire).into());
    cut(encoded.collect(), wire)
}

/// The chunks of a document.
pub(crate) fn whole(document: &Value, wire: &Wire) -> Chunks {
    cut(vec![json(document, wire.escape).into()], wire)
}

/// The chunks of a body that follows no dialect.
pub(crate) fn raw(body: Vec<u8>, wire: &Wire) -> Chunks {
    cut(vec![body.into()], wire)
}

fn cut(mut chunks: Vec<Bytes>, wire: &Wire) -> Chunks {
    if wire.bytes > 0 {
        let all = chunks.concat();
        chunks = all.chunks(wire.bytes).map(Bytes::copy_from_slice).collect();
    }
    let Some(cut) = wire.cut else {
        return Chunks {
            chunks,
            dropped: false,
        };
    };
    let mut left = cut.after;
    let mut kept = Vec::new();
    for chunk in chunks {
        if left == 0 {
            break;
        }
        let length = chunk.len().min(left);
        left -= length;
        kept.push(chunk.slice(..length));
    }
    Chunks {
        chunks: kept,
        dropped: !cut.clean,
    }
}

fn encode(asked: &Asked, event: &Event, at: usize, wire: &Wire) -> String {
    let end = if wire.crlf { "\r\n" } else { "\n" };
    let (name, data) = match event {
        Event::Json { name, data } => (*name, json(data, wire.escape)),
        Event::Done => (None, "[DONE]".to_owned()),
    };
    if asked.dialect == Dialect::Ollama {
        return data + end;
    }
    let mut text = String::new();
    if wire.comments {
        write!(text, ": keep-alive {at}{end}{end}").expect("writing to a string succeeds");
        // A ping may stand anywhere but before the start.
        if asked.dialect == Dialect::Anthropic && at > 0 {
            write!(text, "event: ping{end}data: {{\"type\": \"ping\"}}{end}{end}")
                .expect("writing to a string succeeds");
        }
    }
    if let Some(name) = name {
        write!(text, "event: {name}{end}").expect("writing to a string succeeds");
    }
    match data.strip_prefix('{').filter(|_| wire.split_data) {
        Some(rest) => write!(text, "data: {{{end}data: {rest}{end}{end}"),
        None => write!(text, "data: {data}{end}{end}"),
    }
    .expect("writing to a string succeeds");
    text
}

/// JSON text, with every character of every string value as a `\u` escape if asked.
fn json(value: &Value, escape: bool) -> String {
    if !escape {
        return value.to_string();
    }
    match value {
        Value::String(text) => {
            let mut written = String::from('"');
            for unit in text.encode_utf16() {
                write!(written, "\\u{unit:04x}").expect("writing to a string succeeds");
            }
            written.push('"');
            written
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| json(item, true)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), json(value, true)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::script::Cut;

    #[test]
    fn escaped_json_means_the_same() {
        let value = json!({"text": "né 4111 😀 \"quoted\" \\", "list": [1, null, "x"]});
        let text = super::json(&value, true);
        assert!(text.is_ascii() && !text.contains("4111"));
        assert_eq!(serde_json::from_str::<Value>(&text).expect("is JSON"), value);
    }

    #[test]
    fn a_cut_keeps_the_bytes_before_it_in_chunks_of_the_asked_size() {
        let wire = Wire {
            bytes: 3,
            cut: Some(Cut {
                after: 7,
                clean: false,
            }),
            ..Wire::default()
        };
        let chunks = raw(b"0123456789".to_vec(), &wire);
        assert_eq!(chunks.chunks, ["012", "345", "6"].map(Bytes::from));
        assert!(chunks.dropped);
    }
}
