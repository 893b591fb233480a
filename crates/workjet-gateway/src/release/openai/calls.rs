//! Tool calls in OpenAI's streams.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use workjet_dlp::Shape;

use super::path;
use crate::release::channels::Channels;
use crate::release::fragment::{self, Way};
use crate::release::{Blocked, Gate, Step};

/// Tool calls that the client does not know of yet, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

/// One of them.
#[derive(Debug)]
pub(super) struct Call {
    choice: u64,
    /// Where it stands in the delta: an item of `tool_calls`, or the older `function_call`.
    place: Vec<Way>,
    /// A delta that holds this call alone, but for what its channels carry.
    delta: Value,
    /// What its channels have let out so far.
    ready: Vec<(Vec<Way>, String)>,
}

/// Names and ids of tool calls so far. They should come in one piece, but clients join them if they do not.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<(u64, Vec<Way>), String>);

impl Calls {
    /// Notes the tool calls of a delta, so that what their channels let out waits with them.
    pub(super) fn note(
        &mut self,
        choice: u64,
        delta: &Value,
        channels: &mut Channels,
    ) -> Result<(), Blocked> {
        for (place, call) in of(delta) {
            let delta = match place.as_slice() {
                [Way::Key(key)] => json!({ key: call }),
                _ => json!({ "tool_calls": [call] }),
            };
            match self
                .0
                .iter_mut()
                .find(|known| known.choice == choice && known.place == place)
            {
                Some(known) => complete(&mut known.delta, delta),
                None => {
                    channels.withhold(delta.to_string().len(), &path(choice, &place))?;
                    self.0.push(Call {
                        choice,
                        place,
                        delta,
                        ready: Vec::new(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The call that what stands at `place` belongs to.
    pub(super) fn holder(&mut self, choice: u64, place: &[Way]) -> Option<&mut Call> {
        self.0
            .iter_mut()
            .find(|call| call.choice == choice && place.starts_with(&call.place))
    }

    /// The choices that have one.
    pub(super) fn choices(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|call| call.choice)
    }

    /// Takes out those of one choice.
    pub(super) fn take(&mut self, choice: u64) -> Self {
        let (taken, others) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|call| call.choice == choice);
        self.0 = others;
        Self(taken)
    }

    /// A delta for each.
    pub(super) fn into_deltas(self) -> impl Iterator<Item = Value> {
        self.0.into_iter().map(Call::into_delta)
    }
}

impl Call {
    pub(super) fn add(&mut self, place: &[Way], text: &str) {
        match self.ready.iter_mut().find(|(known, _)| known == place) {
            Some((_, ready)) => ready.push_str(text),
            None => self.ready.push((place.to_vec(), text.to_owned())),
        }
    }

    fn into_delta(self) -> Value {
        let mut delta = self.delta;
        for (place, text) in self.ready {
            fragment::flesh(&mut delta, &place, text);
        }
        delta
    }
}

impl Names {
    /// Scans the names and ids of tool calls that come in fragments as clients join them. A first fragment was scanned
    /// with its chunk.
    pub(super) fn scan(
        &mut self,
        chunk: &Value,
        gate: &Gate,
        channels: &mut Channels,
        step: &mut Step,
    ) -> Result<(), Blocked> {
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().unwrap_or(0);
            for (place, call) in of(&choice["delta"]) {
                let names = [&["id"][..], &["name"], &["function", "name"], &["custom", "name"]];
                for way in names {
                    let name = way
                        .iter()
                        .try_fold(call, |value, key| value.get(key))
                        .and_then(Value::as_str);
                    let Some(name) = name.filter(|name| !name.is_empty()) else {
                        continue;
                    };
                    let place = place
                        .iter()
                        .cloned()
                        .chain(way.iter().map(|key| Way::Key((*key).into())));
                    let place: Vec<Way> = place.collect();
                    let shown = path(index, &place);
                    let joined = self.0.entry((index, place)).or_default();
                    // Some servers repeat them with every fragment of the arguments.
                    if joined == name {
                        continue;
                    }
                    channels.withhold(name.len(), &shown)?;
                    joined.push_str(name);
                    if joined != name {
                        let mut joined = Value::from(joined.as_str());
                        gate.scan(&mut joined, &Shape::Name, step)
                            .map_err(|blocked| blocked.placed(&shown))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Takes the tool calls out of a delta, and says whether there were any.
pub(super) fn remove(delta: &mut Value) -> bool {
    let Some(fields) = delta.as_object_mut() else {
        return false;
    };
    let calls =
        fields.get("tool_calls").is_some_and(Value::is_array) && fields.shift_remove("tool_calls").is_some();
    let call = fields.get("function_call").is_some_and(Value::is_object)
        && fields.shift_remove("function_call").is_some();
    calls || call
}

/// The tool calls of a delta: their places, and what it says about each.
fn of(delta: &Value) -> impl Iterator<Item = (Vec<Way>, &Value)> {
    let items = delta
        .get("tool_calls")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate();
    let items = items.map(|(at, item)| (vec![Way::Key("tool_calls".into()), Way::of(item, at)], item));
    let single = delta.get("function_call").filter(|call| call.is_object());
    items.chain(single.map(|call| (vec![Way::Key("function_call".into())], call)))
}

/// Adds to a call what a later delta says about it.
fn complete(known: &mut Value, later: Value) {
    match (known, later) {
        (Value::Object(known), Value::Object(later)) => {
            for (key, value) in later {
                match known.get_mut(&key) {
                    Some(field) => complete(field, value),
                    None => {
                        known.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(known), Value::Array(later)) => {
            known
                .iter_mut()
                .zip(later)
                .for_each(|(known, later)| complete(known, later));
        }
        // As clients join what comes in fragments; what is repeated stays.
        (Value::String(known), Value::String(later)) if *known != later => known.push_str(&later),
        (known, later) => {
            if fragment::is_hollow(known) {
                *known = later;
            }
        }
    }
}
