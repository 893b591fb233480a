//! Who owns what.
//!
//! Every store in Workjet takes a [`Scope`]: the proof that somebody was authenticated, for one tenant, with one role.
//! This crate defines it, the ids it is made of, and what is counted per tenant and user: [`Quota`]s and the
//! [`RateStore`] that spends them.
//!
//! ```
//! use std::{num::NonZeroU64, time::Duration};
//!
//! use workjet_tenant::{Charge, Decision, LimitKey, MemoryRates, Quota, RateStore, Scope, StoreError, UserId};
//!
//! # fn some(n: u64) -> NonZeroU64 { NonZeroU64::new(n).expect("not zero") }
//! /// 60 requests a minute, 20 of them at once from rest.
//! async fn may_pass(rates: &MemoryRates, scope: &Scope, user: &UserId, now: jiff::Timestamp) -> Result<bool, StoreError> {
//!     let quota = Quota { limit: some(60), per: Duration::from_secs(60), burst: some(20) };
//!     let charge = Charge { key: LimitKey::user_requests(user), quota, amount: 1 };
//!     let id = "request-1".parse().expect("an id");
//!     let decision = rates.reserve(scope, &id, &[charge], now, Duration::from_secs(300)).await?;
//!     Ok(matches!(decision, Decision::Allow(_)))
//! }
//! ```
//!
//! - [`Scope`], [`Role`], [`Actor`]: who acts where. A scope cannot be made up; `workjet-auth` makes them from verified
//!   credentials.
//! - [`RateStore`] and [`MemoryRates`]: reservations that are settled to what was really used, exact under any number of
//!   parallel callers. The arithmetic alone is in [`gcra`], what any such store decides with it in [`ledger`].
//! - With the feature `remote` (off by default; it brings `serde_json`): a [`RateStore`] that lives elsewhere, behind one
//!   call (`remote`) or in an eventually consistent key-value store (`kv`).
//! - [`TenantStore`], [`OperatorStore`]: tenants and their versioned documents.
//! - [`Outbox`]: audit records that commit together with the change they describe.
//!
//! It knows nothing of credentials, HTTP or SQL, reads no clock (`now` is an argument) and builds for wasm32.

mod error;
pub mod gcra;
mod id;
#[cfg(feature = "remote")]
pub mod kv;
pub mod ledger;
mod memory;
mod outbox;
mod quota;
#[cfg(feature = "remote")]
pub mod remote;
mod scope;
mod store;

pub use error::{ErrorKind, StoreError};
pub use id::{InvalidId, KeyId, RequestId, SessionId, TenantId, UserId};
pub use memory::{MemoryRates, MemoryTenants};
pub use outbox::{Outbox, OutboxRecord, PendingRecord};
pub use quota::{Charge, Decision, LimitKey, Quota, Standing};
pub use scope::{Actor, Role, Scope, UnknownRole};
pub use store::{Consistency, Document, OperatorStore, RateStore, Tenant, TenantStore};
