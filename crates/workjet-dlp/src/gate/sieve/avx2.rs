//! The sieve with 32-byte shuffles: all that is unsafe in this crate.
//!
//! Unsafe are the call of a function for machines with AVX2, which asks for the feature first, and loads and stores of 32
//! bytes that slices have already bounded. The twin is `Sieve::sift_plainly`, and a
//! property test compares the two.

use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_andnot_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
    _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
};

use super::{BLOCK, LEAST_OF_ROW, Nibbles, Sifted, WIDTH};

/// Bytes of one step.
const STEP: usize = 32;
/// Bytes before them that are looked at.
const BEFORE: usize = 2;
/// With those before and the ones after them.
const VIEW: usize = BEFORE + STEP + WIDTH - 1;

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
    let count = BLOCK.min(bytes.len() - from);
    sifted.rows = 0;
    let [low, high] = &mut sifted.kinds;
    let kinds = low.chunks_exact_mut(STEP).zip(high.chunks_exact_mut(STEP));
    // All of a block, and what is looked at around it.
    if let Some(views) = from
        .checked_sub(BEFORE)
        .and_then(|before| bytes.get(before..before + BEFORE + BLOCK + WIDTH - 1))
    {
        for (step, (low, high)) in kinds.enumerate() {
            let view = views[step * STEP..step * STEP + VIEW].try_into().expect("a view");
            let found = tables.look(view);
            sifted.marked[step] = found.marked;
            store(found.kinds[0], low);
            store(found.kinds[1], high);
            sifted.rows |= found.rows() << (2 * step);
        }
        return;
    }
    for (step, (low, high)) in kinds.enumerate() {
        let at = from + step * STEP;
        if step * STEP >= count {
            sifted.marked[step] = 0;
            continue;
        }
        let whole = at
            .checked_sub(BEFORE)
            .and_then(|before| bytes.get(before..before + VIEW));
        let (found, valid) = if let Some(Ok(view)) = whole.map(<&[u8; VIEW]>::try_from) {
            (tables.look(view), u32::MAX)
        } else {
            let mut view = [0; VIEW];
            for (offset, byte) in view.iter_mut().enumerate() {
                *byte = (at + offset)
                    .checked_sub(BEFORE)
                    .and_then(|at| bytes.get(at).copied())
                    .unwrap_or(0);
            }
            let left = count - step * STEP;
            (
                tables.look(&view),
                if left < STEP { (1 << left) - 1 } else { u32::MAX },
            )
        };
        sifted.marked[step] = found.marked & valid;
        store(found.kinds[0], low);
        store(found.kinds[1], high);
        sifted.rows |= found.rows() << (2 * step);
    }
}

struct Tables {
    low: [[__m256i; WIDTH]; 2],
    high: [[__m256i; WIDTH]; 2],
    not_after_digit: [__m256i; 2],
    not_after_word: [__m256i; 2],
}

struct Found {
    /// A bit for each place at which some kind fits.
    marked: u32,
    kinds: [__m256i; 2],
    /// A bit for each byte that may stand in a row.
    of_row: u32,
}

impl Found {
    /// A bit for each half that is a row.
    fn rows(&self) -> u64 {
        u64::from(self.of_row & 0xFFFF == 0xFFFF) | u64::from(self.of_row >> 16 == 0xFFFF) << 1
    }
}

impl Tables {
    #[target_feature(enable = "avx2")]
    fn new(nibbles: &Nibbles) -> Self {
        let tables = |tables: &[[[u8; 16]; WIDTH]; 2]| {
            let of = |half: usize, place: usize| {
                _mm256_broadcastsi128_si256(std::arch::x86_64::_mm_set_epi64x(
                    eight(&tables[half][place][8..]),
                    eight(&tables[half][place][..8]),
                ))
            };
            [
                [of(0, 0), of(0, 1), of(0, 2), of(0, 3)],
                [of(1, 0), of(1, 1), of(1, 2), of(1, 3)],
            ]
        };
        let all = |bits: [u8; 2]| {
            [
                _mm256_set1_epi8(bits[0].cast_signed()),
                _mm256_set1_epi8(bits[1].cast_signed()),
            ]
        };
        Self {
            low: tables(&nibbles.low),
            high: tables(&nibbles.high),
            not_after_digit: all(nibbles.not_after_digit),
            not_after_word: all(nibbles.not_after_word),
        }
    }

    /// Looks at 32 places: all bytes of the view but the first two and the last three.
    #[target_feature(enable = "avx2")]
    fn look(&self, view: &[u8; VIEW]) -> Found {
        let before_that = load(view, 0);
        let before = load(view, 1);
        let nibble = _mm256_set1_epi8(15);
        let mut kinds = [_mm256_set1_epi8(-1); 2];
        for place in 0..WIDTH {
            let byte = load(view, BEFORE + place);
            let low = _mm256_and_si256(byte, nibble);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(byte), nibble);
            for (half, kinds) in kinds.iter_mut().enumerate() {
                let fits = _mm256_and_si256(
                    _mm256_shuffle_epi8(self.low[half][place], low),
                    _mm256_shuffle_epi8(self.high[half][place], high),
                );
                *kinds = _mm256_and_si256(*kinds, fits);
            }
        }
        let digit = between(before, b'0', b'9');
        let small = _mm256_or_si256(before, _mm256_set1_epi8(0x20));
        let is = |byte: u8| _mm256_cmpeq_epi8(before, _mm256_set1_epi8(byte.cast_signed()));
        let backslash = _mm256_cmpeq_epi8(before_that, _mm256_set1_epi8(b'\\'.cast_signed()));
        let escape = _mm256_or_si256(_mm256_or_si256(is(b'n'), is(b't')), is(b'r'));
        let escape = _mm256_and_si256(escape, backslash);
        let word = _mm256_andnot_si256(escape, _mm256_or_si256(digit, between(small, b'a', b'z')));
        for (half, kinds) in kinds.iter_mut().enumerate() {
            let ruled_out = _mm256_or_si256(
                _mm256_and_si256(digit, self.not_after_digit[half]),
                _mm256_and_si256(word, self.not_after_word[half]),
            );
            *kinds = _mm256_andnot_si256(ruled_out, *kinds);
        }
        let none = _mm256_cmpeq_epi8(_mm256_or_si256(kinds[0], kinds[1]), _mm256_setzero_si256());
        let first = load(view, BEFORE);
        let of_row = _mm256_cmpgt_epi8(first, _mm256_set1_epi8((LEAST_OF_ROW - 1).cast_signed()));
        Found {
            marked: !_mm256_movemask_epi8(none).cast_unsigned(),
            kinds,
            of_row: _mm256_movemask_epi8(of_row).cast_unsigned(),
        }
    }
}

/// All ones where the byte is ASCII and in the range.
#[target_feature(enable = "avx2")]
fn between(bytes: __m256i, least: u8, most: u8) -> __m256i {
    _mm256_and_si256(
        _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8((least - 1).cast_signed())),
        _mm256_cmpgt_epi8(_mm256_set1_epi8((most + 1).cast_signed()), bytes),
    )
}

#[target_feature(enable = "avx2")]
#[allow(unsafe_code, reason = "built from safe parts, a load takes ten instructions")]
fn load(view: &[u8; VIEW], from: usize) -> __m256i {
    let bytes: &[u8] = &view[from..from + STEP];
    // SAFETY: `bytes` are the 32 that are read, and need not be aligned.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[allow(unsafe_code, reason = "as for `load`")]
fn store(value: __m256i, into: &mut [u8]) {
    let into = &mut into[..STEP];
    // SAFETY: `into` are the 32 bytes that are written, and need not be aligned.
    unsafe { _mm256_storeu_si256(into.as_mut_ptr().cast(), value) };
}

fn eight(bytes: &[u8]) -> i64 {
    i64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}
