//! The smallest pieces of a text that fold as one: a character, however it is written.

use super::letters::{Guise, guise, is_plain};

/// What stands at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// So many bytes that stand for themselves.
    Plain(usize),
    /// So many bytes that stand for others.
    Other(usize, Guised),
    /// More bytes decide.
    CutOff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guised {
    /// The first of these bytes, so many.
    Bytes([u8; 4], usize),
    Nothing,
    Dash,
}

/// Backslashes before the letter of an escape: JSON within JSON within a text doubles them.
const MAX_BACKSLASHES: usize = 4;
/// How often a `%` may have been encoded once more.
const MAX_ENCODED_AGAIN: usize = 2;

impl Unit {
    /// Reads the unit at the beginning of `text`, which is not empty. With `last`, no more bytes follow.
    pub(super) fn read(text: &[u8], last: bool) -> Self {
        if is_plain(text[0]) {
            return Self::Plain(1);
        }
        let (char, length) = match read_char(text, last) {
            Read::Char(char, length) => (char, length),
            Read::Byte(_, 1) => return Self::Plain(1),
            Read::Byte(byte, length) => return Self::Other(length, Guised::Bytes([byte, 0, 0, 0], 1)),
            Read::CutOff => return Self::CutOff,
        };
        let guised = match guise(char) {
            Guise::Itself if char.len_utf8() == length => return Self::Plain(length),
            Guise::Itself => {
                let mut bytes = [0; 4];
                let count = char.encode_utf8(&mut bytes).len();
                Guised::Bytes(bytes, count)
            }
            Guise::Is(byte) => Guised::Bytes([byte, 0, 0, 0], 1),
            Guise::Nothing => Guised::Nothing,
            Guise::Dash => Guised::Dash,
        };
        Self::Other(length, guised)
    }
}

impl Unit {
    /// Whether what stands at the beginning stands for itself: mostly the second byte says so.
    #[inline]
    pub(super) fn is_plain(text: &[u8], last: bool) -> bool {
        let continues = |byte: u8| matches!(byte, 0x80..=0xBF);
        match *text {
            [b'%', next, ..] if !next.is_ascii_hexdigit() => true,
            [b'\\', next, ..] if !matches!(next, b'u' | b'/' | b'\\') => true,
            [0xC2, next, ..] if continues(next) => !matches!(next, 0xA0 | 0xAD | 0xB2 | 0xB3 | 0xB9),
            // Quotation marks, an ellipsis.
            [0xE2, 0x80, 0x96..=0xA9, ..] => true,
            [0xE3, second, third, ..] if continues(second) && continues(third) => {
                !matches!((second, third), (0x80, 0x80) | (0x85, 0xA4))
            }
            [0xEA, 0xB0..=0xBF, _, ..] => true,
            [0xEF, 0xBC, 0x8C | 0x9B | 0x9F, ..] => true,
            [0xF0, 0x9F, second, _, ..] if continues(second) && !matches!(second, 0x84 | 0x85 | 0xAF) => true,
            _ => matches!(Self::read(text, last), Self::Plain(_)),
        }
    }
}

/// Something decoded, and the bytes that it takes.
enum Read {
    Char(char, usize),
    /// No character, or not yet.
    Byte(u8, usize),
    CutOff,
}

/// A character in UTF-8, all of whose bytes may be percent-encoded, or an escape.
fn read_char(text: &[u8], last: bool) -> Read {
    let (byte, mut length) = match read_element(text, last) {
        Read::Byte(byte, length) if byte >= 0x80 => (byte, length),
        Read::Byte(byte, length) => return Read::Char(char::from(byte), length),
        other => return other,
    };
    let first = Read::Byte(byte, length);
    let encoded = length > 1;
    let mut bytes = [byte, 0, 0, 0];
    let mut count = 1;
    loop {
        match std::str::from_utf8(&bytes[..count]) {
            Ok(text) => return text.chars().next().map_or(first, |char| Read::Char(char, length)),
            Err(error) if error.error_len().is_some() => return first,
            Err(_) => {}
        }
        if length == text.len() {
            return if last { first } else { Read::CutOff };
        }
        let next = match text[length] {
            b'%' if encoded => read_element(&text[length..], last),
            byte if !encoded => Read::Byte(byte, 1),
            _ => return first,
        };
        match next {
            Read::Byte(byte @ 0x80..=0xBF, more) => {
                bytes[count] = byte;
                (count, length) = (count + 1, length + more);
            }
            Read::CutOff => return Read::CutOff,
            _ => return first,
        }
    }
}

/// A byte, percent-encoded or not, or an escaped character.
fn read_element(text: &[u8], last: bool) -> Read {
    let read = match text[0] {
        b'%' => read_percent(text, last),
        b'\\' => read_escape(text),
        byte => return Read::Byte(byte, 1),
    };
    match read {
        Ok(read) => read,
        Err(Unread::CutOff) if !last => Read::CutOff,
        Err(_) => Read::Byte(text[0], 1),
    }
}

/// Why something is no escape.
enum Unread {
    Not,
    CutOff,
}

/// `%40`. Where a `%` was encoded again, as in `%2540`, signs are decoded in one go; letters and digits, which nobody encodes
/// without intent, only once: `100%2541` may be a hundred per cent of something.
fn read_percent(text: &[u8], last: bool) -> Result<Read, Unread> {
    let (mut byte, mut length) = (hex(&text[1..], 2)? as u8, 3);
    for _ in 0..MAX_ENCODED_AGAIN {
        if byte != b'%' {
            break;
        }
        match hex(&text[length..], 2) {
            Ok(inner) if (inner as u8).is_ascii_punctuation() || inner == 0x20 => byte = inner as u8,
            Err(Unread::CutOff) if !last => return Err(Unread::CutOff),
            _ => break,
        }
        length += 2;
    }
    Ok(Read::Byte(byte, length))
}

/// `\u0040`, `\ud835\udfd2` and `\/`.
fn read_escape(text: &[u8]) -> Result<Read, Unread> {
    let (escaped, length) = after_backslashes(text)?;
    if escaped == b'/' {
        return Ok(Read::Byte(b'/', length + 1));
    }
    let (unit, mut length) = read_utf16(text, escaped, length)?;
    let units = if (0xD800..0xDC00).contains(&unit) {
        let rest = &text[length..];
        let (escaped, backslashes) = after_backslashes(rest)?;
        let (low, more) = read_utf16(rest, escaped, backslashes)?;
        length += more;
        [unit, low]
    } else {
        [unit, 0]
    };
    match char::decode_utf16(units).next() {
        Some(Ok(char)) => Ok(Read::Char(char, length)),
        _ => Err(Unread::Not),
    }
}

/// The byte after backslashes, and how many they are.
fn after_backslashes(text: &[u8]) -> Result<(u8, usize), Unread> {
    let count = text
        .iter()
        .take(MAX_BACKSLASHES + 1)
        .take_while(|byte| **byte == b'\\')
        .count();
    match text.get(count) {
        _ if count > MAX_BACKSLASHES => Err(Unread::Not),
        None => Err(Unread::CutOff),
        Some(byte @ (b'u' | b'/')) if count > 0 => Ok((*byte, count)),
        Some(_) => Err(Unread::Not),
    }
}

/// Four hexadecimal digits after `u`, and where they end.
fn read_utf16(text: &[u8], escaped: u8, backslashes: usize) -> Result<(u16, usize), Unread> {
    if escaped != b'u' {
        return Err(Unread::Not);
    }
    let unit = hex(&text[backslashes + 1..], 4)?;
    Ok((unit, backslashes + 5))
}

fn hex(text: &[u8], digits: usize) -> Result<u16, Unread> {
    let mut value = 0;
    for place in 0..digits {
        let byte = text.get(place).ok_or(Unread::CutOff)?;
        let digit = char::from(*byte).to_digit(16).ok_or(Unread::Not)?;
        value = value << 4 | digit as u16;
    }
    Ok(value)
}
