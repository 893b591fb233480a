//! Writes a request for a provider.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::chat::{
    Arguments, Effort, Format, Media, Message, Part, Request, Role, Source, Thinking, Tool, ToolChoice,
    ToolResult,
};
use crate::wire::parse_object;
use crate::{Outbound, RequestError};

const HERE: Outbound = Outbound::Google;

/// What Google documents for function calls that Gemini did not make itself, so that it does not ask for their
/// signature (<https://ai.google.dev/gemini-api/docs/thought-signatures>).
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// The body for a provider, and the fields that were dropped.
pub(crate) fn write(
    mut request: Request<'_>,
    model: &str,
) -> Result<(Map<String, Value>, Vec<&'static str>), RequestError> {
    if request.parallel_tools == Some(false) && !request.tools.is_empty() {
        return Err(RequestError::unsupported(request.parallel_at, HERE));
    }
    if request.tools.iter().any(|tool| tool.strict == Some(true)) {
        request.notes.drop_field("tools.strict");
    }
    let mut contents: Vec<Content> = Vec::new();
    let mut names = HashMap::new();
    for message in &request.messages {
        let parts = parts(message, &mut names, signs_calls(model), &mut |field| {
            request.notes.drop_field(field);
        })?;
        for part in parts {
            let answers = part.get("functionResponse").is_some();
            match contents.last_mut() {
                // The results of parallel calls belong together, and apart from what the user says after them.
                Some(last) if last.role == message.role && last.answers == answers => last.parts.push(part),
                _ => contents.push(Content {
                    role: message.role,
                    answers,
                    parts: vec![part],
                }),
            }
        }
    }

    let mut body = Map::new();
    body.insert(
        "contents".into(),
        contents.into_iter().map(Content::write).collect(),
    );
    if !request.system.is_empty() {
        let parts: Vec<Value> = request.system.iter().map(|text| json!({"text": text})).collect();
        body.insert("systemInstruction".into(), json!({"parts": parts}));
    }
    if !request.tools.is_empty() {
        let declarations: Vec<Value> = request.tools.iter().map(tool).collect();
        body.insert("tools".into(), json!([{"functionDeclarations": declarations}]));
        if let Some(choice) = request.tool_choice {
            body.insert(
                "toolConfig".into(),
                json!({"functionCallingConfig": tool_choice(choice)}),
            );
        }
    }
    let config = generation_config(&request, model);
    if !config.is_empty() {
        body.insert("generationConfig".into(), config.into());
    }
    Ok((body, request.notes.dropped))
}

/// One turn.
struct Content {
    role: Role,
    /// It holds the results of tool calls, and nothing else.
    answers: bool,
    parts: Vec<Value>,
}

impl Content {
    fn write(self) -> Value {
        let role = if self.role == Role::User { "user" } else { "model" };
        json!({"role": role, "parts": self.parts})
    }
}

fn generation_config(request: &Request<'_>, model: &str) -> Map<String, Value> {
    let mut config = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            config.insert(key.to_owned(), value);
        }
    };
    put("maxOutputTokens", request.max_tokens.map(Into::into));
    put("temperature", request.temperature.cloned().map(Into::into));
    put("topP", request.top_p.cloned().map(Into::into));
    put("topK", request.top_k.cloned().map(Into::into));
    put(
        "presencePenalty",
        request.presence_penalty.cloned().map(Into::into),
    );
    put(
        "frequencyPenalty",
        request.frequency_penalty.cloned().map(Into::into),
    );
    put("seed", request.seed.cloned().map(Into::into));
    put(
        "stopSequences",
        (!request.stop.is_empty()).then(|| request.stop.clone().into()),
    );
    if let Some(format) = request.format {
        put("responseMimeType", Some("application/json".into()));
        if let Format::Schema { schema, .. } = format {
            put("responseJsonSchema", Some(schema.clone().into()));
        }
    }
    let mut thinking = Map::new();
    match request.thinking {
        // Not every model lets thinking be turned off; what the client does not ask for is left to the default.
        None | Some(Thinking::Off | Thinking::Adaptive) => {}
        Some(Thinking::Budget(tokens)) => {
            thinking.insert("thinkingBudget".into(), tokens.into());
        }
        Some(Thinking::Effort(effort)) if has_thinking_levels(model) => {
            thinking.insert(
                "thinkingLevel".into(),
                if effort <= Effort::Low { "low" } else { "high" }.into(),
            );
        }
        Some(Thinking::Effort(effort)) => {
            let budget = match effort {
                Effort::Minimal | Effort::Low => 1_024,
                Effort::Medium => 8_192,
                Effort::High | Effort::XHigh | Effort::Max => 24_576,
            };
            thinking.insert("thinkingBudget".into(), budget.into());
        }
    }
    if request.wants_thoughts {
        thinking.insert("includeThoughts".into(), true.into());
    }
    put("thinkingConfig", (!thinking.is_empty()).then(|| thinking.into()));
    config
}

fn parts<'v>(
    message: &Message<'v>,
    names: &mut HashMap<&'v str, &'v str>,
    needs_signature: bool,
    drop_field: &mut dyn FnMut(&'static str),
) -> Result<Vec<Value>, RequestError> {
    let mut parts = Vec::new();
    let mut pending = None;
    let mut first_call = true;
    for part in &message.parts {
        match part {
            Part::Text("") => {}
            Part::Text(text) => parts.push(json!({"text": text})),
            Part::Media(media) => parts.push(write_media(media)?),
            Part::Thinking { signature, .. } => match signature.filter(|signature| !signature.is_empty()) {
                Some(signature) => pending = Some(signature),
                None => drop_field("thinking"),
            },
            Part::ToolCall(call) => {
                names.insert(call.id, call.name);
                let args = match call.arguments {
                    Arguments::Object(map) => map.clone(),
                    Arguments::Text(text) => parse_object(text, &call.at)?,
                };
                let mut written = json!({"functionCall": {"name": call.name, "args": args}});
                // Of parallel calls only the first is signed.
                let foreign = (needs_signature && first_call).then_some(NO_SIGNATURE);
                if let Some(signature) = pending.take().or(call.signature).or(foreign) {
                    written["thoughtSignature"] = signature.into();
                }
                first_call = false;
                parts.push(written);
            }
            Part::ToolResult(result) => parts.push(tool_result(result, names)?),
        }
    }
    Ok(parts)
}

/// A result names the function, which other dialects leave to the call's id, and is always an object.
fn tool_result(result: &ToolResult<'_>, names: &HashMap<&str, &str>) -> Result<Value, RequestError> {
    let name = names.get(result.id).ok_or_else(|| {
        RequestError::bad_value(&result.at, "answers no tool call in the messages before it")
    })?;
    // Wrapped even if the text is an object already: parsing it would decode escapes (`\u0034111 …`) that were scanned as
    // they stand, and so bring forth what was never looked at.
    let response = json!({if result.is_error { "error" } else { "result" }: result.text(HERE)?});
    Ok(json!({"functionResponse": {"name": name, "response": response}}))
}

fn write_media(media: &Media<'_>) -> Result<Value, RequestError> {
    match media.source {
        Source::Base64 { media_type, data } => {
            Ok(json!({"inlineData": {"mimeType": media_type, "data": data}}))
        }
        // Google takes addresses of its own file store only.
        Source::Url(_) => Err(RequestError::unsupported(&media.at, HERE)),
    }
}

fn tool(tool: &Tool<'_>) -> Value {
    let mut written = Map::new();
    written.insert("name".into(), tool.name.into());
    if let Some(description) = tool.description {
        written.insert("description".into(), description.into());
    }
    // `parameters` knows a subset of OpenAPI only; this is JSON Schema, as the other dialects have it.
    if let Some(schema) = tool.schema {
        written.insert("parametersJsonSchema".into(), schema.clone().into());
    }
    written.into()
}

fn tool_choice(choice: ToolChoice<'_>) -> Value {
    match choice {
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Named(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
    }
}

/// From Gemini 3 on, thinking has levels instead of a budget.
fn has_thinking_levels(model: &str) -> bool {
    signs_calls(model)
}

/// From Gemini 3 on, a function call without its signature is refused.
fn signs_calls(model: &str) -> bool {
    let version = model
        .strip_prefix("models/")
        .unwrap_or(model)
        .strip_prefix("gemini-");
    let major = version.and_then(|rest| rest.split(['.', '-']).next()?.parse::<u32>().ok());
    major.is_some_and(|major| major >= 3)
}
