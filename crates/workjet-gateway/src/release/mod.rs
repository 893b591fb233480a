//! What of a reply may reach the client.
//!
//! A [`ReplyScanner`] stands between one provider's reply, already in the client's dialect, and the client. It is told
//! what came and says what may leave; it never waits, sends or reads.
//!
//! - A **whole reply** is scanned in one go: [`release_reply`](ReplyScanner::release_reply).
//! - A **stream** is scanned frame by frame: [`push`](ReplyScanner::push), then [`finish`](ReplyScanner::finish). The
//!   strings that a client joins (the text of a choice, a content block, a tool call, thinking) are channels with a
//!   scanner each, so that a match cut into several frames is found, and **what the client has joined in the end is what
//!   scanning the whole would have given**. Everything else in a frame is scanned where it stands
//!   ([`coverage::frame`]).
//!
//! # How text leaves
//!
//! | | leaves | if the policy blocks a finding in it |
//! |---|---|---|
//! | text, refusals, unsigned reasoning, unknown strings of a delta | at once, but for the few bytes that could begin a match; these follow in a delta of their own before the channel's end | the stream ends where the match begins |
//! | signed thinking | the same, unchanged or not at all | the same |
//! | arguments of a tool call | the same, and they stay JSON: a number that is redacted becomes a string, a finding in a key stops the stream | the call never appears: where the policy can block at all, all of it waits for the verdict, since a client may execute it |
//!
//! Token probabilities spell the text once more where no detector sees it. They are taken out while the policy can
//! change or stop text.
//!
//! # Values that come back
//!
//! Where the request's policy says `tokenize`, the provider saw tokens such as `[EMAIL:7f3a9c]`, and its reply may repeat
//! them. [With the request's vault](ReplyScanner::with_vault), what leaves the scan passes one more stage that puts the
//! client's own values in their places: in whatever may be rewritten, and in the arguments of tool calls in such a way that
//! they stay JSON. What may be the beginning of one of the vault's tokens waits like what may begin a match. The scan sees
//! tokens and never values, so what comes back is neither found nor stopped, and what a model adds of its own is both.
//!
//! ```
//! use serde_json::json;
//! use workjet_dlp::{Engine, Policy};
//! use workjet_gateway::release::{ReplyScanner, Unscannable};
//! use workjet_router::{Frame, Inbound};
//!
//! let (engine, policy) = (Engine::standard(), Policy::redact_all());
//! let mut scanner = ReplyScanner::new(Inbound::OpenAiChat, &engine, &policy, Unscannable::Block);
//! let mut released = Vec::new();
//! for text in ["My card is 4111 11", "11 1111 1111."] {
//!     let chunk = json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
//!     released.extend(scanner.push(Frame::json(chunk)).frames);
//! }
//! released.extend(scanner.finish().frames);
//!
//! let mut sent = Vec::new();
//! released.iter().for_each(|frame| frame.encode(&mut sent));
//! let sent = String::from_utf8(sent).expect("frames are UTF-8");
//! assert!(sent.contains("[REDACTED:credit_card]") && !sent.contains("4111"));
//! ```

mod anthropic;
mod blocked;
mod channel;
mod channels;
mod fragment;
mod openai;
mod restore;

use std::sync::Arc;

use serde_json::Value;
use workjet_dlp::{Action, Engine, Finding, Policy, Shape, Vault, Verdict};
use workjet_router::{Frame, Inbound};

pub use self::blocked::{Blocked, Cause};
use self::channel::Policies;
use self::channels::Channels;
use self::restore::Restore;
pub use crate::config::Unscannable;
use crate::coverage;

/// Scans one reply on its way to the client.
#[derive(Debug)]
pub struct ReplyScanner {
    inbound: Inbound,
    gate: Gate,
    channels: Channels,
    dialect: Dialect,
    is_over: bool,
}

/// What a scanner may keep. Beyond it the reply is stopped, not let through unscanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of tool calls that wait for their verdict, in one reply.
    pub withheld_bytes: usize,
    /// Strings that are joined from fragments, in one reply.
    pub channels: usize,
}

/// What came of a step: release `frames` first; after `blocked` nothing may follow but an error.
#[derive(Debug, Default)]
#[must_use]
pub struct Step {
    /// What may leave now.
    pub frames: Vec<Frame>,
    /// What was found in this step, each with its path.
    pub findings: Vec<Finding>,
    /// What could not be scanned in this step, and passed or stopped it, as the policy says.
    pub unscannable: Vec<workjet_dlp::Unscannable>,
    /// Why the reply ends here. The gateway then sends an error and no terminator.
    pub blocked: Option<Blocked>,
}

/// A whole reply that may leave.
#[derive(Debug)]
pub struct Released {
    /// The reply.
    pub reply: Value,
    /// What was found, each with its path.
    pub findings: Vec<Finding>,
    /// What could not be scanned, and passed.
    pub unscannable: Vec<workjet_dlp::Unscannable>,
}

#[derive(Debug)]
enum Dialect {
    OpenAi(openai::Stream),
    Anthropic(anthropic::Stream),
}

/// The engine and what was decided about its findings.
#[derive(Debug)]
struct Gate {
    engine: Engine,
    policies: Policies,
    unscannable: Unscannable,
    /// Whether anything can be altered or stopped at all.
    can_intervene: bool,
    /// Whether tool calls wait for their verdict from their start.
    withholds_calls: bool,
    thinking_is_signed: bool,
    restore: Restore,
}

impl Default for Limits {
    /// 16 MiB, 1,024 channels.
    fn default() -> Self {
        Self {
            withheld_bytes: 16 * 1024 * 1024,
            channels: 1024,
        }
    }
}

impl ReplyScanner {
    /// A scanner for one reply in the dialect `inbound`, under the policy for replies.
    #[must_use]
    pub fn new(inbound: Inbound, engine: &Engine, policy: &Policy, unscannable: Unscannable) -> Self {
        let signed = policy.map(|action| match (action, unscannable) {
            (action, Unscannable::Block) if action.changes_text() => Action::Block,
            (action, _) if action.changes_text() => Action::Warn,
            (other, _) => other,
        });
        let gate = Gate {
            engine: engine.clone(),
            can_intervene: policy.can_change_text() || policy.can_block(),
            withholds_calls: policy.can_block(),
            thinking_is_signed: true,
            restore: Restore::default(),
            policies: Policies {
                text: policy.clone(),
                signed,
            },
            unscannable,
        };
        let dialect = match inbound {
            Inbound::AnthropicMessages => Dialect::Anthropic(anthropic::Stream::default()),
            _ => Dialect::OpenAi(openai::Stream::default()),
        };
        Self {
            inbound,
            gate,
            channels: Channels::new(Limits::default()),
            dialect,
            is_over: false,
        }
    }

    /// Says that the provider does not sign its thinking, so that it may be rewritten like other text. Only Anthropic
    /// signs what its dialect calls `thinking`; what other providers thought is signed by nobody.
    #[must_use]
    pub fn with_unsigned_thinking(mut self) -> Self {
        self.gate.thinking_is_signed = false;
        self
    }

    /// Puts the values of the request back where the reply holds their tokens: after the scan, in all text that may be
    /// rewritten. `text_is_json` says that the client asked for text that is a JSON document, which must stay one.
    #[must_use]
    pub fn with_vault(mut self, vault: Arc<Vault>, text_is_json: bool) -> Self {
        self.gate.restore = Restore::new(vault, text_is_json);
        self.gate.can_intervene |= !self.gate.restore.is_idle();
        self
    }

    /// Keeps no more than `limits`.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.channels = Channels::new(limits);
        self
    }

    /// Scans a whole reply.
    ///
    /// # Errors
    /// [`Blocked`] if the reply must not reach the client; `findings` and `unscannable` of the reply are in the
    /// [`Step`] beside it.
    pub fn release_reply(self, mut reply: Value) -> Result<Released, (Blocked, Box<Step>)> {
        let mut step = Step::default();
        if self.gate.can_intervene {
            openai::strip_logprobs(self.inbound, &mut reply);
        }
        let mut scanned = Ok(());
        if self.inbound == Inbound::AnthropicMessages && !self.gate.thinking_is_signed {
            scanned = anthropic::scan_thinking(&mut reply, &self.gate, &mut step);
        }
        let shape = coverage::reply(self.inbound);
        match scanned.and_then(|()| self.gate.scan(&mut reply, shape, &mut step)) {
            Ok(()) => Ok(Released {
                reply: self.restored(reply),
                findings: step.findings,
                unscannable: step.unscannable,
            }),
            Err(blocked) => Err((blocked, Box::new(step))),
        }
    }

    fn restored(&self, mut reply: Value) -> Value {
        self.gate
            .restore
            .document(&mut reply, coverage::reply(self.inbound));
        if self.inbound == Inbound::AnthropicMessages && !self.gate.thinking_is_signed {
            anthropic::restore_thinking(&mut reply, &self.gate.restore);
        }
        reply
    }

    /// Takes the next frame of a stream. After a step that was blocked, or the stream's end, nothing leaves any more.
    pub fn push(&mut self, frame: Frame) -> Step {
        let mut step = Step::default();
        if self.is_over {
            return step;
        }
        let result = match &mut self.dialect {
            Dialect::OpenAi(stream) => stream.push(frame, &self.gate, &mut self.channels, &mut step),
            Dialect::Anthropic(stream) => stream.push(frame, &self.gate, &mut self.channels, &mut step),
        };
        self.settle(result, step)
    }

    /// Says that no frame follows, and lets out what is left of every channel. A stream that was cut ends so as well:
    /// what had come may leave, since it has been scanned.
    pub fn finish(&mut self) -> Step {
        let mut step = Step::default();
        if self.is_over {
            return step;
        }
        let result = match &mut self.dialect {
            Dialect::OpenAi(stream) => stream.close_all(&self.gate, &mut self.channels, &mut step),
            Dialect::Anthropic(stream) => stream.close_all(&self.gate, &mut self.channels, &mut step),
        };
        let step = self.settle(result, step);
        self.is_over = true;
        step
    }

    fn settle(&mut self, result: Result<(), Blocked>, mut step: Step) -> Step {
        if let Err(blocked) = result {
            self.is_over = true;
            step.blocked = Some(blocked);
        }
        step
    }
}

impl Gate {
    /// Whether the policy would rewrite what was found, if it could.
    fn would_redact(&self, finding: &Finding) -> bool {
        self.policies.text.action(finding.detector()).changes_text()
    }

    /// Scans a document in place.
    fn scan(&self, document: &mut Value, shape: &Shape, step: &mut Step) -> Result<(), Blocked> {
        let report = self.engine.redact_json(document, shape, &self.policies.text);
        step.findings.extend(report.findings);
        let stopped = match self.unscannable {
            Unscannable::Block => report
                .unscannable
                .first()
                .map(|part| Blocked::at(Cause::Unscannable, part.path())),
            Unscannable::Allow => None,
        };
        step.unscannable.extend(report.unscannable);
        match report.verdict {
            Verdict::Pass => stopped.map_or(Ok(()), Err),
            Verdict::Blocked(finding) => Err(Blocked::by(Cause::Policy, finding)),
            Verdict::Refused(finding) => Err(Blocked::by(Cause::Name, finding)),
        }
    }
}
