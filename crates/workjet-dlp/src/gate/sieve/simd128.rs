//! The sieve with 16-byte shuffles, for WebAssembly that is built with vectors. Nothing here is unsafe.
//!
//! What it does is what `avx2` does, with half as many bytes to a step; the twin is `Sieve::sift_plainly`.
//! `cargo bench -p workjet-bench -- wasm` fails if it does not find what the native engine finds.

use std::arch::wasm32::{
    i8x16_ge, u8x16_bitmask, u8x16_eq, u8x16_ge, u8x16_le, u8x16_shr, u8x16_splat, u8x16_swizzle, u64x2,
    u64x2_extract_lane, v128, v128_and, v128_andnot, v128_any_true, v128_or,
};

use super::{BLOCK, LEAST_OF_ROW, Nibbles, ROW, Sifted, WIDTH};

/// Bytes of one step: a row.
const STEP: usize = ROW;
/// Bytes before them that are looked at.
const BEFORE: usize = 2;
/// With those before and the ones after them.
const VIEW: usize = BEFORE + STEP + WIDTH - 1;

/// Does what `Sieve::sift_plainly` does. Never fails: a module with vectors is not even loaded where there are none.
pub(super) fn sift(nibbles: &Nibbles, bytes: &[u8], from: usize, sifted: &mut Sifted) -> bool {
    let tables = Tables::new(nibbles);
    let count = BLOCK.min(bytes.len() - from);
    sifted.marked = [0; BLOCK / 32];
    sifted.rows = 0;
    let [low, high] = &mut sifted.kinds;
    let kinds = low.chunks_exact_mut(STEP).zip(high.chunks_exact_mut(STEP));
    for (step, (low, high)) in kinds.enumerate().take(count.div_ceil(STEP)) {
        let at = from + step * STEP;
        let whole = at
            .checked_sub(BEFORE)
            .and_then(|before| bytes.get(before..before + VIEW));
        let (found, valid) = if let Some(Ok(view)) = whole.map(<&[u8; VIEW]>::try_from) {
            (tables.look(view), u16::MAX)
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
                if left < STEP { (1 << left) - 1 } else { u16::MAX },
            )
        };
        sifted.rows |= u64::from(found.is_row) << step;
        // Most steps have no place at which a kind fits, and what is not marked need not be there.
        if found.marked & valid != 0 {
            sifted.marked[step / 2] |= u32::from(found.marked & valid) << (STEP * (step % 2));
            store(found.kinds[0], low);
            store(found.kinds[1], high);
        }
    }
    true
}

struct Tables {
    low: [[v128; WIDTH]; 2],
    high: [[v128; WIDTH]; 2],
    not_after_digit: [v128; 2],
    not_after_word: [v128; 2],
}

struct Found {
    /// A bit for each place at which some kind fits.
    marked: u16,
    kinds: [v128; 2],
    is_row: bool,
}

impl Tables {
    fn new(nibbles: &Nibbles) -> Self {
        let tables = |tables: &[[[u8; 16]; WIDTH]; 2]| tables.map(|half| half.map(|table| load(&table)));
        Self {
            low: tables(&nibbles.low),
            high: tables(&nibbles.high),
            not_after_digit: nibbles.not_after_digit.map(|bits| u8x16_splat(bits)),
            not_after_word: nibbles.not_after_word.map(|bits| u8x16_splat(bits)),
        }
    }

    /// Looks at 16 places: all bytes of the view but the first two and the last three.
    #[inline]
    fn look(&self, view: &[u8; VIEW]) -> Found {
        let bytes = |from: usize| load(&view[from..from + STEP]);
        let (before_that, before, first) = (bytes(0), bytes(1), bytes(BEFORE));
        let mut kinds = [u8x16_splat(u8::MAX); 2];
        for place in 0..WIDTH {
            let byte = bytes(BEFORE + place);
            let low = v128_and(byte, u8x16_splat(15));
            let high = u8x16_shr(byte, 4);
            for (half, kinds) in kinds.iter_mut().enumerate() {
                let fits = v128_and(
                    u8x16_swizzle(self.low[half][place], low),
                    u8x16_swizzle(self.high[half][place], high),
                );
                *kinds = v128_and(*kinds, fits);
            }
        }
        let is_row = u8x16_bitmask(i8x16_ge(first, u8x16_splat(LEAST_OF_ROW))) == u16::MAX;
        if !v128_any_true(v128_or(kinds[0], kinds[1])) {
            return Found {
                marked: 0,
                kinds,
                is_row,
            };
        }
        let digit = between(before, b'0', b'9');
        let small = v128_or(before, u8x16_splat(0x20));
        let is = |byte: u8| u8x16_eq(before, u8x16_splat(byte));
        let escape = v128_and(
            v128_or(v128_or(is(b'n'), is(b't')), is(b'r')),
            u8x16_eq(before_that, u8x16_splat(b'\\')),
        );
        let word = v128_andnot(v128_or(digit, between(small, b'a', b'z')), escape);
        for (half, kinds) in kinds.iter_mut().enumerate() {
            let ruled_out = v128_or(
                v128_and(digit, self.not_after_digit[half]),
                v128_and(word, self.not_after_word[half]),
            );
            *kinds = v128_andnot(*kinds, ruled_out);
        }
        let none = u8x16_eq(v128_or(kinds[0], kinds[1]), u8x16_splat(0));
        Found {
            marked: !u8x16_bitmask(none),
            kinds,
            is_row,
        }
    }
}

/// All ones where the byte is in the range.
fn between(bytes: v128, least: u8, most: u8) -> v128 {
    v128_and(
        u8x16_ge(bytes, u8x16_splat(least)),
        u8x16_le(bytes, u8x16_splat(most)),
    )
}

/// Made from two words, which the compiler turns into one load.
fn load(bytes: &[u8]) -> v128 {
    let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    u64x2(half(&bytes[..8]), half(&bytes[8..16]))
}

fn store(value: v128, into: &mut [u8]) {
    into[..8].copy_from_slice(&u64x2_extract_lane::<0>(value).to_le_bytes());
    into[8..16].copy_from_slice(&u64x2_extract_lane::<1>(value).to_le_bytes());
}
