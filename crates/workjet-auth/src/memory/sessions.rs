//! Sessions.

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_tenant::{ErrorKind, Scope, SessionId, StoreError, TenantId, UserId};

use super::{MemoryAuth, Rows, SessionRow};
use crate::session::{NewSession, SessionHash, StoredSession};
use crate::store::SessionStore;

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

    async fn revoke(
        &self,
        scope: &Scope,
        session: &SessionId,
        at: Timestamp,
    ) -> Result<Option<SessionHash>, StoreError> {
        let mut rows = self.lock();
        let row = rows.sessions.get_mut(&(scope.tenant().clone(), session.clone()));
        let Some(row) = row.filter(|row| row.revoked.is_none()) else {
            return Ok(None);
        };
        row.revoked = Some(at);
        Ok(Some(row.session.hash))
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

    async fn revoke_user(
        &self,
        scope: &Scope,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Vec<SessionHash>, StoreError> {
        Ok(self.lock().end_sessions(scope, user, at))
    }
}

impl MemoryAuth {
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
}
