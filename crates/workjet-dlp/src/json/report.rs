//! What a scan of a document came to.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::Finding;

/// What a scan of a document came to. See [`Engine::redact_json`](crate::Engine::redact_json).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the verdict says whether the document may be used"]
pub struct JsonReport {
    /// All findings, in the order of the document, each with its path.
    pub findings: Vec<Finding>,
    /// Parts that could not be read or not be rewritten, and hold, or may hold, sensitive text.
    pub unscannable: Vec<Unscannable>,
    /// Whether the document may pass.
    pub verdict: Verdict,
}

/// What a scan of a document's bytes came to. See [`Engine::scan_json`](crate::Engine::scan_json).
#[derive(Clone, PartialEq, Eq)]
pub struct ScannedJson<'j> {
    /// The document that may pass, if the verdict says so; borrowed if it is the original. It is UTF-8.
    pub json: Cow<'j, [u8]>,
    /// What was found, and whether the document may pass.
    pub report: JsonReport,
}

// Not derived: the document may hold what the policy lets pass.
impl fmt::Debug for ScannedJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScannedJson")
            .field("bytes", &self.json.len())
            .field("report", &self.report)
            .finish()
    }
}

/// Bytes that are not JSON, or not JSON that means one thing only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidJson {
    offset: usize,
    expected: &'static str,
}

impl InvalidJson {
    pub(super) fn new(offset: usize, expected: &'static str) -> Self {
        Self { offset, expected }
    }

    /// The first byte that is wrong, counted from 0; the length of the document if it breaks off.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for InvalidJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid JSON at byte {}: {}", self.offset, self.expected)
    }
}

impl std::error::Error for InvalidJson {}

/// Whether a document may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a document that may not pass must not be used"]
pub enum Verdict {
    /// It may, as it is now.
    Pass,
    /// The policy blocks this finding.
    Blocked(Finding),
    /// The policy redacts this finding, but it is in a key or name that cannot be rewritten.
    Refused(Finding),
}

/// A part of a document that the engine could not vouch for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unscannable {
    pub(super) path: Arc<str>,
    pub(super) reason: UnscannableReason,
}

impl Unscannable {
    /// A finding in signed text at `path`, for those who scan such text piece by piece.
    #[must_use]
    pub fn signed(path: &str) -> Self {
        Self {
            path: path.into(),
            reason: UnscannableReason::Signed,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same part at another path, for those who know where the document that was scanned stands.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> UnscannableReason {
        self.reason
    }
}

/// Why a part is unscannable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum UnscannableReason {
    /// An image, a file, or the like.
    Opaque,
    /// A finding in text that must not be changed.
    Signed,
    /// Nested too deeply to be visited. Parsers with a limit, `serde_json` by default, never produce it.
    TooDeep,
}
