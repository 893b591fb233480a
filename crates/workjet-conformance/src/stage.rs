//! Two tenants with a user each, on which the other suites play.

use jiff::Timestamp;
use workjet_auth::{LoginName, User};
use workjet_auth::{Operator, UserStore};
use workjet_tenant::{
    ErrorKind, OperatorStore, Outbox, OutboxRecord, Role, Scope, StoreError, Tenant, TenantId, UserId,
};

/// The scope of the operator in a tenant of this name.
pub(crate) fn scope_of(tenant: &str) -> Scope {
    Operator::dangerously_claim().scope(&tenant.parse().expect("an id"))
}

/// Seconds after the moment at which the play begins.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

pub(crate) fn record(text: &str) -> OutboxRecord {
    OutboxRecord::new(format!("{{\"about\":\"{text}\"}}"))
}

/// The stores that a suite needs besides the one it tests: rows of keys and sessions hang on users, and those on
/// tenants. Give the same database four times.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations)]
pub struct Stage<'a> {
    /// Makes the two tenants.
    pub operator: &'a dyn OperatorStore,
    /// Makes their users.
    pub users: &'a dyn UserStore,
    /// Shows what was recorded.
    pub outbox: &'a dyn Outbox,
}

/// A tenant with a user, as the suites see it.
pub(crate) struct Home {
    pub(crate) scope: Scope,
    pub(crate) user: UserId,
}

impl Stage<'_> {
    /// Makes a tenant and a user in it, unless they exist.
    pub(crate) async fn home(&self, name: &str) -> Home {
        let tenant: TenantId = name.parse().expect("an id");
        let made = self
            .operator
            .create_tenant(&Tenant::new(tenant.clone(), name, at(0)), &record("tenant"))
            .await;
        unless_it_exists(made);
        let scope = scope_of(name);
        let user: UserId = format!("{name}-user").parse().expect("an id");
        let login: LoginName = format!("{user}@example.com").parse().expect("an address");
        let row = User {
            id: user.clone(),
            tenant,
            login,
            role: Role::Member,
            disabled: false,
            created: at(0),
        };
        unless_it_exists(self.users.create(&scope, &row, None, &record("user")).await);
        Home { scope, user }
    }

    /// How many records wait in the tenant's outbox.
    pub(crate) async fn waiting(&self, scope: &Scope) -> usize {
        self.outbox
            .pending(scope, 0, 10_000)
            .await
            .expect("the outbox must answer")
            .len()
    }
}

fn unless_it_exists(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        assert_eq!(
            error.kind(),
            ErrorKind::AlreadyExists,
            "setting the stage failed: {error}"
        );
    }
}
