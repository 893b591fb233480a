//! API keys.

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_tenant::{ErrorKind, KeyId, OutboxRecord, Scope, StoreError, TenantId};

use super::{KeyRow, MemoryAuth, Rows};
use crate::api_key::{KeyHash, NewKey, StoredKey};
use crate::store::ApiKeyStore;

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

impl Rows {
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
}

impl MemoryAuth {
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
}
