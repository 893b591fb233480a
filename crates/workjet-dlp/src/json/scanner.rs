//! JSON that comes in pieces, such as the arguments of a tool call while a model writes them.
//!
//! Strings are scanned decoded, each on its own, and leave as they were written while they arrive. Numbers wait for their end,
//! since one that is redacted becomes a string.

use std::fmt;
use std::sync::Arc;

use super::data_url::Begun;
use super::escape::decode;
use super::grammar::{Grammar, LITERALS, Number, is_blank};
use super::judge::{Context, Path, Place};
use super::open::{Leaving, Open, Role};
use super::walk::quoted;
use super::{JsonReport, Unscannable, UnscannableReason, Verdict};
use crate::context::before_value_of;
use crate::policy::Plan;
use crate::scanner::{Flow, Scanner};
use crate::search::LOOK_BEHIND;
use crate::{Action, Engine, Finding, Policy};

/// Longer numbers leave while they arrive, as keys do.
const HELD_NUMBER_BYTES: usize = 4096;

/// Longer keys say nothing about their values.
const KEPT_KEY_BYTES: usize = 256;

/// Applies a policy to JSON that comes in pieces, cut anywhere. Made by [`Engine::json_scanner`]; `Send + 'static`.
///
/// What was written is at any time the beginning of a JSON document, and in the end it is byte for byte what
/// [`Engine::redact_json_text`] makes of the whole, but for [base64](crate::EngineBuilder::base64), which streams do not look
/// into. What is held back is what may become a finding in a string, and numbers until they end. A finding in a key that would
/// be redacted stops the stream, since a key cannot be rewritten; so does one in a number of more than four kilobytes.
///
/// If it turns out that the pieces make no JSON, what follows is scanned as text from the first byte on that is wrong. Strings
/// are taken for strings even if they hold control characters or escapes that there are not.
///
/// ```
/// use workjet_dlp::{Engine, Policy, Verdict};
///
/// let mut scanner = Engine::standard().json_scanner(&Policy::redact_all());
/// let mut out = String::new();
/// for piece in ["{\"to\": \"b", "\\u006fb@exam", "ple.com\", \"card\": 4111111", "111111111}"] {
///     assert_eq!(scanner.push(piece, &mut out), Verdict::Pass);
/// }
/// let report = scanner.finish(&mut out);
/// assert_eq!(out, r#"{"to": "[REDACTED:email]", "card": "[REDACTED:credit_card]"}"#);
/// assert_eq!(report.findings.len(), 2);
/// ```
pub struct JsonScanner {
    engine: Engine,
    policy: Policy,
    /// For what may be rewritten.
    rewriting: Plan,
    /// For what may not: whatever would change it stops it.
    stopping: Plan,
    grammar: Grammar,
    levels: Vec<Level>,
    path: Path,
    state: State,
    /// What has served and can serve again: for values, and for what may not be rewritten.
    spare: [Option<Box<Open>>; 2],
    /// The last of what was read and decided, for rules that look behind if this is no JSON.
    recent: String,
    findings: Vec<Finding>,
    unscannable: Vec<Unscannable>,
    verdict: Verdict,
}

/// An array or object that has not ended.
struct Level {
    /// What the key above the values says about them.
    context: Context,
    /// Of the next element; `None` in an object.
    index: Option<usize>,
}

enum State {
    Between,
    /// A number, `true`, `false` or `null`, and blanks after it, until something shows that it has ended.
    Scalar(String),
    /// Within a string, or a number that is too long to be held.
    Open(Box<Open>),
    /// This is no JSON.
    Text(Box<Scanner>),
}

impl Engine {
    /// Starts a stream of JSON, such as the arguments of a tool call.
    #[must_use]
    pub fn json_scanner(&self, policy: &Policy) -> JsonScanner {
        let rewriting = policy.plan(&self.inner().rules);
        let mut stopping = rewriting.clone();
        for action in &mut stopping.actions {
            if action.changes_text() {
                *action = Action::Block;
            }
        }
        JsonScanner {
            engine: self.clone(),
            policy: policy.clone(),
            rewriting,
            stopping,
            grammar: Grammar::START,
            levels: Vec::new(),
            path: Path::default(),
            state: State::Between,
            spare: [None, None],
            recent: String::new(),
            findings: Vec::new(),
            unscannable: Vec::new(),
            verdict: Verdict::Pass,
        }
    }
}

impl JsonScanner {
    /// Takes the next piece and appends to `out` what can leave. After another verdict than [`Verdict::Pass`] nothing leaves any
    /// more.
    pub fn push(&mut self, piece: &str, out: &mut String) -> Verdict {
        let mut rest = piece;
        while !rest.is_empty() && self.verdict == Verdict::Pass {
            let taken = match &mut self.state {
                State::Between => self.between(rest, out),
                State::Scalar(_) => self.scalar(rest, out),
                State::Open(_) => self.open(rest, out),
                State::Text(scanner) => {
                    let flow = scanner.push(rest, out);
                    let found = scanner.take_findings();
                    self.book(found);
                    self.stop(flow);
                    rest.len()
                }
            };
            rest = &rest[taken..];
        }
        self.verdict.clone()
    }

    /// Ends the document: what was held back is decided and appended to `out`. Reports what was not yet taken.
    pub fn finish(mut self, out: &mut String) -> JsonReport {
        if self.verdict == Verdict::Pass {
            match std::mem::replace(&mut self.state, State::Between) {
                State::Between => {}
                State::Scalar(held) => self.end_scalar(&held, true, out),
                State::Open(mut open) => self.feed(&mut open, "", true, out),
                text @ State::Text(_) => self.state = text,
            }
        }
        if let State::Text(scanner) = std::mem::replace(&mut self.state, State::Between)
            && self.verdict == Verdict::Pass
        {
            let (flow, found) = scanner.finish_with_findings(out);
            self.book(found);
            self.stop(flow);
        }
        JsonReport {
            findings: self.findings,
            unscannable: self.unscannable,
            verdict: self.verdict,
        }
    }

    /// The findings completed since the last call, in the order of the document, each with its path.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// The parts that turned out to be unscannable since the last call.
    pub fn take_unscannable(&mut self) -> Vec<Unscannable> {
        std::mem::take(&mut self.unscannable)
    }

    /// Between strings and numbers. Like the others of its kind, returns how much of `rest` it took.
    fn between(&mut self, rest: &str, out: &mut String) -> usize {
        let byte = rest.as_bytes()[0];
        let blanks = rest.bytes().take_while(|byte| is_blank(*byte)).count();
        if blanks > 0 {
            self.release(&rest[..blanks], out);
            return blanks;
        }
        match byte {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => {
                if self.grammar.punctuation(byte).is_err() {
                    self.give_up("", out);
                    return 0;
                }
                self.punctuation(byte);
                self.release(&rest[..1], out);
                1
            }
            b'"' => {
                let Ok(is_key) = self.grammar.string() else {
                    self.give_up("", out);
                    return 0;
                };
                let open = if is_key {
                    self.begin(Role::Key(String::new()), None)
                } else {
                    self.enter_value();
                    self.begin(Role::Value(Begun::default()), self.context())
                };
                self.state = State::Open(open);
                self.release("\"", out);
                1
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' if self.grammar.expects_value() => {
                self.state = State::Scalar(String::new());
                0
            }
            _ => {
                self.give_up("", out);
                0
            }
        }
    }

    fn punctuation(&mut self, byte: u8) {
        match byte {
            b'{' => {
                self.enter_value();
                self.path.enter(Place::Unlisted);
                self.levels.push(Level {
                    context: None,
                    index: None,
                });
            }
            b'[' => {
                self.enter_value();
                let context = self.context();
                self.path.enter(Place::Index(0));
                self.levels.push(Level {
                    context,
                    index: Some(0),
                });
            }
            b'}' | b']' => {
                self.levels.pop();
                self.path.leave();
            }
            _ => {}
        }
    }

    /// Moves the path to the value that begins.
    fn enter_value(&mut self) {
        if let Some(Level {
            index: Some(index), ..
        }) = self.levels.last_mut()
        {
            self.path.move_to(Place::Index(*index));
            *index += 1;
        }
    }

    fn context(&self) -> Context {
        self.levels.last().and_then(|level| level.context.clone())
    }

    fn scalar(&mut self, rest: &str, out: &mut String) -> usize {
        let State::Scalar(held) = &mut self.state else {
            unreachable!("asked for in this state only");
        };
        let belongs = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let mut taken = 0;
        if !held.bytes().next_back().is_some_and(is_blank) {
            taken = rest.bytes().take_while(belongs).count();
            held.push_str(&rest[..taken]);
            if held.len() > HELD_NUMBER_BYTES {
                let held = std::mem::take(held);
                self.open_number(&held, out);
                return taken;
            }
        }
        let blanks = rest[taken..].bytes().take_while(|byte| is_blank(*byte)).count();
        held.push_str(&rest[taken..taken + blanks]);
        taken += blanks;
        let after = rest.as_bytes().get(taken).copied();
        if after.is_none() && held.len() <= 2 * HELD_NUMBER_BYTES {
            return taken;
        }
        let held = std::mem::take(held);
        self.state = State::Between;
        // What else follows might make it the beginning of something else, as in `4111 1111 1111 1111`.
        let ends = after.is_none_or(|byte| matches!(byte, b',' | b']' | b'}') && self.grammar.levels() > 0);
        self.end_scalar(&held, ends, out);
        taken
    }

    /// Lets a number, `true`, `false` or `null` out, if it is one and can end here.
    fn end_scalar(&mut self, held: &str, ends: bool, out: &mut String) {
        let text = held.trim_end_matches([' ', '\t', '\n', '\r']);
        let number = text.bytes().try_fold(Number::Start, Number::after);
        let is_number = number.is_some_and(Number::is_complete);
        if !ends || !(is_number || LITERALS.contains(&text)) || self.grammar.scalar().is_err() {
            return self.give_up(held, out);
        }
        self.enter_value();
        if !is_number {
            return self.release(held, out);
        }
        let mut open = self.begin(Role::Value(Begun::Decided), self.context());
        let mut scanned = String::new();
        let flow = open.scanner.advance(text.as_bytes(), true, &mut scanned);
        let found = open.scanner.take_findings();
        self.end(open);
        self.book(found);
        self.stop(flow);
        self.remember(held);
        if self.verdict != Verdict::Pass {
            return;
        }
        if scanned == text {
            out.push_str(text);
        } else {
            out.push_str(&quoted(&scanned));
        }
        out.push_str(&held[text.len()..]);
    }

    /// Goes on with a number that is too long to be held.
    fn open_number(&mut self, held: &str, out: &mut String) {
        let number = held.bytes().try_fold(Number::Start, Number::after);
        let Some(number) = number.filter(|_| self.grammar.scalar().is_ok()) else {
            return self.give_up(held, out);
        };
        self.enter_value();
        let mut open = self.begin(Role::Number(number), self.context());
        self.feed(&mut open, held, false, out);
        self.state = State::Open(open);
    }

    /// Begins a string or number.
    fn begin(&mut self, role: Role, context: Context) -> Box<Open> {
        let context = context.as_deref().unwrap_or_default();
        let (spare, plan) = match role {
            Role::Value(_) => (&mut self.spare[0], &self.rewriting),
            Role::Key(_) | Role::Number(_) => (&mut self.spare[1], &self.stopping),
        };
        match spare.take() {
            Some(mut open) => {
                open.restart(role, context);
                open
            }
            None => {
                let scanner = self.engine.scanner_after(plan.clone(), context);
                Box::new(Open::new(scanner, role))
            }
        }
    }

    fn end(&mut self, open: Box<Open>) {
        let spare = matches!(open.role, Role::Key(_) | Role::Number(_));
        self.spare[usize::from(spare)] = Some(open);
    }

    fn open(&mut self, rest: &str, out: &mut String) -> usize {
        let State::Open(mut open) = std::mem::replace(&mut self.state, State::Between) else {
            unreachable!("asked for in this state only");
        };
        let (taken, ended) = open.belongs(rest);
        if !ended {
            self.feed(&mut open, rest, false, out);
            self.state = State::Open(open);
            return taken;
        }
        self.feed(&mut open, &rest[..taken], true, out);
        if self.verdict != Verdict::Pass {
            return taken;
        }
        let quote = match &open.role {
            Role::Number(number) => {
                if !number.is_complete() {
                    self.give_up("", out);
                }
                ""
            }
            Role::Value(_) => "\"",
            Role::Key(key) => {
                let context = before_value_of(key, self.engine.inner().packs);
                if let Some(level) = self.levels.last_mut() {
                    level.context = (!context.is_empty()).then(|| Arc::from(&*context));
                }
                "\""
            }
        };
        self.end(open);
        self.release(quote, out);
        taken + quote.len()
    }

    /// Takes more of a string or number, and lets out what can leave.
    fn feed(&mut self, open: &mut Open, more: &str, last: bool, out: &mut String) {
        open.raw.push_str(more);
        self.remember(more);
        let mut said = String::with_capacity(more.len() + 12);
        let undecoded = &open.raw[open.decoded_to..];
        open.decoded_to += match &open.role {
            Role::Number(_) => {
                said.push_str(undecoded);
                undecoded.len()
            }
            _ => decode(undecoded, last, &mut said),
        };
        let is_encoded = match &mut open.role {
            Role::Value(begun) => begun.is_base64_after(&said),
            Role::Key(key) => {
                if key.len() < KEPT_KEY_BYTES {
                    key.push_str(&said[..said.floor_char_boundary(KEPT_KEY_BYTES)]);
                }
                false
            }
            Role::Number(_) => false,
        };
        if is_encoded {
            self.unscannable.push(Unscannable {
                path: self.path.to_string().into(),
                reason: UnscannableReason::Opaque,
            });
        }
        let mut leaving = Leaving {
            raw: &open.raw,
            at: 0,
            out,
        };
        let flow = open.scanner.advance(said.as_bytes(), last, &mut leaving);
        let left = leaving.at;
        open.raw.drain(..left);
        open.decoded_to -= left;
        let found = open.scanner.take_findings();
        if let Role::Value(_) = open.role {
            self.book(found);
            self.stop(flow);
        } else {
            self.stop_unwritable(found, flow);
        }
    }

    /// For what cannot be rewritten.
    fn stop_unwritable(&mut self, mut found: Vec<Finding>, flow: Flow) {
        let Flow::Blocked(mut finding) = flow else {
            return self.book(found);
        };
        // The policy's own word, which was overruled to learn of it in time.
        let action = match self.policy.action(finding.detector()) {
            Action::Tokenize => Action::Redact,
            action => action,
        };
        finding.action = action;
        found.pop();
        found.push(finding.clone());
        self.book(found);
        self.verdict = if action == Action::Block {
            Verdict::Blocked(self.placed(finding))
        } else {
            Verdict::Refused(self.placed(finding))
        };
    }

    fn stop(&mut self, flow: Flow) {
        if let Flow::Blocked(finding) = flow {
            self.verdict = Verdict::Blocked(self.placed(finding));
        }
    }

    fn placed(&self, finding: Finding) -> Finding {
        finding.at(&self.path.to_string())
    }

    fn book(&mut self, found: Vec<Finding>) {
        let path = (!found.is_empty()).then(|| Arc::from(self.path.to_string()));
        self.findings.extend(found.into_iter().map(|mut finding| {
            finding.path.clone_from(&path);
            finding
        }));
    }

    /// From here on this is text. `held` is its beginning.
    fn give_up(&mut self, held: &str, out: &mut String) {
        let from = self.recent.len().saturating_sub(LOOK_BEHIND);
        let context = &self.recent[self.recent.ceil_char_boundary(from)..];
        let mut scanner = self.engine.scanner_after(self.rewriting.clone(), context);
        self.path = Path::default();
        let flow = scanner.push(held, out);
        self.book(scanner.take_findings());
        self.stop(flow);
        self.state = State::Text(Box::new(scanner));
    }

    fn release(&mut self, text: &str, out: &mut String) {
        out.push_str(text);
        self.remember(text);
    }

    fn remember(&mut self, text: &str) {
        self.recent.push_str(text);
        if self.recent.len() > 16 * LOOK_BEHIND {
            let cut = self.recent.floor_char_boundary(self.recent.len() - LOOK_BEHIND);
            self.recent.drain(..cut);
        }
    }
}

// Not derived: what is held back must not show.
impl fmt::Debug for JsonScanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonScanner")
            .field("levels", &self.levels.len())
            .field("findings", &self.findings.len())
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}
