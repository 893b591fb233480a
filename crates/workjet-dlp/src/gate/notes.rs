//! What the gate has noted about the places ahead.

use super::sieve::{BLOCK, Sifted};
use super::{Anchor, BEHIND};

/// Places that notes are kept for at once: what is left open around a block, and the block.
const NOTES: usize = 2048;

/// How far the gate has looked, and what it found ahead.
pub(crate) struct Ahead {
    /// Places before this one have been judged, or may be forgotten.
    from: usize,
    /// Anchors have been looked for up to here.
    pub(super) sifted_to: usize,
    /// Which of the next [`NOTES`] places have notes, and the notes: at a place's number modulo `NOTES`.
    noted: [u64; NOTES / 64],
    notes: [u8; NOTES],
    /// A place of the current window's has been asked for.
    pub(super) begun: bool,
    pub(super) sifted: Sifted,
    /// Places in the current block that are looked at once more. Room for three more, which are written and not counted.
    pub(super) marked: [u16; BLOCK + 3],
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            from: 0,
            sifted_to: 0,
            noted: [0; NOTES / 64],
            notes: [0; NOTES],
            begun: false,
            sifted: Sifted::NEW,
            marked: [0; BLOCK + 3],
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
        self.noted = [0; NOTES / 64];
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
            self.notes[place] = 0;
        }
        self.notes[place] |= anchor as u8;
    }

    /// Forgets what stands before `at`.
    pub(super) fn skip_to(&mut self, at: usize) {
        if at.saturating_sub(self.from) >= NOTES {
            self.noted = [0; NOTES / 64];
            self.from = at;
        }
        while self.from < at {
            let place = self.from % NOTES;
            let here = (64 - place % 64).min(at - self.from);
            let bits = if here == 64 {
                !0
            } else {
                ((1 << here) - 1) << (place % 64)
            };
            self.noted[place / 64] &= !bits;
            self.from += here;
        }
    }

    /// The first place with notes before `until`. Goes on to it, or to `until`.
    pub(super) fn next(&mut self, until: usize) -> Option<(usize, u8)> {
        while self.from < until {
            let place = self.from % NOTES;
            let bits = self.noted[place / 64] >> (place % 64);
            if bits == 0 {
                self.from = until.min(self.from + 64 - place % 64);
                continue;
            }
            let at = self.from + bits.trailing_zeros() as usize;
            self.from = at.min(until);
            return (at < until).then(|| (at, self.notes[at % NOTES]));
        }
        None
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
