//! The grammar of JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)): what may follow what.
//!
//! It knows no text, so that it serves documents that are whole and those that come in pieces alike.

/// Arrays and objects within each other. `serde_json` reads as many by default.
pub(super) const MAX_LEVELS: u32 = 127;

/// Where in a document one is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grammar {
    /// One bit for each open level, the innermost lowest: whether it is an object.
    objects: u128,
    levels: u32,
    expects: Expects,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Value,
    /// The first one of an array, which may also end.
    ValueOrEnd,
    Key,
    /// The first one of an object, which may also end.
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// What a document would have to hold where it holds something else.
pub(super) type Expected = &'static str;

impl Grammar {
    pub(super) const START: Self = Self {
        objects: 0,
        levels: 0,
        expects: Expects::Value,
    };

    /// How many arrays and objects are open.
    pub(super) fn levels(&self) -> u32 {
        self.levels
    }

    /// Whether the document may end here.
    pub(super) fn is_complete(&self) -> bool {
        self.expects == Expects::Nothing
    }

    /// What must follow.
    pub(super) fn expected(&self) -> Expected {
        match self.expects {
            Expects::Value => "expected a value",
            Expects::ValueOrEnd => "expected a value or `]`",
            Expects::Key => "expected a key",
            Expects::KeyOrEnd => "expected a key or `}`",
            Expects::Colon => "expected `:`",
            Expects::CommaOrEnd if self.is_in_object() => "expected `,` or `}`",
            Expects::CommaOrEnd => "expected `,` or `]`",
            Expects::Nothing => "expected the end of the document",
        }
    }

    /// Takes one of `{}[]:,`.
    #[inline]
    pub(super) fn punctuation(&mut self, byte: u8) -> Result<(), Expected> {
        match (byte, self.expects) {
            (b',', Expects::CommaOrEnd) => {
                self.expects = if self.is_in_object() {
                    Expects::Key
                } else {
                    Expects::Value
                };
            }
            (b':', Expects::Colon) => self.expects = Expects::Value,
            (b'{' | b'[', Expects::Value | Expects::ValueOrEnd) => {
                if self.levels == MAX_LEVELS {
                    return Err("expected no more than 127 levels");
                }
                let object = byte == b'{';
                self.levels += 1;
                self.objects = self.objects << 1 | u128::from(object);
                self.expects = if object {
                    Expects::KeyOrEnd
                } else {
                    Expects::ValueOrEnd
                };
            }
            (b'}', Expects::KeyOrEnd) | (b']', Expects::ValueOrEnd) => self.close(),
            (b'}', Expects::CommaOrEnd) if self.is_in_object() => self.close(),
            (b']', Expects::CommaOrEnd) if !self.is_in_object() => self.close(),
            _ => return Err(self.expected()),
        }
        Ok(())
    }

    /// Takes a string and says whether it is a key.
    #[inline]
    pub(super) fn string(&mut self) -> Result<bool, Expected> {
        if matches!(self.expects, Expects::Key | Expects::KeyOrEnd) {
            self.expects = Expects::Colon;
            return Ok(true);
        }
        self.scalar().map(|()| false)
    }

    /// Takes a number, `true`, `false` or `null`.
    #[inline]
    pub(super) fn scalar(&mut self) -> Result<(), Expected> {
        if !self.expects_value() {
            return Err(self.expected());
        }
        self.after_value();
        Ok(())
    }

    pub(super) fn expects_value(&self) -> bool {
        matches!(self.expects, Expects::Value | Expects::ValueOrEnd)
    }

    fn is_in_object(&self) -> bool {
        self.levels > 0 && self.objects & 1 == 1
    }

    fn close(&mut self) {
        self.levels -= 1;
        self.objects >>= 1;
        self.after_value();
    }

    fn after_value(&mut self) {
        self.expects = if self.levels == 0 {
            Expects::Nothing
        } else {
            Expects::CommaOrEnd
        };
    }
}

/// Follows a number byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Start,
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// The state after `byte`; `None` if it does not go on the number.
    #[inline]
    pub(super) fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Start, b'-') => Self::Minus,
            (Self::Start | Self::Minus, b'0') => Self::Zero,
            (Self::Start | Self::Minus | Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => Self::ExponentDigits,
            _ => return None,
        })
    }

    /// Whether it may end here.
    pub(super) fn is_complete(self) -> bool {
        matches!(
            self,
            Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits
        )
    }
}

pub(super) const LITERALS: [&str; 3] = ["true", "false", "null"];

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
