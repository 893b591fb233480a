//! Tokens known by their structure: parts of known lengths with marks between them, the first of which need not be fixed.

use std::sync::LazyLock;

use super::vendor::{base62, hex, lower, url_safe};
use crate::entropy::{distinct, is_placeholder};
use crate::finding::Confidence;
use crate::gate::sieve::{ByteSet, WIDTH};
use crate::memo::Memo;
use crate::run::Run;
use crate::search::{Hit, Verdict, Window};

/// The longest in the table.
pub(super) const LONGEST: usize = {
    let (mut longest, mut shape) = (0, 0);
    while shape < SHAPES.len() {
        let (mut length, mut part) = (0, 0);
        while part < SHAPES[shape].parts.len() {
            length += match SHAPES[shape].parts[part] {
                Part::Is(text) => text.len(),
                Part::Of(_, most, _) => most,
                Part::Uuid => UUID,
            };
            part += 1;
        }
        if length > longest {
            longest = length;
        }
        shape += 1;
    }
    longest
};

pub(super) fn starts(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn verify(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    let mut possible = !0;
    for (byte, shapes) in window.bytes[at..].iter().zip(&*POSSIBLE) {
        possible &= shapes[usize::from(*byte)];
        if possible == 0 {
            return Verdict::No;
        }
    }
    if !super::is_token_start(window, at) {
        return Verdict::No;
    }
    // Several may still be possible when the bytes end: then nothing is decided.
    while possible != 0 {
        let index = possible.trailing_zeros() as usize;
        let shape = &SHAPES[index];
        // A mark within that is not there dismisses a shape before what stands before it is gone through.
        let (before, mark) = MARKS[index];
        let there = window.bytes.get(at + before..at + before + mark.len());
        if there.is_some_and(|there| there != mark) {
            possible &= possible - 1;
            continue;
        }
        match shape.verify(window, at) {
            Verdict::No => possible &= possible - 1,
            other => return other,
        }
    }
    Verdict::No
}

/// So many bytes from the first are asked about at once. Hardly a word is longer, and what follows it dismisses it.
const ASKED: usize = 16;

/// For each of the bytes that are asked about, the shapes in which it can stand there, as bits. Most words are dismissed by these.
static POSSIBLE: LazyLock<[[u64; 256]; ASKED]> = LazyLock::new(|| {
    let mut possible = [[0; 256]; ASKED];
    for (index, shape) in SHAPES.iter().enumerate() {
        let known = shape
            .beginning()
            .into_iter()
            .chain(std::iter::repeat(ByteSet::ALL));
        for (shapes, set) in possible.iter_mut().zip(known) {
            for byte in set.iter() {
                shapes[usize::from(byte)] |= 1 << index;
            }
        }
    }
    possible
});

/// What the tokens that begin with a fixed text begin with.
pub(super) fn prefixes() -> impl Iterator<Item = Vec<ByteSet>> {
    let fixed = SHAPES
        .iter()
        .filter(|shape| matches!(shape.parts[0], Part::Is(_)));
    fixed.map(Shape::beginning)
}

/// The fixed texts in the others, and how many bytes stand before them. Of those that have none the gate knows by itself:
/// [`FOUND_OTHERWISE`].
pub(crate) fn pieces() -> impl Iterator<Item = (usize, &'static str)> {
    SHAPES.iter().filter_map(|shape| {
        let mut before = 0;
        for part in shape.parts {
            match *part {
                Part::Is(text) if before > 0 && text.len() > 1 => return Some((before, text)),
                Part::Is(text) if before > 0 => before += text.len(),
                Part::Of(least, most, _) if least == most => before += least,
                _ => return None,
            }
        }
        None
    })
}

/// For each shape, the first fixed text with a known place, and how many bytes stand before it; nothing at no distance if there
/// is none.
static MARKS: LazyLock<Vec<(usize, &[u8])>> = LazyLock::new(|| {
    let mark = |shape: &Shape| {
        let mut before = 0;
        for part in shape.parts {
            match *part {
                Part::Is(text) if before > 0 => return (before, text.as_bytes()),
                Part::Is(text) => before += text.len(),
                Part::Of(least, most, _) if least == most => before += least,
                _ => break,
            }
        }
        (0, &[][..])
    };
    SHAPES.iter().map(mark).collect()
});

/// Tokens that begin with digits, with an `M`, `N` or `O` and two dozen letters, or with 32 hexadecimal digits.
#[cfg(test)]
const FOUND_OTHERWISE: [&str; 4] = ["telegram", "discord", "mailgun", "asana"];

pub(super) struct Shape {
    pub(super) vendor: &'static str,
    pub(super) parts: &'static [Part],
}

#[derive(Clone, Copy)]
pub(super) enum Part {
    Is(&'static str),
    /// Least and most bytes, and their alphabet. The last part goes on as long as its alphabet does, unless the two are equal.
    Of(usize, usize, fn(u8) -> bool),
    /// Hexadecimal in groups of 8, 4, 4, 4 and 12.
    Uuid,
}

const UUID: usize = 36;

impl Shape {
    /// What can stand at each place, from the first on: as far as the places are known, and four more.
    fn beginning(&self) -> Vec<ByteSet> {
        let mut sets = Vec::new();
        for part in self.parts {
            match *part {
                Part::Is(text) => sets.extend(text.bytes().map(|byte| ByteSet::of(&[byte]))),
                Part::Uuid => sets.extend([ByteSet::that(hex); 8]),
                Part::Of(least, most, alphabet) => {
                    sets.extend(vec![ByteSet::that(alphabet); least]);
                    if least < most {
                        break;
                    }
                }
            }
        }
        sets.extend([ByteSet::ALL; WIDTH]);
        sets
    }

    fn verify(&self, window: &Window<'_>, at: usize) -> Verdict {
        let mut here = at;
        let mut goes_on = None;
        let mut complete = false;
        for part in self.parts {
            let rest = &window.bytes[here..];
            let length = match *part {
                Part::Is(text) if rest.starts_with(text.as_bytes()) => text.len(),
                Part::Is(text) if text.as_bytes().starts_with(rest) => return window.starved(),
                Part::Is(_) => return Verdict::No,
                Part::Of(least, most, alphabet) => {
                    let length = rest.iter().take(most).take_while(|byte| alphabet(**byte)).count();
                    if length < least {
                        return if length == rest.len() {
                            window.starved()
                        } else {
                            Verdict::No
                        };
                    }
                    goes_on = Some(alphabet).filter(|_| least < most);
                    complete = length == most;
                    length
                }
                Part::Uuid => {
                    let fits = |(place, byte): (usize, &u8)| match place {
                        8 | 13 | 18 | 23 => *byte == b'-',
                        _ => byte.is_ascii_hexdigit(),
                    };
                    if !rest.iter().take(UUID).enumerate().all(fits) {
                        return Verdict::No;
                    }
                    if rest.len() < UUID {
                        return window.starved();
                    }
                    goes_on = None;
                    UUID
                }
            };
            here += length;
        }
        if goes_on.is_none() {
            match window.byte(here) {
                None if !window.last => return Verdict::More,
                Some(next) if next.is_ascii_alphanumeric() || matches!(next, b'-' | b'_') => {
                    return Verdict::No;
                }
                _ => {}
            }
        } else if here == window.bytes.len() && !complete && !window.last {
            return Verdict::More;
        }
        let token = &window.bytes[at..here];
        if distinct(token) < 10 || is_placeholder(token) {
            return Verdict::No;
        }
        let hit = Hit::new(here, Confidence::High).subtype(self.vendor);
        match goes_on {
            Some(alphabet) => hit.run(Run::While(alphabet)).into(),
            None => hit.into(),
        }
    }
}

fn azure(byte: u8) -> bool {
    url_safe(byte) || matches!(byte, b'~' | b'.')
}

/// Base64 without the signs at its end.
fn standard(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

fn digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn bot(byte: u8) -> bool {
    matches!(byte, b'M' | b'N' | b'O')
}

use Part::{Is, Of, Uuid};

#[rustfmt::skip]
pub(super) static SHAPES: &[Shape] = &[
    shape("azure_client_secret", &[Of(3, 3, azure), Of(1, 1, digit), Is("Q~"), Of(31, 34, azure)]),
    shape("azure_devops", &[Of(76, 76, base62), Is("AZDO"), Of(4, 4, base62)]),
    shape("terraform", &[Of(14, 14, base62), Is(".atlasv1."), Of(60, 70, |byte| url_safe(byte) || byte == b'=')]),
    shape("telegram", &[Of(8, 10, digit), Is(":AA"), Of(33, 33, url_safe)]),
    shape("discord", &[Of(1, 1, bot), Of(23, 27, base62), Is("."), Of(6, 6, url_safe), Is("."), Of(27, 38, url_safe)]),
    shape("mailchimp", &[Of(32, 32, hex), Is("-us"), Of(1, 2, digit)]),
    shape("mailgun", &[Of(32, 32, hex), Is("-"), Of(8, 8, hex), Is("-"), Of(8, 8, hex)]),
    shape("airtable", &[Is("pat"), Of(14, 14, base62), Is("."), Of(64, 64, hex)]),
    shape("harness", &[Is("pat."), Of(22, 22, url_safe), Is("."), Of(24, 24, hex), Is("."), Of(20, 20, base62)]),
    shape("harness", &[Is("sat."), Of(22, 22, url_safe), Is("."), Of(24, 24, hex), Is("."), Of(20, 20, base62)]),
    shape("hubspot", &[Is("pat-"), Of(2, 3, lower), Is("-"), Uuid]),
    shape("launchdarkly", &[Is("sdk-"), Uuid]),
    shape("plaid", &[Is("access-sandbox-"), Uuid]),
    shape("plaid", &[Is("access-development-"), Uuid]),
    shape("plaid", &[Is("access-production-"), Uuid]),
    shape("resend", &[Is("re_"), Of(8, 8, base62), Is("_"), Of(24, 24, base62)]),
    shape("cloudflare", &[Is("cfk_"), Of(40, 40, base62), Of(8, 8, hex)]),
    shape("cloudflare", &[Is("cfut_"), Of(40, 40, base62), Of(8, 8, hex)]),
    shape("cloudflare", &[Is("cfat_"), Of(40, 40, base62), Of(8, 8, hex)]),
    shape("cloudflare", &[Is("v1.0-"), Of(24, 24, hex), Is("-"), Of(146, 146, hex)]),
    shape("paypal", &[Is("access_token$production$"), Of(16, 16, lower), Is("$"), Of(32, 32, hex)]),
    shape("brevo", &[Is("xkeysib-"), Of(64, 64, hex), Is("-"), Of(16, 16, base62)]),
    shape("asana", &[Of(1, 1, digit), Is("/"), Of(13, 19, digit), Is(":"), Of(32, 32, hex)]),
    shape("asana", &[Of(1, 1, digit), Is("/"), Of(13, 19, digit), Is("/"), Of(13, 19, digit), Is(":"), Of(32, 32, hex)]),
    shape("maxmind", &[Of(6, 6, base62), Is("_"), Of(29, 29, base62), Is("_mmk")]),
    shape("newrelic", &[Of(36, 36, hex), Is("NRAL")]),
    // Microsoft's keys that can be told: a mark and a checksum at the end.
    shape("azure", &[Of(52, 52, base62), Is("JQQJ99"), Of(26, 26, base62)]),
    shape("azure_search", &[Of(42, 42, base62), Is("AzSe"), Of(6, 6, base62)]),
    shape("azure_functions", &[Of(44, 44, url_safe), Is("AzFu"), Of(6, 6, url_safe), Is("==")]),
    shape("azure_redis", &[Of(33, 33, base62), Is("AzCa"), Of(6, 6, base62), Is("=")]),
    shape("azure_registry", &[Of(42, 42, standard), Is("+ACR"), Of(6, 6, standard)]),
    shape("azure_cosmos", &[Of(76, 76, standard), Is("ACDb"), Of(6, 6, standard), Is("==")]),
    shape("azure_api_management", &[Of(76, 76, standard), Is("APIM"), Of(6, 6, standard), Is("==")]),
    shape("azure_storage", &[Of(76, 76, standard), Is("+ASt"), Of(6, 6, standard), Is("==")]),
    shape("azure_batch", &[Of(76, 76, standard), Is("+ABa"), Of(6, 6, standard), Is("==")]),
    shape("azure_service_bus", &[Of(33, 33, standard), Is("+ASb"), Of(6, 6, standard), Is("=")]),
    shape("azure_event_hub", &[Of(33, 33, standard), Is("+AEh"), Of(6, 6, standard), Is("=")]),
    shape("azure_relay", &[Of(33, 33, standard), Is("+ARm"), Of(6, 6, standard), Is("=")]),
    shape("azure_iot", &[Of(33, 33, standard), Is("AIoT"), Of(6, 6, standard), Is("=")]),
];

const fn shape(vendor: &'static str, parts: &'static [Part]) -> Shape {
    Shape { vendor, parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_knows_every_shape() {
        let otherwise = SHAPES
            .iter()
            .filter(|shape| FOUND_OTHERWISE.contains(&shape.vendor) && !matches!(shape.parts[0], Is(_)));
        assert_eq!(
            prefixes().count() + pieces().count() + otherwise.count(),
            SHAPES.len()
        );
    }
}
