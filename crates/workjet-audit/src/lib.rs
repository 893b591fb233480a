//! An append-only, independently verifiable log.

mod canonical;
mod chain;
mod entry;
mod error;
pub mod export;
mod frame;
mod log;
mod memory;
mod recover;
mod sink;
mod store;
mod verify;

pub use chain::Hash;
pub use entry::{
    Attempt, Commitments, Cost, Direction, Entry, Finding, InvalidEntry, Kind, MAX_ENTRY_BYTES, MAX_FINDINGS,
    Model, Quality, Tokens, Unscannable,
};
pub use error::{AuditError, ErrorKind};
pub use log::{Log, Started};
pub use memory::{Fault, MemoryLogStore, Stored, is_path};
pub use sink::{AuditSink, Checkpoint, InvalidCheckpoint, Logged, Receipt};
pub use store::{Creation, Durability, LogStore};
pub use verify::{LogReader, Progress, ReadError, Report, Tampering, verify};
