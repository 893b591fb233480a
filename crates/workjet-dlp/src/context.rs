//! Words before a value: what they say about it.
//!
//! Rules look at most 256 bytes behind, in the same text or at the JSON key before it.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::fold::fold;

/// What stands before a JSON value, for rules that look behind: its key, as JSON writes it. Nothing if no rule would
/// take an interest in the key; those of packs look for more words.
pub(crate) fn before_value_of(key: &str, packs: bool) -> Cow<'static, str> {
    if key.is_empty() || key.len() > 200 {
        return Cow::Borrowed("");
    }
    let key = fold(key);
    if !may_matter(&key, packs) {
        return Cow::Borrowed("");
    }
    // Control characters and quotes would make the key look like more than one word.
    let key = key.replace(|c: char| c.is_control() || c == '"' || c == '\\', " ");
    Cow::Owned(format!("\"{key}\": \""))
}

/// Parts of the words and names that rules look for.
#[rustfmt::skip]
const STEMS: &[&str] = &[
    "adgangskode", "amex", "anruf", "appel", "chiam", "erreich", "fon", "joindre", "lig", "llam", "msisdn", "ruf", "tfno", "auth", "aws", "base", "bearer", "bill", "call", "card", "cart", "cc", "cel", "charge",
    "checkout", "contact", "contrase", "cred", "debit", "desk", "dial", "diners", "discover", "fax", "gsm", "handy",
    "hasl", "hasł", "heslo", "jcb", "jelsz", "jwt", "kaart", "kart", "kennwort", "key", "kodeord", "kort", "line",
    "losenord", "lozinka", "lösenord", "maestro", "mob", "movil", "mật", "num", "pager", "paid", "pan", "parol", "pat",
    "pay", "ph", "puhelin", "purchase", "pw", "pääsy", "reach", "register", "ring", "rsvp", "salasana", "sandi", "secret",
    "senha", "serv", "sifre", "sig", "sms", "social", "ss", "str", "support", "tarjeta", "tel", "text", "tin", "tlf", "token",
    "use", "viber", "visa", "voicemail", "wachtwoord", "whats", "şifre", "κωδικ", "пароль", "סיסמ", "パスワード",
    "密", "비밀", "암호",
];

/// Pairs of bytes that stems begin with, a bit for each.
static STEM_BEGINNINGS: LazyLock<[u64; 1 << 10]> = LazyLock::new(|| {
    let mut beginnings = [0; _];
    for stem in STEMS {
        let pair = pair(stem.as_bytes());
        beginnings[pair / 64] |= 1 << (pair % 64);
    }
    beginnings
});

fn pair(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

fn may_matter(key: &str, packs: bool) -> bool {
    let key = key.to_ascii_lowercase();
    let bytes = key.as_bytes();
    let has_stem = bytes.windows(2).enumerate().any(|(at, two)| {
        let begins = STEM_BEGINNINGS[pair(two) / 64] >> (pair(two) % 64) & 1 == 1;
        begins && STEMS.iter().any(|stem| bytes[at..].starts_with(stem.as_bytes()))
    });
    has_stem || (packs && crate::rules::pack_words().any(|word| key_has(&key, word)))
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
    /// What the words begin with.
    beginnings: u128,
}

impl Words {
    /// Bytes that are read.
    const REACH: usize = 64;

    const NONE: Self = Self {
        text: [b' '; 2 * Self::REACH + 2],
        len: 1,
        beginnings: 0,
    };

    pub(crate) fn before(behind: &[u8]) -> Self {
        Self::within(behind, Self::REACH)
    }

    /// The words in the last `reach` bytes, at most [`REACH`](Self::REACH); none if no word that a rule without a pack looks
    /// for stands there.
    pub(crate) fn within(behind: &[u8], reach: usize) -> Self {
        let cut = behind.len().saturating_sub(reach.min(Self::REACH));
        if may_hold_words(&behind[cut..]) {
            Self::all_within(behind, reach)
        } else {
            Self::NONE
        }
    }

    /// All words in the last `reach` bytes, at most [`REACH`](Self::REACH), for the rules of packs.
    pub(crate) fn all_within(behind: &[u8], reach: usize) -> Self {
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
        let mut words = Self::NONE;
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
        let spaced = words.text[..words.len].windows(3);
        let beginnings = spaced.filter(|three| three[0] == b' ').map(Self::beginning);
        words.beginnings = beginnings.fold(0, |all, one| all | one);
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

    /// Whether one of the words or phrases stands there. Each is given with a space before and after it, and all are among
    /// [`rules::words`](crate::rules::words) or those of packs: without one of those before a place, the text is not read at all.
    pub(crate) fn have(&self, spaced: &[&str]) -> bool {
        debug_assert!(spaced.iter().all(|word| may_hold_words(word.as_bytes())));
        self.have_any(spaced)
    }

    /// The same for words that were all read.
    pub(crate) fn have_any(&self, spaced: &[&str]) -> bool {
        if self.beginnings == 0 {
            return false;
        }
        let text = &self.text[..self.len];
        spaced.iter().any(|word| {
            // Two letters dismiss nearly all, before the text is gone through.
            let word = word.as_bytes();
            self.beginnings & Self::beginning(word) != 0
                && (0..text.len()).any(|at| text[at] == b' ' && text[at..].starts_with(word))
        })
    }

    /// A bit for the first two letters after a space.
    fn beginning(spaced: &[u8]) -> u128 {
        1 << ((5 * u32::from(spaced[1]) + u32::from(spaced[2])) & 127)
    }
}

/// Whether a word that some rule looks for may stand in the text: hardly ever, in prose. Looks at the first three letters of
/// each word, wherever words may be taken to begin.
fn may_hold_words(text: &[u8]) -> bool {
    const REACH: usize = Words::REACH;
    const BEFORE: usize = 2;
    if text.len() < 2 {
        return false;
    }
    // Arrays of one length, so that each loop is a handful of vector instructions.
    let mut bytes = [0; BEFORE + REACH];
    let text = &text[text.len().saturating_sub(REACH)..];
    bytes[BEFORE..BEFORE + text.len()].copy_from_slice(text);
    let mut letters = [0; BEFORE + REACH + 2];
    for (letter, byte) in letters.iter_mut().zip(&bytes) {
        let place = (byte | 0x20).wrapping_sub(b'a');
        *letter = if place < 26 { place + 1 } else { 0 };
    }
    if letters.iter().fold(0, |any, letter| any | letter) == 0 {
        return false;
    }
    let mut begins = [0_u8; REACH];
    for (at, begins) in begins.iter_mut().enumerate() {
        let [that, before, byte] = [bytes[at], bytes[at + 1], bytes[at + 2]];
        let hump = (byte & 0x20 == 0) & (before & 0x20 != 0);
        let escape = (that == b'\\') & ((before == b'n') | (before == b't') | (before == b'r'));
        let begin = (letters[at + 2] != 0) & ((letters[at + 1] == 0) | hump | escape);
        *begins = if begin { 0x80 } else { 0 };
    }
    for (eight, begins) in begins.chunks_exact(8).enumerate() {
        let mut bits = u64::from_le_bytes(begins.try_into().expect("eight bytes"));
        while bits != 0 {
            let at = BEFORE + 8 * eight + bits.trailing_zeros() as usize / 8;
            bits &= bits - 1;
            if BEGINNINGS.have([letters[at], letters[at + 1], letters[at + 2]]) {
                return true;
            }
        }
    }
    false
}

/// Three letters, counted from 1, a bit for each; 0 stands for what is none.
struct Beginnings([u64; 1 << (3 * 5 - 6)]);

impl Beginnings {
    fn bit([a, b, c]: [u8; 3]) -> usize {
        usize::from(a) << 10 | usize::from(b) << 5 | usize::from(c)
    }

    fn have(&self, letters: [u8; 3]) -> bool {
        let bit = Self::bit(letters);
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }
}

/// What the words that rules look for begin with.
static BEGINNINGS: LazyLock<Beginnings> = LazyLock::new(|| {
    let mut beginnings = Beginnings([0; _]);
    for word in crate::rules::words().chain(crate::rules::pack_words()) {
        // Of a phrase, the longest word: `their number` should not stop at every `the`.
        let longest = word.split(' ').max_by_key(|word| word.len());
        let mut letters = longest.unwrap_or_default().bytes().map(|byte| match byte {
            b'a'..=b'z' => byte - b'a' + 1,
            _ => 0,
        });
        let mut next = || letters.next().unwrap_or(0);
        let (a, b, c) = (next(), next(), next());
        // After a word of two letters another may begin at once: `ccNumber`.
        for c in if c == 0 { 0..=26 } else { c..=c } {
            let bit = Beginnings::bit([a, b, c]);
            beginnings.0[bit / 64] |= 1 << (bit % 64);
        }
    }
    beginnings
});

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
    fn a_word_is_seen_wherever_it_is_read() {
        for word in crate::rules::words().map(str::trim) {
            let capital = word[..1].to_ascii_uppercase() + &word[1..];
            for text in [
                word.to_owned(),
                format!("my{capital}Number: "),
                format!("\\n{word}: "),
                format!("{}{word} ", "-".repeat(55 - word.len())),
            ] {
                assert!(may_hold_words(text.as_bytes()), "{text}");
            }
        }
        assert!(!may_hold_words(b"Their quiet boat was mended "));
    }

    #[test]
    fn a_word_cut_off_by_the_reach_is_not_read() {
        let text = format!("discard{}", ".".repeat(Words::REACH - 4));
        assert!(!Words::before(text.as_bytes()).have(&[" card "]));
        let text = format!("card{}", ".".repeat(Words::REACH - 4));
        assert!(Words::before(text.as_bytes()).have(&[" card "]));
    }
}
