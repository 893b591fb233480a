//! Why an administrator's change was not made.

use workjet_tenant::{ErrorKind, StoreError};

/// What kind of failure an [`AdminError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminErrorKind {
    /// The caller's role does not allow it.
    Forbidden,
    /// What should be changed is not there, or is another tenant's.
    NotFound,
    /// What should be new is there already.
    AlreadyExists,
    /// What was asked for cannot be.
    Invalid,
    /// A store failed.
    Store(ErrorKind),
}

/// Why nothing was changed. Says what to do, and holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    kind: AdminErrorKind,
    message: String,
}

impl AdminError {
    /// What kind of failure it is.
    pub const fn kind(&self) -> AdminErrorKind {
        self.kind
    }

    /// The same, and what to do if it was only missing.
    pub(crate) fn with_advice(mut self, advice: &str) -> Self {
        if self.kind == AdminErrorKind::NotFound {
            self.message = format!("{}: {advice}", self.message);
        }
        self
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self {
            kind: AdminErrorKind::Forbidden,
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self {
            kind: AdminErrorKind::Invalid,
            message: message.into(),
        }
    }

    pub(super) fn already_exists(message: String) -> Self {
        Self {
            kind: AdminErrorKind::AlreadyExists,
            message,
        }
    }

    pub(crate) fn not_found(message: String) -> Self {
        Self {
            kind: AdminErrorKind::NotFound,
            message,
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self {
            kind: AdminErrorKind::Store(error.kind()),
            message: error.to_string(),
        }
    }
}
