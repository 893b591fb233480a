//! Words before a value: what they say about it.
//!
//! Rules look at most 256 bytes behind, in the same text or at the JSON key before it.

use std::borrow::Cow;

/// What stands before a JSON value, for rules that look behind: its key, as JSON writes it. Nothing if no rule would
/// take an interest in the key; those of packs look for more words.
pub(crate) fn before_value_of(key: &str, packs: bool) -> Cow<'static, str> {
    if key.is_empty() || key.len() > 200 || !may_matter(key, packs) {
        return Cow::Borrowed("");
    }
    // Control characters and quotes would make the key look like more than one word.
    let key = key.replace(|c: char| c.is_control() || c == '"' || c == '\\', " ");
    Cow::Owned(format!("\"{key}\": \""))
}

/// Parts of the words and names that rules look for.
#[rustfmt::skip]
const STEMS: &[&str] = &[
    "amex", "auth", "aws", "bearer", "bill", "call", "card", "cart", "cc", "cel", "charge", "checkout",
    "contact", "contrasena", "cred", "debit", "desk", "dial", "diners", "discover", "fax", "gsm", "handy",
    "haslo", "jcb", "jwt", "kaart", "kart", "kennwort", "key", "kort", "line", "maestro", "mob", "movil",
    "num", "pager", "paid", "pan", "parola", "pat", "pay", "ph", "puhelin", "purchase", "pw", "reach",
    "register", "ring", "salasana", "secret", "senha", "serv", "signal", "sms", "social", "ss", "support",
    "tarjeta", "tel", "text", "tin", "tlf", "token", "use", "viber", "visa", "voicemail", "wachtwoord",
    "whatsapp",
];

fn may_matter(key: &str, packs: bool) -> bool {
    let key = key.to_ascii_lowercase();
    STEMS.iter().any(|stem| key.contains(stem))
        || (packs && crate::rules::pack_words().any(|word| key_has(&key, word)))
}

/// Whether the letters of `word` stand in the key, whatever stands between its parts.
fn key_has(key: &str, word: &str) -> bool {
    word.split_whitespace().all(|part| key.contains(part))
}

/// The last words before a place, in lower case, each with one space around it. `cardNumber`, `card_number` and
/// `Card number:` all read ` card number `.
pub(crate) struct Words {
    text: [u8; 2 * Words::REACH + 2],
    len: usize,
}

impl Words {
    /// Bytes that are read.
    const REACH: usize = 64;

    pub(crate) fn before(behind: &[u8]) -> Self {
        Self::within(behind, Self::REACH)
    }

    /// The words in the last `reach` bytes, at most [`REACH`](Self::REACH).
    pub(crate) fn within(behind: &[u8], reach: usize) -> Self {
        let cut = behind.len().saturating_sub(reach.min(Self::REACH));
        // A word that is cut off is not that word.
        let within_word = cut > 0 && behind[cut - 1].is_ascii_alphabetic();
        let start = if within_word {
            cut + behind[cut..]
                .iter()
                .take_while(|byte| byte.is_ascii_alphabetic())
                .count()
        } else {
            cut
        };
        let mut words = Self {
            text: [b' '; 2 * Self::REACH + 2],
            len: 1,
        };
        if !behind[start..].iter().any(u8::is_ascii_alphabetic) {
            return words;
        }
        let mut previous = b' ';
        for &byte in &behind[start..] {
            let camel = byte.is_ascii_uppercase() && previous.is_ascii_lowercase();
            if camel || !byte.is_ascii_alphabetic() {
                words.push(b' ');
            }
            if byte.is_ascii_alphabetic() {
                words.push(byte.to_ascii_lowercase());
            }
            // The letter of an escape such as `\n` belongs to no word.
            if previous == b'\\' && matches!(byte, b'n' | b't' | b'r') {
                words.push(b' ');
            }
            previous = byte;
        }
        words.push(b' ');
        words
    }

    fn push(&mut self, byte: u8) {
        if byte != b' ' || self.text[self.len - 1] != b' ' {
            self.text[self.len] = byte;
            self.len += 1;
        }
    }

    /// Whether one of them stands last.
    pub(crate) fn end_with(&self, spaced: &[&str]) -> bool {
        spaced
            .iter()
            .any(|word| self.text[..self.len].ends_with(word.as_bytes()))
    }

    /// Whether one of the words or phrases stands there. Each is given with a space before and after it.
    pub(crate) fn have(&self, spaced: &[&str]) -> bool {
        let text = &self.text[..self.len];
        let spaces = text.iter().enumerate().filter(|(_, byte)| **byte == b' ');
        spaces.into_iter().any(|(at, _)| {
            let rest = &text[at..];
            // Two letters dismiss nearly all, before slices are compared.
            spaced.iter().any(|word| {
                let word = word.as_bytes();
                rest.get(1..3) == Some(&word[1..3]) && rest.starts_with(word)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_that_a_rule_looks_for_is_passed_over_in_a_key() {
        for word in crate::rules::words().chain(crate::name::words()) {
            assert!(may_matter(word.trim(), false), "{word}");
        }
    }

    #[test]
    fn the_words_of_packs_matter_in_keys_if_there_are_packs() {
        for word in crate::rules::pack_words() {
            assert!(may_matter(&word.trim().replace(' ', "_"), true), "{word}");
        }
        assert!(!may_matter("isikukood", false));
    }

    #[test]
    fn names_and_sentences_read_alike() {
        for text in [
            "cardNumber=",
            "card_number: ",
            "my Card number is ",
            "\"card-number\": \"",
        ] {
            assert!(Words::before(text.as_bytes()).have(&[" card number "]), "{text}");
        }
        assert!(!Words::before(b"discarded ").have(&[" card "]));
    }

    #[test]
    fn a_word_cut_off_by_the_reach_is_not_read() {
        let text = format!("discard{}", ".".repeat(Words::REACH - 4));
        assert!(!Words::before(text.as_bytes()).have(&[" card "]));
        let text = format!("card{}", ".".repeat(Words::REACH - 4));
        assert!(Words::before(text.as_bytes()).have(&[" card "]));
    }
}
