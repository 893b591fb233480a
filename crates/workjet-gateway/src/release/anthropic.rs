//! Streams of Anthropic's Messages: content blocks that start, grow by deltas and stop.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use workjet_dlp::Shape;
use workjet_router::{Data, Frame, Inbound};

use super::channel::Kind;
use super::channels::{Channels, Describe, Tail};
use super::fragment::{self, Fragment, Way};
use super::restore::Restore;
use super::{Blocked, Gate, Step};
use crate::coverage;

/// What is remembered between events.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Tool calls that wait for their verdict, by content block: the events that the client will see.
    calls: BTreeMap<u64, Vec<Frame>>,
}

impl Stream {
    pub(super) fn push(
        &mut self,
        frame: Frame,
        gate: &Gate,
        channels: &mut Channels,
        step: &mut Step,
    ) -> Result<(), Blocked> {
        let Data::Json(mut event) = frame.data else {
            return Ok(());
        };
        let block = event["index"].as_u64().unwrap_or(0);
        let fragments = take_fragments(&mut event);
        gate.scan(&mut event, coverage::frame(Inbound::AnthropicMessages), step)?;
        gate.restore
            .document(&mut event, coverage::frame(Inbound::AnthropicMessages));

        match event["type"].as_str() {
            Some("content_block_start") if gate.withholds_calls && is_call(&event["content_block"]) => {
                self.calls.entry(block).or_default();
            }
            Some("content_block_delta") if event["delta"]["type"] == "signature_delta" => {
                // The signature ends what it signs, and clients read it so.
                let thinking = [Way::Key("thinking".into())];
                channels.close_one(block, &thinking, gate, step, |tail, step| {
                    self.emit_tail(block, tail, step);
                })?;
            }
            Some("content_block_stop") => self.close(block, gate, channels, step)?,
            Some("message_delta") if event["delta"]["stop_reason"].is_string() => {
                self.close_all(gate, channels, step)?;
            }
            Some("message_stop") => self.close_all(gate, channels, step)?,
            _ => {}
        }

        let had_text = !fragments.is_empty();
        let stopped = release(block, fragments, &mut event, gate, channels, step);
        let is_emptied = had_text && fragment::is_hollow(&event["delta"]) && !event["delta"].is_null();
        if is_emptied || (stopped.is_err() && self.calls.contains_key(&block)) {
            return stopped;
        }
        // An event's name is its type, and that has been scanned. What else a provider calls it has not.
        let name = frame
            .event
            .and_then(|_| event["type"].as_str().map(|name| name.to_owned().into()));
        let frame = Frame {
            event: name,
            data: Data::Json(event),
        };
        match self.calls.get_mut(&block) {
            Some(events) if concerns_block(&frame) => {
                channels.withhold(size(&frame), &path(block, &[]))?;
                events.push(frame);
            }
            _ => step.frames.push(frame),
        }
        stopped
    }

    /// Lets out what is left of every block.
    pub(super) fn close_all(
        &mut self,
        gate: &Gate,
        channels: &mut Channels,
        step: &mut Step,
    ) -> Result<(), Blocked> {
        let mut blocks = channels.open_groups();
        blocks.extend(self.calls.keys());
        blocks.sort_unstable();
        blocks.dedup();
        blocks
            .into_iter()
            .try_for_each(|block| self.close(block, gate, channels, step))
    }

    /// Lets out what is left of a block: the ends of its texts, and a tool call with them.
    fn close(
        &mut self,
        block: u64,
        gate: &Gate,
        channels: &mut Channels,
        step: &mut Step,
    ) -> Result<(), Blocked> {
        channels.close(block, gate, step, |tail, step| self.emit_tail(block, tail, step))?;
        step.frames
            .extend(self.calls.remove(&block).into_iter().flatten());
        Ok(())
    }

    fn emit_tail(&mut self, block: u64, tail: Tail, step: &mut Step) {
        if tail.text.is_empty() {
            return;
        }
        let delta = json!({ "type": "content_block_delta", "index": block, "delta": tail.into_delta() });
        let frame = Frame::named("content_block_delta", delta);
        self.calls.get_mut(&block).unwrap_or(&mut step.frames).push(frame);
    }
}

/// Rewrites the thinking of a whole reply, which the map takes for signed.
pub(super) fn scan_thinking(reply: &mut Value, gate: &Gate, step: &mut Step) -> Result<(), Blocked> {
    thoughts(reply).try_for_each(|(at, text)| {
        let before = step.findings.len();
        let scanned = gate.scan(text, &Shape::Text, step);
        let place = path(at as u64, &[Way::Key("thinking".into())]);
        let found = step.findings.split_off(before);
        step.findings
            .extend(found.into_iter().map(|finding| finding.at(&place)));
        scanned.map_err(|blocked| blocked.placed(&place))
    })
}

/// Puts values back in it, as in other text.
pub(super) fn restore_thinking(reply: &mut Value, restore: &Restore) {
    thoughts(reply).for_each(|(_, text)| restore.text(text));
}

/// The thinking of a whole reply, with the place of its block.
fn thoughts(reply: &mut Value) -> impl Iterator<Item = (usize, &mut Value)> {
    let blocks = reply
        .get_mut("content")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .enumerate();
    blocks
        .filter(|(_, block)| block["type"] == "thinking")
        .filter_map(|(at, block)| Some((at, block.get_mut("thinking")?)))
}

/// Passes the text of one event through its channels and puts back what may leave now.
fn release(
    block: u64,
    mut fragments: Vec<Fragment>,
    event: &mut Value,
    gate: &Gate,
    channels: &mut Channels,
    step: &mut Step,
) -> Result<(), Blocked> {
    let mut stopped = Ok(());
    let holder = holder(event);
    let begun = begun(&event[holder]);
    let delta = begun.as_ref().unwrap_or(&event[holder]);
    let describe = Describe {
        delta,
        channel: &|place| (kind(place, gate), path(block, place)),
    };
    for fragment in &mut fragments {
        if stopped.is_ok() {
            stopped = channels.push(block, fragment, &describe, gate, step);
        } else {
            fragment.text.clear();
        }
    }
    for fragment in fragments {
        fragment.put_back(&mut event[holder]);
    }
    stopped
}

/// The key of an event under which text grows.
fn holder(event: &Value) -> &'static str {
    if event["type"] == "content_block_start" {
        "content_block"
    } else {
        "delta"
    }
}

/// A block may start with some of its text already. That continues in deltas of this kind.
fn begun(block: &Value) -> Option<Value> {
    match block["type"].as_str() {
        Some("text") => Some(json!({ "type": "text_delta", "text": "" })),
        Some("thinking") => Some(json!({ "type": "thinking_delta", "thinking": "" })),
        _ => None,
    }
}

fn take_fragments(event: &mut Value) -> Vec<Fragment> {
    match event["type"].as_str() {
        Some("content_block_start") if begun(&event["content_block"]).is_some() => {
            fragment::take(&mut event["content_block"], |place| !is_begun_text(place))
        }
        Some("content_block_delta") if !event["delta"].is_null() => {
            fragment::take(&mut event["delta"], is_whole)
        }
        _ => Vec::new(),
    }
}

fn is_begun_text(place: &[Way]) -> bool {
    matches!(place, [Way::Key(key)] if key == "text" || key == "thinking")
}

/// Strings of a delta that come in one piece. All others are joined by clients, the unknown ones too.
fn is_whole(place: &[Way]) -> bool {
    matches!(place.first().and_then(Way::key), Some("citation" | "signature"))
        || place.last().and_then(Way::key) == Some("type")
}

fn kind(place: &[Way], gate: &Gate) -> Kind {
    match place {
        [Way::Key(key)] if key == "partial_json" => Kind::Document,
        [Way::Key(key)] if key == "thinking" && gate.thinking_is_signed => Kind::Signed,
        _ => Kind::Text,
    }
}

/// The place in a whole reply.
fn path(block: u64, place: &[Way]) -> String {
    match place {
        [Way::Key(key)] if key == "partial_json" => format!("content[{block}].input"),
        _ => fragment::show(
            &format!("content[{block}]"),
            place,
            &["text", "thinking", "content"],
        ),
    }
}

/// Whether a client, or the provider in its name, may execute the block.
fn is_call(block: &Value) -> bool {
    block["type"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("tool_use"))
}

fn concerns_block(frame: &Frame) -> bool {
    matches!(&frame.data, Data::Json(event) if event["type"].as_str().is_some_and(|kind| kind.starts_with("content_block")))
}

fn size(frame: &Frame) -> usize {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    bytes.len()
}
