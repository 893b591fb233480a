//! Streams against whole texts, and both against a reference that knows no shortcuts.
//!
//! Texts come from a [`grammar`] of near-misses for every rule, engines and policies from [`setting`]. Each [`case`] is decided by
//! the [`reference`](mod@reference), and then cut in many ways: what comes out must be the same, and at every moment as much of it as the
//! shapes of the rules allow.
//!
//! It is here for the project's own tests, for `cargo xtask exactness` and for the fuzz targets, which share it; it is no part of
//! the library.

pub mod case;
mod custom_live;
pub mod cuts;
pub mod dice;
pub mod grammar;
mod live;
mod minimality;
pub mod patterns;
mod pieces;
pub mod reference;
pub mod run;
#[cfg(test)]
mod search;
pub mod setting;
mod shapes;
pub mod targets;
#[cfg(test)]
mod tests;
