//! JSON documents: each string is a text of its own, and a [`Shape`] says what may be done with it.
//!
//! A shape lists what a protocol defines. Whatever it does not list is scanned, keys and numbers included, so that a field
//! nobody thought of is not a way around. A finding reports its path with the protocol's own keys only; a key that the
//! caller made up may itself be sensitive and shows as `*`.
//!
//! A document comes in one of three ways, and the [`judge`] decides alike in all of them: as bytes ([`walk`], the usual way),
//! in pieces ([`scanner`]), or as a [`tree`] that somebody built for other reasons.

mod data_url;
mod edit;
mod escape;
mod grammar;
mod index;
mod judge;
mod open;
mod quiet;
mod reader;
mod report;
mod scanner;
mod shape;
mod tree;
mod walk;

use std::borrow::Cow;

use serde_json::Value;

use self::judge::Judge;
pub use self::report::{InvalidJson, JsonReport, ScannedJson, Unscannable, UnscannableReason, Verdict};
pub use self::scanner::JsonScanner;
pub use self::shape::Shape;
use crate::{Action, Engine, Policy, Vault};

impl Engine {
    /// Applies a policy to the bytes of a JSON document: in one walk, without building a tree. Every string is a text of its own,
    /// and under a key that the caller made up, the key's words count as words before the value. Of what was found, nothing
    /// but the findings changes; a number that holds one becomes a string. Everything else stays byte for byte: spacing,
    /// numbers, escapes, equal keys.
    ///
    /// The document must only be used if the verdict is [`Verdict::Pass`] and the caller accepts every unscannable part.
    ///
    /// ```
    /// use workjet_dlp::{Engine, Policy, Shape};
    ///
    /// let body = br#"{ "to": "b\u006fb@example.com", "at": 1e2 }"#;
    /// let scanned = Engine::standard().scan_json(body, &Shape::Any, &Policy::redact_all())?;
    /// assert_eq!(&*scanned.json, br#"{ "to": "[REDACTED:email]", "at": 1e2 }"#);
    /// # Ok::<(), workjet_dlp::InvalidJson>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidJson`] if the bytes are not JSON in UTF-8 ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)), if they nest
    /// deeper than 127 levels, or if an object that is [`Shape::Tagged`] says twice, and differently, what it is.
    pub fn scan_json<'j>(
        &self,
        json: &'j [u8],
        shape: &Shape,
        policy: &Policy,
    ) -> Result<ScannedJson<'j>, InvalidJson> {
        scan(json, shape, Judge::new(self, policy, None))
    }

    /// Like [`scan_json`](Self::scan_json), and where the policy says [`Action::Tokenize`] a token takes the value's place, which
    /// `vault` will put back. Tokens that stand in the document already are not issued.
    ///
    /// # Errors
    /// As [`scan_json`](Self::scan_json). The vault may then know of values that nobody sent.
    pub fn scan_json_with_vault<'j>(
        &self,
        json: &'j [u8],
        shape: &Shape,
        policy: &Policy,
        vault: &mut Vault,
    ) -> Result<ScannedJson<'j>, InvalidJson> {
        scan(json, shape, Judge::new(self, policy, Some(vault)))
    }

    /// Applies a policy to a JSON document that was parsed, in place. Otherwise as [`scan_json`](Self::scan_json).
    ///
    /// The document must only be used if the verdict is [`Verdict::Pass`] and the caller accepts every unscannable part.
    pub fn redact_json(&self, document: &mut Value, shape: &Shape, policy: &Policy) -> JsonReport {
        redact(document, shape, Judge::new(self, policy, None))
    }

    /// Like [`redact_json`](Self::redact_json), with tokens as in [`scan_json_with_vault`](Self::scan_json_with_vault).
    pub fn redact_json_with_vault(
        &self,
        document: &mut Value,
        shape: &Shape,
        policy: &Policy,
        vault: &mut Vault,
    ) -> JsonReport {
        redact(document, shape, Judge::new(self, policy, Some(vault)))
    }

    /// Searches a JSON document and changes nothing: all findings say [`Action::Warn`].
    pub fn find_json(&self, document: &Value, shape: &Shape) -> JsonReport {
        self.redact_json(&mut document.clone(), shape, &Policy::all(Action::Warn))
    }

    /// Applies a policy to JSON in its written form, such as the arguments of a tool call: [`scan_json`](Self::scan_json) under
    /// [`Shape::Any`]. `None` if `json` is not JSON.
    #[must_use]
    pub fn redact_json_text(&self, json: &str, policy: &Policy) -> Option<(String, JsonReport)> {
        let mut judge = Judge::new(self, policy, None);
        let edits = walk::document(json, &Shape::Any, &mut judge).ok()?;
        Some((edit::apply(&edits, json).into_owned(), judge.report()))
    }
}

fn scan<'j>(json: &'j [u8], shape: &Shape, mut judge: Judge<'_>) -> Result<ScannedJson<'j>, InvalidJson> {
    let text =
        std::str::from_utf8(json).map_err(|error| InvalidJson::new(error.valid_up_to(), "expected UTF-8"))?;
    walk::reserve(text, &mut judge);
    let edits = walk::document(text, shape, &mut judge)?;
    let json = match edit::apply(&edits, text) {
        Cow::Borrowed(_) => Cow::Borrowed(json),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    let report = judge.report();
    Ok(ScannedJson { json, report })
}

fn redact(document: &mut Value, shape: &Shape, mut judge: Judge<'_>) -> JsonReport {
    tree::reserve(document, &mut judge);
    tree::visit(document, shape, &None, 0, &mut judge);
    judge.report()
}
