//! What a detector would find and the operator knows to be harmless.

use std::collections::BTreeSet;

use crate::Detector;

/// A value that is not to be treated as sensitive: the company's own addresses, a test key from the documentation.
///
/// What is allowed passes unchanged, is not reported, and nothing within it is searched again. Values are compared byte for
/// byte, as they stand in the text, or as what they stand for if they were found in
/// [disguise](crate::EngineBuilder::see_through); an empty one allows nothing.
///
/// ```
/// use workjet_dlp::{Allow, Detector, Engine, Policy, Preset};
///
/// let engine = Engine::builder()
///     .preset(Preset::Standard)
///     .allow(Allow::suffix("@example.com").only(&Detector::EMAIL))
///     .allow(Allow::exact("212-555-0123"))
///     .build()?;
/// let redacted = engine.redact("ask help@example.com, 212-555-0123 or bob@example.org", &Policy::redact_all());
/// assert_eq!(redacted.text, "ask help@example.com, 212-555-0123 or [REDACTED:email]");
/// # Ok::<(), workjet_dlp::Error>(())
/// ```
#[derive(Clone)]
pub struct Allow {
    part: Part,
    value: Box<[u8]>,
    detector: Option<Detector>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Exact,
    Prefix,
    Suffix,
}

impl Allow {
    /// This value and no other. A token without a longest length, whose end a stream does not wait for, is never allowed
    /// by its exact value or by its end: name its beginning instead.
    pub fn exact(value: &str) -> Self {
        Self::new(Part::Exact, value)
    }

    /// Whatever begins with this. Of tokens without a longest length, the part that proves them is compared.
    pub fn prefix(value: &str) -> Self {
        Self::new(Part::Prefix, value)
    }

    /// Whatever ends with this: `@example.com` allows all addresses of a domain.
    pub fn suffix(value: &str) -> Self {
        Self::new(Part::Suffix, value)
    }

    fn new(part: Part, value: &str) -> Self {
        Self {
            part,
            value: value.as_bytes().into(),
            detector: None,
        }
    }

    /// Allows it only where this detector finds it.
    #[must_use]
    pub fn only(mut self, detector: &Detector) -> Self {
        self.detector = Some(detector.clone());
        self
    }
}

// Not derived: what is allowed may still be nobody else's business.
impl std::fmt::Debug for Allow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allow")
            .field("bytes", &self.value.len())
            .field("detector", &self.detector)
            .finish_non_exhaustive()
    }
}

/// All that an engine allows.
#[derive(Default)]
pub(crate) struct Allowed {
    /// Exact values that any detector may find.
    exact: BTreeSet<Box<[u8]>>,
    others: Vec<Allow>,
}

impl Allowed {
    pub(crate) fn new(all: Vec<Allow>) -> Self {
        let mut allowed = Self::default();
        for allow in all.into_iter().filter(|allow| !allow.value.is_empty()) {
            if allow.part == Part::Exact && allow.detector.is_none() {
                allowed.exact.insert(allow.value);
            } else {
                allowed.others.push(allow);
            }
        }
        allowed
    }

    /// Whether the value, all of it unless `goes_on`, is allowed where `detector` finds it.
    pub(crate) fn has(&self, detector: &Detector, value: &[u8], goes_on: bool) -> bool {
        let matches = |allow: &Allow| {
            allow.detector.as_ref().is_none_or(|only| only == detector)
                && match allow.part {
                    Part::Exact => !goes_on && value == &*allow.value,
                    Part::Prefix => value.starts_with(&allow.value),
                    Part::Suffix => !goes_on && value.ends_with(&allow.value),
                }
        };
        (!goes_on && self.exact.contains(value)) || self.others.iter().any(matches)
    }
}
