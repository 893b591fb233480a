//! What the log asks of a disk or an object store.

use std::sync::Arc;

use async_trait::async_trait;
use workjet_tenant::{Scope, StoreError};

/// How a [`LogStore::create`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Creation {
    /// The object is new, and durable.
    Created,
    /// The object was there with the same bytes: an earlier attempt succeeded after all.
    Identical,
    /// The object is there with other bytes. It was left alone.
    Conflict,
}

/// What a new head must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// A crash of the process. A crash of the machine may bring back an older head, but never a torn one.
    Process,
    /// A crash of the machine too.
    Machine,
}

/// Where one tenant's log lies: immutable objects, a journal, and a head.
///
/// # Contract
/// - The scope's tenant decides which log is meant; logs share nothing.
/// - Paths are `/`-separated, each part of `a-z`, `0-9`, `-` and `_`. Anything else is refused.
/// - `create`, `append_journal` and `reset_journal` are durable when they return `Ok`: fsync'd with their directory,
///   or acknowledged by the object store. An object never changes and is never seen half-written.
/// - One writer at a time per log: an adapter holds a lock (file lock, database row, Durable Object), and the head's
///   compare-and-swap and the journal's length catch whoever gets past it.
/// - A call whose future is dropped has either taken effect before any later call starts, or never does.
///
/// # Errors
/// After an error from a writing method, what is stored is unknown. The log stops; it does not read back and hope.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// Stores an immutable object at `path`.
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError>;

    /// The object at `path`.
    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The head.
    async fn read_head(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces the head if it is still `expected` (`None`: there is none yet), in one step that readers and crashes
    /// cannot see half done. Returns false, changing nothing, if it is not.
    async fn compare_and_swap_head(
        &self,
        scope: &Scope,
        expected: Option<&[u8]>,
        new: &[u8],
        durability: Durability,
    ) -> Result<bool, StoreError>;

    /// Appends to the journal, which must exist and be `at` bytes long.
    ///
    /// # Errors
    /// [`Conflict`](workjet_tenant::ErrorKind::Conflict), with nothing written, if the journal has another length.
    async fn append_journal(&self, scope: &Scope, at: u64, bytes: &[u8]) -> Result<(), StoreError>;

    /// The whole journal, which after a crash may end in a part of the last append.
    async fn read_journal(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces the journal in one step: after a crash it is the old one or the new one.
    async fn reset_journal(&self, scope: &Scope, bytes: &[u8]) -> Result<(), StoreError>;
}

#[async_trait]
impl<S: LogStore + ?Sized> LogStore for Arc<S> {
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        (**self).create(scope, path, bytes).await
    }

    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).read(scope, path).await
    }

    async fn read_head(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).read_head(scope).await
    }

    async fn compare_and_swap_head(
        &self,
        scope: &Scope,
        expected: Option<&[u8]>,
        new: &[u8],
        durability: Durability,
    ) -> Result<bool, StoreError> {
        (**self)
            .compare_and_swap_head(scope, expected, new, durability)
            .await
    }

    async fn append_journal(&self, scope: &Scope, at: u64, bytes: &[u8]) -> Result<(), StoreError> {
        (**self).append_journal(scope, at, bytes).await
    }

    async fn read_journal(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).read_journal(scope).await
    }

    async fn reset_journal(&self, scope: &Scope, bytes: &[u8]) -> Result<(), StoreError> {
        (**self).reset_journal(scope, bytes).await
    }
}

/// Where immutable objects lie, for a [`LogStore`] that keeps its journal and head elsewhere: an object store beside a
/// database.
///
/// # Contract
/// What [`LogStore`] says of `create` and `read`. Paths were checked before. The scope's tenant decides which objects are
/// meant: an implementation puts it in front of the path.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Stores an immutable object at `path`. An object store that reports a conflict may have written nothing: compare.
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError>;

    /// The object at `path`.
    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError>;
}

#[async_trait]
impl<O: Objects + ?Sized> Objects for Arc<O> {
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        (**self).create(scope, path, bytes).await
    }

    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).read(scope, path).await
    }
}
