//! What rules have learned about the bytes ahead.
//!
//! Several rules read far before they can say no, and would read the same bytes again from the next place where they can
//! start. What is noted here holds for one window, and makes every rule's work linear in the text.

/// Notes of the rules about one window. Rules ask about places from left to right.
#[derive(Default)]
pub(crate) struct Memo {
    /// What secret access keys are made of.
    pub(crate) secret: Stretch,
}

/// How far bytes of one kind go on.
#[derive(Default)]
pub(crate) struct Stretch {
    start: usize,
    end: usize,
}

impl Stretch {
    /// How many bytes from `at` on belong, up to `most`.
    pub(crate) fn length(&mut self, bytes: &[u8], at: usize, most: usize, belongs: fn(u8) -> bool) -> usize {
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
