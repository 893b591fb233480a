//! The pipeline of a secure AI gateway, written once for every home.
//!
//! (Essay in the making.)

mod admin;
mod config;
pub mod coverage;
pub mod release;
