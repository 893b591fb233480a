//! The sieve with 32-byte shuffles: all that is unsafe in this crate.
//!
//! Unsafe are the call of a function for machines with AVX2, which asks for the feature first, and loads of 32 bytes that slices
//! have already bounded. The twin is `Sieve::sift_plainly`, and a property test compares the two.

use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_srli_epi16, _mm256_xor_si256,
};

use super::{
    BLOCK, BLOCK_VIEW, Bytes, CLASS_NIBBLES, Fours, NUMBER_BITS, Nibbles, PAIRS, Sifted, TOGETHER, WIDTH,
    WORDS, is_after_digit,
};

/// Bytes of one step.
const STEP: usize = 32;
/// With those before them that are looked at.
const VIEW: usize = WIDTH - 1 + STEP;

/// Does what `Sieve::sift_plainly` does, or nothing if this machine cannot.
#[allow(
    unsafe_code,
    reason = "a function for a feature may only be called where the feature is"
)]
pub(super) fn sift(nibbles: &Nibbles, fours: &Fours, bytes: &[u8], from: usize, sifted: &mut Sifted) -> bool {
    use std::arch::is_x86_feature_detected as has;
    if !(has!("avx2") && has!("bmi1") && has!("bmi2") && has!("popcnt")) {
        return false;
    }
    let around = from
        .checked_sub(WIDTH - 1)
        .and_then(|before| bytes[before..].first_chunk::<BLOCK_VIEW>());
    let (view, count) = match around {
        Some(view) => (view, BLOCK),
        None => (&super::view(bytes, from), BLOCK.min(bytes.len() - from)),
    };
    // SAFETY: the machine has the features, as asked above; nothing else is required.
    unsafe {
        sift_block(
            nibbles,
            fours,
            view,
            count,
            is_after_digit(bytes, from),
            from + BLOCK < bytes.len(),
            sifted,
        );
    };
    true
}

/// Looks at a block, of which `count` places are to be told. What stands around it is as for [`Bytes::join`].
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn sift_block(
    nibbles: &Nibbles,
    fours: &Fours,
    view: &[u8; BLOCK_VIEW],
    count: usize,
    after_digit: bool,
    goes_on: bool,
    sifted: &mut Sifted,
) {
    let tables = Tables::new(nibbles);
    let (mut marked, mut each) = ([0; WORDS], Bytes::NEW);
    let mut may_fold = _mm256_setzero_si256();
    for word in count.div_ceil(64)..WORDS {
        (sifted.apart[word], sifted.signs[word], sifted.brackets[word]) = (0, 0, 0);
    }
    for (word, marked) in marked.iter_mut().take(count.div_ceil(64)).enumerate() {
        let step = |half: usize| -> &[u8; VIEW] {
            let at = 64 * word + STEP * half;
            view[at..at + VIEW].try_into().expect("a view")
        };
        let mut found = tables
            .look(step(0), &mut may_fold)
            .and(tables.look(step(1), &mut may_fold));
        let left = count - 64 * word;
        if left < 64 {
            found = found.only((1 << left) - 1);
        }
        *marked = found.marked;
        found.store(word, sifted, &mut each);
    }
    sifted.may_fold = bits(may_fold) != 0;
    sifted.list(&marked, view, fours);
    each.join(after_digit, goes_on, sifted);
}

struct Tables {
    low: [__m256i; WIDTH],
    high: [__m256i; WIDTH],
    pairs: [__m256i; PAIRS.len()],
    class: [__m256i; 2],
}

/// A bit for each of 32 places, or 64.
#[derive(Clone, Copy)]
struct Found<W> {
    marked: W,
    apart: W,
    signs: W,
    brackets: W,
    digits: W,
    of_number: W,
    of_row: W,
}

impl Found<u32> {
    #[inline]
    fn and(self, next: Self) -> Found<u64> {
        let both = |first: u32, second: u32| u64::from(first) | u64::from(second) << 32;
        Found {
            marked: both(self.marked, next.marked),
            apart: both(self.apart, next.apart),
            signs: both(self.signs, next.signs),
            brackets: both(self.brackets, next.brackets),
            digits: both(self.digits, next.digits),
            of_number: both(self.of_number, next.of_number),
            of_row: both(self.of_row, next.of_row),
        }
    }
}

impl Found<u64> {
    fn only(self, valid: u64) -> Self {
        Self {
            marked: self.marked & valid,
            apart: self.apart & valid,
            signs: self.signs & valid,
            brackets: self.brackets & valid,
            digits: self.digits & valid,
            of_number: self.of_number & valid,
            of_row: self.of_row & valid,
        }
    }

    #[inline]
    fn store(self, word: usize, sifted: &mut Sifted, each: &mut Bytes) {
        sifted.apart[word] = self.apart;
        sifted.signs[word] = self.signs;
        sifted.brackets[word] = self.brackets;
        each.digits[word] = self.digits;
        each.of_number[word] = self.of_number;
        each.of_row[word] = self.of_row;
    }
}

impl Tables {
    #[target_feature(enable = "avx2")]
    fn new(nibbles: &Nibbles) -> Self {
        Self {
            low: [0, 1, 2, 3].map(|place: usize| load_32(&nibbles.low[place])),
            high: [0, 1, 2, 3].map(|place: usize| load_32(&nibbles.high[place])),
            pairs: [0, 1, 2, 3].map(|pair: usize| load_32(&nibbles.pairs[pair])),
            class: [0, 1].map(|half: usize| load_32(&CLASS_NIBBLES[half])),
        }
    }

    /// Looks at 32 places: all bytes of the view but the first three. Gives those that may fold the sign.
    #[target_feature(enable = "avx2")]
    fn look(&self, view: &[u8; VIEW], may_fold: &mut __m256i) -> Found<u32> {
        let nibble = _mm256_set1_epi8(15);
        let mut kinds = _mm256_set1_epi8(-1);
        let mut lows = [_mm256_setzero_si256(); WIDTH];
        let mut last_high = _mm256_setzero_si256();
        for (place, lows) in lows.iter_mut().enumerate() {
            let byte = load(view, place);
            let low = _mm256_and_si256(byte, nibble);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(byte), nibble);
            let fits = _mm256_and_si256(
                _mm256_shuffle_epi8(self.low[place], low),
                _mm256_shuffle_epi8(self.high[place], high),
            );
            kinds = _mm256_and_si256(kinds, fits);
            (*lows, last_high) = (low, high);
        }
        for (pair, [first, second]) in self.pairs.iter().zip(PAIRS) {
            let together = _mm256_xor_si256(lows[first], lows[second]);
            kinds = _mm256_and_si256(kinds, _mm256_shuffle_epi8(*pair, together));
        }
        let class = _mm256_and_si256(
            _mm256_shuffle_epi8(self.class[0], lows[WIDTH - 1]),
            _mm256_shuffle_epi8(self.class[1], last_high),
        );
        let byte = load(view, WIDTH - 1);
        let all = |byte: u8| _mm256_set1_epi8(byte.cast_signed());
        let marks = _mm256_or_si256(
            _mm256_cmpeq_epi8(byte, all(b'%')),
            _mm256_cmpeq_epi8(byte, all(b'\\')),
        );
        // Bytes beyond ASCII have the sign.
        *may_fold = _mm256_or_si256(*may_fold, _mm256_or_si256(marks, byte));
        let together = _mm256_and_si256(kinds, all(TOGETHER));
        let digit = _mm256_and_si256(
            _mm256_cmpgt_epi8(byte, all(b'0' - 1)),
            _mm256_cmpgt_epi8(all(b'9' + 1), byte),
        );
        Found {
            marked: bits(_mm256_cmpgt_epi8(together, _mm256_setzero_si256())),
            // Its bit is that of the sign.
            apart: bits(kinds),
            signs: bits(_mm256_cmpeq_epi8(byte, all(b'@'))),
            brackets: bits(_mm256_cmpeq_epi8(byte, all(b'['))),
            digits: bits(digit),
            of_number: bits(_mm256_cmpgt_epi8(
                _mm256_and_si256(class, all(NUMBER_BITS)),
                _mm256_setzero_si256(),
            )),
            of_row: bits(_mm256_cmpgt_epi8(class, all(NUMBER_BITS))),
        }
    }
}

#[target_feature(enable = "avx2")]
fn bits(bytes: __m256i) -> u32 {
    _mm256_movemask_epi8(bytes).cast_unsigned()
}

#[target_feature(enable = "avx2")]
fn load(view: &[u8; VIEW], from: usize) -> __m256i {
    load_32(view[from..from + STEP].try_into().expect("a step"))
}

#[target_feature(enable = "avx2")]
#[allow(unsafe_code, reason = "built from safe parts, a load takes ten instructions")]
fn load_32(bytes: &[u8; STEP]) -> __m256i {
    // SAFETY: `bytes` are the 32 that are read, and need not be aligned.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}
