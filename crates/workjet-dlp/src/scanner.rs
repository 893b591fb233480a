//! Streams: text comes in pieces cut anywhere, and leaves as soon as nothing in it can still become a finding.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::custom::Scratch;
use crate::disguise::mask;
use crate::engine::Inner;
use crate::finding::utf16_len;
use crate::fold::{Course, Sight};
use crate::policy::Plan;
use crate::run::Run;
use crate::search::{Hit, LOOK_BEHIND, Rule, Rules, Step, Window};
use crate::{Action, Detector, Finding, Vault};

/// What the caller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a stream that was blocked must not go on"]
pub enum Flow {
    /// Goes on.
    Continue,
    /// Stops: the finding's action is [`Action::Block`]. What was written so far ends where the finding starts.
    Blocked(Finding),
}

impl Flow {
    /// The finding that stopped the stream, if one did.
    #[must_use]
    pub fn blocked(&self) -> Option<&Finding> {
        match self {
            Self::Continue => None,
            Self::Blocked(finding) => Some(finding),
        }
    }
}

/// Applies a policy to one stream of text. Made by [`Engine::scanner`](crate::Engine::scanner); `Send + 'static`.
///
/// However the text is cut, everything written is byte for byte what
/// [`Engine::redact`](crate::Engine::redact) makes of the whole.
///
/// ```
/// use workjet_dlp::{Engine, Policy};
///
/// let engine = Engine::standard();
/// let mut scanner = engine.scanner(&Policy::redact_all());
/// let mut out = String::new();
/// for chunk in ["card 4111 11", "11 1111 1", "111, thanks"] {
///     assert!(scanner.push(chunk, &mut out).blocked().is_none());
/// }
/// assert!(scanner.finish(&mut out).blocked().is_none());
/// assert_eq!(out, "card [REDACTED:credit_card], thanks");
/// ```
pub struct Scanner {
    engine: Arc<Inner>,
    plan: Plan,
    scratch: Scratch,
    /// Original text: some that was released, kept for looking behind, and all that is undecided.
    kept: Vec<u8>,
    cursor: Cursor,
}

impl Scanner {
    pub(crate) fn new(engine: Arc<Inner>, plan: Plan, context: &str) -> Self {
        let cursor = Cursor::new(context.len());
        Self {
            engine,
            plan,
            scratch: Scratch::default(),
            kept: context.as_bytes().to_vec(),
            cursor,
        }
    }

    /// Takes the next piece of text and appends to `out` what can leave.
    pub fn push(&mut self, chunk: &str, out: &mut String) -> Flow {
        self.advance(chunk.as_bytes(), false, out)
    }

    /// Like [`push`](Self::push) for bytes that need not be UTF-8 or may be cut within a character. Bytes that are not
    /// UTF-8 pass unchanged and separate what stands before them from what follows.
    pub fn push_bytes(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Flow {
        self.advance(chunk, false, out)
    }

    /// Ends the text: what was held back is decided and appended to `out`.
    pub fn finish(mut self, out: &mut String) -> Flow {
        self.advance(&[], true, out)
    }

    /// Ends a text that was given by [`push_bytes`](Self::push_bytes).
    pub fn finish_bytes(mut self, out: &mut Vec<u8>) -> Flow {
        self.advance(&[], true, out)
    }

    /// Like [`finish`](Self::finish), and returns the findings not yet taken as well.
    pub fn finish_with_findings(mut self, out: &mut String) -> (Flow, Vec<Finding>) {
        let flow = self.advance(&[], true, out);
        (flow, self.take_findings())
    }

    /// The findings completed since the last call, in the order of the text.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.cursor.findings)
    }

    /// Bytes that are held back at the moment.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.kept.len() - self.cursor.at
    }

    pub(crate) fn advance(&mut self, chunk: &[u8], last: bool, out: &mut dyn Sink) -> Flow {
        if let Some(finding) = &self.cursor.blocked {
            return Flow::Blocked(finding.clone());
        }
        self.kept.extend_from_slice(chunk);
        let flow = self.cursor.drive(
            &self.engine.rules,
            &self.plan,
            &self.kept,
            last,
            &mut self.scratch,
            out,
        );
        // Moving the tail on every push would make small pushes costly, so released text piles up a little.
        let released = self.cursor.at.saturating_sub(LOOK_BEHIND);
        if released >= 16 * LOOK_BEHIND || released >= self.kept.len().max(LOOK_BEHIND) / 2 {
            self.cursor.forget(&self.kept, released);
            self.kept.drain(..released);
        }
        flow
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner")
            .field("held_bytes", &self.held_bytes())
            .field("findings", &self.cursor.findings.len())
            .finish_non_exhaustive()
    }
}

/// Where redacted text goes.
pub(crate) trait Sink {
    /// Original text that passes.
    fn pass(&mut self, bytes: &[u8]);
    /// Original text that does not.
    fn hide(&mut self, _bytes: &[u8]) {}
    fn placeholder(&mut self, text: &str);
    /// Puts a token in the value's place. `false` if there is no vault to keep the value, or no token left.
    fn token(&mut self, _detector: &Detector, _value: &[u8]) -> bool {
        false
    }
}

impl Sink for Vec<u8> {
    fn pass(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn placeholder(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

impl Sink for String {
    fn pass(&mut self, bytes: &[u8]) {
        // Text given as `str` is cut between characters only: rules start and end there. The lossy conversion serves a
        // caller who mixed `push_bytes` and `push`.
        match std::str::from_utf8(bytes) {
            Ok(text) => self.push_str(text),
            Err(_) => self.push_str(&String::from_utf8_lossy(bytes)),
        }
    }

    fn placeholder(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// A whole text of which nothing is copied until something in it changes.
pub(crate) struct Whole<'t, 'v> {
    text: &'t str,
    /// How much of it has passed or been hidden.
    at: usize,
    out: Option<String>,
    vault: Option<&'v mut Vault>,
}

impl<'t, 'v> Whole<'t, 'v> {
    pub(crate) fn new(text: &'t str, vault: Option<&'v mut Vault>) -> Self {
        Self {
            text,
            at: 0,
            out: None,
            vault,
        }
    }

    /// What passed; borrowed if that is all of the text.
    pub(crate) fn finish(self) -> Cow<'t, str> {
        match self.out {
            Some(out) => Cow::Owned(out),
            None if self.at == self.text.len() => Cow::Borrowed(self.text),
            None => Cow::Owned(self.text[..self.at].to_owned()),
        }
    }
}

impl Sink for Whole<'_, '_> {
    fn pass(&mut self, bytes: &[u8]) {
        let passed = self.at..self.at + bytes.len();
        self.at = passed.end;
        if let Some(out) = &mut self.out {
            out.push_str(&self.text[passed]);
        }
    }

    fn hide(&mut self, bytes: &[u8]) {
        self.at += bytes.len();
    }

    fn placeholder(&mut self, placeholder: &str) {
        let out = self.out.get_or_insert_with(|| {
            let mut out = String::with_capacity(self.text.len() + 32);
            out.push_str(&self.text[..self.at]);
            out
        });
        out.push_str(placeholder);
    }

    fn token(&mut self, detector: &Detector, value: &[u8]) -> bool {
        let Some(vault) = self.vault.take() else {
            return false;
        };
        let token = std::str::from_utf8(value)
            .ok()
            .and_then(|value| vault.token(detector, value));
        self.vault = Some(vault);
        if let Some(token) = &token {
            self.placeholder(token);
        }
        token.is_some()
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

/// How far a text has been decided.
pub(crate) struct Cursor {
    /// The first byte of the window that is not decided.
    at: usize,
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
            sight: Sight::default(),
            findings: Vec::new(),
            blocked: None,
        }
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
            match self
                .sight
                .next(rules, &window, self.at, &plan.actions, scratch)
            {
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
    fn forget(&mut self, bytes: &[u8], count: usize) {
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
