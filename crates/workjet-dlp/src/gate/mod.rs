//! The gate: skips what begins nothing.
//!
//! Every rule needs something rare: its prefix, seven digits close together, an `@` soon after, an assignment to a
//! secret-sounding name just before. The [`sieve`] finds these anchors many bytes at a time; here each is looked at once
//! more, and the places where a match could begin are noted, with the anchor that says so. The rules are asked there and
//! nowhere else.
//!
//! **Invariant**: where a rule would not answer *no*, the gate has noted the rule's anchor. It may note more; a test compares
//! it with asking every rule everywhere. For that to hold in a stream, the last [`REACH`] bytes of an unfinished window are
//! not judged here.

pub(crate) mod sieve;

use std::sync::LazyLock;

use crate::name;
use crate::rules;
use crate::search::{LOOK_BEHIND, Window};
use sieve::{BLOCK, Before, ByteSet, Kind, ROW, Shape, Sieve, Sifted, WIDTH};

/// What makes a place worth asking a rule about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Anchor {
    /// One of the rule's prefixes stands there, where a word may begin.
    Prefix = 1,
    /// A digit, and what may go on with a number; or a sign before them. Whether seven follow,
    /// [`rules::begins_number`] says.
    Digits = 2,
    /// An `@` stands after it, with nothing before that could not be part of an address or a password in a URL.
    Sign = 4,
    /// Forty characters of base 64, and no more, begin there.
    Forty = 8,
    /// A secret-sounding name, the scheme of a header or the address of a webhook ends before it.
    Announced = 16,
    /// The first four bytes of a custom pattern may stand there, or the first one of a rule that nothing rarer announces.
    Start = 32,
    /// One of the engine's own placeholders may stand there.
    Placeholder = 64,
}

/// How far behind the place that it anchors an anchor may end: 128 bytes of a password, `:` and `@`, and what is looked at
/// of a number. In an unfinished window, what stands nearer to the end is left to the caller.
pub(crate) const REACH: usize = 136;

/// How far before the first place an anchor may begin: a header's name, its scheme, and blanks up to where rules look.
const BEHIND: usize = LOOK_BEHIND + 64;

/// Places that notes are kept for at once: what [`REACH`] and [`BEHIND`] leave open and a block.
const NOTES: usize = 2048;

const DIGITS: Kind = 0;
const SIGN: Kind = 1;
const OPERATOR: Kind = 2;
const CAPITAL: Kind = 3;
const CUSTOM: Kind = 4;
/// Words, and pieces of what stands before or within a match.
const PIECE: [Kind; 4] = [5, 6, 7, 8];
const PIECES: u16 = 0x01E0;
/// Prefixes, where a word may begin.
const PREFIX: [Kind; 7] = [9, 10, 11, 12, 13, 14, 15];
const PREFIXES: u16 = 0xFE00;

/// What the sieve looks for on behalf of an engine's rules.
pub(crate) struct Gate {
    sieve: Sieve,
    built_in: bool,
    triples: &'static Triples,
}

/// How far the gate has looked, and what it found ahead.
pub(crate) struct Ahead {
    /// Places before this one have been judged, or may be forgotten.
    from: usize,
    /// Anchors have been looked for up to here.
    sifted_to: usize,
    /// Which of the next [`NOTES`] places have notes, and the notes: at a place's number modulo `NOTES`.
    noted: [u64; NOTES / 64],
    notes: [u8; NOTES],
    /// A place of the current window's has been asked for.
    begun: bool,
    sifted: Sifted,
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            from: 0,
            sifted_to: 0,
            noted: [0; NOTES / 64],
            notes: [0; NOTES],
            begun: false,
            sifted: Sifted::NEW,
        }
    }
}

impl Ahead {
    /// To be called before other bytes are searched.
    pub(crate) fn forget_text(&mut self) {
        self.begun = false;
    }

    fn begin(&mut self, at: usize) {
        self.begun = true;
        self.from = at;
        self.sifted_to = at.saturating_sub(BEHIND);
        self.noted = [0; NOTES / 64];
    }

    fn note(&mut self, at: usize, anchor: Anchor) {
        if at < self.from {
            return;
        }
        debug_assert!(at - self.from < NOTES, "notes are made near what is judged next");
        let place = at % NOTES;
        let bit = 1 << (place % 64);
        let word = &mut self.noted[place / 64];
        if *word & bit == 0 {
            *word |= bit;
            self.notes[place] = 0;
        }
        self.notes[place] |= anchor as u8;
    }

    /// Forgets what stands before `at`.
    fn skip_to(&mut self, at: usize) {
        if at.saturating_sub(self.from) >= NOTES {
            self.noted = [0; NOTES / 64];
            self.from = at;
        }
        while self.from < at {
            let place = self.from % NOTES;
            let here = (64 - place % 64).min(at - self.from);
            let bits = if here == 64 {
                !0
            } else {
                ((1 << here) - 1) << (place % 64)
            };
            self.noted[place / 64] &= !bits;
            self.from += here;
        }
    }

    /// The first place with notes before `until`. Goes on to it, or to `until`.
    fn next(&mut self, until: usize) -> Option<(usize, u8)> {
        while self.from < until {
            let place = self.from % NOTES;
            let bits = self.noted[place / 64] >> (place % 64);
            if bits == 0 {
                self.from = until.min(self.from + 64 - place % 64);
                continue;
            }
            let at = self.from + bits.trailing_zeros() as usize;
            self.from = at.min(until);
            return (at < until).then(|| (at, self.notes[at % NOTES]));
        }
        None
    }
}

impl Gate {
    /// A gate for the standard rules, if `built_in`, and for others that begin with these bytes.
    pub(crate) fn new(built_in: bool, customs: impl Iterator<Item = Shape>) -> Self {
        let mut sieve = if built_in {
            BUILT_IN.clone()
        } else {
            let mut sieve = Sieve::new();
            sieve.add(PIECE[0], Before::Anything, placeholder_shape());
            sieve
        };
        for shape in customs {
            sieve.add(CUSTOM, Before::Anything, shape);
        }
        sieve.fill();
        Self {
            sieve,
            built_in,
            triples: &TRIPLES,
        }
    }

    /// The first place from `at` up to `until` where some rule may have to be asked, and the anchors noted there. In an
    /// unfinished window `until` is at most [`REACH`] bytes before its end. `at` never decreases within a window.
    pub(crate) fn next(
        &self,
        ahead: &mut Ahead,
        window: &Window<'_>,
        at: usize,
        until: usize,
    ) -> Option<(usize, u8)> {
        if !ahead.begun || at > ahead.sifted_to + BEHIND {
            ahead.begin(at);
        }
        ahead.skip_to(at);
        loop {
            let judged = if ahead.sifted_to == window.bytes.len() {
                until
            } else {
                until.min(ahead.sifted_to.saturating_sub(REACH))
            };
            if let Some(noted) = ahead.next(judged) {
                return Some(noted);
            }
            if judged == until {
                return None;
            }
            self.look(ahead, window);
        }
    }

    /// Looks for anchors in the next block.
    fn look(&self, ahead: &mut Ahead, window: &Window<'_>) {
        let from = ahead.sifted_to;
        self.sieve.sift(window.bytes, from, &mut ahead.sifted);
        ahead.sifted_to = window.bytes.len().min(from + BLOCK);
        let block = window.bytes.get(from..from + BLOCK + WIDTH - 1);
        let block = block.and_then(|block| block.first_chunk::<{ BLOCK + WIDTH - 1 }>());
        for word in 0..BLOCK / 32 {
            let mut bits = ahead.sifted.marked[word];
            while bits != 0 {
                let place = (32 * word + bits.trailing_zeros() as usize) % BLOCK;
                bits &= bits - 1;
                let kinds = ahead.sifted.kinds(place);
                let kinds = match block {
                    // A bound that is known beforehand is not looked at again.
                    Some(block) => {
                        let four = [block[place], block[place + 1], block[place + 2], block[place + 3]];
                        self.triples.left(kinds, u32::from_le_bytes(four))
                    }
                    None => self.triples.sift(kinds, &window.bytes[from + place..]),
                };
                if kinds == 0 {
                    continue;
                }
                let at = from + place;
                if kinds & PREFIXES != 0 {
                    ahead.note(at, Anchor::Prefix);
                }
                examine(ahead, window.bytes, at, kinds);
            }
        }
        if self.built_in {
            let mut rows = ahead.sifted.rows;
            while rows != 0 {
                let row = rows.trailing_zeros() as usize;
                rows &= rows - 1;
                forty(ahead, window.bytes, from + ROW * row);
            }
        }
    }
}

/// Notes the places for which the anchors that may stand at `at` speak.
fn examine(ahead: &mut Ahead, bytes: &[u8], at: usize, kinds: u16) {
    let may_be = |kind: Kind| kinds >> kind & 1 == 1;
    if may_be(DIGITS) {
        digits(ahead, bytes, at);
    }
    if kinds & !PREFIXES & !(1 << DIGITS) == 0 {
        return;
    }
    if may_be(SIGN) {
        sign(ahead, bytes, at);
    }
    if may_be(OPERATOR) && bytes[at] != b' ' {
        let two = at > 0 && matches!(bytes[at - 1], b':' | b'=');
        assigned(ahead, bytes, at - usize::from(two), at + 1);
    }
    if may_be(CAPITAL) {
        capital(ahead, bytes, at);
    }
    if kinds & PIECES != 0 {
        piece(ahead, bytes, at);
    }
    if may_be(CUSTOM) {
        ahead.note(at, Anchor::Start);
    }
}

/// What the first three bytes of all prefixes and pieces are, by a hash: the kinds that may go on with such bytes.
/// Two bits for each.
struct Triples([u8; 1 << (Triples::BITS - 2)]);

impl Triples {
    const BITS: usize = 15;
    const OF_PREFIX: u8 = 1;
    const OF_PIECE: u8 = 2;

    /// For what is known of three bytes, the kinds that are left.
    const LEFT: [u16; 4] = [!(PREFIXES | PIECES), !PIECES, !PREFIXES, !0];

    /// Of three bytes in the order of the text, the first one lowest.
    fn hash(bytes: u32) -> usize {
        ((bytes << 8).wrapping_mul(0x9E37_79B1) >> (32 - Self::BITS)) as usize
    }

    fn add(&mut self, shapes: &[Shape], bit: u8) {
        for shape in shapes {
            for a in shape[0].iter() {
                for b in shape[1].iter() {
                    for c in shape[2].iter() {
                        let hash = Self::hash(u32::from_le_bytes([a, b, c, 0]));
                        self.0[hash / 4] |= bit << (2 * (hash % 4));
                    }
                }
            }
        }
    }

    /// Of the kinds that fit the beginning of these bytes, those that more than chance speaks for.
    #[inline]
    fn sift(&self, kinds: u16, bytes: &[u8]) -> u16 {
        let first = match bytes.first_chunk::<4>() {
            Some(four) => u32::from_le_bytes(*four),
            None => match *bytes {
                [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
                _ => 0,
            },
        };
        self.left(kinds, first)
    }

    /// The same for four bytes, of which three count.
    #[inline]
    fn left(&self, kinds: u16, first: u32) -> u16 {
        let hash = Self::hash(first);
        kinds & Self::LEFT[usize::from(self.0[hash / 4] >> (2 * (hash % 4)) & 3)]
    }
}

static TRIPLES: LazyLock<Triples> = LazyLock::new(|| {
    let mut triples = Triples([0; _]);
    let prefixes = rules::prefixes().into_iter();
    let prefixes = prefixes.map(|prefix| *prefix.first_chunk().expect("prefixes are no shorter"));
    triples.add(&prefixes.collect::<Vec<Shape>>(), Triples::OF_PREFIX);
    triples.add(&piece_shapes(), Triples::OF_PIECE);
    triples
});

/// A digit may begin a number, and what stands before it may belong to that. Whether enough digits follow is not looked at
/// before the search comes here: most digits stand within what has been found by then.
fn digits(ahead: &mut Ahead, bytes: &[u8], at: usize) {
    ahead.note(at, Anchor::Digits);
    // Two tokens begin with digits too: `512345678:AA…` and `1/120345678…`.
    if let Some(near) = bytes[at..].first_chunk::<11>()
        && (near[1] == b'/' || near[8] == b':' || near[9] == b':' || near[10] == b':')
    {
        ahead.note(at, Anchor::Prefix);
    }
    if at > 0 && matches!(bytes[at - 1], b'+' | b'(') {
        ahead.note(at - 1, Anchor::Digits);
        if at > 1 && matches!(bytes[at - 2..at], [b'+', b'('] | [b'(', b'+']) {
            ahead.note(at - 2, Anchor::Digits);
        }
    }
}

/// Which bytes may stand where, a bit for each question.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        let alphanumeric = byte.is_ascii_alphanumeric();
        let bits = [
            (
                AFTER_NAME,
                matches!(
                    byte,
                    b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'*' | b'_' | b'-' | b'.'
                ),
            ),
            (
                AFTER_OPERATOR,
                matches!(byte, b' ' | b'\t' | b'*' | b'\\' | b'"' | b'\'' | b'`'),
            ),
            (
                BEFORE_VALUE,
                matches!(byte, b'=' | b':' | b' ' | b'\t' | b'"' | b'\'' | b'`' | b'>'),
            ),
            (
                OF_LOCAL,
                alphanumeric
                    || byte >= 0x80
                    || matches!(
                        byte,
                        b'.' | b'!' | b'#' | b'$' | b'%' | b'\'' | b'*' | b'+' | b'-' | b'^' | b'_' | b'~'
                    ),
            ),
            (
                OF_PASSWORD,
                byte.is_ascii_graphic()
                    && !matches!(
                        byte,
                        b'/' | b'?' | b'#' | b'@' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\'
                    ),
            ),
            (OF_BASE64, alphanumeric || matches!(byte, b'/' | b'+' | b'=')),
            (
                OF_NUMBER,
                matches!(byte, b'0'..=b'9' | b'+' | b'(' | b')' | b' ' | b'-' | b'.' | b'/'),
            ),
        ];
        let mut index = 0;
        while index < bits.len() {
            if bits[index].1 {
                classes[byte as usize] |= bits[index].0;
            }
            index += 1;
        }
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

/// What may stand between a name and its operator; more than may, in any order.
const AFTER_NAME: u8 = 1;
/// What may stand between an operator and the value.
const AFTER_OPERATOR: u8 = 2;
/// What stands right before a value.
const BEFORE_VALUE: u8 = 4;
const OF_LOCAL: u8 = 8;
const OF_PASSWORD: u8 = 16;
const OF_BASE64: u8 = 32;
/// A digit, or what separates digits.
const OF_NUMBER: u8 = 64;

#[inline]
fn is(class: u8, byte: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// Before an `@` stands the local part of an address, or a password.
fn sign(ahead: &mut Ahead, bytes: &[u8], sign: usize) {
    const LOCAL: usize = 64;
    const PASSWORD: usize = 128;
    for at in (sign.saturating_sub(LOCAL)..sign).rev() {
        if !is(OF_LOCAL, bytes[at]) {
            break;
        }
        let begins = bytes[at].is_ascii_alphanumeric() || bytes[at] >= 0xC2;
        let follows = at == 0 || !bytes[at - 1].is_ascii_alphanumeric() || follows_escape(bytes, at);
        if begins && follows {
            ahead.note(at, Anchor::Sign);
        }
    }
    for at in (sign.saturating_sub(PASSWORD).max(1)..sign).rev() {
        if !is(OF_PASSWORD, bytes[at]) {
            break;
        }
        if bytes[at - 1] == b':' {
            ahead.note(at, Anchor::Sign);
        }
    }
}

fn follows_escape(bytes: &[u8], at: usize) -> bool {
    matches!(bytes[..at], [.., b'\\', b'n' | b't' | b'r'])
}

/// After `=`, `:`, `>` or a verb stands a value; of interest if the word before `operator` may be secret-sounding.
fn assigned(ahead: &mut Ahead, bytes: &[u8], operator: usize, after: usize) {
    if !ends_like_a_name(&bytes[..operator]) {
        return;
    }
    note_values(ahead, bytes, after);
}

/// Notes the places where a value may begin: after up to eight blanks, eight backslashes and a quote.
fn note_values(ahead: &mut Ahead, bytes: &[u8], after: usize) {
    for at in after..bytes.len().min(after + 18) {
        if is(BEFORE_VALUE, bytes[at - 1]) {
            ahead.note(at, Anchor::Announced);
        }
        if !is(AFTER_OPERATOR, bytes[at]) {
            break;
        }
    }
}

/// After the `user` of `-u user:password`.
fn after_user(ahead: &mut Ahead, bytes: &[u8], user: usize) {
    const USER: usize = 66;
    let rest = &bytes[user.min(bytes.len())..];
    let of_user = |byte: &&u8| byte.is_ascii_graphic() && **byte != b':';
    let length = rest.iter().take(USER).take_while(of_user).count();
    if rest.get(length) == Some(&b':') {
        ahead.note(user + length + 1, Anchor::Announced);
    }
}

/// Whether the last letters may be those of a secret-sounding name, or of the verb after one.
fn ends_like_a_name(before: &[u8]) -> bool {
    // More is never skipped by who reads the name.
    const SKIPPED: usize = 96;
    let least = before.len().saturating_sub(SKIPPED);
    let mut end = before.len();
    while end > least && is(AFTER_NAME, before[end - 1]) {
        end -= 1;
    }
    let word = &before[..end];
    // Words for passwords in other languages.
    word[end.saturating_sub(4)..].iter().any(|byte| !byte.is_ascii()) || ENDINGS.have(word)
}

/// The last three letters of words, a bit for each three.
struct Endings([u64; 1 << (3 * 5 - 6)]);

impl Endings {
    /// Letters counted from 1; 0 stands for what is none.
    fn letter(byte: u8) -> usize {
        let place = (byte | 0x20).wrapping_sub(b'a');
        if place < 26 { usize::from(place) + 1 } else { 0 }
    }

    fn have(&self, text: &[u8]) -> bool {
        let [a, b, c] = match *text {
            [.., a, b, c] => [a, b, c],
            [b, c] => [0, b, c],
            _ => return false,
        };
        // `nameIs`, `NAMEIs`: another word begins with the capital.
        let hump = b.is_ascii_uppercase() && (a.is_ascii_lowercase() || c.is_ascii_lowercase());
        let [first, b, c] = [a, b, c].map(Self::letter);
        let has = |first: usize| {
            let bit = first << 10 | b << 5 | c;
            self.0[bit / 64] >> (bit % 64) & 1 == 1
        };
        has(first) || (hump && has(0))
    }

    fn add(&mut self, word: &str) {
        let letters: Vec<usize> = word.bytes().map(Self::letter).collect();
        let mut add = |first: usize, b: usize, c: usize| {
            let bit = first << 10 | b << 5 | c;
            self.0[bit / 64] |= 1 << (bit % 64);
        };
        match letters[..] {
            [.., a, b, c] => add(a, b, c),
            [b, c] => add(0, b, c),
            _ => unreachable!("names have two letters or more"),
        }
    }
}

static ENDINGS: LazyLock<Endings> = LazyLock::new(|| {
    let mut endings = Endings([0; _]);
    let verbs = ["is", "was", "to", "ist", "est", "es"];
    for word in name::words().chain(verbs).chain(["value"]) {
        endings.add(word);
    }
    // A name of two letters may end a longer word, `dbpw`, of which the rest is not looked at.
    for word in name::words().filter(|word| word.len() == 2) {
        for letter in 'a'..='z' {
            endings.add(&format!("{letter}{word}"));
        }
    }
    // Words with other letters before these.
    for ending in ["odi", "ord"] {
        endings.add(ending);
    }
    endings
});

/// `authorization` and `bearer`, by three letters of each.
fn scheme(ahead: &mut Ahead, bytes: &[u8], at: usize) {
    const NAME: &[u8] = b"authorization";
    const SCHEMES: [&[u8]; 5] = [b"basic", b"token", b"apikey", b"key", b"ssws"];
    let stands = |word: &[u8], at: usize| {
        bytes
            .get(at..at + word.len())
            .is_some_and(|same| same.eq_ignore_ascii_case(word))
    };
    if at >= 3 && stands(b"bearer", at - 3) {
        after_scheme(ahead, bytes, at + 3);
    }
    if at >= 5 && stands(NAME, at - 5) {
        let end = at - 5 + NAME.len();
        // The name must stand within 32 bytes before the scheme.
        for here in end..=(end - NAME.len() + 32) {
            for scheme in SCHEMES.into_iter().filter(|scheme| stands(scheme, here)) {
                after_scheme(ahead, bytes, here + scheme.len());
            }
        }
    }
}

fn after_scheme(ahead: &mut Ahead, bytes: &[u8], end: usize) {
    let blanks = bytes[end..]
        .iter()
        .take(LOOK_BEHIND)
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    if blanks > 0 && bytes[end + blanks - 1] == b' ' {
        ahead.note(end + blanks, Anchor::Announced);
    }
}

/// Verbs between a name and its value, schemes of headers, `-----BEGIN` by its last dash, a webhook's address by what stands
/// around its last dot, a placeholder and an option of a command by their beginnings, tokens by what stands within them.
fn piece(ahead: &mut Ahead, bytes: &[u8], at: usize) {
    match bytes[at..] {
        [b' ', b'i' | b'e', b's', b't', ..] => assigned(ahead, bytes, at, at + 4),
        [b' ', b'i' | b'e', b's', ..] | [b' ', b't', b'o', ..] => assigned(ahead, bytes, at, at + 3),
        [b'w', b'a', b's', ..] if at > 0 && bytes[at - 1] == b' ' => {
            assigned(ahead, bytes, at - 1, at + 3);
        }
        [b'r' | b'R', ..] => scheme(ahead, bytes, at),
        [b'-', b'B', b'E', ..] if at >= 4 => ahead.note(at - 4, Anchor::Prefix),
        [b'[', b'A'..=b'Z', ..] => ahead.note(at, Anchor::Placeholder),
        [b'-', b'-', ..] if at == 0 || !bytes[at - 1].is_ascii_graphic() => {
            let of_flag = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let end = at + bytes[at..].iter().take(48).take_while(of_flag).count();
            assigned(ahead, bytes, end, end);
            if bytes[at..end].eq(b"--user") {
                after_user(ahead, bytes, end + 1);
            }
        }
        // A value in quotes after a comma, a parenthesis or an alternative.
        [b'"' | b'\'' | b'`', b',', ..] => assigned(ahead, bytes, at + 1, at + 2),
        [b'(', b'"' | b'\'' | b'`', ..] => assigned(ahead, bytes, at, at + 1),
        [first @ (b'|' | b'?'), b' ', ..] if at > 0 && bytes[at - 1] == first => {
            assigned(ahead, bytes, at - 1, at + 1);
        }
        // Words and options after which a value stands without a sign.
        [b'p' | b'P', b'a' | b'A', b's' | b'S', b's' | b'S', ..] => {
            let letters = bytes[at..]
                .iter()
                .take(12)
                .take_while(|byte| byte.is_ascii_alphabetic())
                .count();
            assigned(ahead, bytes, at + letters, at + letters);
        }
        [b'p' | b'P', b'w' | b'W', b'd' | b'D', ..] => assigned(ahead, bytes, at + 3, at + 3),
        [b'-', b'p', next, ..] if next.is_ascii_graphic() && at > 0 && bytes[at - 1] == b' ' => {
            ahead.note(at + 2, Anchor::Announced);
            note_values(ahead, bytes, at + 2);
        }
        [b'-', b'p' | b'a', b' ' | b'"' | b'\'', ..] => note_values(ahead, bytes, at + 2),
        [b'b' | b'B', b'y' | b'Y', b' ', ..] => note_values(ahead, bytes, at + 2),
        [b'-', b'u', b' ', ..] => after_user(ahead, bytes, at + 3),
        [_, b'.', ..] => {
            for address in rules::WEBHOOKS {
                let start = at.checked_sub(last_dot(address) - 1);
                if let Some(start) = start.filter(|start| bytes[*start..].starts_with(address)) {
                    ahead.note(start + address.len(), Anchor::Announced);
                }
            }
        }
        _ => {}
    }
    let pieces = &*WITHIN_TOKENS;
    let second = bytes.get(at + 1).map_or(0, |byte| byte & 127);
    let begins = pieces.begin[usize::from(bytes[at] & 127)][usize::from(second / 64)];
    if begins >> (second % 64) & 1 == 0 {
        return;
    }
    for (before, piece) in &pieces.listed {
        if bytes[at] == piece[0] && bytes[at..].starts_with(piece) && at >= *before {
            ahead.note(at - before, Anchor::Prefix);
        }
    }
}

/// Texts within tokens.
struct Pieces {
    /// And how many bytes of the token stand before each.
    listed: Vec<(usize, &'static [u8])>,
    /// Their first two bytes.
    begin: [[u64; 2]; 128],
}

static WITHIN_TOKENS: LazyLock<Pieces> = LazyLock::new(|| {
    let pieces = rules::pieces().map(|(before, piece)| (before, piece.as_bytes()));
    let listed: Vec<(usize, &[u8])> = pieces.collect();
    let mut begin = [[0; 2]; 128];
    for (_, piece) in &listed {
        begin[usize::from(piece[0])][usize::from(piece[1] / 64)] |= 1 << (piece[1] % 64);
    }
    Pieces { listed, begin }
});

fn last_dot(address: &[u8]) -> usize {
    let dot = address.iter().rposition(|byte| *byte == b'.');
    dot.expect("a host has a dot within it")
}

/// The first part of a token: a capital and two dozen letters and digits, then a dot.
fn capital(ahead: &mut Ahead, bytes: &[u8], at: usize) {
    let length = bytes[at..]
        .iter()
        .take(29)
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    if (24..=28).contains(&length) {
        ahead.note(at, Anchor::Prefix);
    }
}

/// Forty characters of base 64 hold a row; the last row within them ends less than a row before they do.
fn forty(ahead: &mut Ahead, bytes: &[u8], row: usize) {
    const FORTY: usize = 40;
    const HEX: usize = 32;
    let belongs = |byte: &u8| is(OF_BASE64, *byte);
    let next = &bytes[row + ROW..];
    let more = next.iter().take(ROW).take_while(|byte| belongs(byte)).count();
    if more == ROW {
        return;
    }
    let end = row + ROW + more;
    if let Some(start) = end.checked_sub(FORTY)
        && bytes[start..row + ROW].iter().all(belongs)
    {
        ahead.note(start, Anchor::Forty);
    }
    // So do 32 hexadecimal digits, if a hyphen ends them.
    if let Some(start) = end.checked_sub(HEX)
        && bytes.get(end) == Some(&b'-')
        && bytes[start..end].iter().all(u8::is_ascii_hexdigit)
    {
        ahead.note(start, Anchor::Prefix);
    }
}

/// The part of the sieve that is the same for all engines with the built-in rules.
static BUILT_IN: LazyLock<Sieve> = LazyLock::new(|| {
    let mut sieve = Sieve::new();
    let one = |byte: u8| ByteSet::of(&[byte]);
    let digit = ByteSet::that(|byte| byte.is_ascii_digit());
    let of_number = ByteSet::that(|byte| is(OF_NUMBER, byte));
    sieve.add(DIGITS, Before::NoDigit, [digit, of_number, of_number, of_number]);
    let alone = |set| [set, ByteSet::ALL, ByteSet::ALL, ByteSet::ALL];
    sieve.add(SIGN, Before::Anything, alone(one(b'@')));
    sieve.add(OPERATOR, Before::Anything, alone(ByteSet::of(b"=:>")));
    for (kind, shapes) in PIECE.into_iter().zip(groups::<4>(piece_shapes(), &LETTERS)) {
        for shape in shapes {
            sieve.add(kind, Before::Anything, shape);
        }
    }
    let of_word = ByteSet::that(|byte| byte.is_ascii_alphanumeric());
    let capital = [ByteSet::of(b"MNO"), of_word, of_word, of_word];
    sieve.add(CAPITAL, Before::NoWord, capital);
    let begins = rules::prefixes().into_iter();
    let begins = begins.map(|prefix| *prefix.first_chunk().expect("prefixes are no shorter"));
    for (kind, shapes) in PREFIX
        .into_iter()
        .zip(groups::<7>(begins.collect(), &FIRST_LETTERS))
    {
        for shape in shapes {
            sieve.add(kind, Before::NoWord, shape);
        }
    }
    sieve
});

/// What [`piece`] knows.
fn piece_shapes() -> Vec<Shape> {
    let one = |byte: u8| ByteSet::of(&[byte]);
    let mut shapes = vec![placeholder_shape(), b"-BEG".map(one)];
    let then = ByteSet::that(|byte| is(AFTER_OPERATOR, byte));
    shapes.extend([b" is", b" to", b"was"].map(|[a, b, c]| [one(*a), one(*b), one(*c), then]));
    let blank = ByteSet::that(|byte| byte.is_ascii_whitespace());
    for ([a, b, c], next) in [(b"riz", ByteSet::any_case(b"a")), (b"rer", blank)] {
        let [a, b, c] = [a, b, c].map(|letter| ByteSet::any_case(&[*letter]));
        shapes.push([a, b, c, next]);
    }
    let of_flag = ByteSet::that(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let later_in_flag = of_flag.union(one(b'-'));
    shapes.push([one(b'-'), one(b'-'), of_flag, later_in_flag]);
    let [quote, graphic] = [
        ByteSet::of(b"\"'`"),
        ByteSet::that(|byte| byte.is_ascii_graphic()),
    ];
    let after_comma = ByteSet::of(b" \"'`\\");
    shapes.push([quote, one(b','), after_comma, ByteSet::ALL]);
    shapes.push([one(b'('), quote, graphic, graphic]);
    shapes.push([ByteSet::of(b"|?"), one(b' '), quote, graphic]);
    shapes.push([b"p", b"a", b"s", b"s"].map(|letter| ByteSet::any_case(letter)));
    let [p, w, d] = [b"p", b"w", b"d"].map(|letter| ByteSet::any_case(letter));
    shapes.push([p, w, d, then]);
    shapes.push([
        one(b'-'),
        ByteSet::of(b"pau"),
        graphic.union(one(b' ')),
        ByteSet::ALL,
    ]);
    let [b, y] = [b"b", b"y"].map(|letter| ByteSet::any_case(letter));
    shapes.push([b, y, one(b' '), quote]);
    shapes.push([one(b' '), ByteSet::of(b"ie"), one(b's'), one(b't')]);
    shapes.push([one(b' '), one(b'e'), one(b's'), then]);
    for address in rules::WEBHOOKS {
        let dot = last_dot(address);
        shapes.push([0, 1, 2, 3].map(|nth| one(address[dot - 1 + nth])));
    }
    let of_token = ByteSet::that(|byte| byte.is_ascii_graphic());
    for (_, piece) in &WITHIN_TOKENS.listed {
        shapes.push([0, 1, 2, 3].map(|place| piece.get(place).map_or(of_token, |byte| one(*byte))));
    }
    shapes
}

/// A bracket and the beginning of a name in capitals. That of a custom pattern may be one letter long; digits follow.
fn placeholder_shape() -> Shape {
    let of_name = ByteSet::that(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b':'));
    let of_digits = ByteSet::that(|byte| matches!(byte, b'a'..=b'f'));
    [
        ByteSet::of(b"["),
        ByteSet::that(|byte| byte.is_ascii_uppercase()),
        of_name,
        of_name.union(of_digits),
    ]
}

/// Shares the shapes out among the kinds, so that little else fits. `first` says how often bytes are met at the first place.
fn groups<const N: usize>(shapes: Vec<Shape>, first: &[u64; 26]) -> [Vec<Shape>; N] {
    let costs = Costs::new(first);
    let mut halves: Vec<(Halves, Shape)> = shapes
        .into_iter()
        .map(|shape| (Halves::of(&shape), shape))
        .collect();
    halves.sort_by_key(|(halves, _)| std::cmp::Reverse(costs.of(halves)));
    let mut unions = [Halves::NONE; N];
    let mut of: Vec<usize> = Vec::new();
    // Frequent ones first, each where it adds least.
    for (halves, _) in &halves {
        let added = |group: &usize| costs.of(&unions[*group].union(halves)) - costs.of(&unions[*group]);
        let best = (0..N).min_by_key(added).expect("there are groups");
        unions[best] = unions[best].union(halves);
        of.push(best);
    }
    // Then each moves to where it would add less, a few times.
    for _ in 0..8 {
        let before = of.clone();
        for moved in 0..halves.len() {
            let from = of[moved];
            let others = (0..halves.len()).filter(|other| of[*other] == from && *other != moved);
            let left = others.fold(Halves::NONE, |union, other| union.union(&halves[other].0));
            unions[from] = left;
            let added =
                |group: &usize| costs.of(&unions[*group].union(&halves[moved].0)) - costs.of(&unions[*group]);
            let best = (0..N).min_by_key(added).expect("there are groups");
            unions[best] = unions[best].union(&halves[moved].0);
            of[moved] = best;
        }
        if of == before {
            break;
        }
    }
    let mut groups: [Vec<Shape>; N] = std::array::from_fn(|_| Vec::new());
    for ((_, shape), group) in halves.iter().zip(of) {
        groups[group].push(*shape);
    }
    groups
}

/// For each place of a shape, its bytes' low and high halves: a bit for each half-byte. All bytes made of two of these pass.
#[derive(Clone, Copy)]
struct Halves([[u16; 2]; WIDTH]);

impl Halves {
    const NONE: Self = Self([[0; 2]; WIDTH]);

    fn of(shape: &Shape) -> Self {
        Self(shape.map(|set| {
            let bits = set.iter().map(|byte| [1 << (byte & 15), 1 << (byte >> 4)]);
            bits.fold([0, 0], |all: [u16; 2], bits: [u16; 2]| {
                [all[0] | bits[0], all[1] | bits[1]]
            })
        }))
    }

    fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|place| {
            std::array::from_fn(|half| self.0[place][half] | other.0[place][half])
        }))
    }
}

/// How often bytes are met in text, roughly, in two thousand.
struct Costs {
    /// For the first place and the others, each high half and each half of a set of low halves.
    sums: Box<[[[[u64; 256]; 2]; 8]; 2]>,
}

impl Costs {
    fn new(first: &[u64; 26]) -> Self {
        let mut sums = Box::new([[[[0; 256]; 2]; 8]; 2]);
        for (letters, sums) in [first, &LETTERS].into_iter().zip(sums.iter_mut()) {
            for (high, sums) in (0..).zip(sums.iter_mut()) {
                for (part, sums) in (0..).zip(sums.iter_mut()) {
                    for lows in 1..256_usize {
                        // That of the set without its lowest element, and that.
                        let low = lows.trailing_zeros() as u8;
                        let byte = high << 4 | part << 3 | low;
                        sums[lows] = sums[lows & (lows - 1)] + frequency(letters, byte);
                    }
                }
            }
        }
        Self { sums }
    }

    /// How often something fits.
    fn of(&self, halves: &Halves) -> u64 {
        let places = halves.0.iter().enumerate().map(|(place, [low, high])| {
            let sums = &self.sums[usize::from(place > 0)];
            let of = (0..8).filter(|nth| high >> nth & 1 == 1);
            of.map(|nth| sums[nth][0][usize::from(low & 255)] + sums[nth][1][usize::from(low >> 8)])
                .sum::<u64>()
        });
        places.product()
    }
}

const LETTERS: [u64; 26] = [
    130, 26, 50, 68, 204, 36, 32, 98, 112, 4, 14, 64, 40, 112, 120, 30, 2, 96, 102, 146, 44, 16, 38, 4, 32, 2,
];

/// Of those that begin a word.
const FIRST_LETTERS: [u64; 26] = [
    230, 90, 100, 60, 50, 80, 34, 100, 130, 12, 14, 54, 80, 46, 130, 90, 6, 60, 150, 320, 24, 14, 130, 2, 24,
    2,
];

fn frequency(letters: &[u64; 26], byte: u8) -> u64 {
    match byte {
        b'a'..=b'z' => letters[usize::from(byte - b'a')],
        b' ' => 340,
        b'.' | b',' => 20,
        b'-' | b'`' | b'_' | b'\n' | b'/' | b'"' | b'0'..=b'9' => 10,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_found_again_in_order_and_once() {
        let mut ahead = Ahead::default();
        ahead.begin(100);
        for at in [99, 100, 163, 164, 700, 100 + NOTES - 1] {
            ahead.note(at, Anchor::Sign);
        }
        ahead.note(700, Anchor::Digits);
        let mut found = Vec::new();
        while let Some((at, anchors)) = ahead.next(100 + NOTES) {
            found.push((at, anchors));
            ahead.skip_to(at + 1);
        }
        let places: Vec<usize> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [100, 163, 164, 700, 100 + NOTES - 1]);
        assert_eq!(found[3].1, Anchor::Sign as u8 | Anchor::Digits as u8);
        ahead.note(100 + NOTES + 7, Anchor::Sign);
        ahead.skip_to(9_000);
        assert!(ahead.next(9_000 + NOTES).is_none());
    }
}
