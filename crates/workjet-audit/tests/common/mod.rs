//! What the tests share: a tenant, its entries, and an outbox in memory.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Mutex;
use std::task::Poll;

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_audit::{Creation, Durability, Entry, Kind, LogStore, MemoryLogStore, Report, verify};
use workjet_auth::Operator;
use workjet_tenant::{Outbox, OutboxRecord, PendingRecord, RequestId, Scope, StoreError};

pub(crate) fn scope() -> Scope {
    Operator::dangerously_claim().scope(&"acme".parse().expect("an id"))
}

pub(crate) fn now() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().expect("a time")
}

pub(crate) fn entry(id: impl Into<String>, kind: Kind) -> Entry {
    let scope = scope();
    Entry::new(id, now(), scope.tenant().clone(), scope.actor().clone(), kind)
}

pub(crate) fn request(n: u64) -> RequestId {
    format!("r-{n}").parse().expect("an id")
}

pub(crate) fn intent(n: u64) -> Entry {
    entry(format!("i-{n}"), Kind::AiIntent).request(&request(n))
}

pub(crate) fn outcome(n: u64) -> Entry {
    entry(format!("o-{n}"), Kind::AiOutcome)
        .request(&request(n))
        .code("ok")
}

/// The ids of all entries, in order, as they are stored.
pub(crate) fn ids(store: &MemoryLogStore) -> Vec<String> {
    let mut out = Vec::new();
    let stored = store.stored(scope().tenant());
    workjet_audit::export::jsonl(&stored, &Default::default(), &mut out, &mut |_| {}).expect("a sound log");
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    let id = |line: &str| {
        line.split("\"id\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .map(str::to_owned)
    };
    text.lines()
        .map(|line| id(line).expect("an entry has an id"))
        .collect()
}

pub(crate) fn report(store: &MemoryLogStore) -> Report {
    verify(&store.stored(scope().tenant()), None, &mut |_| {}).expect("there is a log")
}

#[track_caller]
pub(crate) fn assert_sound(store: &MemoryLogStore, size: u64) {
    match report(store) {
        Report::Sound { checkpoint, .. } => assert_eq!(checkpoint.size, size),
        Report::Tampered(tampering) => panic!("{tampering}"),
    }
}

/// An outbox in memory that never forgets, as if each crash came before that.
#[derive(Debug, Default)]
pub(crate) struct Records(Mutex<Vec<PendingRecord>>);

impl Records {
    pub(crate) fn put(&self, entry: &Entry) {
        let mut records = self.0.lock().expect("no panic");
        let sequence = records.len() as u64 + 1;
        records.push(PendingRecord {
            sequence,
            record: entry.to_outbox(),
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        let needle = format!("\"id\":\"{id}\"");
        self.0
            .lock()
            .expect("no panic")
            .iter()
            .any(|record| record.record.as_str().contains(&needle))
    }

    /// An outbox of its own with the first `n` records.
    pub(crate) fn first(&self, n: usize) -> Self {
        Self(Mutex::new(self.0.lock().expect("no panic")[..n].to_vec()))
    }

    pub(crate) fn clear(&self) {
        self.0.lock().expect("no panic").clear();
    }

    pub(crate) fn put_text(&self, text: &str) {
        let mut records = self.0.lock().expect("no panic");
        let sequence = records.len() as u64 + 1;
        records.push(PendingRecord {
            sequence,
            record: OutboxRecord::new(text.to_owned()),
        });
    }
}

#[async_trait]
impl Outbox for Records {
    async fn pending(&self, _: &Scope, after: u64, limit: usize) -> Result<Vec<PendingRecord>, StoreError> {
        let records = self.0.lock().expect("no panic");
        Ok(records
            .iter()
            .filter(|record| record.sequence > after)
            .take(limit)
            .cloned()
            .collect())
    }

    async fn forget(&self, _: &Scope, _: u64) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A store that answers only when it is polled again, so that futures meet in the middle of a write.
#[derive(Debug, Clone)]
pub(crate) struct Slow(pub(crate) MemoryLogStore);

/// Lets every other future that is ready run first.
async fn pause() {
    let mut is_ready = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut is_ready, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl LogStore for Slow {
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        pause().await;
        let result = self.0.create(scope, path, bytes).await;
        pause().await;
        result
    }

    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        pause().await;
        self.0.read(scope, path).await
    }

    async fn read_head(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        pause().await;
        self.0.read_head(scope).await
    }

    async fn compare_and_swap_head(
        &self,
        scope: &Scope,
        expected: Option<&[u8]>,
        new: &[u8],
        durability: Durability,
    ) -> Result<bool, StoreError> {
        pause().await;
        let result = self
            .0
            .compare_and_swap_head(scope, expected, new, durability)
            .await;
        pause().await;
        result
    }

    async fn append_journal(&self, scope: &Scope, at: u64, bytes: &[u8]) -> Result<(), StoreError> {
        pause().await;
        let result = self.0.append_journal(scope, at, bytes).await;
        pause().await;
        result
    }

    async fn read_journal(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        pause().await;
        self.0.read_journal(scope).await
    }

    async fn reset_journal(&self, scope: &Scope, bytes: &[u8]) -> Result<(), StoreError> {
        pause().await;
        let result = self.0.reset_journal(scope, bytes).await;
        pause().await;
        result
    }
}
