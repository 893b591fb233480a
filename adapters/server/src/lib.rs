//! The self-hosted gateway: hyper, rustls, SQLite and files around `workjet-gateway`.
//!
//! The binary `workjet` is this library behind a command line. To run a gateway inside a program of your own, or with a
//! store of your own, leave out the default feature `cli` (and with it clap, progress bars and the folder walker):
//!
//! ```no_run
//! use workjet_server::{Config, Server};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::from_toml(r#"listen = "127.0.0.1:8787""#, "my.toml")?;
//! let server = Server::builder(config).start().await?;
//! if let Some(first) = server.first_start() {
//!     println!("the first key, shown once: {}", first.key.expose());
//! }
//! println!("serving at {}", server.url());
//! server.run(async { tokio::signal::ctrl_c().await.expect("a signal handler") }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything here is a binding: no policy, no wire format, no decision. Those are `workjet-gateway`'s, which serves the
//! same paths and bodies on Cloudflare Workers.

#[cfg(feature = "cli")]
pub mod cli;
pub mod log_files;
pub mod sqlite;
pub mod tls;

mod data;
mod error;
mod host;
mod key_file;
mod listener;
mod places;
mod private_file;
mod server;
mod upkeep;
mod upstream;

pub use data::{DataFolder, Store};
pub use error::StartError;
pub use host::{Passwords, SystemClock, SystemEntropy};
pub use server::{Server, ServerBuilder};
pub use upstream::HyperUpstream;
pub use workjet_gateway::{Config, ConfigError};
