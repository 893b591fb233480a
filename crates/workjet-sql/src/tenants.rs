//! Tenants and their documents.

use async_trait::async_trait;
use workjet_tenant::{
    Document, ErrorKind, OperatorStore, OutboxRecord, Scope, StoreError, Tenant, TenantId, TenantStore,
};

use crate::database::{Database, Row, Statement};
use crate::store::{SqlStore, record, record_if};

fn read(row: &Row) -> Result<Tenant, StoreError> {
    let mut tenant = Tenant::new(row.parsed("id")?, row.text("name")?, row.time("created")?);
    tenant.disabled = row.truth("disabled")?;
    Ok(tenant)
}

#[async_trait]
impl<D: Database> TenantStore for SqlStore<D> {
    async fn tenant(&self, scope: &Scope) -> Result<Option<Tenant>, StoreError> {
        let sql = "SELECT id, name, created, disabled FROM tenants WHERE id = ?1";
        self.ask(sql, [scope.tenant().as_str().into()])
            .await?
            .first()
            .map(read)
            .transpose()
    }

    async fn document(&self, scope: &Scope, name: &str) -> Result<Option<Document>, StoreError> {
        let sql = "SELECT version, json FROM documents WHERE tenant = ?1 AND name = ?2";
        let rows = self
            .ask(sql, [scope.tenant().as_str().into(), name.into()])
            .await?;
        let read = |row: &Row| {
            Ok(Document {
                version: row.number("version")?,
                json: row.text("json")?.to_owned(),
            })
        };
        rows.first().map(read).transpose()
    }

    async fn put_document(
        &self,
        scope: &Scope,
        name: &str,
        expected: u64,
        json: &str,
        entry: &OutboxRecord,
    ) -> Result<u64, StoreError> {
        let tenant = scope.tenant().as_str();
        let statements = if expected == 0 {
            let condition = "NOT EXISTS (SELECT 1 FROM documents WHERE tenant = ?1 AND name = ?2)";
            let insert = "INSERT INTO documents (tenant, name, version, json) VALUES (?1, ?2, 1, ?3) \
                          ON CONFLICT (tenant, name) DO NOTHING RETURNING version";
            vec![
                record_if(scope.tenant(), entry, condition, [name.into()]),
                Statement::new(insert, [tenant.into(), name.into(), json.into()]),
            ]
        } else {
            const UNCHANGED: &str = "tenant = ?1 AND name = ?2 AND version = ?3";
            let condition = format!("EXISTS (SELECT 1 FROM documents WHERE {UNCHANGED})");
            let update = format!(
                "UPDATE documents SET json = ?4, version = version + 1 WHERE {UNCHANGED} RETURNING version"
            );
            vec![
                record_if(scope.tenant(), entry, &condition, [name.into(), expected.into()]),
                Statement::new(update, [tenant.into(), name.into(), expected.into(), json.into()]),
            ]
        };
        if self.run_changes(statements).await? {
            Ok(expected + 1)
        } else {
            Err(StoreError::new(
                ErrorKind::Conflict,
                "the document was changed meanwhile: read it again",
            ))
        }
    }
}

#[async_trait]
impl<D: Database> OperatorStore for SqlStore<D> {
    async fn create_tenant(&self, tenant: &Tenant, entry: &OutboxRecord) -> Result<(), StoreError> {
        let insert = "INSERT INTO tenants (id, name, created, disabled) VALUES (?1, ?2, ?3, ?4)";
        let params = [
            tenant.id.as_str().into(),
            tenant.name.as_str().into(),
            tenant.created.into(),
            tenant.disabled.into(),
        ];
        self.run(vec![Statement::new(insert, params), record(&tenant.id, entry)])
            .await?;
        Ok(())
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let sql = "SELECT id, name, created, disabled FROM tenants ORDER BY id";
        self.ask(sql, []).await?.iter().map(read).collect()
    }

    async fn set_tenant_disabled(
        &self,
        tenant: &TenantId,
        disabled: bool,
        entry: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE tenants SET disabled = ?2 WHERE id = ?1 RETURNING id";
        self.run_changes(vec![
            record_if(tenant, entry, "EXISTS (SELECT 1 FROM tenants WHERE id = ?1)", []),
            Statement::new(update, [tenant.as_str().into(), disabled.into()]),
        ])
        .await
    }
}
