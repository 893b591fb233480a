//! Every store of this crate in memory.
//!
//! One lock around everything makes each method a transaction. Rows are joined with their user and tenant at look-up, as
//! a database would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_tenant::{
    Document, ErrorKind, KeyId, MemoryTenants, OperatorStore, Outbox, OutboxRecord, PendingRecord, Role,
    Scope, SessionId, StoreError, Tenant, TenantId, TenantStore, UserId,
};

use crate::api_key::{KeyHash, NewKey, StoredKey};
use crate::password::PasswordHash;
use crate::seal::SealedSecret;
use crate::session::{NewSession, SessionHash, StoredSession};
use crate::store::{ApiKeyStore, SecretStore, SessionStore, UserStore};
use crate::user::{LoginName, LoginRecord, User};

/// Every store in memory, for tests and as a model for your own.
///
/// Implements [`ApiKeyStore`], [`SessionStore`], [`UserStore`], [`SecretStore`], and, through [`MemoryTenants`],
/// [`TenantStore`], [`OperatorStore`] and [`Outbox`].
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

    fn join_key(&self, rows: &Rows, tenant: &TenantId, row: &KeyRow) -> Option<StoredKey> {
        let owner = &rows.users.get(&row.key.user)?.user;
        let NewKey {
            id,
            user,
            name,
            hash,
            created,
            expires,
        } = row.key.clone();
        Some(StoredKey {
            id,
            tenant: tenant.clone(),
            user,
            role: owner.role,
            name,
            hash,
            created,
            expires,
            revoked: row.revoked,
            last_used: row.last_used,
            owner_disabled: owner.disabled,
            tenant_disabled: self.tenant_disabled(tenant),
        })
    }

    fn join_session(&self, rows: &Rows, tenant: &TenantId, row: &SessionRow) -> Option<StoredSession> {
        let owner = &rows.users.get(&row.session.user)?.user;
        let NewSession {
            id,
            user,
            hash,
            created,
            expires,
            idle_timeout,
        } = row.session.clone();
        Some(StoredSession {
            id,
            tenant: tenant.clone(),
            user,
            role: owner.role,
            hash,
            created,
            last_seen: row.last_seen,
            expires,
            idle_timeout,
            revoked: row.revoked,
            owner_disabled: owner.disabled,
            tenant_disabled: self.tenant_disabled(tenant),
        })
    }

    fn login(&self, row: &UserRow) -> LoginRecord {
        LoginRecord {
            user: row.user.clone(),
            password: row.password.clone(),
            tenant_disabled: self.tenant_disabled(&row.user.tenant),
        }
    }

    /// Changes one of the scope's users and ends their sessions.
    fn change_user(
        &self,
        scope: &Scope,
        user: &UserId,
        at: Timestamp,
        record: &OutboxRecord,
        change: impl FnOnce(&mut UserRow),
    ) -> Result<bool, StoreError> {
        let mut rows = self.lock();
        let Some(row) = rows
            .users
            .get_mut(user)
            .filter(|row| row.user.tenant == *scope.tenant())
        else {
            return Ok(false);
        };
        self.tenants.record(scope.tenant(), record)?;
        change(row);
        rows.end_sessions(scope, user, at);
        Ok(true)
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

    fn check_new_key(&self, scope: &Scope, key: &NewKey) -> Result<(), StoreError> {
        self.check_owner(scope, &key.user)?;
        let id_taken = self.keys.contains_key(&(scope.tenant().clone(), key.id.clone()));
        if id_taken || self.keys.values().any(|row| row.key.hash == key.hash) {
            return Err(StoreError::new(
                ErrorKind::AlreadyExists,
                "a key with this id exists: make another",
            ));
        }
        Ok(())
    }

    fn add_key(&mut self, scope: &Scope, key: &NewKey) {
        let row = KeyRow {
            key: key.clone(),
            revoked: None,
            last_used: None,
        };
        self.keys.insert((scope.tenant().clone(), key.id.clone()), row);
    }

    fn end_sessions(&mut self, scope: &Scope, user: &UserId, at: Timestamp) -> u64 {
        let mut ended = 0;
        for ((tenant, _), row) in &mut self.sessions {
            if tenant == scope.tenant() && row.session.user == *user && row.revoked.is_none() {
                row.revoked = Some(at);
                ended += 1;
            }
        }
        ended
    }
}

#[async_trait]
impl ApiKeyStore for MemoryAuth {
    async fn find_by_hash(&self, hash: &KeyHash) -> Result<Option<StoredKey>, StoreError> {
        let rows = self.lock();
        let found = rows.keys.iter().find(|(_, row)| row.key.hash == *hash);
        Ok(found.and_then(|((tenant, _), row)| self.join_key(&rows, tenant, row)))
    }

    async fn create(&self, scope: &Scope, key: &NewKey, record: &OutboxRecord) -> Result<(), StoreError> {
        let mut rows = self.lock();
        rows.check_new_key(scope, key)?;
        self.tenants.record(scope.tenant(), record)?;
        rows.add_key(scope, key);
        Ok(())
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<StoredKey>, StoreError> {
        let rows = self.lock();
        let own = rows
            .keys
            .iter()
            .filter(|((tenant, _), _)| tenant == scope.tenant());
        Ok(own
            .filter_map(|((tenant, _), row)| self.join_key(&rows, tenant, row))
            .collect())
    }

    async fn revoke(
        &self,
        scope: &Scope,
        key: &KeyId,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        let mut rows = self.lock();
        let row = rows.keys.get_mut(&(scope.tenant().clone(), key.clone()));
        let Some(row) = row.filter(|row| row.revoked.is_none()) else {
            return Ok(false);
        };
        self.tenants.record(scope.tenant(), record)?;
        row.revoked = Some(at);
        Ok(true)
    }

    async fn rotate(
        &self,
        scope: &Scope,
        old: &KeyId,
        old_expires: Timestamp,
        new: &NewKey,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        let mut rows = self.lock();
        let old = (scope.tenant().clone(), old.clone());
        let is_live = rows.keys.get(&old).is_some_and(|row| {
            row.key.user == new.user
                && row.revoked.is_none()
                && row.key.expires.is_none_or(|end| end > new.created)
        });
        if !is_live {
            return Ok(false);
        }
        rows.check_new_key(scope, new)?;
        self.tenants.record(scope.tenant(), record)?;
        let row = rows
            .keys
            .get_mut(&old)
            .expect("it was there a moment ago, under the same lock");
        row.key.expires = Some(row.key.expires.map_or(old_expires, |end| end.min(old_expires)));
        rows.add_key(scope, new);
        Ok(true)
    }

    async fn touch(&self, scope: &Scope, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        let mut rows = self.lock();
        for (key, at) in used {
            if let Some(row) = rows.keys.get_mut(&(scope.tenant().clone(), key.clone())) {
                row.last_used = row.last_used.max(Some(*at));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl SessionStore for MemoryAuth {
    async fn find_by_hash(&self, hash: &SessionHash) -> Result<Option<StoredSession>, StoreError> {
        let rows = self.lock();
        let found = rows.sessions.iter().find(|(_, row)| row.session.hash == *hash);
        Ok(found.and_then(|((tenant, _), row)| self.join_session(&rows, tenant, row)))
    }

    async fn create(&self, scope: &Scope, session: &NewSession) -> Result<(), StoreError> {
        let mut rows = self.lock();
        rows.check_owner(scope, &session.user)?;
        let place = (scope.tenant().clone(), session.id.clone());
        if rows.sessions.contains_key(&place)
            || rows.sessions.values().any(|row| row.session.hash == session.hash)
        {
            return Err(StoreError::new(
                ErrorKind::AlreadyExists,
                "a session with this id exists: make another",
            ));
        }
        let row = SessionRow {
            session: session.clone(),
            last_seen: session.created,
            revoked: None,
        };
        rows.sessions.insert(place, row);
        Ok(())
    }

    async fn touch(&self, scope: &Scope, session: &SessionId, at: Timestamp) -> Result<(), StoreError> {
        if let Some(row) = self
            .lock()
            .sessions
            .get_mut(&(scope.tenant().clone(), session.clone()))
        {
            row.last_seen = row.last_seen.max(at);
        }
        Ok(())
    }

    async fn revoke(&self, scope: &Scope, session: &SessionId, at: Timestamp) -> Result<bool, StoreError> {
        let mut rows = self.lock();
        let row = rows.sessions.get_mut(&(scope.tenant().clone(), session.clone()));
        let Some(row) = row.filter(|row| row.revoked.is_none()) else {
            return Ok(false);
        };
        row.revoked = Some(at);
        Ok(true)
    }

    async fn list(&self, scope: &Scope, user: &UserId) -> Result<Vec<StoredSession>, StoreError> {
        let rows = self.lock();
        let own = rows
            .sessions
            .iter()
            .filter(|((tenant, _), row)| tenant == scope.tenant() && row.session.user == *user);
        Ok(own
            .filter_map(|((tenant, _), row)| self.join_session(&rows, tenant, row))
            .collect())
    }

    async fn revoke_user(&self, scope: &Scope, user: &UserId, at: Timestamp) -> Result<u64, StoreError> {
        Ok(self.lock().end_sessions(scope, user, at))
    }
}

#[async_trait]
impl UserStore for MemoryAuth {
    async fn find_by_login(&self, login: &LoginName) -> Result<Option<LoginRecord>, StoreError> {
        let rows = self.lock();
        Ok(rows
            .users
            .values()
            .find(|row| row.user.login == *login)
            .map(|row| self.login(row)))
    }

    async fn create(
        &self,
        scope: &Scope,
        user: &User,
        password: Option<&PasswordHash>,
        record: &OutboxRecord,
    ) -> Result<(), StoreError> {
        let mut rows = self.lock();
        if user.tenant != *scope.tenant() || self.tenants.is_disabled(&user.tenant).is_none() {
            return Err(StoreError::new(ErrorKind::NotFound, "there is no such tenant"));
        }
        let login_taken = rows.users.values().any(|row| row.user.login == user.login);
        if login_taken || rows.users.contains_key(&user.id) {
            return Err(StoreError::new(
                ErrorKind::AlreadyExists,
                "a user with this id or login exists",
            ));
        }
        self.tenants.record(scope.tenant(), record)?;
        rows.users.insert(
            user.id.clone(),
            UserRow {
                user: user.clone(),
                password: password.cloned(),
            },
        );
        Ok(())
    }

    async fn user(&self, scope: &Scope, user: &UserId) -> Result<Option<User>, StoreError> {
        let rows = self.lock();
        let own = rows
            .users
            .get(user)
            .filter(|row| row.user.tenant == *scope.tenant());
        Ok(own.map(|row| row.user.clone()))
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<User>, StoreError> {
        let rows = self.lock();
        Ok(rows
            .users
            .values()
            .filter(|row| row.user.tenant == *scope.tenant())
            .map(|row| row.user.clone())
            .collect())
    }

    async fn login_record(&self, scope: &Scope, user: &UserId) -> Result<Option<LoginRecord>, StoreError> {
        let rows = self.lock();
        let own = rows
            .users
            .get(user)
            .filter(|row| row.user.tenant == *scope.tenant());
        Ok(own.map(|row| self.login(row)))
    }

    async fn set_password(
        &self,
        scope: &Scope,
        user: &UserId,
        password: &PasswordHash,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change_user(scope, user, at, record, |row| {
            row.password = Some(password.clone());
        })
    }

    async fn set_role(
        &self,
        scope: &Scope,
        user: &UserId,
        role: Role,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change_user(scope, user, at, record, |row| row.user.role = role)
    }

    async fn set_disabled(
        &self,
        scope: &Scope,
        user: &UserId,
        disabled: bool,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change_user(scope, user, at, record, |row| row.user.disabled = disabled)
    }
}

#[async_trait]
impl SecretStore for MemoryAuth {
    async fn put(
        &self,
        scope: &Scope,
        secret: &SealedSecret,
        record: &OutboxRecord,
    ) -> Result<(), StoreError> {
        let mut rows = self.lock();
        self.tenants.record(scope.tenant(), record)?;
        rows.secrets
            .insert((scope.tenant().clone(), secret.name.clone()), secret.clone());
        Ok(())
    }

    async fn replace(
        &self,
        scope: &Scope,
        old: &SealedSecret,
        new: &SealedSecret,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        let mut rows = self.lock();
        let place = rows.secrets.get_mut(&(scope.tenant().clone(), old.name.clone()));
        let Some(place) = place.filter(|stored| *stored == old && old.name == new.name) else {
            return Ok(false);
        };
        self.tenants.record(scope.tenant(), record)?;
        *place = new.clone();
        Ok(true)
    }

    async fn fetch(&self, scope: &Scope, name: &str) -> Result<Option<SealedSecret>, StoreError> {
        Ok(self
            .lock()
            .secrets
            .get(&(scope.tenant().clone(), name.to_owned()))
            .cloned())
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<SealedSecret>, StoreError> {
        let rows = self.lock();
        Ok(rows
            .secrets
            .iter()
            .filter(|((t, _), _)| t == scope.tenant())
            .map(|(_, secret)| secret.clone())
            .collect())
    }

    async fn remove(&self, scope: &Scope, name: &str, record: &OutboxRecord) -> Result<bool, StoreError> {
        let mut rows = self.lock();
        let place = (scope.tenant().clone(), name.to_owned());
        if !rows.secrets.contains_key(&place) {
            return Ok(false);
        }
        self.tenants.record(scope.tenant(), record)?;
        rows.secrets.remove(&place);
        Ok(true)
    }
}

#[async_trait]
impl TenantStore for MemoryAuth {
    async fn tenant(&self, scope: &Scope) -> Result<Option<Tenant>, StoreError> {
        self.tenants.tenant(scope).await
    }

    async fn document(&self, scope: &Scope, name: &str) -> Result<Option<Document>, StoreError> {
        self.tenants.document(scope, name).await
    }

    async fn put_document(
        &self,
        scope: &Scope,
        name: &str,
        expected: u64,
        json: &str,
        record: &OutboxRecord,
    ) -> Result<u64, StoreError> {
        self.tenants
            .put_document(scope, name, expected, json, record)
            .await
    }
}

#[async_trait]
impl OperatorStore for MemoryAuth {
    async fn create_tenant(&self, tenant: &Tenant, record: &OutboxRecord) -> Result<(), StoreError> {
        self.tenants.create_tenant(tenant, record).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.tenants.tenants().await
    }

    async fn set_tenant_disabled(
        &self,
        tenant: &TenantId,
        disabled: bool,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.tenants.set_tenant_disabled(tenant, disabled, record).await
    }
}

#[async_trait]
impl Outbox for MemoryAuth {
    async fn pending(
        &self,
        scope: &Scope,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PendingRecord>, StoreError> {
        self.tenants.pending(scope, after, limit).await
    }

    async fn forget(&self, scope: &Scope, through: u64) -> Result<(), StoreError> {
        self.tenants.forget(scope, through).await
    }
}
