//! Audit records that commit together with the change they describe.

use async_trait::async_trait;

use crate::{Scope, StoreError};

/// An audit entry on its way into the log, written in the same transaction as the change it describes.
///
/// Opaque here: `workjet-audit` makes and reads the bytes (one entry in canonical JSON).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRecord(String);

impl OutboxRecord {
    /// Wraps one audit entry in canonical JSON.
    pub const fn new(entry: String) -> Self {
        Self(entry)
    }

    /// The entry's canonical JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A record that waits for the log, with its place in the tenant's outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRecord {
    /// Grows with every record of the tenant and is not used twice, also after [`Outbox::forget`]; only a database that was
    /// restored or made anew does so.
    pub sequence: u64,
    /// What to append.
    pub record: OutboxRecord,
}

/// The reading side of the outbox, for the one writer of a tenant's log.
///
/// # Contract
/// Stores put records in (each `&OutboxRecord` argument) atomically with the change. `pending` lists them in
/// order of `sequence`. The log remembers the last sequence it appended, and its newest entries, so a record that is listed
/// again after a crash is not appended twice; `forget` is how it says that it has them all.
///
/// # Errors
/// Only for "the answer is unknown".
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Up to `limit` records after `after`, oldest first.
    async fn pending(
        &self,
        scope: &Scope,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PendingRecord>, StoreError>;

    /// Drops every record up to and including `through`.
    async fn forget(&self, scope: &Scope, through: u64) -> Result<(), StoreError>;
}
