//! What a text should become, found without any shortcut: every rule is asked at every position with all of the text in view,
//! and what wins is applied.
//!
//! It shares with the engine the verifiers, each asked about one place of a whole text, and their order. It has no gate, no notes,
//! no windows and no cursor, and its own idea of placeholders, masks and what is allowed.

use super::setting::Setting;
use crate::cursor::WAITS_FOR;
use crate::custom::Scratch;
use crate::search::{Verdict, Window};
use crate::{Action, Policy};

/// A text and what was decided about it.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// What takes another's place or passes as a finding, from left to right.
    pub matches: Vec<Match>,
    /// Placeholders of an earlier pass: nothing begins within them.
    pub stepped_over: Vec<(usize, usize)>,
    /// Where the text was stopped.
    pub blocked: Option<usize>,
}

/// One match.
#[derive(Clone, Debug)]
pub struct Match {
    /// Its first byte.
    pub start: usize,
    /// The end of what proved it.
    pub proven: usize,
    /// Its end.
    pub end: usize,
    /// The place of its rule among those of the engine.
    pub rule: usize,
    /// What is done.
    pub action: Action,
    /// What stands in its place, unless it passes.
    pub instead: Option<Vec<u8>>,
    /// The number of bytes with which it is clear what that is, if that depends on all of the match.
    pub waits_until: usize,
}

impl Decided {
    /// The whole output.
    #[must_use]
    pub fn output(&self, bytes: &[u8]) -> Vec<u8> {
        self.output_until(bytes, bytes.len())
    }

    /// The output when everything before `until` has been decided. A match that begins before is there from its start on.
    #[must_use]
    pub fn output_until(&self, bytes: &[u8], until: usize) -> Vec<u8> {
        let until = until.min(self.blocked.unwrap_or(usize::MAX));
        let (mut out, mut at) = (Vec::new(), 0);
        for hit in self.matches.iter().filter(|hit| hit.start < until) {
            out.extend_from_slice(&bytes[at..hit.start]);
            match &hit.instead {
                Some(instead) => out.extend_from_slice(instead),
                None => out.extend_from_slice(&bytes[hit.start..hit.end.min(until)]),
            }
            at = hit.end;
        }
        if at < until {
            out.extend_from_slice(&bytes[at..until]);
        }
        out
    }
}

/// Decides a text.
#[must_use]
pub fn reference(setting: &Setting, bytes: &[u8], policy: &Policy) -> Decided {
    let rules = &setting.engine.inner().rules;
    let window = Window {
        bytes,
        origin: 0,
        last: true,
    };
    let mut decided = Decided::default();
    let mut scratch = Scratch::that_tries_all();
    let mut at = 0;
    'text: while at < bytes.len() {
        if let Some(length) = own_placeholder(setting, &bytes[at..]) {
            decided.stepped_over.push((at, at + length));
            at += length;
            continue;
        }
        for (index, rule) in rules.iter().enumerate() {
            let action = policy.action(&rule.detector);
            if action == Action::Off || !rule.can_start(bytes[at]) {
                continue;
            }
            // Nothing is remembered from one place to the next.
            scratch.forget_text();
            let Verdict::Match(hit) = rule.verify(&window, at, &mut scratch) else {
                continue;
            };
            let proof = &bytes[at..hit.end];
            let rest = &bytes[hit.end..];
            let goes_on = hit.run.is_some();
            let more = hit
                .run
                .map_or(0, |mut run| run.advance(rest).unwrap_or(rest.len()));
            let action = if setting.allows(proof, goes_on) {
                Action::Warn
            } else {
                action
            };
            if action == Action::Block {
                decided.blocked = Some(at);
                return decided;
            }
            let end = hit.end + more;
            let value = &bytes[at..end];
            let whole = !goes_on || value.len() < WAITS_FOR;
            let hash_key = policy.plan(rules).hash_key;
            let redacted = || format!("[REDACTED:{}]", rule.detector);
            let instead = match (action, &hash_key) {
                (Action::Mask, _) if whole => Some(masked(value)),
                (Action::Hash, Some(key)) if whole => Some(key.hash(&rule.detector, value)),
                _ if action.changes_text() => Some(redacted()),
                _ => None,
            };
            let waits = goes_on && (action == Action::Mask || (action == Action::Hash && hash_key.is_some()));
            decided.matches.push(Match {
                start: at,
                proven: hit.end,
                end,
                rule: index,
                action,
                instead: instead.map(String::into_bytes),
                waits_until: if waits { (end + 1).min(at + WAITS_FOR) } else { 0 },
            });
            at = end;
            continue 'text;
        }
        at += 1;
    }
    decided
}

/// A star for each character but the last four letters and digits, if more than eight are there.
fn masked(value: &[u8]) -> String {
    let mut chars: Vec<char> = String::from_utf8_lossy(value).chars().collect();
    let telling: Vec<usize> = (0..chars.len())
        .filter(|place| chars[*place].is_alphanumeric())
        .collect();
    let shown = if telling.len() > 8 {
        &telling[telling.len() - 4..]
    } else {
        &[]
    };
    for (place, char) in chars.iter_mut().enumerate() {
        if !shown.contains(&place) {
            *char = '*';
        }
    }
    chars.into_iter().collect()
}

/// The length of the placeholder that the rest of a text begins with.
fn own_placeholder(setting: &Setting, rest: &[u8]) -> Option<usize> {
    let rest = rest.strip_prefix(b"[")?;
    let end = rest.iter().position(|byte| *byte == b']')?;
    let inner = std::str::from_utf8(&rest[..end]).ok()?;
    let hex = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let own = setting.engine.detectors().any(|detector| {
        let detector = detector.as_str();
        let capitals = detector.to_ascii_uppercase();
        match inner.split(':').collect::<Vec<_>>()[..] {
            ["REDACTED", name] => name == detector,
            ["HASH", name, hash] => name == detector && hex(hash, 16),
            [name, token] => name == capitals && hex(token, 6),
            _ => false,
        }
    });
    own.then_some(end + 2)
}
