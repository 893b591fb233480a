//! What the scans found, counted: for the log, the `x-workjet-dlp` header and the metrics. Never the text.

use workjet_audit::{Direction, Entry, Finding, MAX_FINDINGS, Unscannable};
use workjet_dlp::UnscannableReason;

use crate::metrics::Metrics;

/// Findings of one request, in both directions. Takes the same little room however many there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    /// The first places, as many as the log itemises.
    places: Vec<Finding>,
    /// Findings at further places.
    more: u64,
    /// Every finding, by direction, detector and action.
    totals: Vec<Total>,
    unscannable: Vec<Unscannable>,
}

#[derive(Debug, Clone)]
struct Total {
    direction: Direction,
    detector: String,
    action: &'static str,
    count: u64,
}

impl Findings {
    /// Adds what one scan found.
    pub(crate) fn add(&mut self, direction: Direction, found: &[workjet_dlp::Finding]) {
        for finding in found {
            let (detector, action) = (finding.detector().as_str(), finding.action().as_str());
            self.total(direction, detector, action).count += 1;
            let (subtype, path) = (finding.subtype(), finding.path());
            let same = self.places.iter().position(|place| {
                place.direction == direction
                    && place.detector == detector
                    && place.subtype.as_deref() == subtype
                    && place.action == action
                    && place.path.as_deref() == path
            });
            match same {
                Some(at) => self.places[at].count += 1,
                None if self.places.len() < MAX_FINDINGS => self.places.push(Finding {
                    detector: detector.to_owned(),
                    subtype: subtype.map(str::to_owned),
                    action: action.to_owned(),
                    direction,
                    count: 1,
                    path: path.map(str::to_owned),
                }),
                None => self.more += 1,
            }
        }
    }

    fn total(&mut self, direction: Direction, detector: &str, action: &'static str) -> &mut Total {
        let same = |total: &Total| {
            total.direction == direction && total.detector == detector && total.action == action
        };
        let at = self.totals.iter().position(same).unwrap_or_else(|| {
            self.totals.push(Total {
                direction,
                detector: detector.to_owned(),
                action,
                count: 0,
            });
            self.totals.len() - 1
        });
        &mut self.totals[at]
    }

    /// Adds parts that could not be scanned, and what the policy does about such parts.
    pub(crate) fn add_unscannable(
        &mut self,
        parts: &[workjet_dlp::Unscannable],
        policy: crate::config::Unscannable,
    ) {
        let action = match policy {
            crate::config::Unscannable::Allow => "allow",
            crate::config::Unscannable::Block => "block",
        };
        let room = MAX_FINDINGS.saturating_sub(self.unscannable.len());
        self.unscannable
            .extend(parts.iter().take(room).map(|part| Unscannable {
                path: part.path().to_owned(),
                reason: reason(part.reason()).to_owned(),
                action: Some(action.to_owned()),
            }));
    }

    /// Writes them into a log entry.
    pub(crate) fn log(&self, entry: Entry) -> Entry {
        let mut entry = entry
            .findings(self.places.iter().cloned())
            .unscannable(self.unscannable.iter().cloned());
        entry.findings_more = entry.findings_more.saturating_add(self.more);
        entry
    }

    /// The value of `x-workjet-dlp`: `request=credit_card:redact*2, response=email:redact*1`, or `None` if nothing was
    /// found.
    pub(crate) fn to_header(&self) -> Option<String> {
        let part = |total: &Total| {
            format!(
                "{}={}:{}*{}",
                direction(total.direction),
                total.detector,
                total.action,
                total.count
            )
        };
        (!self.totals.is_empty()).then(|| self.totals.iter().map(part).collect::<Vec<_>>().join(", "))
    }

    /// Adds them to the metrics.
    pub(crate) fn count(&self, metrics: &Metrics) {
        for total in &self.totals {
            metrics.findings(
                direction(total.direction),
                &total.detector,
                total.action,
                total.count,
            );
        }
    }
}

const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Request => "request",
        Direction::Response => "response",
    }
}

const fn reason(reason: UnscannableReason) -> &'static str {
    match reason {
        UnscannableReason::Opaque => "opaque",
        UnscannableReason::Signed => "signed",
        UnscannableReason::TooDeep => "too_deep",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use workjet_audit::Kind;
    use workjet_dlp::{Engine, Policy, Shape};
    use workjet_tenant::Actor;

    use super::*;

    #[test]
    fn many_findings_are_counted_where_they_cannot_be_listed() {
        let card = ["4111", "1111", "1111", "1111"].join(" ");
        let mut body: Value = (0..200).map(|_| json!(format!("{card} and {card}"))).collect();
        let report = Engine::standard().redact_json(&mut body, &Shape::Any, &Policy::redact_all());
        let mut findings = Findings::default();
        findings.add(Direction::Request, &report.findings);

        assert_eq!(
            findings.to_header().as_deref(),
            Some("request=credit_card:redact*400")
        );
        let tenant = "default".parse().expect("an id");
        let entry = findings.log(Entry::new(
            "e",
            Timestamp::UNIX_EPOCH,
            tenant,
            Actor::System,
            Kind::AiIntent,
        ));
        let listed: u64 = entry.findings.iter().map(|finding| finding.count).sum();
        assert_eq!(entry.findings.len(), MAX_FINDINGS);
        assert_eq!(listed + entry.findings_more, 400);
    }
}
