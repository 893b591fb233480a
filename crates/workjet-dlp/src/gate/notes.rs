//! What the gate has noted about the places ahead.

use super::sieve::Sifted;
use super::{Anchor, BEHIND};

/// Places that notes are kept for at once: what is left open around a block, and the block.
const NOTES: usize = 2048;

/// Words of a bit for each of them.
const NOTED: usize = NOTES / 64;

/// How far the gate has looked, and what it found ahead.
pub(crate) struct Ahead {
    /// Places before this one have been judged, or may be forgotten.
    from: usize,
    /// Anchors have been looked for up to here.
    pub(super) sifted_to: usize,
    /// From the first to the second place no byte may fold.
    plain: (usize, usize),
    /// Which of the next [`NOTES`] places have notes, and the notes: at a place's number modulo `NOTES`.
    noted: [u64; NOTED],
    notes: [u8; NOTES],
    /// A bit for each word of `noted` that is not 0.
    words: u32,
    /// A place of the current window's has been asked for.
    pub(super) begun: bool,
    pub(super) sifted: Sifted,
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            from: 0,
            sifted_to: 0,
            plain: (0, 0),
            noted: [0; NOTED],
            notes: [0; NOTES],
            words: 0,
            begun: false,
            sifted: Sifted::NEW,
        }
    }
}

impl Ahead {
    /// To be called before other bytes are searched.
    pub(crate) fn forget_text(&mut self) {
        self.begun = false;
    }

    pub(super) fn begin(&mut self, at: usize) {
        self.begun = true;
        self.from = at;
        self.sifted_to = at.saturating_sub(BEHIND);
        self.plain = (self.sifted_to, self.sifted_to);
        (self.noted, self.words) = ([0; NOTED], 0);
    }

    /// To be called when a block was sifted, which ends at `to`.
    pub(super) fn advance(&mut self, to: usize) {
        if self.plain.1 == self.sifted_to && !self.sifted.may_fold {
            self.plain.1 = to;
        }
        self.sifted_to = to;
    }

    /// How far from `from` on the bytes are known to stand for themselves.
    pub(crate) fn plain_until(&self, from: usize) -> usize {
        let known = self.begun && (self.plain.0..=self.plain.1).contains(&from);
        if known { self.plain.1 } else { from }
    }

    /// What is noted of places that have been judged is lost.
    #[inline]
    pub(super) fn note(&mut self, at: usize, anchor: Anchor) {
        if at < self.from {
            return;
        }
        debug_assert!(at - self.from < NOTES, "notes are made near what is judged next");
        let place = at % NOTES;
        let bit = 1 << (place % 64);
        let word = &mut self.noted[place / 64];
        if *word & bit == 0 {
            *word |= bit;
            self.words |= 1 << (place / 64);
            self.notes[place] = 0;
        }
        self.notes[place] |= anchor as u8;
    }

    /// Forgets what stands before `at`.
    pub(super) fn skip_to(&mut self, at: usize) {
        if at.saturating_sub(self.from) >= NOTES {
            (self.noted, self.words) = ([0; NOTED], 0);
        }
        if self.words == 0 {
            self.from = self.from.max(at);
        }
        while self.from < at {
            let place = self.from % NOTES;
            let here = (64 - place % 64).min(at - self.from);
            let bits = if here == 64 {
                !0
            } else {
                ((1 << here) - 1) << (place % 64)
            };
            let word = &mut self.noted[place / 64];
            *word &= !bits;
            if *word == 0 {
                self.words &= !(1 << (place / 64));
            }
            self.from += here;
        }
    }

    /// The first place with notes before `until`. Goes on to it, or to `until`.
    pub(super) fn next(&mut self, until: usize) -> Option<(usize, u8)> {
        let first = self.first().filter(|at| *at < until);
        self.from = self.from.max(first.unwrap_or(until));
        first.map(|at| (at, self.notes[at % NOTES]))
    }

    /// The first place with notes.
    fn first(&self) -> Option<usize> {
        let place = self.from % NOTES;
        let bits = self.noted[place / 64] >> (place % 64);
        if bits != 0 {
            return Some(self.from + bits.trailing_zeros() as usize);
        }
        // The words behind that of `from`; the last of them is that one again, with places before `from`, which have no notes.
        let behind = self.words.rotate_right((place / 64 + 1) as u32);
        if behind == 0 {
            return None;
        }
        let start = self.from - place % 64 + 64 * (1 + behind.trailing_zeros() as usize);
        Some(start + self.noted[start % NOTES / 64].trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_found_again_in_order_and_once() {
        let mut ahead = Ahead::default();
        ahead.begin(100);
        for at in [99, 100, 163, 164, 700, 100 + NOTES - 1] {
            ahead.note(at, Anchor::Sign);
        }
        ahead.note(700, Anchor::Digits);
        let mut found = Vec::new();
        while let Some((at, anchors)) = ahead.next(100 + NOTES) {
            found.push((at, anchors));
            ahead.skip_to(at + 1);
        }
        let places: Vec<usize> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [100, 163, 164, 700, 100 + NOTES - 1]);
        assert_eq!(found[3].1, Anchor::Sign as u8 | Anchor::Digits as u8);
        ahead.note(100 + NOTES + 7, Anchor::Sign);
        ahead.skip_to(9_000);
        assert!(ahead.next(9_000 + NOTES).is_none());
    }
}
