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
