//! Streams of OpenAI's Chat Completions: `choices[].delta`, `finish_reason`, `[DONE]`.

mod calls;

use serde_json::{Map, Value, json};
use workjet_router::{Data, Frame, Inbound};

use self::calls::{Calls, Names};
use super::channel::Kind;
use super::channels::{Channels, Describe};
use super::fragment::{self, Fragment, Way};
use super::{Blocked, Gate, Step};
use crate::coverage;

/// What is remembered between chunks.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// What every chunk repeats (`id`, `model`, …), for chunks of our own.
    envelope: Map<String, Value>,
    /// Tool calls that wait for their verdict.
    calls: Calls,
    names: Names,
}

/// One choice of a chunk, and the text taken out of it.
struct Taken {
    /// Its position in the chunk.
    at: usize,
    choice: u64,
    fragments: Vec<Fragment>,
    is_last: bool,
}

impl Stream {
    pub(super) fn push(
        &mut self,
        frame: Frame,
        gate: &Gate,
        channels: &mut Channels,
        step: &mut Step,
    ) -> Result<(), Blocked> {
        let Data::Json(mut chunk) = frame.data else {
            self.close_all(gate, channels, step)?;
            step.frames.push(Frame::done());
            return Ok(());
        };
        if gate.can_intervene {
            strip_logprobs(Inbound::OpenAiChat, &mut chunk);
            strip_repeats(&mut chunk);
        }
        let choices = take_fragments(&mut chunk);
        gate.scan(&mut chunk, coverage::frame(Inbound::OpenAiChat), step)?;
        self.names.scan(&chunk, gate, channels, step)?;
        self.remember(&chunk);
        gate.restore
            .document(&mut chunk, coverage::frame(Inbound::OpenAiChat));

        let mut is_emptied = !choices.is_empty() && self.says_nothing_new(&chunk);
        let mut stopped = Ok(());
        for mut taken in choices {
            let mut absent = Value::Null;
            let delta = chunk["choices"][taken.at].get_mut("delta").unwrap_or(&mut absent);
            let had_text = !taken.fragments.is_empty();
            if stopped.is_ok() && gate.withholds_calls {
                stopped = self.calls.note(taken.choice, delta, channels);
            }
            if stopped.is_ok() {
                stopped = self.release(&mut taken, delta, gate, channels, step);
            } else {
                taken
                    .fragments
                    .iter_mut()
                    .for_each(|fragment| fragment.text.clear());
            }
            for fragment in taken.fragments {
                fragment.put_back(delta);
            }
            let had_call = gate.withholds_calls && calls::remove(delta);
            is_emptied &=
                (had_text || had_call) && fragment::is_hollow(delta) && !(taken.is_last && stopped.is_ok());
        }
        if stopped.is_err() {
            // An error follows. The chunk must not say that the reply is complete.
            revoke_ends(&mut chunk);
        }
        if !is_emptied {
            step.frames.push(Frame {
                event: None,
                data: Data::Json(chunk),
            });
        }
        stopped
    }

    /// Lets out what is left of every choice.
    pub(super) fn close_all(
        &mut self,
        gate: &Gate,
        channels: &mut Channels,
        step: &mut Step,
    ) -> Result<(), Blocked> {
        let mut choices = channels.open_groups();
        choices.extend(self.calls.choices());
        choices.sort_unstable();
        choices.dedup();
        choices
            .into_iter()
            .try_for_each(|choice| self.close(choice, gate, channels, step))
    }

    /// Passes the text of one choice through its channels. What is left in the fragments leaves with the chunk.
    fn release(
        &mut self,
        taken: &mut Taken,
        delta: &Value,
        gate: &Gate,
        channels: &mut Channels,
        step: &mut Step,
    ) -> Result<(), Blocked> {
        let choice = taken.choice;
        let describe = Describe {
            delta,
            channel: &|place| (kind(place), path(choice, place)),
        };
        let mut stopped = Ok(());
        for fragment in &mut taken.fragments {
            if stopped.is_ok() {
                stopped = channels.push(choice, fragment, &describe, gate, step);
            } else {
                fragment.text.clear();
            }
            if let Some(call) = self.calls.holder(choice, &fragment.place) {
                let text = std::mem::take(&mut fragment.text);
                if stopped.is_ok() {
                    stopped = channels.withhold(text.len(), &path(choice, &fragment.place));
                }
                call.add(&fragment.place, &text);
            }
        }
        if taken.is_last && stopped.is_ok() {
            // What is held back goes between this chunk's text and its `finish_reason`, so the text goes ahead.
            for fragment in taken
                .fragments
                .iter_mut()
                .filter(|fragment| !fragment.text.is_empty())
            {
                let (mut alone, text) = (fragment.skeleton(delta), std::mem::take(&mut fragment.text));
                fragment::flesh(&mut alone, &fragment.place, text);
                step.frames.push(self.chunk(choice, alone));
            }
            stopped = self.close(choice, gate, channels, step);
        }
        stopped
    }

    /// Lets out what is left of a choice: the ends of its texts, then its tool calls.
    fn close(
        &mut self,
        choice: u64,
        gate: &Gate,
        channels: &mut Channels,
        step: &mut Step,
    ) -> Result<(), Blocked> {
        let mut calls = self.calls.take(choice);
        channels.close(choice, gate, step, |tail, step| {
            match calls.holder(choice, &tail.place) {
                Some(call) => call.add(&tail.place, &tail.text),
                None if tail.text.is_empty() => {}
                None => step.frames.push(self.chunk(choice, tail.into_delta())),
            }
        })?;
        step.frames
            .extend(calls.into_deltas().map(|delta| self.chunk(choice, delta)));
        Ok(())
    }

    fn remember(&mut self, chunk: &Value) {
        const REPEATED: [&str; 7] = [
            "id",
            "object",
            "created",
            "model",
            "system_fingerprint",
            "service_tier",
            "provider",
        ];
        // A first chunk without choices, as Azure's filters send it, has no name yet.
        let has_choices = chunk["choices"]
            .as_array()
            .is_some_and(|choices| !choices.is_empty());
        if self.envelope.is_empty() && has_choices {
            let fields = REPEATED
                .iter()
                .filter_map(|key| Some(((*key).to_owned(), chunk.get(key)?.clone())));
            self.envelope = fields.collect();
        }
    }

    /// Whether a chunk holds nothing beside its deltas that earlier chunks have not said. If their text is held back,
    /// such a chunk need not leave.
    fn says_nothing_new(&self, chunk: &Value) -> bool {
        let is_old = |key: &str, value: &Value| {
            matches!(key, "choices" | "created" | "obfuscation") || self.envelope.get(key) == Some(value)
        };
        let mut fields = chunk.as_object().into_iter().flatten();
        let mut choices = chunk["choices"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .flatten();
        fields.all(|(key, value)| is_old(key, value) || fragment::is_hollow(value))
            && choices.all(|(key, value)| {
                matches!(key.as_str(), "index" | "delta" | "finish_reason") || fragment::is_hollow(value)
            })
    }

    /// A chunk of our own.
    fn chunk(&self, choice: u64, delta: Value) -> Frame {
        let mut chunk = self.envelope.clone();
        chunk.insert(
            "choices".into(),
            json!([{ "index": choice, "delta": delta, "finish_reason": null }]),
        );
        Frame::json(Value::Object(chunk))
    }
}

/// Takes token probabilities out of a reply or chunk.
pub(super) fn strip_logprobs(inbound: Inbound, document: &mut Value) {
    if inbound != Inbound::OpenAiChat {
        return;
    }
    for choice in document
        .get_mut("choices")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(logprobs) = choice.get_mut("logprobs") {
            *logprobs = Value::Null;
        }
    }
}

/// Takes out what some servers write beside the delta: the same text in the manner of older APIs. Piece by piece it would
/// pass a scan that only the pieces' sum fails, and no client of this API reads it.
fn strip_repeats(chunk: &mut Value) {
    let choices = chunk.get_mut("choices").and_then(Value::as_array_mut);
    for choice in choices.into_iter().flatten().filter_map(Value::as_object_mut) {
        choice.shift_remove("text");
        choice.shift_remove("message");
    }
}

fn take_fragments(chunk: &mut Value) -> Vec<Taken> {
    let choices = chunk.get_mut("choices").and_then(Value::as_array_mut);
    let choices = choices
        .into_iter()
        .flatten()
        .enumerate()
        .filter(|(_, choice)| choice.is_object());
    let taken = choices.map(|(at, choice)| Taken {
        at,
        choice: choice["index"].as_u64().unwrap_or(0),
        // Some servers write an empty reason into every chunk.
        is_last: choice["finish_reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        fragments: choice
            .get_mut("delta")
            .map(|delta| fragment::take(delta, is_whole))
            .unwrap_or_default(),
    });
    taken.collect()
}

/// Strings of a delta that come in one piece. All others are joined by clients, the unknown ones too.
fn is_whole(place: &[Way]) -> bool {
    let mut keys = [""; 3];
    let named = place.iter().filter_map(Way::key);
    named.zip(&mut keys).for_each(|(key, slot)| *slot = key);
    matches!(
        keys,
        ["role", "", ""]
            | ["annotations" | "images", ..]
            | ["tool_calls", "id", ""]
            | ["tool_calls", "extra_content", _]
            | ["tool_calls", "function" | "custom", "name"]
            | ["function_call", "name", ""]
            | ["audio", "id" | "data", ""]
            | ["reasoning_details", "id" | "format" | "data" | "signature", ""]
    ) || place.last().and_then(Way::key) == Some("type")
}

fn kind(place: &[Way]) -> Kind {
    match place {
        [Way::Key(calls), _, Way::Key(function), Way::Key(arguments)]
            if calls == "tool_calls" && function == "function" && arguments == "arguments" =>
        {
            Kind::Document
        }
        [Way::Key(call), Way::Key(arguments)] if call == "function_call" && arguments == "arguments" => {
            Kind::Document
        }
        [Way::Key(details), _, Way::Key(text)] if details == "reasoning_details" && text == "text" => {
            Kind::Signed
        }
        _ => Kind::Text,
    }
}

/// The place in a whole reply.
fn path(choice: u64, place: &[Way]) -> String {
    const KNOWN: [&str; 17] = [
        "id",
        "name",
        "content",
        "refusal",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "summary",
        "text",
        "tool_calls",
        "function",
        "arguments",
        "function_call",
        "custom",
        "input",
        "audio",
        "transcript",
    ];
    fragment::show(&format!("choices[{choice}].message"), place, &KNOWN)
}

fn revoke_ends(chunk: &mut Value) {
    for choice in chunk
        .get_mut("choices")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(reason) = choice.get_mut("finish_reason") {
            *reason = Value::Null;
        }
    }
    if let Some(usage) = chunk.get_mut("usage") {
        *usage = Value::Null;
    }
}
