//! Puts values back where their tokens stand, in whole texts and in streams.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::ops::Bound;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::placeholder::TOKEN_DIGITS;

/// How the text around a token is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// JSON, where a token can stand in strings only: nothing else has a letter after a bracket.
    Json,
}

/// The tokens issued so far, and what they stand for.
#[derive(Clone, Default)]
pub(crate) struct Tokens {
    values: BTreeMap<Box<str>, Zeroizing<String>>,
}

/// What stands at a bracket.
enum Read<'v> {
    Token {
        length: usize,
        value: &'v str,
    },
    /// The text ends, and may be the beginning of a token.
    Cut,
    Other,
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
        self.values.insert(token.into(), Zeroizing::new(value.to_owned()));
    }

    pub(crate) fn restore<'t>(&self, text: &'t str, form: Form) -> Cow<'t, str> {
        if self.is_empty() || !text.contains('[') {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        self.restore_into(text, form, true, &mut out);
        Cow::Owned(out)
    }

    /// Restores what can be decided and returns how much of the text that is. `last` says that no more follows.
    fn restore_into(&self, text: &str, form: Form, last: bool, out: &mut String) -> usize {
        let mut at = 0;
        while let Some(bracket) = text[at..].find('[') {
            out.push_str(&text[at..at + bracket]);
            at += bracket;
            match self.read(&text[at..]) {
                Read::Token { length, value } => {
                    form.write(value, out);
                    at += length;
                }
                Read::Cut if !last => return at,
                Read::Cut | Read::Other => {
                    out.push('[');
                    at += 1;
                }
            }
        }
        out.push_str(&text[at..]);
        text.len()
    }

    fn read(&self, text: &str) -> Read<'_> {
        let Some(end) = closing(text) else {
            let from = (Bound::Included(text), Bound::Unbounded);
            let next = self.values.range::<str, _>(from).next();
            return match next {
                Some((token, _)) if token.starts_with(text) => Read::Cut,
                _ => Read::Other,
            };
        };
        match self.get(&text[..=end]) {
            Some(value) => Read::Token {
                length: end + 1,
                value,
            },
            None => Read::Other,
        }
    }
}

impl Form {
    fn write(self, value: &str, out: &mut String) {
        match self {
            Self::Text => out.push_str(value),
            Self::Json => push_escaped(value, out),
        }
    }
}

/// Writes a value as it stands within a JSON string ([RFC 8259 §7](https://www.rfc-editor.org/rfc/rfc8259#section-7)).
fn push_escaped(value: &str, out: &mut String) {
    for char in value.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1F}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
}

/// Puts values back in a stream. Made by [`Vault::restorer`](crate::Vault::restorer); clones share the tokens.
///
/// However the text is cut, what is written is what [`Vault::restore`](crate::Vault::restore) makes of the whole. What
/// may be the beginning of one of the vault's own tokens is held back, and nothing else.
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

/// The longest token: a name has at most 64 bytes.
const LONGEST_BYTES: usize = 64 + "[:000000]".len();

/// Where the bracket that opens `text` is closed, if that may be a token. Looking no further keeps a text of nothing but
/// brackets from taking the square of its length.
fn closing(text: &str) -> Option<usize> {
    text.bytes().take(LONGEST_BYTES).position(|byte| byte == b']')
}

/// What has the shape of a token: `[`, a name in capitals, `:`, six hexadecimal digits and `]`.
pub(crate) fn tokens_in(text: &str) -> impl Iterator<Item = &str> {
    let is_token = |inner: &str| {
        let Some((name, digits)) = inner.split_once(':') else {
            return false;
        };
        let of_name = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
        let of_digits = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        digits.len() == TOKEN_DIGITS && digits.bytes().all(of_digits) && name.bytes().all(of_name)
    };
    let brackets = text.match_indices('[').map(|(at, _)| &text[at..]);
    brackets.filter_map(move |rest| {
        let end = closing(rest)?;
        is_token(&rest[1..end]).then_some(&rest[..=end])
    })
}
