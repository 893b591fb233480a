//! The sieve with 16-byte shuffles, for WebAssembly that is built with vectors. Nothing here is unsafe.
//!
//! What it does is what `avx2` does, with half as many bytes to a step; the twin is `Sieve::sift_plainly`.
//! `cargo bench -p workjet-bench -- wasm` fails if it does not find what the native engine finds.

use std::arch::wasm32::{
    i8x16_gt, u8x16_bitmask, u8x16_eq, u8x16_ge, u8x16_le, u8x16_shr, u8x16_splat, u8x16_swizzle, u64x2,
    v128, v128_and, v128_or, v128_xor,
};

use super::{
    APART, BLOCK, BLOCK_VIEW, Bytes, CLASS_NIBBLES, Fours, NUMBER_BITS, Nibbles, PAIRS, Sifted, TOGETHER,
    WIDTH, WORDS, is_after_digit,
};

/// Bytes of one step.
const STEP: usize = 16;
/// Steps of a word.
const STEPS: usize = 64 / STEP;
/// What is looked at for a word: its places, and the bytes before them.
const VIEW: usize = WIDTH - 1 + 64;

/// Does what `Sieve::sift_plainly` does. Never fails: a module with vectors is not even loaded where there are none.
pub(super) fn sift(nibbles: &Nibbles, fours: &Fours, bytes: &[u8], from: usize, sifted: &mut Sifted) -> bool {
    let around = from
        .checked_sub(WIDTH - 1)
        .and_then(|before| bytes[before..].first_chunk::<BLOCK_VIEW>());
    let (view, count) = match around {
        Some(view) => (view, BLOCK),
        None => (&super::view(bytes, from), BLOCK.min(bytes.len() - from)),
    };
    let tables = Tables::new(nibbles);
    let (mut marked, mut each) = ([0; WORDS], Bytes::NEW);
    let mut may_fold = u8x16_splat(0);
    for word in 0..WORDS {
        (sifted.apart[word], sifted.signs[word], sifted.brackets[word]) = (0, 0, 0);
        if 64 * word >= count {
            continue;
        }
        let here = view[64 * word..64 * word + VIEW].try_into().expect("a view");
        marked[word] = tables.look(here, word, sifted, &mut each, &mut may_fold);
        let left = count - 64 * word;
        if left < 64 {
            let valid = (1 << left) - 1;
            marked[word] &= valid;
            sifted.apart[word] &= valid;
        }
    }
    sifted.may_fold = u8x16_bitmask(may_fold) != 0;
    sifted.list(&marked, view, fours);
    each.join(is_after_digit(bytes, from), from + BLOCK < bytes.len(), sifted);
    true
}

struct Tables {
    low: [v128; WIDTH],
    high: [v128; WIDTH],
    pairs: [v128; PAIRS.len()],
    class: [v128; 2],
}

impl Tables {
    fn new(nibbles: &Nibbles) -> Self {
        Self {
            low: nibbles.low.map(|table| load(&table[..STEP])),
            high: nibbles.high.map(|table| load(&table[..STEP])),
            pairs: nibbles.pairs.map(|table| load(&table[..STEP])),
            class: CLASS_NIBBLES.map(|table| load(&table[..STEP])),
        }
    }

    /// Looks at the 64 places of a word: all bytes of the view but the first three. Gives those that may fold the sign, and
    /// says where leads may end.
    #[inline]
    fn look(
        &self,
        view: &[u8; VIEW],
        word: usize,
        sifted: &mut Sifted,
        each: &mut Bytes,
        may_fold: &mut v128,
    ) -> u64 {
        let mut marked = 0;
        for step in 0..STEPS {
            let mut kinds = u8x16_splat(u8::MAX);
            let mut lows = [u8x16_splat(0); WIDTH];
            let mut last_high = lows[0];
            for place in 0..WIDTH {
                let byte = load(&view[STEP * step + place..STEP * (step + 1) + place]);
                (lows[place], last_high) = (v128_and(byte, u8x16_splat(15)), u8x16_shr(byte, 4));
                let low = u8x16_swizzle(self.low[place], lows[place]);
                kinds = v128_and(kinds, v128_and(low, u8x16_swizzle(self.high[place], last_high)));
            }
            for (pair, [first, second]) in self.pairs.iter().zip(PAIRS) {
                kinds = v128_and(kinds, u8x16_swizzle(*pair, v128_xor(lows[first], lows[second])));
            }
            let class = v128_and(
                u8x16_swizzle(self.class[0], lows[WIDTH - 1]),
                u8x16_swizzle(self.class[1], last_high),
            );
            let byte = load(&view[STEP * step + WIDTH - 1..STEP * (step + 1) + WIDTH - 1]);
            let is = |other: u8| u8x16_eq(byte, u8x16_splat(other));
            *may_fold = v128_or(*may_fold, v128_or(byte, v128_or(is(b'%'), is(b'\\'))));
            let digit = v128_and(
                u8x16_ge(byte, u8x16_splat(b'0')),
                u8x16_le(byte, u8x16_splat(b'9')),
            );
            let positive = |bytes: v128| i8x16_gt(bytes, u8x16_splat(0));
            let bits = |bytes: v128| u64::from(u8x16_bitmask(bytes)) << (STEP * step);
            marked |= bits(positive(v128_and(kinds, u8x16_splat(TOGETHER))));
            // Its bit is that of the sign.
            const { assert!(APART == 7) };
            sifted.apart[word] |= bits(kinds);
            sifted.signs[word] |= bits(is(b'@'));
            sifted.brackets[word] |= bits(is(b'['));
            each.digits[word] |= bits(digit);
            each.of_number[word] |= bits(positive(v128_and(class, u8x16_splat(NUMBER_BITS))));
            each.of_row[word] |= bits(i8x16_gt(class, u8x16_splat(NUMBER_BITS)));
        }
        marked
    }
}

/// Made from two words, which the compiler turns into one load.
fn load(bytes: &[u8]) -> v128 {
    let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    u64x2(half(&bytes[..8]), half(&bytes[8..16]))
}
