//! Fragments: the strings of a delta that a client joins to those of earlier deltas.
//!
//! They are taken *out* of the delta, and what is left is scanned as a document. So a string is either joined and
//! scanned with its predecessors, or scanned where it stands; there is no third way.

use serde_json::{Map, Value};

/// A string taken out of a delta.
#[derive(Debug)]
pub(super) struct Fragment {
    /// Which string of the whole reply it continues, below the choice or content block.
    pub(super) place: Vec<Way>,
    /// Where it stood in this delta.
    at: Vec<At>,
    pub(super) text: String,
}

/// One step on the way to a string of the reply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Key(String),
    /// An item that names its own place, as tool calls do.
    Index(u64),
    /// An item that does not.
    Position(usize),
}

impl Way {
    /// The way to an item of a list.
    pub(super) fn of(item: &Value, position: usize) -> Self {
        item.get("index")
            .and_then(Value::as_u64)
            .map_or(Self::Position(position), Self::Index)
    }

    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) | Self::Position(_) => None,
        }
    }
}

#[derive(Debug, Clone)]
enum At {
    Key(String),
    Position(usize),
}

/// Takes every string out of `delta` for which `is_whole` does not say that it is complete in itself. Empty strings
/// stay: they continue nothing.
pub(super) fn take(delta: &mut Value, is_whole: fn(&[Way]) -> bool) -> Vec<Fragment> {
    let mut fragments = Vec::new();
    walk(delta, is_whole, &mut Vec::new(), &mut Vec::new(), &mut fragments);
    fragments
}

fn walk(
    value: &mut Value,
    is_whole: fn(&[Way]) -> bool,
    place: &mut Vec<Way>,
    at: &mut Vec<At>,
    fragments: &mut Vec<Fragment>,
) {
    match value {
        Value::String(text) if !text.is_empty() && !is_whole(place) => {
            fragments.push(Fragment {
                place: place.clone(),
                at: at.clone(),
                text: std::mem::take(text),
            });
        }
        Value::Array(items) => {
            for (position, item) in items.iter_mut().enumerate() {
                place.push(Way::of(item, position));
                at.push(At::Position(position));
                walk(item, is_whole, place, at, fragments);
                place.pop();
                at.pop();
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                place.push(Way::Key(key.clone()));
                at.push(At::Key(key.clone()));
                walk(field, is_whole, place, at, fragments);
                place.pop();
                at.pop();
            }
        }
        _ => {}
    }
}

impl Fragment {
    /// Puts the fragment's text, as it is by now, back to where it was taken from.
    pub(super) fn put_back(self, delta: &mut Value) {
        let slot = self.at.iter().try_fold(delta, |value, step| match step {
            At::Key(key) => value.get_mut(key),
            At::Position(position) => value.get_mut(position),
        });
        if let Some(slot) = slot {
            *slot = Value::String(self.text);
        }
    }

    /// A delta that holds this string alone, empty, and what tells clients which one it is.
    pub(super) fn skeleton(&self, delta: &Value) -> Value {
        skeleton(delta, &self.at)
    }
}

fn skeleton(value: &Value, way: &[At]) -> Value {
    let Some((step, rest)) = way.split_first() else {
        return Value::String(String::new());
    };
    match step {
        At::Position(position) => Value::Array(
            value
                .get(position)
                .map(|item| skeleton(item, rest))
                .into_iter()
                .collect(),
        ),
        At::Key(key) => {
            let mut fields = Map::new();
            // Clients find an item by its index. Where there is none, they tell things apart by type.
            if let Some(mark) = ["index", "type"]
                .into_iter()
                .find(|mark| value.get(mark).is_some())
            {
                fields.insert(mark.to_owned(), value[mark].clone());
            }
            if let Some(inner) = value.get(key) {
                fields.insert(key.clone(), skeleton(inner, rest));
            }
            Value::Object(fields)
        }
    }
}

/// Writes `text` into the one empty string of a [`skeleton`](Fragment::skeleton).
pub(super) fn flesh(skeleton: &mut Value, place: &[Way], text: String) {
    let slot = place.iter().try_fold(skeleton, |value, step| match step {
        Way::Key(key) => value.get_mut(key),
        Way::Index(_) | Way::Position(_) => value.get_mut(0),
    });
    if let Some(slot) = slot {
        *slot = Value::String(text);
    }
}

/// Whether nothing is left that a client would use: only empty strings, nulls, and marks that say where they belong.
pub(super) fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_hollow),
        Value::Object(fields) => fields
            .iter()
            .all(|(key, field)| key == "index" || key == "type" || is_hollow(field)),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The place as findings show it: keys of the dialect by name, all others as `*`.
pub(super) fn show(root: &str, place: &[Way], known: &[&str]) -> String {
    let mut path = root.to_owned();
    for step in place {
        match step {
            Way::Key(key) => {
                path.push('.');
                path.push_str(if known.contains(&key.as_str()) { key } else { "*" });
            }
            Way::Index(index) => path.push_str(&format!("[{index}]")),
            Way::Position(position) => path.push_str(&format!("[{position}]")),
        }
    }
    path
}
