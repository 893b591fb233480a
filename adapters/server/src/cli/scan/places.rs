//! Lines and columns in an input that is read in pieces.

/// How much of what was read is kept to look back into. Longer than any match that is not itself a file.
const KEPT_BYTES: usize = 1 << 20;

/// The end of what was read, and where its lines begin.
#[derive(Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    /// The offset of `bytes` in the input.
    base: usize,
    /// Up to here lines were counted.
    at: usize,
    /// Line ends before `at`.
    lines: usize,
    /// Where the line of `at` begins.
    line_start: usize,
}

impl Window {
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    pub(super) fn trim(&mut self) {
        if self.bytes.len() > 2 * KEPT_BYTES {
            let cut = self.bytes.len() - KEPT_BYTES;
            self.count_to(self.base + cut);
            self.bytes.drain(..cut);
            self.base += cut;
        }
    }

    fn count_to(&mut self, offset: usize) {
        let Some(passed) = self
            .bytes
            .get(self.at.saturating_sub(self.base)..offset.saturating_sub(self.base))
        else {
            return;
        };
        for newline in memchr::memchr_iter(b'\n', passed) {
            self.lines += 1;
            self.line_start = self.at + newline + 1;
        }
        self.at = self.at.max(offset);
    }

    /// The line and the byte in it, both from 1. Findings come in order, so counting never goes back.
    pub(super) fn locate(&mut self, offset: usize) -> (usize, usize) {
        self.count_to(offset);
        (self.lines + 1, offset.saturating_sub(self.line_start) + 1)
    }

    /// What is still at hand of `span`.
    pub(super) fn slice(&self, span: std::ops::Range<usize>) -> &[u8] {
        let end = span.end.saturating_sub(self.base).min(self.bytes.len());
        &self.bytes[span.start.saturating_sub(self.base).min(end)..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_right_across_pieces() {
        let mut window = Window::default();
        window.push(b"one\ntw");
        assert_eq!(window.locate(1), (1, 2));
        window.push(b"o\n\nfour");
        assert_eq!(window.locate(4), (2, 1));
        assert_eq!(window.locate(9), (4, 1));
        assert_eq!(window.slice(9..13), b"four");
    }

    #[test]
    fn places_are_right_after_the_window_moved() {
        let mut window = Window::default();
        for _ in 0..40_000 {
            window.push(b"sixty-three bytes of a line that says nothing of any interest..\n");
        }
        let whole = window.bytes.len();
        window.trim();
        assert_eq!(window.bytes.len(), KEPT_BYTES);
        window.push(b"ab cd");
        assert_eq!(window.locate(whole + 3), (40_001, 4));
        assert_eq!(window.slice(whole + 3..whole + 5), b"cd");
    }
}
