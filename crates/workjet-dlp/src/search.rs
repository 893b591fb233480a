//! The one loop that decides what is found, for whole texts and streams alike.
//!
//! A rule is an anchored verifier: asked about one position it answers *no*, *match*, or *it depends on bytes that have
//! not arrived*. [`Rules::next`] asks the rules in order of precedence at every position, so that the leftmost start wins
//! and, at one start, the earlier rule. A whole text and a stream differ only in [`Window::last`]: with it set, no rule
//! ever waits. That makes a stream equal to its whole by construction.

mod starts;
mod window;

use crate::allow::Allowed;
use crate::custom::{Custom, Scratch};
use crate::finding::Confidence;
use crate::gate::sieve::ByteSet;
use crate::gate::{self, Anchor, Gate};
use crate::placeholder::{Placeholder, Placeholders};
use crate::rules::{BUILT_IN, BuiltIn, begins_number};
use crate::run::Run;
use crate::{Action, Detector, Preset};

use self::starts::{Start, Starts};
pub(crate) use self::window::{LOOK_BEHIND, Peek, Window};

/// A rule's answer about one position.
pub(crate) enum Verdict {
    No,
    /// The bytes so far are the beginning of the rule's shape; what follows decides.
    More,
    Match(Hit),
}

/// A match that nothing later can undo.
pub(crate) struct Hit {
    pub(crate) end: usize,
    pub(crate) subtype: Option<&'static str>,
    pub(crate) confidence: Confidence,
    /// For rules without a longest match: what else belongs to it, byte by byte from `end` on.
    pub(crate) run: Option<Run>,
    /// The operator knows it to be harmless.
    pub(crate) allowed: bool,
}

impl Hit {
    pub(crate) fn new(end: usize, confidence: Confidence) -> Self {
        Self {
            end,
            subtype: None,
            confidence,
            run: None,
            allowed: false,
        }
    }

    pub(crate) fn subtype(mut self, subtype: &'static str) -> Self {
        self.subtype = Some(subtype);
        self
    }

    pub(crate) fn run(mut self, run: Run) -> Self {
        self.run = Some(run);
        self
    }
}

impl From<Hit> for Verdict {
    fn from(hit: Hit) -> Self {
        Self::Match(hit)
    }
}

/// What the loop came to.
pub(crate) enum Step {
    /// `rule` matches at `start`, and nothing before it does.
    Found { start: usize, rule: usize, hit: Hit },
    /// Nothing starts before this position; what starts here is not yet known. The end of the bytes at the latest.
    Undecided(usize),
}

/// What the rules say about one place.
pub(crate) enum Here {
    Nothing,
    /// A placeholder, up to there.
    SkipTo(usize),
    Step(Step),
}

/// All rules of an engine, in order of precedence.
pub(crate) struct Rules {
    rules: Vec<Rule>,
    starts: Starts,
    gate: Gate,
    placeholders: Placeholders,
    allowed: Allowed,
    longest: usize,
    folds: bool,
    decodes: bool,
}

/// Bytes for which it is worth while to look ahead.
const WORTH_A_LOOK: usize = 64;

pub(crate) struct Rule {
    pub(crate) detector: Detector,
    pub(crate) placeholder: Box<str>,
    anchor: Anchor,
    kind: Kind,
}

enum Kind {
    BuiltIn(&'static BuiltIn),
    Custom(Box<Custom>),
}

impl Rules {
    /// Puts the rules in their order: built-in ones, custom patterns in the order given, then the built-in catch-alls.
    pub(crate) fn new(presets: &[Preset], customs: Vec<(Detector, Custom)>, allowed: Allowed) -> Self {
        let built_in = BUILT_IN.iter().filter(|rule| presets.contains(&rule.preset));
        let (catch_all, specific): (Vec<&BuiltIn>, Vec<_>) = built_in.partition(|rule| rule.catch_all);
        let kinds = specific
            .into_iter()
            .map(|rule| (rule.detector.clone(), Kind::BuiltIn(rule)))
            .chain(
                customs
                    .into_iter()
                    .enumerate()
                    .map(|(index, (detector, custom))| {
                        (detector, Kind::Custom(Box::new(custom.numbered(index))))
                    }),
            )
            .chain(
                catch_all
                    .into_iter()
                    .map(|rule| (rule.detector.clone(), Kind::BuiltIn(rule))),
            );
        let rules: Vec<Rule> = kinds
            .map(|(detector, kind)| Rule {
                placeholder: format!("[REDACTED:{detector}]").into(),
                detector,
                anchor: match &kind {
                    Kind::BuiltIn(rule) => rule.anchor,
                    Kind::Custom(_) => Anchor::Start,
                },
                kind,
            })
            .collect();
        let starts = Starts::new(&rules);
        // Rules of packs are asked wherever they can start.
        let shapes = rules.iter().filter_map(|rule| match &rule.kind {
            Kind::Custom(custom) => Some(custom.beginning()),
            Kind::BuiltIn(built_in) if built_in.anchor == Anchor::Start => {
                let start = ByteSet::that(built_in.starts);
                Some([start, ByteSet::ALL, ByteSet::ALL, ByteSet::ALL])
            }
            Kind::BuiltIn(_) => None,
        });
        let gate = Gate::new(presets.contains(&Preset::Standard), shapes);
        let placeholders = Placeholders::new(rules.iter().map(|rule| &rule.detector));
        let longest = rules
            .iter()
            .map(Rule::longest)
            .max()
            .unwrap_or(0)
            .max(placeholders.longest());
        Self {
            rules,
            starts,
            gate,
            placeholders,
            allowed,
            longest,
            folds: true,
            decodes: false,
        }
    }

    /// Decides whether matches are seen through disguises.
    pub(crate) fn folding(mut self, folds: bool) -> Self {
        self.folds = folds;
        self
    }

    /// Decides whether whole texts are searched within base64.
    pub(crate) fn decoding(mut self, decodes: bool) -> Self {
        self.decodes = decodes;
        self
    }

    /// Whether whole texts are searched within base64.
    pub(crate) fn decodes(&self) -> bool {
        self.decodes
    }

    /// Whether the [folded view](crate::fold) counts as well.
    pub(crate) fn folds(&self) -> bool {
        self.folds
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    pub(crate) fn get(&self, rule: usize) -> &Rule {
        &self.rules[rule]
    }

    #[cfg(any(test, feature = "json"))]
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The action for each rule, in order.
    pub(crate) fn actions(&self, of: impl Fn(&Detector) -> Action) -> Box<[Action]> {
        self.rules.iter().map(|rule| of(&rule.detector)).collect()
    }

    /// How far from its first byte on the answer of a rule can depend on what stands there.
    pub(crate) fn reach(&self) -> usize {
        self.longest + 8
    }

    /// The most bytes of the original that a folded match may take, and that can be undecided at once.
    pub(crate) fn longest_original(&self) -> usize {
        if self.folds {
            4 * self.longest
        } else {
            self.longest
        }
    }

    /// Whether a placeholder begins before this place and ends after it.
    pub(crate) fn is_within_placeholder(&self, window: &Window<'_>, at: usize) -> bool {
        let first = at.saturating_sub(self.placeholders.longest());
        (first..at).any(|place| {
            window.bytes[place] == b'['
                && match self.placeholders.at(&window.bytes[place..], window.last) {
                    Placeholder::Of(length) => place + length > at,
                    _ => false,
                }
        })
    }

    #[cfg(test)]
    pub(crate) fn placeholder_at(&self, bytes: &[u8], at: usize) -> Placeholder {
        self.placeholders.at(&bytes[at..], true)
    }

    /// The first place from `at` on where it may be worthwhile to ask the rules; `until` at the latest.
    pub(crate) fn skip(&self, window: &Window<'_>, at: usize, until: usize, scratch: &mut Scratch) -> usize {
        let judged = until.min(window.bytes.len().saturating_sub(gate::REACH));
        if judged <= at {
            return at;
        }
        let mut ahead = scratch.ahead.take().unwrap_or_default();
        let next = self.gate.next(&mut ahead, window, at, judged);
        scratch.ahead = Some(ahead);
        next.map_or(judged, |(place, _)| place)
    }

    /// Asks the rules at one place. With `settled`, what would depend on more bytes is no match.
    pub(crate) fn here(
        &self,
        window: &Window<'_>,
        at: usize,
        actions: &[Action],
        settled: bool,
        scratch: &mut Scratch,
    ) -> Here {
        if window.bytes[at] == b'[' {
            match self.placeholders.at(&window.bytes[at..], window.last) {
                Placeholder::Unknown if !settled => return Here::Step(Step::Undecided(at)),
                Placeholder::No | Placeholder::Unknown => {}
                Placeholder::Of(length) => return Here::SkipTo(at + length),
            }
        }
        let start = self.starts.at(window, at);
        self.ask(window, at, start, u8::MAX, actions, settled, scratch)
            .map_or(Here::Nothing, Here::Step)
    }

    /// Finds the first match that starts at or after `from`. `scratch` must have forgotten other texts, and within one window
    /// `from` never decreases.
    pub(crate) fn next(
        &self,
        window: &Window<'_>,
        from: usize,
        actions: &[Action],
        scratch: &mut Scratch,
    ) -> Step {
        match self.next_anchored(window, from, actions, scratch) {
            Ok(step) => step,
            Err(at) => self.next_anywhere(window, at, actions, scratch),
        }
    }

    /// Asks the rules where the gate says that it may be worthwhile. `Err` says from where on the gate does not judge.
    fn next_anchored(
        &self,
        window: &Window<'_>,
        from: usize,
        actions: &[Action],
        scratch: &mut Scratch,
    ) -> Result<Step, usize> {
        let until = if window.last {
            window.bytes.len()
        } else {
            window.bytes.len().saturating_sub(gate::REACH)
        };
        if until.saturating_sub(from) < WORTH_A_LOOK {
            return Err(from);
        }
        let mut ahead = scratch.ahead.take().unwrap_or_default();
        let mut at = from;
        let step = loop {
            let Some((place, mut anchors)) = self.gate.next(&mut ahead, window, at, until) else {
                break Err(at.max(until));
            };
            at = place;
            if anchors & Anchor::Digits as u8 != 0 && !begins_number(window, at, &mut scratch.memo) {
                anchors &= !(Anchor::Digits as u8);
                if anchors == 0 {
                    at += 1;
                    if at >= until {
                        break Err(at);
                    }
                    continue;
                }
            }
            if window.bytes[at] == b'[' {
                match self.placeholders.at(&window.bytes[at..], window.last) {
                    Placeholder::No => {}
                    Placeholder::Unknown => break Ok(Step::Undecided(at)),
                    Placeholder::Of(length) => {
                        at += length;
                        if at >= until {
                            break Err(at);
                        }
                        continue;
                    }
                }
            }
            let start = self.starts.at(window, at);
            if let Some(step) = self.ask(window, at, start, anchors, actions, false, scratch) {
                break Ok(step);
            }
            at += 1;
            if at >= until {
                break Err(at);
            }
        };
        scratch.ahead = Some(ahead);
        step
    }

    /// Asks the rules at every place: for the end of what has arrived, and for texts too short to look ahead in.
    fn next_anywhere(
        &self,
        window: &Window<'_>,
        from: usize,
        actions: &[Action],
        scratch: &mut Scratch,
    ) -> Step {
        let mut at = from;
        let mut state = self.starts.state_before(window, at);
        while let Some((place, start)) = self.starts.next(window.bytes, at, state) {
            at = place;
            if window.bytes[at] == b'[' {
                match self.placeholders.at(&window.bytes[at..], window.last) {
                    Placeholder::No => {}
                    Placeholder::Unknown => return Step::Undecided(at),
                    Placeholder::Of(length) => {
                        at += length;
                        state = self.starts.state_before(window, at);
                        continue;
                    }
                }
            }
            if let Some(step) = self.ask(window, at, start, u8::MAX, actions, false, scratch) {
                return step;
            }
            at += 1;
            state = start.state;
        }
        Step::Undecided(window.bytes.len())
    }

    /// Asks the rules that can start here and have one of these anchors.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the innermost loop")]
    fn ask(
        &self,
        window: &Window<'_>,
        at: usize,
        start: Start,
        anchors: u8,
        actions: &[Action],
        settled: bool,
        scratch: &mut Scratch,
    ) -> Option<Step> {
        for &(index, anchor) in self.starts.rules(start) {
            let index = usize::from(index);
            if anchor & anchors == 0 || actions[index] == Action::Off {
                continue;
            }
            let rule = &self.rules[index];
            match rule.verify(window, at, scratch) {
                Verdict::No => {}
                Verdict::More if settled => {}
                Verdict::More => return Some(Step::Undecided(at)),
                Verdict::Match(mut hit) => {
                    let value = &window.bytes[at..hit.end];
                    hit.allowed = self.allowed.has(&rule.detector, value, hit.run.is_some());
                    return Some(Step::Found {
                        start: at,
                        rule: index,
                        hit,
                    });
                }
            }
        }
        None
    }
}

impl Rule {
    pub(crate) fn finds(&self) -> &str {
        match &self.kind {
            Kind::BuiltIn(rule) => rule.finds,
            Kind::Custom(_) => "a custom pattern",
        }
    }

    pub(crate) fn can_start(&self, byte: u8) -> bool {
        match &self.kind {
            Kind::BuiltIn(rule) => (rule.starts)(byte),
            Kind::Custom(custom) => custom.can_start(byte),
        }
    }

    fn can_follow(&self, byte: u8) -> bool {
        match &self.kind {
            Kind::BuiltIn(rule) => (rule.follows)(byte),
            Kind::Custom(_) => true,
        }
    }

    #[cfg(test)]
    pub(crate) fn anchor(&self) -> Anchor {
        self.anchor
    }

    fn longest(&self) -> usize {
        match &self.kind {
            Kind::BuiltIn(rule) => rule.longest,
            Kind::Custom(custom) => custom.longest(),
        }
    }

    pub(crate) fn verify(&self, window: &Window<'_>, at: usize, scratch: &mut Scratch) -> Verdict {
        match &self.kind {
            Kind::BuiltIn(rule) => (rule.verify)(window, at, &mut scratch.memo),
            Kind::Custom(custom) => custom.verify(window, at, scratch),
        }
    }
}
