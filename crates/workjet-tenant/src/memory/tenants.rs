//! Tenants, their documents and their outbox, in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{
    Document, ErrorKind, OperatorStore, Outbox, OutboxRecord, PendingRecord, Scope, StoreError, Tenant,
    TenantId, TenantStore,
};

/// [`TenantStore`], [`OperatorStore`] and [`Outbox`] in memory: for tests, and as a model for your own.
#[derive(Debug, Default)]
pub struct MemoryTenants {
    tenants: Mutex<BTreeMap<TenantId, Owned>>,
}

#[derive(Debug)]
struct Owned {
    tenant: Tenant,
    documents: BTreeMap<String, Document>,
    last_sequence: u64,
    outbox: Vec<PendingRecord>,
}

impl Owned {
    fn record(&mut self, record: &OutboxRecord) {
        self.last_sequence += 1;
        self.outbox.push(PendingRecord {
            sequence: self.last_sequence,
            record: record.clone(),
        });
    }
}

impl MemoryTenants {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the tenant is disabled; none if there is no such tenant.
    pub fn is_disabled(&self, tenant: &TenantId) -> Option<bool> {
        self.lock().get(tenant).map(|owned| owned.tenant.disabled)
    }

    /// Puts `record` into the tenant's outbox: for stores in memory that change something of their own along with it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such tenant.
    pub fn record(&self, tenant: &TenantId, record: &OutboxRecord) -> Result<(), StoreError> {
        self.lock().get_mut(tenant).ok_or_else(no_tenant)?.record(record);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantId, Owned>> {
        // Every change below is complete before anything can panic, so a poisoned map is still whole.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_tenant() -> StoreError {
    StoreError::new(ErrorKind::NotFound, "there is no such tenant")
}

#[async_trait]
impl TenantStore for MemoryTenants {
    async fn tenant(&self, scope: &Scope) -> Result<Option<Tenant>, StoreError> {
        Ok(self.lock().get(scope.tenant()).map(|owned| owned.tenant.clone()))
    }

    async fn document(&self, scope: &Scope, name: &str) -> Result<Option<Document>, StoreError> {
        Ok(self
            .lock()
            .get(scope.tenant())
            .and_then(|owned| owned.documents.get(name).cloned()))
    }

    async fn put_document(
        &self,
        scope: &Scope,
        name: &str,
        expected: u64,
        json: &str,
        record: &OutboxRecord,
    ) -> Result<u64, StoreError> {
        let mut tenants = self.lock();
        let owned = tenants.get_mut(scope.tenant()).ok_or_else(no_tenant)?;
        let version = owned.documents.get(name).map_or(0, |document| document.version);
        if version != expected {
            return Err(StoreError::new(
                ErrorKind::Conflict,
                "the document was changed meanwhile: read it again",
            ));
        }
        owned.documents.insert(
            name.to_owned(),
            Document {
                version: version + 1,
                json: json.to_owned(),
            },
        );
        owned.record(record);
        Ok(version + 1)
    }
}

#[async_trait]
impl OperatorStore for MemoryTenants {
    async fn create_tenant(&self, tenant: &Tenant, record: &OutboxRecord) -> Result<(), StoreError> {
        let mut tenants = self.lock();
        if tenants.contains_key(&tenant.id) {
            return Err(StoreError::new(
                ErrorKind::AlreadyExists,
                "a tenant of this name exists: choose another",
            ));
        }
        let mut owned = Owned {
            tenant: tenant.clone(),
            documents: BTreeMap::new(),
            last_sequence: 0,
            outbox: Vec::new(),
        };
        owned.record(record);
        tenants.insert(tenant.id.clone(), owned);
        Ok(())
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(self.lock().values().map(|owned| owned.tenant.clone()).collect())
    }

    async fn set_tenant_disabled(
        &self,
        tenant: &TenantId,
        disabled: bool,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        let mut tenants = self.lock();
        let Some(owned) = tenants.get_mut(tenant) else {
            return Ok(false);
        };
        owned.tenant.disabled = disabled;
        owned.record(record);
        Ok(true)
    }
}

#[async_trait]
impl Outbox for MemoryTenants {
    async fn pending(
        &self,
        scope: &Scope,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PendingRecord>, StoreError> {
        let tenants = self.lock();
        let Some(owned) = tenants.get(scope.tenant()) else {
            return Ok(Vec::new());
        };
        Ok(owned
            .outbox
            .iter()
            .filter(|pending| pending.sequence > after)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn forget(&self, scope: &Scope, through: u64) -> Result<(), StoreError> {
        if let Some(owned) = self.lock().get_mut(scope.tenant()) {
            owned.outbox.retain(|pending| pending.sequence > through);
        }
        Ok(())
    }
}
