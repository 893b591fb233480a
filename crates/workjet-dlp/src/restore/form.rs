//! How the letters of a token, and the value that takes its place, are written in texts and in JSON.

use std::fmt::Write as _;

/// How the text around a token is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// JSON, where a token can stand in strings only: elsewhere no capital follows a bracket.
    Json,
}

/// One letter of a token.
pub(super) enum Letter {
    /// Written with so many bytes.
    Is(u8, usize),
    /// The text ends, perhaps within an escape.
    Cut,
    Other,
}

impl Form {
    /// What a token may begin with.
    pub(super) fn marks(self) -> &'static [char] {
        match self {
            Self::Text => &['['],
            Self::Json => &['[', '\\'],
        }
    }

    pub(super) fn letter(self, text: &[u8]) -> Letter {
        const ESCAPE: usize = "\\u005b".len();
        match *text {
            [] => Letter::Cut,
            [
                letter @ (b'A'..=b'Z' | b'a'..=b'f' | b'0'..=b'9' | b'[' | b']' | b':' | b'_'),
                ..,
            ] => Letter::Is(letter, 1),
            [b'\\', ..] if self == Self::Json => match text.get(..ESCAPE) {
                Some([_, b'u', b'0', b'0', high, low]) => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => Letter::Is(16 * high + low, ESCAPE),
                    _ => Letter::Other,
                },
                Some(_) => Letter::Other,
                None => Letter::Cut,
            },
            _ => Letter::Other,
        }
    }

    pub(super) fn write(self, value: &str, out: &mut String) {
        match self {
            Self::Text => out.push_str(value),
            Self::Json => push_escaped(value, out),
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
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
