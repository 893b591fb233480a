//! Where text flows in a stream's frames.
//!
//! A streamed reply is several texts told in turns: the content of each choice, the arguments of each tool call, a
//! refusal, reasoning. Each is a [`Channel`], and [`Inbound::deltas`] finds the pieces of them that a frame holds.

use serde_json::{Map, Value};

use crate::Inbound;

/// One text within a streamed reply.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Channel(Slot);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Slot {
    OpenAi { choice: u64, field: Field },
    Anthropic { block: u64, field: Delta },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Field {
    /// A text field of `delta`, by name.
    Text(&'static str),
    /// `delta.tool_calls` with this index.
    Tool(u64),
    FunctionCall,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Delta {
    Text,
    InputJson,
    Thinking,
    /// A text of a citation, by name. It comes whole.
    Citation(&'static str),
}

/// What a channel carries, and so what may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChannelKind {
    /// Prose.
    Text,
    /// JSON in fragments that are cut anywhere: the arguments of one tool call.
    ToolArguments,
    /// Reasoning that its maker signs, so that a change would make it useless for the next turn.
    SignedThinking,
}

/// Text fields of a `delta` in OpenAI's dialect and its relatives.
const TEXT_FIELDS: [&str; 4] = ["content", "refusal", "reasoning_content", "reasoning"];

impl Channel {
    /// What it carries.
    pub const fn kind(&self) -> ChannelKind {
        match &self.0 {
            Slot::OpenAi {
                field: Field::Text(_),
                ..
            }
            | Slot::Anthropic {
                field: Delta::Text | Delta::Citation(_),
                ..
            } => ChannelKind::Text,
            Slot::OpenAi {
                field: Field::Tool(_) | Field::FunctionCall,
                ..
            }
            | Slot::Anthropic {
                field: Delta::InputJson,
                ..
            } => ChannelKind::ToolArguments,
            Slot::Anthropic {
                field: Delta::Thinking,
                ..
            } => ChannelKind::SignedThinking,
        }
    }

    /// Where it stands, as a path of dialect keys such as `choices[0].delta.content`.
    pub fn path(&self) -> String {
        match &self.0 {
            Slot::OpenAi {
                choice,
                field: Field::Text(name),
            } => format!("choices[{choice}].delta.{name}"),
            Slot::OpenAi {
                choice,
                field: Field::Tool(call),
            } => {
                format!("choices[{choice}].delta.tool_calls[{call}].function.arguments")
            }
            Slot::OpenAi {
                choice,
                field: Field::FunctionCall,
            } => {
                format!("choices[{choice}].delta.function_call.arguments")
            }
            Slot::Anthropic {
                block,
                field: Delta::Text,
            } => format!("content[{block}].text"),
            Slot::Anthropic {
                block,
                field: Delta::InputJson,
            } => format!("content[{block}].input"),
            Slot::Anthropic {
                block,
                field: Delta::Thinking,
            } => format!("content[{block}].thinking"),
            Slot::Anthropic {
                block,
                field: Delta::Citation(key),
            } => format!("content[{block}].citations.{key}"),
        }
    }
}

impl Inbound {
    /// The pieces of text in a frame of this dialect, each with its channel, to be rewritten in place. No channel comes
    /// twice.
    pub fn deltas(self, frame: &mut Value) -> Vec<(Channel, &mut String)> {
        match self {
            Self::OpenAiChat => openai_deltas(frame),
            Self::AnthropicMessages => anthropic_deltas(frame),
        }
    }
}

fn openai_deltas(frame: &mut Value) -> Vec<(Channel, &mut String)> {
    let mut slots = Vec::new();
    let choices = frame.get_mut("choices").and_then(Value::as_array_mut);
    for choice in choices.into_iter().flatten() {
        let number = choice["index"].as_u64().unwrap_or(0);
        let mut found = |field, text| {
            slots.push((
                Channel(Slot::OpenAi {
                    choice: number,
                    field,
                }),
                text,
            ));
        };
        let delta = choice.get_mut("delta").and_then(Value::as_object_mut);
        for (key, value) in delta.into_iter().flat_map(Map::iter_mut) {
            if let Some(name) = TEXT_FIELDS.iter().find(|name| *name == key) {
                if let Value::String(text) = value {
                    found(Field::Text(name), text);
                }
            } else if key == "tool_calls" {
                for (position, call) in value.as_array_mut().into_iter().flatten().enumerate() {
                    let index = call["index"].as_u64().unwrap_or(position as u64);
                    if let Some(Value::String(text)) = call.pointer_mut("/function/arguments") {
                        found(Field::Tool(index), text);
                    }
                }
            } else if key == "function_call"
                && let Some(Value::String(text)) = value.get_mut("arguments")
            {
                found(Field::FunctionCall, text);
            }
        }
    }
    slots
}

fn anthropic_deltas(frame: &mut Value) -> Vec<(Channel, &mut String)> {
    let block = frame["index"].as_u64().unwrap_or(0);
    let channel = |field| Channel(Slot::Anthropic { block, field });
    let part = match frame["type"].as_str() {
        Some("content_block_start") => frame.get_mut("content_block"),
        Some("content_block_delta") => frame.get_mut("delta"),
        _ => None,
    };
    let mut slots = Vec::new();
    for (key, value) in part
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::iter_mut)
    {
        match (key.as_str(), value) {
            ("text", Value::String(text)) => slots.push((channel(Delta::Text), text)),
            ("partial_json", Value::String(text)) => slots.push((channel(Delta::InputJson), text)),
            ("thinking", Value::String(text)) => slots.push((channel(Delta::Thinking), text)),
            ("citation", Value::Object(citation)) => {
                const TEXTS: [&str; 4] = ["cited_text", "document_title", "title", "url"];
                for (key, value) in citation.iter_mut() {
                    if let (Some(name), Value::String(text)) = (TEXTS.iter().find(|name| *name == key), value)
                    {
                        slots.push((channel(Delta::Citation(name)), text));
                    }
                }
            }
            _ => {}
        }
    }
    slots
}
