//! The part of a text that rules see, and how they read it.

use super::Verdict;

/// Bytes before a position that a rule may read. Streams keep as many of what they have already released.
pub(crate) const LOOK_BEHIND: usize = 256;

/// The part of a text that can be seen at the moment.
#[derive(Clone, Copy)]
pub(crate) struct Window<'t> {
    pub(crate) bytes: &'t [u8],
    /// Where the text itself begins; a JSON key may stand before it, for rules that look behind.
    pub(crate) origin: usize,
    /// Whether the text ends where `bytes` end.
    pub(crate) last: bool,
}

/// The character after a position.
pub(crate) enum Peek {
    Char(char),
    /// The end of the text, or a byte that is not UTF-8: a boundary.
    Edge,
    /// It has not arrived.
    Unknown,
}

impl<'t> Window<'t> {
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// At most [`LOOK_BEHIND`] bytes that end at `at`.
    pub(crate) fn behind(&self, at: usize) -> &'t [u8] {
        &self.bytes[at.saturating_sub(LOOK_BEHIND)..at]
    }

    pub(crate) fn byte_before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).and_then(|before| self.byte(before))
    }

    /// Whether an ASCII letter or digit stands before `at`, unless it is that of an escape.
    pub(crate) fn follows_word(&self, at: usize) -> bool {
        self.byte_before(at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
            && !self.follows_escape(at)
    }

    /// Whether an escape such as `\n` ends at `at`. Tool results are often JSON in a text, and source code is quoted: what
    /// stands behind the escape begins a line, not the middle of a word.
    pub(crate) fn follows_escape(&self, at: usize) -> bool {
        matches!(self.byte_before(at), Some(b'n' | b't' | b'r')) && self.byte_before(at - 1) == Some(b'\\')
    }

    /// Whether the letter of such an escape stands at `at`.
    pub(crate) fn is_escape(&self, at: usize) -> bool {
        self.follows_escape(at + 1)
    }

    /// The character that ends at `at`; `None` at the start of the text and after a byte that is not UTF-8.
    pub(crate) fn char_before(&self, at: usize) -> Option<char> {
        let tail = &self.bytes[at.saturating_sub(4)..at];
        if let Some(last) = tail.last().filter(|last| last.is_ascii()) {
            return Some(char::from(*last));
        }
        let lead = tail.iter().rposition(|byte| !matches!(byte, 0x80..=0xBF))?;
        let mut chars = std::str::from_utf8(&tail[lead..]).ok()?.chars();
        let char = chars.next();
        if chars.next().is_some() { None } else { char }
    }

    pub(crate) fn peek(&self, at: usize) -> Peek {
        let rest = &self.bytes[at.min(self.bytes.len())..];
        let rest = &rest[..rest.len().min(4)];
        match rest.first() {
            None => self.end(),
            Some(byte) if byte.is_ascii() => Peek::Char(char::from(*byte)),
            Some(_) => match std::str::from_utf8(rest) {
                Ok(text) => text.chars().next().map_or(Peek::Edge, Peek::Char),
                Err(error) if error.valid_up_to() > 0 => std::str::from_utf8(&rest[..error.valid_up_to()])
                    .ok()
                    .and_then(|text| text.chars().next())
                    .map_or(Peek::Edge, Peek::Char),
                // `error_len` is absent when the bytes are the beginning of a character that is cut off.
                Err(error) if error.error_len().is_none() => self.end(),
                Err(_) => Peek::Edge,
            },
        }
    }

    fn end(&self) -> Peek {
        if self.last { Peek::Edge } else { Peek::Unknown }
    }

    /// What a rule answers when it ran out of bytes before it had its shape together.
    pub(crate) fn starved(&self) -> Verdict {
        if self.last { Verdict::No } else { Verdict::More }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_around_a_position_are_decoded_and_broken_bytes_are_edges() {
        let window = Window {
            bytes: "aé€😀".as_bytes(),
            origin: 0,
            last: true,
        };
        assert_eq!(window.char_before(1), Some('a'));
        assert_eq!(window.char_before(3), Some('é'));
        assert_eq!(window.char_before(10), Some('😀'));
        assert!(matches!(window.peek(1), Peek::Char('é')));
        assert!(matches!(window.peek(10), Peek::Edge));
        let broken = Window {
            bytes: b"a\xFFb\xE2\x82",
            origin: 0,
            last: false,
        };
        assert!(matches!(broken.peek(1), Peek::Edge));
        assert_eq!(broken.char_before(2), None);
        assert!(
            matches!(broken.peek(3), Peek::Unknown),
            "the rest of the character may still arrive"
        );
        assert!(matches!(Window { last: true, ..broken }.peek(3), Peek::Edge));
    }
}
