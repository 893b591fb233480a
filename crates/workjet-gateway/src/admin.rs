//! What administrators do: tenants, users, keys, and the first start.
//!
//! The command line and the HTTP surface call it. Each change commits together with the audit entry that names who made it. A
//! raw secret is returned once, in a type that hides it, and stored nowhere.

mod bootstrap;
mod error;
mod keys;
mod links;
mod secret;
mod tenants;
mod users;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use workjet_audit::{Entry, Kind};
use workjet_auth::{ApiKey, ApiKeyStore, UserStore};
use workjet_tenant::{ErrorKind, KeyId, OperatorStore, OutboxRecord, Role, Scope, StoreError, UserId};

pub(crate) use self::bootstrap::first_owner;
pub use self::bootstrap::{FIRST_OWNER, FirstStart};
pub use self::error::{AdminError, AdminErrorKind};
pub use self::links::IssuedLink;
pub use self::users::NewUser;
use crate::host::{Entropy, PasswordHasher};
use crate::ids::entry_id;

/// The longest name that a key or tenant may have, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Changes who may do what.
///
/// Methods that take a [`Scope`] ask for a role that may administer, and for an owner where owners are concerned.
#[derive(Clone)]
pub struct Admin {
    /// Tenants.
    pub operators: Arc<dyn OperatorStore>,
    /// Users and their passwords.
    pub users: Arc<dyn UserStore>,
    /// API keys.
    pub keys: Arc<dyn ApiKeyStore>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Password work.
    pub passwords: Arc<dyn PasswordHasher>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

impl Admin {
    /// The record of an export of the scope's log.
    pub fn exported(&self, scope: &Scope, now: Timestamp) -> OutboxRecord {
        self.record(scope, Kind::SystemExported, scope.tenant().as_str(), now, [])
    }

    /// Whether the scope may change `user`: what concerns an owner is for owners.
    async fn may_change(&self, scope: &Scope, user: &UserId) -> Result<(), AdminError> {
        may_administer(scope)?;
        let user = self
            .users
            .user(scope, user)
            .await?
            .ok_or_else(|| no_user(scope))?;
        may_grant(scope, user.role)
    }

    fn record<const N: usize>(
        &self,
        scope: &Scope,
        kind: Kind,
        subject: &str,
        now: Timestamp,
        detail: [(&str, &str); N],
    ) -> OutboxRecord {
        let mut entry = Entry::new(
            entry_id(&*self.entropy, now),
            now,
            scope.tenant().clone(),
            scope.actor().clone(),
            kind,
        );
        entry.subject = Some(subject.to_owned());
        entry.detail = detail
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        entry.to_outbox()
    }

    fn id(&self) -> KeyId {
        ApiKey::new_id(self.random())
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}

fn may_administer(scope: &Scope) -> Result<(), AdminError> {
    if scope.role().may_administer() {
        Ok(())
    } else {
        Err(AdminError::forbidden("this takes an admin or owner"))
    }
}

/// Whether the scope may give somebody `role`.
pub(crate) fn may_grant(scope: &Scope, role: Role) -> Result<(), AdminError> {
    may_administer(scope)?;
    match role {
        Role::Owner if scope.role() != Role::Owner => {
            Err(AdminError::forbidden("what concerns an owner takes an owner"))
        }
        _ => Ok(()),
    }
}

/// A name that prints on one line.
fn checked_name(name: &str) -> Result<String, AdminError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(AdminError::invalid("a name is 1 to 100 characters on one line"));
    }
    Ok(name.to_owned())
}

fn taken(error: StoreError, message: String) -> AdminError {
    match error.kind() {
        ErrorKind::AlreadyExists => AdminError::already_exists(message),
        _ => error.into(),
    }
}

fn no_user(scope: &Scope) -> AdminError {
    AdminError::not_found(format!("tenant {} has no such user", scope.tenant()))
}

#[cfg(test)]
mod tests;
