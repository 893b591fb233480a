//! JSON that comes in pieces, such as the arguments of a tool call while a model writes them.

use crate::json::{Unscannable, Verdict};
use crate::{Engine, Finding, Policy};

/// Applies a policy to JSON that comes in pieces. Made by [`Engine::json_scanner`].
#[derive(Debug)]
pub struct JsonScanner {
    engine: Engine,
    policy: Policy,
    held: String,
    findings: Vec<Finding>,
    unscannable: Vec<Unscannable>,
}

impl Engine {
    /// Starts a stream of JSON.
    #[must_use]
    pub fn json_scanner(&self, policy: &Policy) -> JsonScanner {
        JsonScanner {
            engine: self.clone(),
            policy: policy.clone(),
            held: String::new(),
            findings: Vec::new(),
            unscannable: Vec::new(),
        }
    }
}

impl JsonScanner {
    /// Takes the next piece and appends to `out` what can leave. After a verdict other than [`Verdict::Pass`] nothing may
    /// follow.
    pub fn push(&mut self, piece: &str, _out: &mut String) -> Verdict {
        self.held.push_str(piece);
        Verdict::Pass
    }

    /// Ends the document: what was held back is decided and appended to `out`.
    pub fn finish(&mut self, out: &mut String) -> Verdict {
        let held = std::mem::take(&mut self.held);
        match self.engine.redact_json_text(&held, &self.policy) {
            Some((text, report)) => {
                self.findings.extend(report.findings);
                self.unscannable.extend(report.unscannable);
                out.push_str(&text);
                report.verdict
            }
            None => {
                let redacted = self.engine.redact(&held, &self.policy);
                self.findings.extend(redacted.findings);
                out.push_str(&redacted.text);
                redacted.blocked.map_or(Verdict::Pass, Verdict::Blocked)
            }
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
}
