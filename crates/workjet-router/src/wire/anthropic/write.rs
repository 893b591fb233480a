//! Writes a request for a provider.

use serde_json::{Map, Value, json};

use crate::chat::{
    Arguments, Effort, Format, Media, Message, Part, Request, Role, Source, Thinking, Tool, ToolChoice,
    ToolResult,
};
use crate::wire::parse_object;
use crate::{Outbound, RequestError};

const HERE: Outbound = Outbound::Anthropic;

/// `max_tokens` for clients that do not name one, since Anthropic requires it: what every current model can give.
const DEFAULT_MAX_TOKENS: u64 = 16_384;

/// The body for a provider, and the fields that were dropped.
pub(crate) fn write(
    mut request: Request<'_>,
    model: &str,
    stream: bool,
) -> Result<(Map<String, Value>, Vec<&'static str>), RequestError> {
    check(&request)?;
    if request.seed.is_some() {
        request.notes.drop_field("seed");
    }
    let mut messages: Vec<(Role, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        let blocks = blocks(message, &mut |field| request.notes.drop_field(field))?;
        match messages.last_mut() {
            // One message holds the results of all parallel calls, and what the user says after them.
            Some((role, so_far)) if *role == message.role => so_far.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => messages.push((message.role, blocks)),
        }
    }
    let message = |(role, blocks): (Role, Vec<Value>)| {
        let role = if role == Role::User { "user" } else { "assistant" };
        match blocks.as_slice() {
            [only] if only["type"] == "text" => json!({"role": role, "content": only["text"]}),
            _ => json!({"role": role, "content": blocks}),
        }
    };
    let max_tokens = request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);

    let mut body = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    };
    put("model", Some(model.into()));
    put("max_tokens", Some(max_tokens.into()));
    let system = request
        .system
        .iter()
        .filter(|text| !text.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join("\n\n");
    put("system", (!system.is_empty()).then(|| system.into()));
    put("messages", Some(messages.into_iter().map(message).collect()));
    put("temperature", request.temperature.cloned().map(Into::into));
    put("top_p", request.top_p.cloned().map(Into::into));
    put("top_k", request.top_k.cloned().map(Into::into));
    put(
        "stop_sequences",
        (!request.stop.is_empty()).then(|| std::mem::take(&mut request.stop).into()),
    );
    if !request.tools.is_empty() {
        put("tools", Some(request.tools.iter().map(tool).collect()));
        put("tool_choice", tool_choice(&request));
    }
    let mut output_config = Map::new();
    if let Some(Format::Schema { schema, .. }) = request.format {
        output_config.insert("format".into(), json!({"type": "json_schema", "schema": schema}));
    }
    match thinking(&request, model, max_tokens) {
        Thought::No => {}
        Thought::Dropped => request.notes.drop_field("reasoning_effort"),
        Thought::Budget(tokens) => put(
            "thinking",
            Some(json!({"type": "enabled", "budget_tokens": tokens})),
        ),
        Thought::Effort(word) => {
            put("thinking", Some(json!({"type": "adaptive"})));
            output_config.insert("effort".into(), word.into());
        }
    }
    put(
        "output_config",
        (!output_config.is_empty()).then(|| output_config.into()),
    );
    put("stream", stream.then_some(true.into()));
    Ok((body, request.notes.dropped))
}

/// Refuses what this dialect cannot express.
fn check(request: &Request<'_>) -> Result<(), RequestError> {
    let penalties = [
        ("presence_penalty", request.presence_penalty),
        ("frequency_penalty", request.frequency_penalty),
    ];
    for (field, penalty) in penalties {
        if penalty.is_some_and(|penalty| penalty.as_f64() != Some(0.0)) {
            return Err(RequestError::unsupported(field, HERE));
        }
    }
    if matches!(request.format, Some(Format::Json)) {
        return Err(RequestError::unsupported("response_format.type", HERE));
    }
    if request
        .temperature
        .and_then(serde_json::Number::as_f64)
        .is_some_and(|temperature| temperature > 1.0)
    {
        return Err(RequestError::bad_value(
            "temperature",
            "goes up to 1 with the chosen provider (anthropic)",
        ));
    }
    Ok(())
}

fn blocks(
    message: &Message<'_>,
    drop_field: &mut dyn FnMut(&'static str),
) -> Result<Vec<Value>, RequestError> {
    let mut blocks = Vec::new();
    for part in &message.parts {
        match part {
            // Anthropic refuses empty text blocks.
            Part::Text("") => {}
            Part::Text(text) => blocks.push(json!({"type": "text", "text": text})),
            Part::Media(media) => blocks.push(write_media(media)?),
            // Without a signature of Anthropic's it would be refused.
            Part::Thinking { .. } => drop_field("reasoning_content"),
            Part::ToolCall(call) => {
                let input = match call.arguments {
                    Arguments::Object(map) => map.clone(),
                    Arguments::Text(text) => parse_object(text, &call.at)?,
                };
                blocks.push(
                    json!({"type": "tool_use", "id": tool_id(call.id), "name": call.name, "input": input}),
                );
            }
            Part::ToolResult(result) => blocks.push(tool_result(result)?),
        }
    }
    Ok(blocks)
}

fn tool_result(result: &ToolResult<'_>) -> Result<Value, RequestError> {
    let mut content = Vec::new();
    for part in &result.parts {
        match part {
            Part::Text("") => {}
            Part::Text(text) => content.push(json!({"type": "text", "text": text})),
            Part::Media(media) => content.push(write_media(media)?),
            Part::Thinking { .. } | Part::ToolCall(_) | Part::ToolResult(_) => {}
        }
    }
    let content = match content.as_slice() {
        [only] if only["type"] == "text" => only["text"].clone(),
        _ => content.into(),
    };
    let mut block = json!({"type": "tool_result", "tool_use_id": tool_id(result.id), "content": content});
    if result.is_error {
        block["is_error"] = true.into();
    }
    Ok(block)
}

/// Anthropic takes ids of letters, digits, `_` and `-` only. Calls and results are changed alike.
fn tool_id(id: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || letter == '-' {
            letter
        } else {
            '_'
        }
    };
    id.chars().map(plain).collect()
}

fn write_media(media: &Media<'_>) -> Result<Value, RequestError> {
    let kind = if media.is_image { "image" } else { "document" };
    let source = match media.source {
        Source::Url(url) => json!({"type": "url", "url": url}),
        Source::Base64 { media_type, data } if media.is_image || media_type == "application/pdf" => {
            json!({"type": "base64", "media_type": media_type, "data": data})
        }
        Source::Base64 { .. } => return Err(RequestError::unsupported(&media.at, HERE)),
    };
    let mut block = json!({"type": kind, "source": source});
    if let (false, Some(name)) = (media.is_image, media.name) {
        block["title"] = name.into();
    }
    Ok(block)
}

fn tool(tool: &Tool<'_>) -> Value {
    let mut written = Map::new();
    written.insert("name".into(), tool.name.into());
    if let Some(description) = tool.description {
        written.insert("description".into(), description.into());
    }
    let schema = tool.schema.cloned().map(Value::from);
    written.insert(
        "input_schema".into(),
        schema.unwrap_or_else(|| json!({"type": "object", "properties": {}})),
    );
    if let Some(strict) = tool.strict {
        written.insert("strict".into(), strict.into());
    }
    written.into()
}

fn tool_choice(request: &Request<'_>) -> Option<Value> {
    let mut choice = match request.tool_choice {
        None if request.parallel_tools == Some(false) => json!({"type": "auto"}),
        None => return None,
        Some(ToolChoice::Auto) => json!({"type": "auto"}),
        Some(ToolChoice::None) => return Some(json!({"type": "none"})),
        Some(ToolChoice::Required) => json!({"type": "any"}),
        Some(ToolChoice::Named(name)) => json!({"type": "tool", "name": name}),
    };
    if request.parallel_tools == Some(false) {
        choice["disable_parallel_tool_use"] = true.into();
    }
    Some(choice)
}

enum Thought {
    No,
    Dropped,
    Budget(u64),
    Effort(&'static str),
}

/// Effort is a hint, so it gives way where Anthropic allows no thinking: next to a temperature, a forced tool, or in
/// the middle of a tool loop whose first half did not think (older models).
fn thinking(request: &Request<'_>, model: &str, max_tokens: u64) -> Thought {
    const MIN_BUDGET: u64 = 1_024;
    let Some(Thinking::Effort(effort)) = request.thinking else {
        return Thought::No;
    };
    let forced_tool = matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Named(_))
    );
    if cannot_think(model) || forced_tool || request.temperature.is_some() || request.top_p.is_some() {
        return Thought::Dropped;
    }
    if !thinks_by_budget(model) {
        return Thought::Effort(match effort {
            Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::XHigh | Effort::Max => "max",
        });
    }
    let called = |message: &Message<'_>| message.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let last = request
        .messages
        .iter()
        .rfind(|message| message.role == Role::Assistant);
    let budget = match effort {
        Effort::Minimal | Effort::Low => 2_048,
        Effort::Medium => 8_192,
        Effort::High | Effort::XHigh | Effort::Max => 24_576,
    };
    // Thinking counts against `max_tokens`: leave half of it for the answer.
    let budget = budget.min(max_tokens / 2);
    if last.is_some_and(called) || budget < MIN_BUDGET {
        Thought::Dropped
    } else {
        Thought::Budget(budget)
    }
}

/// Models before Claude 3.7 refuse to be told to think.
fn cannot_think(model: &str) -> bool {
    model.contains("claude-3") && !model.contains("claude-3-7")
}

/// Models before Claude 4.6 know budgets of tokens, later ones efforts.
fn thinks_by_budget(model: &str) -> bool {
    const BY_BUDGET: [&str; 8] = [
        "claude-3",
        "sonnet-4-0",
        "opus-4-0",
        "opus-4-1",
        "sonnet-4-5",
        "haiku-4-5",
        "opus-4-5",
        "-4-2025",
    ];
    BY_BUDGET.iter().any(|part| model.contains(part))
}
