//! What the dialects have in common: the neutral shapes that a translation passes through.
//!
//! Requests borrow from the client's document, since they live only as long as one translation. What a provider says is
//! owned, since it is built from chunks.

use serde_json::{Map, Number, Value};

use crate::{Outbound, RequestError};

/// What a reply cost in tokens, each class apart, so that no token is counted twice.
///
/// `None` means that the provider did not say; zero is something it said. Dialects differ in what their counts include;
/// here the classes of input never overlap, and `output` includes `reasoning`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Input tokens that neither came from a cache nor were written to one.
    pub input: Option<u64>,
    /// Input tokens read from a cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to a cache that lives five minutes, or whose life the provider did not name.
    pub cache_write_5m: Option<u64>,
    /// Input tokens written to a cache that lives one hour.
    pub cache_write_1h: Option<u64>,
    /// Output tokens, reasoning included.
    pub output: Option<u64>,
    /// The part of `output` that was spent on reasoning.
    pub reasoning: Option<u64>,
    /// The service tier that the provider says it used.
    pub service_tier: Option<String>,
}

impl Usage {
    /// Input tokens of all classes; `None` if the provider named none.
    pub fn total_input(&self) -> Option<u64> {
        let classes = [
            self.input,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
        ];
        classes.into_iter().flatten().reduce(u64::saturating_add)
    }

    /// Whether the provider said what both directions cost. Otherwise a bill can only be an estimate.
    pub const fn is_complete(&self) -> bool {
        self.input.is_some() && self.output.is_some()
    }
}

/// A guess at how many tokens `bytes` of text make, for where a provider does not count: four bytes each, rounded up.
pub(crate) const fn estimated_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// It had said what it had to say.
    End,
    /// It reached the limit of output tokens, or of its context.
    Length,
    StopSequence,
    /// It wants a tool to be run.
    ToolUse,
    /// It, or a filter of the provider's, refused.
    Refusal,
}

/// A request, without dialect.
#[derive(Debug, Default)]
pub(crate) struct Request<'v> {
    pub(crate) system: Vec<&'v str>,
    pub(crate) messages: Vec<Message<'v>>,
    pub(crate) tools: Vec<Tool<'v>>,
    pub(crate) tool_choice: Option<ToolChoice<'v>>,
    pub(crate) parallel_tools: Option<bool>,
    /// Where the client's dialect says so.
    pub(crate) parallel_at: &'static str,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) temperature: Option<&'v Number>,
    pub(crate) top_p: Option<&'v Number>,
    pub(crate) top_k: Option<&'v Number>,
    pub(crate) presence_penalty: Option<&'v Number>,
    pub(crate) frequency_penalty: Option<&'v Number>,
    pub(crate) seed: Option<&'v Number>,
    pub(crate) stop: Vec<&'v str>,
    pub(crate) format: Option<Format<'v>>,
    pub(crate) thinking: Option<Thinking>,
    /// Whether the client wants to see what the model thinks.
    pub(crate) wants_thoughts: bool,
    pub(crate) notes: Notes,
}

/// What a translation into another dialect would lose.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Paths whose meaning the neutral shapes cannot hold: reason enough to refuse.
    pub(crate) untranslatable: Vec<String>,
    /// Advisory fields that go missing without harm.
    pub(crate) dropped: Vec<&'static str>,
}

impl Notes {
    pub(crate) fn drop_field(&mut self, field: &'static str) {
        if !self.dropped.contains(&field) {
            self.dropped.push(field);
        }
    }

    pub(crate) fn refuse(&mut self, path: impl ToString) {
        self.untranslatable.push(path.to_string());
    }
}

#[derive(Debug)]
pub(crate) struct Message<'v> {
    pub(crate) role: Role,
    pub(crate) parts: Vec<Part<'v>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    User,
    Assistant,
}

#[derive(Debug)]
pub(crate) enum Part<'v> {
    Text(&'v str),
    Media(Media<'v>),
    /// A model's earlier reasoning, with the signature that proves to its maker that it is unchanged.
    Thinking {
        text: &'v str,
        signature: Option<&'v str>,
    },
    ToolCall(ToolCall<'v>),
    ToolResult(ToolResult<'v>),
}

/// An image or a file.
#[derive(Debug)]
pub(crate) struct Media<'v> {
    pub(crate) source: Source<'v>,
    pub(crate) name: Option<&'v str>,
    pub(crate) is_image: bool,
    pub(crate) at: String,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'v> {
    Base64 { media_type: &'v str, data: &'v str },
    Url(&'v str),
}

#[derive(Debug)]
pub(crate) struct ToolCall<'v> {
    pub(crate) id: &'v str,
    pub(crate) name: &'v str,
    pub(crate) arguments: Arguments<'v>,
    /// Google's `thoughtSignature`, if the client kept it.
    pub(crate) signature: Option<&'v str>,
    pub(crate) at: String,
}

/// Tool arguments as a client wrote them: JSON in a string, or an object.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arguments<'v> {
    Text(&'v str),
    Object(&'v Map<String, Value>),
}

#[derive(Debug)]
pub(crate) struct ToolResult<'v> {
    pub(crate) id: &'v str,
    pub(crate) parts: Vec<Part<'v>>,
    pub(crate) is_error: bool,
    pub(crate) at: String,
}

impl ToolResult<'_> {
    /// The result for a dialect in which it is text alone: one line for each part.
    pub(crate) fn text(&self, outbound: Outbound) -> Result<String, RequestError> {
        let mut texts = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => texts.push(*text),
                Part::Media(media) => return Err(RequestError::unsupported(&media.at, outbound)),
                Part::Thinking { .. } | Part::ToolCall(_) | Part::ToolResult(_) => {}
            }
        }
        Ok(texts.join("\n"))
    }
}

#[derive(Debug)]
pub(crate) struct Tool<'v> {
    pub(crate) name: &'v str,
    pub(crate) description: Option<&'v str>,
    pub(crate) schema: Option<&'v Map<String, Value>>,
    pub(crate) strict: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToolChoice<'v> {
    Auto,
    None,
    /// Any tool, but one.
    Required,
    Named(&'v str),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Format<'v> {
    /// Any JSON object.
    Json,
    Schema {
        name: Option<&'v str>,
        schema: &'v Map<String, Value>,
        strict: Option<bool>,
    },
}

/// How much a model may think first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thinking {
    Off,
    /// As much as the model sees fit.
    Adaptive,
    Effort(Effort),
    Budget(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

/// A whole reply, without dialect.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) said: Vec<Said>,
    pub(crate) stop: StopReason,
    pub(crate) stop_sequence: Option<String>,
    pub(crate) usage: Usage,
}

/// One thing that a model said.
#[derive(Debug)]
pub(crate) enum Said {
    Text(String),
    Refusal(String),
    Thinking {
        text: String,
    },
    ToolCall {
        id: Option<String>,
        name: String,
        arguments: String,
        signature: Option<String>,
    },
}

impl Said {
    /// Tells it in the steps of a stream, for providers whose chunks hold whole things. `calls` counts the tool calls
    /// so far.
    pub(crate) fn tell(self, calls: &mut u64, out: &mut Vec<Event>) {
        match self {
            Self::Text(text) => out.push(Event::Text(text)),
            Self::Refusal(text) => out.push(Event::Refusal(text)),
            Self::Thinking { text } => out.push(Event::Thinking(text)),
            Self::ToolCall {
                id,
                name,
                arguments,
                signature,
            } => {
                let key = *calls;
                *calls += 1;
                out.push(Event::ToolStart {
                    key,
                    id,
                    name,
                    signature,
                });
                out.push(Event::ToolArguments { key, text: arguments });
            }
        }
    }
}

/// One step of a streamed reply, without dialect.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// The first one, before anything is said.
    Start {
        id: Option<String>,
        model: Option<String>,
    },
    Text(String),
    Refusal(String),
    Thinking(String),
    /// A tool call begins; `key` identifies it in what follows.
    ToolStart {
        key: u64,
        id: Option<String>,
        name: String,
        signature: Option<String>,
    },
    ToolArguments {
        key: u64,
        text: String,
    },
    /// Nothing more is said. Usage may still come.
    Stop {
        reason: StopReason,
        sequence: Option<String>,
    },
    /// The provider's terminator: usage is final.
    End,
}
