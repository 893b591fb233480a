//! Streams: text comes in pieces cut anywhere, and leaves as soon as nothing in it can still become a finding.

use std::fmt;
use std::sync::Arc;

use crate::Finding;
use crate::cursor::Cursor;
use crate::custom::Scratch;
use crate::engine::Inner;
use crate::policy::Plan;
use crate::search::LOOK_BEHIND;
use crate::sink::Sink;

/// What the caller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a stream that was blocked must not go on"]
pub enum Flow {
    /// Goes on.
    Continue,
    /// Stops: the finding's action is [`Action::Block`](crate::Action::Block). What was written so far ends where the finding starts.
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
        let cursor = Cursor::new(context.len()).streaming();
        Self {
            engine,
            plan,
            scratch: Scratch::default(),
            kept: context.as_bytes().to_vec(),
            cursor,
        }
    }

    /// Goes on with another text, behind these words.
    #[cfg(feature = "json")]
    pub(crate) fn restart(&mut self, context: &str) {
        self.kept.clear();
        self.kept.extend_from_slice(context.as_bytes());
        self.cursor = Cursor::new(context.len()).streaming();
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
