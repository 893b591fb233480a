//! Seeing through disguises: the folded view of a text.
//!
//! A number in full-width digits, an `@` that is percent-encoded, a zero-width space within a key: to a reader or a program
//! they are what they stand for. So the rules are asked about two texts, the one that is there and the one that it stands
//! for, and what they find in the second is mapped back to the bytes of the first.
//!
//! # What folds
//!
//! * Decimal digits of all scripts; letters, digits and signs in wide, small, mathematical, circled, raised or lowered form.
//! * Spaces of other widths. Hyphens; dashes only after a digit or a parenthesis, for in prose they separate clauses, and
//!   `ask me—bob@example.com` holds no address of `me-bob`.
//! * What does not show: at most two such characters between two others. A third stays, so that a folded text is never much
//!   shorter than its original.
//! * `%40`, also of UTF-8, and of signs that were encoded up to three times; `\u0040`, pairs of surrogates, `\/`, and any of
//!   them after up to four backslashes, as in JSON within JSON.
//!
//! Not: letters of other alphabets that look alike, HTML entities, escapes of other languages, the commas and semicolons of
//! Chinese, nor `。`, which would make a sentence after an address part of it.
//!
//! # Both views at once
//!
//! [`Sight`] asks both views. The leftmost start wins, counted in the original; at one start the earlier rule; and where one
//! rule matches in both views, the match is as long as the longer of the two, with all that runs on in either: nothing that
//! the text itself shows is lost by folding it. After a match both views go on at its end. Look-behind, boundaries and
//! allow-lists are those of the view that a match is in.
//!
//! The folded text depends on the text alone, not on matches or chunks, so a stream equals its whole for the same reason as
//! with one view. What must not be asked for is too long a wait: a match may take at most four times as many bytes of the
//! original as the longest rule takes at all, in whole texts as in streams. Where that may matter (a view knows from the
//! distances of its edits), every place is asked with just as much in sight.
//!
//! # What it costs
//!
//! Most texts have nothing to fold, and a pass over them that compares bytes says so. Where there is something, the view covers
//! it and as much around it as a rule can see, and closes again. A view is folded a few kilobytes at a time, and forgets what
//! it has decided.

mod encoded;
mod letters;
mod plain;
mod sight;
#[cfg(test)]
mod tests;
mod text;
mod twice;
mod unit;
mod view;

use std::borrow::Cow;

pub(crate) use sight::{Course, Sight};

/// What a whole text stands for.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if plain::find(text.as_bytes(), 0, true).is_none() {
        return Cow::Borrowed(text);
    }
    let mut folded = text::Folded::default();
    folded.take(text.as_bytes(), true);
    Cow::Owned(String::from_utf8_lossy(&folded.bytes).into_owned())
}
