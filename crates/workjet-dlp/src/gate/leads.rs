//! What the sieve looks for: four bytes each, within a match or in what announces one.
//!
//! A rule's prefix has several stretches of four bytes, and a name has several too. Of each, one is looked for, wherever it
//! stands: the one that is met least in text. Hardly a word holds `hp_` or `cred`, while many begin with `gh` or `cr`. Where such
//! bytes are met, the [`Lead`] says what may begin, and how far from there.

use std::sync::LazyLock;

use super::groups::share_out;
use super::sieve::{ByteSet, KINDS, Shape, Sieve, WIDTH};
use crate::name;
use crate::rules;

/// What four bytes say about the places around their last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// A token may begin so many bytes before.
    Token(u8),
    /// One of the engine's own placeholders may.
    Placeholder(u8),
    /// A secret-sounding name. So many bytes after the last one, its letters may go on.
    Name(u8),
    /// `:AA` within a Telegram token, behind eight to ten digits.
    Digits,
    /// The `hook` within a webhook's address.
    Hook,
    /// The name of the header; it begins so many bytes before.
    Authorization(u8),
    /// `beare`
    Bearer,
    /// ` -p` or ` -a` and one byte more.
    ShortOption,
    /// ` -u `
    ShortUser,
    /// `--us`
    User,
    /// `d by`
    By,
}

/// The leads that an engine follows, and how to tell them quickly.
pub(super) struct Leads {
    entries: Vec<(Shape, Lead)>,
    /// A bit for the hash of all four bytes; of the last three, where the first may be nearly anything.
    fours: Box<[u64; Leads::FOURS / 64]>,
    threes: Box<[u64; Leads::THREES / 64]>,
    /// For the hash of the last two bytes: the entries they may end, from one place in `listed` to the next.
    lists: Box<[u16; Leads::LISTS + 1]>,
    listed: Vec<u16>,
}

impl Leads {
    const FOURS: usize = 1 << 16;
    const THREES: usize = 1 << 15;
    const LISTS: usize = 1 << 11;

    /// Sets of more bytes are not spelt out in `fours`.
    const WIDE: usize = 12;

    fn new(entries: Vec<(Shape, Lead)>) -> Self {
        let mut fours = Box::new([0; Self::FOURS / 64]);
        let mut threes = Box::new([0; Self::THREES / 64]);
        let mut lists = vec![Vec::new(); Self::LISTS];
        for (index, (shape, _)) in entries.iter().enumerate() {
            let wide = shape[0].len() > Self::WIDE;
            for c in shape[2].iter() {
                for d in shape[3].iter() {
                    let list = &mut lists[Self::hash_of_two(u32::from_le_bytes([0, 0, c, d]))];
                    if list.last() != Some(&(index as u16)) {
                        list.push(index as u16);
                    }
                    for b in shape[1].iter() {
                        if wide {
                            let hash = Self::hash_of_three(u32::from_le_bytes([0, b, c, d]));
                            threes[hash / 64] |= 1_u64 << (hash % 64);
                            continue;
                        }
                        for a in shape[0].iter() {
                            let hash = Self::hash_of_four(u32::from_le_bytes([a, b, c, d]));
                            fours[hash / 64] |= 1_u64 << (hash % 64);
                        }
                    }
                }
            }
        }
        let mut ends = Box::new([0; Self::LISTS + 1]);
        let mut listed = Vec::new();
        for (end, list) in ends[1..].iter_mut().zip(lists) {
            listed.extend(list);
            *end = listed.len() as u16;
        }
        Self {
            entries,
            fours,
            threes,
            lists: ends,
            listed,
        }
    }

    fn hash_of_four(four: u32) -> usize {
        (four.wrapping_mul(0x9E37_79B1) >> 16) as usize % Self::FOURS
    }

    fn hash_of_three(four: u32) -> usize {
        ((four >> 8).wrapping_mul(0x85EB_CA6B) >> 17) as usize % Self::THREES
    }

    fn hash_of_two(four: u32) -> usize {
        ((four >> 16).wrapping_mul(0x9E37_79B1) >> 21) as usize % Self::LISTS
    }

    /// Whether these bytes, the first one lowest, may be any of them. Without a branch: hardly any are.
    #[inline]
    pub(super) fn may_be(&self, four: u32) -> bool {
        let (of_four, of_three) = (Self::hash_of_four(four), Self::hash_of_three(four));
        let bits = self.fours[of_four / 64] >> (of_four % 64) | self.threes[of_three / 64] >> (of_three % 64);
        bits & 1 == 1
    }

    /// The leads that these bytes are.
    pub(super) fn of(&self, four: u32) -> impl Iterator<Item = Lead> {
        let hash = Self::hash_of_two(four);
        let range = usize::from(self.lists[hash])..usize::from(self.lists[hash + 1]);
        let bytes = four.to_le_bytes();
        let entries = self.listed[range].iter().map(|index| &self.entries[usize::from(*index)]);
        entries
            .filter(move |(shape, _)| shape.iter().zip(bytes).all(|(set, byte)| set.has(byte)))
            .map(|(_, lead)| *lead)
    }
}

/// The leads of the standard rules, and the sieve for them.
pub(super) static STANDARD: LazyLock<(Leads, Sieve)> = LazyLock::new(|| {
    let mut items = standard();
    items.push(placeholder());
    arrange(items)
});

/// Those of an engine without the standard rules.
pub(super) static PLACEHOLDERS: LazyLock<(Leads, Sieve)> = LazyLock::new(|| arrange(vec![placeholder()]));

/// One of these will do: each of them stands in whatever is to be found.
type Alternatives = Vec<(Shape, Lead)>;

fn arrange(items: Vec<Alternatives>) -> (Leads, Sieve) {
    let shapes: Vec<Vec<Shape>> = items
        .iter()
        .map(|alternatives| alternatives.iter().map(|(shape, _)| *shape).collect())
        .collect();
    let mut sieve = Sieve::new();
    let taken = share_out(&shapes, KINDS - 1);
    let mut entries = Vec::new();
    for (alternatives, (which, kind)) in items.into_iter().zip(taken) {
        let (shape, lead) = alternatives[which];
        sieve.add(kind, shape);
        if !entries.contains(&(shape, lead)) {
            entries.push((shape, lead));
        }
    }
    (Leads::new(entries), sieve)
}

fn one(byte: u8) -> ByteSet {
    ByteSet::of(&[byte])
}

fn exactly(four: &[u8; WIDTH]) -> Shape {
    four.map(one)
}

fn any_case(byte: u8) -> ByteSet {
    ByteSet::that(|other| other.eq_ignore_ascii_case(&byte))
}

/// What may stand before a token: no letter or digit, unless it is that of an escape such as `\n`.
fn before_token() -> ByteSet {
    ByteSet::that(|byte| !byte.is_ascii_alphanumeric() || matches!(byte, b'n' | b't' | b'r'))
}

/// What may stand after the last letter of a name: what is no letter, a capital of the next word, or the `s` of a plural.
fn after_name() -> ByteSet {
    ByteSet::that(|byte| !byte.is_ascii_lowercase() || byte == b's')
}

fn standard() -> Vec<Alternatives> {
    let graphic = ByteSet::that(|byte| byte.is_ascii_graphic());
    let mut items: Vec<Alternatives> = rules::prefixes()
        .iter()
        .map(|prefix| tokens(&[&[before_token()], prefix.as_slice()].concat(), -1))
        .collect();
    for (before, piece) in rules::pieces() {
        let sets: Vec<ByteSet> = piece.bytes().map(one).collect();
        // What stands before it belongs to the token; it may be the token's end.
        let sets = [&[graphic; WIDTH - 1], sets.as_slice()].concat();
        items.push(tokens(&sets, before as isize - (WIDTH as isize - 1)));
    }
    // `base` needs `key` before it, which announces it.
    items.extend(name::words().filter(|word| *word != "base").map(of_name));
    items.extend(name::FOREIGN.iter().map(|word| of_foreign_name(word)));
    let header: Vec<ByteSet> = b"authorization".map(any_case).to_vec();
    items.push(
        header
            .windows(WIDTH)
            .enumerate()
            .map(|(at, stretch)| (stretch.try_into().expect("a window is as wide"), Lead::Authorization(at as u8 + 3)))
            .collect(),
    );
    let digit = ByteSet::that(|byte| byte.is_ascii_digit());
    let blank = one(b' ');
    let single = |shape: Shape, lead: Lead| vec![(shape, lead)];
    items.extend([
        // The dashes before it, of which this holds the last, begin a private key.
        single(exactly(b"-BEG"), Lead::Token(7)),
        single([digit, one(b':'), one(b'A'), one(b'A')], Lead::Digits),
        single([digit, one(b'/'), digit, digit], Lead::Token(3)),
        single(exactly(b"hook"), Lead::Hook),
        single(b"eare".map(any_case), Lead::Bearer),
        single([blank, one(b'-'), ByteSet::of(b"pa"), graphic.union(blank)], Lead::ShortOption),
        single(exactly(b" -u "), Lead::ShortUser),
        single(exactly(b"--us"), Lead::User),
        single(b"d by".map(any_case), Lead::By),
    ]);
    items
}

/// The stretches of a token's beginning; the first set is that of the byte `first` places after where the token begins.
fn tokens(sets: &[ByteSet], first: isize) -> Alternatives {
    let stretches = sets.windows(WIDTH).zip(first..).filter_map(|(stretch, at)| {
        let shape: Shape = stretch.try_into().expect("a window is as wide");
        let back = u8::try_from(at + WIDTH as isize - 1).ok()?;
        let spelt = shape.iter().skip(1).map(|set| set.len()).product::<usize>();
        (spelt <= 4096).then_some((shape, Lead::Token(back)))
    });
    stretches.collect()
}

/// The stretches of a word, or of a short one and what stands around it.
fn of_name(word: &str) -> Alternatives {
    let letters: Vec<ByteSet> = word.bytes().map(any_case).collect();
    match letters.len() {
        // The signature in the query of an address.
        3 if word == "sig" => vec![([ByteSet::of(b"?&"), letters[0], letters[1], letters[2]], Lead::Name(1))],
        2 => vec![([ByteSet::ALL, letters[0], letters[1], after_name()], Lead::Name(0))],
        3 => vec![([letters[0], letters[1], letters[2], after_name()], Lead::Name(0))],
        _ => letters
            .windows(WIDTH)
            .map(|stretch| (stretch.try_into().expect("a window is as wide"), Lead::Name(1)))
            .collect(),
    }
}

/// The last four bytes of a word with letters beyond ASCII.
fn of_foreign_name(word: &str) -> Alternatives {
    let last = word.as_bytes().last_chunk::<WIDTH>().expect("no word is shorter");
    vec![(last.map(any_case), Lead::Name(1))]
}

/// A bracket and the beginning of a name in capitals. That of a custom pattern may be one letter long; digits follow.
fn placeholder() -> Alternatives {
    let of_name = ByteSet::that(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_' | b':'));
    let capital = ByteSet::that(|byte| byte.is_ascii_uppercase());
    vec![([ByteSet::ALL, one(b'['), capital, of_name], Lead::Placeholder(2))]
}
