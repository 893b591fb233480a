//! The pipeline of a secure AI gateway, written once for every home.
//!
//! A client speaks OpenAI's or Anthropic's API to the gateway. The gateway finds out who it is, takes the request from
//! their quota, looks for sensitive text and takes it out, writes down in a durable log what it is about to do, asks the
//! provider, and looks through the reply on its way back:
//!
//! ```text
//! authenticate → admit → inspect → record intent → dispatch → release
//! ```
//! [`pipeline`] reads in this order. Each stage takes what the one before it made and nothing else, so that a request
//! which skipped one does not compile: an [`Upstream`] takes only a [`Recorded`] call, and a client's reply is made of
//! [`Cleared`] pieces.
//!
//! The crate does not know where it runs. It opens no socket, reads no clock and starts no thread; whoever serves it
//! brings a [`Host`] with all of that, and a [`Core`] with what is expensive to make. It builds for
//! `wasm32-unknown-unknown`.
//!
//! # Example
//!
//! The whole gateway in memory, with the built-in demo provider, which replies with what a provider would have received:
//!
//! ```
//! # use std::sync::Arc;
//! # use std::time::Duration;
//! # use axum::body::Body;
//! # use http_body_util::BodyExt;
//! # use tower::ServiceExt;
//! use workjet_gateway::memory::MemoryHost;
//! use workjet_gateway::{Clock, Core, CoreOptions, Settings, Spawner, Task};
//! # use workjet_auth::Operator;
//! # use workjet_tenant::Role;
//!
//! struct Tokio; // time and tasks, from whichever runtime there is
//!
//! impl Spawner for Tokio {
//!     fn spawn(&self, task: Task) {
//!         tokio::spawn(task);
//!     }
//! }
//!
//! #[async_trait::async_trait]
//! impl Clock for Tokio {
//!     fn now(&self) -> jiff::Timestamp {
//!         "2026-11-23T09:30:00Z".parse().expect("a timestamp")
//!     }
//!     async fn sleep(&self, duration: Duration) {
//!         tokio::time::sleep(duration).await;
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let home = MemoryHost::new(Operator::dangerously_claim(), Arc::new(Tokio), Arc::new(Tokio));
//! let tenant = home.tenant("default").await?;
//! let ada = home.user(&tenant, "ada@example.com", Role::Member, None).await?;
//! let key = home.key(&ada).await?;
//!
//! let core = Core::new(CoreOptions::new(Settings::demo(), [0; 32]));
//! let router = workjet_gateway::router(Arc::new(core), home.host());
//!
//! let body = r#"{"model": "any", "messages": [{"role": "user", "content": "I pay with 4111 1111 1111 1111"}]}"#;
//! let request = http::Request::post("/v1/chat/completions")
//!     .header("authorization", format!("Bearer {}", key.expose()))
//!     .body(Body::from(body))?;
//! let reply = router.oneshot(request).await?;
//! assert_eq!(reply.headers()["x-workjet-dlp"], "request=credit_card:redact*1");
//! let reply: serde_json::Value = serde_json::from_slice(&reply.into_body().collect().await?.to_bytes())?;
//! assert_eq!(reply["choices"][0]["message"]["content"], "I pay with [REDACTED:credit_card]");
//! assert_eq!(home.entries(&tenant).await?.last().expect("an entry").code.as_deref(), Some("ok"));
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - **Nothing unlogged.** The intent to send a request is durable before it is sent, its outcome before the client has
//!   the end of the reply; if either cannot be written, the client gets an error instead. Every intent gets exactly one
//!   outcome, also when the client hangs up or the provider dies.
//! - **Nothing unscanned.** Every string of a request or reply is looked at in its place ([`coverage`]); what cannot be
//!   looked at is refused, unless the policy says otherwise.
//! - **Nothing unknown.** A store that does not answer, a body that does not parse, a model that nobody configured: a
//!   refusal with a clear error, in the dialect of the client.
//! - **Nothing said twice.** Secrets and matched text stand in no log, error, metric or `Debug` output.
//!
//! # What it leaves out
//!
//! TLS, sockets and files are the adapters'; SQL is `workjet-sql`'s; what the dialects look like on the wire is
//! `workjet-router`'s, and what sensitive text looks like is `workjet-dlp`'s.

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
mod ids;
mod inspect;
pub mod memory;
mod metrics;
mod misconfigured;
mod outlet;
pub mod pipeline;
mod receive;
mod record;
mod refusal;
pub mod release;
pub mod secrets;
mod time;
pub mod upkeep;

pub use crate::cleared::Cleared;
pub use crate::config::{Config, ConfigError};
pub use crate::core::{Core, CoreOptions, DEFAULT_TENANT, Provider, Settings, Timeouts, default_tenant};
pub use crate::host::{
    Clock, Entropy, Health, Host, NoPasswords, PasswordHasher, RemoteAddress, Spawner, Task, Upstream,
    UpstreamError, UpstreamReply,
};
pub use crate::http::router;
pub use crate::ids::entry_id;
pub use crate::misconfigured::misconfigured;
pub use crate::pipeline::{Admitted, Authenticated, Inspected, Recorded};
pub use crate::record::ProviderCall;
pub use crate::refusal::Refusal;
