//! Searches that change nothing.

use std::fmt;
use std::sync::Arc;

use crate::custom::Scratch;
use crate::engine::Inner;
use crate::finding::Utf16;
use crate::fold::{Course, Sight};
use crate::search::{Step, Window};
use crate::{Action, Finding};

/// Findings from left to right. See [`Engine::find_iter`](crate::Engine::find_iter).
pub struct FindIter<'t> {
    engine: Arc<Inner>,
    bytes: &'t [u8],
    at: usize,
    utf16: Utf16,
    scratch: Scratch,
    sight: Sight,
}

impl<'t> FindIter<'t> {
    pub(crate) fn new(engine: Arc<Inner>, bytes: &'t [u8]) -> Self {
        Self {
            engine,
            bytes,
            at: 0,
            utf16: Utf16::default(),
            scratch: Scratch::default(),
            sight: Sight::whole(),
        }
    }
}

impl Iterator for FindIter<'_> {
    type Item = Finding;

    fn next(&mut self) -> Option<Finding> {
        let window = Window {
            bytes: self.bytes,
            origin: 0,
            last: true,
        };
        loop {
            let rules = &self.engine.rules;
            let step = self
                .sight
                .next(rules, &window, self.at, &self.engine.report, &mut self.scratch);
            let Step::Found { start, rule, mut hit } = step else {
                self.at = self.bytes.len();
                return None;
            };
            let course = hit
                .run
                .as_mut()
                .map(|run| self.sight.go_on(run, rules, &window, hit.end));
            let end = match course {
                None => hit.end,
                Some(Course::EndsAt(end) | Course::GoesOnFrom(end)) => end,
            };
            let utf16_start = self.utf16.before(self.bytes, start);
            let utf16_end = self.utf16.before(self.bytes, end);
            self.at = end;
            if hit.allowed {
                continue;
            }
            return Some(Finding {
                detector: self.engine.rules.get(rule).detector.clone(),
                subtype: hit.subtype,
                span: start..end,
                utf16_span: utf16_start..utf16_end,
                path: None,
                action: Action::Warn,
                confidence: hit.confidence,
            });
        }
    }
}

impl std::iter::FusedIterator for FindIter<'_> {}

impl fmt::Debug for FindIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FindIter")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
