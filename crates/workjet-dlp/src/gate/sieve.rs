//! The sieve: one pass over the bytes that says where something may stand.
//!
//! A shape is four sets, one for each byte up to and including a place. Shapes are of eight kinds, so a byte's part in all of them
//! fits one table entry of a byte, and the kinds that fit a place are the intersection of four entries. The sets of a kind are
//! widened to products of half-bytes, which lets sixteen-entry shuffles look them up, 32 bytes at a time where the machine has
//! AVX2, and 16 in WebAssembly that is built with vectors; everywhere else one table of 256 entries gives the same answer.
//! Numbers, `@` and long rows without blanks are told by ranges of bytes in the same pass.

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

/// Half as many bytes in a row may all belong to a token where a row begins; the second half follows.
pub(crate) const ROW: usize = 16;

/// Bytes from a first digit on that are digits, or stand between digits, where a number begins. None is shorter.
pub(crate) const NUMBER: usize = 7;

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSet([u128; 2]);

impl ByteSet {
    pub(crate) const NONE: Self = Self([0; 2]);
    pub(crate) const ALL: Self = Self([!0; 2]);

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
        self.0[usize::from(byte >> 7)] |= 1 << (byte & 127);
    }

    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 7)] >> (byte & 127) & 1 == 1
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |byte| self.has(*byte))
    }

    pub(crate) fn len(self) -> usize {
        (self.0[0].count_ones() + self.0[1].count_ones()) as usize
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
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
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sifted {
    /// Some kind but [`APART`] fits.
    pub(crate) marked: Places,
    /// [`APART`] fits.
    pub(crate) apart: Places,
    /// An `@`.
    pub(crate) signs: Places,
    /// A digit, none before it, and [`NUMBER`] bytes of a number from it on.
    pub(crate) numbers: Places,
    /// Sixteen bytes without blanks, controls, quotes, parentheses, commas and bytes beyond ASCII. Every eighth place alone is
    /// told.
    pub(crate) rows: Places,
}

impl Sifted {
    pub(crate) const NEW: Self = Self {
        marked: [0; WORDS],
        apart: [0; WORDS],
        signs: [0; WORDS],
        numbers: [0; WORDS],
        rows: [0; WORDS],
    };
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
        // For each place, whether all bytes from it on are in the set, as many as `steps` add up to, and one.
        let runs = |places: &Places, steps: [u32; 3]| {
            let mut runs = *places;
            for step in steps {
                for word in 0..WORDS {
                    let next = if word + 1 < WORDS { runs[word + 1] } else { beyond };
                    runs[word] &= runs[word] >> step | next << (64 - step);
                }
            }
            runs
        };
        let numbers = runs(&self.of_number, [1, 2, 3]);
        let eights = runs(&self.of_row, [1, 2, 4]);
        let mut before = u64::from(after_digit);
        for word in 0..WORDS {
            let digits = self.digits[word];
            sifted.numbers[word] = digits & !(digits << 1 | before) & numbers[word];
            before = digits >> 63;
            let next = if word + 1 < WORDS { eights[word + 1] } else { beyond };
            sifted.rows[word] = eights[word] & (eights[word] >> 8 | next << 56) & 0x0101_0101_0101_0101;
        }
    }
}

/// The tables. Made once for an engine.
#[derive(Clone, Debug)]
pub(crate) struct Sieve {
    /// The sets of each kind.
    sets: [Shape; KINDS],
    /// For each byte, the kinds that it rules out: eight bits for each of the four parts that it may play.
    ruled_out: Box<[u32; 256]>,
    nibbles: Nibbles,
}

/// For each of the four bytes: the kinds that a low and a high half-byte leave.
#[derive(Clone, Debug)]
struct Nibbles {
    low: [[u8; 16]; WIDTH],
    high: [[u8; 16]; WIDTH],
}

impl Sieve {
    /// A sieve that lets nothing through but numbers, signs and rows.
    pub(crate) fn new() -> Self {
        Self {
            sets: [[ByteSet::NONE; WIDTH]; KINDS],
            ruled_out: Box::new([!0; 256]),
            nibbles: Nibbles {
                low: [[0; 16]; WIDTH],
                high: [[0; 16]; WIDTH],
            },
        }
    }

    /// Lets another shape of this kind through.
    pub(crate) fn add(&mut self, kind: Kind, shape: Shape) {
        for (set, more) in self.sets[kind].iter_mut().zip(shape) {
            *set = set.union(more);
        }
    }

    /// To be called after the last shape was added.
    pub(crate) fn fill(&mut self) {
        for (kind, sets) in self.sets.iter().enumerate() {
            for (place, set) in sets.iter().enumerate() {
                for byte in set.iter() {
                    self.nibbles.low[place][usize::from(byte & 15)] |= 1 << kind;
                    self.nibbles.high[place][usize::from(byte >> 4)] |= 1 << kind;
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
        if avx2::sift(&self.nibbles, bytes, from, sifted) {
            return;
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        if simd128::sift(&self.nibbles, bytes, from, sifted) {
            return;
        }
        self.sift_plainly(bytes, from, sifted);
    }

    /// The same without shuffles: the twin that the others are compared with, and the only one on most machines.
    fn sift_plainly(&self, bytes: &[u8], from: usize, sifted: &mut Sifted) {
        let block = &bytes[from..bytes.len().min(from + BLOCK)];
        let mut each = Bytes::NEW;
        // Each step moves what earlier bytes rule out to the part that they play for the next place.
        let before = bytes[from.saturating_sub(WIDTH - 1)..from].iter();
        let zeros = (WIDTH - 1).saturating_sub(from);
        let state = std::iter::repeat_n(&0, zeros)
            .chain(before)
            .fold(0, |state, byte| state << KINDS | self.ruled_out[usize::from(*byte)]);
        let mut state = state;
        for (word, bytes) in block.chunks(64).enumerate() {
            let (mut marked, mut apart, mut signs) = (0, 0, 0);
            let (mut digits, mut of_number, mut of_row) = (0, 0, 0);
            for (place, byte) in bytes.iter().enumerate() {
                state = state << KINDS | self.ruled_out[usize::from(*byte)];
                let kinds = !(state >> ((WIDTH - 1) * KINDS)) as u8;
                let class = CLASSES[usize::from(*byte)];
                marked |= u64::from(kinds & TOGETHER != 0) << place;
                apart |= u64::from(kinds >> APART) << place;
                signs |= u64::from(class & SIGN != 0) << place;
                digits |= u64::from(class & DIGIT != 0) << place;
                of_number |= u64::from(class & OF_NUMBER != 0) << place;
                of_row |= u64::from(class & OF_ROW != 0) << place;
            }
            (sifted.marked[word], sifted.apart[word], sifted.signs[word]) = (marked, apart, signs);
            (each.digits[word], each.of_number[word], each.of_row[word]) = (digits, of_number, of_row);
        }
        for word in block.len().div_ceil(64)..WORDS {
            (sifted.marked[word], sifted.apart[word], sifted.signs[word]) = (0, 0, 0);
        }
        each.join(is_after_digit(bytes, from), from + BLOCK < bytes.len(), sifted);
    }
}

/// Bytes that are looked at in one go for whether they stand for themselves.
pub(crate) const PLAIN_BLOCK: usize = 128;

/// How many bytes, in whole blocks, are ASCII without `%` and `\\`, with which disguises begin.
pub(crate) fn plain_blocks(bytes: &[u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if let Some(length) = avx2::plain_blocks(bytes) {
        return length;
    }
    plain_blocks_plainly(bytes)
}

fn plain_blocks_plainly(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<PLAIN_BLOCK>();
    let plain = blocks.iter().take_while(|block| {
        // A bit that is set in whatever may matter, so that the loop needs no branch.
        let seen = block.iter().fold(0, |seen, byte| {
            let percent = if *byte == b'%' { 0x80 } else { 0 };
            let backslash = if *byte == b'\\' { 0x80 } else { 0 };
            seen | byte | percent | backslash
        });
        seen < 0x80
    });
    plain.count() * PLAIN_BLOCK
}

fn is_after_digit(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_digit())
}

/// The least byte of a row.
const LEAST_OF_ROW: u8 = b'+';

const SIGN: u8 = 1;
const DIGIT: u8 = 2;
const OF_NUMBER: u8 = 4;
const OF_ROW: u8 = 8;

/// What a byte is by itself.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let mut class = 0;
        if byte == b'@' {
            class |= SIGN;
        }
        if byte.is_ascii_digit() {
            class |= DIGIT;
        }
        if matches!(byte, b'0'..=b'9' | b'+' | b'(' | b')' | b' ' | b'-' | b'.' | b'/') {
            class |= OF_NUMBER;
        }
        if byte >= LEAST_OF_ROW {
            class |= OF_ROW;
        }
        classes[byte as usize] = class;
        byte += 1;
    }
    classes
};

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
                sieve.add(kind, shape);
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

    #[test]
    fn blocks_without_disguises_are_told_in_all_ways_alike() {
        for byte in 0..=u8::MAX {
            for at in [0, 31, 127, 128, 200, 255] {
                let mut bytes = [b'a'; 2 * PLAIN_BLOCK + 5];
                bytes[at] = byte;
                let plain = byte < 128 && !b"%\\".contains(&byte);
                let expected = if plain { 2 } else { at / PLAIN_BLOCK };
                assert_eq!(plain_blocks(&bytes), expected * PLAIN_BLOCK, "{byte:X} at {at}");
                assert_eq!(plain_blocks_plainly(&bytes), expected * PLAIN_BLOCK, "{byte:X} at {at}");
            }
        }
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
            prop_assert_eq!(&plain, &fast);
            let byte = |at: isize| usize::try_from(at).ok().and_then(|at| bytes.get(at).copied()).unwrap_or(0);
            for place in 0..BLOCK {
                let at = from + place;
                if at >= bytes.len() {
                    for places in [&plain.marked, &plain.apart, &plain.signs, &plain.numbers, &plain.rows] {
                        prop_assert!(!has(places, place));
                    }
                    continue;
                }
                for (kind, sets) in sieve.sets.iter().enumerate() {
                    let stands = (0..WIDTH).all(|nth| sets[nth].has(byte((at + nth) as isize - 3)));
                    let told = if kind == APART { &plain.apart } else { &plain.marked };
                    prop_assert!(!stands || has(told, place));
                }
                prop_assert_eq!(has(&plain.signs, place), bytes[at] == b'@');
                let ahead = |count: usize| bytes[at..].iter().take(count).copied();
                let of_number = |byte: u8| byte.is_ascii_digit() || b"+() -./".contains(&byte);
                let number = bytes[at].is_ascii_digit()
                    && !byte(at as isize - 1).is_ascii_digit()
                    && at + NUMBER <= bytes.len()
                    && ahead(NUMBER).all(of_number);
                prop_assert!(!number || has(&plain.numbers, place));
                let row = place % 8 == 0
                    && at + ROW <= bytes.len()
                    && ahead(ROW).all(|byte| (b'+'..128).contains(&byte));
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
