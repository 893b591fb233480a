//! A log store in memory, with faults on demand.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use workjet_tenant::{ErrorKind, Scope, StoreError, TenantId};

use crate::{Creation, Durability, LogReader, LogStore};

/// Keeps logs in memory, for tests and demonstrations. Clones share one memory.
///
/// It can also fail like a disk does: [`fail_at`](Self::fail_at) lets one of the next writes go wrong and everything after it
/// fail, until [`mend`](Self::mend) lets it go on or [`restart`](Self::restart) brings back what a machine would find.
#[derive(Debug, Clone, Default)]
pub struct MemoryLogStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    logs: BTreeMap<TenantId, Stored>,
    writes: u64,
    fault: Option<(u64, Fault)>,
    is_down: bool,
}

/// One tenant's log as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The immutable objects, by path.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// The journal.
    pub journal: Option<Vec<u8>>,
    /// The head as the process sees it.
    pub head: Option<Vec<u8>>,
    /// The head as it survives a failure of the machine.
    pub durable_head: Option<Vec<u8>>,
}

/// How a write goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Before anything is written.
    Before,
    /// With a part of an append written, in percent; other writes are all or nothing.
    Torn(u8),
    /// With an append's first part lost and zeros in its place, as when pages reach the disk out of order.
    Holes,
    /// After everything is written, but the answer is lost.
    After,
}

impl MemoryLogStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the `n`th write from now on (from 0) go wrong, and all calls after it fail.
    pub fn fail_at(&self, n: u64, fault: Fault) {
        let mut state = self.lock();
        state.fault = Some((state.writes + n, fault));
    }

    /// Lets calls succeed again, as when a network comes back.
    pub fn mend(&self) {
        self.lock().is_down = false;
    }

    /// How many writes there were.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// What is there after a crash, in a memory of its own: of the process, or (`machine`) of the machine, which takes with it
    /// heads that were not yet on the disk.
    #[must_use]
    pub fn restart(&self, machine: bool) -> Self {
        let mut logs = self.lock().logs.clone();
        if machine {
            logs.values_mut()
                .for_each(|log| log.head.clone_from(&log.durable_head));
        }
        Self {
            state: Arc::new(Mutex::new(State {
                logs,
                ..State::default()
            })),
        }
    }

    /// A tenant's log as it is stored.
    pub fn stored(&self, tenant: &TenantId) -> Stored {
        self.lock().logs.get(tenant).cloned().unwrap_or_default()
    }

    /// Replaces a tenant's log, as somebody with access to the disk could.
    pub fn tamper(&self, tenant: &TenantId, stored: Stored) {
        self.lock().logs.insert(tenant.clone(), stored);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_log<T>(&self, scope: &Scope, read: impl FnOnce(&Stored) -> T) -> Result<T, StoreError> {
        let mut state = self.lock();
        if state.is_down {
            return Err(StoreError::unavailable("the memory store was told to fail"));
        }
        Ok(read(state.logs.entry(scope.tenant().clone()).or_default()))
    }

    fn write_log<T>(
        &self,
        scope: &Scope,
        write: impl FnOnce(&mut Stored, Option<Fault>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.lock();
        let failure = || StoreError::unavailable("the memory store was told to fail");
        if state.is_down {
            return Err(failure());
        }
        let number = state.writes;
        state.writes += 1;
        let fault = state
            .fault
            .filter(|(at, _)| *at == number)
            .map(|(_, fault)| fault);
        state.is_down = fault.is_some();
        let log = state.logs.entry(scope.tenant().clone()).or_default();
        match fault {
            None => write(log, None),
            Some(Fault::Before) => Err(failure()),
            Some(fault) => write(log, Some(fault)).and(Err(failure())),
        }
    }
}

#[async_trait]
impl LogStore for MemoryLogStore {
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        if !is_path(path) {
            return Err(StoreError::new(
                ErrorKind::Corrupt,
                "not a path of a log's object",
            ));
        }
        self.write_log(scope, |log, fault| {
            if matches!(fault, Some(Fault::Torn(_) | Fault::Holes)) {
                return Ok(Creation::Created);
            }
            if let Some(there) = log.objects.get(path) {
                return Ok(if there == bytes {
                    Creation::Identical
                } else {
                    Creation::Conflict
                });
            }
            log.objects.insert(path.to_owned(), bytes.to_vec());
            Ok(Creation::Created)
        })
    }

    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_log(scope, |log| log.objects.get(path).cloned())
    }

    async fn read_head(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_log(scope, |log| log.head.clone())
    }

    async fn compare_and_swap_head(
        &self,
        scope: &Scope,
        expected: Option<&[u8]>,
        new: &[u8],
        durability: Durability,
    ) -> Result<bool, StoreError> {
        self.write_log(scope, |log, fault| {
            if log.head.as_deref() != expected {
                return Ok(false);
            }
            if matches!(fault, Some(Fault::Torn(_) | Fault::Holes)) {
                return Ok(true);
            }
            log.head = Some(new.to_vec());
            if durability == Durability::Machine {
                log.durable_head.clone_from(&log.head);
            }
            Ok(true)
        })
    }

    async fn append_journal(&self, scope: &Scope, at: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.write_log(scope, |log, fault| {
            let Some(journal) = log.journal.as_mut().filter(|journal| journal.len() as u64 == at) else {
                return Err(StoreError::new(
                    ErrorKind::Conflict,
                    "the journal is not where it was left",
                ));
            };
            match fault {
                Some(Fault::Torn(percent)) => {
                    journal.extend_from_slice(&bytes[..bytes.len() * usize::from(percent.min(100)) / 100]);
                }
                Some(Fault::Holes) => {
                    let lost = bytes.len() / 2;
                    journal.extend(std::iter::repeat_n(0, lost).chain(bytes[lost..].iter().copied()));
                }
                _ => journal.extend_from_slice(bytes),
            }
            Ok(())
        })
    }

    async fn read_journal(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_log(scope, |log| log.journal.clone())
    }

    async fn reset_journal(&self, scope: &Scope, bytes: &[u8]) -> Result<(), StoreError> {
        self.write_log(scope, |log, fault| {
            if !matches!(fault, Some(Fault::Torn(_) | Fault::Holes)) {
                log.journal = Some(bytes.to_vec());
            }
            Ok(())
        })
    }
}

impl LogReader for Stored {
    fn head(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.head.clone())
    }

    fn journal(&self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        Ok(self.journal.as_deref().map(|bytes| Box::new(bytes) as _))
    }

    fn object(&self, path: &str) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        Ok(self
            .objects
            .get(path)
            .map(|bytes| Box::new(bytes.as_slice()) as _))
    }
}

/// Whether `path` may name an object of a log: parts of `a-z`, `0-9`, `-` and `_`, separated by `/`. So no `..`, no absolute path,
/// and nothing that a file system or an object store reads in a way of its own.
pub fn is_path(path: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    path.len() <= 256 && path.split('/').all(is_part)
}
