//! The proof that a piece of a reply was scanned.
//!
//! [`release`](crate::release) decides what may leave; a [`Clearance`] asks it, and turns what it lets out into
//! [`Cleared`] values. Only those become bytes for the client, so a reply that skipped the scan has no way out.

use std::sync::Arc;

use serde_json::Value;
use workjet_audit::Direction;
use workjet_router::{Frame, Outbound};

use crate::Refusal;
use crate::config::Unscannable;
use crate::findings::Findings;
use crate::inspect::Inspected;
use crate::release::{Blocked, Cause, ReplyScanner, Step};

/// Something that the scan let out.
///
/// ```compile_fail
/// // There is no way to make one by hand.
/// let forged = workjet_gateway::Cleared(String::new());
/// ```
#[derive(Debug)]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// What was let out.
    pub const fn get(&self) -> &T {
        &self.0
    }
}

/// Clears one reply.
pub(crate) struct Clearance {
    scanner: ReplyScanner,
    policy: Unscannable,
}

impl Clearance {
    /// For one reply to the client that sent `inspected`, from a provider that speaks `outbound`.
    pub(crate) fn new(inspected: &Inspected, outbound: Outbound) -> Self {
        let settings = inspected.settings();
        let mut scanner = ReplyScanner::new(
            inspected.ticket().inbound,
            &settings.engine,
            &settings.response,
            settings.unscannable,
        );
        if outbound != Outbound::Anthropic {
            scanner = scanner.with_unsigned_thinking();
        }
        if let Some(vault) = inspected.vault() {
            scanner = scanner.with_vault(Arc::clone(vault), inspected.wants_json());
        }
        Self {
            scanner,
            policy: settings.unscannable,
        }
    }

    /// Takes the next frame of a stream. What comes back may go out, also if a refusal follows.
    pub(crate) fn frame(
        &mut self,
        frame: Frame,
        findings: &mut Findings,
    ) -> (Vec<Cleared<Frame>>, Option<Refusal>) {
        let step = self.scanner.push(frame);
        self.settle(step, findings)
    }

    /// Lets out what is left when no frame follows.
    pub(crate) fn finish(&mut self, findings: &mut Findings) -> (Vec<Cleared<Frame>>, Option<Refusal>) {
        let step = self.scanner.finish();
        self.settle(step, findings)
    }

    /// Takes a whole reply.
    pub(crate) fn reply(self, reply: Value, findings: &mut Findings) -> Result<Cleared<Value>, Refusal> {
        let policy = self.policy;
        match self.scanner.release_reply(reply) {
            Ok(released) => {
                note(findings, &released.findings, &released.unscannable, policy);
                Ok(Cleared(released.reply))
            }
            Err((blocked, step)) => {
                note(findings, &step.findings, &step.unscannable, policy);
                Err(refusal(&blocked))
            }
        }
    }

    fn settle(&self, step: Step, findings: &mut Findings) -> (Vec<Cleared<Frame>>, Option<Refusal>) {
        note(findings, &step.findings, &step.unscannable, self.policy);
        let refusal = step.blocked.as_ref().map(refusal);
        (step.frames.into_iter().map(Cleared).collect(), refusal)
    }
}

fn note(
    findings: &mut Findings,
    found: &[workjet_dlp::Finding],
    unscannable: &[workjet_dlp::Unscannable],
    policy: Unscannable,
) {
    findings.add(Direction::Response, found);
    findings.add_unscannable(unscannable, policy);
}

fn refusal(blocked: &Blocked) -> Refusal {
    let refusal = match blocked.cause() {
        Cause::Policy | Cause::Name | Cause::Unscannable => Refusal::dlp_blocked(blocked.to_string()),
        _ => Refusal::provider_error(blocked.to_string()),
    };
    match blocked.path() {
        Some(path) => refusal.at(path),
        None => refusal,
    }
}
