//! Puts the client's own values back where a reply holds their tokens.
//!
//! The last step of a release, behind the scan. What a model wrote is scanned with the tokens in it, so that what it
//! adds of its own is found as ever; the values that then take their places are the client's already, and are not scanned
//! again. A string that must stay as it is (a signed thought, a name, an id) keeps its tokens.

use std::sync::Arc;

use serde_json::{Map, Value};
use workjet_dlp::{Restorer, Shape, Vault};

use super::channel::Kind;
use super::fragment::Way;

/// The values of one request, if any of them was replaced by a token.
#[derive(Debug, Default)]
pub(super) struct Restore {
    vault: Option<Arc<Vault>>,
    /// The client asked for text that is a JSON document.
    text_is_json: bool,
}

impl Restore {
    pub(super) fn new(vault: Arc<Vault>, text_is_json: bool) -> Self {
        Self {
            vault: Some(vault).filter(|vault| !vault.is_empty()),
            text_is_json,
        }
    }

    /// Whether there is nothing to put back.
    pub(super) const fn is_idle(&self) -> bool {
        self.vault.is_none()
    }

    /// What puts values back in the channel at `place`; `None` if nothing may.
    pub(super) fn channel(&self, kind: Kind, place: &[Way]) -> Option<Restorer> {
        let vault = self.vault.as_ref()?;
        match (kind, place) {
            (Kind::Signed, _) => None,
            (Kind::Document, _) => Some(vault.json_restorer()),
            (Kind::Text, [Way::Key(key)]) if self.is_json(key) => Some(vault.json_restorer()),
            (Kind::Text, _) => Some(vault.restorer()),
        }
    }

    /// Puts values back in a scanned document.
    pub(super) fn document(&self, document: &mut Value, shape: &Shape) {
        if let Some(vault) = &self.vault {
            self.walk(vault, document, shape, "");
        }
    }

    /// Puts values back in one string.
    pub(super) fn text(&self, text: &mut Value) {
        self.document(text, &Shape::Text);
    }

    /// Whether the text under `key` is a document, as the client asked for: the model's answer proper.
    fn is_json(&self, key: &str) -> bool {
        self.text_is_json && matches!(key, "content" | "text")
    }

    fn walk(&self, vault: &Vault, value: &mut Value, shape: &Shape, key: &str) {
        match (shape, &mut *value) {
            (Shape::Skip | Shape::Opaque, _) | (_, Value::Null | Value::Bool(_) | Value::Number(_)) => {}
            (Shape::Either { text, .. }, Value::String(_)) => self.walk(vault, value, text, key),
            (Shape::Either { list, .. }, Value::Array(_)) => self.walk(vault, value, list, key),
            (Shape::Either { object, .. }, Value::Object(_)) => self.walk(vault, value, object, key),

            (Shape::Constant(_) | Shape::Name | Shape::Url | Shape::Signed, Value::String(_)) => {}
            (Shape::Json, Value::String(text)) => *text = vault.restore_json(text).into_owned(),
            (Shape::Text, Value::String(text)) if self.is_json(key) => {
                *text = vault.restore_json(text).into_owned();
            }
            (_, Value::String(text)) => *text = vault.restore(text).into_owned(),

            (Shape::List(shape), Value::Array(items)) => {
                items
                    .iter_mut()
                    .for_each(|item| self.walk(vault, item, shape, key));
            }
            (_, Value::Array(items)) => items
                .iter_mut()
                .for_each(|item| self.walk(vault, item, &Shape::Any, key)),

            (Shape::Object(known), Value::Object(fields)) => self.fields(vault, fields, known),
            (Shape::Tagged { tag, cases }, Value::Object(fields)) => {
                let chosen = fields.get(*tag).and_then(Value::as_str);
                let case = cases.iter().find(|(name, _)| Some(*name) == chosen);
                self.walk(vault, value, case.map_or(&Shape::Any, |(_, shape)| shape), key);
            }
            (_, Value::Object(fields)) => self.fields(vault, fields, &[]),
        }
    }

    fn fields(&self, vault: &Vault, fields: &mut Map<String, Value>, known: &[(&str, Shape)]) {
        let shape = |key: &str| {
            known
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, shape)| shape)
        };
        let is_token = |key: &str| shape(key).is_none() && vault.restore(key) != key;
        if fields.keys().any(|key| is_token(key)) {
            // A key of the model's own choice. Its place among the others stays.
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(key, value)| match shape(&key) {
                    Some(_) => (key, value),
                    None => (vault.restore(&key).into_owned(), value),
                })
                .collect();
        }
        for (key, value) in fields {
            self.walk(vault, value, shape(key).unwrap_or(&Shape::Any), key);
        }
    }
}
