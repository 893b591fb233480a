//! What the words before a number are about, each read once.
//!
//! Cards, social security numbers and telephones ask about overlapping stretches of the same text, again at the next group of
//! digits. So words are read from left to right as far as a number asks, and of those on a topic only the latest is kept: if
//! that stands too far before a number, all do. Words are the same as [`Words`](crate::context::Words) reads.

use std::sync::LazyLock;

use crate::stretch::{bits, is_alphabetic, leading};
use crate::{placeholder, rules};

/// What a word may be about: which rule looks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Card,
    Payment,
    Ssn,
    Phone,
    Calling,
    /// Directly before a telephone number.
    Last,
}

const TOPICS: usize = 6;

/// The words of one window, as far as they have been read.
#[derive(Default)]
pub(crate) struct Topics {
    /// Everything that begins before has been read.
    to: usize,
    /// For each topic, where its latest word begins, or the run of letters that it is part of; counted from 1.
    latest: [usize; TOPICS],
    /// Where the latest word of [`Topic::Last`] ends.
    last_end: usize,
    /// Where the latest byte beyond ASCII stands, counted from 1.
    foreign: usize,
}

impl Topics {
    /// How far before a number words are read.
    pub(crate) const REACH: usize = 64;

    /// How far before it words are read: a number may ask about the one before it as well.
    pub(crate) const READ: usize = 96;

    /// Whether a word on the topic stands in the `reach` bytes before `at`, at most [`REACH`](Self::REACH); one that is cut
    /// off there is not that word. `at` is no letter's place.
    pub(crate) fn have(&mut self, bytes: &[u8], at: usize, topic: Topic, reach: usize) -> bool {
        self.read(bytes, at);
        let least = at.saturating_sub(reach.min(Self::REACH));
        self.latest[topic as usize] > least
    }

    /// Whether a word on any of the topics stands as far before `at` as words are read.
    pub(crate) fn have_any(&mut self, bytes: &[u8], at: usize, topics: &[Topic]) -> bool {
        self.read(bytes, at);
        let least = at.saturating_sub(Self::READ);
        topics.iter().any(|topic| self.latest[*topic as usize] > least)
    }

    /// Whether all bytes are ASCII as far before `at` as words are read.
    pub(crate) fn are_ascii(&mut self, bytes: &[u8], at: usize) -> bool {
        self.read(bytes, at);
        self.foreign <= at.saturating_sub(Self::READ)
    }

    /// The bytes from the latest word on the topic up to `at`, if it begins within reach. Words have been read up to `now`,
    /// which is `at` or little more, with no words on a topic between.
    pub(crate) fn since<'t>(
        &mut self,
        bytes: &'t [u8],
        now: usize,
        at: usize,
        topic: Topic,
        reach: usize,
    ) -> Option<&'t [u8]> {
        self.read(bytes, now);
        let latest = self.latest[topic as usize];
        (latest > at.saturating_sub(reach) && latest <= at).then(|| &bytes[latest - 1..at])
    }

    /// Whether the last word before `at` is one of those that only count there.
    pub(crate) fn end_with_last(&mut self, bytes: &[u8], now: usize, at: usize, reach: usize) -> bool {
        self.since(bytes, now, at, Topic::Last, reach).is_some()
            && self.last_end <= at
            && !bytes[self.last_end..at].iter().any(u8::is_ascii_alphabetic)
    }

    fn read(&mut self, bytes: &[u8], at: usize) {
        if at == self.to {
            return;
        }
        if at < self.to {
            *self = Self::default();
        }
        let mut from = self.to.max(at.saturating_sub(Self::READ));
        self.to = at;
        let new = &bytes[from..at];
        if !new.is_ascii() {
            let last = new.iter().rposition(|byte| !byte.is_ascii());
            self.foreign = from + last.map_or(0, |last| last + 1);
        }
        let listed = &*BEGINNINGS;
        // A few bytes are soon gone through; more are looked at all at once.
        if at - from < 12 {
            for place in from..at {
                if begins(bytes, place) && listed.have(&bytes[place..]) {
                    self.word(bytes, place, at);
                }
            }
            return;
        }
        while from < at {
            let to = at.min(from + Self::REACH);
            let mut places = beginnings(bytes, from, to);
            while places != 0 {
                let place = from + places.trailing_zeros() as usize;
                places &= places - 1;
                if listed.have(&bytes[place..]) {
                    self.word(bytes, place, at);
                }
            }
            from = to;
        }
    }

    /// Notes what the word that begins at `place` is about.
    fn word(&mut self, bytes: &[u8], place: usize, at: usize) {
        let word = &bytes[place..end_of_word(bytes, place, at)];
        let Some(known) = VOCABULARY.find(word) else {
            return;
        };
        if placeholder::holds_word(bytes, place) {
            return;
        }
        let end = place + word.len();
        if known.topics != 0 {
            self.note(known.topics, run_of_letters(bytes, place, at), end);
        }
        if known.phrases.is_empty() {
            return;
        }
        let Some((start, before)) = word_before(bytes, place) else {
            return;
        };
        let Some(before) = Letters::of(before) else {
            return;
        };
        if let Some((_, topics)) = known.phrases.iter().find(|(first, _)| *first == before) {
            self.note(*topics, run_of_letters(bytes, start, at), end);
        }
    }

    /// Notes a word on these topics, a bit for each.
    fn note(&mut self, topics: u8, begins: usize, ends: usize) {
        for (topic, latest) in self.latest.iter_mut().enumerate() {
            if topics >> topic & 1 == 1 {
                *latest = (*latest).max(begins + 1);
            }
        }
        if topics >> Topic::Last as u8 & 1 == 1 {
            self.last_end = ends;
        }
    }
}

/// Where the word that begins at `place` ends, before `at`.
fn end_of_word(bytes: &[u8], place: usize, at: usize) -> usize {
    let letters = leading(&bytes[place..at], is_alphabetic);
    // The letter of an escape such as `\n` belongs to no word.
    if letters > 1 && matches!(bytes[place], b'n' | b't' | b'r') && bytes[..place].ends_with(b"\\") {
        return place + 1;
    }
    let mut end = place + 1;
    while end < place + letters && !(bytes[end].is_ascii_uppercase() && bytes[end - 1].is_ascii_lowercase()) {
        end += 1;
    }
    end
}

/// Whether a word begins at `place`: at a letter after none, at a capital after a small letter, and after the letter of an
/// escape such as `\n`.
fn begins(bytes: &[u8], place: usize) -> bool {
    let byte = bytes[place];
    if !byte.is_ascii_alphabetic() {
        return false;
    }
    match bytes[..place] {
        [.., b'\\', b'n' | b't' | b'r'] => true,
        [.., before] if before.is_ascii_lowercase() => byte.is_ascii_uppercase(),
        [.., before] => !before.is_ascii_alphabetic(),
        [] => true,
    }
}

/// The places from `from` up to `to`, at most 64, where a word begins, as bits. Does what [`begins`] does for each.
fn beginnings(bytes: &[u8], from: usize, to: usize) -> u64 {
    const BEFORE: usize = 2;
    const SEEN: usize = BEFORE + Topics::REACH;
    let within = !0 >> (64 - (to - from));
    let near = from
        .checked_sub(BEFORE)
        .and_then(|first| bytes[first..].first_chunk::<SEEN>());
    if let Some(near) = near {
        return beginnings_in(near) & within;
    }
    let mut near = [0; SEEN];
    let first = from.saturating_sub(BEFORE);
    near[BEFORE + first - from..BEFORE + to - from].copy_from_slice(&bytes[first..to]);
    beginnings_in(&near) & within
}

/// The same for all places that have two bytes before them.
fn beginnings_in(seen: &[u8; 2 + Topics::REACH]) -> u64 {
    // Arrays of one length, so that each loop is a handful of vector instructions.
    let mut begins = [0_u8; Topics::REACH];
    for (at, begins) in begins.iter_mut().enumerate() {
        let [that, before, byte] = [seen[at], seen[at + 1], seen[at + 2]];
        let letter = |byte: u8| (byte | 0x20).wrapping_sub(b'a') < 26;
        let hump = (byte & 0x20 == 0) & (before & 0x20 != 0);
        let escape = (that == b'\\') & ((before == b'n') | (before == b't') | (before == b'r'));
        let begin = letter(byte) & (!letter(before) | hump | escape);
        *begins = if begin { 1 } else { 0 };
    }
    bits(&begins)
}

/// The word before the one that begins at `start`, and where it begins.
pub(crate) fn word_before(bytes: &[u8], start: usize) -> Option<(usize, &[u8])> {
    let before = &bytes[start.saturating_sub(Topics::REACH)..start];
    let between = before.iter().rev().position(u8::is_ascii_alphabetic)?;
    let end = start - between;
    let least = start - before.len();
    let mut place = end - 1;
    while place > least && bytes[place - 1].is_ascii_alphabetic() && !begins(bytes, place) {
        place -= 1;
    }
    begins(bytes, place).then(|| (place, &bytes[place..end]))
}

/// Where the letters before and at `start` begin, if that is within reach of `at`.
fn run_of_letters(bytes: &[u8], start: usize, at: usize) -> usize {
    let least = at.saturating_sub(Topics::READ + 1);
    let mut run = start;
    while run > least
        && bytes[run - 1].is_ascii_alphabetic()
        && !matches!(bytes[..run], [.., b'\\', b'n' | b't' | b'r'])
    {
        run -= 1;
    }
    run
}

/// What the words begin with, a bit for the hash of each three letters: hardly any other word has the same.
struct Beginnings([u64; 1 << (Beginnings::BITS - 6)]);

impl Beginnings {
    const BITS: u32 = 14;

    fn bit(letters: [u8; 3]) -> usize {
        let [a, b, c] = letters;
        // Capitals are taken for small letters.
        let letters = u32::from_le_bytes([0, a, b, c]) | 0x2020_2000;
        (letters.wrapping_mul(0x9E37_79B1) >> (32 - Self::BITS)) as usize
    }

    /// Whether one of the words may begin here. What stands after a short one is no letter, or begins another.
    fn have(&self, text: &[u8]) -> bool {
        let letters = match *text {
            [a, b, c, ..] => [a, b, c],
            [a, b] => [a, b, 0],
            _ => return false,
        };
        let bit = Self::bit(letters);
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }
}

static BEGINNINGS: LazyLock<Beginnings> = LazyLock::new(|| {
    let mut beginnings = Beginnings([0; _]);
    for (_, phrase) in rules::topics() {
        let word = phrase.trim().rsplit(' ').next().unwrap_or_default().as_bytes();
        let mut add = |third: u8| {
            let bit = Beginnings::bit([word[0], word[1], third]);
            beginnings.0[bit / 64] |= 1 << (bit % 64);
        };
        match word.get(2) {
            Some(third) => add(*third),
            None => (0..=u8::MAX).for_each(add),
        }
    }
    beginnings
});

/// The letters of a word, in lower case and filled up with zeros: words are compared all at once.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Letters([u64; Letters::MOST / 8]);

impl Letters {
    /// No word that a rule looks for is longer.
    const MOST: usize = 24;

    fn of(word: &[u8]) -> Option<Self> {
        let mut letters = [0; Self::MOST];
        letters.get_mut(..word.len())?.copy_from_slice(word);
        // Of the zeros that fill up it makes blanks.
        let eight = |place: usize| {
            let eight = letters[8 * place..8 * place + 8].try_into().expect("eight bytes");
            u64::from_le_bytes(eight) | 0x2020_2020_2020_2020
        };
        Some(Self(std::array::from_fn(eight)))
    }

    fn hash(self) -> usize {
        let [a, b, c] = self.0;
        let mixed = (a ^ b.rotate_left(23) ^ c.rotate_left(46)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> (64 - Vocabulary::BITS)) as usize
    }
}

/// A word that a rule looks for, or the last word of a phrase of two.
struct Known {
    word: Letters,
    /// What it is about: a bit for each topic.
    topics: u8,
    /// The words that make a phrase before it, and what that is about.
    phrases: Vec<(Letters, u8)>,
}

/// All of them, by a hash of their letters.
struct Vocabulary {
    /// Places in `known`, counted from 1.
    slots: [u16; 1 << Vocabulary::BITS],
    known: Vec<Known>,
}

impl Vocabulary {
    const BITS: u32 = 10;

    fn find(&self, word: &[u8]) -> Option<&Known> {
        let word = Letters::of(word)?;
        let place = self.slots[self.slot(word)].checked_sub(1)?;
        Some(&self.known[usize::from(place)])
    }

    /// Where the word is, or may be put.
    fn slot(&self, word: Letters) -> usize {
        let mut slot = word.hash();
        loop {
            match self.slots[slot].checked_sub(1) {
                Some(place) if self.known[usize::from(place)].word != word => {
                    slot = (slot + 1) % self.slots.len();
                }
                _ => return slot,
            }
        }
    }

    fn add(&mut self, before: &str, word: &str, topic: Topic) {
        let letters = |word: &str| Letters::of(word.as_bytes()).expect("no word is longer");
        let slot = self.slot(letters(word));
        if self.slots[slot] == 0 {
            self.known.push(Known {
                word: letters(word),
                topics: 0,
                phrases: Vec::new(),
            });
            self.slots[slot] = u16::try_from(self.known.len()).expect("there are few words");
        }
        let known = &mut self.known[usize::from(self.slots[slot]) - 1];
        let topic = 1 << topic as u8;
        if before.is_empty() {
            known.topics |= topic;
            return;
        }
        match known
            .phrases
            .iter_mut()
            .find(|(first, _)| *first == letters(before))
        {
            Some((_, topics)) => *topics |= topic,
            None => known.phrases.push((letters(before), topic)),
        }
    }
}

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut vocabulary = Vocabulary {
        slots: [0; 1 << Vocabulary::BITS],
        known: Vec::new(),
    };
    for (topic, spaced) in rules::topics() {
        let (before, word) = spaced.trim().split_once(' ').unwrap_or(("", spaced.trim()));
        debug_assert!(!word.contains(' '), "phrases are of two words");
        vocabulary.add(before, word, topic);
    }
    vocabulary
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::Words;

    fn listed(topic: Topic) -> Vec<&'static str> {
        let all = rules::topics().filter(|(of, _)| *of == topic);
        all.map(|(_, word)| word).collect()
    }

    const ALL: [Topic; TOPICS] = [
        Topic::Card,
        Topic::Payment,
        Topic::Ssn,
        Topic::Phone,
        Topic::Calling,
        Topic::Last,
    ];

    fn pieces() -> impl Strategy<Value = String> {
        let words: Vec<&'static str> = rules::topics().map(|(_, word)| word).collect();
        prop_oneof![
            4 => prop::sample::select(words).prop_map(str::to_owned),
            4 => prop::sample::select(vec![" ", "  ", ": ", "_", "\\n", "\\t", "\n", "Number", "my", "xY", "é", "12", "s", "the "]).prop_map(str::to_owned),
            1 => "[a-zA-Z ]{0,70}",
        ]
        .prop_flat_map(|piece| {
            (Just(piece), 0..4_u8).prop_map(|(piece, how)| match how {
                0 => piece.to_uppercase(),
                1 => piece.trim().to_owned(),
                2 => piece.trim().split(' ').map(|word| word.get(..1).unwrap_or(word).to_uppercase() + word.get(1..).unwrap_or_default()).collect(),
                _ => piece,
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn words_read_once_are_those_read_each_time(text in prop::collection::vec(pieces(), 1..10), skip in 1..40_usize) {
            let text = text.concat();
            let bytes = text.as_bytes();
            let mut topics = Topics::default();
            for at in (0..bytes.len()).step_by(skip).filter(|at| !bytes[*at].is_ascii_alphabetic()) {
                for (topic, reach) in ALL.into_iter().flat_map(|topic| [(topic, 64), (topic, 28)]) {
                    // A word that the reach cuts off at an escape is judged more exactly here.
                    let cut = at.saturating_sub(reach);
                    if bytes[..at].get(cut.saturating_sub(2)..).is_some_and(|near| near.iter().take(4).any(|byte| *byte == b'\\')) {
                        continue;
                    }
                    let expected = Words::all_within(&bytes[..at], reach).have_any(&listed(topic));
                    prop_assert_eq!(topics.have(bytes, at, topic, reach), expected, "{:?} before {} in {:?}", topic, at, text);
                }
                let last = Words::all_within(&bytes[..at], 48).end_with(&listed(Topic::Last));
                if !text.contains('\\') {
                    prop_assert_eq!(topics.end_with_last(bytes, at, at, 48), last);
                }
            }
        }
    }
}
