//! The sieve: one pass over the bytes that says where something may stand.
//!
//! A shape is four sets, one for each byte up to and including a place. Shapes are of eight kinds, so a byte's part in all of them
//! fits one table entry of a byte, and the kinds that fit a place are the intersection of four entries. The sets of a kind are
//! widened to products of half-bytes, which lets sixteen-entry shuffles look them up, 32 bytes at a time where the machine has
//! AVX2, and 16 in WebAssembly that is built with vectors; everywhere else one table of 256 entries gives the same answer.
//! Numbers, `@`, `[` and long rows of base 64 are told in the same pass.

use std::sync::Arc;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

/// Places that are looked at in one go.
pub(crate) const BLOCK: usize = 1024;

/// Words of a bit for each place.
pub(crate) const WORDS: usize = BLOCK / 64;

/// A bit for each place of a block.
pub(crate) type Places = [u64; WORDS];

/// Bytes of base 64 that make a row.
pub(crate) const ROW: usize = 16;

/// Bytes from a first digit on that are digits, or stand between digits, where a number begins. None is shorter.
#[cfg(test)]
pub(crate) const NUMBER: usize = 7;

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(crate) const NONE: Self = Self([0; 4]);
    pub(crate) const ALL: Self = Self([!0; 4]);

    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::that(|byte| bytes.contains(&byte))
    }

    pub(crate) fn that(belongs: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::NONE;
        for byte in (0..=u8::MAX).filter(|byte| belongs(*byte)) {
            set.insert(byte);
        }
        set
    }

    pub(crate) fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..).zip(self.0).flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let next = bits.trailing_zeros() as u8;
                bits &= bits.wrapping_sub(1);
                (next < 64).then(|| 64 * word + next)
            })
        })
    }

    pub(crate) fn len(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The low halves of its bytes: a bit for each.
    pub(crate) fn low_halves(self) -> u16 {
        self.iter().fold(0, |halves, byte| halves | 1 << (byte & 15))
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }
}

/// Four sets, one for each byte: the last one is that of the place.
pub(crate) type Shape = [ByteSet; WIDTH];
pub(crate) const WIDTH: usize = 4;

/// One of eight.
pub(crate) type Kind = usize;
pub(crate) const KINDS: usize = 8;

/// The kind that is told from the others.
pub(crate) const APART: Kind = KINDS - 1;
const TOGETHER: u8 = !(1 << APART);

/// What is known about the places of one block.
pub(crate) struct Sifted {
    /// Where leads may end, by their number in the block: the first `count` of these. Room for a few more, which are written and
    /// not counted.
    listed: [u16; BLOCK + AT_ONCE],
    count: usize,
    /// [`APART`] fits.
    pub(crate) apart: Places,
    /// An `@`.
    pub(crate) signs: Places,
    /// A `[`.
    pub(crate) brackets: Places,
    /// A digit, none before it, and [`NUMBER`] bytes of a number from it on.
    pub(crate) numbers: Places,
    /// Sixteen bytes of base 64. Every eighth place alone is told.
    pub(crate) rows: Places,
    /// A bit for each word in which something but leads is told.
    pub(crate) busy: u16,
    /// Some byte is beyond ASCII, a `%` or a `\\`: what begins with it may stand for something else.
    pub(crate) may_fold: bool,
}

impl Sifted {
    pub(crate) const NEW: Self = Self {
        listed: [0; BLOCK + AT_ONCE],
        count: 0,
        apart: [0; WORDS],
        signs: [0; WORDS],
        brackets: [0; WORDS],
        numbers: [0; WORDS],
        rows: [0; WORDS],
        busy: 0,
        may_fold: false,
    };

    /// The places where leads may end, in order.
    pub(crate) fn leads(&self) -> &[u16] {
        &self.listed[..self.count]
    }

    /// Lists the marked places whose four bytes may be those of a lead. `view` is the block and the three bytes before it.
    ///
    /// Which ones these are cannot be guessed, so nothing here depends on it: what is listed is written first, and counted if it
    /// is one.
    #[inline(always)]
    fn list(&mut self, marked: &Places, view: &[u8; BLOCK_VIEW], fours: &Fours) {
        let mut count = 0;
        for (word, places) in marked.iter().enumerate() {
            let mut left = *places;
            let mut written = count;
            count += left.count_ones() as usize;
            // Hardly ever are there more than four.
            loop {
                for listed in &mut self.listed[written..written + AT_ONCE] {
                    *listed = (64 * word) as u16 + left.trailing_zeros() as u16;
                    left &= left.wrapping_sub(1);
                }
                written += AT_ONCE;
                if written >= count {
                    break;
                }
            }
        }
        let mut kept = 0;
        for index in 0..count.min(BLOCK) {
            let place = usize::from(self.listed[index]) % BLOCK;
            let four = view[place..place + WIDTH].try_into().expect("four bytes");
            self.listed[kept] = place as u16;
            kept += usize::from(fours.may_have(four));
        }
        self.count = kept;
    }
}

/// Places that are listed at once.
const AT_ONCE: usize = 4;

/// A block and the bytes before it that are looked at.
const BLOCK_VIEW: usize = WIDTH - 1 + BLOCK;

/// The block at `from`, and what stands around it: zeros where there are no bytes.
fn view(bytes: &[u8], from: usize) -> [u8; BLOCK_VIEW] {
    let mut view = [0; BLOCK_VIEW];
    let first = from.saturating_sub(WIDTH - 1);
    let skipped = (WIDTH - 1).saturating_sub(from);
    let there = &bytes[first..bytes.len().min(from + BLOCK)];
    view[skipped..skipped + there.len()].copy_from_slice(there);
    view
}

/// The four bytes of leads, by their hash.
#[derive(Debug)]
struct Fours {
    /// A bit for the hash of all four bytes; of the last three, where the first may be nearly anything.
    fours: [u64; Fours::ALL / 64],
    threes: [u64; Fours::LAST / 64],
}

/// Sets of more bytes are not spelt out.
pub(crate) const WIDE: usize = 12;

impl Fours {
    const ALL: usize = 1 << 16;
    const LAST: usize = 1 << 15;

    fn add(&mut self, shape: &Shape) {
        let first = if shape[0].len() > WIDE {
            ByteSet::of(&[0])
        } else {
            shape[0]
        };
        let of_two = |first: ByteSet, second: ByteSet| {
            first
                .iter()
                .flat_map(move |one| second.iter().map(move |two| [one, two]))
        };
        for [a, b] in of_two(first, shape[1]) {
            for [c, d] in of_two(shape[2], shape[3]) {
                if shape[0].len() > WIDE {
                    let hash = Self::hash_of_last([a, b, c, d]);
                    self.threes[hash / 64] |= 1 << (hash % 64);
                } else {
                    let hash = Self::hash_of_all([a, b, c, d]);
                    self.fours[hash / 64] |= 1 << (hash % 64);
                }
            }
        }
    }

    #[inline(always)]
    fn hash_of_all(four: [u8; WIDTH]) -> usize {
        (u32::from_le_bytes(four).wrapping_mul(0x9E37_79B1) >> 16) as usize % Self::ALL
    }

    /// Of all but the first.
    #[inline(always)]
    fn hash_of_last(four: [u8; WIDTH]) -> usize {
        ((u32::from_le_bytes(four) >> 8).wrapping_mul(0x85EB_CA6B) >> 17) as usize % Self::LAST
    }

    /// Whether these bytes may be any of them.
    #[inline(always)]
    fn may_have(&self, four: [u8; WIDTH]) -> bool {
        let (all, last) = (Self::hash_of_all(four), Self::hash_of_last(four));
        let bits = self.fours[all / 64] >> (all % 64) | self.threes[last / 64] >> (last % 64);
        bits & 1 == 1
    }
}

/// What is known about each byte of a block by itself.
struct Bytes {
    digits: Places,
    of_number: Places,
    of_row: Places,
}

impl Bytes {
    const NEW: Self = Self {
        digits: [0; WORDS],
        of_number: [0; WORDS],
        of_row: [0; WORDS],
    };

    /// What that means for the bytes together. Of bytes that are not in the block the worst is assumed: `after_digit` says
    /// whether one stands before it, `goes_on` whether there are more behind it.
    #[inline(always)]
    fn join(&self, after_digit: bool, goes_on: bool, sifted: &mut Sifted) {
        let beyond = if goes_on { !0 } else { 0 };
        let numbers = runs(self.of_number, [1, 2, 3], beyond);
        let eights = runs(self.of_row, [1, 2, 4], beyond);
        let mut before = u64::from(after_digit);
        for word in 0..WORDS {
            let digits = self.digits[word];
            sifted.numbers[word] = digits & !(digits << 1 | before) & numbers[word];
            before = digits >> 63;
            let next = if word + 1 < WORDS {
                eights[word + 1]
            } else {
                beyond
            };
            sifted.rows[word] = eights[word] & (eights[word] >> 8 | next << 56) & 0x0101_0101_0101_0101;
        }
        sifted.busy = (0..WORDS).fold(0, |busy, word| {
            let told = sifted.numbers[word] | sifted.rows[word] | sifted.apart[word];
            let told = told | sifted.signs[word] | sifted.brackets[word];
            busy | u16::from(told != 0) << word
        });
    }
}

/// For each place, whether it and the places after it are all set: as many as `steps` add up to, and one.
#[inline(always)]
fn runs(mut places: Places, steps: [u32; 3], beyond: u64) -> Places {
    for step in steps {
        for word in 0..WORDS {
            let next = if word + 1 < WORDS {
                places[word + 1]
            } else {
                beyond
            };
            places[word] &= places[word] >> step | next << (64 - step);
        }
    }
    places
}

/// The tables. Made once for an engine.
#[derive(Clone, Debug)]
pub(crate) struct Sieve {
    /// The sets of each kind.
    sets: [Shape; KINDS],
    /// For each byte, the kinds that it rules out: eight bits for each of the four parts that it may play.
    ruled_out: Box<[u32; 256]>,
    nibbles: Nibbles,
    fours: Arc<Fours>,
}

/// Which kinds half-bytes leave.
#[derive(Clone, Debug)]
struct Nibbles {
    /// For each of the four bytes, the low and the high half.
    low: [Table; WIDTH],
    high: [Table; WIDTH],
    /// For each of [`PAIRS`], the low halves of both, by exclusive or.
    pairs: [Table; PAIRS.len()],
}

/// Something for each half-byte, twice: shuffles of 32 bytes look up each half of theirs in a half of it.
type Table = [u8; 32];

/// Bytes whose low halves are looked at together as well: four letters of one shape are then told from one letter each of four.
/// Letters and capitals have the same low halves.
pub(super) const PAIRS: [[usize; 2]; 4] = [[0, 1], [2, 3], [0, 2], [1, 3]];

impl Nibbles {
    /// The kinds that the pairs leave.
    fn of_pairs(&self, four: &[u8]) -> u8 {
        let pairs = self.pairs.iter().zip(PAIRS);
        pairs.fold(!0, |kinds, (table, [first, second])| {
            kinds & table[usize::from((four[first] ^ four[second]) & 15)]
        })
    }
}

impl Sieve {
    /// A sieve that lets nothing through but numbers, signs and rows.
    pub(crate) fn new() -> Self {
        Self {
            sets: [[ByteSet::NONE; WIDTH]; KINDS],
            ruled_out: Box::new([!0; 256]),
            nibbles: Nibbles {
                low: [[0; 32]; WIDTH],
                high: [[0; 32]; WIDTH],
                pairs: [[0; 32]; PAIRS.len()],
            },
            fours: Arc::new(Fours {
                fours: [0; _],
                threes: [0; _],
            }),
        }
    }

    /// Lets another shape of this kind through, and its bytes be listed.
    pub(crate) fn add_lead(&mut self, kind: Kind, shape: Shape) {
        self.add(kind, shape);
        Arc::get_mut(&mut self.fours)
            .expect("leads are added first")
            .add(&shape);
    }

    /// Lets another shape of this kind through.
    pub(crate) fn add(&mut self, kind: Kind, shape: Shape) {
        for (set, more) in self.sets[kind].iter_mut().zip(shape) {
            *set = set.union(more);
        }
        for (pair, of) in self.nibbles.pairs.iter_mut().zip(pairs(&shape)) {
            for (together, kinds) in pair.iter_mut().enumerate() {
                *kinds |= ((of >> (together % 16) & 1) as u8) << kind;
            }
        }
    }

    /// To be called after the last shape was added.
    pub(crate) fn fill(&mut self) {
        for (kind, sets) in self.sets.iter().enumerate() {
            for (place, set) in sets.iter().enumerate() {
                for byte in set.iter() {
                    for half in [0, 16] {
                        self.nibbles.low[place][half + usize::from(byte & 15)] |= 1 << kind;
                        self.nibbles.high[place][half + usize::from(byte >> 4)] |= 1 << kind;
                    }
                }
            }
        }
        for byte in 0..=u8::MAX {
            let (low, high) = (usize::from(byte & 15), usize::from(byte >> 4));
            let fits = |place: usize| self.nibbles.low[place][low] & self.nibbles.high[place][high];
            self.ruled_out[usize::from(byte)] = u32::from_le_bytes(std::array::from_fn(|place| !fits(place)));
        }
    }

    /// Looks at the places from `from` on: at most [`BLOCK`], and not beyond the bytes. Around the bytes stand zeros.
    pub(crate) fn sift(&self, bytes: &[u8], from: usize, sifted: &mut Sifted) {
        #[cfg(target_arch = "x86_64")]
        if avx2::sift(&self.nibbles, &self.fours, bytes, from, sifted) {
            return;
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        if simd128::sift(&self.nibbles, &self.fours, bytes, from, sifted) {
            return;
        }
        self.sift_plainly(bytes, from, sifted);
    }

    /// The same without shuffles: the twin that the others are compared with, and the only one on most machines.
    fn sift_plainly(&self, bytes: &[u8], from: usize, sifted: &mut Sifted) {
        let count = BLOCK.min(bytes.len() - from);
        let view = view(bytes, from);
        let (before, block) = view.split_at(WIDTH - 1);
        let (mut marked, mut each) = ([0; WORDS], Bytes::NEW);
        (sifted.apart, sifted.signs, sifted.brackets) = ([0; WORDS], [0; WORDS], [0; WORDS]);
        let mut seen = 0;
        // Each step moves what earlier bytes rule out to the part that they play for the next place.
        let step = |state: u32, byte: u8| state << KINDS | self.ruled_out[usize::from(byte)];
        let mut state = before.iter().fold(0, |state, byte| step(state, *byte));
        let (eights, _) = block.as_chunks::<EIGHT>();
        for (eight, bytes) in eights.iter().take(count.div_ceil(EIGHT)).enumerate() {
            let (word, shift) = (EIGHT * eight / 64, EIGHT * eight % 64);
            let left = count - EIGHT * eight;
            let valid = if left < EIGHT { (1 << left) - 1 } else { 0xFF };
            let (mut told, mut ruled_out) = (0, !0);
            let mut states = [0; EIGHT];
            for (place, byte) in bytes.iter().enumerate() {
                told |= TOLD[usize::from(*byte)] << place;
                state = step(state, *byte);
                states[place] = state;
                ruled_out &= state;
            }
            // At most places no kind fits.
            if !ruled_out >> ((WIDTH - 1) * KINDS) != 0 {
                for (place, state) in states.into_iter().enumerate() {
                    let at = EIGHT * eight + place;
                    let mut kinds = !(state >> ((WIDTH - 1) * KINDS)) as u8;
                    if kinds != 0 && valid >> place & 1 == 1 {
                        kinds &= self.nibbles.of_pairs(&view[at..at + WIDTH]);
                        marked[word] |= u64::from(kinds & TOGETHER != 0) << (at % 64);
                        sifted.apart[word] |= u64::from(kinds >> APART) << (at % 64);
                    }
                }
            }
            // Behind the bytes stand zeros, which are nothing.
            let of = |class: u32| (told >> (EIGHT as u32 * class) & 0xFF) << shift;
            each.digits[word] |= of(DIGIT);
            each.of_number[word] |= of(OF_NUMBER);
            each.of_row[word] |= of(OF_ROW);
            sifted.signs[word] |= of(SIGN);
            sifted.brackets[word] |= of(BRACKET);
            seen |= told;
        }
        sifted.may_fold = seen >> (EIGHT as u32 * MAY_FOLD) != 0;
        sifted.list(&marked, &view, &self.fours);
        each.join(is_after_digit(bytes, from), from + BLOCK < bytes.len(), sifted);
    }
}

/// For each of [`PAIRS`], what the exclusive or of the two low halves can be: a bit for each.
pub(super) fn pairs(shape: &Shape) -> [u16; PAIRS.len()] {
    PAIRS.map(|[first, second]| {
        let [first, second] = [first, second].map(|place| shape[place].low_halves());
        (0..16)
            .filter(|low| first >> low & 1 == 1)
            .fold(0, |together, low| {
                let with = (0..16).filter(|other| second >> other & 1 == 1);
                with.fold(together, |together, other| together | 1 << (low ^ other))
            })
    })
}

fn is_after_digit(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .is_some_and(|before| bytes[before].is_ascii_digit())
}

/// Bytes that are looked at in one go without vectors.
const EIGHT: usize = 8;

/// What a byte is by itself: a bit for each class, a byte apart, so that shifted ones of eight bytes fit together.
static TOLD: [u64; 256] = {
    let mut told = [0; 256];
    let mut byte = 0_u8;
    loop {
        let mut class = 0;
        while class < CLASSES {
            if belongs(byte, class) {
                told[byte as usize] |= 1 << (EIGHT as u32 * class);
            }
            class += 1;
        }
        if byte == u8::MAX {
            break told;
        }
        byte += 1;
    }
};

const CLASSES: u32 = 6;
const DIGIT: u32 = 0;
const OF_NUMBER: u32 = 1;
const OF_ROW: u32 = 2;
const SIGN: u32 = 3;
const BRACKET: u32 = 4;
const MAY_FOLD: u32 = 5;

const fn belongs(byte: u8, class: u32) -> bool {
    match class {
        DIGIT => byte.is_ascii_digit(),
        OF_NUMBER => matches!(byte, b'0'..=b'9' | b'+' | b'(' | b')' | b' ' | b'-' | b'.' | b'/'),
        OF_ROW => byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'='),
        SIGN => byte == b'@',
        BRACKET => byte == b'[',
        _ => byte >= 128 || byte == b'%' || byte == b'\\',
    }
}

/// For a low and a high half-byte what they are of: both have a bit of [`NUMBER_BITS`] in common if the byte may stand in a
/// number, and one above these if it may stand in a row.
#[cfg(any(target_arch = "x86_64", target_feature = "simd128"))]
const CLASS_NIBBLES: [Table; 2] = {
    let mut tables = [[0; 32]; 2];
    let mut byte = 0;
    while byte < 128 {
        let (low, high) = (byte & 15, byte >> 4);
        let mut bits = 0;
        if belongs(byte as u8, OF_NUMBER) {
            // They are of two high halves, 2 and 3.
            bits |= 1 << (high - 2);
        }
        if belongs(byte as u8, OF_ROW) {
            // Of these too; capitals and small letters have the same low halves.
            bits |= if high < 4 {
                4 << (high - 2)
            } else {
                16 << (high & 1)
            };
        }
        let mut half = 0;
        while half < 32 {
            tables[0][half + low] |= bits;
            tables[1][half + high] |= bits;
            half += 16;
        }
        byte += 1;
    }
    tables
};

#[cfg(any(target_arch = "x86_64", target_feature = "simd128"))]
const NUMBER_BITS: u8 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sets() -> impl Strategy<Value = Shape> {
        let set = || {
            prop::collection::vec(any::<u8>(), 1..4).prop_map(|bytes| {
                if bytes[0] < 20 {
                    ByteSet::ALL
                } else {
                    ByteSet::of(&bytes)
                }
            })
        };
        [set(), set(), set(), set()]
    }

    fn sieves() -> impl Strategy<Value = Sieve> {
        prop::collection::vec(sets(), KINDS).prop_map(|shapes| {
            let mut sieve = Sieve::new();
            for (kind, shape) in shapes.into_iter().enumerate() {
                if kind == APART {
                    sieve.add(kind, shape);
                } else {
                    sieve.add_lead(kind, shape);
                }
            }
            sieve.fill();
            sieve
        })
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 1..3000),
            "[a-z0-9 +-9@\\n]{1,200}".prop_map(String::into_bytes),
            "[0-9a-z+-9]{1,1500}".prop_map(String::into_bytes),
            prop::collection::vec(prop::sample::select(b"ab1n\\ ".to_vec()), 1..400),
        ]
    }

    fn has(places: &Places, place: usize) -> bool {
        places[place / 64] >> (place % 64) & 1 == 1
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_place_where_something_stands_is_told_and_all_ways_to_sift_agree(
            sieve in sieves(), bytes in bytes(), from in any::<prop::sample::Index>()
        ) {
            let from = from.index(bytes.len());
            let (mut plain, mut fast) = (Box::new(Sifted::NEW), Box::new(Sifted::NEW));
            sieve.sift_plainly(&bytes, from, &mut plain);
            sieve.sift(&bytes, from, &mut fast);
            let told = |sifted: &Sifted| {
                let Sifted { apart, signs, brackets, numbers, rows, may_fold, .. } = sifted;
                (sifted.leads().to_vec(), [*apart, *signs, *brackets, *numbers, *rows], *may_fold)
            };
            prop_assert_eq!(told(&plain), told(&fast));
            let leads: Vec<usize> = plain.leads().iter().map(|place| usize::from(*place)).collect();
            prop_assert!(leads.is_sorted_by(|some, next| some < next));
            let fold = |byte: u8| !byte.is_ascii() || b"%\\".contains(&byte);
            prop_assert_eq!(plain.may_fold, bytes[from..].iter().take(BLOCK).any(|byte| fold(*byte)));
            let byte = |at: isize| usize::try_from(at).ok().and_then(|at| bytes.get(at).copied()).unwrap_or(0);
            for place in 0..BLOCK {
                let at = from + place;
                if at >= bytes.len() {
                    prop_assert!(!leads.contains(&place));
                    for places in [&plain.apart, &plain.signs, &plain.brackets, &plain.numbers, &plain.rows] {
                        prop_assert!(!has(places, place));
                    }
                    continue;
                }
                for (kind, sets) in sieve.sets.iter().enumerate() {
                    let stands = (0..WIDTH).all(|nth| sets[nth].has(byte((at + nth) as isize - 3)));
                    let told = if kind == APART { has(&plain.apart, place) } else { leads.contains(&place) };
                    prop_assert!(!stands || told);
                }
                prop_assert_eq!(has(&plain.signs, place), bytes[at] == b'@');
                prop_assert_eq!(has(&plain.brackets, place), bytes[at] == b'[');
                let ahead = |count: usize| bytes[at..].iter().take(count).copied();
                let of_number = |byte: u8| byte.is_ascii_digit() || b"+() -./".contains(&byte);
                let number = bytes[at].is_ascii_digit()
                    && !byte(at as isize - 1).is_ascii_digit()
                    && at + NUMBER <= bytes.len()
                    && ahead(NUMBER).all(of_number);
                prop_assert!(!number || has(&plain.numbers, place));
                let row = place % 8 == 0
                    && at + ROW <= bytes.len()
                    && ahead(ROW).all(|byte| byte.is_ascii_alphanumeric() || b"/+=".contains(&byte));
                prop_assert!(!row || has(&plain.rows, place));
                // Near the block's end the worst is assumed.
                if place + ROW <= BLOCK {
                    prop_assert_eq!(has(&plain.numbers, place), number);
                    prop_assert_eq!(has(&plain.rows, place), row);
                }
            }
        }
    }
}
