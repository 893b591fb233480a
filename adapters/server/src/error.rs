//! Why the gateway does not start.

use std::fmt::Display;
use std::path::Path;

/// The gateway cannot start, or a command cannot open its data. Says what to do, and holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl StartError {
    /// In words.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// About a file or folder.
    pub(crate) fn file(path: &Path, error: impl Display) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

macro_rules! from {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for StartError {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        })+
    };
}

from!(
    crate::tls::TlsError,
    workjet_audit::AuditError,
    workjet_gateway::admin::AdminError,
    workjet_gateway::ConfigError,
    workjet_tenant::StoreError,
);
