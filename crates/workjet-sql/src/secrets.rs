//! Sealed secrets.

use async_trait::async_trait;
use workjet_auth::{SealedSecret, SecretStore};
use workjet_tenant::{OutboxRecord, Scope, StoreError};

use crate::database::{Database, Row, Statement, Value, corrupt};
use crate::store::{SqlStore, record, record_if};

const SELECT: &str = "SELECT name, version, provider, key_id, wrapped_key, ciphertext, created FROM secrets";

fn read(row: &Row) -> Result<SealedSecret, StoreError> {
    Ok(SealedSecret {
        version: u8::try_from(row.number("version")?).map_err(|_| corrupt("version"))?,
        name: row.text("name")?.to_owned(),
        provider: row.text("provider")?.to_owned(),
        key_id: row.text("key_id")?.to_owned(),
        wrapped_key: row.bytes("wrapped_key")?,
        ciphertext: row.bytes("ciphertext")?,
        created: row.time("created")?,
    })
}

/// Tenant, name, version, provider, key id, wrapped key, ciphertext, created: `?1` to `?8`.
fn columns(scope: &Scope, secret: &SealedSecret) -> Vec<Value> {
    vec![
        scope.tenant().as_str().into(),
        secret.name.as_str().into(),
        u64::from(secret.version).into(),
        secret.provider.as_str().into(),
        secret.key_id.as_str().into(),
        hex::encode(&secret.wrapped_key).into(),
        hex::encode(&secret.ciphertext).into(),
        secret.created.into(),
    ]
}

#[async_trait]
impl<D: Database> SecretStore for SqlStore<D> {
    async fn put(
        &self,
        scope: &Scope,
        secret: &SealedSecret,
        entry: &OutboxRecord,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO secrets (tenant, name, version, provider, key_id, wrapped_key, ciphertext, created) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                      ON CONFLICT (tenant, name) DO UPDATE SET version = excluded.version, \
                      provider = excluded.provider, key_id = excluded.key_id, wrapped_key = excluded.wrapped_key, \
                      ciphertext = excluded.ciphertext, created = excluded.created";
        self.run(vec![
            Statement::new(insert, columns(scope, secret)),
            record(scope.tenant(), entry),
        ])
        .await?;
        Ok(())
    }

    async fn replace(
        &self,
        scope: &Scope,
        old: &SealedSecret,
        new: &SealedSecret,
        entry: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        if old.name != new.name {
            return Ok(false);
        }
        // Every sealing has fresh random bytes in both, so these two tell one from another.
        let unchanged = |wrapped_key: u8, ciphertext: u8| {
            format!(
                "tenant = ?1 AND name = ?2 AND wrapped_key = ?{wrapped_key} AND ciphertext = ?{ciphertext}"
            )
        };
        let old_bytes: [Value; 2] = [
            hex::encode(&old.wrapped_key).into(),
            hex::encode(&old.ciphertext).into(),
        ];
        let mut condition_params = vec![Value::from(old.name.as_str())];
        condition_params.extend(old_bytes.clone());
        let mut update_params = columns(scope, new);
        update_params.extend(old_bytes);
        let condition = format!("EXISTS (SELECT 1 FROM secrets WHERE {})", unchanged(3, 4));
        let update = format!(
            "UPDATE secrets SET version = ?3, provider = ?4, key_id = ?5, wrapped_key = ?6, ciphertext = ?7, \
             created = ?8 WHERE {} RETURNING name",
            unchanged(9, 10)
        );
        self.run_changes(vec![
            record_if(scope.tenant(), entry, &condition, condition_params),
            Statement::new(update, update_params),
        ])
        .await
    }

    async fn fetch(&self, scope: &Scope, name: &str) -> Result<Option<SealedSecret>, StoreError> {
        let sql = format!("{SELECT} WHERE tenant = ?1 AND name = ?2");
        let rows = self
            .ask(sql, [scope.tenant().as_str().into(), name.into()])
            .await?;
        rows.first().map(read).transpose()
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<SealedSecret>, StoreError> {
        let sql = format!("{SELECT} WHERE tenant = ?1 ORDER BY name");
        self.ask(sql, [scope.tenant().as_str().into()])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    async fn remove(&self, scope: &Scope, name: &str, entry: &OutboxRecord) -> Result<bool, StoreError> {
        let condition = "EXISTS (SELECT 1 FROM secrets WHERE tenant = ?1 AND name = ?2)";
        let delete = "DELETE FROM secrets WHERE tenant = ?1 AND name = ?2 RETURNING name";
        self.run_changes(vec![
            record_if(scope.tenant(), entry, condition, [name.into()]),
            Statement::new(delete, [scope.tenant().as_str().into(), name.into()]),
        ])
        .await
    }
}
