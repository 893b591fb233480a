//! Workjet's stores in SQL, for whichever SQLite answers.
//!
//! [`SqlStore`] implements every store of `workjet-auth` and `workjet-tenant` over one small trait, [`Database`]: ask
//! something, or change several things at once or none. SQLite in a file and Cloudflare's D1 bind it with a few lines
//! each, so they share every statement, migration and row mapping.
//!
//! D1 sets the rules: no interactive transactions (whoever needs a condition writes it into the statement), no integer
//! above 2^53, no bytes (hexadecimal text instead).
//!
//! # How a change and its audit record commit together
//! A batch first puts the record into the outbox *if the change's condition holds*, and then makes the change under the
//! same condition. Nothing runs in between, so both happen or neither:
//!
//! ```sql
//! INSERT INTO outbox (tenant, entry) SELECT ?1, ?3 WHERE EXISTS (SELECT 1 FROM api_keys WHERE tenant = ?1 AND …);
//! UPDATE api_keys SET revoked = ?3 WHERE tenant = ?1 AND … RETURNING id;
//! ```
//!
//! # Beside the main schema
//! [`SqlLog`] keeps the part of an audit log that changes, and [`SqlRates`] counts rate limits. Both are for a database
//! that one object has to itself, and bring it up to a small schema of their own.
//!
//! It knows nothing of HTTP, reads no clock and builds for wasm32.

mod api_keys;
mod database;
mod log;
mod login_links;
mod migrate;
mod outbox;
mod packed;
mod rates;
mod secrets;
mod sessions;
mod store;
mod tenants;
mod users;

pub use database::{Database, Row, Statement, Value, classify};
pub use log::SqlLog;
pub use migrate::SCHEMA_VERSION;
pub use rates::SqlRates;
pub use store::SqlStore;
