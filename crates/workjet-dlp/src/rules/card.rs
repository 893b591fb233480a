//! Payment card numbers: ISO/IEC 7812, by issuer prefix, length and Luhn sum.

use crate::checksum::luhn;
use crate::context::Words;
use crate::finding::Confidence;
use crate::memo::Memo;
use crate::search::{Hit, Verdict, Window};

const MIN_DIGITS: usize = 12;
const MAX_DIGITS: usize = 19;
const ANY_LENGTH: u32 = (2 << MAX_DIGITS) - (1 << MIN_DIGITS);
/// Digits of the longest prefix.
const MAX_PLACES: usize = 6;

/// Digits, and one separator between any two.
pub(super) const LONGEST: usize = 2 * MAX_DIGITS;

pub(super) fn starts(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// Takes the longest run of digit groups that is a card number.
pub(super) fn verify(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    if !begins_here(window, at) {
        return Verdict::No;
    }
    let glance = glance(window, at);
    if let Glance::TooShort = glance {
        return Verdict::No;
    }
    let said = Words::before(window.behind(at)).have(CARD_WORDS);
    let issued = match glance {
        _ if said => Some(ANY_LENGTH),
        Glance::Begins(0) => return Verdict::No,
        Glance::Begins(lengths) => Some(lengths),
        _ => None,
    };
    let mut digits = [0; MAX_DIGITS];
    let mut count = 0;
    let mut separator = None;
    let mut end = at;
    let mut best = None;
    loop {
        let lengths = issued.unwrap_or_else(|| lengths_of(&digits[..count.min(MAX_PLACES)]));
        let grows = lengths >> count > 1;
        let after_digit = count > 0 && window.byte(end - 1).is_some_and(|byte| byte.is_ascii_digit());
        match window.byte(end) {
            Some(byte @ b'0'..=b'9') if grows => {
                digits[count] = byte - b'0';
                count += 1;
                end += 1;
            }
            Some(b'0'..=b'9') => break,
            None if !window.last => {
                if grows || (after_digit && is_card(&digits[..count], said)) {
                    return Verdict::More;
                }
                break;
            }
            other => {
                if after_digit && lengths >> count & 1 == 1 {
                    best = card(window, at, end, &digits[..count], said).or(best);
                }
                match other {
                    Some(byte @ (b' ' | b'-'))
                        if after_digit && grows && *separator.get_or_insert(byte) == byte =>
                    {
                        end += 1;
                    }
                    _ => break,
                }
            }
        }
    }
    best.map_or(Verdict::No, Verdict::Match)
}

enum Glance {
    /// The digits end before they could make a number.
    TooShort,
    /// They may make one; of these lengths, if its issuer's prefix is to count.
    Begins(u32),
    /// More of them may arrive.
    CutOff,
}

/// Looks at the digits from here on, each with at most one separator after it, before words are read.
fn glance(window: &Window<'_>, at: usize) -> Glance {
    let mut prefix = [0; MAX_PLACES];
    let mut count = 0;
    let mut separated = true;
    for byte in &window.bytes[at..] {
        match byte {
            b'0'..=b'9' => {
                if let Some(place) = prefix.get_mut(count) {
                    *place = byte - b'0';
                }
                count += 1;
                separated = false;
            }
            b' ' | b'-' if !separated => separated = true,
            _ => return Glance::TooShort,
        }
        if count == MIN_DIGITS {
            return Glance::Begins(lengths_of(&prefix));
        }
    }
    if window.last {
        Glance::TooShort
    } else {
        Glance::CutOff
    }
}

/// Not within a longer number, a decimal fraction, or a token that mixes letters and digits as hashes do.
fn begins_here(window: &Window<'_>, at: usize) -> bool {
    if window.follows_escape(at) {
        return true;
    }
    match window.byte_before(at) {
        Some(b'0'..=b'9') => false,
        Some(b'.') => !window
            .byte_before(at - 1)
            .is_some_and(|byte| byte.is_ascii_digit()),
        Some(byte) if byte.is_ascii_alphabetic() => {
            // `card4111…` is a card, `U6292…` a licence and `3fa4111…` a hash.
            let behind = window.behind(at);
            let letters = behind
                .iter()
                .rev()
                .take_while(|byte| byte.is_ascii_alphabetic())
                .count();
            let digit = behind[..behind.len() - letters]
                .last()
                .is_some_and(u8::is_ascii_digit);
            letters > 1 && !digit
        }
        _ => true,
    }
}

fn card(window: &Window<'_>, at: usize, end: usize, digits: &[u8], said: bool) -> Option<Hit> {
    if !is_card(digits, said) {
        return None;
    }
    let hexadecimal = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
    let embedded = hexadecimal(window.byte_before(at)) && hexadecimal(window.byte(end));
    let listed =
        !said && digits.len() > 16 && end - at == digits.len() && follows_large_number(window.behind(at));
    if embedded || listed {
        return None;
    }
    let confidence = if issued(digits, false) {
        Confidence::High
    } else {
        Confidence::Medium
    };
    let hit = Hit::new(end, confidence);
    Some(if is_test_number(digits) {
        hit.subtype("test")
    } else {
        hit
    })
}

/// In a table of 64-bit numbers one in a hundred looks like a card; the number before it hardly ever does as well.
fn follows_large_number(behind: &[u8]) -> bool {
    let between = behind
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b',' | b' ' | b'\n' | b'\r' | b'\t'))
        .count();
    let before = &behind[..behind.len() - between];
    let digits = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let number: Vec<u8> = before[before.len() - digits..]
        .iter()
        .map(|digit| digit - b'0')
        .collect();
    between > 0 && digits > 16 && (digits > MAX_DIGITS || !is_card(&number, false))
}

fn is_card(digits: &[u8], said: bool) -> bool {
    if !(MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()) || !luhn(digits) {
        return false;
    }
    let varied = digits.iter().any(|digit| *digit != digits[0]);
    // Without an issuer's prefix a number needs the word before it, and must not look like a time stamp.
    let by_word = said && digits[0] != 1;
    varied && (issued(digits, said) || by_word)
}

/// The lengths of the card numbers that begin with these digits, at most six, and need no word before them: a bit for each.
fn lengths_of(digits: &[u8]) -> u32 {
    let cut = 10_u32.pow((MAX_PLACES - digits.len()) as u32);
    let least = number(digits) * cut;
    let issuers = ISSUERS
        .iter()
        .filter(|issuer| issuer.begins_between(least, least + cut - 1));
    issuers.fold(0, |lengths, issuer| lengths | issuer.lengths)
}

fn issued(digits: &[u8], said: bool) -> bool {
    let prefix = number(&digits[..MAX_PLACES]);
    ISSUERS
        .iter()
        .any(|issuer| issuer.issues(prefix, digits.len()) && (said || !issuer.needs_word))
}

#[rustfmt::skip]
pub(super) const CARD_WORDS: &[&str] = &[
    " card ", " cards ", " cardnumber ", " creditcard ", " credit ", " debit ", " visa ", " mastercard ",
    " maestro ", " amex ", " pan ", " cc ", " ccn ", " ccnum ",
];

/// A range of numbers, and the lengths issued.
struct Issuer {
    /// The first six digits of the first.
    first: u32,
    /// The first six digits of the last.
    last: u32,
    /// A bit for each length.
    lengths: u32,
    /// Too common among other numbers to count without a word.
    needs_word: bool,
}

impl Issuer {
    fn issues(&self, prefix: u32, length: usize) -> bool {
        self.lengths >> length & 1 == 1 && (self.first..=self.last).contains(&prefix)
    }

    /// Whether the first six digits may be these.
    fn begins_between(&self, least: u32, most: u32) -> bool {
        !self.needs_word && self.first <= most && least <= self.last
    }
}

fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |number, digit| 10 * number + u32::from(*digit))
}

/// Prefixes `low` to `high`, read as that many leading digits.
const fn issuer(low: u32, high: u32, places: usize, lengths: &[usize]) -> Issuer {
    let scale = 10_u32.pow((MAX_PLACES - places) as u32);
    let (mut bits, mut index) = (0, 0);
    while index < lengths.len() {
        bits |= 1 << lengths[index];
        index += 1;
    }
    Issuer {
        first: low * scale,
        last: (high + 1) * scale - 1,
        lengths: bits,
        needs_word: false,
    }
}

const fn with_word(low: u32, high: u32, places: usize, lengths: &[usize]) -> Issuer {
    let mut issuer = issuer(low, high, places, lengths);
    issuer.needs_word = true;
    issuer
}

static ISSUERS: &[Issuer] = &[
    // Visa
    issuer(4, 4, 1, &[13, 16, 18, 19]),
    // Mastercard
    issuer(51, 55, 2, &[16]),
    issuer(2221, 2720, 4, &[16]),
    // American Express
    issuer(34, 34, 2, &[15]),
    issuer(37, 37, 2, &[15]),
    // Diners Club
    issuer(300, 305, 3, &[14, 16, 19]),
    issuer(36, 36, 2, &[14, 16, 19]),
    issuer(38, 39, 2, &[14, 16, 19]),
    // Discover
    issuer(6011, 6011, 4, &[16, 19]),
    issuer(644, 649, 3, &[16, 19]),
    issuer(65, 65, 2, &[16, 19]),
    issuer(622_126, 622_925, 6, &[16, 19]),
    // JCB
    issuer(3528, 3589, 4, &[16, 17, 18, 19]),
    issuer(2131, 2131, 4, &[15]),
    issuer(1800, 1800, 4, &[15]),
    // UnionPay
    issuer(62, 62, 2, &[14, 15, 16, 17, 18, 19]),
    issuer(81, 81, 2, &[14, 15, 16, 17, 18, 19]),
    // Mir
    issuer(2200, 2204, 4, &[16, 17, 18, 19]),
    // Troy
    issuer(979_200, 979_289, 6, &[16]),
    // Elo
    issuer(636_297, 636_297, 6, &[16]),
    issuer(636_368, 636_368, 6, &[16]),
    issuer(509_000, 509_999, 6, &[16]),
    issuer(506_699, 506_778, 6, &[16]),
    issuer(650_031, 650_901, 6, &[16]),
    // Hipercard
    issuer(606_282, 606_282, 6, &[16]),
    // Verve
    issuer(506_099, 506_198, 6, &[16, 18, 19]),
    issuer(507_865, 507_964, 6, &[16, 18, 19]),
    // Maestro
    with_word(493_698, 493_698, 6, &[12, 13, 14, 15, 16, 17, 18, 19]),
    with_word(50, 50, 2, &[12, 13, 14, 15, 16, 17, 18, 19]),
    with_word(56, 59, 2, &[12, 13, 14, 15, 16, 17, 18, 19]),
    with_word(63, 63, 2, &[12, 13, 14, 15, 16, 17, 18, 19]),
    with_word(67, 67, 2, &[12, 13, 14, 15, 16, 17, 18, 19]),
];

/// Numbers that payment processors publish for testing. They are redacted as well: who sends them may not know.
fn is_test_number(digits: &[u8]) -> bool {
    let number = digits
        .iter()
        .fold(0_u64, |number, digit| 10 * number + u64::from(*digit));
    matches!(
        number,
        4_111_111_111_111_111
            | 4_242_424_242_424_242
            | 4_012_888_888_881_881
            | 4_000_056_655_665_556
            | 4_222_222_222_222
            | 5_555_555_555_554_444
            | 5_105_105_105_105_100
            | 5_200_828_282_828_210
            | 2_223_003_122_003_222
            | 378_282_246_310_005
            | 371_449_635_398_431
            | 6_011_111_111_111_117
            | 6_011_000_990_139_424
            | 3_530_111_333_300_000
            | 3_566_002_020_360_505
            | 30_569_309_025_904
            | 38_520_000_023_237
            | 6_200_000_000_000_005
    )
}
