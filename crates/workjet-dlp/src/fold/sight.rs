//! Both views of a text, merged.

use super::encoded::Encoded;
use super::plain::find;
use super::twice::Twice;
use super::view::{Found, Search, Seen, View};
use crate::Action;
use crate::custom::Scratch;
use crate::run::Run;
use crate::search::{Hit, Rules, Step, Window};

/// Finds what [`Rules::next`] finds in either view. One for each text or stream.
#[derive(Default)]
pub(crate) struct Sight {
    /// The folded view, while there is something to fold nearby.
    view: Option<Box<View>>,
    /// The last one, for its memory.
    spare: Option<Box<View>>,
    /// Nothing before this place differs, but for what the view has seen.
    clear: usize,
    /// What the text as it is has next.
    raw: Option<Step>,
    /// The last step was a match.
    accepted: bool,
    open: Option<Twice>,
    looks_into_base64: bool,
    /// What is found within base64, last first.
    encoded: Vec<Encoded>,
    /// What the views have next, when something within base64 comes first.
    waiting: Option<Step>,
}

/// How far a match has come.
pub(crate) enum Course {
    EndsAt(usize),
    /// It may go on after this place.
    GoesOnFrom(usize),
}

impl Sight {
    /// For a text that is all there: its base64 may be looked into as well.
    pub(crate) fn whole() -> Self {
        Self {
            looks_into_base64: true,
            ..Self::default()
        }
    }

    /// To be called when there are more bytes than before, or others.
    pub(crate) fn look_again(&mut self) {
        self.raw = None;
    }

    /// Says that the window begins so many bytes later from now on.
    pub(crate) fn shift(&mut self, count: usize) {
        self.raw = None;
        self.clear = self.clear.saturating_sub(count);
        if let Some(view) = &mut self.view {
            view.shift(count);
        }
        if let Some(open) = &mut self.open {
            open.raw_at = open.raw_at.saturating_sub(count);
            open.end = open.end.saturating_sub(count);
        }
    }

    /// Finds the first match that begins at or after `from`, in either view: the leftmost one; of two at one place that of the
    /// earlier rule; of two by one rule the longer.
    pub(crate) fn next(
        &mut self,
        rules: &Rules,
        window: &Window<'_>,
        from: usize,
        actions: &[Action],
        scratch: &mut Scratch,
    ) -> Step {
        if self.sees_nothing_else(rules, window) {
            let step = rules.next(window, from, actions, scratch);
            self.accepted = matches!(step, Step::Found { .. });
            if let Step::Undecided(at) = step {
                self.raw = Some(Step::Undecided(at));
            }
            return step;
        }
        if std::mem::take(&mut self.looks_into_base64) && rules.decodes() {
            self.encoded = super::encoded::find(rules, window.bytes, from, actions);
            self.encoded.reverse();
        }
        while self.encoded.last().is_some_and(|encoded| encoded.start < from) {
            self.encoded.pop();
        }
        let waiting = self.waiting.take().filter(|step| place(step) >= from);
        let step = waiting.unwrap_or_else(|| self.next_in_views(rules, window, from, actions, scratch));
        let Some(encoded) = self.encoded.pop_if(|encoded| encoded.start < place(&step)) else {
            return step;
        };
        self.waiting = Some(step);
        Step::Found {
            start: encoded.start,
            rule: encoded.rule,
            hit: encoded.hit,
        }
    }

    /// Whether the text stands for itself as far as it goes, and nothing waits: then there is one view, as in most texts.
    fn sees_nothing_else(&self, rules: &Rules, window: &Window<'_>) -> bool {
        let decoded = !rules.decodes() || (!self.looks_into_base64 && self.encoded.is_empty());
        let same = self.view.is_none() && self.clear == window.bytes.len();
        decoded && same && rules.folds() && self.raw.is_none() && self.waiting.is_none()
    }

    fn next_in_views(
        &mut self,
        rules: &Rules,
        window: &Window<'_>,
        from: usize,
        actions: &[Action],
        scratch: &mut Scratch,
    ) -> Step {
        if !rules.folds() {
            return rules.next(window, from, actions, scratch);
        }
        let accepted = std::mem::take(&mut self.accepted);
        let raw = self.next_raw(rules, window, from, actions, scratch, accepted);
        let search = Search {
            rules,
            actions,
            window,
            from,
            limit: place(&raw),
            accepted,
        };
        let step = match self.next_folded(&search, scratch) {
            Seen::Nothing | Seen::Over => self.only_raw(raw),
            Seen::Undecided(at) => {
                self.raw = Some(raw);
                Step::Undecided(at)
            }
            Seen::Found(found) => self.merge(raw, found),
        };
        self.accepted = matches!(step, Step::Found { .. });
        step
    }

    fn next_raw(
        &mut self,
        rules: &Rules,
        window: &Window<'_>,
        from: usize,
        actions: &[Action],
        scratch: &mut Scratch,
        accepted: bool,
    ) -> Step {
        if let Some(step) = self.raw.take().filter(|step| place(step) >= from) {
            if !(accepted && rules.is_within_placeholder(window, from)) {
                return step;
            }
            // What was stepped over as a placeholder has lost its beginning to a match.
            scratch.forget_text();
        }
        rules.next(window, from, actions, scratch)
    }

    fn next_folded(&mut self, search: &Search<'_>, scratch: &Scratch) -> Seen {
        if let Some(ahead) = &scratch.ahead {
            // The gate has been there.
            self.clear = ahead.plain_until(self.clear);
        }
        loop {
            if let Some(view) = &mut self.view {
                match view.next(search, &mut self.clear) {
                    Seen::Over => self.spare = self.view.take(),
                    seen => return seen,
                }
            }
            let Some(difference) = self.difference(search.window) else {
                return Seen::Nothing;
            };
            let reach = search.rules.reach();
            if difference > search.limit + reach {
                return Seen::Nothing;
            }
            let from = search.from.max(difference.saturating_sub(reach));
            self.open_view(search.window, from, difference);
        }
    }

    /// The first place that the view has not seen where the text is not what it stands for, or may not be.
    fn difference(&mut self, window: &Window<'_>) -> Option<usize> {
        let difference = find(window.bytes, self.clear, window.last);
        self.clear = difference.unwrap_or(window.bytes.len());
        difference
    }

    fn open_view(&mut self, window: &Window<'_>, from: usize, difference: usize) -> &mut View {
        let mut view = self.spare.take().unwrap_or_default();
        view.open(window, from, difference);
        self.view.insert(view)
    }

    fn only_raw(&mut self, raw: Step) -> Step {
        match raw {
            Step::Found { start, rule, mut hit } => {
                if let (Some(run), Some(_)) = (&hit.run, &self.view) {
                    self.open = Some(Twice {
                        raw: Some(run.clone()),
                        raw_at: hit.end,
                        folded: None,
                        folded_at: 0,
                        end: hit.end,
                    });
                    hit.run = Some(Run::Twice);
                }
                Step::Found { start, rule, hit }
            }
            Step::Undecided(at) => {
                self.raw = Some(Step::Undecided(at));
                Step::Undecided(at)
            }
        }
    }

    fn only_folded(&mut self, found: Found) -> Step {
        let Found {
            start,
            end,
            rule,
            mut hit,
        } = found;
        if let Some(run) = hit.run.take() {
            self.open = Some(Twice {
                raw: None,
                raw_at: end,
                folded: Some(run),
                folded_at: hit.end,
                end,
            });
            hit.run = Some(Run::Twice);
        }
        let hit = Hit { end, ..hit };
        Step::Found { start, rule, hit }
    }

    fn merge(&mut self, raw: Step, found: Found) -> Step {
        let (raw_start, raw_rule, raw_hit) = match raw {
            Step::Undecided(at) => {
                self.raw = Some(Step::Undecided(at));
                if found.start < at {
                    return self.only_folded(found);
                }
                self.keep(found);
                return Step::Undecided(at);
            }
            Step::Found { start, rule, hit } => (start, rule, hit),
        };
        if (found.start, found.rule) < (raw_start, raw_rule) {
            self.raw = Some(Step::Found {
                start: raw_start,
                rule: raw_rule,
                hit: raw_hit,
            });
            return self.only_folded(found);
        }
        if found.start > raw_start || found.rule > raw_rule {
            return self.only_raw(Step::Found {
                start: raw_start,
                rule: raw_rule,
                hit: raw_hit,
            });
        }
        // The same rule at one place: all that either has.
        let (raw_at, folded_at, end) = (raw_hit.end, found.hit.end, raw_hit.end.max(found.end));
        let (mut hit, mut other) = if found.end > raw_hit.end {
            (found.hit, raw_hit)
        } else {
            (raw_hit, found.hit)
        };
        hit.end = end;
        if hit.run.is_some() || other.run.is_some() {
            let runs = (hit.run.replace(Run::Twice), other.run.take());
            let (raw, folded) = if found.end > raw_at {
                (runs.1, runs.0)
            } else {
                runs
            };
            self.open = Some(Twice {
                raw,
                raw_at,
                folded,
                folded_at,
                end,
            });
        }
        Step::Found {
            start: raw_start,
            rule: raw_rule,
            hit,
        }
    }

    /// Keeps a match for later that the view has found.
    fn keep(&mut self, found: Found) {
        if let Some(view) = &mut self.view {
            view.keep(found);
        }
    }

    /// How far a match goes on that has come to `at`.
    pub(crate) fn go_on(&mut self, run: &mut Run, rules: &Rules, window: &Window<'_>, at: usize) -> Course {
        if !matches!(run, Run::Twice) {
            // Up to the first difference both views are one.
            let difference = rules.folds().then(|| self.difference(window)).flatten();
            let until = difference.map_or(window.bytes.len(), |difference| difference.max(at));
            match (run.advance(&window.bytes[at..until]), difference) {
                (Some(length), _) => return Course::EndsAt(at + length),
                (None, None) => return Course::GoesOnFrom(until),
                (None, Some(difference)) => {
                    let begins = self.open_view(window, until, difference);
                    let folded_at = begins.place_of(window, rules, until);
                    self.open = Some(Twice {
                        raw: Some(run.clone()),
                        raw_at: until,
                        folded: Some(run.clone()),
                        folded_at,
                        end: until,
                    });
                    *run = Run::Twice;
                }
            }
        }
        let Some(mut open) = self.open.take() else {
            return Course::EndsAt(at);
        };
        open.go_on(self.view.as_deref_mut(), rules, window);
        if open.raw.is_none() && open.folded.is_none() {
            return Course::EndsAt(open.end);
        }
        let end = open.end;
        self.open = Some(open);
        Course::GoesOnFrom(end)
    }
}

fn place(step: &Step) -> usize {
    match step {
        Step::Found { start, .. } => *start,
        Step::Undecided(at) => *at,
    }
}
