//! Every store of this crate in memory.
//!
//! One lock around everything makes each method a transaction. Rows are joined with their user and tenant at look-up, as
//! a database would.

mod api_keys;
mod login_links;
mod secrets;
mod sessions;
mod tenants;
mod users;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use workjet_tenant::{ErrorKind, KeyId, MemoryTenants, Scope, SessionId, StoreError, TenantId, UserId};

use crate::api_key::NewKey;
use crate::login_link::NewLoginLink;
use crate::password::PasswordHash;
use crate::seal::SealedSecret;
use crate::session::{NewSession, SessionHash};
use crate::user::User;

/// Every store in memory, for tests and as a model for your own.
///
/// Implements [`ApiKeyStore`](crate::ApiKeyStore), [`SessionStore`](crate::SessionStore),
/// [`UserStore`](crate::UserStore), [`LoginLinkStore`](crate::LoginLinkStore), [`SecretStore`](crate::SecretStore),
/// and, through [`MemoryTenants`],
/// [`TenantStore`](workjet_tenant::TenantStore), [`OperatorStore`](workjet_tenant::OperatorStore) and
/// [`Outbox`](workjet_tenant::Outbox).
#[derive(Debug, Default, Clone)]
pub struct MemoryAuth {
    tenants: Arc<MemoryTenants>,
    rows: Arc<Mutex<Rows>>,
}

#[derive(Debug, Default)]
struct Rows {
    users: BTreeMap<UserId, UserRow>,
    keys: BTreeMap<(TenantId, KeyId), KeyRow>,
    sessions: BTreeMap<(TenantId, SessionId), SessionRow>,
    links: Vec<(TenantId, NewLoginLink)>,
    secrets: BTreeMap<(TenantId, String), SealedSecret>,
}

#[derive(Debug)]
struct UserRow {
    user: User,
    password: Option<PasswordHash>,
}

#[derive(Debug)]
struct KeyRow {
    key: NewKey,
    revoked: Option<Timestamp>,
    last_used: Option<Timestamp>,
}

#[derive(Debug)]
struct SessionRow {
    session: NewSession,
    last_seen: Timestamp,
    revoked: Option<Timestamp>,
}

impl MemoryAuth {
    /// An empty store: create a tenant first, then a user in it.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        // Every change below is complete before anything can panic, so poisoned rows are still whole.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tenant_disabled(&self, tenant: &TenantId) -> bool {
        // An absent tenant lets nobody in.
        self.tenants.is_disabled(tenant).unwrap_or(true)
    }
}

impl Rows {
    fn check_owner(&self, scope: &Scope, user: &UserId) -> Result<(), StoreError> {
        match self.users.get(user) {
            Some(row) if row.user.tenant == *scope.tenant() => Ok(()),
            _ => Err(StoreError::new(
                ErrorKind::NotFound,
                "the tenant has no such user",
            )),
        }
    }

    fn end_sessions(&mut self, scope: &Scope, user: &UserId, at: Timestamp) -> Vec<SessionHash> {
        let mut ended = Vec::new();
        for ((tenant, _), row) in &mut self.sessions {
            if tenant == scope.tenant() && row.session.user == *user && row.revoked.is_none() {
                row.revoked = Some(at);
                ended.push(row.session.hash);
            }
        }
        ended
    }
}
