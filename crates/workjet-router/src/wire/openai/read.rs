//! Reads a client's request.

use serde_json::{Map, Value};

use super::messages::messages;
use crate::RequestError;
use crate::chat::{Effort, Format, Notes, Request, Thinking, Tool, ToolChoice};
use crate::place::{Fields, Place};
use crate::wire::sort_others;

/// Reads `body`, checking the type of every field that this crate knows.
pub(crate) fn read(body: &Value) -> Result<Request<'_>, RequestError> {
    let root = Place::ROOT;
    let fields = Fields::of(body, &root)?;
    let mut request = Request {
        max_tokens: fields
            .count("max_completion_tokens")?
            .or(fields.count("max_tokens")?),
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        presence_penalty: fields.number("presence_penalty")?,
        frequency_penalty: fields.number("frequency_penalty")?,
        seed: fields.number("seed")?,
        stop: stop(&fields)?,
        parallel_tools: fields.flag("parallel_tool_calls")?,
        parallel_at: "parallel_tool_calls",
        thinking: thinking(&fields)?,
        ..Request::default()
    };
    let mut notes = Notes::default();
    request.tools = tools(&fields, &mut notes)?;
    request.tool_choice = tool_choice(&fields, &mut notes)?;
    request.format = format(&fields, &mut notes)?;
    messages(&fields, &mut request, &mut notes)?;
    other_fields(&fields, &mut notes)?;
    request.notes = notes;
    Ok(request)
}

fn other_fields(fields: &Fields<'_, '_>, notes: &mut Notes) -> Result<(), RequestError> {
    const READ: &[&str] = &[
        "model",
        "messages",
        "stream",
        // Usage in the stream is translated; it goes missing nowhere.
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "seed",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "parallel_tool_calls",
        "reasoning_effort",
        "tools",
        "tool_choice",
        "response_format",
    ];
    const ADVISORY: &[&str] = &[
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "prediction",
    ];
    const MEANINGFUL: &[&str] = &[
        "audio",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "modalities",
        "moderation",
        "n",
        "top_logprobs",
        "verbosity",
        "web_search_options",
    ];
    fields.flag("stream")?;
    fields.flag("logprobs")?;
    fields.count("top_logprobs")?;
    fields.count("n")?;
    if let Some(options) = fields.object("stream_options")? {
        let at = fields.at.key("stream_options");
        Fields {
            map: options,
            at: &at,
        }
        .flag("include_usage")?;
    }
    sort_others(fields, READ, ADVISORY, MEANINGFUL, is_default, notes);
    Ok(())
}

fn is_default(field: &str, value: &Value) -> bool {
    match field {
        "logprobs" => value == &Value::Bool(false),
        "top_logprobs" => value.as_u64() == Some(0),
        "n" => value.as_u64() == Some(1),
        "logit_bias" => value.as_object().is_some_and(Map::is_empty),
        "functions" => value.as_array().is_some_and(Vec::is_empty),
        "modalities" => value
            .as_array()
            .is_some_and(|list| list.iter().all(|item| item == "text")),
        "verbosity" => value == "medium",
        _ => false,
    }
}

fn stop<'v>(fields: &Fields<'v, '_>) -> Result<Vec<&'v str>, RequestError> {
    let at = fields.at.key("stop");
    match fields.any("stop") {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(list)) => strings(list, &at),
        Some(_) => Err(at.wrong("a string or a list of strings")),
    }
}

fn strings<'v>(list: &'v [Value], at: &Place<'_>) -> Result<Vec<&'v str>, RequestError> {
    let each =
        |(index, item): (usize, &'v Value)| item.as_str().ok_or_else(|| at.index(index).wrong("a string"));
    list.iter().enumerate().map(each).collect()
}

fn thinking(fields: &Fields<'_, '_>) -> Result<Option<Thinking>, RequestError> {
    let effort = match fields.text("reasoning_effort")? {
        None => return Ok(None),
        Some("none") => return Ok(Some(Thinking::Off)),
        Some("minimal") => Effort::Minimal,
        Some("low") => Effort::Low,
        Some("medium") => Effort::Medium,
        Some("high") => Effort::High,
        Some("xhigh") => Effort::XHigh,
        Some("max") => Effort::Max,
        // A word that OpenAI may have learned since: its meaning is between the client and OpenAI.
        Some(_) => Effort::Medium,
    };
    Ok(Some(Thinking::Effort(effort)))
}

fn tools<'v>(fields: &Fields<'v, '_>, notes: &mut Notes) -> Result<Vec<Tool<'v>>, RequestError> {
    let at = fields.at.key("tools");
    let mut tools = Vec::new();
    for (index, tool) in fields.list("tools")?.unwrap_or_default().iter().enumerate() {
        let at = at.index(index);
        let tool = Fields::of(tool, &at)?;
        if tool.need_text("type")? != "function" {
            notes.refuse(at.key("type"));
            continue;
        }
        let at = at.key("function");
        let function = Fields {
            map: tool.object("function")?.ok_or_else(|| at.missing())?,
            at: &at,
        };
        tools.push(Tool {
            name: function.need_text("name")?,
            description: function.text("description")?,
            schema: function.object("parameters")?,
            strict: function.flag("strict")?,
        });
    }
    Ok(tools)
}

fn tool_choice<'v>(
    fields: &Fields<'v, '_>,
    notes: &mut Notes,
) -> Result<Option<ToolChoice<'v>>, RequestError> {
    let at = fields.at.key("tool_choice");
    Ok(match fields.any("tool_choice") {
        None => None,
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" => Some(ToolChoice::Required),
            _ => {
                notes.refuse(at);
                None
            }
        },
        Some(Value::Object(map)) => {
            let choice = Fields { map, at: &at };
            if choice.need_text("type")? == "function" {
                let at = at.key("function");
                let function = choice.object("function")?.ok_or_else(|| at.missing())?;
                Some(ToolChoice::Named(
                    Fields {
                        map: function,
                        at: &at,
                    }
                    .need_text("name")?,
                ))
            } else {
                notes.refuse(at);
                None
            }
        }
        Some(_) => return Err(at.wrong("a string or an object")),
    })
}

fn format<'v>(fields: &Fields<'v, '_>, notes: &mut Notes) -> Result<Option<Format<'v>>, RequestError> {
    let at = fields.at.key("response_format");
    let Some(map) = fields.object("response_format")? else {
        return Ok(None);
    };
    let format = Fields { map, at: &at };
    Ok(match format.need_text("type")? {
        "text" => None,
        "json_object" => Some(Format::Json),
        "json_schema" => {
            let at = at.key("json_schema");
            let schema = Fields {
                map: format.object("json_schema")?.ok_or_else(|| at.missing())?,
                at: &at,
            };
            Some(Format::Schema {
                name: schema.text("name")?,
                schema: schema
                    .object("schema")?
                    .ok_or_else(|| at.key("schema").missing())?,
                strict: schema.flag("strict")?,
            })
        }
        _ => {
            notes.refuse(at.key("type"));
            None
        }
    })
}
