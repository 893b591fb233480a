//! A provider's stream, turned event by event into what the client expects.

use std::borrow::Cow;

use serde_json::Value;

use crate::chat::Usage;
use crate::sse::{NdjsonDecoder, SseDecoder, TooLarge};
use crate::wire::{Conversion, Seen};
use crate::{ChatRequest, Inbound, Outbound, StreamError};

/// What a translation needs and the provider may not give; an argument, since this crate has no clock and no dice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Identifies the reply where the provider does not, and makes ids of tool calls unique: letters, digits and `-`,
    /// such as the request's id.
    pub id: String,
    /// Seconds since the Unix epoch.
    pub created: u64,
}

/// One event of a stream in the client's dialect.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The `event:` line that Anthropic's dialect has and OpenAI's has not.
    pub event: Option<Cow<'static, str>>,
    /// What it carries.
    pub data: Data,
}

/// What a [`Frame`] carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A JSON document.
    Json(Value),
    /// OpenAI's `[DONE]`.
    Done,
}

impl Frame {
    /// A frame without an `event:` line.
    pub const fn json(value: Value) -> Self {
        Self {
            event: None,
            data: Data::Json(value),
        }
    }

    /// OpenAI's terminator.
    pub const fn done() -> Self {
        Self {
            event: None,
            data: Data::Done,
        }
    }

    /// A frame with an `event:` line.
    pub fn named(event: impl Into<Cow<'static, str>>, value: Value) -> Self {
        Self {
            event: Some(event.into()),
            data: Data::Json(value),
        }
    }

    /// Whether this is the dialect's terminator, after which SDKs take the reply for complete.
    pub fn is_terminator(&self) -> bool {
        match &self.data {
            Data::Done => true,
            Data::Json(value) => self.event.is_some() && value["type"] == "message_stop",
        }
    }

    /// Appends the frame as Server-Sent Events write it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if let Some(event) = &self.event {
            out.extend_from_slice(b"event: ");
            // A line break would begin a field of its own.
            out.extend(event.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')));
            out.push(b'\n');
        }
        out.extend_from_slice(b"data: ");
        match &self.data {
            Data::Json(value) => {
                serde_json::to_writer(&mut *out, value).expect("writing to memory cannot fail");
            }
            Data::Done => out.extend_from_slice(b"[DONE]"),
        }
        out.extend_from_slice(b"\n\n");
    }
}

/// Turns the stream of one provider into frames of the client's dialect.
///
/// Push what arrives, then call [`finish`](Self::finish) when the body has ended. What comes out depends on the bytes
/// alone, not on how they were cut into chunks.
#[derive(Debug)]
pub struct StreamTranslator {
    events: Decoder,
    conversion: Conversion,
    seen: Seen,
    // An error that was met after good frames of the same chunk: told at the next call, so that the frames come first.
    error: Option<StreamError>,
}

#[derive(Debug)]
enum Decoder {
    Sse(SseDecoder),
    Ndjson(NdjsonDecoder),
}

/// The most that one event of a provider's stream may hold. Images in replies are the largest legitimate ones.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

impl StreamTranslator {
    /// A translator for the streamed reply to `request`. `stamp` fills what the provider's dialect does not have.
    pub fn new(outbound: Outbound, inbound: Inbound, request: &ChatRequest, stamp: Stamp) -> Self {
        let events = match outbound {
            Outbound::Ollama => Decoder::Ndjson(NdjsonDecoder::new(MAX_EVENT_BYTES)),
            _ => Decoder::Sse(SseDecoder::new(MAX_EVENT_BYTES)),
        };
        let conversion = Conversion::new(outbound, inbound, request, stamp);
        Self {
            events,
            conversion,
            seen: Seen::default(),
            error: None,
        }
    }

    /// Takes the next bytes of the body and returns the frames that they complete. Bytes after the terminator are
    /// ignored.
    ///
    /// # Errors
    /// [`StreamError::Provider`] for an error inside the stream, [`StreamError::Garbage`], [`StreamError::TooLarge`].
    /// If frames came first, they are returned, and the error is what every later call returns; [`error`](Self::error)
    /// tells it at once.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, StreamError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        if self.seen.ended {
            return Ok(Vec::new());
        }
        let mut events = Vec::new();
        let decoded = match &mut self.events {
            Decoder::Sse(decoder) => decoder.feed(bytes, &mut |event| events.push((event.event, event.data))),
            Decoder::Ndjson(decoder) => decoder.feed(bytes, &mut |line| events.push((None, line))),
        };
        let mut frames = Vec::new();
        for (event, data) in events {
            if let Err(error) = self.take(event, &data, &mut frames) {
                return self.fail(error, frames);
            }
        }
        match decoded {
            Ok(()) => Ok(frames),
            // What comes after the terminator is nobody's concern.
            Err(TooLarge) if self.seen.ended => Ok(frames),
            Err(TooLarge) => self.fail(StreamError::TooLarge, frames),
        }
    }

    /// Says that the body has ended, and returns the last frames.
    ///
    /// # Errors
    /// [`StreamError::Cut`] if the terminator is missing; otherwise as [`push`](Self::push).
    pub fn finish(&mut self) -> Result<Vec<Frame>, StreamError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let mut frames = Vec::new();
        let rest = match &mut self.events {
            Decoder::Sse(decoder) => decoder.finish().map(|event| (event.event, event.data)),
            Decoder::Ndjson(decoder) => decoder.finish().map(|line| (None, line)),
        };
        if let Some((event, data)) = rest {
            // What does not parse here was cut in the middle, which is not the provider's garbage.
            self.take(event, &data, &mut frames)
                .map_err(|error| match error {
                    StreamError::Garbage => StreamError::Cut,
                    other => other,
                })?;
        }
        self.conversion.end(&mut self.seen, &mut frames)?;
        if self.seen.ended {
            Ok(frames)
        } else {
            Err(StreamError::Cut)
        }
    }

    /// What the reply has cost so far; final once the terminator has come.
    pub const fn usage(&self) -> &Usage {
        &self.seen.usage
    }

    /// The model that the provider says answers.
    pub fn answered_model(&self) -> Option<&str> {
        self.seen.model.as_deref()
    }

    /// The error that the next call will return: known before the next bytes are awaited, which may never come.
    pub const fn error(&self) -> Option<&StreamError> {
        self.error.as_ref()
    }

    /// Whether the provider's terminator has come.
    pub const fn is_complete(&self) -> bool {
        self.seen.ended
    }

    fn take(
        &mut self,
        event: Option<String>,
        data: &str,
        frames: &mut Vec<Frame>,
    ) -> Result<(), StreamError> {
        if self.seen.ended {
            Ok(())
        } else {
            self.conversion.event(event, data, &mut self.seen, frames)
        }
    }

    fn fail(&mut self, error: StreamError, frames: Vec<Frame>) -> Result<Vec<Frame>, StreamError> {
        self.error = Some(error.clone());
        if frames.is_empty() { Err(error) } else { Ok(frames) }
    }
}
