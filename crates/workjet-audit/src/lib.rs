//! An append-only, independently verifiable log.
//!
//! Each tenant has one. An [`Entry`] says who did what and when, in numbers and names, never in anybody's words; its canonical
//! JSON is hashed into a chain, so that one [`Checkpoint`] stands for everything before it. [`AuditSink::append`] returns
//! when the entry would survive a power failure, and there is no method that changes or deletes one.
//!
//! ```
//! # futures_executor::block_on(async {
//! use workjet_audit::{AuditSink, Entry, Kind, Log, MemoryLogStore, Report, verify};
//! use workjet_auth::Operator;
//!
//! let store = MemoryLogStore::new();
//! let log = Log::new(store.clone());
//! let scope = Operator::dangerously_claim().scope(&"acme".parse()?);
//! let now = "2026-11-23T09:30:00Z".parse()?;
//!
//! let entry = Entry::new("e-1", now, scope.tenant().clone(), scope.actor().clone(), Kind::AdminKeyCreated)
//!     .subject("key-7")
//!     .code("ok");
//! let receipt = log.append(&scope, entry).await?;
//! assert_eq!(receipt.index, 0);
//!
//! // Somebody changes what was written.
//! let mut stored = store.stored(scope.tenant());
//! let journal = String::from_utf8(stored.journal.take().unwrap())?;
//! stored.journal = Some(journal.replace("key-7", "key-8").into_bytes());
//! let report = verify(&stored, None, &mut |_| {})?;
//! assert!(matches!(report, Report::Tampered(tampering) if tampering.place == "journal, entry 0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # How it holds
//!
//! - **A journal, then bundles.** Entries go to a journal, which is fsync'd once for all requests that wait (group commit). Every
//!   256 entries it becomes an immutable object, and a new journal begins. A head beside them says how far the log has
//!   come; it follows the journal and never leads it.
//! - **A crash loses nothing that was acknowledged.** What follows the journal's last commit line was acknowledged to nobody and
//!   is cut at start. Anything else that does not fit is corruption, and the log refuses to go on.
//! - **An error stops the log.** When a write fails, what is on the disk is unknown, and reading it back would not tell. Requests are
//!   refused until the process starts anew. Over a database or an object store, where reading does tell, the log may
//!   [read back](Log::with_read_back) and go on.
//! - **Administrative changes are all logged, and as a rule once.** They wait in an [`Outbox`](workjet_tenant::Outbox),
//!   written with the change; the log drains it before each append, remembers in its own journal how far it came, and knows its
//!   newest 256 entries. Where neither is enough (a database restored from a backup, or one that forgets nothing for a long
//!   time) an entry may stand there twice, under one id.
//! - **Every intent gets one outcome.** One that a vanished process left open, or that nobody ended in time, is closed as
//!   `unknown`; whatever else is reported of it later is refused.
//! - **An entry that is sent twice is logged once.** So a log may lie behind a wire that loses replies: see [`remote`].
//!
//! # What it does not do
//!
//! It opens no file: a [`LogStore`] writes and a [`LogReader`] reads. It reads no clock. A chain without signatures shows any
//! change to somebody who remembers a checkpoint, but whoever can write all files can rewrite the whole log; signed checkpoints
//! and a Merkle tree in the C2SP formats are to follow below the same traits.

mod canonical;
mod chain;
mod entry;
mod error;
pub mod export;
mod frame;
mod kind;
mod log;
mod memory;
mod recover;
pub mod remote;
mod sink;
mod store;
mod verify;

pub use chain::Hash;
pub use entry::{
    Attempt, Commitments, Cost, Direction, Entry, Finding, InvalidEntry, MAX_ENTRY_BYTES, MAX_FINDINGS,
    Model, Quality, Tokens, Unscannable,
};
pub use error::{AuditError, ErrorKind};
pub use kind::Kind;
pub use log::{Log, Started};
pub use memory::{Fault, MemoryLogStore, Stored, is_path};
pub use sink::{AuditSink, Checkpoint, InvalidCheckpoint, Logged, Receipt};
pub use store::{Creation, Durability, LogStore, Objects};
pub use verify::{LogReader, Progress, ReadError, Report, Tampering, verify};
