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
pub mod memory;
mod metrics;
mod outlet;
pub mod pipeline;
mod receive;
mod record;
mod refusal;
pub mod release;

pub use crate::cleared::Cleared;
pub use crate::config::{Config, ConfigError};
pub use crate::core::{Core, CoreOptions, DEFAULT_TENANT, Provider, Settings, Timeouts};
pub use crate::host::{
    Clock, Entropy, Health, Host, PasswordHasher, RemoteAddress, Spawner, Task, Upstream, UpstreamError, UpstreamReply,
};
pub use crate::http::router;
pub use crate::pipeline::{Admitted, Authenticated, Inspected, Recorded};
pub use crate::record::ProviderCall;
pub use crate::refusal::Refusal;
