//! Digits, read once for all who look for numbers.
//!
//! Cards, social security numbers and telephones begin at the same groups of digits, and each group of a long row begins
//! another row. A [`Row`] is read once; from any of its digits on, what has to be known for a *no* is a few operations on bits.

/// Digits with at most one separator between any two.
pub(crate) struct Row {
    /// The place of the first digit, and the one after the last.
    start: usize,
    end: usize,
    count: usize,
    values: [u8; Row::MOST],
    /// For each digit, how far it stands after `start`.
    places: [u8; Row::MOST],
    /// The digit that was asked about last.
    asked: usize,
    /// The sums of Luhn's formula for the digits before each, two in one: every second digit doubled, from the second one on
    /// in the lower half and from the first one on in the upper. Meaningful in rows of [`Row::FOR_SUMS`] and more.
    sums: [u32; Row::MOST + 1],
    /// A bit for each digit that the next one follows directly, after a space, a hyphen, a dot, a slash.
    touching: u64,
    spaces: u64,
    hyphens: u64,
    dots: u64,
    slashes: u64,
    /// A bit for each digit that the next one equals. Meaningful in rows of [`Row::FOR_SUMS`] and more.
    alike: u64,
    /// More digits may follow than were read.
    goes_on: bool,
    /// Nothing follows, or one separator and then nothing.
    at_end: bool,
    tail: Option<u8>,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            start: 0,
            end: 0,
            count: 0,
            values: [0; Self::MOST],
            places: [0; Self::MOST],
            asked: 0,
            sums: [0; Self::MOST + 1],
            touching: 0,
            spaces: 0,
            hyphens: 0,
            dots: 0,
            slashes: 0,
            alike: 0,
            goes_on: false,
            at_end: false,
            tail: None,
        }
    }
}

/// What Luhn's formula makes of a digit at every second place.
const DOUBLED: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];

/// What a digit at an even place adds to both sums, and at an odd one.
const ADDED: [[u32; 10]; 2] = {
    let mut added = [[0; 10]; 2];
    let mut digit = 0;
    while digit < 10 {
        added[0][digit] = digit as u32 | DOUBLED[digit] << 16;
        added[1][digit] = DOUBLED[digit] | (digit as u32) << 16;
        digit += 1;
    }
    added
};

/// What a byte is in a row of digits: one of them, something that may stand once between two, or its end.
const DIGIT: u8 = 0;
const SPACE: u8 = 1;
const HYPHEN: u8 = 2;
const DOT: u8 = 3;
const SLASH: u8 = 4;
const END: u8 = 5;

static KINDS: [u8; 256] = {
    let mut kinds = [END; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        kinds[digit as usize] = DIGIT;
        digit += 1;
    }
    kinds[b' ' as usize] = SPACE;
    kinds[b'-' as usize] = HYPHEN;
    kinds[b'.' as usize] = DOT;
    kinds[b'/' as usize] = SLASH;
    kinds
};

impl Row {
    /// Digits read at once.
    const MOST: usize = 64;

    /// No shorter number has a check digit of Luhn's.
    pub(crate) const FOR_SUMS: usize = 12;

    /// Digits that are in view from any digit on, unless the row ends before.
    const IN_VIEW: usize = 24;

    /// To be called before other bytes are read.
    pub(crate) fn forget(&mut self) {
        (self.start, self.end, self.count) = (0, 0, 0);
    }

    /// How many digits have been read from the one at `at` on, if it has.
    pub(crate) fn count_from(&self, at: usize) -> Option<usize> {
        let within = (self.start..self.end).contains(&at);
        let place = within.then(|| (at - self.start) as u8)?;
        let digit = (self.asked..self.count).find(|digit| self.places[*digit] >= place)?;
        (self.places[digit] == place).then(|| self.count - digit)
    }

    /// The digits from the one at `at` on.
    pub(crate) fn from(&mut self, bytes: &[u8], at: usize) -> Digits<'_> {
        if (self.start..self.end).contains(&at) {
            let place = (at - self.start) as u8;
            if self.places[self.asked] > place {
                self.asked = 0;
            }
            // Digits are asked about from left to right.
            while self.places[self.asked] < place {
                self.asked += 1;
            }
            if self.goes_on && self.asked + Self::IN_VIEW > self.count {
                self.read(bytes, at);
            }
        } else {
            self.read(bytes, at);
        }
        Digits {
            first: self.asked,
            row: self,
        }
    }

    fn read(&mut self, bytes: &[u8], start: usize) {
        // A digit and a separator each, and one byte more.
        let rest = &bytes[start..bytes.len().min(start + 2 * Self::MOST)];
        // For each kind of byte, the digits that it follows. Nothing branches on the kind but the end of the row.
        let mut after = [0_u64; 8];
        let (mut count, mut here, mut before) = (0, 0, DIGIT);
        while let Some(byte) = rest.get(here) {
            let kind = KINDS[usize::from(*byte)];
            if kind == END || kind.min(before) != DIGIT {
                break;
            }
            self.values[count % Self::MOST] = byte.wrapping_sub(b'0');
            self.places[count % Self::MOST] = here as u8;
            count += usize::from(kind == DIGIT);
            after[usize::from(kind % 8)] |= 1 << ((count - 1) % 64);
            before = kind;
            here += 1;
            if count == Self::MOST {
                break;
            }
        }
        self.goes_on = count == Self::MOST;
        self.at_end = here == rest.len() && !self.goes_on;
        self.tail = None;
        if before != DIGIT {
            // What stands last is between no two digits.
            here -= 1;
            self.tail = Some(rest[here]).filter(|_| self.at_end);
            after[usize::from(before % 8)] &= !(1 << (count - 1));
        }
        (self.start, self.end, self.count) = (start, start + here, count);
        self.asked = 0;
        let [_, spaces, hyphens, dots, slashes, ..] = after;
        let between = (1_u64 << (count - 1)) - 1;
        self.touching = between & !(spaces | hyphens | dots | slashes);
        (self.spaces, self.hyphens, self.dots, self.slashes) = (spaces, hyphens, dots, slashes);
        if count >= Self::FOR_SUMS {
            self.add();
        }
    }

    /// Adds up what Luhn's formula needs.
    fn add(&mut self) {
        let (mut sums, mut alike, mut before) = (0, 0, u8::MAX);
        let values = self.values[..self.count].iter().zip(&mut self.sums[1..]);
        for (place, (value, sum)) in values.enumerate() {
            alike |= u64::from(*value == before) << place;
            before = *value;
            sums += ADDED[place % 2][usize::from(*value)];
            *sum = sums;
        }
        self.alike = alike >> 1;
    }
}

/// The digits of a row from one of them on. Lengths count digits.
#[derive(Clone, Copy)]
pub(crate) struct Digits<'r> {
    row: &'r Row,
    first: usize,
}

impl<'r> Digits<'r> {
    /// The first `length`, or as many as there are.
    pub(crate) fn values(self, length: usize) -> &'r [u8] {
        &self.row.values[self.first..self.row.count.min(self.first + length)]
    }

    /// How many there are, or [`Row::IN_VIEW`] and more.
    pub(crate) fn count(self) -> usize {
        self.row.count - self.first
    }

    /// How many follow each other with at most one separator between any two, and the same everywhere: spaces or hyphens.
    pub(crate) fn of_one_separator(self) -> usize {
        let run = |between: u64| ((self.row.touching | between) >> self.first).trailing_ones() as usize;
        self.count()
            .min(1 + run(self.row.spaces).max(run(self.row.hyphens)))
    }

    /// Whether the first `length`, of those with one separator, have this one or none.
    pub(crate) fn may_be_separated_by(self, separator: u8, length: usize) -> bool {
        let separators = match separator {
            b' ' => self.row.spaces,
            b'-' => self.row.hyphens,
            _ => return false,
        };
        let others = (1 << (length - 1)) - 1;
        (self.row.touching | separators) >> self.first & others == others
    }

    /// A bit for each length after which no digit follows directly: bit 3 if that is so after three.
    pub(crate) fn ends(self) -> u32 {
        ((!self.row.touching >> self.first) as u32) << 1
    }

    /// Whether the bytes end with the first `length`; the separator that follows, if just that does.
    pub(crate) fn cut_off(self, length: usize) -> Option<Option<u8>> {
        (self.row.at_end && self.count() == length).then_some(self.row.tail)
    }

    /// Whether the bytes may end before a number that begins with these digits does.
    pub(crate) fn is_cut_off(self) -> bool {
        self.row.at_end
    }

    /// Where the first `length` end.
    pub(crate) fn end(self, length: usize) -> usize {
        self.row.start + usize::from(self.row.places[self.first + length - 1]) + 1
    }

    /// Whether the first `length`, at least [`Row::FOR_SUMS`], satisfy the Luhn formula (ISO/IEC 7812-1, annex B).
    pub(crate) fn luhn(self, length: usize) -> bool {
        debug_assert!(length >= Row::FOR_SUMS, "shorter rows are not added up");
        let after = self.first + length;
        let sums = self.row.sums[after] - self.row.sums[self.first];
        // The last digit counts as it is.
        let sum = if after % 2 == 1 { sums & 0xFFFF } else { sums >> 16 };
        sum.is_multiple_of(10)
    }

    /// Whether the first `length`, at least [`Row::FOR_SUMS`], are not all the same.
    pub(crate) fn are_varied(self, length: usize) -> bool {
        ((self.row.alike >> self.first).trailing_ones() as usize) < length - 1
    }

    /// Whether nine digits follow each other directly, or as `AAA-GG-SSSS` with one separator.
    pub(crate) fn are_three_two_four(self) -> bool {
        let next = |bits: u64| (bits >> self.first) as u16 & 0x1FF;
        match next(self.row.touching) {
            0b0_1111_1111 => true,
            0b0_1110_1011 => [self.row.spaces, self.row.hyphens, self.row.dots]
                .into_iter()
                .any(|separators| next(separators) & 0b0_0001_0100 == 0b0_0001_0100),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checksum::luhn;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_row_says_what_the_bytes_say(text in "([0-9]|[0-9]{4}[ -]|[ ./-]|[0-9][ -]|x| {2}){1,90}", step in 1..3_usize) {
            let bytes = text.as_bytes();
            let mut row = Row::default();
            for at in (0..bytes.len()).step_by(step).filter(|at| bytes[*at].is_ascii_digit()) {
                let digits = row.from(bytes, at);
                // The places of the digits, by reading on.
                let mut places = vec![at];
                while let Some(last) = places.last() {
                    let next = match bytes[last + 1..] {
                        [b'0'..=b'9', ..] => last + 1,
                        [b' ' | b'-' | b'.' | b'/', b'0'..=b'9', ..] => last + 2,
                        _ => break,
                    };
                    places.push(next);
                }
                let most = places.len().min(Row::IN_VIEW);
                prop_assert!(digits.count() == places.len() || (most == Row::IN_VIEW && digits.count() >= most));
                for length in 1..=most {
                    let values: Vec<u8> = places[..length].iter().map(|place| bytes[*place] - b'0').collect();
                    let end = places[length - 1] + 1;
                    prop_assert_eq!(digits.values(length), &values);
                    prop_assert_eq!(digits.end(length), end);
                    prop_assert!(length < Row::FOR_SUMS || digits.luhn(length) == luhn(&values));
                    let varied = values.iter().any(|value| *value != values[0]);
                    prop_assert!(length < Row::FOR_SUMS || digits.are_varied(length) == varied);
                    prop_assert_eq!(digits.ends() >> length & 1 == 1, !bytes.get(end).is_some_and(u8::is_ascii_digit));
                    let separators: Vec<u8> = bytes[at..end].iter().copied().filter(|byte| !byte.is_ascii_digit()).collect();
                    let one = separators.iter().all(|byte| matches!(byte, b' ' | b'-') && *byte == separators[0]);
                    prop_assert_eq!(digits.of_one_separator() >= length, one);
                    for separator in [b' ', b'-'] {
                        let same = separators.iter().all(|byte| *byte == separator);
                        prop_assert_eq!(digits.may_be_separated_by(separator, length), same);
                    }
                }
            }
        }
    }
}
