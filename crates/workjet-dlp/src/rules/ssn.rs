//! United States social security numbers, and the taxpayer numbers (ITIN) that share their form.
//!
//! Areas, groups and serials as the
//! [Social Security Administration](https://www.ssa.gov/employer/randomization.html) issues them.

use super::phone;
use crate::finding::Confidence;
use crate::memo::Memo;
use crate::search::{Hit, Verdict, Window};
use crate::topics::{Topic, Topics};

/// `AAA-GG-SSSS`.
pub(super) const LONGEST: usize = 11;

pub(super) fn starts(byte: u8) -> bool {
    byte.is_ascii_digit()
}

pub(super) fn verify(window: &Window<'_>, at: usize, memo: &mut Memo) -> Verdict {
    let before = window.byte_before(at);
    if before.is_some_and(|byte| byte.is_ascii_digit()) {
        return Verdict::No;
    }
    let number = memo.row.from(window.bytes, at);
    if !number.are_three_two_four() && (window.last || !number.is_cut_off()) {
        return Verdict::No;
    }
    let mut digits = [0; 9];
    let mut count = 0;
    let mut separator = None;
    let mut end = at;
    if number.are_three_two_four() {
        digits.copy_from_slice(number.values(9));
        (count, end) = (9, number.end(9));
        separator = window.byte(at + 3).filter(|byte| !byte.is_ascii_digit());
    }
    while count < 9 {
        let Some(byte) = window.byte(end) else {
            return window.starved();
        };
        match (end - at, byte) {
            (3, b'-' | b' ' | b'.') => separator = Some(byte),
            (6, byte) if separator.is_some() => {
                if separator != Some(byte) {
                    return Verdict::No;
                }
            }
            (_, b'0'..=b'9') => {
                digits[count] = byte - b'0';
                count += 1;
            }
            _ => return Verdict::No,
        }
        end += 1;
    }
    // `1-234-56-7890` and `12 345 67 8901` are parts of longer numbers.
    if separator.is_some()
        && before == separator
        && window.byte_before(at - 1).is_some_and(|b| b.is_ascii_digit())
    {
        return Verdict::No;
    }
    let of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match window.byte(end) {
        None if !window.last => return Verdict::More,
        Some(next) if of_word(next) => return Verdict::No,
        _ => {}
    }
    let said = memo.topics.have(window.bytes, at, Topic::Ssn, Topics::REACH);
    let glued = before.is_some_and(of_word) && !window.follows_escape(at);
    if !said
        && (glued
            || !matches!(separator, Some(b'-' | b' '))
            || phone::is_announced(window, at, &mut memo.topics))
    {
        return Verdict::No;
    }
    let confidence = if said {
        Confidence::High
    } else {
        Confidence::Medium
    };
    match kind(&digits) {
        Kind::Ssn => Hit::new(end, confidence).into(),
        Kind::Itin => Hit::new(end, confidence).subtype("us_itin").into(),
        Kind::Never => Verdict::No,
    }
}

enum Kind {
    Ssn,
    Itin,
    Never,
}

fn kind(digits: &[u8; 9]) -> Kind {
    let number = digits
        .iter()
        .fold(0_u32, |number, digit| 10 * number + u32::from(*digit));
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    match (area, group, serial) {
        // Printed on specimen cards and in advertisements.
        (78, 5, 1120) | (219, 9, 9999) => Kind::Never,
        (900..=999, 50..=65 | 70..=88 | 90..=92 | 94..=99, _) => Kind::Itin,
        (0 | 666 | 900..=999, _, _) | (_, 0, _) | (_, _, 0) => Kind::Never,
        _ => Kind::Ssn,
    }
}

pub(super) const SSN_WORDS: &[&str] = &[
    " ssn ",
    " ssns ",
    " social security ",
    " socialsecurity ",
    " socialsecuritynumber ",
    " ss number ",
    " ss no ",
    " itin ",
    " taxpayer ",
    " tin ",
];
