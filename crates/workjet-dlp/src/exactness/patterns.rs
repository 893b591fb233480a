//! Custom patterns made at random, and texts that match them or nearly do.

use super::dice::Dice;
use crate::CustomPattern;

/// A pattern of random parts that the engine accepts.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it would stand in a configuration.
    pub regex: String,
    /// Its longest match in bytes, if that is declared.
    pub max_len: Option<usize>,
    /// For each part, texts that it matches.
    examples: Vec<&'static [&'static str]>,
}

/// Parts that overlap, prefer short or long matches, look around, and repeat without end.
#[rustfmt::skip]
const PARTS: &[(&str, &[&str])] = &[
    ("a", &["a"]),
    ("EMP-", &["EMP-"]),
    ("[0-9]{3,6}", &["123", "1234", "123456"]),
    ("(?:a|ab)", &["a", "ab"]),
    ("(?:ab|a)", &["a", "ab"]),
    ("(?:foo|foo bar)??", &["", "foo", "foo bar"]),
    ("b?", &["", "b"]),
    ("[ab]{1,3}", &["a", "bab"]),
    ("[ab]{1,3}?", &["a", "bab"]),
    ("[A-Z]{2,8}", &["AB", "ZZZZZZZZ"]),
    ("[0-9]+", &["1", "4111111111111111"]),
    ("[a-z]*", &["", "abcdef"]),
    (r"\w+?", &["x", "x_1é"]),
    ("é", &["é"]),
    (".", &["x", "é", "😀"]),
    ("(?s:.)", &["\n", "-"]),
    ("[^@ ]{1,4}", &["x", "....", "é"]),
    ("@", &["@"]),
    ("-", &["-"]),
    (r"\.", &["."]),
    (r"\b", &["", " "]),
    (r"\B", &["", "x"]),
    ("$", &["", "\n"]),
    ("^", &[""]),
    ("(?m:^)", &["", "\n"]),
    ("(?m:$)", &["", "\n"]),
    ("(?i:sk)", &["sk", "SK", "\u{17f}k"]),
    (r"(?-u:\b)", &["", " "]),
    (r"\b{start}", &["", " "]),
    (r"\b{end-half}", &["", "é"]),
    (r"\p{Greek}", &["α", "Ω"]),
];

/// Makes a pattern that [`CustomPattern::new`] takes; most lists of parts are one, and `x` is when the dice find none.
#[must_use]
pub fn pattern(dice: &mut Dice<'_>) -> Pattern {
    for _ in 0..8 {
        let parts: Vec<_> = (0..dice.between(1, 4))
            .map(|_| PARTS[dice.below(PARTS.len())])
            .collect();
        let pattern = Pattern {
            regex: parts.iter().map(|(regex, _)| *regex).collect(),
            max_len: Some(dice.between(1, 40)),
            examples: parts.iter().map(|(_, examples)| *examples).collect(),
        };
        if CustomPattern::new("x", &pattern.regex).is_ok() {
            return pattern;
        }
    }
    Pattern::written("x", None, &["x"])
}

impl Pattern {
    /// One that was thought of.
    pub(crate) fn written(regex: &str, max_len: Option<usize>, examples: &'static [&'static str]) -> Self {
        Self {
            regex: regex.to_owned(),
            max_len,
            examples: vec![examples],
        }
    }

    /// As the engine wants it.
    pub(crate) fn custom(&self, name: &str) -> CustomPattern {
        let custom = CustomPattern::new(name, &self.regex).expect("it was tried when it was made");
        match self.max_len {
            Some(bytes) => custom.max_len(bytes),
            None => custom,
        }
    }

    /// A text that may match.
    pub(crate) fn value(&self, dice: &mut Dice<'_>) -> Vec<u8> {
        let parts = self.examples.iter().map(|examples| dice.pick(examples));
        parts.collect::<String>().into_bytes()
    }
}
