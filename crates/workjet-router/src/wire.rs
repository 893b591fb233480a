//! The dialects, one module each, and who is asked for what.
//!
//! A request is read from the client's dialect into neutral shapes ([`crate::chat`]) and written in the provider's; a
//! reply goes the other way. A dialect knows nothing of the others. Adding one means a module here and a line in each
//! `match` below.

mod anthropic;
mod google;
mod ollama;
mod openai;

use serde_json::{Map, Value};

use crate::chat::{Event, Notes, Part, Reply, Request, Usage};
use crate::place::Fields;
use crate::{
    ChatRequest, Frame, Inbound, Outbound, ProviderError, ProviderRequest, ReplyError, RequestError,
};
use crate::{Stamp, StreamError};

/// Marks what this crate put into a reply for a later request to bring back.
const OUR_MARK: &str = "workjet";

/// What accounting must know of a stream.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) usage: Usage,
    pub(crate) model: Option<String>,
    pub(crate) ended: bool,
}

impl Seen {
    fn see_model(&mut self, model: &Value) {
        if self.model.is_none() {
            self.model = owned(model).filter(|model| !model.is_empty());
        }
    }
}

impl Stamp {
    /// The id of the call at `index`, for providers that have no ids. A later request may bring it to any provider:
    /// OpenAI takes 40 bytes, Anthropic letters, digits, `_` and `-`. The end of an id is where it differs from others.
    fn call_id(&self, index: usize) -> String {
        const FROM_STAMP: usize = 24;
        let plain: Vec<char> = self.id.chars().filter(char::is_ascii_alphanumeric).collect();
        let tail: String = plain[plain.len().saturating_sub(FROM_STAMP)..].iter().collect();
        format!("call_{tail}_{index}")
    }
}

fn owned(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Adds `more` to `text`, on a line of its own. Parts were scanned one by one, so joining them without anything between
/// could make a number or an address that nobody saw.
fn push_paragraph(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

/// Tool arguments as an object, for dialects that want one; `at` says where they stood.
fn parse_object(arguments: &str, at: &str) -> Result<Map<String, Value>, RequestError> {
    if arguments.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(arguments)
        .map_err(|_| RequestError::bad_value(at, "must be a JSON object for the chosen provider"))
}

pub(crate) fn read_request(inbound: Inbound, body: &Value) -> Result<Request<'_>, RequestError> {
    match inbound {
        Inbound::OpenAiChat => openai::read(body),
        Inbound::AnthropicMessages => anthropic::read(body),
    }
}

pub(crate) fn write_request(
    request: Request<'_>,
    outbound: Outbound,
    model: &str,
    stream: bool,
    estimated_input: u64,
) -> Result<ProviderRequest, RequestError> {
    let (body, dropped) = match outbound {
        Outbound::OpenAi => openai::write(request, model, stream)?,
        Outbound::Anthropic => anthropic::write(request, model, stream)?,
        Outbound::Google => google::write(request, model)?,
        Outbound::Ollama => ollama::write(request, model, stream, estimated_input)?,
    };
    let path = match outbound {
        Outbound::Google => google::path(model, stream)?,
        _ => path(outbound).to_owned(),
    };
    let dropped = dropped.into_iter().map(str::to_owned).collect();
    Ok(ProviderRequest::new(
        outbound,
        path,
        crate::request::to_bytes(&body),
        dropped,
    ))
}

/// The path of a dialect that has a single one.
pub(crate) const fn path(outbound: Outbound) -> &'static str {
    match outbound {
        Outbound::OpenAi => "chat/completions",
        Outbound::Anthropic => "v1/messages",
        Outbound::Ollama => "api/chat",
        // Every model has its own; see `google::path`.
        Outbound::Google => "v1beta/models",
    }
}

/// The top-level field that must change since it holds what this crate put there, which the provider would refuse.
pub(crate) fn without_our_marks(
    inbound: Inbound,
    body: &Map<String, Value>,
) -> Option<(&'static str, Value)> {
    match inbound {
        Inbound::OpenAiChat => openai::without_our_marks(body),
        Inbound::AnthropicMessages => anthropic::without_our_marks(body),
    }
}

/// Sorts an error. `status` is 0 where there was no error status: inside a stream, or under a status of success.
pub(crate) fn provider_error(outbound: Outbound, status: u16, body: &Value) -> ProviderError {
    match outbound {
        Outbound::OpenAi => openai::error(status, body),
        Outbound::Anthropic => anthropic::error(status, body),
        Outbound::Google => google::error(status, body),
        Outbound::Ollama => ollama::error(status),
    }
}

/// What accounting needs of a reply that passes as it is. `None` if the body is none of the dialect's replies.
pub(crate) fn usage_and_model(inbound: Inbound, body: &Value) -> Option<(Usage, Option<String>)> {
    match inbound {
        Inbound::OpenAiChat => openai::usage_and_model(body),
        Inbound::AnthropicMessages => anthropic::usage_and_model(body),
    }
}

pub(crate) fn read_reply(outbound: Outbound, body: Value) -> Result<Reply, ReplyError> {
    match outbound {
        Outbound::OpenAi => openai::read_reply(&body),
        Outbound::Anthropic => anthropic::read_reply(body),
        Outbound::Google => google::read_reply(&body),
        Outbound::Ollama => ollama::read_reply(&body),
    }
}

pub(crate) fn write_reply(inbound: Inbound, reply: Reply, stamp: &Stamp, estimated_input: u64) -> Value {
    match inbound {
        Inbound::OpenAiChat => openai::write_reply(reply, stamp),
        Inbound::AnthropicMessages => anthropic::write_reply(reply, stamp, estimated_input),
    }
}

/// How a stream is converted.
#[derive(Debug)]
pub(crate) enum Conversion {
    PassOpenAi(openai::Pass),
    PassAnthropic(anthropic::Pass),
    Translate { from: Reader, to: Writer },
}

#[derive(Debug)]
pub(crate) enum Reader {
    OpenAi(openai::StreamReader),
    Anthropic(anthropic::StreamReader),
    Google(google::StreamReader),
    Ollama(ollama::StreamReader),
}

#[derive(Debug)]
pub(crate) enum Writer {
    OpenAi(openai::StreamWriter),
    Anthropic(anthropic::StreamWriter),
}

impl Conversion {
    pub(crate) fn new(outbound: Outbound, inbound: Inbound, request: &ChatRequest, stamp: Stamp) -> Self {
        let keep_usage = request.wants_usage();
        let to = match (inbound, outbound) {
            (Inbound::OpenAiChat, Outbound::OpenAi) => return Self::PassOpenAi(openai::Pass { keep_usage }),
            (Inbound::AnthropicMessages, Outbound::Anthropic) => return Self::PassAnthropic(anthropic::Pass),
            (Inbound::OpenAiChat, _) => Writer::OpenAi(openai::StreamWriter::new(stamp, keep_usage)),
            (Inbound::AnthropicMessages, _) => Writer::Anthropic(anthropic::StreamWriter::new(
                stamp,
                request.estimated_input_tokens(),
            )),
        };
        let from = match outbound {
            Outbound::OpenAi => Reader::OpenAi(openai::StreamReader::default()),
            Outbound::Anthropic => Reader::Anthropic(anthropic::StreamReader::default()),
            Outbound::Google => Reader::Google(google::StreamReader::default()),
            Outbound::Ollama => Reader::Ollama(ollama::StreamReader::default()),
        };
        Self::Translate { from, to }
    }

    /// Takes one event of the provider's.
    pub(crate) fn event(
        &mut self,
        event: Option<String>,
        data: &str,
        seen: &mut Seen,
        frames: &mut Vec<Frame>,
    ) -> Result<(), StreamError> {
        match self {
            Self::PassOpenAi(pass) => pass.event(data, seen, frames),
            Self::PassAnthropic(pass) => pass.event(event, data, seen, frames),
            Self::Translate { from, to } => {
                let mut events = Vec::new();
                match from {
                    Reader::OpenAi(reader) => reader.event(data, seen, &mut events)?,
                    Reader::Anthropic(reader) => reader.event(data, seen, &mut events)?,
                    Reader::Google(reader) => reader.event(data, seen, &mut events)?,
                    Reader::Ollama(reader) => reader.event(data, seen, &mut events)?,
                }
                to.events(events, seen, frames)
            }
        }
    }

    /// The body has ended. Only Google's streams end with it; the others have a terminator.
    pub(crate) fn end(&mut self, seen: &mut Seen, frames: &mut Vec<Frame>) -> Result<(), StreamError> {
        match self {
            Self::Translate {
                from: Reader::Google(reader),
                to,
            } => {
                let mut events = Vec::new();
                reader.end(seen, &mut events);
                to.events(events, seen, frames)
            }
            _ => Ok(()),
        }
    }
}

impl Writer {
    fn events(
        &mut self,
        events: Vec<Event>,
        seen: &Seen,
        frames: &mut Vec<Frame>,
    ) -> Result<(), StreamError> {
        for event in events {
            match self {
                Self::OpenAi(writer) => writer.event(event, seen, frames),
                Self::Anthropic(writer) => writer.event(event, seen, frames)?,
            }
        }
        Ok(())
    }
}

/// The parts of a message's field, which holds a string (one part) or a list whose items `part` reads. `expected` says so
/// to whoever sent something else.
fn parts<'v>(
    fields: &Fields<'v, '_>,
    key: &'static str,
    expected: &'static str,
    mut part: impl FnMut(&Fields<'v, '_>) -> Result<Option<Part<'v>>, RequestError>,
) -> Result<Vec<Part<'v>>, RequestError> {
    let at = fields.at.key(key);
    match fields.any(key) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::Text(text)]),
        Some(Value::Array(list)) => {
            let mut parts = Vec::new();
            for (index, item) in list.iter().enumerate() {
                let at = at.index(index);
                parts.extend(part(&Fields::of(item, &at)?)?);
            }
            Ok(parts)
        }
        Some(_) => Err(at.wrong(expected)),
    }
}

/// Sorts the fields of a request beside those that were `read`: `advisory` ones have no effect on the meaning and are
/// dropped; `meaningful` ones are refused where they say something else than the default, and unknown ones always.
fn sort_others(
    fields: &Fields<'_, '_>,
    read: &[&str],
    advisory: &[&'static str],
    meaningful: &[&'static str],
    is_default: impl Fn(&str, &Value) -> bool,
    notes: &mut Notes,
) {
    for (key, value) in fields.map.iter().filter(|(_, value)| !value.is_null()) {
        if read.contains(&key.as_str()) {
            continue;
        }
        if let Some(field) = advisory.iter().find(|field| *field == key) {
            notes.drop_field(field);
        } else if let Some(field) = meaningful.iter().find(|field| *field == key) {
            if !is_default(field, value) {
                notes.refuse(fields.at.key(field));
            }
        } else {
            // A field that nobody here knows may mean anything. Its name is the caller's own.
            notes.refuse("*");
        }
    }
}
