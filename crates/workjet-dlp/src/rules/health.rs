//! The pack for health: numbers of patients, providers and prescribers in the United States.

use super::identity::{self, Alone, Id, weighted};
use crate::checksum::luhn;
use crate::context::Words;
use crate::finding::Confidence;
use crate::memo::Memo;
use crate::search::{Hit, Verdict, Window};

pub(super) const LONGEST: usize = identity::longest(MBI);

pub(super) fn starts(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

pub(super) fn mbi(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    identity::verify(MBI, window, at)
}

pub(super) fn npi(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    identity::verify(NPI, window, at)
}

pub(super) fn dea(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    identity::verify(DEA, window, at)
}

pub(super) const MBI_WORDS: &[&str] = &[" mbi ", " medicare ", " beneficiary "];
pub(super) const NPI_WORDS: &[&str] = &[" npi ", " national provider "];
pub(super) const DEA_WORDS: &[&str] = &[" dea ", " prescriber "];

/// [Medicare Beneficiary Identifier](https://www.cms.gov/medicare/new-medicare-card/understanding-the-mbi-format): letters
/// without S, L, O, I, B and Z.
pub(super) const MBI: &[Id] = &[Id {
    subtype: "mbi",
    template: "dLXd?LXd?LLdd",
    words: MBI_WORDS,
    alone: Alone::Always,
    check: |chars| chars[0] != b'0' && !chars.iter().any(|char| b"SLOIBZ".contains(char)),
}];

/// [National Provider Identifier](https://www.cms.gov/Regulations-and-Guidance/Administrative-Simplification/NationalProvIdentStand/Downloads/NPIcheckdigit.pdf):
/// the Luhn sum is that with 80840 before it.
pub(super) const NPI: &[Id] = &[Id {
    subtype: "npi",
    template: "dddddddddd",
    words: NPI_WORDS,
    alone: Alone::Never,
    check: |chars| {
        let mut digits = [8, 0, 8, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for (place, char) in digits[5..].iter_mut().zip(chars) {
            *place = char - b'0';
        }
        matches!(chars[0], b'1' | b'2') && luhn(&digits)
    },
}];

/// [Registration number of the Drug Enforcement Administration](https://www.deadiversion.usdoj.gov/): the last digit is that of the
/// sum of the first, third and fifth and twice the second, fourth and sixth.
pub(super) const DEA: &[Id] = &[
    Id {
        subtype: "dea",
        template: "LLddddddd",
        words: DEA_WORDS,
        alone: Alone::Never,
        check: dea_check,
    },
    Id {
        subtype: "dea",
        template: "L9ddddddd",
        words: DEA_WORDS,
        alone: Alone::Never,
        check: dea_check,
    },
];

fn dea_check(chars: &[u8]) -> bool {
    let registrant = b"ABCDEFGHJKLMPRSTUX".contains(&chars[0]);
    registrant && weighted(&chars[2..8], &[1, 2, 1, 2, 1, 2]) % 10 == u64::from(chars[8] - b'0')
}

pub(super) const MRN_LONGEST: usize = MAX_RECORD + 1;
const MAX_RECORD: usize = 16;

#[rustfmt::skip]
pub(super) const MRN_WORDS: &[&str] = &[
    " mrn ", " medical record ", " medical record no ", " medical record number ", " patient id ",
    " patient identifier ", " chart number ", " hospital number ", " mrn number ", " mrn is ",
    " medical record number is ",
];

/// A medical-record number has no form of its own: five to sixteen capitals, digits and hyphens with four digits among them,
/// right after the words.
pub(super) fn mrn(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    if !super::is_token_start(window, at) {
        return Verdict::No;
    }
    let behind = window.behind(at);
    // Between the words and the number stand signs, but no digits.
    let near = &behind[behind
        .iter()
        .rposition(u8::is_ascii_digit)
        .map_or(0, |digit| digit + 1)..];
    if !Words::all_within(near, 40).end_with(MRN_WORDS) {
        return Verdict::No;
    }
    let of_record = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'-';
    let rest = &window.bytes[at..];
    let length = rest.iter().take(MAX_RECORD + 1).take_while(of_record).count();
    if length > MAX_RECORD {
        return Verdict::No;
    }
    match rest.get(length) {
        None if !window.last => return Verdict::More,
        Some(next) if next.is_ascii_alphanumeric() || *next == b'_' => return Verdict::No,
        _ => {}
    }
    let trailing = rest[..length]
        .iter()
        .rev()
        .take_while(|byte| **byte == b'-')
        .count();
    let record = &rest[..length - trailing];
    let digits = record.iter().filter(|byte| byte.is_ascii_digit()).count();
    if record.len() < 5 || digits < 4 {
        return Verdict::No;
    }
    Hit::new(at + record.len(), Confidence::Medium).into()
}
