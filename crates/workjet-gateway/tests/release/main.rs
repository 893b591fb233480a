//! What leaves the gateway in either direction: the coverage map and the release of replies.

#![allow(clippy::unwrap_used)]

mod client;
mod coverage;
mod properties;
mod streams;
mod tokens;
