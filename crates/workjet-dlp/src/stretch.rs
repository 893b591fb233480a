//! Bytes of one kind that stand together, counted many at a time.
//!
//! Most questions of the rules begin with one: how long the word, the name, the digits are. Asked byte by byte each is a branch
//! for every byte, and one that is guessed wrong at the end; here it is one for sixteen.

/// Bytes that are looked at in one go.
const BLOCK: usize = 16;

/// How many bytes at the beginning belong. For `belongs` to be asked about many at a time it must be a few comparisons without
/// a branch; see [`is_alphanumeric`].
#[inline]
pub(crate) fn leading(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    let mut count = 0;
    while let Some(block) = bytes[count..].first_chunk::<BLOCK>() {
        let foreign = foreign(block, &belongs);
        if foreign != 0 {
            return count + foreign.trailing_zeros() as usize / 8;
        }
        count += BLOCK;
    }
    count + bytes[count..].iter().take_while(|byte| belongs(**byte)).count()
}

/// How many bytes at the end belong.
#[inline]
pub(crate) fn trailing(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    let mut left = bytes;
    while let Some((rest, block)) = left.split_last_chunk::<BLOCK>() {
        let foreign = foreign(block, &belongs);
        if foreign != 0 {
            return bytes.len() - left.len() + foreign.leading_zeros() as usize / 8;
        }
        left = rest;
    }
    bytes.len() - left.len() + left.iter().rev().take_while(|byte| belongs(**byte)).count()
}

/// A byte that is not 0 for each that does not belong, the first one lowest.
#[inline]
fn foreign(block: &[u8; BLOCK], belongs: impl Fn(u8) -> bool) -> u128 {
    let mut foreign = [0; BLOCK];
    for (mark, byte) in foreign.iter_mut().zip(block) {
        *mark = if belongs(*byte) { 0 } else { 0xFF };
    }
    u128::from_le_bytes(foreign)
}

/// A bit for each of up to 64 bytes that are 0 or 1, the first one lowest; their number is a multiple of eight.
#[inline]
pub(crate) fn bits<const N: usize>(ones: &[u8; N]) -> u64 {
    let mut bits = 0;
    for (eight, ones) in ones.chunks_exact(8).enumerate() {
        let ones = u64::from_le_bytes(ones.try_into().expect("eight bytes"));
        // Each of the eight ones moves to a bit of the highest byte.
        bits |= (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * eight);
    }
    bits
}

/// Whether it is an ASCII letter, in a form that is asked about many bytes at a time.
#[inline]
pub(crate) fn is_alphabetic(byte: u8) -> bool {
    (byte | 0x20).wrapping_sub(b'a') < 26
}

/// Whether it is an ASCII letter or digit, likewise.
#[inline]
pub(crate) fn is_alphanumeric(byte: u8) -> bool {
    is_alphabetic(byte) | (byte.wrapping_sub(b'0') < 10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_and_digits_are_those_of_ascii() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_alphabetic(byte), byte.is_ascii_alphabetic());
            assert_eq!(is_alphanumeric(byte), byte.is_ascii_alphanumeric());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_counted_in_blocks_is_what_stands_there(text in "[a-z]{0,40}.?[a-z]{0,40}") {
            let bytes = text.as_bytes();
            let first = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            let last = bytes.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
            prop_assert_eq!(leading(bytes, is_alphabetic), first);
            prop_assert_eq!(trailing(bytes, is_alphabetic), last);
        }
    }
}
