//! What can go wrong while an engine is built. Searching never fails.

use std::fmt;

/// Why an [`Engine`](crate::Engine), a pattern or a setting was refused.
///
/// The message names the pattern and says what to change. It never holds text that was scanned.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: Box<str>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into().into_boxed_str(),
        }
    }

    /// What kind of refusal this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The pattern is not a regular expression of the supported syntax.
    Syntax,
    /// The pattern matches the empty text, or no text at all.
    EmptyMatch,
    /// The pattern's longest match is unbounded or above the limit, and no `max_len` was declared.
    Unbounded,
    /// The compiled pattern exceeds its budget of 1 MB.
    TooLarge,
    /// A name is not of the form `[a-z][a-z0-9_]*`, or is longer than 64 bytes.
    Name,
    /// Two patterns share a name, or a pattern takes the name of a built-in detector, `redacted` or `hash`.
    DuplicateName,
    /// An action is not one of `redact`, `mask`, `hash`, `tokenize`, `block`, `warn`, `off`.
    Action,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {})", self.kind, self.message)
    }
}

impl std::error::Error for Error {}
