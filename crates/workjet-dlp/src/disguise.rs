//! What takes a value's place and still says something about it: a mask and a keyed hash.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Detector;
use crate::placeholder::HASH_DIGITS;

/// Letters and digits that a mask leaves.
const SHOWN: usize = 4;

/// A `*` for each character but the last four letters and digits. What is shown must be less than what is not: of eight letters
/// and digits or fewer, none is left.
pub(crate) fn mask(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    let telling = value.chars().filter(|char| char.is_alphanumeric()).count();
    let mut hidden = if telling > 2 * SHOWN {
        telling - SHOWN
    } else {
        telling
    };
    let masked = value.chars().map(|char| match char.is_alphanumeric() {
        false => '*',
        true if hidden == 0 => char,
        true => {
            hidden -= 1;
            '*'
        }
    });
    masked.collect()
}

/// The key of [`Action::Hash`](crate::Action::Hash).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HashKey(Arc<Zeroizing<[u8; 32]>>);

impl HashKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(Arc::new(Zeroizing::new(key)))
    }

    /// `[HASH:email:0f1e2d3c4b5a6978]`.
    pub(crate) fn hash(&self, detector: &Detector, value: &[u8]) -> String {
        let code = code(&self.0, "hash", &[detector.as_str().as_bytes(), value]);
        let mut hash = format!("[HASH:{detector}:");
        // Sixty-four bits: a hundred million values will hardly share one.
        push_hex(&mut hash, &code[..HASH_DIGITS / 2]);
        hash.push(']');
        hash
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

/// HMAC-SHA-256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)) of the purpose and the parts, each after its length in
/// eight bytes, so that no two lists of parts look alike.
pub(crate) fn code(key: &[u8; 32], purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut code = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in [purpose.as_bytes()].iter().chain(parts) {
        code.update(&(part.len() as u64).to_be_bytes());
        code.update(part);
    }
    code.finalize().into_bytes().into()
}

pub(crate) fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(value: &str) -> String {
        mask(value.as_bytes())
    }

    #[test]
    fn a_mask_leaves_the_last_four_letters_and_digits() {
        assert_eq!(masked("4111 1111 1111 1234"), "***************1234");
        assert_eq!(masked("536-22-8726"), "*******8726");
        assert_eq!(masked("josé@exämple.de"), "**********le*de");
        assert_eq!(masked("(212) 555-0123 "), "**********0123*");
    }

    #[test]
    fn a_mask_never_shows_as_much_as_it_hides() {
        assert_eq!(masked("hunter2x"), "********");
        assert_eq!(masked("hunter2xy"), "*****r2xy");
        assert_eq!(masked("a!!!!!!!!!!b"), "************");
        assert_eq!(masked(""), "");
    }

    #[test]
    fn a_mask_of_a_mask_is_the_same() {
        for value in ["4111 1111 1111 1234", "hunter2x", "hunter2xy"] {
            assert_eq!(masked(&masked(value)).len(), masked(value).len());
        }
    }

    #[test]
    fn hashes_tell_detectors_values_and_keys_apart() {
        let key = HashKey::new([1; 32]);
        let of = |key: &HashKey, detector: &Detector, value: &str| key.hash(detector, value.as_bytes());
        let one = of(&key, &Detector::EMAIL, "bob@example.com");
        assert_eq!(one, of(&key, &Detector::EMAIL, "bob@example.com"));
        assert_ne!(
            one,
            of(&HashKey::new([2; 32]), &Detector::EMAIL, "bob@example.com")
        );
        assert_ne!(one, of(&key, &Detector::EMAIL, "rob@example.com"));
        let other = of(&key, &Detector::PHONE, "bob@example.com");
        assert_ne!(one["[HASH:email:".len()..], other["[HASH:phone:".len()..]);
        assert_eq!(one.len(), "[HASH:email:0123456789abcdef]".len());
    }
}
