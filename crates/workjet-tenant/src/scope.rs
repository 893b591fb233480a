//! The capability that every store method takes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{KeyId, SessionId, TenantId, UserId};

/// What a user may do in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Uses AI through the gateway.
    Member,
    /// Reads the audit log and usage, and nothing else.
    Auditor,
    /// Manages users, keys and settings.
    Admin,
    /// Everything an admin may, and making other owners.
    Owner,
}

impl Role {
    /// The role's name on the wire, in the database and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Whether the role may send requests to models. An auditor may not.
    pub const fn may_use_models(self) -> bool {
        !matches!(self, Self::Auditor)
    }

    /// Whether the role may read the tenant's audit log.
    pub const fn may_read_log(self) -> bool {
        matches!(self, Self::Auditor | Self::Admin | Self::Owner)
    }

    /// Whether the role may manage users, keys and settings.
    pub const fn may_administer(self) -> bool {
        matches!(self, Self::Admin | Self::Owner)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not one of the four roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown role: use member, auditor, admin or owner")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Member, Self::Auditor, Self::Admin, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

/// Who acts, as the audit log names them. Never a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Actor {
    /// A user, through an API key.
    Key {
        /// Whose key it is.
        user: UserId,
        /// Which of the user's keys.
        key: KeyId,
    },
    /// A user, through a session cookie.
    Session {
        /// Who logged in.
        user: UserId,
        /// Which of the user's sessions.
        session: SessionId,
    },
    /// Whoever can run `workjet` on the host or holds its bootstrap secret.
    Operator,
    /// Workjet itself, closing an intent after a crash for instance.
    System,
}

impl Actor {
    /// The user behind the actor, if there is one.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Key { user, .. } | Self::Session { user, .. } => Some(user),
            Self::Operator | Self::System => None,
        }
    }
}

/// Proof that a caller was authenticated, and for which tenant.
///
/// Every store method takes a `&Scope` and answers for that tenant alone, so code that holds no scope reaches no data
/// and code that holds one reaches one tenant's. The fields are private and there is no `Default` and no `From`:
/// a scope comes from a verified credential (`workjet-auth`) or from the operator of the host.
///
/// ```compile_fail
/// let scope: workjet_tenant::Scope = Default::default();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    tenant: TenantId,
    actor: Actor,
    role: Role,
}

impl Scope {
    /// Makes a scope out of nothing but words. Only `workjet-auth` may call this, for credentials that it verified and
    /// for the operator; a test fails if anything else names it.
    pub const fn dangerously_assume(tenant: TenantId, actor: Actor, role: Role) -> Self {
        Self { tenant, actor, role }
    }

    /// The one tenant this scope opens.
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Who acts.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The user behind the actor, if there is one.
    pub fn user(&self) -> Option<&UserId> {
        self.actor.user()
    }

    /// What the actor may do.
    pub const fn role(&self) -> Role {
        self.role
    }
}
