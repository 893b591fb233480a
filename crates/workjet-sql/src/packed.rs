//! Bytes as text, for databases that keep no bytes.
//!
//! What is text stays text and can be read with any tool; the rest becomes hexadecimal, at twice its length. Each byte string
//! has one spelling, so that equal bytes are equal text.

use crate::database::corrupt;
use workjet_tenant::StoreError;

const TEXT: char = 't';
const HEX: char = 'x';

/// Bytes that one row holds at most; hexadecimal, they are half a megabyte.
const PIECE: usize = 255 * 1024;

pub(crate) fn pack(bytes: &[u8]) -> String {
    let (kind, text) = match std::str::from_utf8(bytes) {
        // Not every interface to SQLite takes a text with a NUL in it.
        Ok(text) if !text.contains('\0') => (TEXT, text.to_owned()),
        _ => (HEX, hex::encode(bytes)),
    };
    format!("{kind}{text}")
}

pub(crate) fn unpack(packed: &str, column: &str) -> Result<Vec<u8>, StoreError> {
    if let Some(text) = packed.strip_prefix(TEXT) {
        return Ok(text.as_bytes().to_vec());
    }
    packed
        .strip_prefix(HEX)
        .and_then(|text| hex::decode(text).ok())
        .ok_or_else(|| corrupt(column))
}

/// Cuts into pieces that fit a row, each with the place of its first byte, counted from `at`. No character is cut if it is
/// text.
pub(crate) fn pieces(at: u64, bytes: &[u8]) -> Vec<(u64, String)> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    while begin < bytes.len() {
        let limit = bytes.len().min(begin + PIECE);
        let is_boundary = |end: &usize| bytes.get(*end).is_none_or(|byte| byte & 0xc0 != 0x80);
        let end = (limit.saturating_sub(3).max(begin + 1)..=limit)
            .rev()
            .find(is_boundary)
            .unwrap_or(limit);
        pieces.push((at + begin as u64, pack(&bytes[begin..end])));
        begin = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[(u64, String)]) -> Vec<u8> {
        let unpacked = pieces
            .iter()
            .map(|(_, piece)| unpack(piece, "bytes").expect("readable"));
        unpacked.collect::<Vec<_>>().concat()
    }

    #[test]
    fn bytes_come_back_whatever_they_are() {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in [&b""[..], b"text\n", "grüße".as_bytes(), b"a\0b", b"x61", &all] {
            assert_eq!(unpack(&pack(bytes), "bytes").expect("readable"), bytes);
        }
        assert_eq!(pack(b"seen as it is"), "tseen as it is");
        assert_eq!(pack(b"a\0b"), "x610062");
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for damaged in ["", "61", "xabc", "xzz", "X61"] {
            unpack(damaged, "bytes").expect_err("not what was written");
        }
    }

    #[test]
    fn pieces_are_small_and_cut_no_character() {
        let text = "ä€🦀x".repeat(100_000);
        let pieces = pieces(7, text.as_bytes());
        assert!(pieces.len() > 2);
        assert_eq!(joined(&pieces), text.as_bytes());
        assert!(pieces.iter().all(|(_, piece)| piece.starts_with(TEXT)));
        let mut at = 7;
        for (place, piece) in &pieces {
            assert_eq!(*place, at);
            at += piece.len() as u64 - 1;
            assert!(piece.len() <= 512 * 1024);
        }
    }

    #[test]
    fn pieces_of_what_is_no_text_fit_a_row_too() {
        for bytes in [vec![0x80; 1_000_000], vec![0; 1_000_000], vec![b'x'; PIECE]] {
            let pieces = pieces(0, &bytes);
            assert_eq!(joined(&pieces), bytes);
            assert!(pieces.iter().all(|(_, piece)| piece.len() <= 512 * 1024));
        }
        assert_eq!(pieces(0, b""), []);
    }
}
