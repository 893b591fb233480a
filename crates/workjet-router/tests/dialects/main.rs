//! The dialects, tested from outside through what providers send and clients write (`testdata/`).
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod assemble;
mod demo;
mod fixtures;
mod known_errors;
mod mangled;
mod refusals;
mod replies;
mod requests;
mod said;
mod sse;
mod streams;
