//! The sieve: one pass over the bytes that says where a shape may begin.
//!
//! A shape is four sets, one for each byte from a place on, and what may stand before it. Shapes are of sixteen kinds, so a
//! byte's part in all of them fits one table entry, and the kinds that fit a place are the intersection of four entries. The sets of a kind
//! are widened to products of half-bytes, which lets sixteen-entry shuffles look them up, 32 bytes at a time, where the
//! machine has AVX2, and 16 in WebAssembly that is built with vectors; everywhere else one table of 256 entries gives the same
//! answer.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

/// Places that are looked at in one go: as many rows as a word has bits.
pub(crate) const BLOCK: usize = 64 * ROW;

/// Bytes of a row: where that many in a row may all belong to a token, the row is marked as well.
pub(crate) const ROW: usize = 16;

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

    /// The letters, small and capital.
    pub(crate) fn any_case(letters: &[u8]) -> Self {
        Self::that(|byte| letters.contains(&byte.to_ascii_lowercase()))
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

    pub(crate) fn union(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }
}

/// What may stand before a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Anything,
    NoDigit,
    /// No ASCII letter or digit, unless it is that of an escape such as `\n`.
    NoWord,
}

/// Four sets, one for each byte.
pub(crate) type Shape = [ByteSet; WIDTH];
pub(crate) const WIDTH: usize = 4;

/// One of sixteen. The first eight and the last eight are two sets of tables.
pub(crate) type Kind = usize;
pub(crate) const KINDS: usize = 16;

/// What is known about the places of one block.
pub(crate) struct Sifted {
    /// A bit for each place at which some kind fits.
    pub(crate) marked: [u32; BLOCK / 32],
    /// Which kinds: the first eight and the last. Meaningful where `marked`.
    pub(crate) kinds: [[u8; BLOCK]; 2],
    /// A bit for each row without blanks, controls, quotes, parentheses, commas and bytes beyond ASCII.
    pub(crate) rows: u64,
}

impl Sifted {
    pub(crate) const NEW: Self = Self {
        marked: [0; BLOCK / 32],
        kinds: [[0; BLOCK]; 2],
        rows: 0,
    };

    /// The kinds at a marked place.
    pub(crate) fn kinds(&self, place: usize) -> u16 {
        u16::from_le_bytes([self.kinds[0][place], self.kinds[1][place]])
    }
}

/// The tables. Made once for an engine.
#[derive(Clone, Debug)]
pub(crate) struct Sieve {
    /// The sets of each kind.
    sets: [Shape; KINDS],
    before: [Before; KINDS],
    /// For each byte, the kinds that it rules out: sixteen bits for each of the four parts that it may play.
    ruled_out: Box<[u64; 256]>,
    nibbles: Nibbles,
}

/// For each half of the kinds and each of the three bytes: the kinds that a low and a high half-byte leave.
#[derive(Clone, Debug)]
struct Nibbles {
    low: [[[u8; 16]; WIDTH]; 2],
    high: [[[u8; 16]; WIDTH]; 2],
    /// The kinds that a digit before them rules out, and those that any letter or digit does.
    not_after_digit: [u8; 2],
    not_after_word: [u8; 2],
}

impl Sieve {
    /// A sieve that lets nothing through.
    pub(crate) fn new() -> Self {
        let mut sieve = Self {
            sets: [[ByteSet::NONE; WIDTH]; KINDS],
            before: [Before::Anything; KINDS],
            ruled_out: Box::new([!0; 256]),
            nibbles: Nibbles {
                low: [[[0; 16]; WIDTH]; 2],
                high: [[[0; 16]; WIDTH]; 2],
                not_after_digit: [0; 2],
                not_after_word: [0; 2],
            },
        };
        sieve.fill();
        sieve
    }

    /// Lets another shape of this kind through. What may stand before is the same for all of a kind.
    pub(crate) fn add(&mut self, kind: Kind, before: Before, shape: Shape) {
        for (set, more) in self.sets[kind].iter_mut().zip(shape) {
            *set = set.union(more);
        }
        self.before[kind] = before;
    }

    /// To be called after the last shape was added.
    pub(crate) fn fill(&mut self) {
        for kind in 0..KINDS {
            let (half, bit) = (kind / 8, 1 << (kind % 8));
            for (place, set) in self.sets[kind].iter().enumerate() {
                for byte in (0..=u8::MAX).filter(|byte| set.has(*byte)) {
                    self.nibbles.low[half][place][usize::from(byte & 15)] |= bit;
                    self.nibbles.high[half][place][usize::from(byte >> 4)] |= bit;
                }
            }
            match self.before[kind] {
                Before::Anything => {}
                Before::NoDigit => self.nibbles.not_after_digit[half] |= bit,
                Before::NoWord => self.nibbles.not_after_word[half] |= bit,
            }
        }
        for byte in 0..=u8::MAX {
            let (low, high) = (usize::from(byte & 15), usize::from(byte >> 4));
            let fits = |place: usize| {
                let half =
                    |half: usize| self.nibbles.low[half][place][low] & self.nibbles.high[half][place][high];
                u64::from(u16::from_le_bytes([half(0), half(1)]))
            };
            self.ruled_out[usize::from(byte)] =
                (0..WIDTH).fold(0, |bits, place| bits | (!fits(place) & 0xFFFF) << (place * KINDS));
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
        sifted.marked = [0; BLOCK / 32];
        let count = BLOCK.min(bytes.len() - from);
        let entry = |at: usize| self.ruled_out[usize::from(bytes.get(at).copied().unwrap_or(0))];
        // Each step moves what earlier bytes rule out to the part that they play for the next place.
        let mut state = (0..WIDTH - 1).fold(0, |state, offset| state << KINDS | entry(from + offset));
        let most = bytes.len();
        let ahead = &bytes[(from + WIDTH - 1).min(most)..(from + WIDTH - 1 + count).min(most)];
        let mut mark = |place: usize, state: u64| {
            let kinds = !(state >> ((WIDTH - 1) * KINDS)) as u16;
            if kinds != 0 {
                let kinds = kinds & !self.ruled_out_after(&bytes[..from + place]);
                sifted.marked[place / 32] |= u32::from(kinds != 0) << (place % 32);
                let [low, high] = kinds.to_le_bytes();
                (sifted.kinds[0][place], sifted.kinds[1][place]) = (low, high);
            }
        };
        // Most places fit no kind: four are asked about at once.
        let mut fours = ahead.chunks_exact(4);
        let mut place = 0;
        for four in &mut fours {
            let mut next = |byte: u8| {
                state = state << KINDS | self.ruled_out[usize::from(byte)];
                state
            };
            let states = [next(four[0]), next(four[1]), next(four[2]), next(four[3])];
            let all = states[0] & states[1] & states[2] & states[3];
            if all >> ((WIDTH - 1) * KINDS) != 0xFFFF {
                for (offset, state) in states.into_iter().enumerate() {
                    mark(place + offset, state);
                }
            }
            place += 4;
        }
        let rest = fours.remainder().iter().copied();
        for byte in rest.chain(std::iter::repeat(0)).take(count - place) {
            state = state << KINDS | self.ruled_out[usize::from(byte)];
            mark(place, state);
            place += 1;
        }
        sifted.rows = 0;
        for (row, bytes) in bytes[from..from + count].chunks_exact(ROW).enumerate() {
            sifted.rows |= u64::from(is_row(bytes)) << row;
        }
    }
}

impl Sieve {
    fn ruled_out_after(&self, before: &[u8]) -> u16 {
        let Some(byte) = before.last() else { return 0 };
        let if_so = |so: bool, kinds: [u8; 2]| if so { u16::from_le_bytes(kinds) } else { 0 };
        if_so(byte.is_ascii_digit(), self.nibbles.not_after_digit)
            | if_so(ends_within_word(before), self.nibbles.not_after_word)
    }
}

/// The least byte of a row.
const LEAST_OF_ROW: u8 = b'+';

/// Whether all sixteen bytes are ASCII and none comes before `+`: eight at a time.
fn is_row(bytes: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const LEAST: u64 = 0x0101_0101_0101_0101 * LEAST_OF_ROW as u64;
    let [first, second] = [&bytes[..8], &bytes[8..]]
        .map(|half| u64::from_le_bytes(half.try_into().expect("a row is two times eight bytes")));
    let fits = |word: u64| ((word | HIGH) - LEAST) & !word;
    fits(first) & fits(second) & HIGH == HIGH
}

/// Whether the last byte is a letter or digit, and not that of an escape.
fn ends_within_word(before: &[u8]) -> bool {
    before.last().is_some_and(u8::is_ascii_alphanumeric) && !matches!(before, [.., b'\\', b'n' | b't' | b'r'])
}

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
        let before = prop::sample::select(vec![Before::Anything, Before::NoDigit, Before::NoWord]);
        prop::collection::vec((before, sets()), KINDS).prop_map(|shapes| {
            let mut sieve = Sieve::new();
            for (kind, (before, shape)) in shapes.into_iter().enumerate() {
                sieve.add(kind, before, shape);
            }
            sieve.fill();
            sieve
        })
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 1..3000),
            "[a-z0-9 +-9@\\n]{1,200}".prop_map(String::into_bytes),
            prop::collection::vec(prop::sample::select(b"ab1n\\ ".to_vec()), 1..400),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_place_where_a_shape_stands_is_marked_and_all_ways_to_sift_agree(
            sieve in sieves(), bytes in bytes(), from in any::<prop::sample::Index>()
        ) {
            let from = from.index(bytes.len());
            let (mut plain, mut fast) = (Box::new(Sifted::NEW), Box::new(Sifted::NEW));
            sieve.sift_plainly(&bytes, from, &mut plain);
            sieve.sift(&bytes, from, &mut fast);
            prop_assert_eq!(plain.marked, fast.marked);
            prop_assert_eq!(plain.rows, fast.rows);
            let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
            for place in 0..BLOCK {
                let at = from + place;
                let marked = plain.marked[place / 32] >> (place % 32) & 1 == 1;
                prop_assert!(at < bytes.len() || !marked);
                let kinds = if marked { plain.kinds(place) } else { 0 };
                if marked {
                    prop_assert!(kinds != 0);
                    prop_assert_eq!(kinds, fast.kinds(place));
                }
                for kind in (0..KINDS).filter(|_| at < bytes.len()) {
                    let before = &bytes[..at];
                    let follows = match sieve.before[kind] {
                        Before::Anything => true,
                        Before::NoDigit => !before.last().is_some_and(u8::is_ascii_digit),
                        Before::NoWord => !ends_within_word(before),
                    };
                    let stands = (0..WIDTH).all(|nth| sieve.sets[kind][nth].has(byte(at + nth)));
                    prop_assert!(!(follows && stands) || kinds >> kind & 1 == 1);
                }
            }
            for row in 0..BLOCK / ROW {
                let of_row = |byte: &u8| (b'+'..128).contains(byte);
                let at = from + row * ROW;
                let is_row = bytes.get(at..at + ROW).is_some_and(|row| row.iter().all(of_row));
                prop_assert_eq!(plain.rows >> row & 1 == 1, is_row);
            }
        }
    }
}
