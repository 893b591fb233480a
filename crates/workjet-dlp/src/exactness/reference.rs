//! What a text should become, found without any shortcut.

use crate::custom::Scratch;
use crate::search::{Verdict, Window};
use crate::{Action, Engine, Policy};

/// Asks every rule at every position, with all of the text in view, and applies what wins.
pub(super) fn reference(engine: &Engine, bytes: &[u8], policy: &Policy) -> Vec<u8> {
    let rules = &engine.inner().rules;
    let window = Window {
        bytes,
        origin: 0,
        last: true,
    };
    let mut scratch = Scratch::default();
    let (mut out, mut at) = (Vec::new(), 0);
    'text: while at < bytes.len() {
        for rule in rules.iter() {
            if bytes[at..].starts_with(rule.placeholder.as_bytes()) {
                out.extend_from_slice(rule.placeholder.as_bytes());
                at += rule.placeholder.len();
                continue 'text;
            }
        }
        for rule in rules.iter() {
            let action = policy.action(&rule.detector);
            if action == Action::Off || !rule.can_start(bytes[at]) {
                continue;
            }
            if let Verdict::Match(hit) = rule.verify(&window, at, &mut scratch) {
                let rest = &bytes[hit.end..];
                let end = hit.end
                    + hit
                        .run
                        .map_or(0, |mut run| run.advance(rest).unwrap_or(rest.len()));
                match action {
                    Action::Block => return out,
                    Action::Redact => out.extend_from_slice(rule.placeholder.as_bytes()),
                    _ => out.extend_from_slice(&bytes[at..end]),
                }
                at = end;
                continue 'text;
            }
        }
        out.push(bytes[at]);
        at += 1;
    }
    out
}
