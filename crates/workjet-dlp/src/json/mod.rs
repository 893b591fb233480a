//! JSON documents: each string is a text of its own, and a [`Shape`] says what may be done with it.
//!
//! A shape lists what a protocol defines. Whatever it does not list is scanned, keys and numbers included, so that a field
//! nobody thought of is not a way around. A finding reports its path with the protocol's own keys only; a key that the
//! caller made up may itself be sensitive and shows as `*`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{Action, Engine, Finding, Policy, Vault};

mod report;
mod scanner;
mod shape;
mod text;

pub use report::{InvalidJson, JsonReport, ScannedJson, Unscannable, UnscannableReason, Verdict};
pub use scanner::JsonScanner;
pub use shape::Shape;

/// Deeper values are reported as unscannable. `serde_json` itself reads no more than 128 levels.
const MAX_DEPTH: usize = 192;

impl Engine {
    /// Applies a policy to a JSON document, in place. Every string is a text of its own, and under a key that the caller
    /// made up, the key's words count as words before the value.
    ///
    /// The document must only be used if the verdict is [`Verdict::Pass`] and the caller accepts every unscannable part.
    pub fn redact_json(&self, document: &mut Value, shape: &Shape, policy: &Policy) -> JsonReport {
        let mut visit = Visit::new(self, policy);
        visit.value(document, shape, "", 0);
        visit.report()
    }

    /// Like [`redact_json`](Self::redact_json), and where the policy says [`Action::Tokenize`] a token takes the value's
    /// place, which `vault` will put back. Tokens that stand anywhere in the document already are not issued.
    ///
    /// ```
    /// use workjet_dlp::{Action, Engine, Policy, Shape, Vault};
    ///
    /// let mut vault = Vault::new([7; 32]);
    /// let mut body = serde_json::json!({"to": "bob@example.com", "cc": ["bob@example.com"]});
    /// let policy = Policy::all(Action::Tokenize);
    /// let report = Engine::standard().tokenize_json(&mut body, &Shape::Any, &policy, &mut vault);
    /// assert_eq!(report.findings.len(), 2);
    /// assert_eq!(body["to"], body["cc"][0]);
    /// assert_eq!(vault.restore(body["to"].as_str().expect("a string")), "bob@example.com");
    /// ```
    pub fn tokenize_json(
        &self,
        document: &mut Value,
        shape: &Shape,
        policy: &Policy,
        vault: &mut Vault,
    ) -> JsonReport {
        reserve(document, vault);
        let mut visit = Visit::new(self, policy);
        visit.vault = Some(vault);
        visit.value(document, shape, "", 0);
        visit.report()
    }

    /// Applies a policy to the bytes of a JSON document, in one walk and without building a tree. What holds no finding
    /// stays byte for byte: spacing, numbers, escapes, equal keys.
    ///
    /// # Errors
    /// [`InvalidJson`] if the bytes are not JSON in UTF-8 ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)).
    pub fn scan_json<'j>(
        &self,
        json: &'j [u8],
        shape: &Shape,
        policy: &Policy,
    ) -> Result<ScannedJson<'j>, InvalidJson> {
        let mut document: Value =
            serde_json::from_slice(json).map_err(|error| InvalidJson::new(error.column(), "a value"))?;
        let before = document.clone();
        let report = self.redact_json(&mut document, shape, policy);
        let json = if document == before {
            Cow::Borrowed(json)
        } else {
            Cow::Owned(document.to_string().into_bytes())
        };
        Ok(ScannedJson { json, report })
    }

    /// Searches a JSON document and changes nothing: all findings say [`Action::Warn`].
    pub fn find_json(&self, document: &Value, shape: &Shape) -> JsonReport {
        self.redact_json(&mut document.clone(), shape, &Policy::all(Action::Warn))
    }

    /// Applies a policy to JSON in its written form, such as the arguments of a tool call. The strings and numbers within are
    /// scanned as under [`Shape::Any`]; everything that is not redacted stays byte for byte. `None` if `json` is not JSON.
    #[must_use]
    pub fn redact_json_text(&self, json: &str, policy: &Policy) -> Option<(String, JsonReport)> {
        let mut visit = Visit::new(self, policy);
        let text = visit.json_text(json)?;
        Some((text, visit.report()))
    }
}

/// A walk over a document.
struct Visit<'e> {
    engine: &'e Engine,
    policy: &'e Policy,
    path: String,
    findings: Vec<Finding>,
    unscannable: Vec<Unscannable>,
    blocked: Option<Finding>,
    refused: Option<Finding>,
    /// Issues tokens, where they are wanted.
    vault: Option<&'e mut Vault>,
}

impl<'e> Visit<'e> {
    fn new(engine: &'e Engine, policy: &'e Policy) -> Self {
        let path = String::new();
        Self {
            engine,
            policy,
            path,
            findings: Vec::new(),
            unscannable: Vec::new(),
            blocked: None,
            refused: None,
            vault: None,
        }
    }

    fn report(self) -> JsonReport {
        let verdict = match (self.blocked, self.refused) {
            (Some(finding), _) => Verdict::Blocked(finding),
            (None, Some(finding)) => Verdict::Refused(finding),
            (None, None) => Verdict::Pass,
        };
        JsonReport {
            findings: self.findings,
            unscannable: self.unscannable,
            verdict,
        }
    }

    /// `key` is the caller's own key nearest above the value, or empty.
    fn value(&mut self, value: &mut Value, shape: &Shape, key: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return self.unscannable(UnscannableReason::TooDeep);
        }
        match (shape, &mut *value) {
            (Shape::Skip, _) | (_, Value::Null | Value::Bool(_)) => {}
            (Shape::Opaque, _) => self.unscannable(UnscannableReason::Opaque),
            (Shape::Either { text, .. }, Value::String(_)) => self.value(value, text, key, depth + 1),
            (Shape::Either { list, .. }, Value::Array(_)) => self.value(value, list, key, depth + 1),
            (Shape::Either { object, .. }, Value::Object(_)) => self.value(value, object, key, depth + 1),

            (Shape::Constant(listed), Value::String(text)) if listed.contains(&text.as_str()) => {}
            (Shape::Url, Value::String(text)) if is_data_url(text) => {
                self.unscannable(UnscannableReason::Opaque);
            }
            (Shape::Constant(_) | Shape::Name | Shape::Url, Value::String(text)) => self.name(text),
            (Shape::Signed, Value::String(text)) => self.signed(text),
            (Shape::Json, Value::String(text)) => match self.json_text(text) {
                Some(rewritten) => *text = rewritten,
                None => self.text(text, key),
            },
            (Shape::Text | Shape::Number, Value::String(text)) => self.text(text, key),
            (_, Value::String(text)) => {
                self.encoded(text);
                self.text(text, key);
            }

            (Shape::Number, Value::Number(_)) => {}
            (_, Value::Number(number)) => {
                let mut text = number.to_string();
                let before = text.len();
                self.text(&mut text, key);
                // Placeholders are no numbers, so a number that was redacted has changed.
                if text.len() != before || serde_json::from_str::<serde_json::Number>(&text).is_err() {
                    *value = Value::String(text);
                }
            }

            (Shape::List(element), Value::Array(elements)) => self.elements(elements, element, key, depth),
            (_, Value::Array(elements)) => self.elements(elements, &Shape::Any, key, depth),

            (Shape::Object(fields), Value::Object(object)) => self.fields(object, fields, depth),
            (Shape::Tagged { tag, cases }, Value::Object(object)) => {
                let chosen = object.get(*tag).and_then(Value::as_str);
                let case = cases.iter().find(|(name, _)| Some(*name) == chosen);
                self.value(
                    value,
                    case.map_or(&Shape::Any, |(_, shape)| shape),
                    key,
                    depth + 1,
                );
            }
            (_, Value::Object(object)) => self.fields(object, &[], depth),
        }
    }

    fn elements(&mut self, elements: &mut [Value], shape: &Shape, key: &str, depth: usize) {
        for (index, element) in elements.iter_mut().enumerate() {
            let parent = self.path.len();
            let _ = write!(self.path, "[{index}]");
            self.value(element, shape, key, depth + 1);
            self.path.truncate(parent);
        }
    }

    fn fields(&mut self, object: &mut Map<String, Value>, fields: &[(&str, Shape)], depth: usize) {
        for (key, value) in object {
            let parent = self.path.len();
            if parent > 0 {
                self.path.push('.');
            }
            if let Some((name, shape)) = fields.iter().find(|(name, _)| name == key) {
                self.path.push_str(name);
                self.value(value, shape, "", depth + 1);
            } else {
                self.path.push('*');
                self.name(key);
                self.value(value, &Shape::Any, key, depth + 1);
            }
            self.path.truncate(parent);
        }
    }

    /// Where anything may stand, base64 in a `data:` URL is what it would be in a field made for it.
    fn encoded(&mut self, text: &str) {
        if is_base64_url(text) {
            self.unscannable(UnscannableReason::Opaque);
        }
    }

    fn text(&mut self, text: &mut String, key: &str) {
        if let Some(rewritten) = self.rewritten(text, key) {
            *text = rewritten;
        }
    }

    /// The text with its findings redacted; `None` if it stays as it is.
    fn rewritten(&mut self, text: &str, key: &str) -> Option<String> {
        let redacted = self
            .engine
            .apply(key, text, self.policy, self.vault.as_deref_mut());
        let path = (!redacted.findings.is_empty()).then(|| Arc::from(self.path.as_str()));
        for mut finding in redacted.findings {
            finding.path.clone_from(&path);
            if finding.action == Action::Block {
                self.blocked.get_or_insert_with(|| finding.clone());
            }
            self.findings.push(finding);
        }
        match redacted.text {
            Cow::Owned(text) => Some(text),
            Cow::Borrowed(_) => None,
        }
    }

    /// A name or key: what would be redacted refuses the document.
    fn name(&mut self, text: &str) {
        let before = self.findings.len();
        self.rewritten(text, "");
        let redacted = self.findings[before..]
            .iter()
            .find(|finding| finding.action.changes_text());
        if let (None, Some(finding)) = (&self.refused, redacted) {
            self.refused = Some(finding.clone());
        }
    }

    fn signed(&mut self, text: &str) {
        let before = self.findings.len();
        self.rewritten(text, "");
        if self.findings[before..]
            .iter()
            .any(|finding| finding.action.changes_text())
        {
            self.unscannable(UnscannableReason::Signed);
        }
    }

    fn unscannable(&mut self, reason: UnscannableReason) {
        self.unscannable.push(Unscannable {
            path: self.path.as_str().into(),
            reason,
        });
    }
}

/// Tells the vault of every token that stands in the document.
fn reserve(document: &Value, vault: &mut Vault) {
    match document {
        Value::String(text) => vault.reserve(text),
        Value::Array(elements) => elements.iter().for_each(|element| reserve(element, vault)),
        Value::Object(fields) => {
            for (key, value) in fields {
                vault.reserve(key);
                reserve(value, vault);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_data_url(text: &str) -> bool {
    text.trim_start()
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// Whether the text is a `data:` URL whose content is in base64 ([RFC 2397](https://www.rfc-editor.org/rfc/rfc2397)).
fn is_base64_url(text: &str) -> bool {
    let Some((media_type, _)) = text.split_once(',').filter(|_| is_data_url(text)) else {
        return false;
    };
    let extension = media_type.rsplit(';').next().unwrap_or_default().trim();
    extension.eq_ignore_ascii_case("base64")
}
