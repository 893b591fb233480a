//! The four dialects: a neutral reply becomes one document, or the events of a stream.
//!
//! Written from the providers' published descriptions and independent of `workjet-router` on purpose: a mistake made on
//! one side must not be cancelled out by the same mistake on the other.

mod anthropic;
mod google;
mod ollama;
mod openai;

use serde_json::{Value, json};

use crate::script::{Reply, Script};

/// A provider's dialect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// Chat completions.
    OpenAi,
    /// Messages.
    Anthropic,
    /// `generateContent`.
    Google,
    /// The native `/api/chat`.
    Ollama,
}

/// A request as far as a provider must understand it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The dialect that the path belongs to.
    pub(crate) dialect: Dialect,
    /// The model, from the body or the path.
    pub(crate) model: String,
    /// Whether the reply is to be streamed.
    pub(crate) stream: bool,
    /// Whether the caller wants a chunk with the usage (OpenAI).
    pub(crate) include_usage: bool,
    /// Whether only the tokens are to be counted (Anthropic).
    pub(crate) count_only: bool,
}

/// One event of a stream.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// An SSE event with a name, or a line of NDJSON.
    Json {
        /// The `event:` line.
        name: Option<&'static str>,
        /// The data.
        data: Value,
    },
    /// `data: [DONE]`
    Done,
}

impl Event {
    fn data(data: Value) -> Self {
        Self::Json { name: None, data }
    }
}

impl Asked {
    /// Understands a request, or returns `None` if no dialect has such a path.
    pub(crate) fn parse(path: &str, body: &Value) -> Option<Self> {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let stream = body["stream"].as_bool().unwrap_or(false);
        let asked = |dialect, model, stream| Self {
            dialect,
            model,
            stream,
            include_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            count_only: false,
        };
        if let Some(call) = path.strip_prefix("/v1beta/models/") {
            let (model, method) = call.rsplit_once(':')?;
            let stream = match method {
                "generateContent" => false,
                "streamGenerateContent" => true,
                _ => return None,
            };
            return Some(asked(Dialect::Google, model.replace("%3A", ":"), stream));
        }
        match path {
            "/v1/chat/completions" => Some(asked(Dialect::OpenAi, text("model"), stream)),
            "/v1/messages" => Some(asked(Dialect::Anthropic, text("model"), stream)),
            "/v1/messages/count_tokens" => Some(Self {
                count_only: true,
                ..asked(Dialect::Anthropic, text("model"), false)
            }),
            // Ollama streams unless told not to.
            "/api/chat" => Some(asked(
                Dialect::Ollama,
                text("model"),
                body["stream"].as_bool().unwrap_or(true),
            )),
            _ => None,
        }
    }

    /// The reply as one document.
    pub(crate) fn whole(&self, reply: &Reply) -> Value {
        if self.count_only {
            return json!({ "input_tokens": reply.usage.input });
        }
        let mut whole = match self.dialect {
            Dialect::OpenAi => openai::whole(self, reply),
            Dialect::Anthropic => anthropic::whole(self, reply),
            Dialect::Google => google::whole(self, reply),
            Dialect::Ollama => ollama::whole(self, reply),
        };
        merge(&mut whole, reply);
        whole
    }

    /// The reply as a stream, its terminator included.
    pub(crate) fn events(&self, script: &Script) -> Vec<Event> {
        let reply = &script.reply;
        let mut events = match self.dialect {
            Dialect::OpenAi => openai::events(self, reply),
            Dialect::Anthropic => anthropic::events(self, reply),
            Dialect::Google => google::events(self, reply),
            Dialect::Ollama => ollama::events(self, reply),
        };
        if let Some(Event::Json { data, .. }) = events.first_mut() {
            merge(data, reply);
        }
        if let Some(after) = script.wire.error_after {
            events.truncate(after);
            events.push(self.stream_error());
        }
        events
    }

    /// The body of an HTTP error.
    pub(crate) fn error(&self, status: u16, message: &str) -> Value {
        match self.dialect {
            Dialect::OpenAi => {
                json!({"error": {"message": message, "type": openai_error_type(status), "param": null, "code": null}})
            }
            Dialect::Anthropic => anthropic_error(anthropic_error_type(status), message),
            Dialect::Google => {
                json!({"error": {"code": status, "message": message, "status": google_status(status)}})
            }
            Dialect::Ollama => json!({ "error": message }),
        }
    }

    /// The `content-type` of a streamed reply.
    pub(crate) fn stream_type(&self) -> &'static str {
        match self.dialect {
            Dialect::Ollama => "application/x-ndjson",
            _ => "text/event-stream; charset=utf-8",
        }
    }

    /// An error that arrives in mid-stream, after HTTP 200.
    fn stream_error(&self) -> Event {
        match self.dialect {
            Dialect::Anthropic => Event::Json {
                name: Some("error"),
                data: anthropic_error("overloaded_error", "Overloaded"),
            },
            _ => Event::data(self.error(503, "Overloaded")),
        }
    }
}

fn merge(into: &mut Value, reply: &Reply) {
    if let Some(object) = into.as_object_mut() {
        object.extend(reply.extra.clone());
    }
}

fn anthropic_error(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"})
}

fn anthropic_error_type(status: u16) -> &'static str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

fn openai_error_type(status: u16) -> &'static str {
    match status {
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}
