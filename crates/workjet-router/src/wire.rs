//! The dialects, one module each, and who is asked for what.

mod openai;

use serde_json::{Map, Value};

use crate::chat::{Event, Reply, Request, Usage};
use crate::{ChatRequest, Frame, Inbound, Outbound, ProviderError, ProviderRequest, ReplyError, RequestError};
use crate::{Stamp, StreamError};

/// Marks what this crate put into a reply for a later request to bring back.
pub(crate) const OUR_MARK: &str = "workjet";

/// What accounting must know of a stream.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) usage: Usage,
    pub(crate) model: Option<String>,
    pub(crate) ended: bool,
}

impl Seen {
    pub(crate) fn see_model(&mut self, model: &Value) {
        if self.model.is_none() {
            self.model = owned(model).filter(|model| !model.is_empty());
        }
    }
}

impl Stamp {
    /// The id of the call at `index`, for providers that have no ids.
    pub(crate) fn call_id(&self, index: usize) -> String {
        format!("call_{}_{index}", self.id)
    }
}

pub(crate) fn owned(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

pub(crate) fn read_request(inbound: Inbound, body: &Value) -> Result<Request<'_>, RequestError> {
    match inbound {
        Inbound::OpenAiChat => openai::read(body),
        Inbound::AnthropicMessages => openai::read(body),
    }
}

pub(crate) fn write_request(
    request: Request<'_>,
    outbound: Outbound,
    model: &str,
    stream: bool,
) -> Result<ProviderRequest, RequestError> {
    let (body, dropped) = match outbound {
        Outbound::OpenAi => openai::write(request, model, stream)?,
        _ => return Err(RequestError::unsupported("model", outbound)),
    };
    let dropped = dropped.into_iter().map(str::to_owned).collect();
    Ok(ProviderRequest::new(outbound, path(outbound, model, stream), crate::request::to_bytes(&body), dropped))
}

/// Path and query, relative to the provider's base URL. The model is safe to be in it.
pub(crate) fn path(outbound: Outbound, model: &str, stream: bool) -> String {
    match outbound {
        Outbound::OpenAi => "chat/completions".to_owned(),
        Outbound::Anthropic => "v1/messages".to_owned(),
        Outbound::Google if stream => format!("v1beta/models/{model}:streamGenerateContent?alt=sse"),
        Outbound::Google => format!("v1beta/models/{model}:generateContent"),
        Outbound::Ollama => "api/chat".to_owned(),
    }
}

/// The top-level field that must change since it holds what this crate put there, which the provider would refuse.
pub(crate) fn without_our_marks(_inbound: Inbound, _body: &Map<String, Value>) -> Option<(&'static str, Value)> {
    None
}

pub(crate) fn provider_error(_outbound: Outbound, status: u16, body: &Value) -> ProviderError {
    openai::error(status, body)
}

pub(crate) fn usage_and_model(_outbound: Outbound, body: &Value) -> Option<(Usage, Option<String>)> {
    openai::usage_and_model(body)
}

pub(crate) fn read_reply(_outbound: Outbound, body: Value) -> Result<Reply, ReplyError> {
    openai::read_reply(&body)
}

pub(crate) fn write_reply(_inbound: Inbound, reply: Reply, stamp: &Stamp, _estimated_input: u64) -> Value {
    openai::write_reply(reply, stamp)
}

/// How a stream is converted.
#[derive(Debug)]
pub(crate) enum Conversion {
    PassOpenAi(openai::Pass),
    Translate { from: openai::StreamReader, to: openai::StreamWriter },
}

pub(crate) fn conversion(outbound: Outbound, inbound: Inbound, request: &ChatRequest, stamp: Stamp) -> Conversion {
    let keep_usage = request.wants_usage();
    match (outbound, inbound) {
        (Outbound::OpenAi, Inbound::OpenAiChat) => Conversion::PassOpenAi(openai::Pass { keep_usage }),
        _ => Conversion::Translate {
            from: openai::StreamReader::default(),
            to: openai::StreamWriter::new(stamp, keep_usage),
        },
    }
}

impl Conversion {
    pub(crate) fn event(
        &mut self,
        _event: Option<String>,
        data: &str,
        seen: &mut Seen,
        frames: &mut Vec<Frame>,
    ) -> Result<(), StreamError> {
        match self {
            Self::PassOpenAi(pass) => pass.event(data, seen, frames),
            Self::Translate { from, to } => {
                let mut events: Vec<Event> = Vec::new();
                from.event(data, seen, &mut events)?;
                for event in events {
                    to.event(event, seen, frames);
                }
                Ok(())
            }
        }
    }

    /// The body has ended.
    pub(crate) fn end(&mut self, _seen: &mut Seen, _frames: &mut Vec<Frame>) -> Result<(), StreamError> {
        Ok(())
    }
}
