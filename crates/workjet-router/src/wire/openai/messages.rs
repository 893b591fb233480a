//! Reads the messages of a client's request.

use serde_json::{Map, Value};

use crate::RequestError;
use crate::chat::{Arguments, Media, Message, Notes, Part, Request, Role, Source, ToolCall, ToolResult};
use crate::place::{Fields, Place};
use crate::wire::{OUR_MARK, parts};

pub(super) fn messages<'v>(
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
    parts(message, "content", "a string or a list of parts", |fields| {
        part(fields, notes)
    })
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
