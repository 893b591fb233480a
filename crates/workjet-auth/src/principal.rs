//! Who was let in.
//!
//! The only places outside tests that make a [`Scope`]: a verified credential, and the operator of the host.

use workjet_tenant::{Actor, Role, Scope, TenantId, UserId};

/// A caller whose credential was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    scope: Scope,
    user: UserId,
}

impl Principal {
    pub(crate) const fn verified(tenant: TenantId, actor: Actor, user: UserId, role: Role) -> Self {
        Self {
            scope: Scope::dangerously_assume(tenant, actor, role),
            user,
        }
    }

    /// What every store asks for.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Who it is.
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// What they may do now.
    pub const fn role(&self) -> Role {
        self.scope.role()
    }

    /// Keeps the scope alone.
    pub fn into_scope(self) -> Scope {
        self.scope
    }
}

/// Whoever runs `workjet` on the host, or holds its bootstrap secret.
///
/// Only adapters make one: for the command line, bootstrap and start-up, and for the gateway's login, which counts and
/// logs attempts before there is a caller. No other request meets it. A test fails if anything else names the
/// constructor.
#[derive(Debug, Clone)]
pub struct Operator(());

impl Operator {
    /// Claims to be the operator. The caller must have made sure of it by other means: a shell on the host, or the
    /// bootstrap secret.
    pub const fn dangerously_claim() -> Self {
        Self(())
    }

    /// Acts in `tenant` as the operator, with every right.
    pub fn scope(&self, tenant: &TenantId) -> Scope {
        Scope::dangerously_assume(tenant.clone(), Actor::Operator, Role::Owner)
    }

    /// Acts in `tenant` as Workjet itself: closing intents after a crash, sealing the file's provider keys.
    pub fn system_scope(&self, tenant: &TenantId) -> Scope {
        Scope::dangerously_assume(tenant.clone(), Actor::System, Role::Owner)
    }
}
