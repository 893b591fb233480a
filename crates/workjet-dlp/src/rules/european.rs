//! The pack for Europe: bank accounts, and the numbers by which states know their people.

use super::identity::{self, Alone, Id, is_day, number, weighted};
use crate::checksum::{iso7064_mod_11_10, luhn, mod_97};
use crate::finding::Confidence;
use crate::memo::Memo;
use crate::search::{Hit, Verdict, Window};

/// Malta's and Saint Lucia's have 31 and 32 characters; with a space after every four.
pub(super) const IBAN_LONGEST: usize = MAX_IBAN + MAX_IBAN / 4 + 1;
const MAX_IBAN: usize = 34;

pub(super) fn iban_starts(byte: u8) -> bool {
    IBANS.iter().any(|(country, _)| country.as_bytes()[0] == byte)
}

/// An international bank account number ([ISO 13616](https://www.swift.com/resource/iban-registry-pdf)): its country's length and a
/// remainder of 1 by 97, in one piece or in groups of four.
pub(super) fn iban(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    if !super::is_token_start(window, at) {
        return Verdict::No;
    }
    let mut chars = [0; MAX_IBAN];
    let (mut count, mut here) = (0, at);
    let mut grouped = None;
    let mut length = MAX_IBAN;
    while count < length {
        let Some(byte) = window.byte(here) else {
            return window.starved();
        };
        if byte == b' ' && count % 4 == 0 && count > 0 && *grouped.get_or_insert(true) {
            here += 1;
            let Some(next) = window.byte(here) else {
                return window.starved();
            };
            if !next.is_ascii_alphanumeric() {
                return Verdict::No;
            }
            continue;
        }
        let fits = match count {
            0 | 1 => byte.is_ascii_uppercase(),
            2 | 3 => byte.is_ascii_digit(),
            4 if grouped.is_none() => {
                grouped = Some(false);
                byte.is_ascii_uppercase() || byte.is_ascii_digit()
            }
            _ => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        };
        if !fits
            || (grouped == Some(true) && count % 4 == 0 && count > 0 && window.byte(here - 1) != Some(b' '))
        {
            return Verdict::No;
        }
        chars[count] = byte;
        count += 1;
        here += 1;
        if count == 2 {
            match IBANS.binary_search_by_key(&&chars[..2], |country| country.0.as_bytes()) {
                Ok(country) => length = IBANS[country].1,
                Err(_) => return Verdict::No,
            }
        }
    }
    match window.byte(here) {
        None if !window.last => return Verdict::More,
        Some(next) if next.is_ascii_alphanumeric() => return Verdict::No,
        _ => {}
    }
    let chars = &chars[..count];
    if mod_97(chars[4..].iter().chain(&chars[..4])) != 1 {
        return Verdict::No;
    }
    Hit::new(here, Confidence::High).into()
}

/// Countries and the lengths of their account numbers.
#[rustfmt::skip]
pub(super) const IBANS: &[(&str, usize)] = &[
    ("AD", 24), ("AE", 23), ("AL", 28), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BG", 22), ("BH", 22), ("BI", 27), ("BR", 29),
    ("BY", 28), ("CH", 21), ("CR", 22), ("CY", 28), ("CZ", 24), ("DE", 22), ("DJ", 27), ("DK", 18), ("DO", 28), ("EE", 20), ("EG", 29),
    ("ES", 24), ("FI", 18), ("FK", 18), ("FO", 18), ("FR", 27), ("GB", 22), ("GE", 22), ("GI", 23), ("GL", 18), ("GR", 27), ("GT", 28),
    ("HN", 28), ("HR", 21), ("HU", 28), ("IE", 22), ("IL", 23), ("IQ", 23), ("IS", 26), ("IT", 27), ("JO", 30), ("KW", 30), ("KZ", 20),
    ("LB", 28), ("LC", 32), ("LI", 21), ("LT", 20), ("LU", 20), ("LV", 21), ("LY", 25), ("MC", 27), ("MD", 24), ("ME", 22), ("MK", 19),
    ("MN", 20), ("MR", 27), ("MT", 31), ("MU", 30), ("NI", 28), ("NL", 18), ("NO", 15), ("OM", 23), ("PK", 24), ("PL", 28), ("PS", 29),
    ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22), ("RU", 33), ("SA", 24), ("SC", 31), ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24),
    ("SM", 27), ("SO", 23), ("ST", 25), ("SV", 28), ("TL", 23), ("TN", 24), ("TR", 26), ("UA", 29), ("VA", 22), ("VG", 24), ("XK", 20),
    ("YE", 30),
];

pub(super) const ID_LONGEST: usize = identity::longest(IDS);

pub(super) fn id_starts(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

pub(super) fn national_id(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    identity::verify(IDS, window, at)
}

const fn id(
    subtype: &'static str,
    template: &'static str,
    words: &'static [&'static str],
    alone: Alone,
    check: fn(&[u8]) -> bool,
) -> Id {
    Id {
        subtype,
        template,
        words,
        alone,
        check,
    }
}

use Alone::{Always, Grouped, Never};

/// National numbers with the check digits that the states publish.
#[rustfmt::skip]
pub(super) const IDS: &[Id] = &[
    id("at_svnr", "dddd?dddddd", &[" svnr ", " sozialversicherungsnummer ", " sv nummer ", " versicherungsnummer "], Never, austria),
    id("be_rrn", "dd?dd?dd?ddd?dd", &[" rijksregisternummer ", " rijksregister ", " registre national ", " insz ", " niss ", " national number "], Grouped, belgium),
    id("bg_egn", "dddddddddd", &[" egn "], Never, |c| weighted(c, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == digit(c[9])),
    id("ch_ahv", "756?dddd?dddd?dd", &[" ahv ", " avs ", " ahvn ", " ssn "], Always, |c| weighted(c, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)),
    id("cz_rc", "dddddd?dddd", &[" rodne ", " rc "], Grouped, czechia),
    id("de_idnr", "dd?ddd?ddd?ddd", &[" steuer id ", " steuerid ", " steueridentifikationsnummer ", " identifikationsnummer ", " idnr ", " id nr ", " steuer idnr ", " steuernummer ", " tin ", " tax id "], Never, germany),
    id("de_svnr", "dd?dddddd?L?ddd", &[" sozialversicherungsnummer ", " rentenversicherungsnummer ", " versicherungsnummer ", " svnr "], Never, german_pension),
    id("dk_cpr", "dddddd?dddd", &[" cpr ", " personnummer ", " cprnr "], Never, |c| is_day(number(&c[..2]), number(&c[2..4]))),
    id("ee_isikukood", "ddddddddddd", &[" isikukood ", " asmens kodas ", " personal code ", " ik "], Never, baltic),
    id("es_dni", "dddddddd?L", &[" dni ", " nif ", " documento ", " dni nie "], Never, |c| spain(number(&c[..8]), c[8])),
    id("es_nie", "L?ddddddd?L", &[" nie ", " nif ", " dni "], Always, |c| c[0].wrapping_sub(b'X') < 3 && spain(u64::from(c[0] - b'X') * 10_000_000 + number(&c[1..8]), c[8])),
    id("fi_hetu", "dddddd-dddX", &[" hetu ", " henkilotunnus "], Always, finland),
    id("fi_hetu", "ddddddAdddX", &[" hetu ", " henkilotunnus "], Always, |c| finland(&[&c[..6], &c[7..]].concat())),
    id("fr_nir", "d?dd?dd?dX?ddd?ddd?dd", &[" nir ", " insee ", " securite sociale ", " numero de securite ", " secu ", " social security ", " curit sociale "], Grouped, france),
    id("gr_amka", "ddddddddddd", &[" amka "], Never, |c| is_day(number(&c[..2]), number(&c[2..4])) && luhn(&digits(c)[..11])),
    id("hr_oib", "ddddddddddd", &[" oib "], Never, iso7064_mod_11_10),
    id("ie_pps", "dddddddL", &[" pps ", " ppsn ", " pps number "], Never, |c| ireland(c, 0)),
    id("ie_pps", "dddddddLL", &[" pps ", " ppsn ", " pps number "], Never, |c| ireland(c, u64::from(c[8] - b'A' + 1) % 23)),
    id("it_cf", "LLLLLLXXLXXLXXXL", &[" codice fiscale ", " cf "], Always, italy),
    id("nl_bsn", "ddd?ddd?ddd", &[" bsn ", " burgerservicenummer ", " sofinummer ", " sofi ", " burger service nummer "], Never, netherlands),
    id("nl_bsn", "dddd?dd?ddd", &[" bsn ", " burgerservicenummer ", " sofinummer ", " sofi "], Never, netherlands),
    id("no_fnr", "dddddd?ddddd", &[" fodselsnummer ", " fnr ", " personnummer ", " dselsnummer "], Always, norway),
    id("pl_pesel", "ddddddddddd", &[" pesel "], Never, |c| weighted(c, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10) && (1..=31).contains(&number(&c[4..6]))),
    id("pt_nif", "ddd?ddd?ddd", &[" nif ", " contribuinte ", " numero de contribuinte "], Never, portugal),
    id("ro_cnp", "ddddddddddddd", &[" cnp ", " cod numeric "], Never, romania),
    id("se_pnr", "dddddd-dddd", &[" personnummer ", " pnr "], Always, sweden),
    id("se_pnr", "dddddddd-dddd", &[" personnummer ", " pnr "], Always, |c| sweden(&c[2..])),
    id("se_pnr", "dddddddddddd", &[" personnummer ", " pnr "], Never, |c| sweden(&c[2..])),
    id("si_emso", "ddddddddddddd", &[" emso "], Never, |c| { let rest = weighted(c, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11; (11 - rest) % 11 % 10 == digit(c[12]) }),
    id("uk_nhs", "ddd?ddd?dddd", &[" nhs ", " nhs number "], Never, |c| { let rest = weighted(c, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11; (11 - rest) % 11 == digit(c[9]) }),
    id("uk_nino", "LL?dd?dd?dd?L", &[" nino ", " national insurance ", " ni number "], Grouped, britain),
];

fn digit(char: u8) -> u64 {
    u64::from(char - b'0')
}

fn digits(chars: &[u8]) -> [u8; 20] {
    let mut digits = [0; 20];
    for (place, char) in digits.iter_mut().zip(chars) {
        *place = char - b'0';
    }
    digits
}

fn austria(c: &[u8]) -> bool {
    let rest = weighted(c, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    c[0] != b'0' && rest == digit(c[3])
}

/// The last two digits are what 97 leaves; of those born from 2000 on with a 2 before the number.
fn belgium(c: &[u8]) -> bool {
    let (number, check) = (number(&c[..9]), number(&c[9..]));
    97 - number % 97 == check || 97 - (2_000_000_000 + number) % 97 == check
}

/// Divisible by 11; women's months have 50 added, and 20 or 70 where a day has run out of numbers.
fn czechia(c: &[u8]) -> bool {
    let month = number(&c[2..4]) % 50;
    let sum = number(&c[..9]) % 11 % 10;
    is_day(number(&c[4..6]), if month > 20 { month - 20 } else { month }) && sum == digit(c[9])
}

/// One digit of the first ten occurs twice or three times and the others at most once
/// ([rules](https://www.zfa.deutsche-rentenversicherung-bund.de/)); ISO 7064 MOD 11,10.
fn germany(c: &[u8]) -> bool {
    let mut counts = [0_u8; 10];
    for char in &c[..10] {
        counts[usize::from(char - b'0')] += 1;
    }
    let repeated = counts.iter().filter(|count| **count > 1).count();
    let most = counts.iter().max().copied().unwrap_or(0);
    c[0] != b'0' && repeated == 1 && most <= 3 && iso7064_mod_11_10(c)
}

/// Area, date of birth, the initial as two digits, serial: weights 2 1 2 5 7 1 2 1 2 1 2 1, sums of digits.
fn german_pension(c: &[u8]) -> bool {
    let letter = c[8] - b'A' + 1;
    let digits = [
        c[0],
        c[1],
        c[2],
        c[3],
        c[4],
        c[5],
        c[6],
        c[7],
        b'0' + letter / 10,
        b'0' + letter % 10,
        c[9],
        c[10],
    ];
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u64 = digits
        .iter()
        .zip(weights)
        .map(|(char, weight)| digit(*char) * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    is_day(number(&c[2..4]), number(&c[4..6])) && sum % 10 == digit(c[11])
}

/// Estonia and Lithuania: two rows of weights.
fn baltic(c: &[u8]) -> bool {
    let first = weighted(c, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(c, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10;
    let check = if first == 10 { second } else { first };
    is_day(number(&c[5..7]), number(&c[3..5])) && check == digit(c[10])
}

fn spain(number: u64, letter: u8) -> bool {
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize] == letter
}

fn finland(c: &[u8]) -> bool {
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(number(&c[..9]) % 31) as usize];
    is_day(number(&c[..2]), number(&c[2..4])) && check == c[9]
}

/// Sex, year, month, department (Corsica's have a letter), commune, order, and what 97 leaves.
fn france(c: &[u8]) -> bool {
    let corsica = match c[6] {
        b'A' => 1_000_000,
        b'B' => 2_000_000,
        b'0'..=b'9' => 0,
        _ => return false,
    };
    let mut plain = [0; 13];
    plain.copy_from_slice(&c[..13]);
    if corsica > 0 {
        plain[6] = b'0';
    }
    let month = number(&c[3..5]);
    matches!(c[0], b'1'..=b'4' | b'7' | b'8')
        && ((1..=12).contains(&month) || (20..=42).contains(&month) || month >= 50)
        && 97 - (number(&plain) - corsica) % 97 == number(&c[13..])
}

fn ireland(c: &[u8], second: u64) -> bool {
    let sum = weighted(&c[..7], &[8, 7, 6, 5, 4, 3, 2]) + 9 * second;
    b"WABCDEFGHIJKLMNOPQRSTUV"[(sum % 23) as usize] == c[7]
}

/// Sixteen characters ([decree of 1976](https://www.agenziaentrate.gov.it/)); letters may stand for digits where two people would
/// share a code.
fn italy(c: &[u8]) -> bool {
    const ODD: [u8; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
    ];
    let value = |char: u8| {
        if char.is_ascii_digit() {
            char - b'0'
        } else {
            char - b'A'
        }
    };
    let sum: u32 = c[..15]
        .iter()
        .enumerate()
        .map(|(place, char)| {
            u32::from(if place % 2 == 0 {
                ODD[usize::from(value(*char))]
            } else {
                value(*char)
            })
        })
        .sum();
    let in_digits = [6, 7, 9, 10, 12, 13, 14]
        .iter()
        .all(|place| c[*place].is_ascii_digit() || b"LMNPQRSTUV".contains(&c[*place]));
    in_digits && b"ABCDEHLMPRST".contains(&c[8]) && sum % 26 == u32::from(c[15] - b'A')
}

/// The test of eleven, the last digit taken away.
fn netherlands(c: &[u8]) -> bool {
    let sum = weighted(c, &[9, 8, 7, 6, 5, 4, 3, 2]);
    sum % 11 == digit(c[8]) && number(c) > 0
}

fn norway(c: &[u8]) -> bool {
    let first = weighted(c, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11);
    let second = weighted(c, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11);
    // Numbers for those without residence have 4 added to the first digit.
    is_day(number(&c[..2]) % 40, number(&c[2..4])) && first && second
}

fn portugal(c: &[u8]) -> bool {
    let rest = weighted(c, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    c[0] != b'0' && check == digit(c[8])
}

fn romania(c: &[u8]) -> bool {
    let rest = weighted(c, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let check = if rest == 10 { 1 } else { rest };
    c[0] != b'0' && is_day(number(&c[5..7]), number(&c[3..5])) && check == digit(c[12])
}

/// Numbers for those who are not registered have 60 added to the day.
fn sweden(c: &[u8]) -> bool {
    is_day(number(&c[4..6]) % 60, number(&c[2..4])) && luhn(&digits(c)[..10])
}

/// Prefixes that are never given ([HMRC NIM39110](https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110)).
fn britain(c: &[u8]) -> bool {
    let never = [&b"BG"[..], b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&&c[..2]);
    !never && !b"DFIQUV".contains(&c[0]) && !b"DFIOQUV".contains(&c[1]) && matches!(c[8], b'A'..=b'D')
}
