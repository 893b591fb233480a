//! Turning random bytes into text that is easy to copy.

use zeroize::Zeroizing;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Crockford's alphabet, lower case: no i, l, o or u.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Digits of 32 bytes in base 62: 62^43 > 2^256 > 62^42.
pub(crate) const BASE62_LEN_OF_32_BYTES: usize = 43;
/// Digits of a CRC-32 in base 62: 62^6 > 2^32 > 62^5.
pub(crate) const BASE62_LEN_OF_CRC32: usize = 6;

pub(crate) fn is_base62(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Writes the big-endian number `bytes` in base 62, with leading zeros up to `len` digits.
pub(crate) fn base62(bytes: &[u8], len: usize) -> Zeroizing<String> {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut digits = Zeroizing::new(vec![b'0'; len]);
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0u32;
        for byte in number.iter_mut() {
            let value = remainder << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *digit = BASE62[remainder as usize];
    }
    debug_assert!(
        number.iter().all(|b| *b == 0),
        "the number must fit into {len} digits"
    );
    // Taken over as it is: growing a string would leave copies of the secret behind.
    Zeroizing::new(String::from_utf8(std::mem::take(&mut *digits)).expect("digits are ASCII"))
}

/// Eight characters for every five bytes.
pub(crate) fn base32(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(5) * 8));
    for chunk in bytes.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let block = u64::from_be_bytes(block);
        for place in (0..8).rev() {
            text.push(char::from(BASE32[(block >> (place * 5)) as usize & 31]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base62_counts_and_pads() {
        assert_eq!(*base62(&[0, 61], 3), "00z");
        assert_eq!(*base62(&[0, 62], 3), "010");
        assert_eq!(*base62(&u32::MAX.to_be_bytes(), BASE62_LEN_OF_CRC32), "4gfFC3");
    }

    #[test]
    fn largest_secret_fits() {
        assert_eq!(base62(&[0xff; 32], BASE62_LEN_OF_32_BYTES).len(), 43);
    }

    #[test]
    fn base32_keeps_every_bit() {
        assert_eq!(*base32(&[0, 0, 0, 0, 1]), "00000001");
        assert_eq!(*base32(&[0xff; 5]), "zzzzzzzz");
    }
}
