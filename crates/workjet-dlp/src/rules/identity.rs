//! Numbers that identify a person or an account, by template and check digits: what the packs for health and Europe share.
//!
//! A template says character by character what a number looks like, so that a stream waits only while one could still come.
//! Most of these numbers have no more than one check digit, and need a word before them that says what they are.

use crate::context::Words;
use crate::finding::Confidence;
use crate::search::{Hit, Verdict, Window};

/// A kind of number.
pub(super) struct Id {
    pub(super) subtype: &'static str,
    /// `d` is a digit, `L` a capital letter, `X` either, `?` an optional separator, anything else itself.
    pub(super) template: &'static str,
    /// Words that announce it.
    pub(super) words: &'static [&'static str],
    /// When it needs none of them.
    pub(super) alone: Alone,
    /// Whether the characters, separators left out, are such a number.
    pub(super) check: fn(&[u8]) -> bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alone {
    Never,
    /// With all its separators.
    Grouped,
    Always,
}

#[cfg(test)]
impl Alone {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Never => "",
            Self::Grouped => "with its separators",
            Self::Always => "yes",
        }
    }
}

/// Characters of the longest template, without separators.
const MAX_CHARS: usize = 20;

/// Asks each kind; the longest match wins, and of equals the first.
pub(super) fn verify(ids: &[Id], window: &Window<'_>, at: usize) -> Verdict {
    if !super::is_token_start(window, at) || continues_number(window, at) {
        return Verdict::No;
    }
    let mut best: Option<Hit> = None;
    for id in ids {
        let mut chars = [0; MAX_CHARS];
        match fit(id.template, window, at, &mut chars) {
            Fit::No => {}
            Fit::More => return Verdict::More,
            Fit::End { end, count, grouped } => {
                let better = best.as_ref().is_none_or(|best| best.end < end);
                if !better || !(id.check)(&chars[..count]) {
                    continue;
                }
                let said = Words::all_within(window.behind(at), 64).have_any(id.words);
                let alone = id.alone == Alone::Always || (id.alone == Alone::Grouped && grouped);
                if said || alone {
                    let confidence = if said {
                        Confidence::High
                    } else {
                        Confidence::Medium
                    };
                    best = Some(Hit::new(end, confidence).subtype(id.subtype));
                }
            }
        }
    }
    best.map_or(Verdict::No, Into::into)
}

/// `1-…` and `3.…` go on a number that began before.
fn continues_number(window: &Window<'_>, at: usize) -> bool {
    matches!(window.byte_before(at), Some(b'-' | b'.' | b'/' | b'+'))
        && window
            .byte_before(at - 1)
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
}

enum Fit {
    No,
    More,
    End { end: usize, count: usize, grouped: bool },
}

fn fit(template: &str, window: &Window<'_>, at: usize, chars: &mut [u8; MAX_CHARS]) -> Fit {
    let (mut here, mut count, mut grouped, mut separator) = (at, 0, true, None);
    for expected in template.bytes() {
        let Some(byte) = window.byte(here) else {
            return if window.last { Fit::No } else { Fit::More };
        };
        let fits = match expected {
            b'?' => {
                let present = matches!(byte, b' ' | b'-' | b'.' | b'/')
                    && separator.is_none_or(|same| same == byte || byte != b' ');
                if present {
                    separator.get_or_insert(byte);
                    here += 1;
                }
                grouped &= present;
                continue;
            }
            b'd' => byte.is_ascii_digit(),
            b'L' => byte.is_ascii_uppercase(),
            b'X' => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            other => byte == other,
        };
        if !fits {
            return Fit::No;
        }
        if byte.is_ascii_alphanumeric() {
            chars[count] = byte;
            count += 1;
        }
        here += 1;
    }
    match window.byte(here) {
        None if !window.last => Fit::More,
        Some(next) if next.is_ascii_alphanumeric() || next == b'_' => Fit::No,
        _ => Fit::End {
            end: here,
            count,
            grouped,
        },
    }
}

/// The most bytes that the templates of `ids` take, and one separator.
pub(super) const fn longest(ids: &[Id]) -> usize {
    let (mut longest, mut index) = (0, 0);
    while index < ids.len() {
        if ids[index].template.len() > longest {
            longest = ids[index].template.len();
        }
        index += 1;
    }
    longest
}

/// The number that the digits make; other characters count as nothing.
pub(super) fn number(chars: &[u8]) -> u64 {
    chars
        .iter()
        .filter(|char| char.is_ascii_digit())
        .fold(0, |number, digit| 10 * number + u64::from(digit - b'0'))
}

/// The sum of the digits, each times its weight.
pub(super) fn weighted(chars: &[u8], weights: &[u64]) -> u64 {
    chars
        .iter()
        .zip(weights)
        .map(|(char, weight)| u64::from(char - b'0') * weight)
        .sum()
}

/// Whether a date may be `day` and `month`.
pub(super) fn is_day(day: u64, month: u64) -> bool {
    (1..=31).contains(&day) && (1..=12).contains(&month)
}
