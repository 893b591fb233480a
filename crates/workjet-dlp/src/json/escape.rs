//! Strings as JSON writes them, and what they say.
//!
//! Detectors read what a string says; what passes must leave as it was written. A decoded byte count is enough to go from
//! one to the other, since both are walked from left to right.

use std::borrow::Cow;

/// A string as it stands in a document, without its quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'j> {
    pub(super) raw: &'j str,
    pub(super) has_escapes: bool,
}

impl<'j> Written<'j> {
    /// What it says.
    pub(super) fn decoded(&self) -> Cow<'j, str> {
        if !self.has_escapes {
            return Cow::Borrowed(self.raw);
        }
        let mut text = String::with_capacity(self.raw.len());
        decode(self.raw, true, &mut text);
        Cow::Owned(text)
    }

    pub(super) fn says(&self, text: &str) -> bool {
        if self.has_escapes {
            self.decoded() == text
        } else {
            self.raw == text
        }
    }
}

/// Appends what `raw` says to `text` and returns how many bytes of `raw` that took. Unless it is the `last` of its string, an
/// escape that may go on in what follows is left.
pub(super) fn decode(raw: &str, last: bool, text: &mut String) -> usize {
    let mut at = 0;
    loop {
        let plain = plain_length(&raw.as_bytes()[at..]);
        text.push_str(&raw[at..at + plain]);
        at += plain;
        if at == raw.len() {
            return at;
        }
        match escape(&raw.as_bytes()[at..], last) {
            Some((length, char)) => {
                text.push(char);
                at += length;
            }
            None => return at,
        }
    }
}

/// How many bytes of `raw` say the first `decoded` bytes of what it says.
pub(super) fn written_length(raw: &str, mut decoded: usize) -> usize {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while decoded > 0 && at < bytes.len() {
        let plain = plain_length(&bytes[at..bytes.len().min(at + decoded)]);
        at += plain;
        decoded -= plain;
        if decoded > 0 && at < bytes.len() {
            let (length, char) = escape(&bytes[at..], true).unwrap_or((1, '\\'));
            at += length;
            // Findings begin and end between characters, and an escape is one.
            decoded = decoded.saturating_sub(char.len_utf8());
        }
    }
    at
}

/// Appends `text` as it is written within quotes.
pub(super) fn encode(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x8 => "\\b",
            0xC => "\\f",
            0..0x20 => "\\u00",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(short);
        if short.len() > 2 {
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 0xF)]));
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

/// The bytes before the first backslash.
fn plain_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Whole blocks, so that the compiler makes vectors of them.
    for block in bytes.chunks_exact(32) {
        if block.iter().fold(false, |any, byte| any | (*byte == b'\\')) {
            break;
        }
        at += 32;
    }
    let rest = &bytes[at..];
    at + rest.iter().position(|byte| *byte == b'\\').unwrap_or(rest.len())
}

/// The length and meaning of the escape that `bytes` begin with; `None` if it may go on in what follows them. Half of a
/// surrogate pair says U+FFFD. A backslash that begins no escape, which only text that is not JSON has, says itself.
fn escape(bytes: &[u8], last: bool) -> Option<(usize, char)> {
    let itself = Some((1, '\\'));
    let short = match bytes.get(1) {
        None => return if last { itself } else { None },
        Some(b'u') => None,
        Some(b'"') => Some('"'),
        Some(b'\\') => Some('\\'),
        Some(b'/') => Some('/'),
        Some(b'b') => Some('\u{8}'),
        Some(b'f') => Some('\u{c}'),
        Some(b'n') => Some('\n'),
        Some(b'r') => Some('\r'),
        Some(b't') => Some('\t'),
        Some(_) => return itself,
    };
    if let Some(char) = short {
        return Some((2, char));
    }
    let first = match unit(bytes) {
        Ok(unit) => unit,
        Err(Cut::Wrong) => return itself,
        Err(Cut::Short) => return if last { itself } else { None },
    };
    if let Some(char) = char::from_u32(u32::from(first)) {
        return Some((6, char));
    }
    let lone = Some((6, char::REPLACEMENT_CHARACTER));
    if first >= 0xDC00 {
        return lone;
    }
    match unit(&bytes[6..]) {
        Ok(second @ 0xDC00..=0xDFFF) => {
            let code = 0x10000 + ((u32::from(first) - 0xD800) << 10) + (u32::from(second) - 0xDC00);
            Some((12, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)))
        }
        Err(Cut::Short) if !last => None,
        _ => lone,
    }
}

enum Cut {
    /// These bytes do not write a UTF-16 unit.
    Wrong,
    /// They may, with those that follow.
    Short,
}

/// The UTF-16 unit that `bytes` begin with, as `\uXXXX`.
fn unit(bytes: &[u8]) -> Result<u16, Cut> {
    let mut unit = 0;
    for at in 0..6 {
        let Some(byte) = bytes.get(at) else {
            return Err(Cut::Short);
        };
        match (at, byte) {
            (0, b'\\') | (1, b'u') => {}
            (0 | 1, _) => return Err(Cut::Wrong),
            (_, byte) => {
                let digit = char::from(*byte).to_digit(16).ok_or(Cut::Wrong)?;
                unit = unit << 4 | digit as u16;
            }
        }
    }
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces and what they say.
    const PIECES: [(&str, &str); 12] = [
        ("a", "a"),
        ("\u{e9}", "\u{e9}"),
        ("\\u00e9", "\u{e9}"),
        ("\\\"", "\""),
        ("\\\\", "\\"),
        ("\\/", "/"),
        ("\\n\\t\\r\\b\\f", "\n\t\r\u{8}\u{c}"),
        ("\\uD83D\\ude00", "\u{1F600}"),
        ("\\ud83dx", "\u{FFFD}x"),
        ("\\ude00", "\u{FFFD}"),
        ("\\ud83d\\u0041", "\u{FFFD}A"),
        ("\\u0000", "\0"),
    ];

    #[test]
    fn what_a_string_says_and_where_each_byte_of_it_was_written() {
        let (mut raw, mut said) = (String::new(), String::new());
        for (piece, says) in PIECES {
            assert_eq!(written_length(&format!("{raw}{piece}"), said.len()), raw.len());
            raw.push_str(piece);
            said.push_str(says);
        }
        let written = Written {
            raw: &raw,
            has_escapes: true,
        };
        assert_eq!(written.decoded(), said);
        assert_eq!(written_length(&raw, said.len()), raw.len());
    }

    #[test]
    fn an_escape_that_was_cut_waits_for_its_rest() {
        for (piece, says) in PIECES {
            for cut in (0..=piece.len()).filter(|cut| piece.is_char_boundary(*cut)) {
                let mut text = String::new();
                let taken = decode(&piece[..cut], false, &mut text);
                decode(&piece[taken..], true, &mut text);
                assert_eq!(text, says, "{piece} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_escape_says_itself() {
        for wrong in ["\\x", "\\u12", "\\u12g4", "\\", "\\ud83d\\u12"] {
            let mut text = String::new();
            assert_eq!(decode(wrong, true, &mut text), wrong.len());
            assert_eq!(written_length(wrong, text.len()), wrong.len());
        }
    }

    #[test]
    fn what_is_encoded_reads_the_same() {
        let text: String = (0..0x80u8)
            .map(char::from)
            .chain("\u{e9}\u{1F600}".chars())
            .collect();
        let mut raw = String::new();
        encode(&text, &mut raw);
        assert_eq!(serde_json::Value::String(text).to_string(), format!("\"{raw}\""));
    }
}
