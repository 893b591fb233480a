//! Whether a value looks chosen at random or by a person.

/// Shannon entropy in bits per byte.
pub(crate) fn bits_per_byte(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let total = value.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|&count| f64::from(count) / total)
        .map(|p| -p * p.log2())
        .sum()
}

/// How many different bytes there are.
pub(crate) fn distinct(value: &[u8]) -> usize {
    let mut seen = [0_u64; 4];
    for byte in value {
        seen[usize::from(byte / 64)] |= 1 << (byte % 64);
    }
    seen.iter().map(|bits| bits.count_ones() as usize).sum()
}

/// Which kinds of ASCII characters occur.
#[derive(Clone, Copy)]
pub(crate) struct Classes {
    pub(crate) lower: bool,
    pub(crate) upper: bool,
    pub(crate) digit: bool,
    /// Punctuation that names and numbers do not contain.
    pub(crate) symbol: bool,
}

impl Classes {
    pub(crate) fn of(value: &[u8]) -> Self {
        let bits = classes(value);
        Self {
            lower: bits & 1 != 0,
            upper: bits & 2 != 0,
            digit: bits & 4 != 0,
            symbol: bits & 8 != 0,
        }
    }

    pub(crate) fn letter(self) -> bool {
        self.lower || self.upper
    }
}

/// The classes of all bytes.
fn classes(value: &[u8]) -> u8 {
    value
        .iter()
        .fold(0, |bits, byte| bits | CLASSES[usize::from(*byte)])
}

/// What only placeholders consist of, but for [`PLACEHOLDERS`].
const OF_PLACEHOLDER: u8 = 16;

/// For each byte, what it is, as bits in the order of the fields of [`Classes`], and [`OF_PLACEHOLDER`].
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' => 1,
            b'A'..=b'Z' => 2,
            b'0'..=b'9' => 4,
            b'$' | b'%' | b'*' => 8 | OF_PLACEHOLDER,
            b'!' | b'@' | b'#' | b'^' | b'&' | b'+' | b'?' | b'~' => 8,
            b'{' | b'[' | b'<' => OF_PLACEHOLDER,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Whether the value stands for one: `your-key-here`, `xxxxxxxx`, `${TOKEN}`, `[REDACTED:…]`.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    (classes(value) & OF_PLACEHOLDER != 0 && is_marked(value)) || holds_placeholder(value)
}

/// Whether signs make it a placeholder.
fn is_marked(value: &[u8]) -> bool {
    let stands_for_one = match *value {
        [b'$', b'0'..=b'9', ..] => !begins_with_dollar(value),
        [b'$' | b'{' | b'[' | b'<', ..] | [b'*'] | [b'*', b'*', ..] => true,
        // `%PASSWORD%`, `%(password)s`, `%s`
        [b'%', second, .., last] => last == b'%' || second == b'(' || value.len() <= 3,
        _ => false,
    };
    // In the middle of a password `%s` is chance.
    let formatted = value.ends_with(b"%s") || value.starts_with(b"%s");
    let stars = value.iter().filter(|byte| **byte == b'*').count();
    stands_for_one || formatted || stars >= 3 || value.contains(&b'<')
}

/// Whether words make it one.
fn holds_placeholder(value: &[u8]) -> bool {
    value.windows(2).enumerate().any(|(at, pair)| {
        PLACEHOLDER_PAIRS.contain(pair)
            && PLACEHOLDERS.iter().any(|word| {
                value
                    .get(at..at + word.len())
                    .is_some_and(|same| same.eq_ignore_ascii_case(word.as_bytes()) && !is_jumbled(same))
            })
    })
}

/// Whether a capital follows a small letter: the word is there by chance, as in `l2iYOuRAfg8`.
fn is_jumbled(word: &[u8]) -> bool {
    word.windows(2)
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

/// Whether a dollar sign is part of the value. No variable begins with a digit, but hashes do, `$2b$12$…`, and prices.
fn begins_with_dollar(value: &[u8]) -> bool {
    let digits = value[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let letters = value.get(1 + digits).is_some_and(u8::is_ascii_alphabetic);
    value.len() >= 8 && letters && !value[2..].iter().any(|byte| matches!(byte, b'$' | b'/'))
}

#[rustfmt::skip]
const PLACEHOLDERS: &[&str] = &[
    "example", "changeme", "change-me", "change_me", "placeholder", "redacted", "your", "insert",
    "dummy", "replace", "xxxx", "****", "....", "----", "____", "todo", "fixme", "${", "{{", "$(",
    "...", "0000000",
];

/// What the words for placeholders begin with.
static PLACEHOLDER_PAIRS: Pairs = Pairs::beginning(PLACEHOLDERS);

/// A set of pairs of ASCII letters, digits and a few signs.
pub(crate) struct Pairs([u64; 64]);

impl Pairs {
    const EMPTY: Self = Self([0; 64]);

    /// The pairs that these words begin with.
    pub(crate) const fn beginning(words: &[&str]) -> Self {
        let mut pairs = Self::EMPTY;
        let mut index = 0;
        while index < words.len() {
            let word = words[index].as_bytes();
            pairs = pairs.with(word[0], word[1]);
            index += 1;
        }
        pairs
    }

    const fn with(mut self, first: u8, second: u8) -> Self {
        let (first, second) = (NUMBERS[first as usize], NUMBERS[second as usize]);
        assert!(first > 0 && second > 0, "the signs are numbered");
        self.0[first as usize] |= 1 << second;
        self
    }

    /// Whether the pair is among them, in capitals or not.
    pub(crate) fn contain(&self, pair: &[u8]) -> bool {
        let (first, second) = (NUMBERS[usize::from(pair[0])], NUMBERS[usize::from(pair[1])]);
        self.0[usize::from(first) % 64] >> second & 1 == 1
    }
}

/// A number for each character that pairs consist of, the same for a letter and its capital; 0 for others.
static NUMBERS: [u8; 256] = {
    let mut numbers = [0; 256];
    let characters = b"abcdefghijklmnopqrstuvwxyz0123456789-_*.${(";
    let mut index = 0;
    while index < characters.len() {
        let character = characters[index];
        numbers[character as usize] = index as u8 + 1;
        numbers[character.to_ascii_uppercase() as usize] = index as u8 + 1;
        index += 1;
    }
    numbers
};

/// Whether most of the value is words: runs of letters, in one case or capitalised, between separators or digits.
pub(crate) fn is_wordy(value: &[u8]) -> bool {
    // No name has numbers in four places and no sign between its parts.
    let digits = |pair: &&[u8]| !pair[0].is_ascii_digit() && pair[1].is_ascii_digit();
    let plain = value.len() >= 16 && value.iter().all(u8::is_ascii_alphanumeric);
    if plain && value.windows(2).filter(digits).count() + usize::from(value[0].is_ascii_digit()) >= 4 {
        return false;
    }
    let words = value
        .split(|byte| !byte.is_ascii_alphabetic())
        .filter(|run| is_word(run));
    let in_words: usize = words.map(<[u8]>::len).sum();
    5 * in_words > 3 * value.len()
}

/// Letters such as English has them: one in three pairs or more is common (more of long runs, which seldom are so by
/// chance), and capitals only begin a part. Where parts are short,
/// most pairs within them must be common.
fn is_word(run: &[u8]) -> bool {
    if run.len() < 3 {
        return false;
    }
    let hump = |pair: &&[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
    let common = |pair: &&[u8]| COMMON_PAIRS.contain(pair);
    let pairs = run.len() - 1;
    let humps = run.windows(2).filter(hump).count();
    if 5 * humps <= run.len() {
        let common = run.windows(2).filter(common).count();
        return if run.len() < 8 {
            3 * common >= pairs
        } else {
            20 * common >= 9 * pairs
        };
    }
    let within = run.windows(2).filter(|pair| !hump(pair) && common(pair)).count();
    3 * humps <= run.len() && 5 * within >= 3 * (pairs - humps)
}

/// The more frequent pairs of letters in English: of random letters, fewer than one pair in four is among them.
static COMMON_PAIRS: Pairs = {
    let listed = b"th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le sa si \
    ar ve ra ld ur ro ri io ne me co ta el ec ic li ma us ll om la ho ch fo be un ca lo wa ce no di na pe il ly so ac mo ke ss ut \
    tr wi pr im em ev we ot ee sh ai ul oo ad am ab ap ag ay bl bo br ck cl cr ct da do du ef ep ex ff fi fr ge gi go gr ie if ig \
    ir iv ki mi mp ni oc od og ol op os ow pa pl po ph pt qu rt ry sc sp su ts tt tu ty ub um up va vi wo ys ey";
    let mut pairs = Pairs::EMPTY;
    let mut at = 0;
    while at < listed.len() {
        pairs = pairs.with(listed[at], listed[at + 1]);
        at += 3;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_random_letters() {
        for words in [
            "user-session-name",
            "getAccessToken2",
            "Curve25519SeedBin",
            "internal_service_v2",
            "SomethingElse",
            "SpGetContextTokenFn",
        ] {
            assert!(is_wordy(words.as_bytes()), "{words}");
        }
        for random in [
            "9f8A7b6C5d4E3f2A1b0C",
            "zQWBuTSOoRi4A9spHcVY",
            "xKqZjWvQpLmXrTzB",
            "d41d8cd98f00b204e980",
        ] {
            assert!(!is_wordy(random.as_bytes()), "{random}");
        }
    }

    #[test]
    fn entropy_counts_bits() {
        assert_eq!(bits_per_byte(b"aaaa"), 0.0);
        assert_eq!(bits_per_byte(b"abcdabcd"), 2.0);
    }
}
