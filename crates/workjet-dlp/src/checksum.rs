//! Check digits and checksums.

/// Whether the digits satisfy the Luhn formula (ISO/IEC 7812-1, annex B).
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let digit = u32::from(digit);
            let doubled = 2 * digit;
            match place % 2 {
                0 => digit,
                _ => doubled - if doubled > 9 { 9 } else { 0 },
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// What 97 leaves of the number that the characters make, letters read as 10 to 35 (ISO 7064 MOD 97-10).
pub(crate) fn mod_97<'c>(chars: impl IntoIterator<Item = &'c u8>) -> u32 {
    chars.into_iter().fold(0, |rest, char| match char {
        b'0'..=b'9' => (10 * rest + u32::from(char - b'0')) % 97,
        letter => (100 * rest + u32::from(letter.to_ascii_uppercase().wrapping_sub(b'A')) + 10) % 97,
    })
}

/// Whether the last of the digits, given as text, is the check digit of ISO 7064 MOD 11,10.
pub(crate) fn iso7064_mod_11_10(digits: &[u8]) -> bool {
    let Some((check, digits)) = digits.split_last() else {
        return false;
    };
    let product = digits.iter().fold(10, |product, digit| {
        let sum = (product + u32::from(digit - b'0')) % 10;
        2 * if sum == 0 { 10 } else { sum } % 11
    });
    (11 - product) % 10 == u32::from(check - b'0')
}

/// The CRC-32 of ISO 3309 and zip files: reflected polynomial `0xEDB88320`.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        CRC_TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8)
    })
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// Six base62 digits (`0-9A-Za-z`), padded with zeros: how GitHub and Workjet write a CRC-32 at the end of a token.
pub(crate) fn base62_crc32(bytes: &[u8]) -> [u8; 6] {
    let mut rest = crc32(bytes);
    let mut text = [b'0'; 6];
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[rest as usize % 62];
        rest /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_accepts_the_published_example_and_no_single_changed_digit() {
        let digits = [7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3];
        assert!(luhn(&digits));
        for place in 0..digits.len() {
            let mut wrong = digits;
            wrong[place] = (wrong[place] + 1) % 10;
            assert!(!luhn(&wrong));
        }
    }

    #[test]
    fn crc32_gives_the_check_value_of_its_catalogue_entry() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(base62_crc32(b"").as_slice(), b"000000");
    }
}
