//! Puts values back where their tokens stand, in whole texts and in streams.
//!
//! Nothing but a token of the same vault, letter by letter, becomes a value: not one in other letters, not one of the same shape
//! that a model made up. In JSON a letter may be written as an escape, `\u005b` for the bracket; parsers see no difference,
//! so it makes none here.

mod form;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use zeroize::Zeroizing;

pub(crate) use self::form::Form;
use self::form::Letter;

/// Puts values back in a stream. Made by [`Vault::restorer`](crate::Vault::restorer) and
/// [`Vault::json_restorer`](crate::Vault::json_restorer); clones share the values.
///
/// However the text is cut, what is written is what [`Vault::restore`](crate::Vault::restore) makes of the whole. What may
/// be the beginning of one of the vault's own tokens is held back, and nothing else.
///
/// ```
/// use workjet_dlp::{Action, Engine, Policy, Vault};
///
/// let mut vault = Vault::new([7; 32]);
/// let policy = Policy::all(Action::Tokenize);
/// let token = Engine::standard().tokenize("bob@example.com", &policy, &mut vault).text;
///
/// let mut restorer = vault.restorer();
/// let mut out = String::new();
/// restorer.push("I wrote to ", &mut out);
/// restorer.push(&token[..9], &mut out);
/// assert_eq!(out, "I wrote to ");
/// restorer.push(&token[9..], &mut out);
/// restorer.finish(&mut out);
/// assert_eq!(out, "I wrote to bob@example.com");
/// ```
#[derive(Clone)]
pub struct Restorer {
    tokens: Arc<Tokens>,
    form: Form,
    held: String,
}

impl Restorer {
    pub(crate) fn new(tokens: Arc<Tokens>, form: Form) -> Self {
        Self {
            tokens,
            form,
            held: String::new(),
        }
    }

    /// Takes the next piece of text and appends to `out` what can leave.
    pub fn push(&mut self, chunk: &str, out: &mut String) {
        self.advance(chunk, false, out);
    }

    /// Ends the text: what was held back was no token.
    pub fn finish(mut self, out: &mut String) {
        self.advance("", true, out);
    }

    /// Bytes that are held back at the moment.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    fn advance(&mut self, chunk: &str, last: bool, out: &mut String) {
        if self.held.is_empty() {
            let decided = self.tokens.restore_into(chunk, self.form, last, out);
            self.held.push_str(&chunk[decided..]);
        } else {
            self.held.push_str(chunk);
            let decided = self.tokens.restore_into(&self.held, self.form, last, out);
            self.held.drain(..decided);
        }
    }
}

impl fmt::Debug for Restorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restorer")
            .field("held_bytes", &self.held.len())
            .finish_non_exhaustive()
    }
}

/// The tokens issued so far, and what they stand for. Values are overwritten when they are dropped.
#[derive(Clone, Default)]
pub(crate) struct Tokens {
    values: BTreeMap<Box<str>, Zeroizing<String>>,
    /// Letters of the longest token.
    longest: usize,
}

impl Tokens {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(crate) fn get(&self, token: &str) -> Option<&str> {
        self.values.get(token).map(|value| value.as_str())
    }

    pub(crate) fn insert(&mut self, token: &str, value: &str) {
        self.longest = self.longest.max(token.len());
        self.values.insert(token.into(), Zeroizing::new(value.to_owned()));
    }

    pub(crate) fn restore<'t>(&self, text: &'t str, form: Form) -> Cow<'t, str> {
        if self.is_empty() || !text.contains(form.marks()) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        self.restore_into(text, form, true, &mut out);
        if out == text {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(out)
        }
    }

    /// Restores what can be decided and returns how much of the text that is. `last` says that no more follows.
    fn restore_into(&self, text: &str, form: Form, last: bool, out: &mut String) -> usize {
        if self.is_empty() {
            out.push_str(text);
            return text.len();
        }
        let mut at = 0;
        while let Some(passed) = text[at..].find(form.marks()) {
            out.push_str(&text[at..at + passed]);
            at += passed;
            let rest = &text[at..];
            at += match self.read(rest, form) {
                Read::Token { length, value } => {
                    form.write(value, out);
                    length
                }
                Read::Cut if !last => return at,
                Read::Cut | Read::Other => {
                    // The letter after a backslash belongs to it: that of `\\` begins no escape.
                    let letters = if rest.starts_with('\\') { 2 } else { 1 };
                    let length = rest.chars().take(letters).map(char::len_utf8).sum();
                    out.push_str(&rest[..length]);
                    length
                }
            };
        }
        out.push_str(&text[at..]);
        text.len()
    }

    /// What stands at a bracket, or at an escape that may be one.
    fn read(&self, text: &str, form: Form) -> Read<'_> {
        let mut token = String::new();
        let mut at = 0;
        while token.len() < self.longest {
            match form.letter(&text.as_bytes()[at..]) {
                Letter::Is(letter, length) => {
                    token.push(char::from(letter));
                    at += length;
                }
                Letter::Cut if self.goes_on(&mut token, &text[at..]) => return Read::Cut,
                Letter::Cut | Letter::Other => return Read::Other,
            }
            match *token.as_bytes() {
                [b'[', .., b']'] => break,
                [b'[', ..] => {}
                _ => return Read::Other,
            }
        }
        self.get(&token)
            .map_or(Read::Other, |value| Read::Token { length: at, value })
    }

    /// Whether some token begins with these letters and goes on with one of which the escape begins with `cut`.
    fn goes_on(&self, letters: &mut String, cut: &str) -> bool {
        if cut.is_empty() {
            return self.begins(letters);
        }
        let cut = cut.to_ascii_lowercase();
        (b'0'..=b'f').any(|letter| {
            letters.push(char::from(letter));
            let goes_on = format!("\\u{letter:04x}").starts_with(&cut) && self.begins(letters);
            letters.pop();
            goes_on
        })
    }

    fn begins(&self, letters: &str) -> bool {
        let from = (Bound::Included(letters), Bound::Unbounded);
        let next = self.values.range::<str, _>(from).next();
        next.is_some_and(|(token, _)| token.starts_with(letters))
    }
}

/// What stands at a place.
enum Read<'v> {
    /// A token, written with so many bytes.
    Token {
        length: usize,
        value: &'v str,
    },
    /// The text ends, and may be the beginning of a token.
    Cut,
    Other,
}
