//! The gate: skips what begins nothing.
//!
//! Every rule needs something rare: a piece of its prefix, seven digits close together, an `@` soon after, a secret-sounding name
//! just before. The [`sieve`] finds where these may stand, many bytes at a time; what it found is compared with the [`leads`], and
//! what is one is [followed](follow) to the places where a match could begin, which are noted, with the anchor that says so. The
//! rules are asked there and nowhere else.
//!
//! **Invariant**: where a rule would not answer *no*, the gate has noted the rule's anchor. It may note more; a test compares
//! it with asking every rule everywhere. For that to hold in a stream, the last [`REACH`] bytes of an unfinished window are
//! not judged here.

mod arranged;
mod follow;
#[cfg(test)]
mod groups;
mod leads;
mod notes;
pub(crate) mod sieve;

use crate::search::{LOOK_BEHIND, Window};
use leads::Leads;
pub(crate) use notes::Ahead;
use sieve::{APART, BLOCK, Shape, Sieve, WIDTH};

/// What makes a place worth asking a rule about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Anchor {
    /// One of the rule's prefixes stands there, where a word may begin.
    Prefix = 1,
    /// A digit, and what may go on with a number; or a sign before them. Whether seven follow,
    /// [`begins_number`](crate::rules::begins_number) says.
    Digits = 2,
    /// An `@` stands after it, with nothing before that could not be part of an address or a password in a URL.
    Sign = 4,
    /// Forty characters of base 64, and no more, begin there.
    Forty = 8,
    /// A secret-sounding name, the scheme of a header or the address of a webhook ends before it.
    Announced = 16,
    /// The first four bytes of a custom pattern may stand there, or the first one of a rule that nothing rarer announces.
    Start = 32,
    /// One of the engine's own placeholders may stand there.
    Placeholder = 64,
}

/// How far behind the place that it anchors an anchor may end: 128 bytes of a password, `:` and `@`, and what is looked at
/// of a number. In an unfinished window, what stands nearer to the end is left to the caller.
pub(crate) const REACH: usize = 136;

/// How far before the first place an anchor may begin: a header's name, its scheme, and blanks up to where rules look.
const BEHIND: usize = LOOK_BEHIND + 64;

/// What the sieve looks for on behalf of an engine's rules.
pub(crate) struct Gate {
    sieve: Sieve,
    leads: &'static Leads,
    built_in: bool,
    has_customs: bool,
}

impl Gate {
    /// A gate for the standard rules, if `built_in`, and for others that begin with these bytes.
    pub(crate) fn new(built_in: bool, customs: impl Iterator<Item = Shape>) -> Self {
        let (leads, sieve) = if built_in {
            &*leads::STANDARD
        } else {
            &*leads::NONE
        };
        let mut sieve = sieve.clone();
        let mut has_customs = false;
        for shape in customs {
            sieve.add(APART, shape);
            has_customs = true;
        }
        sieve.fill();
        Self {
            sieve,
            leads,
            built_in,
            has_customs,
        }
    }

    /// The first place from `at` up to `until` where some rule may have to be asked, and the anchors noted there. In an
    /// unfinished window `until` is at most [`REACH`] bytes before its end. `at` never decreases within a window.
    pub(crate) fn next(
        &self,
        ahead: &mut Ahead,
        window: &Window<'_>,
        at: usize,
        until: usize,
    ) -> Option<(usize, u8)> {
        if !ahead.begun || at > ahead.sifted_to + BEHIND {
            ahead.begin(at);
        }
        ahead.skip_to(at);
        loop {
            let judged = if ahead.sifted_to == window.bytes.len() {
                until
            } else {
                until.min(ahead.sifted_to.saturating_sub(REACH))
            };
            if let Some(noted) = ahead.next(judged) {
                return Some(noted);
            }
            if judged == until {
                return None;
            }
            self.look(ahead, window.bytes);
        }
    }

    /// Looks for anchors in the next block.
    fn look(&self, ahead: &mut Ahead, bytes: &[u8]) {
        let from = ahead.sifted_to;
        self.sieve.sift(bytes, from, &mut ahead.sifted);
        ahead.advance(bytes.len().min(from + BLOCK));
        for index in 0..ahead.sifted.leads().len() {
            let at = from + usize::from(ahead.sifted.leads()[index]);
            for lead in self.leads.of(four_up_to(bytes, at)) {
                follow::lead(ahead, bytes, at, lead);
            }
        }
        each(u64::from(ahead.sifted.busy), |word| {
            let sifted = &ahead.sifted;
            let [apart, signs, brackets] =
                [&sifted.apart, &sifted.signs, &sifted.brackets].map(|places| places[word]);
            let [numbers, rows] = [&sifted.numbers, &sifted.rows].map(|places| places[word]);
            let at = from + 64 * word;
            each(brackets, |place| follow::bracket(ahead, bytes, at + place));
            each(apart, |place| {
                if let Some(start) = (at + place).checked_sub(WIDTH - 1) {
                    ahead.note(start, Anchor::Start);
                }
            });
            if self.built_in {
                each(numbers, |place| follow::number(ahead, bytes, at + place));
                each(signs, |place| follow::sign(ahead, bytes, at + place));
                each(rows, |place| follow::row(ahead, bytes, at + place));
            }
        });
        // Behind the end stands nothing that could tell what the last bytes begin.
        if self.has_customs && ahead.sifted_to == bytes.len() {
            for at in bytes.len().saturating_sub(WIDTH - 1)..bytes.len() {
                ahead.note(at, Anchor::Start);
            }
        }
    }
}

/// The byte at a place and the three before it, which are zeros before the first.
fn four_up_to(bytes: &[u8], at: usize) -> [u8; WIDTH] {
    let mut four = [0; WIDTH];
    let there = &bytes[at.saturating_sub(WIDTH - 1)..=at];
    four[WIDTH - there.len()..].copy_from_slice(there);
    four
}

/// Calls for each bit its number.
#[inline]
fn each(mut bits: u64, mut call: impl FnMut(usize)) {
    while bits != 0 {
        call(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}
