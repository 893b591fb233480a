//! What the sieve looks for: four bytes each, within a match or in what announces one.
//!
//! A rule's prefix has several stretches of four bytes, and a name has several too. Of each, one is looked for, wherever it
//! stands: the one that is met least in text. Hardly a word holds `hp_` or `cred`, while many begin with `gh` or `cr`. Where such
//! bytes are met, the [`Lead`] says what may begin, and how far from there.

use std::sync::LazyLock;

use super::arranged::ARRANGED;
use super::follow::{AFTER_NAME, OPERATOR, is};
use super::sieve::{ByteSet, Kind, Shape, Sieve, WIDE, WIDTH};
use crate::name;
use crate::rules;

/// What four bytes say about the places around their last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// A token may begin so many bytes before.
    Token(u8),
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

/// The leads that an engine follows.
pub(super) struct Leads {
    entries: Vec<(Shape, Lead)>,
    /// For the hash of the last two bytes: the entries they may end, from one place in `listed` to the next.
    lists: Box<[u16; Leads::LISTS + 1]>,
    listed: Vec<u16>,
}

impl Leads {
    const LISTS: usize = 1 << 11;

    fn new(entries: Vec<(Shape, Lead)>) -> Self {
        let mut lists = vec![Vec::new(); Self::LISTS];
        for (index, (shape, _)) in entries.iter().enumerate() {
            for first in shape[2].iter() {
                for second in shape[3].iter() {
                    let list = &mut lists[Self::hash([first, second])];
                    if list.last() != Some(&(index as u16)) {
                        list.push(index as u16);
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
            lists: ends,
            listed,
        }
    }

    fn hash(two: [u8; 2]) -> usize {
        (u32::from(u16::from_le_bytes(two)).wrapping_mul(0x9E37_79B1) >> 21) as usize % Self::LISTS
    }

    /// The leads that these bytes are.
    pub(super) fn of(&self, four: [u8; WIDTH]) -> impl Iterator<Item = Lead> {
        let hash = Self::hash([four[2], four[3]]);
        let range = usize::from(self.lists[hash])..usize::from(self.lists[hash + 1]);
        let entries = self.listed[range]
            .iter()
            .map(|index| &self.entries[usize::from(*index)]);
        entries
            // All four are looked at: which of them is not there cannot be guessed.
            .filter(move |(shape, _)| {
                (0..WIDTH).fold(true, |fits, place| fits & shape[place].has(four[place]))
            })
            .map(|(_, lead)| *lead)
    }
}

/// One of these will do: each of them stands in whatever is to be found.
type Alternatives = Vec<(Shape, Lead)>;

/// The leads of the standard rules, and the sieve for them.
pub(super) static STANDARD: LazyLock<(Leads, Sieve)> = LazyLock::new(|| {
    // A lead that was not arranged is looked for all the same.
    let arranged = ARRANGED.iter().copied().chain(std::iter::repeat((0, 0)));
    let leads = STANDARD_LEADS
        .iter()
        .zip(arranged)
        .map(|(alternatives, (which, kind))| {
            let lead = alternatives.get(usize::from(which)).unwrap_or(&alternatives[0]);
            (*lead, usize::from(kind))
        });
    collect(leads)
});

/// Those of an engine without the standard rules.
pub(super) static NONE: LazyLock<(Leads, Sieve)> = LazyLock::new(|| collect(std::iter::empty()));

fn collect(leads: impl Iterator<Item = ((Shape, Lead), Kind)>) -> (Leads, Sieve) {
    let mut sieve = Sieve::new();
    let mut entries = Vec::new();
    for (lead, kind) in leads {
        sieve.add_lead(kind, lead.0);
        if !entries.contains(&lead) {
            entries.push(lead);
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

/// What may stand after the last letter of a name: a sign or a blank, the `s` of a plural, or the first letter of what may follow.
fn after_name() -> ByteSet {
    let signs = ByteSet::that(|byte| is(AFTER_NAME | OPERATOR, byte));
    signs.union(ByteSet::of(b"sSIWTEVB"))
}

/// All leads of the standard rules, in the order of `ARRANGED`.
pub(super) static STANDARD_LEADS: LazyLock<Vec<Alternatives>> = LazyLock::new(|| {
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
    items.extend(names().into_iter().map(of_name));
    items.extend(name::FOREIGN.iter().map(|word| of_foreign_name(word)));
    let header: Vec<ByteSet> = b"authorization".map(any_case).to_vec();
    items.push(
        header
            .windows(WIDTH)
            .enumerate()
            .map(|(at, stretch)| {
                (
                    stretch.try_into().expect("a window is as wide"),
                    Lead::Authorization(at as u8 + 3),
                )
            })
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
        single(
            [blank, one(b'-'), ByteSet::of(b"pa"), graphic.union(blank)],
            Lead::ShortOption,
        ),
        single(exactly(b" -u "), Lead::ShortUser),
        single(exactly(b"--us"), Lead::User),
        single(b"d by".map(any_case), Lead::By),
    ]);
    items
});

/// The stretches of a token's beginning, of those that fix the most bytes; the first set is that of the byte `first` places after
/// where the token begins.
fn tokens(sets: &[ByteSet], first: isize) -> Alternatives {
    let wide = |stretch: &[ByteSet]| stretch.iter().filter(|set| set.len() > WIDE).count();
    let least = sets.windows(WIDTH).map(wide).min();
    let stretches = sets.windows(WIDTH).zip(first..).filter_map(|(stretch, at)| {
        let shape: Shape = stretch.try_into().expect("a window is as wide");
        let back = u8::try_from(at + WIDTH as isize - 1).ok()?;
        (Some(wide(stretch)) == least).then_some((shape, Lead::Token(back)))
    });
    stretches.collect()
}

/// The stretches of a word, or of a short one and what stands around it.
fn of_name(word: &str) -> Alternatives {
    let letters: Vec<ByteSet> = word.bytes().map(any_case).collect();
    match letters.len() {
        // The signature in the query of an address.
        3 if word == "sig" => vec![(
            [ByteSet::of(b"?&"), letters[0], letters[1], letters[2]],
            Lead::Name(1),
        )],
        2 => vec![(
            [ByteSet::ALL, letters[0], letters[1], after_name()],
            Lead::Name(0),
        )],
        3 => vec![([letters[0], letters[1], letters[2], after_name()], Lead::Name(0))],
        _ => letters
            .windows(WIDTH)
            .map(|stretch| (stretch.try_into().expect("a window is as wide"), Lead::Name(1)))
            .collect(),
    }
}

/// The words of names, without those that hold another.
fn names() -> Vec<&'static str> {
    let mut words: Vec<&str> = name::words().filter(|word| *word != "base").collect();
    words.sort_by_key(|word| word.len());
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        let known = kept.iter().any(|known| match known.len() {
            0..4 => word.strip_suffix('s').unwrap_or(word).ends_with(known),
            _ => word.contains(known),
        });
        if !known {
            kept.push(word);
        }
    }
    kept
}

/// The last four bytes of a word with letters beyond ASCII.
fn of_foreign_name(word: &str) -> Alternatives {
    let last = word.as_bytes().last_chunk::<WIDTH>().expect("no word is shorter");
    vec![(last.map(any_case), Lead::Name(1))]
}
