//! What the engine itself puts in the place of values. It steps over that when it meets it again.
//!
//! Otherwise `password: [REDACTED:email]`, or a pattern for capital letters, would redact a text twice, and a token that a model
//! repeats after `password: ` would never be restored. The hexadecimal digits of hashes and tokens may be any: so few hide
//! nothing.

use crate::Detector;

/// Hexadecimal digits of a hash.
pub(crate) const HASH_DIGITS: usize = 16;

/// Hexadecimal digits of a token.
pub(crate) const TOKEN_DIGITS: usize = 6;

/// Names that no detector may have: placeholders of all detectors begin with them.
pub(crate) const RESERVED_NAMES: [&str; 2] = ["redacted", "hash"];

/// The placeholders of an engine's detectors.
pub(crate) struct Placeholders {
    /// Sorted; none is the beginning of another.
    heads: Vec<Head>,
    longest: usize,
}

/// What a placeholder begins with, up to its first hexadecimal digit.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    text: Box<[u8]>,
    /// Then so many digits follow, and a bracket; nothing if there are none.
    digits: usize,
}

/// What stands at a bracket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placeholder {
    No,
    /// The bytes end, and may be the beginning of one.
    Unknown,
    /// One of so many bytes.
    Of(usize),
}

impl Placeholders {
    pub(crate) fn new<'d>(detectors: impl Iterator<Item = &'d Detector>) -> Self {
        let head = |text: String, digits| Head {
            text: text.into_bytes().into(),
            digits,
        };
        let mut heads: Vec<Head> = detectors
            .flat_map(|detector| {
                [
                    head(format!("[REDACTED:{detector}]"), 0),
                    head(format!("[HASH:{detector}:"), HASH_DIGITS),
                    head(
                        format!("[{}:", detector.as_str().to_ascii_uppercase()),
                        TOKEN_DIGITS,
                    ),
                ]
            })
            .collect();
        heads.sort();
        heads.dedup();
        let longest = heads.iter().map(|head| head.text.len() + head.digits + 1).max();
        Self {
            heads,
            longest: longest.unwrap_or(0),
        }
    }

    /// Bytes of the longest one.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// What begins with the bracket that `rest` begins with. `last` says that nothing follows `rest`.
    pub(crate) fn at(&self, rest: &[u8], last: bool) -> Placeholder {
        if rest.get(1).is_some_and(|byte| !byte.is_ascii_uppercase()) {
            return Placeholder::No;
        }
        let cut_off = if last {
            Placeholder::No
        } else {
            Placeholder::Unknown
        };
        let after = self.heads.partition_point(|head| *head.text <= *rest);
        let Some(head) = self.heads[..after]
            .last()
            .filter(|head| rest.starts_with(&head.text))
        else {
            return match self.heads.get(after) {
                Some(head) if head.text.starts_with(rest) => cut_off,
                _ => Placeholder::No,
            };
        };
        if head.digits == 0 {
            return Placeholder::Of(head.text.len());
        }
        let of_digits = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let rest = &rest[head.text.len()..];
        let digits = rest.iter().take(head.digits).take_while(of_digits).count();
        match rest.get(digits) {
            None => cut_off,
            Some(b']') if digits == head.digits => Placeholder::Of(head.text.len() + digits + 1),
            Some(_) => Placeholder::No,
        }
    }
}

/// Whether the word at `place` stands in a placeholder, whose ever. It is then the name of a detector, and says nothing about what
/// follows: the number in `[REDACTED:phone] 2125550123` may be any.
pub(crate) fn holds_word(bytes: &[u8], place: usize) -> bool {
    const LONGEST: usize = 96;
    let of_placeholder = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    let before = bytes[..place].iter().rev().take(LONGEST);
    let start = place - before.take_while(of_placeholder).count();
    if !bytes[..start].ends_with(b"[") {
        return false;
    }
    let length = bytes[start..]
        .iter()
        .take(LONGEST)
        .take_while(of_placeholder)
        .count();
    let inner = &bytes[start..start + length];
    if bytes.get(start + length) != Some(&b']') {
        return false;
    }
    let hex = |digits: &[u8]| {
        digits
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = inner.split(|byte| *byte == b':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(b"REDACTED"), Some(_), None, None) => true,
        (Some(b"HASH"), Some(_), Some(digits), None) => digits.len() == HASH_DIGITS && hex(digits),
        (Some(name), Some(digits), None, None) => {
            let in_capitals = !name.iter().any(u8::is_ascii_lowercase);
            in_capitals && digits.len() == TOKEN_DIGITS && hex(digits)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIKE_ONE: [&str; 4] = [
        "[REDACTED:email]",
        "[HASH:us_ssn:0123456789abcdef]",
        "[EMAIL:7f3a9c]",
        "[CREDIT_CARD:000000]",
    ];

    fn at(text: &str, last: bool) -> Placeholder {
        Placeholders::new(Detector::BUILT_IN.iter()).at(text.as_bytes(), last)
    }

    #[test]
    fn all_kinds_are_known_whatever_follows() {
        for text in LIKE_ONE {
            for after in ["", "]", "x", "[EMAIL"] {
                assert_eq!(at(&format!("{text}{after}"), false), Placeholder::Of(text.len()));
            }
        }
    }

    #[test]
    fn a_beginning_is_one_only_if_more_may_come() {
        for text in LIKE_ONE {
            for end in 1..text.len() {
                assert_eq!(at(&text[..end], false), Placeholder::Unknown, "{}", &text[..end]);
                assert_eq!(at(&text[..end], true), Placeholder::No);
                assert_eq!(at(&format!("{}!", &text[..end]), false), Placeholder::No);
            }
        }
    }

    #[test]
    fn other_things_in_brackets_are_text() {
        for text in [
            "[REDACTED:iban]",
            "[IBAN:7f3a9c]",
            "[EMAIL:7F3A9C]",
            "[EMAIL:7f3a9c0]",
            "[EMAIL:7f3a9]",
            "[email:7f3a9c]",
            "[EMAIL]",
            "[HASH:email:7f3a9c]",
            "[]",
            "[[EMAIL:7f3a9c]",
        ] {
            assert_eq!(at(text, false), Placeholder::No, "{text}");
        }
    }

    #[test]
    fn words_in_placeholders_are_told_from_others() {
        for (text, expected) in [
            ("[REDACTED:phone] 5", true),
            ("[REDACTED:my_phone]", true),
            ("[HASH:phone:0123456789abcdef] 5", true),
            ("[phone:7f3a9c]", false),
            ("[PHONE phone:7f3a9c]", false),
            ("[REDACTED: phone]", false),
            ("(REDACTED:phone]", false),
            ("phone", false),
        ] {
            let place = text.find("phone").expect("it is there");
            assert_eq!(holds_word(text.as_bytes(), place), expected, "{text}");
        }
        assert!(holds_word(b"[CREDIT_CARD:7f3a9c] 4", 8));
        assert!(!holds_word(b"[CREDIT_CARD:4111 1111", 8));
    }
}
