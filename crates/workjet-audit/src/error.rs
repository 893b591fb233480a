//! Why the log refuses.

/// What kind of failure an [`AuditError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A store did not answer; nothing is known to have been written, and trying again may help.
    Unavailable,
    /// A write failed, so what is on the disk is unknown. The log stays stopped until the process starts anew.
    Stopped,
    /// What is stored is not what was written: entries, the journal or the head were changed.
    Corrupt,
    /// The entry cannot be logged: another tenant's, not an entry, or the intent or outcome of a request that has one.
    Invalid,
    /// The log was closed for shutdown.
    Closed,
}

/// The log could not do what it was asked, so neither may the caller.
///
/// The message is for the operator and says what to do; it never holds an entry's text.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct AuditError {
    kind: ErrorKind,
    message: String,
}

impl AuditError {
    /// A failure of `kind`; `message` says what to do about it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// What kind of failure it is.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again may help.
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable)
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }
}
