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
    let said = Said::before(window.behind(at));
    let issued = match glance {
        _ if said.payment => Some(ANY_LENGTH),
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

fn card(window: &Window<'_>, at: usize, end: usize, digits: &[u8], said: Said) -> Option<Hit> {
    if !is_card(digits, said) {
        return None;
    }
    let hexadecimal = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
    let embedded = hexadecimal(window.byte_before(at)) && hexadecimal(window.byte(end));
    let listed = !said.payment
        && digits.len() > 16
        && end - at == digits.len()
        && follows_large_number(window.behind(at));
    if embedded || listed {
        return None;
    }
    if !said.payment && (is_glued(window, at, end) || is_list(&window.bytes[at..end])) {
        return None;
    }
    let confidence = if issuer(digits, Said::NOTHING).is_some() {
        Confidence::High
    } else {
        Confidence::Medium
    };
    let hit = Hit::new(end, confidence);
    Some(match issuer(digits, said) {
        _ if is_test_number(digits) => hit.subtype("test"),
        Some(issuer) => hit.subtype(issuer.name),
        None => hit,
    })
}

/// Before a unit or within a word, as in `5124095576030431h` and `PT5124095576030431.5H`.
fn is_glued(window: &Window<'_>, at: usize, end: usize) -> bool {
    let letter = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic());
    let before = letter(window.byte_before(at)) && !window.follows_escape(at);
    before || letter(window.byte(end))
}

/// Small numbers in a row: bytes in hexadecimal, `2 3 4 … 12 13`. Single digits with spaces between them may still be a card.
fn is_list(number: &[u8]) -> bool {
    let groups = || number.split(|byte| !byte.is_ascii_digit());
    let longest = groups().map(<[u8]>::len).max().unwrap_or(0);
    let counts = || {
        groups()
            .zip(groups().skip(1))
            .all(|(a, b)| b[0] == a[0] + 1 || (a[0], b[0]) == (b'9', b'0'))
    };
    match longest {
        1 => counts(),
        longest => longest == 2,
    }
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
    between > 0 && digits > 16 && (digits > MAX_DIGITS || !is_card(&number, Said::NOTHING))
}

fn is_card(digits: &[u8], said: Said) -> bool {
    if !(MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()) || !luhn(digits) {
        return false;
    }
    let varied = digits.iter().any(|digit| *digit != digits[0]);
    // Without an issuer's prefix a number needs the word before it, and must not look like a time stamp.
    let by_word = said.card && digits[0] != 1;
    varied && (issuer(digits, said).is_some() || by_word)
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

/// Who issued it. Of several, the one with the narrowest range.
fn issuer(digits: &[u8], said: Said) -> Option<&'static Issuer> {
    let prefix = number(&digits[..MAX_PLACES]);
    ISSUERS
        .iter()
        .filter(|issuer| issuer.issues(prefix, digits.len()) && (said.payment || !issuer.needs_word))
        .min_by_key(|issuer| issuer.last - issuer.first)
}

/// What the words before a number say.
#[derive(Clone, Copy)]
struct Said {
    /// That it is of a card: any length, and no issuer's prefix needed.
    card: bool,
    /// That it has to do with paying: prefixes count which other numbers often have too.
    payment: bool,
}

impl Said {
    const NOTHING: Self = Self {
        card: false,
        payment: false,
    };

    fn before(behind: &[u8]) -> Self {
        let words = Words::before(behind);
        let card = words.have(CARD_WORDS);
        let payment = card || words.have(PAYMENT_WORDS);
        Self { card, payment }
    }
}

#[rustfmt::skip]
pub(super) const PAYMENT_WORDS: &[&str] = &[
    " pay ", " paid ", " paying ", " payment ", " payments ", " charge ", " charged ", " billing ", " billed ", " bill ",
    " purchase ", " checkout ", " use ",
];

#[rustfmt::skip]
pub(super) const CARD_WORDS: &[&str] = &[
    " card ", " cards ", " cardnumber ", " creditcard ", " credit ", " debit ", " visa ", " mastercard ",
    " maestro ", " amex ", " pan ", " cc ", " ccn ", " ccnum ", " discover ", " diners ", " jcb ", " unionpay ",
    " rupay ", " kreditkarte ", " kartennummer ", " karte ", " carte ", " tarjeta ", " carta ", " kaart ", " kort ",
];

/// A range of numbers, and the lengths issued.
pub(super) struct Issuer {
    pub(super) name: &'static str,
    /// The first six digits of the first.
    pub(super) first: u32,
    /// The first six digits of the last.
    pub(super) last: u32,
    /// A bit for each length.
    pub(super) lengths: u32,
    /// Too common among other numbers to count without a word.
    pub(super) needs_word: bool,
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

/// Prefixes `low` to `high`, each of as many leading digits as `low` has.
const fn issues(name: &'static str, low: u32, high: u32, lengths: &[usize]) -> Issuer {
    let scale = 10_u32.pow(MAX_PLACES as u32 - 1 - low.ilog10());
    let (mut bits, mut index) = (0, 0);
    while index < lengths.len() {
        bits |= 1 << lengths[index];
        index += 1;
    }
    Issuer {
        name,
        first: low * scale,
        last: (high + 1) * scale - 1,
        lengths: bits,
        needs_word: false,
    }
}

const fn with_word(name: &'static str, low: u32, high: u32, lengths: &[usize]) -> Issuer {
    let mut issuer = issues(name, low, high, lengths);
    issuer.needs_word = true;
    issuer
}

const MAESTRO: &[usize] = &[12, 13, 14, 15, 16, 17, 18, 19];

/// Ranges as [payment processors know them](https://github.com/braintree/credit-card-type).
#[rustfmt::skip]
pub(super) static ISSUERS: &[Issuer] = &[
    issues("visa", 4, 4, &[13, 16, 18, 19]),
    issues("mastercard", 51, 55, &[16]),
    issues("mastercard", 2221, 2720, &[16]),
    issues("amex", 34, 34, &[15]),
    issues("amex", 37, 37, &[15]),
    issues("diners", 300, 305, &[14, 16, 19]),
    issues("diners", 36, 36, &[14, 16, 19]),
    issues("diners", 38, 39, &[14, 16, 19]),
    issues("discover", 6011, 6011, &[16, 19]),
    issues("discover", 644, 649, &[16, 19]),
    issues("discover", 65, 65, &[16, 19]),
    issues("discover", 622_126, 622_925, &[16, 19]),
    issues("jcb", 3528, 3589, &[16, 17, 18, 19]),
    issues("jcb", 2131, 2131, &[15]),
    issues("jcb", 1800, 1800, &[15]),
    issues("unionpay", 62, 62, &[14, 15, 16, 17, 18, 19]),
    issues("unionpay", 81, 81, &[14, 15, 16, 17, 18, 19]),
    issues("mir", 2200, 2204, &[16, 17, 18, 19]),
    issues("troy", 979_200, 979_289, &[16]),
    issues("elo", 401_178, 401_179, &[16]),
    issues("elo", 438_935, 438_935, &[16]),
    issues("elo", 451_416, 451_416, &[16]),
    issues("elo", 457_631, 457_632, &[16]),
    issues("elo", 504_175, 504_175, &[16]),
    issues("elo", 506_699, 506_778, &[16]),
    issues("elo", 509_000, 509_999, &[16]),
    issues("elo", 627_780, 627_780, &[16]),
    issues("elo", 636_297, 636_297, &[16]),
    issues("elo", 636_368, 636_368, &[16]),
    issues("elo", 650_031, 650_033, &[16]),
    issues("elo", 650_035, 650_051, &[16]),
    issues("elo", 650_405, 650_598, &[16]),
    issues("elo", 650_700, 650_727, &[16]),
    issues("elo", 650_901, 650_978, &[16]),
    issues("elo", 651_652, 651_679, &[16]),
    issues("elo", 655_000, 655_058, &[16]),
    issues("hipercard", 606_282, 606_282, &[16]),
    issues("hiper", 637_095, 637_095, &[16]),
    issues("hiper", 637_568, 637_568, &[16]),
    issues("hiper", 637_599, 637_612, &[16]),
    issues("verve", 506_099, 506_198, &[16, 18, 19]),
    issues("verve", 507_865, 507_964, &[16, 18, 19]),
    issues("rupay", 508_500, 508_999, &[16]),
    issues("rupay", 606_985, 607_984, &[16]),
    issues("rupay", 608_001, 608_500, &[16]),
    issues("rupay", 652_150, 653_149, &[16]),
    issues("dankort", 5019, 5019, &[16]),
    // Too common among other numbers to count without a word.
    with_word("maestro", 493_698, 493_698, MAESTRO),
    with_word("maestro", 50, 50, MAESTRO),
    with_word("maestro", 56, 59, MAESTRO),
    with_word("maestro", 63, 63, MAESTRO),
    with_word("maestro", 67, 67, MAESTRO),
    with_word("jcb", 35, 35, &[16]),
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
