//! The stores that this crate's ideas need.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Charge, Decision, OutboxRecord, RequestId, Scope, StoreError, TenantId};

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tenant {
    /// Its name in every store, path and log.
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether its credentials are refused.
    pub disabled: bool,
}

impl Tenant {
    /// An enabled tenant.
    pub fn new(id: TenantId, name: impl Into<String>, created: Timestamp) -> Self {
        Self {
            id,
            name: name.into(),
            created,
            disabled: false,
        }
    }
}

/// A versioned piece of JSON that a tenant owns: settings, skills, automations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Starts at 1 and grows by 1 with every change.
    pub version: u64,
    /// The document, as JSON text.
    pub json: String,
}

/// What one tenant owns.
///
/// # Contract
/// Every method answers for the scope's tenant alone; another tenant's things answer exactly like absent ones. A method
/// that takes an [`OutboxRecord`] commits it together with the change, or neither.
///
/// # Errors
/// [`Unavailable`](crate::ErrorKind::Unavailable) when the answer is unknown; the gateway then refuses.
#[async_trait]
pub trait TenantStore: Send + Sync {
    /// The scope's own tenant.
    async fn tenant(&self, scope: &Scope) -> Result<Option<Tenant>, StoreError>;

    /// The document called `name` (an id-like name such as `settings`).
    async fn document(&self, scope: &Scope, name: &str) -> Result<Option<Document>, StoreError>;

    /// Writes `json` as `name` if its version is still `expected` (0 for "does not exist") and returns the new version.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if somebody else was first.
    async fn put_document(
        &self,
        scope: &Scope,
        name: &str,
        expected: u64,
        json: &str,
        record: &OutboxRecord,
    ) -> Result<u64, StoreError>;
}

/// What only the operator of the host may do: the command line, bootstrap and start-up hold it, no request does.
///
/// # Errors
/// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) from `create_tenant`; else as [`TenantStore`].
#[async_trait]
pub trait OperatorStore: Send + Sync {
    /// Creates a tenant.
    async fn create_tenant(&self, tenant: &Tenant, record: &OutboxRecord) -> Result<(), StoreError>;

    /// Every tenant, by id.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// Enables or disables a tenant; false if there is no such tenant.
    async fn set_tenant_disabled(
        &self,
        tenant: &TenantId,
        disabled: bool,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError>;
}

/// How exact a [`RateStore`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Consistency {
    /// Calls for one key behave as if run one at a time, everywhere.
    Strict,
    /// Strict within a region; regions do not see each other.
    PerRegion,
    /// A call may not see others for up to this long.
    Eventual {
        /// The longest time a write may stay unseen.
        bound: Duration,
    },
}

/// Counts what each caller has spent.
///
/// # Contract
/// - Calls for one key of one tenant behave as if run one at a time (as far as [`consistency`](Self::consistency)
///   says); different keys need no order.
/// - `reserve` takes every charge or none. A second `reserve` with an id that is still open answers as the first did
///   and takes nothing more.
/// - `settle` corrects a reservation to what was really used, one amount for each charge of the reservation, in
///   order. Settling above the reservation makes a debt, never a failure. Settling twice, or settling what is not open
///   (any more), changes nothing.
/// - `release` returns everything that a reservation took, and does nothing if it is not open.
/// - What is not settled `ttl` after its reservation stays charged.
/// - Never over-admits: admitted ≤ burst + rate × time, under any number of parallel callers.
/// - Memory is bounded: a key at rest and a reservation past its `ttl` are forgotten.
///
/// # Errors
/// Only for "the answer is unknown". The gateway then refuses the request.
#[async_trait]
pub trait RateStore: Send + Sync {
    /// How exact this store is.
    fn consistency(&self) -> Consistency;

    /// Takes every charge, or none.
    async fn reserve(
        &self,
        scope: &Scope,
        id: &RequestId,
        charges: &[Charge],
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Decision, StoreError>;

    /// Corrects the reservation to `actual`, one amount for each charge that it took.
    async fn settle(
        &self,
        scope: &Scope,
        id: &RequestId,
        actual: &[u64],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Gives back everything that the reservation took.
    async fn release(&self, scope: &Scope, id: &RequestId, now: Timestamp) -> Result<(), StoreError>;
}
