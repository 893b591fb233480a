//! What rules have learned about the bytes ahead.
//!
//! Several rules read far before they can say no, and would read the same bytes again from the next place where they can
//! start. What is noted here holds for one window, and makes every rule's work linear in the text.

use crate::digits::Row;
use crate::stretch::leading;
use crate::topics::Topics;

/// Notes of the rules about one window. Rules ask about places from left to right.
#[derive(Default)]
pub(crate) struct Memo {
    /// The digits of numbers.
    pub(crate) row: Row,
    /// What the words before them are about.
    pub(crate) topics: Topics,
    /// What secret access keys are made of.
    pub(crate) secret: Stretch,
    /// What the last token that was tried is made of.
    pub(crate) token: Token,
    /// What the values of names are made of: without quotes or with them, in a query or not.
    pub(crate) values: [Stretch; 4],
    /// What e-mail addresses stand around.
    pub(crate) sign: Sign,
    /// Where e-mail addresses begin that reach the same `@`, and what follows it.
    pub(crate) address: Address,
}

impl Memo {
    /// To be called before other bytes are searched.
    pub(crate) fn forget(&mut self) {
        self.row.forget();
        self.topics = Topics::default();
        self.secret = Stretch::default();
        self.token = Token::default();
        self.values = Default::default();
        self.sign = Sign::default();
        self.address = Address::default();
    }
}

/// Where the next `@` stands.
#[derive(Default)]
pub(crate) struct Sign {
    /// None stands from `start` to `end`.
    start: usize,
    end: usize,
}

impl Sign {
    /// Bytes looked at in one go.
    const AHEAD: usize = 256;

    /// Whether none stands from `at` up to `to`.
    pub(crate) fn is_absent(&mut self, bytes: &[u8], at: usize, to: usize) -> bool {
        if !(self.start..=self.end).contains(&at) {
            (self.start, self.end) = (at, at);
        }
        while self.end < to && self.end < bytes.len() {
            let block = &bytes[self.end..bytes.len().min(self.end + Self::AHEAD)];
            let before = leading(block, |byte| byte != b'@');
            self.end += before;
            if before < block.len() {
                return to <= self.end;
            }
        }
        true
    }
}

/// How far bytes of one kind go on.
#[derive(Default)]
pub(crate) struct Stretch {
    start: usize,
    end: usize,
}

impl Stretch {
    /// How many bytes from `at` on belong, up to `most`.
    pub(crate) fn length(
        &mut self,
        bytes: &[u8],
        at: usize,
        most: usize,
        belongs: impl Fn(u8) -> bool,
    ) -> usize {
        if !(self.start..=self.end).contains(&at) {
            (self.start, self.end) = (at, at);
        }
        let limit = bytes.len().min(at + most);
        if self.end < limit {
            self.end += bytes[self.end..limit]
                .iter()
                .take_while(|byte| belongs(**byte))
                .count();
        }
        (self.end - at).min(most)
    }
}

/// How far bytes of the alphabet go on that was asked about last.
#[derive(Default)]
pub(crate) struct Token {
    alphabet: usize,
    stretch: Stretch,
}

impl Token {
    /// How many bytes from `at` on belong to this alphabet, up to `most`.
    pub(crate) fn length(
        &mut self,
        bytes: &[u8],
        at: usize,
        most: usize,
        alphabet: usize,
        belongs: impl Fn(u8) -> bool,
    ) -> usize {
        if self.alphabet != alphabet {
            self.alphabet = alphabet;
            self.stretch = Stretch::default();
        }
        self.stretch.length(bytes, at, most, belongs)
    }
}

/// The parts of the last e-mail address that was tried.
#[derive(Default)]
pub(crate) struct Address {
    /// Local parts that begin from `start` up to `end` come to what `local` says: the place of their `@`, or no address.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) local: Option<usize>,
    /// The `@` whose domain was read last, and how that ended: the place after the domain and the character there, if it is one.
    pub(crate) domain: Option<(usize, Option<(usize, char)>)>,
}
