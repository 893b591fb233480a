//! Reads a whole document, event by event, and checks it strictly on the way.

use super::escape::Written;
use super::grammar::{Grammar, LITERALS, Number};
use super::report::InvalidJson;

/// What stands in a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event<'j> {
    BeginObject,
    BeginArray,
    End,
    Key(Written<'j>),
    String(Written<'j>),
    Number(&'j str),
    /// `true`, `false` or `null`, which hold nothing.
    Literal,
}

/// Where one is in a document. A copy looks ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'j> {
    text: &'j str,
    at: usize,
    grammar: Grammar,
}

impl<'j> Reader<'j> {
    pub(super) fn new(text: &'j str) -> Self {
        Self {
            text,
            at: 0,
            grammar: Grammar::START,
        }
    }

    /// Where the last event ends.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next event; `None` at the end of the document.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Event<'j>>, InvalidJson> {
        let bytes = self.text.as_bytes();
        loop {
            let Some(&byte) = bytes.get(self.at) else {
                return match self.grammar.is_complete() {
                    true => Ok(None),
                    false => Err(self.invalid(self.grammar.expected())),
                };
            };
            let taken = match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                b',' | b':' => {
                    self.grammar
                        .punctuation(byte)
                        .map_err(|expected| self.invalid(expected))?;
                    self.at += 1;
                    continue;
                }
                b'"' => return self.string().map(Some),
                b'{' => Event::BeginObject,
                b'[' => Event::BeginArray,
                b'}' | b']' => Event::End,
                _ => return self.scalar().map(Some),
            };
            self.grammar
                .punctuation(byte)
                .map_err(|expected| self.invalid(expected))?;
            self.at += 1;
            return Ok(Some(taken));
        }
    }

    /// Goes to the end of the array or object that has just begun.
    pub(super) fn skip(&mut self) -> Result<(), InvalidJson> {
        let around = self.grammar.levels() - 1;
        while self.grammar.levels() > around {
            self.next()?;
        }
        Ok(())
    }

    /// Goes to `end`, the end of the array or object that has just begun, which has been read before.
    pub(super) fn skip_to(&mut self, end: usize) {
        let closing = self.text.as_bytes()[end - 1];
        self.at = end;
        // An object that has just begun may end, as may an array.
        let ended = self.grammar.punctuation(closing);
        debug_assert!(ended.is_ok(), "the end of what began");
    }

    fn string(&mut self) -> Result<Event<'j>, InvalidJson> {
        let is_key = self.grammar.string().map_err(|expected| self.invalid(expected))?;
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut has_escapes = false;
        let mut at = start;
        loop {
            at += ordinary_length(&bytes[at..]);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    at += match (bytes.get(at + 1), bytes.get(at + 2..at + 6)) {
                        (Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'), _) => 2,
                        (Some(b'u'), Some(digits)) if digits.iter().all(u8::is_ascii_hexdigit) => 6,
                        _ => return Err(InvalidJson::new(at, "expected an escape")),
                    };
                }
                Some(_) => return Err(InvalidJson::new(at, "expected an escape for a control character")),
                None => return Err(InvalidJson::new(at, "expected the end of a string")),
            }
        }
        self.at = at + 1;
        let written = Written {
            raw: &self.text[start..at],
            has_escapes,
        };
        Ok(if is_key {
            Event::Key(written)
        } else {
            Event::String(written)
        })
    }

    fn scalar(&mut self) -> Result<Event<'j>, InvalidJson> {
        self.grammar.scalar().map_err(|expected| self.invalid(expected))?;
        let rest = &self.text[self.at..];
        if let Some(literal) = LITERALS.iter().find(|literal| rest.starts_with(**literal)) {
            self.at += literal.len();
            return Ok(Event::Literal);
        }
        let (mut number, mut length) = (Number::Start, 0);
        while let Some(after) = rest.as_bytes().get(length).and_then(|byte| number.after(*byte)) {
            number = after;
            length += 1;
        }
        if !number.is_complete() {
            let expected = if length == 0 {
                "expected a value"
            } else {
                "expected a digit"
            };
            return Err(InvalidJson::new(self.at + length, expected));
        }
        self.at += length;
        Ok(Event::Number(&rest[..length]))
    }

    fn invalid(&self, expected: &'static str) -> InvalidJson {
        InvalidJson::new(self.at, expected)
    }
}

/// Whether `text` is a document.
pub(super) fn is_json(text: &str) -> bool {
    let mut reader = Reader::new(text);
    loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// The bytes before the first one that a string does not hold as itself.
fn ordinary_length(bytes: &[u8]) -> usize {
    let special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
    let mut at = 0;
    // Whole blocks, so that the compiler makes vectors of them.
    for block in bytes.chunks_exact(32) {
        if block.iter().fold(false, |any, byte| any | special(byte)) {
            break;
        }
        at += 32;
    }
    let rest = &bytes[at..];
    at + rest.iter().position(special).unwrap_or(rest.len())
}
