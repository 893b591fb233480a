//! Payment card numbers: ISO/IEC 7812, by issuer prefix, length and Luhn sum.

use crate::digits::{Digits, Row};
use crate::finding::Confidence;
use crate::memo::Memo;
use crate::search::{Hit, Verdict, Window};
use crate::topics::{Topic, Topics};

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
pub(super) fn verify(window: &Window<'_>, at: usize, memo: &mut Memo) -> Verdict {
    if !begins_here(window, at) {
        return Verdict::No;
    }
    let digits = memo.row.from(window.bytes, at);
    let count = digits.of_one_separator();
    let mut said = Said::unread(window, at, &mut memo.topics);
    if !window.last
        && let Some(separator) = digits.cut_off(count)
    {
        let lengths = if said.payment() {
            ANY_LENGTH
        } else {
            lengths_of(digits.values(MAX_PLACES))
        };
        // Of the number, the digits so far and one separator have arrived.
        let grows = lengths.checked_shr(count as u32).unwrap_or(0) > 1;
        let undecided = match separator {
            None => grows || is_card(digits, count, &mut said),
            Some(separator) => grows && digits.may_be_separated_by(separator, count),
        };
        if undecided {
            // Nothing that follows makes a card of it there.
            return match follows_code_points(window.behind(at), &mut said) {
                true => Verdict::No,
                false => Verdict::More,
            };
        }
    }
    if count < MIN_DIGITS {
        return Verdict::No;
    }
    let mut lengths = digits.ends() & ANY_LENGTH & ((2 << count.min(MAX_DIGITS)) - 1);
    // Others than those that somebody issues count after a word only.
    let issued = lengths & LENGTHS_BY_TWO_DIGITS[number(digits.values(2)) as usize];
    // Where there are many, the words are asked about before the sums.
    if (lengths & !issued).count_ones() > 2 && !said.card() {
        lengths = issued;
    }
    while lengths != 0 {
        let length = lengths.ilog2() as usize;
        lengths &= !(1 << length);
        if !digits.luhn(length) || (issued >> length & 1 == 0 && !said.card()) {
            continue;
        }
        if let Some(hit) = card(window, at, digits, length, &mut said) {
            return hit.into();
        }
    }
    Verdict::No
}

/// Not within a longer number, a decimal fraction, or a token that mixes letters and digits as hashes do.
fn begins_here(window: &Window<'_>, at: usize) -> bool {
    if window.follows_escape(at) {
        return true;
    }
    match window.byte_before(at) {
        Some(b'0'..=b'9') => false,
        Some(b'.' | b'-') => !window
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

fn card(
    window: &Window<'_>,
    at: usize,
    digits: Digits<'_>,
    length: usize,
    said: &mut Said<'_>,
) -> Option<Hit> {
    // Ten digits of eleven fall here. Words are read only where they can matter.
    if !digits.luhn(length) || !is_card(digits, length, said) {
        return None;
    }
    let end = digits.end(length);
    let hexadecimal = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
    let embedded = hexadecimal(window.byte_before(at)) && hexadecimal(window.byte(end));
    if embedded || is_part(window, at, end) || follows_code_points(window.behind(at), said) {
        return None;
    }
    let listed = end - at == length && follows_large_number(window.behind(at), length);
    let number = &window.bytes[at..end];
    let chance = listed
        || is_glued(window, at, end)
        || is_list(number)
        || is_round(number)
        || is_article(window, at, end);
    if chance && !said.payment() {
        return None;
    }
    let prefix = self::number(digits.values(MAX_PLACES));
    let by_prefix = issuer(prefix, length, |issuer| !issuer.needs_word).is_some();
    let confidence = if by_prefix {
        Confidence::High
    } else {
        Confidence::Medium
    };
    let hit = Hit::new(end, confidence);
    if is_test_number(digits.values(length)) {
        return Some(hit.subtype("test"));
    }
    let issuer = issuer(prefix, length, |issuer| !issuer.needs_word || said.payment());
    Some(match issuer {
        Some(issuer) => hit.subtype(issuer.name),
        None => hit,
    })
}

/// Of a longer number in groups, as `112-2345687-7190618`, or of an identifier: `98cd-874190002798`.
fn is_part(window: &Window<'_>, at: usize, end: usize) -> bool {
    let number = &window.bytes[at..end];
    match window.behind(at) {
        [.., b'0'..=b'9', b'-'] => true,
        // `192 256 384 512 768 1024`
        [.., b'0'..=b'9', b' '] => {
            let first = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
            first != 4 && number.contains(&b' ')
        }
        [.., before, b'-'] => number.len() < 13 && !number.contains(&b'-') && before.is_ascii_alphanumeric(),
        _ => false,
    }
}

/// A power of ten and little else: no card's number ends with seven zeros.
fn is_round(number: &[u8]) -> bool {
    number.ends_with(b"0000000")
}

/// Numbers of goods and books have thirteen digits, and those from Germany begin like old Visa cards.
fn is_article(window: &Window<'_>, at: usize, end: usize) -> bool {
    if end - at != 13 {
        return false;
    }
    let behind = window.behind(at);
    let near = behind[behind.len().saturating_sub(16)..].to_ascii_lowercase();
    let word = |word: &&[u8]| near.windows(word.len()).any(|window| window == *word);
    [&b"ean"[..], b"gtin", b"isbn", b"barcode"].iter().any(word)
}

/// Before a unit or within a word, as in `5124095576030431h` and `PT5124095576030431.5H`.
fn is_glued(window: &Window<'_>, at: usize, end: usize) -> bool {
    let letter = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic());
    let before = letter(window.byte_before(at)) && !window.follows_escape(at);
    before || letter(window.byte(end))
}

/// Small numbers in a row: bytes in hexadecimal, `2 3 4 … 12 13`. Single digits with spaces between them may still be a card.
fn is_list(number: &[u8]) -> bool {
    // Most cards begin with a longer group.
    if number.iter().take(3).all(u8::is_ascii_digit) {
        return false;
    }
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

/// In a table of code points, four or five hexadecimal digits each, some have no letters: `538D 53BD 5401 5402 5403 5404`.
/// `CC` is a word there by chance.
fn follows_code_points(behind: &[u8], said: &mut Said<'_>) -> bool {
    const LOOKED_AT: usize = 8;
    let (mut rest, mut count, mut letters) = (behind, 0, false);
    let mut fours = Vec::with_capacity(MAX_DIGITS);
    while count < LOOKED_AT {
        let blanks = rest.len() - rest.trim_ascii_end().len();
        rest = rest.trim_ascii_end();
        let hexadecimal = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
        let length = rest.iter().rev().take(6).take_while(hexadecimal).count();
        if !(1..=2).contains(&blanks) || !matches!(length, 4 | 5) {
            break;
        }
        let (before, point) = rest.split_at(rest.len() - length);
        letters |= point.iter().any(u8::is_ascii_alphabetic) && point.iter().any(u8::is_ascii_digit);
        if count < 4 {
            fours.extend(point.iter().rev());
        }
        (rest, count) = (before, count + 1);
    }
    // Without letters it may be a list of cards, of which this is not the first.
    let mut is_card = || {
        fours.reverse();
        let mut row = Row::default();
        let other = row.from(&fours, 0);
        fours.len() == 16
            && other.luhn(16)
            && issuer(number(other.values(MAX_PLACES)), 16, |_| true).is_some()
    };
    count >= 2 && (letters || (count >= 4 && !said.payment() && !is_card()))
}

/// In a table of 64-bit numbers one in a hundred looks like a card; the number before it hardly ever does as well.
///
/// Shorter ones need a comma and a blank between, and may stand after a time in microseconds.
fn follows_large_number(behind: &[u8], length: usize) -> bool {
    let between = behind
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b',' | b' ' | b'\n' | b'\r' | b'\t' | b'(' | b')'))
        .count();
    let before = &behind[..behind.len() - between];
    let digits = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let start = before.len() - digits;
    let time = matches!(before[start..], [b'1', b'6'..=b'8', ..]);
    let comma = between > 1 && behind[before.len()] == b',';
    if between == 0 || (digits <= 16 && (length > 16 || digits < 14 || !comma || time)) {
        return false;
    }
    let mut row = Row::default();
    let other = row.from(before, start);
    let is_card = || {
        other.luhn(digits)
            && other.are_varied(digits)
            && issuer(number(other.values(MAX_PLACES)), digits, |issuer| {
                !issuer.needs_word
            })
            .is_some()
    };
    digits > MAX_DIGITS || !is_card()
}

/// Whether the first `length` digits are a card number.
fn is_card(digits: Digits<'_>, length: usize, said: &mut Said<'_>) -> bool {
    if !(MIN_DIGITS..=MAX_DIGITS).contains(&length) || !digits.luhn(length) || !digits.are_varied(length) {
        return false;
    }
    let prefix = digits.values(MAX_PLACES);
    // Without an issuer's prefix a number needs the word before it, and must not look like a time stamp.
    issuer(number(prefix), length, |issuer| {
        !issuer.needs_word || said.payment()
    })
    .is_some()
        || (prefix[0] != 1 && is_usual(digits.ends(), length) && said.card())
}

/// Whether the digits stand together or in the groups that are printed on cards: fours, and `4 6 5` or `4 6 4`. A number that
/// only a word makes a card's may be an order's or a book's: `783-5374314-1579338`, `979-4-460-10972-2`.
fn is_usual(ends: u32, length: usize) -> bool {
    let within = ends & ((1 << length) - 1) & !1;
    let fours = (1..length)
        .step_by(4)
        .fold(0, |bits, place| bits | 1 << (place + 3));
    within == 0 || within == fours & ((1 << length) - 1) || (within == (1 << 4 | 1 << 10) && length < 16)
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

/// Who issued the number of this length that begins with these six digits, of those who may have. Of several, the one with the
/// narrowest range.
fn issuer(prefix: u32, length: usize, mut may_be: impl FnMut(&Issuer) -> bool) -> Option<&'static Issuer> {
    let mut begun = BY_TWO_DIGITS[(prefix / 10_000) as usize];
    let mut narrowest: Option<&Issuer> = None;
    while begun != 0 {
        let issuer = &ISSUERS[begun.trailing_zeros() as usize];
        begun &= begun - 1;
        let narrower = narrowest.is_none_or(|other| issuer.last - issuer.first < other.last - other.first);
        if narrower && issuer.issues(prefix, length) && may_be(issuer) {
            narrowest = Some(issuer);
        }
    }
    narrowest
}

/// For the first two digits of a number, those whose cards may begin with them: a bit for each.
static BY_TWO_DIGITS: [u64; 100] = {
    assert!(ISSUERS.len() <= 64, "each has a bit");
    let mut begun = [0; 100];
    let mut index = 0;
    while index < ISSUERS.len() {
        let mut two = ISSUERS[index].first / 10_000;
        while two <= ISSUERS[index].last / 10_000 {
            begun[two as usize] |= 1 << index;
            two += 1;
        }
        index += 1;
    }
    begun
};

/// The lengths of those, with words before them or without: a bit for each.
static LENGTHS_BY_TWO_DIGITS: [u32; 100] = {
    let mut lengths = [0; 100];
    let mut two = 0;
    while two < lengths.len() {
        let mut index = 0;
        while index < ISSUERS.len() {
            if BY_TWO_DIGITS[two] >> index & 1 == 1 {
                lengths[two] |= ISSUERS[index].lengths;
            }
            index += 1;
        }
        two += 1;
    }
    lengths
};

/// What the words before a number say. They are not read before somebody asks.
struct Said<'m> {
    bytes: &'m [u8],
    at: usize,
    topics: &'m mut Topics,
}

impl<'m> Said<'m> {
    fn unread(window: &Window<'m>, at: usize, topics: &'m mut Topics) -> Self {
        Self {
            bytes: window.bytes,
            at,
            topics,
        }
    }

    /// That it is of a card: any length, and no issuer's prefix needed.
    fn card(&mut self) -> bool {
        self.topics.have(self.bytes, self.at, Topic::Card, Topics::REACH)
    }

    /// That it has to do with paying: prefixes count which other numbers often have too.
    fn payment(&mut self) -> bool {
        self.card()
            || self
                .topics
                .have(self.bytes, self.at, Topic::Payment, Topics::REACH)
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
pub(super) const ISSUERS: &[Issuer] = &[
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
