//! Who owns what.
//!
//! Every store in Workjet takes a [`Scope`]: the proof that somebody was authenticated, for one tenant, with one role.
//! This crate defines it, the ids it is made of, and what is counted per tenant and user: [`Quota`]s and the
//! [`RateStore`] that spends them.
//!
//! It knows nothing of credentials, HTTP or SQL, reads no clock (`now` is an argument) and builds for wasm32.

mod error;
pub mod gcra;
mod id;
mod memory;
mod outbox;
mod quota;
mod scope;
mod store;

pub use error::{ErrorKind, StoreError};
pub use id::{InvalidId, KeyId, RequestId, SessionId, TenantId, UserId};
pub use memory::{MemoryRates, MemoryTenants};
pub use outbox::{Outbox, OutboxRecord, PendingRecord};
pub use quota::{Charge, Decision, LimitKey, Quota, Standing};
pub use scope::{Actor, Role, Scope, UnknownRole};
pub use store::{Consistency, Document, OperatorStore, RateStore, Tenant, TenantStore};
