//! Reads a client's request.

use serde_json::{Map, Value};

use crate::RequestError;
use crate::chat::{
    Arguments, Effort, Format, Media, Message, Notes, Part, Request, Role, Source, Thinking, Tool, ToolCall,
    ToolChoice, ToolResult,
};
use crate::place::{Fields, Place};
use crate::wire::OUR_MARK;

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

/// Sorts what is left: fields without effect on the meaning are dropped, others are refused where they say something
/// else than the default.
fn other_fields(fields: &Fields<'_, '_>, notes: &mut Notes) -> Result<(), RequestError> {
    const READ: &[&str] = &[
        "model",
        "messages",
        "stream",
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
        "stream_options",
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
    for (key, value) in fields.map.iter().filter(|(_, value)| !value.is_null()) {
        if READ.contains(&key.as_str()) {
            continue;
        }
        if let Some(field) = ADVISORY.iter().find(|field| *field == key) {
            // Usage in the stream is translated; it goes missing nowhere.
            if *field != "stream_options" {
                notes.drop_field(field);
            }
        } else if let Some(field) = MEANINGFUL.iter().find(|field| *field == key) {
            if !is_default(field, value) {
                notes.refuse(fields.at.key(field));
            }
        } else {
            // A field that nobody here knows may mean anything. Its name is the caller's own.
            notes.refuse("*");
        }
    }
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

fn messages<'v>(
    fields: &Fields<'v, '_>,
    request: &mut Request<'v>,
    notes: &mut Notes,
) -> Result<(), RequestError> {
    let at = fields.at.key("messages");
    for (index, message) in fields
        .list("messages")?
        .ok_or_else(|| at.missing())?
        .iter()
        .enumerate()
    {
        let at = at.index(index);
        let message = Fields::of(message, &at)?;
        if message.any("name").is_some() {
            message.text("name")?;
            notes.drop_field("messages.name");
        }
        match message.need_text("role")? {
            "system" | "developer" => {
                for part in content(&message, notes)? {
                    match part {
                        Part::Text(text) => request.system.push(text),
                        _ => notes.refuse(at.key("content")),
                    }
                }
            }
            "user" => request.messages.push(Message {
                role: Role::User,
                parts: content(&message, notes)?,
            }),
            "assistant" => {
                request.messages.push(Message {
                    role: Role::Assistant,
                    parts: assistant(&message, notes)?,
                });
            }
            "tool" => {
                let result = ToolResult {
                    id: message.need_text("tool_call_id")?,
                    parts: content(&message, notes)?,
                    is_error: false,
                    at: at.key("tool_call_id").to_string(),
                };
                request.messages.push(Message {
                    role: Role::User,
                    parts: vec![Part::ToolResult(result)],
                });
            }
            // `function`, or one that OpenAI has learned since.
            _ => notes.refuse(at.key("role")),
        }
    }
    Ok(())
}

fn assistant<'v>(message: &Fields<'v, '_>, notes: &mut Notes) -> Result<Vec<Part<'v>>, RequestError> {
    let mut parts = Vec::new();
    if let Some(text) = message.text("reasoning_content")? {
        parts.push(Part::Thinking {
            text,
            signature: None,
        });
    }
    parts.extend(content(message, notes)?);
    if let Some(text) = message.text("refusal")? {
        parts.push(Part::Text(text));
    }
    let at = message.at.key("tool_calls");
    for (index, call) in message.list("tool_calls")?.unwrap_or_default().iter().enumerate() {
        parts.extend(tool_call(call, &at.index(index), notes)?.map(Part::ToolCall));
    }
    for key in ["function_call", "audio"] {
        if message.any(key).is_some() {
            notes.refuse(message.at.key(key));
        }
    }
    Ok(parts)
}

fn tool_call<'v>(
    call: &'v Value,
    at: &Place<'_>,
    notes: &mut Notes,
) -> Result<Option<ToolCall<'v>>, RequestError> {
    let call = Fields::of(call, at)?;
    if call.text("type")?.is_some_and(|kind| kind != "function") {
        notes.refuse(at.key("type"));
        return Ok(None);
    }
    let inner = at.key("function");
    let function = Fields {
        map: call.object("function")?.ok_or_else(|| inner.missing())?,
        at: &inner,
    };
    Ok(Some(ToolCall {
        id: call.need_text("id")?,
        name: function.need_text("name")?,
        arguments: Arguments::Text(function.text("arguments")?.unwrap_or_default()),
        signature: signature(&call),
        at: inner.key("arguments").to_string(),
    }))
}

/// The `thoughtSignature` that we, or Google's compatible surface, put next to a call.
fn signature<'v>(call: &Fields<'v, '_>) -> Option<&'v str> {
    let extra = call.any("extra_content")?;
    [OUR_MARK, "google"]
        .iter()
        .find_map(|maker| extra[*maker]["thought_signature"].as_str())
}

fn content<'v>(message: &Fields<'v, '_>, notes: &mut Notes) -> Result<Vec<Part<'v>>, RequestError> {
    let at = message.at.key("content");
    match message.any("content") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::Text(text)]),
        Some(Value::Array(list)) => {
            let mut parts = Vec::new();
            for (index, item) in list.iter().enumerate() {
                let at = at.index(index);
                parts.extend(part(&Fields::of(item, &at)?, notes)?);
            }
            Ok(parts)
        }
        Some(_) => Err(at.wrong("a string or a list of parts")),
    }
}

fn part<'v>(part: &Fields<'v, '_>, notes: &mut Notes) -> Result<Option<Part<'v>>, RequestError> {
    let at = part.at;
    let inside = |key: &'static str| part.object(key)?.ok_or_else(|| at.key(key).missing());
    Ok(match part.need_text("type")? {
        "text" => Some(Part::Text(part.need_text("text")?)),
        "refusal" => Some(Part::Text(part.need_text("refusal")?)),
        "image_url" => {
            let at = at.key("image_url");
            let image = Fields {
                map: inside("image_url")?,
                at: &at,
            };
            if image.text("detail")?.is_some_and(|detail| detail != "auto") {
                notes.drop_field("image_url.detail");
            }
            let url = image.need_text("url")?;
            let source = data_url(url).unwrap_or(Source::Url(url));
            Some(Part::Media(Media {
                source,
                name: None,
                is_image: true,
                at: at.key("url").to_string(),
            }))
        }
        "file" => {
            let at = at.key("file");
            let file = Fields {
                map: inside("file")?,
                at: &at,
            };
            let name = file.text("filename")?;
            match file.text("file_data")?.and_then(data_url) {
                Some(source) => Some(Part::Media(Media {
                    source,
                    name,
                    is_image: false,
                    at: at.key("file_data").to_string(),
                })),
                None => {
                    notes.refuse(at);
                    None
                }
            }
        }
        "input_audio" => {
            let at = at.key("input_audio");
            let audio = Fields {
                map: inside("input_audio")?,
                at: &at,
            };
            let media_type = match audio.need_text("format")? {
                "wav" => "audio/wav",
                "mp3" => "audio/mp3",
                _ => {
                    notes.refuse(at.key("format"));
                    return Ok(None);
                }
            };
            let source = Source::Base64 {
                media_type,
                data: audio.need_text("data")?,
            };
            Some(Part::Media(Media {
                source,
                name: None,
                is_image: false,
                at: at.key("data").to_string(),
            }))
        }
        _ => {
            notes.refuse(at.key("type"));
            None
        }
    })
}

/// Splits `data:image/png;base64,…` ([RFC 2397](https://www.rfc-editor.org/rfc/rfc2397)); `None` for other URLs and for
/// data that is not in base64.
fn data_url(url: &str) -> Option<Source<'_>> {
    let scheme = url
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("data:"))?;
    let (head, data) = url[scheme.len()..].split_once(',')?;
    let head = head.strip_suffix(";base64")?;
    let media_type = head.split(';').next().filter(|kind| !kind.is_empty())?;
    Some(Source::Base64 { media_type, data })
}

/// The messages without what this crate put beside a tool call: OpenAI refuses fields that it does not know. `None` if
/// there is nothing of ours.
pub(crate) fn without_our_marks(body: &Map<String, Value>) -> Option<(&'static str, Value)> {
    let is_ours = |call: &Value| call["extra_content"].get(OUR_MARK).is_some();
    let calls = |message: &Value| {
        message["tool_calls"]
            .as_array()
            .is_some_and(|calls| calls.iter().any(is_ours))
    };
    let messages = body.get("messages")?.as_array()?;
    if !messages.iter().any(calls) {
        return None;
    }
    let mut messages = messages.clone();
    let all_calls = messages
        .iter_mut()
        .filter_map(|message| message.get_mut("tool_calls")?.as_array_mut())
        .flatten();
    for call in all_calls.filter_map(Value::as_object_mut) {
        let Some(Value::Object(extra)) = call.get_mut("extra_content") else {
            continue;
        };
        extra.shift_remove(OUR_MARK);
        if extra.is_empty() {
            call.shift_remove("extra_content");
        }
    }
    Some(("messages", messages.into()))
}
