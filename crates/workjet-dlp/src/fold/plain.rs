//! Passing over text that stands for itself, many bytes at a time.

use super::letters::is_plain;
use super::unit::Unit;
use crate::gate::sieve::plain_blocks;

/// The first place from `from` on where something stands for something else, or may once more bytes arrive.
pub(super) fn find(text: &[u8], from: usize, last: bool) -> Option<usize> {
    let at = from + plain(text.get(from..)?, last);
    (at < text.len()).then_some(at)
}

/// How many bytes stand for themselves, up to the first that does not or may not.
pub(super) fn plain(text: &[u8], last: bool) -> usize {
    let mut at = 0;
    // Most often one disguise follows another.
    if text.first().is_some_and(|byte| !is_plain(*byte)) && !Unit::is_plain(text, last) {
        return 0;
    }
    at += plain_blocks(text);
    while let Some(block) = text[at..].first_chunk::<FEW>() {
        // A byte for each, of which the marked ones are gone through.
        for (eight, mut marks) in marks(block).into_iter().enumerate() {
            while marks != 0 {
                let place = at + 8 * eight + marks.trailing_zeros() as usize / 8;
                marks &= marks - 1;
                if !Unit::is_plain(&text[place..], last) {
                    return place;
                }
            }
        }
        at += FEW;
    }
    while at < text.len() && (is_plain(text[at]) || Unit::is_plain(&text[at..], last)) {
        at += 1;
    }
    at
}

/// Bytes that are looked at in one go where some are not of the plainest kind.
const FEW: usize = 32;

/// A byte that is not 0 for each that something may begin with, eight at a time.
fn marks(block: &[u8; FEW]) -> [u64; FEW / 8] {
    let mut marks = [0; FEW];
    for (mark, byte) in marks.iter_mut().zip(block) {
        // All of `!is_plain` and few others, in few comparisons.
        let within = |first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
        let ascii = (*byte == b'%') | (*byte == b'\\');
        let lead =
            (*byte == 0xC2) | (*byte == 0xCD) | (*byte == 0xEA) | within(0xD8, 0xE3) | within(0xEF, 0xF3);
        *mark = u8::from(ascii | lead);
    }
    std::array::from_fn(|eight| {
        let eight = marks[8 * eight..8 * eight + 8].try_into().expect("eight bytes");
        u64::from_le_bytes(eight)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::sieve::PLAIN_BLOCK;

    #[test]
    fn what_is_plain_at_a_glance_is_plain() {
        for char in '\u{80}'..=char::MAX {
            let text = format!("{char}x");
            let read = matches!(Unit::read(text.as_bytes(), false), Unit::Plain(_));
            assert_eq!(Unit::is_plain(text.as_bytes(), false), read, "{:X}", char as u32);
        }
        for byte in 0..=u8::MAX {
            let block = [byte; FEW];
            assert!(is_plain(byte) || marks(&block)[0] != 0, "{byte:X}");
            assert!(is_plain(byte) || plain_blocks(&[byte; PLAIN_BLOCK]) == 0);
        }
    }
}
