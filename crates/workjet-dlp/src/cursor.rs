//! How far a text has been decided, and what was found up to there.
//!
//! One loop for whole texts and for streams: it asks for the next match, lets pass what stands before, puts in the value's
//! place what the policy says, and goes on behind it.

use crate::custom::Scratch;
use crate::disguise::mask;
use crate::finding::utf16_len;
use crate::fold::{Course, Sight};
use crate::policy::Plan;
use crate::run::Run;
use crate::scanner::Flow;
use crate::search::{Hit, Rule, Rules, Step, Window};
use crate::sink::Sink;
use crate::{Action, Finding};

/// How far a text has been decided.
pub(crate) struct Cursor {
    /// The first byte of the window that is not decided.
    pub(crate) at: usize,
    /// Where the text begins in the window; what stands before is context.
    origin: usize,
    /// What to add to a place in the window for one in the text; below zero while context stands in the window.
    offset: isize,
    /// `counted`, in UTF-16 units of the text.
    utf16: usize,
    /// How far UTF-16 units have been counted: few texts need it.
    counted: usize,
    open: Option<Open>,
    sight: Sight,
    pub(crate) findings: Vec<Finding>,
    pub(crate) blocked: Option<Finding>,
}

/// A match that was accepted and whose end has not been seen.
struct Open {
    run: Run,
    finding: Finding,
}

impl Cursor {
    pub(crate) fn new(origin: usize) -> Self {
        let offset = -(origin as isize);
        Self {
            at: origin,
            origin,
            offset,
            utf16: 0,
            counted: origin,
            open: None,
            sight: Sight::whole(),
            findings: Vec::new(),
            blocked: None,
        }
    }

    /// For a text that comes in pieces.
    pub(crate) fn streaming(mut self) -> Self {
        self.sight = Sight::default();
        self
    }

    /// Decides what can be decided. `last` says that no more text follows.
    pub(crate) fn drive(
        &mut self,
        rules: &Rules,
        plan: &Plan,
        bytes: &[u8],
        last: bool,
        scratch: &mut Scratch,
        out: &mut dyn Sink,
    ) -> Flow {
        let window = Window {
            bytes,
            origin: self.origin,
            last,
        };
        scratch.forget_text();
        self.sight.look_again();
        loop {
            if let Some(mut open) = self.open.take() {
                let (end, goes_on) = match self.sight.go_on(&mut open.run, rules, &window, self.at) {
                    Course::EndsAt(end) => (end, false),
                    Course::GoesOnFrom(end) => (end, !last),
                };
                self.accept(bytes, end, open.finding.action, out);
                open.finding.span.end = self.place(self.at);
                open.finding.utf16_span.end = self.count(bytes, self.at);
                if goes_on {
                    self.open = Some(open);
                    return Flow::Continue;
                }
                self.report(open.finding);
            }
            match self.sight.next(rules, &window, self.at, &plan.actions, scratch) {
                Step::Undecided(until) => {
                    self.accept(bytes, until, Action::Warn, out);
                    return Flow::Continue;
                }
                Step::Found { start, rule, hit } => {
                    self.accept(bytes, start, Action::Warn, out);
                    // What is allowed passes as if its detector were off.
                    let action = if hit.allowed {
                        Action::Off
                    } else {
                        plan.actions[rule]
                    };
                    let rule = rules.get(rule);
                    let action = replace(rule, action, &hit, &bytes[start..hit.end], plan, out);
                    let finding = self.finding(rule, action, &hit, bytes);
                    if action == Action::Block {
                        self.findings.push(finding.clone());
                        self.blocked = Some(finding.clone());
                        return Flow::Blocked(finding);
                    }
                    self.accept(bytes, hit.end, action, out);
                    match hit.run {
                        Some(run) => self.open = Some(Open { run, finding }),
                        None => self.report(finding),
                    }
                }
            }
        }
    }

    fn report(&mut self, finding: Finding) {
        if finding.action != Action::Off {
            self.findings.push(finding);
        }
    }

    /// Moves on to `until`. The text passes, unless `action` has put something else in its place.
    fn accept(&mut self, bytes: &[u8], until: usize, action: Action, out: &mut dyn Sink) {
        let text = &bytes[self.at..until];
        if action.changes_text() {
            out.hide(text);
        } else if !text.is_empty() {
            out.pass(text);
        }
        self.at = until;
    }

    /// The UTF-16 units before `at`.
    fn count(&mut self, bytes: &[u8], at: usize) -> usize {
        self.utf16 += utf16_len(&bytes[self.counted..at]);
        self.counted = at;
        self.utf16
    }

    /// The finding for a match that starts at the cursor.
    fn finding(&mut self, rule: &Rule, action: Action, hit: &Hit, bytes: &[u8]) -> Finding {
        let utf16_start = self.count(bytes, self.at);
        let utf16_end = self.count(bytes, hit.end);
        Finding {
            detector: rule.detector.clone(),
            subtype: hit.subtype,
            span: self.place(self.at)..self.place(hit.end),
            utf16_span: utf16_start..utf16_end,
            path: None,
            action,
            confidence: hit.confidence,
        }
    }

    /// A place in the window as one in the text.
    fn place(&self, at: usize) -> usize {
        at.saturating_add_signed(self.offset)
    }

    /// Says that the window is about to lose its first `count` bytes.
    pub(crate) fn forget(&mut self, bytes: &[u8], count: usize) {
        if self.counted < count {
            self.count(bytes, count);
        }
        self.sight.shift(count);
        self.counted -= count;
        self.at -= count;
        self.origin = self.origin.saturating_sub(count);
        self.offset += count as isize;
    }
}

/// Puts in the value's place what `action` asks for, and returns what was really done.
fn replace(rule: &Rule, action: Action, hit: &Hit, value: &[u8], plan: &Plan, out: &mut dyn Sink) -> Action {
    // Of a match with a run the beginning alone is there.
    let whole = hit.run.is_none();
    match (action, &plan.hash_key) {
        (Action::Block | Action::Warn | Action::Off, _) => return action,
        (Action::Mask, _) if whole => {
            out.placeholder(&mask(value));
            return action;
        }
        (Action::Hash, Some(key)) if whole => {
            out.placeholder(&key.hash(&rule.detector, value));
            return action;
        }
        (Action::Tokenize, _) if whole && out.token(&rule.detector, value) => return action,
        _ => {}
    }
    out.placeholder(&rule.placeholder);
    Action::Redact
}
