//! The sieve with 32-byte shuffles, and the search for bytes that fold: all that is unsafe in this crate.
//!
//! Unsafe are the calls of functions for machines with AVX2, which ask for the feature first, and loads of 32 bytes that slices have
//! already bounded. The twins are `Sieve::sift_plainly` and `is_plain_ascii`, and tests compare them.

use std::arch::x86_64::{
    __m256i, _mm_set_epi64x, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
    _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16,
};

use super::{
    BLOCK, Bytes, CLASSES, LEAST_OF_ROW, Nibbles, OF_NUMBER, PLAIN_BLOCK, Sifted, TOGETHER, WIDTH, WORDS, is_after_digit,
};

/// Bytes of one step.
const STEP: usize = 32;
/// With those before them that are looked at.
const VIEW: usize = WIDTH - 1 + STEP;
/// What is looked at for a whole block.
const BLOCK_VIEW: usize = WIDTH - 1 + BLOCK;

/// Does what `Sieve::sift_plainly` does, or nothing if this machine cannot.
#[allow(
    unsafe_code,
    reason = "a function for a feature may only be called where the feature is"
)]
pub(super) fn sift(nibbles: &Nibbles, bytes: &[u8], from: usize, sifted: &mut Sifted) -> bool {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return false;
    }
    // SAFETY: the machine has AVX2, as asked above; nothing else is required.
    unsafe { sift_block(nibbles, bytes, from, sifted) };
    true
}

#[target_feature(enable = "avx2")]
fn sift_block(nibbles: &Nibbles, bytes: &[u8], from: usize, sifted: &mut Sifted) {
    let tables = Tables::new(nibbles);
    let mut each = Bytes::NEW;
    let view = from
        .checked_sub(WIDTH - 1)
        .and_then(|before| bytes.get(before..before + BLOCK_VIEW));
    if let Some(Ok(view)) = view.map(<&[u8; BLOCK_VIEW]>::try_from) {
        for word in 0..WORDS {
            let first = tables.look(view[64 * word..64 * word + VIEW].try_into().expect("a view"));
            let second = tables.look(view[64 * word + STEP..64 * word + STEP + VIEW].try_into().expect("a view"));
            first.and(second).store(word, sifted, &mut each);
        }
    } else {
        // At the ends of the bytes zeros stand around them.
        let count = BLOCK.min(bytes.len() - from);
        for word in 0..WORDS {
            let at = from + 64 * word;
            if 64 * word >= count {
                Found::default().and(Found::default()).store(word, sifted, &mut each);
                continue;
            }
            let mut view = [0; VIEW + STEP];
            let first = at.saturating_sub(WIDTH - 1);
            let skipped = (WIDTH - 1).saturating_sub(at);
            let there = &bytes[first..bytes.len().min(at + 64)];
            view[skipped..skipped + there.len()].copy_from_slice(there);
            let first = tables.look(view[..VIEW].try_into().expect("a view"));
            let second = tables.look(view[STEP..].try_into().expect("a view"));
            let left = count - 64 * word;
            let valid = if left < 64 { (1 << left) - 1 } else { !0 };
            first.and(second).only(valid).store(word, sifted, &mut each);
        }
    }
    each.join(is_after_digit(bytes, from), from + BLOCK < bytes.len(), sifted);
}

struct Tables {
    low: [__m256i; WIDTH],
    high: [__m256i; WIDTH],
    of_number: [__m256i; 2],
}

/// A bit for each of 32 places, or 64.
#[derive(Clone, Copy, Default)]
struct Found<W> {
    marked: W,
    apart: W,
    signs: W,
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
            digits: self.digits & valid,
            of_number: self.of_number & valid,
            of_row: self.of_row & valid,
        }
    }

    #[inline]
    fn store(self, word: usize, sifted: &mut Sifted, each: &mut Bytes) {
        sifted.marked[word] = self.marked;
        sifted.apart[word] = self.apart;
        sifted.signs[word] = self.signs;
        each.digits[word] = self.digits;
        each.of_number[word] = self.of_number;
        each.of_row[word] = self.of_row;
    }
}

impl Tables {
    #[target_feature(enable = "avx2")]
    fn new(nibbles: &Nibbles) -> Self {
        Self {
            low: [0, 1, 2, 3].map(|place: usize| twice(&nibbles.low[place])),
            high: [0, 1, 2, 3].map(|place: usize| twice(&nibbles.high[place])),
            of_number: OF_NUMBER_NIBBLES.map(|table| twice(&table)),
        }
    }

    /// Looks at 32 places: all bytes of the view but the first three.
    #[target_feature(enable = "avx2")]
    fn look(&self, view: &[u8; VIEW]) -> Found<u32> {
        let nibble = _mm256_set1_epi8(15);
        let mut kinds = _mm256_set1_epi8(-1);
        let mut halves = [_mm256_setzero_si256(); 2];
        for place in 0..WIDTH {
            let byte = load(view, place);
            let low = _mm256_and_si256(byte, nibble);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(byte), nibble);
            let fits = _mm256_and_si256(
                _mm256_shuffle_epi8(self.low[place], low),
                _mm256_shuffle_epi8(self.high[place], high),
            );
            kinds = _mm256_and_si256(kinds, fits);
            halves = [low, high];
        }
        let of_number = _mm256_and_si256(
            _mm256_shuffle_epi8(self.of_number[0], halves[0]),
            _mm256_shuffle_epi8(self.of_number[1], halves[1]),
        );
        let byte = load(view, WIDTH - 1);
        let all = |byte: u8| _mm256_set1_epi8(byte.cast_signed());
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
            digits: bits(digit),
            of_number: bits(_mm256_cmpgt_epi8(of_number, _mm256_setzero_si256())),
            of_row: bits(_mm256_cmpgt_epi8(byte, all(LEAST_OF_ROW - 1))),
        }
    }
}

/// For a low and a high half-byte: a bit for each high half, so that both have one in common if the byte is of a number.
const OF_NUMBER_NIBBLES: [[u8; 16]; 2] = {
    let mut tables = [[0; 16]; 2];
    let mut byte = 0;
    while byte < 128 {
        if CLASSES[byte] & OF_NUMBER != 0 {
            // They are of two high halves, 2 and 3.
            tables[0][byte & 15] |= 1 << (byte >> 4);
            tables[1][byte >> 4] |= 1 << (byte >> 4);
        }
        byte += 1;
    }
    tables
};

/// Does what `super::plain_blocks` does without it, or nothing if this machine cannot.
#[allow(
    unsafe_code,
    reason = "a function for a feature may only be called where the feature is"
)]
pub(super) fn plain_blocks(bytes: &[u8]) -> Option<usize> {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return None;
    }
    // SAFETY: the machine has AVX2, as asked above; nothing else is required.
    Some(unsafe { plain_blocks_of(bytes) })
}

#[target_feature(enable = "avx2")]
fn plain_blocks_of(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<PLAIN_BLOCK>();
    let all = |byte: u8| _mm256_set1_epi8(byte.cast_signed());
    let plain = blocks.iter().take_while(|block| {
        let mut seen = _mm256_setzero_si256();
        for at in [0, 1, 2, 3] {
            let bytes = load_32(block[STEP * at..STEP * (at + 1)].try_into().expect("a step"));
            let folds = _mm256_or_si256(
                _mm256_cmpeq_epi8(bytes, all(b'%')),
                _mm256_cmpeq_epi8(bytes, all(b'\\')),
            );
            seen = _mm256_or_si256(seen, _mm256_or_si256(bytes, folds));
        }
        bits(seen) == 0
    });
    plain.count() * PLAIN_BLOCK
}

#[target_feature(enable = "avx2")]
fn bits(bytes: __m256i) -> u32 {
    _mm256_movemask_epi8(bytes).cast_unsigned()
}

#[target_feature(enable = "avx2")]
fn twice(table: &[u8; 16]) -> __m256i {
    let eight = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    _mm256_broadcastsi128_si256(_mm_set_epi64x(eight(&table[8..]), eight(&table[..8])))
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
