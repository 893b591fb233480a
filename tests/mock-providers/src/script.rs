//! What a provider shall do: the scripts that tests send to the control endpoint.
//!
//! A script is neutral: the same one makes any of the four dialects reply. What a dialect cannot say (a refusal from
//! Ollama, say) it leaves out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// How to answer one request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What the reply says.
    pub reply: Reply,
    /// Reply with the request's body, as text, instead of `reply.parts`.
    pub echo: bool,
    /// In the reply's texts and arguments, and in an error's message, `$1` stands for the first token such as
    /// `[EMAIL:7f3a9c]` that the request holds, `$2` for the second other one, up to `$9`.
    pub tokens: bool,
    /// Answer with an HTTP error instead of a reply.
    pub error: Option<Failure>,
    /// Send these bytes as the whole body, whatever the dialect says.
    pub raw: Option<Raw>,
    /// How the bytes go onto the wire.
    pub wire: Wire,
}

/// The content of a reply.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reply {
    /// In the order in which they are said.
    pub parts: Vec<Part>,
    /// Why the model stopped; guessed from the parts if absent.
    pub stop: Option<Stop>,
    /// What the reply cost.
    pub usage: Usage,
    /// The model that claims to have answered; the one asked for, if absent.
    pub model: Option<String>,
    /// Characters in each streamed fragment; 0 sends each part in one.
    pub every: usize,
    /// Fields to merge into the reply (whole) or into its first event (stream): what Workjet does not know.
    pub extra: BTreeMap<String, Value>,
}

/// A piece of a reply.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// A refusal; a channel of its own in OpenAI's dialect, plain text elsewhere.
    Refusal(String),
    /// Reasoning that the reply shows, signed where the dialect signs it.
    Thinking {
        /// The reasoning itself.
        text: String,
        /// Anthropic's `signature`, Google's `thoughtSignature`.
        signature: Option<String>,
    },
    /// A call of one of the client's tools.
    Tool {
        /// The call's id; Google and Ollama have none.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments: an object, or a string that is sent as it is where the dialect sends text.
        arguments: Value,
    },
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It had said all.
    End,
    /// The token limit was reached.
    Length,
    /// It wants a tool's result.
    Tool,
    /// It declined.
    Refusal,
}

/// Tokens by class. Each dialect adds them up as its provider does.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Usage {
    /// Input tokens that came from no cache and went into none.
    pub input: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Written to the five-minute cache.
    pub cache_write_5m: u64,
    /// Written to the one-hour cache.
    pub cache_write_1h: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            input: 11,
            cache_read: 0,
            cache_write_5m: 0,
            cache_write_1h: 0,
            output: 7,
            reasoning: 0,
        }
    }
}

/// An HTTP error, in the dialect's shape unless `body` says otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The HTTP status.
    pub status: u16,
    /// What the provider complains of.
    #[serde(default)]
    pub message: String,
    /// More headers, such as `retry-after`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, instead of the dialect's error.
    pub body: Option<String>,
}

/// A body that follows no dialect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Its `content-type`.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The bytes in base64, so that they need not be UTF-8.
    pub base64: String,
}

/// How the bytes of a reply go onto the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wire {
    /// Send chunks of this many bytes, wherever that cuts; 0 sends one chunk an event.
    pub bytes: usize,
    /// End lines with CR LF.
    pub crlf: bool,
    /// Put SSE comments before each event, and Anthropic's `ping` events.
    pub comments: bool,
    /// Write every character of a string as a `\u` escape.
    pub escape: bool,
    /// Spread each event's data over two `data:` lines, which is only legal between JSON tokens.
    pub split_data: bool,
    /// Stop after this many bytes.
    pub cut: Option<Cut>,
    /// Report an error in the dialect's own way after this many events of a stream, and stop.
    pub error_after: Option<usize>,
    /// Never send a byte.
    pub hang: bool,
    /// Send this many events of a stream, then nothing more, and keep the connection open.
    pub hang_after: Option<usize>,
    /// Send each event (each chunk, if `bytes` is set) only once a test has released it.
    pub gate: bool,
    /// Pause after each chunk: for demonstrations, no test should depend on it.
    pub pause_ms: u64,
}

/// Where a reply breaks off.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// After this many bytes of the body.
    pub after: usize,
    /// Whether the body ends as if it were complete; otherwise the connection is dropped.
    #[serde(default)]
    pub clean: bool,
}

impl Reply {
    /// What the reply stops with, if the script does not say.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.unwrap_or_else(|| {
            if self.parts.iter().any(|part| matches!(part, Part::Tool { .. })) {
                Stop::Tool
            } else {
                Stop::End
            }
        })
    }
}

impl Script {
    /// The script with the words of a request in it, where it asks for them.
    pub(crate) fn spoken(mut self, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        if self.echo {
            self.reply.parts = vec![Part::Text(body.clone().into_owned())];
        }
        if self.tokens {
            let tokens = tokens(&body);
            for part in &mut self.reply.parts {
                match part {
                    Part::Text(text) | Part::Refusal(text) | Part::Thinking { text, .. } => {
                        fill(text, &tokens);
                    }
                    Part::Tool { arguments, .. } => fill_all(arguments, &tokens),
                }
            }
            if let Some(error) = &mut self.error {
                fill(&mut error.message, &tokens);
            }
        }
        self
    }
}

/// What has the form of a token, each once, in the order in which they first stand there.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for (at, _) in text.match_indices('[') {
        let rest = &text[at + 1..];
        let Some((name, digits)) = rest.split_once(']').and_then(|(inner, _)| inner.split_once(':')) else {
            continue;
        };
        let is_name = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_';
        let is_digit = |char: char| char.is_ascii_digit() || ('a'..='f').contains(&char);
        let token = &text[at..][..name.len() + digits.len() + "[:]".len()];
        if name.chars().all(is_name)
            && digits.len() == 6
            && digits.chars().all(is_digit)
            && !tokens.contains(&token)
        {
            tokens.push(token);
        }
    }
    tokens
}

fn fill(text: &mut String, tokens: &[&str]) {
    for (number, token) in (1..=9).zip(tokens) {
        *text = text.replace(&format!("${number}"), token);
    }
}

fn fill_all(value: &mut Value, tokens: &[&str]) {
    match value {
        Value::String(text) => fill(text, tokens),
        Value::Array(items) => items.iter_mut().for_each(|item| fill_all(item, tokens)),
        Value::Object(fields) => {
            for (mut key, mut value) in std::mem::take(fields) {
                fill(&mut key, tokens);
                fill_all(&mut value, tokens);
                fields.insert(key, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Cuts `text` into pieces of `every` characters; 0 leaves it whole. An empty text is no piece at all.
pub(crate) fn pieces(text: &str, every: usize) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    if every == 0 {
        return vec![text.to_owned()];
    }
    let characters: Vec<char> = text.chars().collect();
    characters
        .chunks(every)
        .map(|piece| piece.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_of_the_request_are_put_into_the_reply() {
        let script: Script = serde_json::from_value(json!({
            "tokens": true,
            "reply": { "parts": [{ "text": "$2, $1, $3" }, { "tool": { "id": "c", "name": "f", "arguments": { "$1": ["$2"] } } }] },
        }))
        .expect("a script");
        let body = b"[[1], [EMAIL:7f3a9c] [EMAIL:7f3a9c] [email:7f3a9c] [PHONE:00000] [US_SSN:abcdef]";
        let parts = script.spoken(body).reply.parts;
        assert!(matches!(&parts[0], Part::Text(text) if text == "[US_SSN:abcdef], [EMAIL:7f3a9c], $3"));
        let expected = json!({ "[EMAIL:7f3a9c]": ["[US_SSN:abcdef]"] });
        assert!(matches!(&parts[1], Part::Tool { arguments, .. } if *arguments == expected));
    }
}
