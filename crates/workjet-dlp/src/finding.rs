//! What was found, and where; never the text itself.

use std::ops::Range;
use std::sync::Arc;

use crate::{Action, Detector};

/// How sure a rule is of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum Confidence {
    /// The shape alone.
    Low,
    /// The shape, and words before it or a plausible structure.
    Medium,
    /// A checksum or a prefix that nothing else has.
    High,
}

/// A piece of sensitive text: what kind, where, and what is done about it. It never holds the text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Finding {
    pub(crate) detector: Detector,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(crate) subtype: Option<&'static str>,
    pub(crate) span: Range<usize>,
    pub(crate) utf16_span: Range<usize>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(crate) path: Option<Arc<str>>,
    pub(crate) action: Action,
    pub(crate) confidence: Confidence,
}

impl Finding {
    /// Which detector found it.
    #[must_use]
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// What it is more precisely, where the rule can tell: `us_itin`, `github`, `jwt`, …
    #[must_use]
    pub fn subtype(&self) -> Option<&str> {
        self.subtype
    }

    /// Its place in the original text, in bytes. In a stream, counted from the first byte of the stream; in JSON, from
    /// the first byte of the decoded string at [`path`](Self::path).
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Its place in UTF-16 code units, as JavaScript and many editors count.
    #[must_use]
    pub fn utf16_span(&self) -> Range<usize> {
        self.utf16_span.clone()
    }

    /// The place in the JSON document, such as `messages[0].content`. Keys that the caller made up show as `*`.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The same finding at another path, for those who know where the text that was searched stands.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.path = Some(path.into());
        self
    }

    /// What was done about it. Plain searches, which do nothing, say [`Action::Warn`].
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// How sure the rule is.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }
}

/// Counts UTF-16 code units up to places that never decrease: one for each character, two for those outside the Basic
/// Multilingual Plane.
#[derive(Default)]
pub(crate) struct Utf16 {
    /// Units before `counted`.
    units: usize,
    counted: usize,
    /// From `counted` up to here all is ASCII, where each byte is a unit.
    ascii_to: usize,
}

impl Utf16 {
    /// Bytes that are looked at beyond what is asked for.
    const AHEAD: usize = 1024;

    /// Counts from this place on.
    pub(crate) fn from(start: usize) -> Self {
        Self {
            units: 0,
            counted: start,
            ascii_to: start,
        }
    }

    /// The units before `at`.
    #[inline]
    pub(crate) fn before(&mut self, bytes: &[u8], at: usize) -> usize {
        self.units += if at <= self.ascii_to {
            at - self.counted
        } else {
            self.further(bytes, at)
        };
        self.counted = at;
        self.units
    }

    /// The units from `counted` up to `at`, beyond what is known.
    fn further(&mut self, bytes: &[u8], at: usize) -> usize {
        let ahead = bytes.len().min(at + Self::AHEAD);
        if bytes[self.ascii_to..ahead].is_ascii() {
            self.ascii_to = ahead;
            return at - self.counted;
        }
        self.ascii_to = at;
        utf16_len(&bytes[self.counted..at])
    }

    /// Says that the bytes are about to lose the first `count`.
    pub(crate) fn forget(&mut self, bytes: &[u8], count: usize) {
        if self.counted < count {
            self.before(bytes, count);
        }
        self.counted -= count;
        self.ascii_to -= count;
    }
}

/// UTF-16 code units of `bytes`. Counts by lead bytes, so that a text may be counted in pieces cut anywhere; a byte that is not
/// UTF-8 counts as if it were a lead.
fn utf16_len(bytes: &[u8]) -> usize {
    // Sums of a byte each are added many at a time; at most two units a byte fit.
    let few = |bytes: &[u8]| -> u8 {
        bytes
            .iter()
            .map(|byte| u8::from(byte.cast_signed() >= -0x40) + u8::from(*byte >= 0xF0))
            .sum()
    };
    bytes.chunks(96).map(|bytes| usize::from(few(bytes))).sum()
}
