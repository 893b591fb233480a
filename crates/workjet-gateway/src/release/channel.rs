//! One channel of a stream: the fragments that a client will join into one string, and their scan.
//!
//! What a channel lets out depends on the fragments' text alone, never on where it was cut.

use serde_json::Value;
use workjet_dlp::{
    Engine, Finding, Flow, JsonReport, JsonScanner, Policy, Restorer, Scanner, Shape, Unscannable, Verdict,
};

/// How the fragments of a channel may be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text: leaves as it comes, but for the few bytes that could begin a match.
    Text,
    /// Signed text: leaves unchanged or not at all.
    Signed,
    /// A JSON document: leaves as it comes, and stays JSON. Where the policy can block, it leaves when it is complete: its
    /// reader may act on it.
    Document,
}

/// The policies of a reply, one per kind of text.
#[derive(Debug, Clone)]
pub(super) struct Policies {
    pub(super) text: Policy,
    /// Never rewrites: what would be redacted is blocked or passes, as the operator decided for what cannot be scanned.
    pub(super) signed: Policy,
}

/// A channel that is still open.
#[derive(Debug)]
pub(super) struct Channel {
    /// Where the joined string stands in a whole reply, such as `choices[0].message.content`.
    path: String,
    state: State,
    /// Puts the client's own values into what the scan lets out.
    restorer: Option<Restorer>,
}

#[derive(Debug)]
enum State {
    Scanning(Box<Scanner>),
    ScanningJson(Box<JsonScanner>),
    Holding { document: String, policy: Policy },
}

/// What came of a fragment.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What leaves now.
    pub(super) text: String,
    pub(super) findings: Vec<Finding>,
    pub(super) unscannable: Vec<Unscannable>,
    /// Why nothing may follow.
    pub(super) stop: Option<Stop>,
}

#[derive(Debug, Clone)]
pub(super) enum Stop {
    /// The policy blocks this finding, and `text` ends where it begins.
    Blocked(Finding),
    /// The finding is where it can neither pass nor be rewritten.
    Refused(Finding),
}

impl Channel {
    pub(super) fn new(
        kind: Kind,
        path: String,
        engine: &Engine,
        policies: &Policies,
        restorer: Option<Restorer>,
    ) -> Self {
        let state = match kind {
            Kind::Text => State::Scanning(Box::new(engine.scanner(&policies.text))),
            Kind::Signed => State::Scanning(Box::new(engine.scanner(&policies.signed))),
            Kind::Document if policies.text.can_block() => State::Holding {
                document: String::new(),
                policy: policies.text.clone(),
            },
            Kind::Document => State::ScanningJson(Box::new(engine.json_scanner(&policies.text))),
        };
        Self {
            path,
            state,
            restorer,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it lets nothing out before its end.
    pub(super) const fn holds(&self) -> bool {
        matches!(self.state, State::Holding { .. })
    }

    pub(super) fn push(&mut self, fragment: &str) -> Outcome {
        let outcome = self.scan(fragment);
        match &mut self.restorer {
            // Nothing follows what stops a channel, so nothing can be held back.
            Some(_) if outcome.stop.is_some() => restored(outcome, self.restorer.take()),
            Some(restorer) => {
                let mut text = String::new();
                restorer.push(&outcome.text, &mut text);
                Outcome { text, ..outcome }
            }
            None => outcome,
        }
    }

    fn scan(&mut self, fragment: &str) -> Outcome {
        let mut text = String::new();
        match &mut self.state {
            State::Scanning(scanner) => {
                let flow = scanner.push(fragment, &mut text);
                let findings = scanner.take_findings();
                outcome(&self.path, text, findings, flow)
            }
            State::ScanningJson(scanner) => {
                let verdict = scanner.push(fragment, &mut text);
                let report = JsonReport {
                    findings: scanner.take_findings(),
                    unscannable: scanner.take_unscannable(),
                    verdict,
                };
                json_outcome(&self.path, text, report)
            }
            State::Holding { document, .. } => {
                document.push_str(fragment);
                Outcome {
                    text,
                    findings: Vec::new(),
                    unscannable: Vec::new(),
                    stop: None,
                }
            }
        }
    }

    /// Ends the channel and lets out what is left.
    pub(super) fn finish(mut self, engine: &Engine) -> Outcome {
        let restorer = self.restorer.take();
        restored(self.end(engine), restorer)
    }

    fn end(self, engine: &Engine) -> Outcome {
        let Self { path, state, .. } = self;
        match state {
            State::Scanning(scanner) => {
                let mut text = String::new();
                let (flow, findings) = scanner.finish_with_findings(&mut text);
                outcome(&path, text, findings, flow)
            }
            State::ScanningJson(scanner) => {
                let mut text = String::new();
                let report = scanner.finish(&mut text);
                json_outcome(&path, text, report)
            }
            State::Holding { document, policy } => {
                let mut document = Value::String(document);
                let report = engine.redact_json(&mut document, &Shape::Json, &policy);
                let text = match (document, &report.verdict) {
                    (Value::String(document), Verdict::Pass) => document,
                    _ => String::new(),
                };
                json_outcome(&path, text, report)
            }
        }
    }
}

/// Puts values into the last text of a channel.
fn restored(outcome: Outcome, restorer: Option<Restorer>) -> Outcome {
    let Some(mut restorer) = restorer else {
        return outcome;
    };
    let mut text = String::new();
    restorer.push(&outcome.text, &mut text);
    restorer.finish(&mut text);
    Outcome { text, ..outcome }
}

fn outcome(path: &str, text: String, findings: Vec<Finding>, flow: Flow) -> Outcome {
    let stop = match flow {
        Flow::Continue => None,
        Flow::Blocked(finding) => Some(Stop::Blocked(finding.at(path))),
    };
    Outcome {
        text,
        findings: findings.into_iter().map(|finding| finding.at(path)).collect(),
        unscannable: Vec::new(),
        stop,
    }
}

fn json_outcome(path: &str, text: String, report: JsonReport) -> Outcome {
    let place = |finding: Finding| {
        let whole = within(path, finding.path().unwrap_or_default());
        finding.at(&whole)
    };
    let stop = match report.verdict {
        Verdict::Pass => None,
        Verdict::Blocked(finding) => Some(Stop::Blocked(place(finding))),
        Verdict::Refused(finding) => Some(Stop::Refused(place(finding))),
    };
    let unscannable = report.unscannable.iter();
    Outcome {
        text,
        findings: report.findings.into_iter().map(place).collect(),
        unscannable: unscannable
            .map(|part| part.clone().at(&within(path, part.path())))
            .collect(),
        stop,
    }
}

/// A place in the document at `path`.
fn within(path: &str, place: &str) -> String {
    match place.chars().next() {
        None => path.to_owned(),
        Some('[' | '.') => format!("{path}{place}"),
        Some(_) => format!("{path}.{place}"),
    }
}
