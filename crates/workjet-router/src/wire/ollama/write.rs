//! Writes a request for a provider.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::chat::{
    Arguments, Effort, Format, Media, Message, Part, Request, Role, Source, Thinking, Tool, ToolChoice,
};
use crate::wire::{parse_object, push_paragraph};
use crate::{Outbound, RequestError};

const HERE: Outbound = Outbound::Ollama;

/// The body for a provider, and the fields that were dropped.
pub(crate) fn write(
    mut request: Request<'_>,
    model: &str,
    stream: bool,
    estimated_input: u64,
) -> Result<(Map<String, Value>, Vec<&'static str>), RequestError> {
    match request.tool_choice {
        None | Some(ToolChoice::Auto) => {}
        // The nearest thing to "use no tool" is to offer none.
        Some(ToolChoice::None) => request.tools.clear(),
        Some(ToolChoice::Required | ToolChoice::Named(_)) => {
            return Err(RequestError::unsupported("tool_choice", HERE));
        }
    }
    if request.parallel_tools == Some(false) && !request.tools.is_empty() {
        return Err(RequestError::unsupported(request.parallel_at, HERE));
    }
    if request.tools.iter().any(|tool| tool.strict == Some(true)) {
        request.notes.drop_field("tools.strict");
    }
    let mut messages = Vec::new();
    if !request.system.is_empty() {
        messages.push(json!({"role": "system", "content": request.system.join("\n\n")}));
    }
    let mut names = HashMap::new();
    for message in &request.messages {
        write_message(message, &mut names, &mut messages, &mut |field| {
            request.notes.drop_field(field);
        })?;
    }

    let mut body = Map::new();
    body.insert("model".into(), model.into());
    body.insert("messages".into(), messages.into());
    // The default is to stream.
    body.insert("stream".into(), stream.into());
    if !request.tools.is_empty() {
        body.insert("tools".into(), request.tools.iter().map(tool).collect());
    }
    match request.format {
        None => {}
        Some(Format::Json) => drop(body.insert("format".into(), "json".into())),
        Some(Format::Schema { schema, .. }) => drop(body.insert("format".into(), schema.clone().into())),
    }
    if let Some(think) = request.thinking.and_then(|thinking| think(thinking, model)) {
        body.insert("think".into(), think);
    }
    body.insert("options".into(), options(&request, estimated_input).into());
    Ok((body, request.notes.dropped))
}

fn options(request: &Request<'_>, estimated_input: u64) -> Map<String, Value> {
    let mut options = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            options.insert(key.to_owned(), value);
        }
    };
    put(
        "num_ctx",
        Some(context(estimated_input, request.max_tokens).into()),
    );
    put("num_predict", request.max_tokens.map(Into::into));
    put("temperature", request.temperature.cloned().map(Into::into));
    put("top_p", request.top_p.cloned().map(Into::into));
    put("top_k", request.top_k.cloned().map(Into::into));
    put(
        "presence_penalty",
        request.presence_penalty.cloned().map(Into::into),
    );
    put(
        "frequency_penalty",
        request.frequency_penalty.cloned().map(Into::into),
    );
    put("seed", request.seed.cloned().map(Into::into));
    put(
        "stop",
        (!request.stop.is_empty()).then(|| request.stop.clone().into()),
    );
    options
}

/// The context to ask for. Ollama cuts a prompt that is longer than its default context without a word, and loads the
/// model anew when the size changes: so a few sizes, each twice the one before.
fn context(estimated_input: u64, max_tokens: Option<u64>) -> u64 {
    const SMALLEST: u64 = 8 * 1_024;
    const LARGEST: u64 = 256 * 1_024;
    const USUAL_REPLY: u64 = 2_048;
    // The estimate counts four bytes to a token; code and other scripts than Latin have fewer.
    let input = estimated_input.saturating_mul(4) / 3;
    let needed = input.saturating_add(max_tokens.unwrap_or(USUAL_REPLY).min(LARGEST));
    needed.clamp(SMALLEST, LARGEST).next_power_of_two()
}

fn write_message<'v>(
    message: &Message<'v>,
    names: &mut HashMap<&'v str, &'v str>,
    messages: &mut Vec<Value>,
    drop_field: &mut dyn FnMut(&'static str),
) -> Result<(), RequestError> {
    let mut text = String::new();
    let mut thinking = String::new();
    let mut images = Vec::new();
    let mut calls = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text(more) => push_paragraph(&mut text, more),
            Part::Thinking { text, .. } => push_paragraph(&mut thinking, text),
            Part::Media(media) => images.push(image(media)?),
            Part::ToolCall(call) => {
                names.insert(call.id, call.name);
                let arguments = match call.arguments {
                    Arguments::Object(map) => map.clone(),
                    Arguments::Text(text) => parse_object(text, &call.at)?,
                };
                calls.push(json!({"function": {"name": call.name, "arguments": arguments}}));
            }
            Part::ToolResult(result) => {
                let name = names.get(result.id).ok_or_else(|| {
                    RequestError::bad_value(&result.at, "answers no tool call in the messages before it")
                })?;
                if result.is_error {
                    drop_field("is_error");
                }
                let content = result.text(HERE)?;
                messages.push(json!({"role": "tool", "tool_name": name, "content": content}));
            }
        }
    }
    if text.is_empty() && thinking.is_empty() && images.is_empty() && calls.is_empty() {
        return Ok(());
    }
    let role = if message.role == Role::User {
        "user"
    } else {
        "assistant"
    };
    let mut written = json!({"role": role, "content": text});
    for (key, list) in [("images", images), ("tool_calls", calls)] {
        if !list.is_empty() {
            written[key] = list.into();
        }
    }
    if !thinking.is_empty() {
        written["thinking"] = thinking.into();
    }
    messages.push(written);
    Ok(())
}

fn image(media: &Media<'_>) -> Result<Value, RequestError> {
    match media.source {
        Source::Base64 { data, .. } if media.is_image => Ok(data.into()),
        _ => Err(RequestError::unsupported(&media.at, HERE)),
    }
}

fn tool(tool: &Tool<'_>) -> Value {
    let mut function = Map::new();
    function.insert("name".into(), tool.name.into());
    function.insert("description".into(), tool.description.unwrap_or_default().into());
    let schema = tool.schema.cloned().map(Value::from);
    function.insert(
        "parameters".into(),
        schema.unwrap_or_else(|| json!({"type": "object", "properties": {}})),
    );
    json!({"type": "function", "function": function})
}

/// Most models take yes or no; gpt-oss takes levels, and cannot be told to be silent.
fn think(thinking: Thinking, model: &str) -> Option<Value> {
    let has_levels = model.contains("gpt-oss");
    match thinking {
        Thinking::Off => (!has_levels).then(|| false.into()),
        Thinking::Adaptive | Thinking::Budget(_) => Some(true.into()),
        Thinking::Effort(effort) if has_levels => Some(match effort {
            Effort::Minimal | Effort::Low => "low".into(),
            Effort::Medium => "medium".into(),
            Effort::High | Effort::XHigh | Effort::Max => "high".into(),
        }),
        Thinking::Effort(_) => Some(true.into()),
    }
}
