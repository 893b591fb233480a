//! Matches without a longest length, followed in both views.

use super::view::View;
use crate::run::Run;
use crate::search::{Rules, Window};

/// A match whose end has not been seen, in both views.
pub(super) struct Twice {
    pub(super) raw: Option<Run>,
    /// How far it has gone, in the original.
    pub(super) raw_at: usize,
    pub(super) folded: Option<Run>,
    /// How far it has gone, in the folded text.
    pub(super) folded_at: usize,
    /// The end of the match so far, in the original.
    pub(super) end: usize,
}

impl Twice {
    /// Takes all bytes that there are.
    pub(super) fn go_on(&mut self, view: Option<&mut View>, rules: &Rules, window: &Window<'_>) {
        if let Some(raw) = &mut self.raw {
            let rest = &window.bytes[self.raw_at..];
            let length = raw.advance(rest);
            self.raw_at += length.unwrap_or(rest.len());
            self.end = self.end.max(self.raw_at);
            if length.is_some() {
                self.raw = None;
            }
        }
        let Some(view) = view else {
            self.folded = None;
            return;
        };
        while let Some(folded) = &mut self.folded {
            let rest = &view.text.bytes[self.folded_at..];
            let length = folded.advance(rest);
            let taken = length.unwrap_or(rest.len());
            self.folded_at += taken;
            if taken > 0 {
                self.end = self.end.max(view.text.end_before(self.folded_at));
            }
            if length.is_some() {
                self.folded = None;
                break;
            }
            self.folded_at -= view.drop_what_is_behind(self.folded_at);
            if !view.feed(window, rules) {
                break;
            }
        }
        if self.raw.is_some() {
            // All that there is belongs to the match. The view must not fall behind, for what it has not folded is forgotten.
            while view.feed(window, rules) {
                view.drop_what_is_behind(view.text.bytes.len());
            }
        }
    }
}
