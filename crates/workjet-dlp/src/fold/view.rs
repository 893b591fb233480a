//! The folded view: as much of the folded text as is needed around what differs, searched with the engine's own loop.

use super::plain::find;
use super::text::Folded;
use crate::Action;
use crate::custom::Scratch;
use crate::search::{Here, Hit, LOOK_BEHIND, Rules, Step, Window};

/// Folded bytes kept before the next place to ask about: what rules look at behind it, and a little.
pub(super) const BEHIND: usize = LOOK_BEHIND + 16;

/// Bytes of the original that are folded in one go.
const BLOCK: usize = 4096;

/// Where the next difference is no further away than this, the view goes on to it instead of being made anew there.
const NEAR: usize = 1024;

/// The folded text from some place of the window on.
#[derive(Default)]
pub(super) struct View {
    pub(super) text: Folded,
    /// Where the text itself begins, after its context.
    origin: usize,
    /// In the original: before this place the view knows too little of what stands behind.
    begin: usize,
    /// Nothing undecided begins before this folded byte.
    at: usize,
    scratch: Scratch,
    /// A match that begins at `at`, which waits until the other view has nothing before it.
    found: Option<Found>,
    /// From places before this folded byte the longest match may take more of the original than it is allowed to.
    stretched_to: usize,
}

/// A match in the folded view.
pub(super) struct Found {
    /// In the original.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) rule: usize,
    /// Its `end` is a folded one.
    pub(super) hit: Hit,
}

/// What the view knows about matches that begin up to some place of the original.
pub(super) enum Seen {
    /// There are none.
    Nothing,
    Found(Found),
    /// There are none before this place of the original.
    Undecided(usize),
    /// There are none, and from here on both views are one.
    Over,
}

/// What a search is about.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) rules: &'a Rules,
    pub(super) actions: &'a [Action],
    pub(super) window: &'a Window<'a>,
    /// Nothing undecided begins before this place of the original…
    pub(super) from: usize,
    /// …and matches that begin after this one are of no interest yet.
    pub(super) limit: usize,
    /// Whether `from` is the end of a match.
    pub(super) accepted: bool,
}

impl View {
    /// Begins anew, with matches to be found from `from` on; the first difference stands at `difference`.
    pub(super) fn open(&mut self, window: &Window<'_>, from: usize, difference: usize) {
        let start = from.saturating_sub(BEHIND).min(difference);
        self.text.begin(start);
        self.scratch.forget_text();
        (self.origin, self.begin, self.at) = (0, from, 0);
        (self.stretched_to, self.found) = (0, None);
        if start < window.origin {
            self.text.take(&window.bytes[start..window.origin], true);
            self.origin = self.text.bytes.len();
        }
    }

    /// Looks for the first match that begins from `from` on and up to `limit`. `clear` says, and is told, how far nothing is known
    /// to differ.
    pub(super) fn next(&mut self, search: &Search<'_>, clear: &mut usize) -> Seen {
        let Search {
            rules,
            window,
            from,
            limit,
            ..
        } = *search;
        self.go_to(search);
        if let Some(found) = self.found.take_if(|found| found.start <= limit) {
            return Seen::Found(found);
        }
        if self.found.is_some() {
            return Seen::Nothing;
        }
        loop {
            let here = self.text.start_of(self.at).max(from);
            if here > limit {
                return Seen::Nothing;
            }
            self.drop_what_is_behind(self.at);
            match self.step(search) {
                Step::Found { start, rule, hit } => {
                    self.at = start;
                    let found = Found {
                        start: self.text.start_of(start),
                        end: self.text.end_before(hit.end),
                        rule,
                        hit,
                    };
                    if found.start <= limit {
                        return Seen::Found(found);
                    }
                    self.found = Some(found);
                    return Seen::Nothing;
                }
                Step::Undecided(place) => self.at = place,
            }
            let here = self.text.start_of(self.at).max(from);
            if here > limit {
                return Seen::Nothing;
            }
            let taken = self.text.taken();
            if self.is_beyond_differences() {
                match find(window.bytes, taken.max(*clear), window.last) {
                    None => *clear = window.bytes.len(),
                    Some(next) => *clear = next,
                }
                if *clear == window.bytes.len() || *clear > taken + NEAR {
                    return Seen::Over;
                }
            }
            if self.feed(window, rules) {
                continue;
            }
            if window.last {
                return Seen::Nothing;
            }
            if window.bytes.len() - self.text.start_of(self.at) <= rules.longest_original() {
                return Seen::Undecided(here);
            }
            // What has not arrived comes too late for a match that begins here.
            self.stretched_to = self.stretched_to.max(self.at + 1);
        }
    }

    /// Goes on after a match that was accepted, or to what is undecided.
    fn go_to(&mut self, search: &Search<'_>) {
        let place = self.place_of(search.window, search.rules, search.from.max(self.begin));
        let back = search.accepted
            && place < self.at
            && search
                .rules
                .is_within_placeholder(&shown(&self.text, self.origin, search.window), place);
        if back {
            // What was stepped over as a placeholder has lost its beginning to a match.
            self.scratch.forget_text();
        }
        if back || place > self.at {
            self.at = place;
            self.found = None;
        }
    }

    /// The first folded byte that begins at or after a place of the original; nothing before it is of interest any more.
    pub(super) fn place_of(&mut self, window: &Window<'_>, rules: &Rules, original: usize) -> usize {
        while self.text.taken() < original {
            self.drop_what_is_behind(self.text.bytes.len());
            if !self.feed(window, rules) {
                break;
            }
        }
        self.text.place_of(original)
    }

    /// Keeps a match for later that was found at the place that the view has come to.
    pub(super) fn keep(&mut self, found: Found) {
        self.found = Some(found);
    }

    /// Asks the rules about the folded text as far as there is any.
    fn step(&mut self, search: &Search<'_>) -> Step {
        let Search {
            rules,
            actions,
            window,
            limit,
            ..
        } = *search;
        while self.at < self.stretched_to {
            let whole = shown(&self.text, self.origin, window);
            self.at = rules.skip(&whole, self.at, self.stretched_to, &mut self.scratch);
            if self.at >= self.stretched_to {
                break;
            }
            // Streams hold back no more than this, so whole texts must not look further either.
            let start = self.text.start_of(self.at);
            let most = start + rules.longest_original();
            while self.text.taken() < most.min(window.bytes.len()) && self.feed(window, rules) {}
            let goes_on = window.bytes.len() > most;
            let mut view = shown(&self.text, self.origin, window);
            if goes_on {
                let count = self.text.count_within(most).max(self.at);
                (view.bytes, view.last) = (&view.bytes[..count], false);
            }
            if view.bytes.len() <= self.at || start > limit {
                return Step::Undecided(self.at);
            }
            match rules.here(&view, self.at, actions, goes_on, &mut self.scratch) {
                Here::Nothing => self.at += 1,
                Here::SkipTo(place) => self.at = place,
                Here::Step(step) => return step,
            }
        }
        let window = shown(&self.text, self.origin, window);
        rules.next(&window, self.at, actions, &mut self.scratch)
    }

    /// Whether nothing that rules look at from here on differs, as far as is folded.
    fn is_beyond_differences(&self) -> bool {
        self.text
            .last_edit()
            .is_none_or(|(folded, _)| self.at >= folded + BEHIND)
    }

    /// Folds more. `false` if there is no more, or what follows is cut off.
    pub(super) fn feed(&mut self, window: &Window<'_>, rules: &Rules) -> bool {
        let from = self.text.taken();
        let rest = &window.bytes[from..];
        let (text, last) = match rest.get(..BLOCK) {
            Some(block) if block.len() < rest.len() => (block, false),
            _ => (rest, window.last),
        };
        let edits = self.text.edits();
        self.text.take(text, last);
        let stretched = self
            .text
            .stretched_to(edits, rules.reach(), rules.longest_original());
        self.stretched_to = self.stretched_to.max(stretched.unwrap_or(0));
        self.scratch.forget_text();
        self.text.taken() > from
    }

    /// Drops what no rule looks at any more, once it is worth the while, and returns how much.
    pub(super) fn drop_what_is_behind(&mut self, place: usize) -> usize {
        let count = place.saturating_sub(BEHIND);
        if count < BLOCK {
            return 0;
        }
        self.text.drop_front(count);
        self.scratch.forget_text();
        self.at = self.at.saturating_sub(count);
        self.origin = self.origin.saturating_sub(count);
        self.stretched_to = self.stretched_to.saturating_sub(count);
        self.found = None;
        count
    }

    /// Says that the window begins so many bytes later from now on.
    pub(super) fn shift(&mut self, count: usize) {
        self.text.shift(count);
        self.begin = self.begin.saturating_sub(count);
        if let Some(found) = &mut self.found {
            found.start = found.start.saturating_sub(count);
            found.end = found.end.saturating_sub(count);
        }
    }
}

/// What rules are shown of the folded text.
fn shown<'v>(text: &'v Folded, origin: usize, window: &Window<'_>) -> Window<'v> {
    Window {
        bytes: &text.bytes,
        origin,
        last: window.last && text.taken() == window.bytes.len(),
    }
}
