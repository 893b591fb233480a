//! Reads a client's request.

use serde_json::Value;

use super::messages::{messages, texts};
use crate::RequestError;
use crate::chat::{Effort, Format, Notes, Request, Thinking, Tool, ToolChoice};
use crate::place::{Fields, Place};
use crate::wire::sort_others;

/// Reads `body`, checking the type of every field that this crate knows.
pub(crate) fn read(body: &Value) -> Result<Request<'_>, RequestError> {
    let root = Place::ROOT;
    let fields = Fields::of(body, &root)?;
    let max_tokens = fields
        .count("max_tokens")?
        .ok_or_else(|| root.key("max_tokens").missing())?;
    let mut request = Request {
        max_tokens: Some(max_tokens),
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        top_k: fields.number("top_k")?,
        stop: stop_sequences(&fields)?,
        parallel_at: "tool_choice.disable_parallel_tool_use",
        ..Request::default()
    };
    let mut notes = Notes::default();
    thinking(&fields, &mut request, &mut notes)?;
    request.tools = tools(&fields, &mut notes)?;
    tool_choice(&fields, &mut request, &mut notes)?;
    request.system = texts(&fields, "system", &mut notes)?;
    messages(&fields, &mut request, &mut notes)?;
    other_fields(&fields, &mut notes)?;
    request.notes = notes;
    Ok(request)
}

fn other_fields(fields: &Fields<'_, '_>, notes: &mut Notes) -> Result<(), RequestError> {
    const READ: &[&str] = &[
        "model",
        "messages",
        "max_tokens",
        "system",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
    ];
    const ADVISORY: &[&str] = &[
        "metadata",
        "service_tier",
        "cache_control",
        "context_management",
        "speed",
        "diagnostics",
    ];
    const MEANINGFUL: &[&str] = &[
        "container",
        "inference_geo",
        "mcp_servers",
        "user_profile_id",
        "workspace_id",
    ];
    fields.flag("stream")?;
    sort_others(fields, READ, ADVISORY, MEANINGFUL, |_, _| false, notes);
    Ok(())
}

fn stop_sequences<'v>(fields: &Fields<'v, '_>) -> Result<Vec<&'v str>, RequestError> {
    let at = fields.at.key("stop_sequences");
    let each =
        |(index, item): (usize, &'v Value)| item.as_str().ok_or_else(|| at.index(index).wrong("a string"));
    fields
        .list("stop_sequences")?
        .unwrap_or_default()
        .iter()
        .enumerate()
        .map(each)
        .collect()
}

/// `thinking`, `output_config.effort` and the formats of `output_config`.
fn thinking<'v>(
    fields: &Fields<'v, '_>,
    request: &mut Request<'v>,
    notes: &mut Notes,
) -> Result<(), RequestError> {
    if let Some(map) = fields.object("thinking")? {
        let at = fields.at.key("thinking");
        let thinking = Fields { map, at: &at };
        request.thinking = match thinking.need_text("type")? {
            "disabled" => Some(Thinking::Off),
            "enabled" => {
                let budget = thinking.count("budget_tokens")?;
                Some(Thinking::Budget(
                    budget.ok_or_else(|| at.key("budget_tokens").missing())?,
                ))
            }
            _ => Some(Thinking::Adaptive),
        };
        request.wants_thoughts = request.thinking != Some(Thinking::Off);
    }
    let at = fields.at.key("output_config");
    let config = fields.object("output_config")?.map(|map| Fields { map, at: &at });
    if let Some(config) = config {
        let effort = match config.text("effort")? {
            None => None,
            Some("low") => Some(Effort::Low),
            Some("high") => Some(Effort::High),
            Some("xhigh") => Some(Effort::XHigh),
            Some("max") => Some(Effort::Max),
            Some(_) => Some(Effort::Medium),
        };
        if let (Some(effort), None | Some(Thinking::Adaptive)) = (effort, request.thinking) {
            request.thinking = Some(Thinking::Effort(effort));
        }
        format(&config, "format", request, notes)?;
        if config
            .map
            .keys()
            .any(|key| !matches!(key.as_str(), "effort" | "format"))
        {
            notes.refuse(at.key("*"));
        }
    }
    // The name it had before it moved into `output_config`.
    format(fields, "output_format", request, notes)
}

fn format<'v>(
    fields: &Fields<'v, '_>,
    key: &'static str,
    request: &mut Request<'v>,
    notes: &mut Notes,
) -> Result<(), RequestError> {
    let Some(map) = fields.object(key)? else {
        return Ok(());
    };
    let at = fields.at.key(key);
    let format = Fields { map, at: &at };
    if format.need_text("type")? == "json_schema" {
        let schema = format
            .object("schema")?
            .ok_or_else(|| at.key("schema").missing())?;
        request.format = Some(Format::Schema {
            name: None,
            schema,
            strict: Some(true),
        });
    } else {
        notes.refuse(at.key("type"));
    }
    Ok(())
}

fn tools<'v>(fields: &Fields<'v, '_>, notes: &mut Notes) -> Result<Vec<Tool<'v>>, RequestError> {
    let at = fields.at.key("tools");
    let mut tools = Vec::new();
    for (index, tool) in fields.list("tools")?.unwrap_or_default().iter().enumerate() {
        let at = at.index(index);
        let tool = Fields::of(tool, &at)?;
        // Anthropic runs tools of other types itself.
        if tool.text("type")?.is_some_and(|kind| kind != "custom") {
            notes.refuse(at.key("type"));
            continue;
        }
        for (key, dropped) in [
            ("cache_control", "cache_control"),
            ("input_examples", "tools.input_examples"),
            ("defer_loading", "tools.defer_loading"),
            ("eager_input_streaming", "tools.eager_input_streaming"),
            ("allowed_callers", "tools.allowed_callers"),
        ] {
            if tool.any(key).is_some() {
                notes.drop_field(dropped);
            }
        }
        tools.push(Tool {
            name: tool.need_text("name")?,
            description: tool.text("description")?,
            schema: tool.object("input_schema")?,
            strict: tool.flag("strict")?,
        });
    }
    Ok(tools)
}

fn tool_choice<'v>(
    fields: &Fields<'v, '_>,
    request: &mut Request<'v>,
    notes: &mut Notes,
) -> Result<(), RequestError> {
    let Some(map) = fields.object("tool_choice")? else {
        return Ok(());
    };
    let at = fields.at.key("tool_choice");
    let choice = Fields { map, at: &at };
    request.parallel_tools = choice
        .flag("disable_parallel_tool_use")?
        .map(|disabled| !disabled);
    request.tool_choice = match choice.need_text("type")? {
        "auto" => Some(ToolChoice::Auto),
        "any" => Some(ToolChoice::Required),
        "none" => Some(ToolChoice::None),
        "tool" => Some(ToolChoice::Named(choice.need_text("name")?)),
        _ => {
            notes.refuse(at.key("type"));
            None
        }
    };
    Ok(())
}
