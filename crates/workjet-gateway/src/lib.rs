//! The pipeline of a secure AI gateway, written once for every home.
//!
//! (Essay in the making.)

pub mod admin;
mod admit;
mod authenticate;
mod cleared;
pub mod config;
pub mod core;
pub mod coverage;
mod dispatch;
mod findings;
pub mod host;
mod http;
mod inspect;
mod metrics;
mod outlet;
pub mod pipeline;
mod receive;
mod record;
mod refusal;
pub mod release;

pub use crate::cleared::Cleared;
pub use crate::core::{Core, CoreOptions};
pub use crate::host::Host;
pub use crate::http::router;
pub use crate::pipeline::{Admitted, Authenticated, Inspected, Recorded};
pub use crate::record::ProviderCall;
pub use crate::refusal::Refusal;
