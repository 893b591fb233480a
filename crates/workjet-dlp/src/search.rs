//! The one loop that decides what is found, for whole texts and streams alike.
//!
//! A rule is an anchored verifier: asked about one position it answers *no*, *match*, or *it depends on bytes that have
//! not arrived*. [`Rules::next`] asks the rules in order of precedence at every position, so that the leftmost start wins
//! and, at one start, the earlier rule. A whole text and a stream differ only in [`Window::last`]: with it set, no rule
//! ever waits. That makes a stream equal to its whole by construction.

use crate::allow::Allowed;
use crate::custom::{Custom, Scratch};
use crate::finding::Confidence;
use crate::gate::sieve::ByteSet;
use crate::gate::{self, Anchor, Gate};
use crate::placeholder::{Placeholder, Placeholders};
use crate::rules::{BUILT_IN, BuiltIn, begins_number};
use crate::run::Run;
use crate::{Action, Detector, Preset};

/// Bytes before a position that a rule may read. Streams keep as many of what they have already released.
pub(crate) const LOOK_BEHIND: usize = 256;

/// The part of a text that can be seen at the moment.
#[derive(Clone, Copy)]
pub(crate) struct Window<'t> {
    pub(crate) bytes: &'t [u8],
    /// Where the text itself begins; a JSON key may stand before it, for rules that look behind.
    pub(crate) origin: usize,
    /// Whether the text ends where `bytes` end.
    pub(crate) last: bool,
}

/// The character after a position.
pub(crate) enum Peek {
    Char(char),
    /// The end of the text, or a byte that is not UTF-8: a boundary.
    Edge,
    /// It has not arrived.
    Unknown,
}

impl<'t> Window<'t> {
    pub(crate) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// At most [`LOOK_BEHIND`] bytes that end at `at`.
    pub(crate) fn behind(&self, at: usize) -> &'t [u8] {
        &self.bytes[at.saturating_sub(LOOK_BEHIND)..at]
    }

    pub(crate) fn byte_before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).and_then(|before| self.byte(before))
    }

    /// Whether an ASCII letter or digit stands before `at`, unless it is that of an escape.
    pub(crate) fn follows_word(&self, at: usize) -> bool {
        self.byte_before(at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
            && !self.follows_escape(at)
    }

    /// Whether an escape such as `\n` ends at `at`. Tool results are often JSON in a text, and source code is quoted: what
    /// stands behind the escape begins a line, not the middle of a word.
    pub(crate) fn follows_escape(&self, at: usize) -> bool {
        matches!(self.byte_before(at), Some(b'n' | b't' | b'r')) && self.byte_before(at - 1) == Some(b'\\')
    }

    /// Whether the letter of such an escape stands at `at`.
    pub(crate) fn is_escape(&self, at: usize) -> bool {
        self.follows_escape(at + 1)
    }

    /// The character that ends at `at`; `None` at the start of the text and after a byte that is not UTF-8.
    pub(crate) fn char_before(&self, at: usize) -> Option<char> {
        let tail = &self.bytes[at.saturating_sub(4)..at];
        if let Some(last) = tail.last().filter(|last| last.is_ascii()) {
            return Some(char::from(*last));
        }
        let lead = tail.iter().rposition(|byte| !matches!(byte, 0x80..=0xBF))?;
        let mut chars = std::str::from_utf8(&tail[lead..]).ok()?.chars();
        let char = chars.next();
        if chars.next().is_some() { None } else { char }
    }

    pub(crate) fn peek(&self, at: usize) -> Peek {
        let rest = &self.bytes[at.min(self.bytes.len())..];
        let rest = &rest[..rest.len().min(4)];
        match rest.first() {
            None => self.end(),
            Some(byte) if byte.is_ascii() => Peek::Char(char::from(*byte)),
            Some(_) => match std::str::from_utf8(rest) {
                Ok(text) => text.chars().next().map_or(Peek::Edge, Peek::Char),
                Err(error) if error.valid_up_to() > 0 => std::str::from_utf8(&rest[..error.valid_up_to()])
                    .ok()
                    .and_then(|text| text.chars().next())
                    .map_or(Peek::Edge, Peek::Char),
                // `error_len` is absent when the bytes are the beginning of a character that is cut off.
                Err(error) if error.error_len().is_none() => self.end(),
                Err(_) => Peek::Edge,
            },
        }
    }

    fn end(&self) -> Peek {
        if self.last { Peek::Edge } else { Peek::Unknown }
    }

    /// What a rule answers when it ran out of bytes before it had its shape together.
    pub(crate) fn starved(&self) -> Verdict {
        if self.last { Verdict::No } else { Verdict::More }
    }
}

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
    Custom(Custom),
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
                    .map(|(detector, custom)| (detector, Kind::Custom(custom))),
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
        let state = self.starts.state_before(window, at);
        let start = self.starts.table[usize::from(state)][usize::from(window.bytes[at])];
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
            let state = self.starts.state_before(window, at);
            let start = self.starts.table[usize::from(state)][usize::from(window.bytes[at])];
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

/// Which rules to ask where: a table by the byte and the one before it. Most bytes begin nothing, and cost no more than the
/// look into the table.
struct Starts {
    /// By state and byte. A state stands for what came before: bytes after which the same rules can start share one.
    table: Vec<[Start; 256]>,
    /// Lists of rules and their anchors, each once. The first is empty.
    lists: Vec<Vec<(u16, u8)>>,
    /// The state after each byte.
    after: [u8; 256],
    after_escape: u8,
}

#[derive(Clone, Copy)]
struct Start {
    /// The state after this byte.
    state: u8,
    /// The rules that can start with it, as a place in `lists`; 0 if there is nothing to do.
    list: u16,
}

impl Starts {
    /// The state at the beginning of a text, where every rule can start.
    const BEGINNING: u8 = 0;
    const AFTER_BACKSLASH: u8 = 1;

    fn new(rules: &[Rule]) -> Self {
        let following = |byte: u8| -> Vec<bool> { rules.iter().map(|rule| rule.can_follow(byte)).collect() };
        let mut states = vec![vec![true; rules.len()], following(b'\\')];
        let mut state_of = |following: Vec<bool>| {
            let known = states.iter().skip(2).position(|state| *state == following);
            let state = known.map_or(states.len(), |known| known + 2);
            if known.is_none() {
                states.push(following);
            }
            state as u8
        };
        let mut after = [0; 256];
        for byte in 0..=u8::MAX {
            after[usize::from(byte)] = match byte {
                b'\\' => Self::AFTER_BACKSLASH,
                byte => state_of(following(byte)),
            };
        }
        // What follows `\n` follows an escape, not a letter.
        let after_escape = state_of(following(b'\\'));

        let mut lists = vec![Vec::new()];
        let table = (0..).zip(&states).map(|(state, can_follow)| {
            std::array::from_fn(|byte| {
                let byte = byte as u8;
                let starting: Vec<(u16, u8)> = (0..rules.len())
                    .filter(|rule| can_follow[*rule] && rules[*rule].can_start(byte))
                    .map(|rule| (rule as u16, rules[rule].anchor as u8))
                    .collect();
                // A bracket may begin a placeholder, so there is something to do even if no rule starts with it.
                let from = usize::from(byte == b'[');
                let known = lists.iter().skip(from).position(|list| *list == starting);
                let list = known.map_or(lists.len(), |known| known + from);
                if known.is_none() {
                    lists.push(starting);
                }
                let escape = state == Self::AFTER_BACKSLASH && matches!(byte, b'n' | b't' | b'r');
                Start {
                    state: if escape {
                        after_escape
                    } else {
                        after[usize::from(byte)]
                    },
                    list: list as u16,
                }
            })
        });
        Self {
            table: table.collect(),
            lists,
            after,
            after_escape,
        }
    }

    /// The state for what stands before `at`.
    fn state_before(&self, window: &Window<'_>, at: usize) -> u8 {
        match window.byte_before(at) {
            None => Self::BEGINNING,
            Some(b'n' | b't' | b'r') if window.byte_before(at - 1) == Some(b'\\') => self.after_escape,
            Some(byte) => self.after[usize::from(byte)],
        }
    }

    /// The first place from `at` on where there is something to do.
    fn next(&self, bytes: &[u8], at: usize, mut state: u8) -> Option<(usize, Start)> {
        let rest = bytes.get(at..)?;
        for (offset, byte) in rest.iter().enumerate() {
            let start = self.table[usize::from(state)][usize::from(*byte)];
            if start.list != 0 {
                return Some((at + offset, start));
            }
            state = start.state;
        }
        None
    }

    fn rules(&self, start: Start) -> &[(u16, u8)] {
        &self.lists[usize::from(start.list)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_around_a_position_are_decoded_and_broken_bytes_are_edges() {
        let window = Window {
            bytes: "aé€😀".as_bytes(),
            origin: 0,
            last: true,
        };
        assert_eq!(window.char_before(1), Some('a'));
        assert_eq!(window.char_before(3), Some('é'));
        assert_eq!(window.char_before(10), Some('😀'));
        assert!(matches!(window.peek(1), Peek::Char('é')));
        assert!(matches!(window.peek(10), Peek::Edge));
        let broken = Window {
            bytes: b"a\xFFb\xE2\x82",
            origin: 0,
            last: false,
        };
        assert!(matches!(broken.peek(1), Peek::Edge));
        assert_eq!(broken.char_before(2), None);
        assert!(
            matches!(broken.peek(3), Peek::Unknown),
            "the rest of the character may still arrive"
        );
        assert!(matches!(Window { last: true, ..broken }.peek(3), Peek::Edge));
    }
}
