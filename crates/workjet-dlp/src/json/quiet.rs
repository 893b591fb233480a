//! Which strings of a document need not be scanned.
//!
//! A document is mostly short strings, and each of them is a text of its own, too short for the gate to pay. But what the gate
//! looks for stands in the document as it stands in the string: its quotes are no part of any word or number. So the gate goes
//! over the document once, and where it says nothing about a string that is written as it reads, nothing can be found there.

use super::escape::Written;
use crate::gate::Ahead;
use crate::search::{Rules, Window};

/// Shorter documents are not worth a look.
const LEAST_BYTES: usize = 128;

/// In longer strings the search asks the gate itself.
const MOST_BYTES: usize = 64;

/// What the gate says about a document, from left to right.
pub(super) struct Quiet<'e> {
    rules: &'e Rules,
    ahead: Option<Box<Ahead>>,
    /// No rule need be asked before this place.
    until: usize,
}

impl<'e> Quiet<'e> {
    pub(super) fn new(document: &str, rules: &'e Rules) -> Self {
        // Base64 is looked into elsewhere, and the gate knows nothing of it.
        let serves = document.len() >= LEAST_BYTES && !rules.decodes();
        Self {
            rules,
            ahead: serves.then(Box::default),
            until: 0,
        }
    }

    /// Whether nothing can be found in the string that begins at `start`. To be asked from left to right, and only where no key
    /// says anything about the string.
    pub(super) fn is_quiet(&mut self, document: &str, string: Written<'_>, start: usize) -> bool {
        let is_short = string.raw.len() < MOST_BYTES && !string.has_escapes;
        let Some(ahead) = self.ahead.as_mut().filter(|_| is_short) else {
            return false;
        };
        let at = start..start + string.raw.len();
        let bytes = document.as_bytes();
        if self.until < at.end {
            let window = Window {
                bytes,
                origin: 0,
                last: true,
            };
            let from = self.until.max(at.start);
            let noted = self.rules.gate().next(ahead, &window, from, bytes.len());
            self.until = noted.map_or(bytes.len(), |(place, _)| place);
        }
        self.until >= at.end && !is_disguised(&bytes[at])
    }
}

/// Whether something in it may stand for something else, which the gate does not see.
fn is_disguised(bytes: &[u8]) -> bool {
    let seen = bytes.iter().fold(0, |seen, byte| {
        let percent = if *byte == b'%' { 0x80 } else { 0 };
        seen | byte | percent
    });
    seen >= 0x80
}
