//! The built-in rules, in their order of precedence.

use crate::Detector;
use crate::search::{Verdict, Window};

mod card;
mod email;
mod ssn;

/// A rule that belongs to one of the six detectors.
pub(crate) struct BuiltIn {
    pub(crate) detector: Detector,
    /// What it finds, for people.
    pub(crate) finds: &'static str,
    /// Whether a match may begin with this byte. A superset; it keeps `verify` from being called everywhere.
    pub(crate) starts: fn(u8) -> bool,
    /// Whether a match begins at this place. Reads at most `longest` bytes and one character from there on, and at most
    /// [`LOOK_BEHIND`](crate::search::LOOK_BEHIND) bytes before.
    pub(crate) verify: fn(&Window<'_>, usize) -> Verdict,
    /// The most bytes that may be undecided.
    pub(crate) longest: usize,
    /// Whether custom patterns go first.
    pub(crate) catch_all: bool,
}

/// Specific before generic before catch-all: at one start, the first of these that matches wins.
pub(crate) const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn {
        detector: Detector::CREDIT_CARD,
        finds: "payment card numbers",
        starts: card::starts,
        verify: card::verify,
        longest: card::LONGEST,
        catch_all: false,
    },
    BuiltIn {
        detector: Detector::US_SSN,
        finds: "social security and taxpayer numbers",
        starts: ssn::starts,
        verify: ssn::verify,
        longest: ssn::LONGEST,
        catch_all: false,
    },
    BuiltIn {
        detector: Detector::EMAIL,
        finds: "e-mail addresses",
        starts: email::starts,
        verify: email::verify,
        longest: email::LONGEST,
        catch_all: false,
    },
];
