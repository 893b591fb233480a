//! A client's request: looked at, checked, and written again for a provider.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::place::{Fields, Place};
use crate::wire;
use crate::{Inbound, Outbound, RequestError, Written};

/// What must be known of a request before it is admitted and routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The model that the client asked for: a tier, an alias or `provider:model`.
    pub model: String,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// The most output tokens that the client wants, if it said so.
    pub max_output_tokens: Option<u64>,
}

impl Inbound {
    /// Reads what admission and routing need, without checking the rest.
    ///
    /// # Errors
    /// If the body is not an object, `model` is not a string, or `stream` or a token limit has the wrong type.
    pub fn preview(self, body: &Value) -> Result<Preview, RequestError> {
        let root = Place::ROOT;
        let fields = Fields::of(body, &root)?;
        let max_output_tokens = match self {
            Self::OpenAiChat => fields
                .count("max_completion_tokens")?
                .or(fields.count("max_tokens")?),
            Self::AnthropicMessages => fields.count("max_tokens")?,
        };
        Ok(Preview {
            model: fields.need_text("model")?.to_owned(),
            stream: fields.flag("stream")?.unwrap_or(false),
            max_output_tokens,
        })
    }

    /// Like [`preview`](Self::preview), from the body as the client wrote it. What does not matter is passed over.
    ///
    /// # Errors
    /// As [`preview`](Self::preview), and if the body is not JSON or has a field twice at its top: whoever reads it next might
    /// believe the other one.
    pub fn preview_json(self, json: &[u8]) -> Result<Preview, RequestError> {
        let written = read(json)?;
        let mut fields = Map::new();
        for key in ["model", "stream", "max_tokens", "max_completion_tokens"] {
            if let Some(value) = written.get(key) {
                fields.insert(key.to_owned(), from_slice(value)?);
            }
        }
        self.preview(&Value::Object(fields))
    }

    /// Like [`parse`](Self::parse), from the body as the client wrote it, which is how a provider of the same dialect gets it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse) and [`preview_json`](Self::preview_json).
    pub fn parse_json(self, json: Vec<u8>) -> Result<ChatRequest, RequestError> {
        read(&json)?;
        let chat = self.parse(from_slice(&json)?)?;
        Ok(ChatRequest {
            json: Some(json),
            ..chat
        })
    }

    /// Checks the types of every field that this crate knows and keeps the body as the client wrote it.
    ///
    /// # Errors
    /// A field that is missing or of the wrong type, with its path. Fields that the dialect does not have pass: whether
    /// they can be sent on depends on the provider, and [`ChatRequest::encode`] says so.
    pub fn parse(self, body: Value) -> Result<ChatRequest, RequestError> {
        let preview = self.preview(&body)?;
        wire::read_request(self, &body)?;
        Ok(ChatRequest {
            inbound: self,
            preview,
            body,
            json: None,
        })
    }
}

fn read(json: &[u8]) -> Result<Written<'_>, RequestError> {
    // Anything but an object is told from what is no JSON at all.
    let written = match Written::read(json) {
        Ok(written) => written,
        Err(error) if error.is_data() => return Err(Place::ROOT.wrong("an object")),
        Err(error) => return Err(RequestError::not_json(&error)),
    };
    match written.repeated() {
        Some(_) => Err(RequestError::repeated()),
        None => Ok(written),
    }
}

fn from_slice(json: &[u8]) -> Result<Value, RequestError> {
    serde_json::from_slice(json).map_err(|error| RequestError::not_json(&error))
}

/// A request that passed the checks of its dialect.
///
/// `Debug` shows its dialect and flags, never what it says.
#[derive(Clone)]
pub struct ChatRequest {
    inbound: Inbound,
    preview: Preview,
    /// An object.
    body: Value,
    /// The same as it was written, if that is known.
    json: Option<Vec<u8>>,
}

impl ChatRequest {
    /// The dialect that the client speaks.
    pub const fn inbound(&self) -> Inbound {
        self.inbound
    }

    /// The model that the client asked for.
    pub fn model(&self) -> &str {
        &self.preview.model
    }

    /// Whether the client wants a stream.
    pub const fn stream(&self) -> bool {
        self.preview.stream
    }

    /// The most output tokens that the client wants, if it said so.
    pub const fn max_output_tokens(&self) -> Option<u64> {
        self.preview.max_output_tokens
    }

    /// The body as the client wrote it.
    pub fn body(&self) -> &Map<String, Value> {
        self.body.as_object().expect("parse refuses what is no object")
    }

    /// Whether the client asks for log probabilities, which repeat the reply token by token. The gateway refuses that
    /// while its policy may change replies.
    pub fn wants_logprobs(&self) -> bool {
        let field = |key| self.body.get(key);
        self.inbound == Inbound::OpenAiChat
            && (field("logprobs").and_then(Value::as_bool) == Some(true)
                || field("top_logprobs")
                    .and_then(Value::as_u64)
                    .is_some_and(|count| count > 0))
    }

    /// Whether the client asks for usage in its stream. Anthropic's streams always carry it.
    pub fn wants_usage(&self) -> bool {
        match self.inbound {
            Inbound::OpenAiChat => {
                self.body
                    .get("stream_options")
                    .and_then(|options| options.get("include_usage"))
                    == Some(&Value::Bool(true))
            }
            Inbound::AnthropicMessages => true,
        }
    }

    /// A guess at the number of input tokens, from the size of the body's strings: for reservations, and for usage
    /// where a provider does not count. Images and files count as a few hundred tokens each.
    pub fn estimated_input_tokens(&self) -> u64 {
        let bytes = self.body().values().map(text_bytes).sum();
        crate::chat::estimated_tokens(bytes).max(1)
    }

    /// Writes the request for a provider.
    ///
    /// If the provider speaks the client's dialect, the body passes as it was written, byte for byte, but for the model's name,
    /// for usage in OpenAI's streams, which is always asked for, and for messages that hold what this crate put into an
    /// earlier reply. Otherwise it is translated.
    ///
    /// # Errors
    /// [`RequestErrorKind::Unsupported`](crate::RequestErrorKind::Unsupported) for a field that changes the meaning and
    /// has no counterpart, [`RequestErrorKind::BadValue`](crate::RequestErrorKind::BadValue) for a value that the
    /// provider's dialect cannot carry.
    pub fn encode(&self, outbound: Outbound, model: &str) -> Result<ProviderRequest, RequestError> {
        if self.inbound.is_same_as(outbound) {
            return Ok(self.pass(outbound, model));
        }
        let request = wire::read_request(self.inbound, &self.body)?;
        if let Some(path) = request.notes.untranslatable.first() {
            return Err(RequestError::unsupported(path, outbound));
        }
        wire::write_request(
            request,
            outbound,
            model,
            self.stream(),
            self.estimated_input_tokens(),
        )
    }

    fn pass(&self, outbound: Outbound, model: &str) -> ProviderRequest {
        let json = match &self.json {
            Some(json) => Cow::Borrowed(json),
            None => Cow::Owned(to_bytes(&self.body)),
        };
        let mut written = Written::read(&json).expect("parse refuses what is no object");
        if model != self.model() {
            written.set("model", &to_bytes(&model));
        }
        if outbound == Outbound::OpenAi && self.stream() {
            let options = with_usage(written.get("stream_options"));
            written.set("stream_options", &options);
        }
        if let Some((field, value)) = wire::without_our_marks(self.inbound, self.body()) {
            written.set(field, &to_bytes(&value));
        }
        ProviderRequest::new(
            outbound,
            wire::path(outbound).to_owned(),
            written.to_vec(),
            Vec::new(),
        )
    }
}

/// The options of OpenAI's streams, with usage asked for.
fn with_usage(options: Option<&[u8]>) -> Vec<u8> {
    let options = options.and_then(|options| Written::read(options).ok());
    let mut options = options.unwrap_or_else(|| Written::read(b"{}").expect("an object"));
    if options.get("include_usage") != Some(b"true") || options.repeated().is_some() {
        options.set("include_usage", b"true");
    }
    options.to_vec()
}

impl std::fmt::Debug for ChatRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatRequest")
            .field("inbound", &self.inbound)
            .field("stream", &self.stream())
            .finish_non_exhaustive()
    }
}

/// What to send to a provider, but for its address and key.
///
/// `Debug` shows the path and the fields that were dropped, never the body.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderRequest {
    /// Path and query, relative to the provider's base URL, without a leading slash. A model name cannot bend it.
    pub path: String,
    /// Headers that the dialect needs, in lower case; the key is not among them.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The JSON body.
    pub body: Vec<u8>,
    /// Advisory fields of the client's that this dialect has no place for.
    pub dropped: Vec<String>,
}

impl ProviderRequest {
    pub(crate) fn new(outbound: Outbound, path: String, body: Vec<u8>, dropped: Vec<String>) -> Self {
        let mut headers = vec![("content-type", "application/json")];
        if outbound == Outbound::Anthropic {
            headers.push(("anthropic-version", "2023-06-01"));
        }
        Self {
            path,
            headers,
            body,
            dropped,
        }
    }

    /// The whole address: `base_url`, with or without a slash at its end, and the path.
    pub fn url(&self, base_url: &str) -> String {
        format!("{}/{}", base_url.trim_end_matches('/'), self.path)
    }
}

impl std::fmt::Debug for ProviderRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderRequest")
            .field("path", &self.path)
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

pub(crate) fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("JSON values with string keys always serialise")
}

fn text_bytes(value: &Value) -> u64 {
    // Base64 is priced by pixels and pages, which we do not know; a long unbroken string is taken for it.
    const BINARY_OVER: usize = 64 * 1024;
    const BINARY_COUNTS_AS: u64 = 2_000;
    match value {
        Value::String(text) if text.len() > BINARY_OVER && !text.contains(' ') => BINARY_COUNTS_AS,
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| key.len() as u64 + text_bytes(value))
            .sum(),
        Value::Number(_) | Value::Bool(_) | Value::Null => 1,
    }
}
