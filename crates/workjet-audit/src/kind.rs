//! The kinds of things that are recorded.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::InvalidEntry;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $name,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The kind as the log spells it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

kinds! {
    /// A request was admitted, inspected, and may be sent to the targets listed.
    AiIntent = "ai.intent",
    /// How that request ended. Every intent has one.
    AiOutcome = "ai.outcome",
    /// A request was refused after authentication, and never sent.
    AiRefused = "ai.refused",
    /// A tenant was created.
    AdminTenantCreated = "admin.tenant.created",
    /// A tenant was enabled, disabled or renamed.
    AdminTenantChanged = "admin.tenant.changed",
    /// A user was created.
    AdminUserCreated = "admin.user.created",
    /// A user's role or state was changed.
    AdminUserChanged = "admin.user.changed",
    /// An API key was created.
    AdminKeyCreated = "admin.key.created",
    /// An API key was revoked.
    AdminKeyRevoked = "admin.key.revoked",
    /// An API key was replaced.
    AdminKeyRotated = "admin.key.rotated",
    /// A provider secret was sealed into the store.
    AdminSecretSealed = "admin.secret.sealed",
    /// Settings were changed.
    AdminSettingsChanged = "admin.settings.changed",
    /// A user logged in.
    AuthLogin = "auth.login",
    /// A login failed.
    AuthLoginFailed = "auth.login_failed",
    /// A user logged out.
    AuthLogout = "auth.logout",
    /// A login link was issued.
    AuthLinkIssued = "auth.link.issued",
    /// A password was changed.
    AuthPasswordChanged = "auth.password_changed",
    /// A session was revoked.
    AuthSessionRevoked = "auth.session_revoked",
    /// The gateway started.
    SystemStarted = "system.started",
    /// The gateway stopped in order.
    SystemStopped = "system.stopped",
    /// The log was exported.
    SystemExported = "system.exported",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = InvalidEntry;

    fn from_str(text: &str) -> Result<Self, InvalidEntry> {
        Self::ALL
            .iter()
            .find(|kind| kind.as_str() == text)
            .copied()
            .ok_or(InvalidEntry)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
