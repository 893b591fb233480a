//! Text in UTF-16, as Windows writes it, told by the mark that it begins with.
//!
//! The engine reads UTF-8. To it, every other byte of such a text is a NUL, and nothing is found.

use std::io::{self, Read};

/// Turns UTF-16 that comes in pieces into UTF-8. Half a surrogate pair becomes U+FFFD, so that each unit stays one unit and
/// places can be counted in them.
#[derive(Debug)]
pub(super) struct Utf16 {
    big_endian: bool,
    /// The first byte of a unit that was cut.
    byte: Option<u8>,
    /// The first half of a pair that was cut.
    unit: Option<u16>,
}

impl Utf16 {
    /// Bytes of the mark, and of a unit.
    pub(super) const UNIT_BYTES: usize = 2;

    /// What reads the text after the mark, if the text begins with one.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let big_endian = match text {
            [0xFF, 0xFE, ..] => false,
            [0xFE, 0xFF, ..] => true,
            _ => return None,
        };
        Some(Self {
            big_endian,
            byte: None,
            unit: None,
        })
    }

    /// What these bytes say, as far as it is decided.
    pub(super) fn read(&mut self, bytes: &[u8]) -> String {
        let bytes = self.byte.take().into_iter().chain(bytes.iter().copied());
        let bytes: Vec<u8> = bytes.collect();
        let units = bytes.chunks_exact(Self::UNIT_BYTES);
        self.byte = units.remainder().first().copied();
        let of = |unit: &[u8]| match self.big_endian {
            true => u16::from_be_bytes([unit[0], unit[1]]),
            false => u16::from_le_bytes([unit[0], unit[1]]),
        };
        let mut units: Vec<u16> = self.unit.take().into_iter().chain(units.map(of)).collect();
        self.unit = units.pop_if(|last| (0xD800..0xDC00).contains(last));
        String::from_utf16_lossy(&units)
    }
}

/// Reads as [`Read::read`] does, and goes on while what came may be the beginning of a mark. To be called at the beginning.
pub(super) fn read_first(input: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut length = read(input, chunk)?;
    if length == 1 && chunk[0] >= 0xFE {
        length += read(input, &mut chunk[1..])?;
    }
    Ok(length)
}

/// Reads, whatever interrupts it.
pub(super) fn read(input: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_it_is_cut_it_says_the_same() {
        let text = "aé\u{4f60}😀\n";
        for big_endian in [false, true] {
            let bytes: Vec<u8> = text
                .encode_utf16()
                .flat_map(|unit| match big_endian {
                    true => unit.to_be_bytes(),
                    false => unit.to_le_bytes(),
                })
                .collect();
            for size in 1..=bytes.len() {
                let mark: &[u8] = if big_endian { b"\xFE\xFF" } else { b"\xFF\xFE" };
                let mut reader = Utf16::of(mark).expect("a mark");
                let said: String = bytes.chunks(size).map(|piece| reader.read(piece)).collect();
                assert_eq!(said, text, "in pieces of {size}");
            }
        }
    }

    #[test]
    fn half_a_pair_is_one_unit() {
        let mut reader = Utf16::of(b"\xFF\xFEa").expect("a mark");
        assert_eq!(reader.read(b"\x3D\xD8a\0\0\xDEb\0"), "\u{FFFD}a\u{FFFD}b");
        assert!(Utf16::of(b"\xFF").is_none() && Utf16::of(b"\xEF\xBB\xBFa").is_none());
    }

    #[test]
    fn a_mark_that_comes_byte_by_byte_is_seen() {
        let mut input = io::Cursor::new(b"\xFF").chain(io::Cursor::new(b"\xFEa\0"));
        let mut chunk = [0; 8];
        assert_eq!(read_first(&mut input, &mut chunk).expect("bytes"), 4);
        assert!(Utf16::of(&chunk).is_some());
    }
}
