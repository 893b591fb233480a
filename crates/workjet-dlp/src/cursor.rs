//! How far a text has been decided, and what was found up to there.
//!
//! One loop for whole texts and for streams: it asks for the next match, lets pass what stands before, puts in the value's
//! place what the policy says, and goes on behind it.

use crate::custom::Scratch;
use crate::disguise::mask;
use crate::finding::Utf16;
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
    utf16: Utf16,
    open: Option<Open>,
    sight: Sight,
    pub(crate) findings: Vec<Finding>,
    pub(crate) blocked: Option<Finding>,
}

/// A match that was accepted and whose end has not been seen.
struct Open {
    run: Run,
    finding: Finding,
    /// How far it has been followed.
    to: usize,
    /// The rule, while nothing has taken the match's place yet: what will depends on all of it.
    waiting: Option<usize>,
}

/// Bytes of a match without a longest length for which a stream waits if all of it is to be masked or hashed. Nearly all tokens
/// are shorter, and the longest of the built-in rules waits for as many.
pub(crate) const WAITS_FOR: usize = 320;

impl Cursor {
    pub(crate) fn new(origin: usize) -> Self {
        let offset = -(origin as isize);
        Self {
            at: origin,
            origin,
            offset,
            utf16: Utf16::from(origin),
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
                let (end, goes_on) = match self.sight.go_on(&mut open.run, rules, &window, open.to) {
                    Course::EndsAt(end) => (end, false),
                    Course::GoesOnFrom(end) => (end, !last),
                };
                open.to = end;
                if let Some(rule) = open.waiting {
                    let is_short = end - self.at < WAITS_FOR;
                    if goes_on && is_short {
                        self.open = Some(open);
                        return Flow::Continue;
                    }
                    let action = open.finding.action;
                    let value = Some(&bytes[self.at..end]).filter(|_| is_short);
                    open.finding.action = replace(rules.get(rule), action, value, plan, out);
                    open.waiting = None;
                }
                self.accept(bytes, end, open.finding.action, out);
                open.finding.span.end = self.place(self.at);
                open.finding.utf16_span.end = self.utf16.before(bytes, self.at);
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
                Step::Found { start, rule, mut hit } => {
                    self.accept(bytes, start, Action::Warn, out);
                    // What is allowed passes as if its detector were off.
                    let action = if hit.allowed {
                        Action::Off
                    } else {
                        plan.actions[rule]
                    };
                    if let Some(run) = hit.run.take_if(|_| needs_all(action, plan, out)) {
                        self.open = Some(Open {
                            finding: self.finding(rules.get(rule), action, &hit, bytes),
                            run,
                            to: hit.end,
                            waiting: Some(rule),
                        });
                        continue;
                    }
                    let rule = rules.get(rule);
                    let value = Some(&bytes[start..hit.end]).filter(|_| hit.run.is_none());
                    let action = replace(rule, action, value, plan, out);
                    let finding = self.finding(rule, action, &hit, bytes);
                    if action == Action::Block {
                        self.findings.push(finding.clone());
                        self.blocked = Some(finding.clone());
                        return Flow::Blocked(finding);
                    }
                    self.accept(bytes, hit.end, action, out);
                    match hit.run {
                        Some(run) => {
                            self.open = Some(Open {
                                run,
                                finding,
                                to: hit.end,
                                waiting: None,
                            });
                        }
                        None => self.report(finding),
                    }
                }
            }
        }
    }

    #[inline]
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

    /// The finding for a match that starts at the cursor.
    fn finding(&mut self, rule: &Rule, action: Action, hit: &Hit, bytes: &[u8]) -> Finding {
        let utf16_start = self.utf16.before(bytes, self.at);
        let utf16_end = self.utf16.before(bytes, hit.end);
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
        self.utf16.forget(bytes, count);
        self.sight.shift(count);
        if let Some(open) = &mut self.open {
            open.to -= count;
        }
        self.at -= count;
        self.origin = self.origin.saturating_sub(count);
        self.offset += count as isize;
    }
}

/// Whether what takes a value's place depends on all of it.
fn needs_all(action: Action, plan: &Plan, out: &dyn Sink) -> bool {
    match action {
        Action::Mask => true,
        Action::Hash => plan.hash_key.is_some(),
        Action::Tokenize => out.has_vault(),
        _ => false,
    }
}

/// Puts in the value's place what `action` asks for, and returns what was really done. Without a value, of which then only the
/// beginning is known, that is a placeholder.
fn replace(rule: &Rule, action: Action, value: Option<&[u8]>, plan: &Plan, out: &mut dyn Sink) -> Action {
    match (action, value, &plan.hash_key) {
        (Action::Block | Action::Warn | Action::Off, ..) => return action,
        (Action::Mask, Some(value), _) => {
            out.placeholder(&mask(value));
            return action;
        }
        (Action::Hash, Some(value), Some(key)) => {
            out.placeholder(&key.hash(&rule.detector, value));
            return action;
        }
        (Action::Tokenize, Some(value), _) if out.token(&rule.detector, value) => return action,
        _ => {}
    }
    out.placeholder(&rule.placeholder);
    Action::Redact
}
