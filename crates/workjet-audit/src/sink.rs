//! What the gateway sees of the log.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use workjet_tenant::{Scope, TenantId};

use crate::chain::Hash;
use crate::{AuditError, Entry};

/// Takes entries, for good. There is no update and no delete.
///
/// # Contract
/// - When `append` returns `Ok`, the entry survives a crash of the process and of the machine.
/// - Each entry gets the next index of the scope's tenant's log; an index is never used twice.
/// - Appends may share one flush; an entry whose `append` was given up half-way is logged whole or not at all.
/// - The entry's tenant is the scope's.
/// - The same entry sent again, because the answer was lost, is not logged again but gets the receipt of the first time; for how
///   long is the sink's to say, but as one of the last 256 entries at least.
/// - A request has one intent and one outcome. An outcome without an open intent is [`Invalid`](crate::ErrorKind::Invalid), and
///   so is an intent while one is open.
///
/// # Errors
/// The caller must refuse whatever the entry was about; the entry may nevertheless be in the log. After [`Stopped`](crate::ErrorKind::Stopped) every later call
/// for the tenant fails alike.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Logs `entry` and returns its place, once it is durable.
    async fn append(&self, scope: &Scope, entry: Entry) -> Result<Receipt, AuditError>;

    /// The size and hash of the scope's log, as far as it is durable.
    async fn checkpoint(&self, scope: &Scope) -> Result<Checkpoint, AuditError>;

    /// Up to `limit` durable entries from index `from` on, in order; fewer only at the end of the log, or when `limit`
    /// exceeds what the sink hands out at once (at least 256).
    async fn read(&self, scope: &Scope, from: u64, limit: usize) -> Result<Vec<Logged>, AuditError>;
}

/// Where an entry went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which log: one per tenant.
    pub log: TenantId,
    /// Which place in it, from 0.
    pub index: u64,
}

/// An entry and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place, from 0.
    pub index: u64,
    /// What was logged.
    pub entry: Entry,
}

/// A log's state in two words: remember it, and any later change to the first `size` entries shows.
///
/// As text: `<size> <hash in hex>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many entries there are.
    pub size: u64,
    /// The chain's hash over all of them.
    pub hash: Hash,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.size, self.hash)
    }
}

/// The text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: expected the log's size, a space and 64 hex digits")]
pub struct InvalidCheckpoint;

impl FromStr for Checkpoint {
    type Err = InvalidCheckpoint;

    fn from_str(text: &str) -> Result<Self, InvalidCheckpoint> {
        let (size, hash) = text.trim().split_once(' ').ok_or(InvalidCheckpoint)?;
        Ok(Self {
            size: size.parse().map_err(|_| InvalidCheckpoint)?,
            hash: Hash::from_hex(hash).ok_or(InvalidCheckpoint)?,
        })
    }
}
