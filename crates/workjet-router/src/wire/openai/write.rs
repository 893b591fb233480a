//! Writes a request for a provider.

use serde_json::{Map, Value, json};

use crate::chat::{
    Arguments, Effort, Format, Media, Message, Part, Request, Role, Source, Thinking, Tool, ToolChoice,
    ToolResult,
};
use crate::wire::push_paragraph;
use crate::{Outbound, RequestError};

const HERE: Outbound = Outbound::OpenAi;

/// The body for a provider, and the fields that were dropped.
pub(crate) fn write(
    request: Request<'_>,
    model: &str,
    stream: bool,
) -> Result<(Map<String, Value>, Vec<&'static str>), RequestError> {
    if request.top_k.is_some() {
        return Err(RequestError::unsupported("top_k", HERE));
    }
    let mut notes = request.notes;
    let mut messages = Vec::new();
    if !request.system.is_empty() {
        messages.push(json!({"role": "system", "content": request.system.join("\n\n")}));
    }
    for message in &request.messages {
        write_message(message, &mut messages, &mut |field| notes.drop_field(field))?;
    }

    let mut body = Map::new();
    body.insert("model".into(), model.into());
    body.insert("messages".into(), messages.into());
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    };
    // `max_tokens` is refused by OpenAI's reasoning models; this is its successor for all.
    put("max_completion_tokens", request.max_tokens.map(Into::into));
    put("temperature", request.temperature.cloned().map(Into::into));
    put("top_p", request.top_p.cloned().map(Into::into));
    put(
        "presence_penalty",
        request.presence_penalty.cloned().map(Into::into),
    );
    put(
        "frequency_penalty",
        request.frequency_penalty.cloned().map(Into::into),
    );
    put("seed", request.seed.cloned().map(Into::into));
    put("stop", (!request.stop.is_empty()).then(|| request.stop.into()));
    match request.thinking.and_then(effort) {
        Some(_) if !can_think(model) => notes.drop_field("thinking"),
        effort => put("reasoning_effort", effort.map(Into::into)),
    }
    put("response_format", request.format.as_ref().map(format));
    if !request.tools.is_empty() {
        put("tools", Some(request.tools.iter().map(tool).collect()));
        put("tool_choice", request.tool_choice.map(tool_choice));
        put("parallel_tool_calls", request.parallel_tools.map(Into::into));
    }
    if stream {
        put("stream", Some(true.into()));
        put("stream_options", Some(json!({"include_usage": true})));
    }
    Ok((body, notes.dropped))
}

fn write_message(
    message: &Message<'_>,
    messages: &mut Vec<Value>,
    drop_field: &mut dyn FnMut(&'static str),
) -> Result<(), RequestError> {
    match message.role {
        Role::Assistant => messages.extend(assistant(message, drop_field)),
        Role::User => {
            // Tool results are messages of their own, right after the calls they answer.
            let mut parts = Vec::new();
            for part in &message.parts {
                match part {
                    Part::ToolResult(result) => messages.push(tool_result(result, drop_field)?),
                    Part::Text(text) => parts.push(json!({"type": "text", "text": text})),
                    Part::Media(media) => parts.push(write_media(media)?),
                    Part::Thinking { .. } | Part::ToolCall(_) => {}
                }
            }
            match parts.as_slice() {
                [] => {}
                [one] if one["type"] == "text" => {
                    messages.push(json!({"role": "user", "content": one["text"]}));
                }
                _ => messages.push(json!({"role": "user", "content": parts})),
            }
        }
    }
    Ok(())
}

fn assistant(message: &Message<'_>, drop_field: &mut dyn FnMut(&'static str)) -> Option<Value> {
    let mut text = String::new();
    let mut calls = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text(more) => push_paragraph(&mut text, more),
            Part::ToolCall(call) => {
                let arguments = match call.arguments {
                    Arguments::Text(text) => text.to_owned(),
                    Arguments::Object(map) => serde_json::to_string(map).expect("a JSON object serialises"),
                };
                calls.push(json!({
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": arguments},
                }));
            }
            // Reasoning of other makers means nothing here.
            Part::Thinking { .. } => drop_field("thinking"),
            Part::Media(_) | Part::ToolResult(_) => {}
        }
    }
    let mut body = Map::new();
    body.insert("role".into(), "assistant".into());
    match (text.is_empty(), calls.is_empty()) {
        (true, true) => return None,
        (true, false) => body.insert("content".into(), Value::Null),
        (false, _) => body.insert("content".into(), text.into()),
    };
    if !calls.is_empty() {
        body.insert("tool_calls".into(), calls.into());
    }
    Some(body.into())
}

fn tool_result(
    result: &ToolResult<'_>,
    drop_field: &mut dyn FnMut(&'static str),
) -> Result<Value, RequestError> {
    if result.is_error {
        drop_field("is_error");
    }
    // Tool messages hold text alone.
    let text = result.text(HERE)?;
    Ok(json!({"role": "tool", "tool_call_id": result.id, "content": text}))
}

fn write_media(media: &Media<'_>) -> Result<Value, RequestError> {
    match media.source {
        Source::Url(url) if media.is_image => Ok(json!({"type": "image_url", "image_url": {"url": url}})),
        Source::Base64 { media_type, data } if media.is_image => {
            Ok(json!({"type": "image_url", "image_url": {"url": format!("data:{media_type};base64,{data}")}}))
        }
        Source::Base64 {
            media_type: media_type @ "application/pdf",
            data,
        } => {
            let name = media.name.unwrap_or("document.pdf");
            let data = format!("data:{media_type};base64,{data}");
            Ok(json!({"type": "file", "file": {"filename": name, "file_data": data}}))
        }
        Source::Url(_) | Source::Base64 { .. } => Err(RequestError::unsupported(&media.at, HERE)),
    }
}

fn tool(tool: &Tool<'_>) -> Value {
    let mut function = Map::new();
    function.insert("name".into(), tool.name.into());
    if let Some(description) = tool.description {
        function.insert("description".into(), description.into());
    }
    if let Some(schema) = tool.schema {
        function.insert("parameters".into(), schema.clone().into());
    }
    if let Some(strict) = tool.strict {
        function.insert("strict".into(), strict.into());
    }
    json!({"type": "function", "function": function})
}

fn tool_choice(choice: ToolChoice<'_>) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

fn format(format: &Format<'_>) -> Value {
    match format {
        Format::Json => json!({"type": "json_object"}),
        Format::Schema { name, schema, strict } => {
            let strict = strict.unwrap_or(true);
            let name = name.unwrap_or("reply");
            json!({"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": strict}})
        }
    }
}

/// The effort that comes nearest, among those that every reasoning model takes. `Off` and `Adaptive` are left to the
/// model's default, since not every model takes `none`.
fn effort(thinking: Thinking) -> Option<&'static str> {
    match thinking {
        Thinking::Off | Thinking::Adaptive => None,
        Thinking::Effort(effort) => Some(match effort {
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High | Effort::XHigh | Effort::Max => "high",
        }),
        Thinking::Budget(0..=4_096) => Some("low"),
        Thinking::Budget(4_097..=16_384) => Some("medium"),
        Thinking::Budget(_) => Some("high"),
    }
}

/// OpenAI's models before the reasoning ones refuse to be told how much to think; clients of Anthropic's dialect often
/// ask for thinking whatever the model.
fn can_think(model: &str) -> bool {
    !["gpt-3.5", "gpt-4"].iter().any(|before| model.contains(before))
}
