//! Changes to a document: what is not mentioned stays byte for byte.

use std::borrow::Cow;
use std::ops::Range;

use super::escape::{Written, encode, written_length};
use crate::sink::Sink;
use crate::{Detector, Vault};

/// Puts `text` in the place of these bytes.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) at: Range<usize>,
    pub(super) text: String,
}

/// The text after the edits, which follow each other; borrowed if there are none.
pub(super) fn apply<'t>(edits: &[Edit], text: &'t str) -> Cow<'t, str> {
    if edits.is_empty() {
        return Cow::Borrowed(text);
    }
    let more: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = String::with_capacity(text.len() + more);
    let mut at = 0;
    for edit in edits {
        out.push_str(&text[at..edit.at.start]);
        out.push_str(&edit.text);
        at = edit.at.end;
    }
    out.push_str(&text[at..]);
    Cow::Owned(out)
}

/// Turns what becomes of a decoded string into edits of the document that it is written in.
pub(super) struct StringEdits<'s> {
    raw: &'s str,
    has_escapes: bool,
    /// Where `raw` stands in the document.
    start: usize,
    /// How much of `raw` has passed or been hidden,
    at: usize,
    /// but for so many decoded bytes that have passed since. Most strings pass whole, and then nobody need know where.
    passed: usize,
    edits: &'s mut Vec<Edit>,
    vault: Option<&'s mut Vault>,
}

impl<'s> StringEdits<'s> {
    pub(super) fn new(
        written: Written<'s>,
        start: usize,
        edits: &'s mut Vec<Edit>,
        vault: Option<&'s mut Vault>,
    ) -> Self {
        Self {
            raw: written.raw,
            has_escapes: written.has_escapes,
            start,
            at: 0,
            passed: 0,
            edits,
            vault,
        }
    }

    /// Takes the edits of the document that the string holds.
    pub(super) fn take(&mut self, inner: &[Edit]) {
        let mut at = 0;
        for edit in inner {
            self.passed += edit.at.start - at;
            self.placeholder(&edit.text);
            self.remove(edit.at.len());
            at = edit.at.end;
        }
    }

    /// Takes the rest of the string out. It follows a finding that blocks, and must not be used.
    pub(super) fn cut(mut self) {
        let at = self.here();
        self.edits.push(Edit {
            at: at..self.start + self.raw.len(),
            text: String::new(),
        });
    }

    /// The place in the document that has been reached.
    fn here(&mut self) -> usize {
        let passed = std::mem::take(&mut self.passed);
        self.at += if self.has_escapes {
            written_length(&self.raw[self.at..], passed)
        } else {
            passed
        };
        self.start + self.at
    }

    fn remove(&mut self, decoded: usize) {
        self.passed += decoded;
        let end = self.here();
        if let Some(edit) = self.edits.last_mut() {
            edit.at.end = end;
        }
    }
}

impl Sink for StringEdits<'_> {
    fn pass(&mut self, bytes: &[u8]) {
        self.passed += bytes.len();
    }

    fn hide(&mut self, bytes: &[u8]) {
        self.remove(bytes.len());
    }

    fn placeholder(&mut self, text: &str) {
        let at = self.here();
        let mut written = String::with_capacity(text.len());
        encode(text, &mut written);
        self.edits.push(Edit {
            at: at..at,
            text: written,
        });
    }

    fn has_vault(&self) -> bool {
        self.vault.is_some()
    }

    fn token(&mut self, detector: &Detector, value: &[u8]) -> bool {
        let token = std::str::from_utf8(value)
            .ok()
            .zip(self.vault.as_deref_mut())
            .and_then(|(value, vault)| vault.token(detector, value));
        if let Some(token) = &token {
            self.placeholder(token);
        }
        token.is_some()
    }
}
