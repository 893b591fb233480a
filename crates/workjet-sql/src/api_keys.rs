//! API keys.

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_auth::{ApiKeyStore, KeyHash, NewKey, StoredKey};
use workjet_tenant::{KeyId, OutboxRecord, Scope, StoreError};

use crate::database::{Database, Row, Statement, Value, corrupt};
use crate::store::{SqlStore, record, record_if};

const SELECT: &str = "\
    SELECT k.tenant AS tenant, k.id AS id, k.user_id AS user_id, u.role AS role, k.name AS name, k.hash AS hash, \
    k.created AS created, k.expires AS expires, k.revoked AS revoked, k.last_used AS last_used, \
    u.disabled AS owner_disabled, t.disabled AS tenant_disabled \
    FROM api_keys k \
    JOIN users u ON u.tenant = k.tenant AND u.id = k.user_id \
    JOIN tenants t ON t.id = k.tenant";

fn read(row: &Row) -> Result<StoredKey, StoreError> {
    Ok(StoredKey {
        id: row.parsed("id")?,
        tenant: row.parsed("tenant")?,
        user: row.parsed("user_id")?,
        role: row.parsed("role")?,
        name: row.text("name")?.to_owned(),
        hash: KeyHash::from_hex(row.text("hash")?).map_err(|_| corrupt("hash"))?,
        created: row.time("created")?,
        expires: row.optional_time("expires")?,
        revoked: row.optional_time("revoked")?,
        last_used: row.optional_time("last_used")?,
        owner_disabled: row.truth("owner_disabled")?,
        tenant_disabled: row.truth("tenant_disabled")?,
    })
}

/// Tenant, id, user, name, hash, created, expires: `?1` to `?7`.
fn columns(scope: &Scope, key: &NewKey) -> Vec<Value> {
    vec![
        scope.tenant().as_str().into(),
        key.id.as_str().into(),
        key.user.as_str().into(),
        key.name.as_str().into(),
        key.hash.to_hex().into(),
        key.created.into(),
        key.expires.into(),
    ]
}

#[async_trait]
impl<D: Database> ApiKeyStore for SqlStore<D> {
    async fn find_by_hash(&self, hash: &KeyHash) -> Result<Option<StoredKey>, StoreError> {
        let rows = self
            .ask(format!("{SELECT} WHERE k.hash = ?1"), [hash.to_hex().into()])
            .await?;
        rows.first().map(read).transpose()
    }

    async fn create(&self, scope: &Scope, key: &NewKey, entry: &OutboxRecord) -> Result<(), StoreError> {
        let insert = "INSERT INTO api_keys (tenant, id, user_id, name, hash, created, expires) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.run(vec![
            Statement::new(insert, columns(scope, key)),
            record(scope.tenant(), entry),
        ])
        .await?;
        Ok(())
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<StoredKey>, StoreError> {
        let sql = format!("{SELECT} WHERE k.tenant = ?1 ORDER BY k.id");
        self.ask(sql, [scope.tenant().as_str().into()])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    async fn revoke(
        &self,
        scope: &Scope,
        key: &KeyId,
        at: Timestamp,
        entry: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        const ACTIVE: &str = "tenant = ?1 AND id = ?2 AND revoked IS NULL";
        let condition = format!("EXISTS (SELECT 1 FROM api_keys WHERE {ACTIVE})");
        let update = format!("UPDATE api_keys SET revoked = ?3 WHERE {ACTIVE} RETURNING id");
        self.run_changes(vec![
            record_if(scope.tenant(), entry, &condition, [key.as_str().into()]),
            Statement::new(
                update,
                [scope.tenant().as_str().into(), key.as_str().into(), at.into()],
            ),
        ])
        .await
    }

    async fn rotate(
        &self,
        scope: &Scope,
        old: &KeyId,
        old_expires: Timestamp,
        new: &NewKey,
        entry: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        // The change of the old key comes last: it decides whether the condition still holds.
        let active = |old: u8, user: u8, now: u8| {
            format!(
                "tenant = ?1 AND id = ?{old} AND user_id = ?{user} AND revoked IS NULL \
                 AND (expires IS NULL OR expires > ?{now})"
            )
        };
        let exists = |condition: String| format!("EXISTS (SELECT 1 FROM api_keys WHERE {condition})");
        let old_key: [Value; 3] = [old.as_str().into(), new.user.as_str().into(), new.created.into()];

        let mut insert_params = columns(scope, new);
        insert_params.push(old.as_str().into());
        let insert = format!(
            "INSERT INTO api_keys (tenant, id, user_id, name, hash, created, expires) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE {}",
            exists(active(8, 3, 6))
        );
        let update = format!(
            "UPDATE api_keys SET expires = min(coalesce(expires, ?5), ?5) WHERE {} RETURNING id",
            active(2, 3, 4)
        );
        let mut update_params = vec![scope.tenant().as_str().into()];
        update_params.extend(old_key.clone());
        update_params.push(old_expires.into());

        self.run_changes(vec![
            record_if(scope.tenant(), entry, &exists(active(2, 3, 4)), old_key),
            Statement::new(insert, insert_params),
            Statement::new(update, update_params),
        ])
        .await
    }

    async fn touch(&self, scope: &Scope, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        const UPDATE: &str = "UPDATE api_keys SET last_used = ?3 \
                              WHERE tenant = ?1 AND id = ?2 AND (last_used IS NULL OR last_used < ?3)";
        if used.is_empty() {
            return Ok(());
        }
        let update = |(key, at): &(KeyId, Timestamp)| {
            Statement::new(
                UPDATE,
                [scope.tenant().as_str().into(), key.as_str().into(), (*at).into()],
            )
        };
        self.run(used.iter().map(update).collect()).await?;
        Ok(())
    }
}
