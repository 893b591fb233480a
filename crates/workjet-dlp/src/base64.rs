//! Base64 as it is met in the wild: both alphabets, with or without padding.

/// Decodes into `buffer`, up to the first byte that is in neither alphabet or until the buffer is full.
pub(crate) fn decode<'b>(text: &[u8], buffer: &'b mut [u8]) -> &'b [u8] {
    let (mut bits, mut count, mut length) = (0_u32, 0, 0);
    for &byte in text {
        let Some(value) = value(byte) else { break };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            let Some(place) = buffer.get_mut(length) else {
                break;
            };
            *place = (bits >> count) as u8;
            length += 1;
        }
    }
    &buffer[..length]
}

/// Decodes all of it, up to the first byte that is in neither alphabet.
pub(crate) fn decode_all(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; text.len() / 4 * 3 + 3];
    let length = decode(text, &mut bytes).len();
    bytes.truncate(length);
    bytes
}

/// Whether the byte is in one of the alphabets.
pub(crate) fn has(byte: u8) -> bool {
    value(byte).is_some()
}

fn value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_alphabets_decode() {
        let mut buffer = [0; 16];
        assert_eq!(super::decode(b"aGk_Pz4+", &mut buffer), b"hi??>>");
        assert_eq!(super::decode(b"aGk=", &mut buffer), b"hi");
    }
}
