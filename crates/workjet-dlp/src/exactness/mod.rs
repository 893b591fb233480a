//! Streams against whole texts, and both against a reference that knows no shortcuts.
//!
//! Texts come from a grammar of near-misses: [`pieces`] that match, pieces that almost do, and what joins and breaks them.

mod pieces;
mod reference;
mod search;
mod setting;
mod stream;
mod tests;
