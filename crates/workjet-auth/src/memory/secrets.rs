//! Sealed secrets.

use async_trait::async_trait;
use workjet_tenant::{OutboxRecord, Scope, StoreError};

use super::MemoryAuth;
use crate::seal::SealedSecret;
use crate::store::SecretStore;

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
