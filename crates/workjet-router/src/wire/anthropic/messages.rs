//! Reads the messages of a client's request.

use serde_json::{Map, Value};

use super::from_our_signature;
use crate::RequestError;
use crate::chat::{Arguments, Media, Message, Notes, Part, Request, Role, Source, ToolCall, ToolResult};
use crate::place::Fields;
use crate::wire::parts;

/// The texts of a field that is a string or a list of text blocks.
pub(super) fn texts<'v>(
    fields: &Fields<'v, '_>,
    key: &'static str,
    notes: &mut Notes,
) -> Result<Vec<&'v str>, RequestError> {
    let mut texts = Vec::new();
    for part in content(fields, key, notes)? {
        match part {
            Part::Text(text) => texts.push(text),
            _ => notes.refuse(fields.at.key(key)),
        }
    }
    Ok(texts)
}

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
        let role = match message.need_text("role")? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => {
                request.system.extend(texts(&message, "content", notes)?);
                continue;
            }
            _ => {
                notes.refuse(at.key("role"));
                continue;
            }
        };
        if message.any("content").is_none() {
            return Err(at.key("content").missing());
        }
        request.messages.push(Message {
            role,
            parts: content(&message, "content", notes)?,
        });
    }
    Ok(())
}

fn content<'v>(
    fields: &Fields<'v, '_>,
    key: &'static str,
    notes: &mut Notes,
) -> Result<Vec<Part<'v>>, RequestError> {
    parts(fields, key, "a string or a list of blocks", |fields| {
        block(fields, notes)
    })
}

fn block<'v>(block: &Fields<'v, '_>, notes: &mut Notes) -> Result<Option<Part<'v>>, RequestError> {
    let at = block.at;
    if block.any("cache_control").is_some() {
        notes.drop_field("cache_control");
    }
    Ok(match block.need_text("type")? {
        "text" => {
            if block.any("citations").is_some() {
                notes.drop_field("citations");
            }
            Some(Part::Text(block.need_text("text")?))
        }
        "image" => media(block, true, notes)?.map(Part::Media),
        "document" => media(block, false, notes)?.map(Part::Media),
        "thinking" => {
            let text = block.need_text("thinking")?;
            Some(Part::Thinking {
                text,
                signature: block.text("signature")?.and_then(from_our_signature),
            })
        }
        "redacted_thinking" => {
            // Only Anthropic can read it.
            block.text("data")?;
            notes.drop_field("thinking");
            None
        }
        "tool_use" => Some(Part::ToolCall(ToolCall {
            id: block.need_text("id")?,
            name: block.need_text("name")?,
            arguments: Arguments::Object(block.object("input")?.ok_or_else(|| at.key("input").missing())?),
            signature: None,
            at: at.key("input").to_string(),
        })),
        "tool_result" => Some(Part::ToolResult(ToolResult {
            id: block.need_text("tool_use_id")?,
            parts: content(block, "content", notes)?,
            is_error: block.flag("is_error")?.unwrap_or(false),
            at: at.key("tool_use_id").to_string(),
        })),
        _ => {
            notes.refuse(at.key("type"));
            None
        }
    })
}

fn media<'v>(
    block: &Fields<'v, '_>,
    is_image: bool,
    notes: &mut Notes,
) -> Result<Option<Media<'v>>, RequestError> {
    let at = block.at.key("source");
    let source = Fields {
        map: block.object("source")?.ok_or_else(|| at.missing())?,
        at: &at,
    };
    let (source, at) = match source.need_text("type")? {
        "base64" => {
            let media_type = source.need_text("media_type")?;
            (
                Source::Base64 {
                    media_type,
                    data: source.need_text("data")?,
                },
                at.key("data"),
            )
        }
        "url" => (Source::Url(source.need_text("url")?), at.key("url")),
        _ => {
            notes.refuse(at.key("type"));
            return Ok(None);
        }
    };
    for key in ["context", "citations"] {
        if block.any(key).is_some() {
            notes.refuse(block.at.key(key));
        }
    }
    Ok(Some(Media {
        source,
        name: block.text("title")?,
        is_image,
        at: at.to_string(),
    }))
}

/// The messages without the thinking blocks that this crate made from another provider's: Anthropic checks signatures,
/// and ours are none. `None` if there are none.
pub(crate) fn without_our_marks(body: &Map<String, Value>) -> Option<(&'static str, Value)> {
    let is_ours = |block: &Value| {
        block["type"] == "thinking"
            && block["signature"]
                .as_str()
                .is_some_and(|text| from_our_signature(text).is_some())
    };
    let blocks = |message: &Value| {
        message["content"]
            .as_array()
            .is_some_and(|blocks| blocks.iter().any(is_ours))
    };
    let messages = body.get("messages")?.as_array()?;
    if !messages.iter().any(blocks) {
        return None;
    }
    let mut messages = messages.clone();
    messages.retain_mut(|message| match message.get_mut("content") {
        Some(Value::Array(blocks)) if blocks.iter().any(is_ours) => {
            blocks.retain(|block| !is_ours(block));
            !blocks.is_empty()
        }
        _ => true,
    });
    Some(("messages", messages.into()))
}
