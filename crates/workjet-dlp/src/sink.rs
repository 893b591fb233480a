//! Where text goes that was decided: what passes as it is, what takes the place of a value.

use std::borrow::Cow;

use crate::{Detector, Vault};

/// Where redacted text goes.
pub(crate) trait Sink {
    /// Original text that passes.
    fn pass(&mut self, bytes: &[u8]);
    /// Original text that does not.
    fn hide(&mut self, _bytes: &[u8]) {}
    /// What stands in its place. Comes before the text that it hides.
    fn placeholder(&mut self, text: &str);
    /// Whether there is a vault to keep values.
    fn has_vault(&self) -> bool {
        false
    }
    /// Puts a token in the value's place. `false` if there is no vault to keep the value, or no token left.
    fn token(&mut self, _detector: &Detector, _value: &[u8]) -> bool {
        false
    }
}

impl Sink for Vec<u8> {
    fn pass(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn placeholder(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

impl Sink for String {
    fn pass(&mut self, bytes: &[u8]) {
        // Text given as `str` is cut between characters only: rules start and end there. The lossy conversion serves a
        // caller who mixed `push_bytes` and `push`.
        match std::str::from_utf8(bytes) {
            Ok(text) => self.push_str(text),
            Err(_) => self.push_str(&String::from_utf8_lossy(bytes)),
        }
    }

    fn placeholder(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// A whole text of which nothing is copied until something in it changes.
pub(crate) struct Whole<'t, 'v> {
    text: &'t str,
    /// How much of it has passed or been hidden.
    at: usize,
    out: Option<String>,
    vault: Option<&'v mut Vault>,
}

impl<'t, 'v> Whole<'t, 'v> {
    pub(crate) fn new(text: &'t str, vault: Option<&'v mut Vault>) -> Self {
        Self {
            text,
            at: 0,
            out: None,
            vault,
        }
    }

    /// What passed; borrowed if that is all of the text.
    pub(crate) fn finish(self) -> Cow<'t, str> {
        match self.out {
            Some(out) => Cow::Owned(out),
            None if self.at == self.text.len() => Cow::Borrowed(self.text),
            None => Cow::Owned(self.text[..self.at].to_owned()),
        }
    }
}

impl Sink for Whole<'_, '_> {
    fn pass(&mut self, bytes: &[u8]) {
        let passed = self.at..self.at + bytes.len();
        self.at = passed.end;
        if let Some(out) = &mut self.out {
            out.push_str(&self.text[passed]);
        }
    }

    fn hide(&mut self, bytes: &[u8]) {
        self.at += bytes.len();
    }

    fn placeholder(&mut self, placeholder: &str) {
        let out = self.out.get_or_insert_with(|| {
            let mut out = String::with_capacity(self.text.len() + 32);
            out.push_str(&self.text[..self.at]);
            out
        });
        out.push_str(placeholder);
    }

    fn has_vault(&self) -> bool {
        self.vault.is_some()
    }

    fn token(&mut self, detector: &Detector, value: &[u8]) -> bool {
        let value = std::str::from_utf8(value).ok();
        let token = value
            .zip(self.vault.as_deref_mut())
            .and_then(|(value, vault)| vault.token(detector, value));
        if let Some(token) = &token {
            self.placeholder(token);
        }
        token.is_some()
    }
}
