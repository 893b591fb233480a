//! Passing over text that stands for itself, many bytes at a time.

use super::letters::is_plain;
use super::unit::Unit;

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
    while let Some(block) = text[at..].first_chunk::<BLOCK>() {
        if !is_plain_ascii(block) {
            match plain_in(&text[at..], BLOCK, last) {
                BLOCK => {}
                length => return at + length,
            }
        }
        at += BLOCK;
    }
    while at < text.len() && (is_plain(text[at]) || Unit::is_plain(&text[at..], last)) {
        at += 1;
    }
    at
}

/// How many of the first `most` bytes stand for themselves, a multiple of [`FEW`].
fn plain_in(text: &[u8], most: usize, last: bool) -> usize {
    for at in (0..most).step_by(FEW) {
        let few = text[at..].first_chunk().expect("there are as many");
        // A byte for each, of which the marked ones are gone through.
        for (eight, mut marks) in marks(few).into_iter().enumerate() {
            while marks != 0 {
                let place = at + 8 * eight + marks.trailing_zeros() as usize / 8;
                marks &= marks - 1;
                if !Unit::is_plain(&text[place..], last) {
                    return place;
                }
            }
        }
    }
    most
}

/// Bytes that are looked at in one go as long as they are of the plainest kind, and otherwise.
const BLOCK: usize = 128;
const FEW: usize = 32;

fn is_plain_ascii(block: &[u8; BLOCK]) -> bool {
    // A bit that is set in whatever may matter, so that the loop needs no branch.
    let seen = block.iter().fold(0, |seen, byte| {
        let percent = if *byte == b'%' { 0x80 } else { 0 };
        let backslash = if *byte == b'\\' { 0x80 } else { 0 };
        seen | byte | percent | backslash
    });
    seen < 0x80
}

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
            assert!(is_plain(byte) || !is_plain_ascii(&[byte; BLOCK]));
        }
    }
}
