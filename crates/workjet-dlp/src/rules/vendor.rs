//! Tokens that their issuers made recognisable: a prefix, an alphabet, a length, and a checksum where there is one.
//!
//! A token of fixed length must end where it should; of the others, the first bytes prove the match and the rest is taken
//! along.

use std::sync::LazyLock;

use super::formats::FORMATS;
use crate::checksum::base62_crc32;
use crate::entropy::{Classes, distinct, is_placeholder, is_wordy};
use crate::finding::Confidence;
use crate::gate::sieve::ByteSet;
use crate::memo::Memo;
use crate::run::Run;
use crate::search::{Hit, Verdict, Window};

/// The longest proof in the table.
pub(super) const LONGEST: usize = {
    let mut longest = WORKJET_LONGEST;
    let mut index = 0;
    while index < FORMATS.len() {
        let length = FORMATS[index].prefix.len() + FORMATS[index].body;
        if length > longest {
            longest = length;
        }
        index += 1;
    }
    longest
};

pub(super) fn starts(byte: u8) -> bool {
    byte == b'w' || FORMATS.iter().any(|format| format.prefix.as_bytes()[0] == byte)
}

/// What the tokens of every format begin with: the prefix and four bytes of the body.
pub(super) fn prefixes() -> impl Iterator<Item = Vec<ByteSet>> {
    let workjet = [
        ByteSet::of(b"w"),
        ByteSet::of(b"j"),
        ByteSet::of(b"_"),
        ByteSet::that(lower),
    ];
    let others = FORMATS.iter().map(|format| {
        let prefix = format.prefix.bytes().map(|byte| ByteSet::of(&[byte]));
        prefix.chain([ByteSet::that(format.alphabet); 4]).collect()
    });
    std::iter::once(workjet.to_vec()).chain(others)
}

pub(super) fn verify(window: &Window<'_>, at: usize, memo: &mut Memo) -> Verdict {
    let first = window.bytes[at];
    let begun = window
        .byte(at + 1)
        .is_none_or(|second| second < 128 && SECOND_BYTES[usize::from(first)] >> second & 1 == 1);
    if !begun || !super::is_token_start(window, at) {
        return Verdict::No;
    }
    let workjet = (first == b'w').then(|| workjet(window, at));
    // Of those that begin with these two bytes, all if there is but one.
    let others = BY_TWO_BYTES.get(first, window.byte(at + 1));
    // Four bytes, if so many are there, dismiss most of those that begin alike.
    let four = window.bytes[at..]
        .first_chunk()
        .map(|four| u32::from_le_bytes(*four));
    let others = others
        .iter()
        .filter(|listed| four.is_none_or(|four| (four ^ listed.begins) & listed.counts == 0))
        .map(|listed| listed.format.verify(window, at, listed.alphabet, memo));
    workjet
        .into_iter()
        .chain(others)
        .find(|verdict| !matches!(verdict, Verdict::No))
        .unwrap_or(Verdict::No)
}

/// The formats by the first two bytes of their prefixes, in their order.
struct ByTwoBytes {
    /// Places in `lists`, where the first is empty; behind all second bytes stands that of any.
    list: Vec<[u8; 129]>,
    lists: Vec<Vec<Listed>>,
    /// The alphabets of the formats, each once: whether a byte is in it.
    alphabets: Vec<[bool; 256]>,
}

struct Listed {
    format: &'static Format,
    /// The place of its alphabet.
    alphabet: usize,
    /// The first four bytes of its prefix, or fewer, the first one lowest, and the bits of them that count.
    begins: u32,
    counts: u32,
}

impl ByTwoBytes {
    const ANY: usize = 128;

    fn get(&self, first: u8, second: Option<u8>) -> &[Listed] {
        let second = second.map_or(Self::ANY, usize::from);
        if first >= 128 || second > Self::ANY {
            return &[];
        }
        &self.lists[usize::from(self.list[usize::from(first)][second])]
    }

    fn add(&mut self, format: &'static Format) {
        let belongs: [bool; 256] = std::array::from_fn(|byte| (format.alphabet)(byte as u8));
        let known = self.alphabets.iter().position(|known| *known == belongs);
        let alphabet = known.unwrap_or_else(|| {
            self.alphabets.push(belongs);
            self.alphabets.len() - 1
        });
        let prefix = format.prefix.as_bytes();
        let four = |of: fn(u8) -> u8| {
            let byte = |place: usize| prefix.get(place).map_or(0, |byte| of(*byte));
            u32::from_le_bytes(std::array::from_fn(byte))
        };
        let (begins, counts) = (four(|byte| byte), four(|_| u8::MAX));
        for second in [usize::from(prefix[1]), Self::ANY] {
            let list = &mut self.list[usize::from(prefix[0])][second];
            if *list == 0 {
                *list = u8::try_from(self.lists.len()).expect("there are fewer beginnings than 256");
                self.lists.push(Vec::new());
            }
            self.lists[usize::from(*list)].push(Listed {
                format,
                alphabet,
                begins,
                counts,
            });
        }
    }
}

static BY_TWO_BYTES: LazyLock<ByTwoBytes> = LazyLock::new(|| {
    let mut by_two = ByTwoBytes {
        list: vec![[0; ByTwoBytes::ANY + 1]; 128],
        lists: vec![Vec::new()],
        alphabets: Vec::new(),
    };
    FORMATS.iter().for_each(|format| by_two.add(format));
    by_two
});

/// For each first byte of a prefix, the bytes that come second, as bits. Most words are dismissed by these.
static SECOND_BYTES: [u128; 256] = {
    let mut table = [0; 256];
    table[b'w' as usize] = 1 << b'j';
    let mut index = 0;
    while index < FORMATS.len() {
        let prefix = FORMATS[index].prefix.as_bytes();
        table[prefix[0] as usize] |= 1 << prefix[1];
        index += 1;
    }
    table
};

pub(super) struct Format {
    pub(super) vendor: &'static str,
    pub(super) prefix: &'static str,
    pub(super) alphabet: fn(u8) -> bool,
    /// Bytes after the prefix that prove the token: all of them, if `exact`.
    pub(super) body: usize,
    pub(super) exact: bool,
    check: fn(&[u8], &[u8]) -> bool,
}

impl Format {
    /// `alphabet` is the place of the format's alphabet in [`BY_TWO_BYTES`].
    fn verify(&self, window: &Window<'_>, at: usize, alphabet: usize, memo: &mut Memo) -> Verdict {
        let prefix = self.prefix.as_bytes();
        let rest = &window.bytes[at..];
        // One byte dismisses most of those that begin alike.
        let last = prefix.len() - 1;
        if rest.get(last).is_some_and(|byte| *byte != prefix[last]) {
            return Verdict::No;
        }
        if !rest.starts_with(prefix) {
            return if prefix.starts_with(rest) {
                window.starved()
            } else {
                Verdict::No
            };
        }
        // A few letters turn up in every long piece of base64.
        let in_base64 = matches!(window.byte_before(at), Some(b'+' | b'/'));
        if in_base64 && prefix.len() < 5 && prefix.iter().all(u8::is_ascii_alphanumeric) {
            return Verdict::No;
        }
        // `live_` and `test_` are the middle of many other tokens.
        let within = matches!(window.byte_before(at), Some(b'_' | b'-'));
        if within && matches!(self.prefix, "live_" | "test_") {
            return Verdict::No;
        }
        let start = at + prefix.len();
        let body = &window.bytes[start..];
        let proof = &body[..body.len().min(self.body)];
        let belongs = &BY_TWO_BYTES.alphabets[alphabet];
        // Of prefixes one after another, each token would have to be read as far as the next.
        let of_body = memo
            .token
            .length(window.bytes, start, self.body, alphabet, |byte| {
                belongs[usize::from(byte)]
            });
        if of_body < proof.len() {
            return Verdict::No;
        }
        if proof.len() < self.body {
            return window.starved();
        }
        let end = start + self.body;
        if self.exact {
            match window.byte(end) {
                None if !window.last => return Verdict::More,
                // A full stop ends a sentence: no token of fixed length ends with a dot.
                Some(next) if (self.alphabet)(next) && next != b'.' || next.is_ascii_alphanumeric() => {
                    return Verdict::No;
                }
                _ => {}
            }
        }
        if !(self.check)(prefix, proof) {
            return Verdict::No;
        }
        let hit = Hit::new(end, Confidence::High).subtype(self.vendor);
        if self.exact {
            hit.into()
        } else {
            hit.run(Run::While(self.alphabet)).into()
        }
    }
}

/// Least and most bytes, and their alphabet.
type Part = (usize, usize, fn(u8) -> bool);

/// `wj_<environment>_<id>_<43 characters of base62>_<checksum>`: the checksum is the CRC-32 of everything before its
/// underscore.
fn workjet(window: &Window<'_>, at: usize) -> Verdict {
    const PARTS: [Part; 5] = [
        (2, 2, lower),
        (1, 16, lower),
        (8, 16, lower),
        (43, 43, base62),
        (6, 6, base62),
    ];
    let mut here = at;
    let mut sum_at = at;
    for (index, (least, most, alphabet)) in PARTS.into_iter().enumerate() {
        if index > 0 {
            match window.byte(here) {
                Some(b'_') => here += 1,
                Some(_) => return Verdict::No,
                None => return window.starved(),
            }
        }
        sum_at = here;
        while here - sum_at < most && window.byte(here).is_some_and(alphabet) {
            here += 1;
        }
        if index == 0 && !b"wj".starts_with(&window.bytes[sum_at..here]) {
            return Verdict::No;
        }
        if here - sum_at < least {
            return if window.byte(here).is_none() {
                window.starved()
            } else {
                Verdict::No
            };
        }
    }
    if base62_crc32(&window.bytes[at..sum_at - 1]) != window.bytes[sum_at..here] {
        return Verdict::No;
    }
    Hit::new(here, Confidence::High)
        .subtype("workjet")
        .run(Run::While(base62))
        .into()
}

const WORKJET_LONGEST: usize = 2 + 1 + 16 + 1 + 16 + 1 + 43 + 1 + 6;

pub(super) fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

pub(super) fn base62(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

pub(super) fn dashed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

pub(super) fn dotted(byte: u8) -> bool {
    url_safe(byte) || byte == b'.'
}

/// With the sign that fills up base64.
pub(super) fn padded(byte: u8) -> bool {
    dotted(byte) || byte == b'='
}

pub(super) fn capital_dotted(byte: u8) -> bool {
    upper(byte) || byte == b'.'
}

pub(super) fn of_authress(byte: u8) -> bool {
    padded(byte) || matches!(byte, b'+' | b'/')
}

pub(super) fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

pub(super) fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

pub(super) fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// Not a placeholder and not a name that begins alike.
pub(super) fn random(_: &[u8], body: &[u8]) -> bool {
    // One in twenty short bodies looks like words by chance, but hardly any of those lacks a digit too.
    let is_name = || !body.iter().any(u8::is_ascii_digit) && is_wordy(body);
    distinct(body) >= 8.min(body.len() / 2) && !is_placeholder(body) && !is_name()
}

/// For prefixes that are short: random, with letters and digits.
pub(super) fn mixed(prefix: &[u8], body: &[u8]) -> bool {
    let varied = || {
        let classes = Classes::of(body);
        classes.letter() && classes.digit
    };
    varied() && random(prefix, body)
}

/// `sk-` begins the keys of many services, and some names.
pub(super) fn sk(prefix: &[u8], body: &[u8]) -> bool {
    mixed(prefix, body)
        && (Classes::of(body).upper || body.iter().all(u8::is_ascii_hexdigit) || distinct(body) >= 14)
}

/// For prefixes that are common: capitals, small letters and digits, and no words.
pub(super) fn cased(prefix: &[u8], body: &[u8]) -> bool {
    let classes = Classes::of(body);
    classes.lower && classes.upper && classes.digit && random(prefix, body) && !is_wordy(body)
}

/// A hyphen and a number may follow, but not stand within.
pub(super) fn mixed_hex(prefix: &[u8], body: &[u8]) -> bool {
    !body.contains(&b'-') && mixed(prefix, body)
}

/// Authress names the kind of its keys within them.
pub(super) fn access(prefix: &[u8], body: &[u8]) -> bool {
    body.windows(4).any(|window| window == b".acc") && mixed(prefix, body)
}

pub(super) fn underscore_at_32(prefix: &[u8], body: &[u8]) -> bool {
    body.iter().position(|byte| *byte == b'_') == Some(32) && mixed(prefix, body)
}

/// GitHub puts the CRC-32 of the first thirty characters into the last six
/// ([format](https://github.blog/engineering/behind-githubs-new-authentication-token-formats/)).
pub(super) fn github(_: &[u8], body: &[u8]) -> bool {
    base62_crc32(&body[..30]) == body[30..]
}

/// The parts of a 1Password secret key stand between hyphens.
pub(super) fn secret_key(prefix: &[u8], body: &[u8]) -> bool {
    body.iter().filter(|byte| **byte == b'-').count() >= 4 && mixed(prefix, body)
}

pub(super) fn dot_at_22(prefix: &[u8], body: &[u8]) -> bool {
    body.iter().position(|byte| *byte == b'.') == Some(22) && mixed(prefix, body)
}

pub(super) const fn exactly(
    vendor: &'static str,
    prefix: &'static str,
    alphabet: fn(u8) -> bool,
    body: usize,
    check: fn(&[u8], &[u8]) -> bool,
) -> Format {
    Format {
        vendor,
        prefix,
        alphabet,
        body,
        exact: true,
        check,
    }
}

pub(super) const fn at_least(
    vendor: &'static str,
    prefix: &'static str,
    alphabet: fn(u8) -> bool,
    body: usize,
    check: fn(&[u8], &[u8]) -> bool,
) -> Format {
    Format {
        vendor,
        prefix,
        alphabet,
        body,
        exact: false,
        check,
    }
}
