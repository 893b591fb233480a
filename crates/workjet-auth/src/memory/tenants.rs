//! Tenants and their outbox: those of [`MemoryTenants`](workjet_tenant::MemoryTenants).

use async_trait::async_trait;
use workjet_tenant::{
    Document, OperatorStore, Outbox, OutboxRecord, PendingRecord, Scope, StoreError, Tenant, TenantId,
    TenantStore,
};

use super::MemoryAuth;

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
