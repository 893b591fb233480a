//! Does your store keep its promises?
//!
//! One suite for each store trait. Give it an empty store; it returns if every contract holds, and panics with a
//! sentence that says which does not. Suites are plain async functions that need no runtime of their own, so they run
//! wherever the store does, under `workerd` too.
//!
//! ```
//! use workjet_tenant::MemoryRates;
//!
//! # async fn test() {
//! workjet_conformance::rate_store(&MemoryRates::new()).await; // yours instead
//! # }
//! ```
//!
//! What no suite can see: whether a store is durable, and whether it is slow.

mod api_keys;
mod audit_sink;
mod log_store;
mod login_links;
mod outbox;
mod rates;
mod secrets;
mod sessions;
mod stage;
mod tenants;
mod users;

pub use api_keys::api_key_store;
pub use audit_sink::audit_sink;
pub use log_store::log_store;
pub use login_links::login_link_store;
pub use outbox::outbox;
pub use rates::{rate_store, rate_store_in_turn};
pub use secrets::secret_store;
pub use sessions::session_store;
pub use stage::Stage;
pub use tenants::tenant_store;
pub use users::user_store;
