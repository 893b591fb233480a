//! Where in a document we are, for errors that name the spot.
//!
//! A [`Place`] is a chain of steps on the stack: walking down a document costs nothing, and only an error turns the chain
//! into text. Steps are keys of the dialect (constants in this crate) and indices, so that a path never shows a key that
//! a caller made up.

use std::fmt;

use serde_json::{Map, Number, Value};

use crate::error::RequestError;

/// One spot in a JSON document.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    Root,
    Key(&'static str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub(crate) const ROOT: Place<'static> = Place {
        parent: None,
        step: Step::Root,
    };

    pub(crate) fn key(&'p self, key: &'static str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    pub(crate) fn index(&'p self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    /// The error for a value that is not `expected`, such as "a string".
    pub(crate) fn wrong(&self, expected: &'static str) -> RequestError {
        RequestError::wrong_type(self.to_string(), expected)
    }

    pub(crate) fn missing(&self) -> RequestError {
        RequestError::missing(self.to_string())
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            fmt::Display::fmt(parent, f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Key(key) if self.parent.is_none_or(|parent| matches!(parent.step, Step::Root)) => {
                f.write_str(key)
            }
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A JSON object and where it lies. Each reader returns `None` for a field that is absent or `null`, since the SDKs send
/// `null` for what the caller left out.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'v, 'p> {
    pub(crate) map: &'v Map<String, Value>,
    pub(crate) at: &'p Place<'p>,
}

impl<'v, 'p> Fields<'v, 'p> {
    pub(crate) fn of(value: &'v Value, at: &'p Place<'p>) -> Result<Self, RequestError> {
        value
            .as_object()
            .map(|map| Self { map, at })
            .ok_or_else(|| at.wrong("an object"))
    }

    pub(crate) fn any(&self, key: &str) -> Option<&'v Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, key: &'static str) -> Result<Option<&'v str>, RequestError> {
        self.read(key, "a string", Value::as_str)
    }

    pub(crate) fn need_text(&self, key: &'static str) -> Result<&'v str, RequestError> {
        self.text(key)?.ok_or_else(|| self.at.key(key).missing())
    }

    pub(crate) fn number(&self, key: &'static str) -> Result<Option<&'v Number>, RequestError> {
        self.read(key, "a number", Value::as_number)
    }

    pub(crate) fn count(&self, key: &'static str) -> Result<Option<u64>, RequestError> {
        self.read(key, "a whole number that is not negative", Value::as_u64)
    }

    pub(crate) fn flag(&self, key: &'static str) -> Result<Option<bool>, RequestError> {
        self.read(key, "true or false", Value::as_bool)
    }

    pub(crate) fn list(&self, key: &'static str) -> Result<Option<&'v [Value]>, RequestError> {
        self.read(key, "a list", |value| value.as_array().map(Vec::as_slice))
    }

    pub(crate) fn object(&self, key: &'static str) -> Result<Option<&'v Map<String, Value>>, RequestError> {
        self.read(key, "an object", Value::as_object)
    }

    fn read<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        cast: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Result<Option<T>, RequestError> {
        match self.any(key) {
            None => Ok(None),
            Some(value) => cast(value)
                .map(Some)
                .ok_or_else(|| self.at.key(key).wrong(expected)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it() {
        let messages = Place::ROOT.key("messages");
        let second = messages.index(1);
        assert_eq!(second.key("content").to_string(), "messages[1].content");
        assert_eq!(Place::ROOT.key("model").to_string(), "model");
    }
}
