//! The self-hosted gateway: hyper, rustls, SQLite and files around `workjet-gateway`.
//!
//! Being built; see the modules.

pub mod log_files;
pub mod sqlite;
pub mod tls;

mod private_file;
