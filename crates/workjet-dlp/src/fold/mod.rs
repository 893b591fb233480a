//! Seeing through disguises: the folded view of a text.
//!
//! A number in full-width digits, an `@` that is percent-encoded, a zero-width space within a key: to a reader or a program
//! they are what they stand for. So the rules are asked about two texts, the one that is there and the one that it stands
//! for, and what they find in the second is mapped back to the bytes of the first.

mod encoded;
mod letters;
mod sight;
mod text;
mod unit;
mod view;

pub(crate) use sight::{Course, Sight};
#[cfg(test)]
mod tests;
