//! What can go wrong in a store.

use serde::{Deserialize, Serialize};

/// What kind of failure a [`StoreError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store did not answer, or answered with a failure of its own. What it holds is unknown.
    Unavailable,
    /// What should have been new exists already.
    AlreadyExists,
    /// What should have existed does not; a foreign tenant's things answer the same.
    NotFound,
    /// Somebody else changed it first (compare-and-swap).
    Conflict,
    /// What the store holds cannot be understood.
    Corrupt,
}

/// A store's refusal, or its silence.
///
/// The message is for the operator and says what to do; it never holds a secret, and it is never sent to a client.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: ErrorKind,
    message: String,
}

impl StoreError {
    /// A failure of `kind`; `message` says what to do about it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// Shorthand for [`ErrorKind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// What kind of failure it is.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again may help.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Conflict)
    }
}
