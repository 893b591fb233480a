//! Tenants: made, listed, shut out and let in again.

use jiff::Timestamp;
use workjet_audit::Kind;
use workjet_auth::Operator;
use workjet_tenant::{Tenant, TenantId};

use super::{Admin, AdminError, checked_name, taken};

impl Admin {
    /// Every tenant, by id.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, AdminError> {
        Ok(self.operators.tenants().await?)
    }

    /// Makes a tenant.
    ///
    /// # Errors
    /// [`AlreadyExists`](super::AdminErrorKind::AlreadyExists).
    pub async fn create_tenant(
        &self,
        operator: &Operator,
        id: &TenantId,
        name: &str,
        now: Timestamp,
    ) -> Result<Tenant, AdminError> {
        let tenant = Tenant::new(id.clone(), checked_name(name)?, now);
        let scope = operator.scope(id);
        let record = self.record(&scope, Kind::AdminTenantCreated, id.as_str(), now, []);
        self.operators
            .create_tenant(&tenant, &record)
            .await
            .map_err(|error| taken(error, format!("there is a tenant {id} already")))?;
        Ok(tenant)
    }

    /// Refuses, or takes again, all credentials of a tenant.
    ///
    /// # Errors
    /// [`NotFound`](super::AdminErrorKind::NotFound).
    pub async fn set_tenant_disabled(
        &self,
        operator: &Operator,
        id: &TenantId,
        disabled: bool,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        let scope = operator.scope(id);
        let state = if disabled { "disabled" } else { "enabled" };
        let record = self.record(
            &scope,
            Kind::AdminTenantChanged,
            id.as_str(),
            now,
            [("state", state)],
        );
        let found = self.operators.set_tenant_disabled(id, disabled, &record).await?;
        found
            .then_some(())
            .ok_or_else(|| AdminError::not_found(format!("there is no tenant {id}")))
    }
}
