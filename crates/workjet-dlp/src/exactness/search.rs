//! The shortcuts of the search against asking every rule at every position.

use crate::Engine;
use crate::custom::Scratch;
use crate::gate::{Ahead, Anchor, REACH};
use crate::search::{Verdict, Window};

/// Asks every rule at every position twice: as the search does, with what has been noted so far, and afresh.
pub(super) fn check_notes(engine: &Engine, bytes: &[u8], last: bool) {
    let window = Window {
        bytes,
        origin: 0,
        last,
    };
    let answer = |verdict| match verdict {
        Verdict::No => None,
        Verdict::More => Some(usize::MAX),
        Verdict::Match(hit) => Some(hit.end),
    };
    let mut noted = Scratch::default();
    for (at, byte) in bytes.iter().enumerate() {
        for rule in engine.inner().rules.iter().filter(|rule| rule.can_start(*byte)) {
            let afresh = answer(rule.verify(&window, at, &mut Scratch::that_tries_all()));
            let noted = answer(rule.verify(&window, at, &mut noted));
            assert_eq!(noted, afresh, "{} at {at} of {bytes:?}", rule.finds());
        }
    }
}

/// Asks every rule at every position, and checks that the gate has noted all that did not say no.
pub(super) fn check_gate(engine: &Engine, bytes: &[u8], from: usize, last: bool) {
    let window = Window {
        bytes,
        origin: 0,
        last,
    };
    let until = if last {
        bytes.len()
    } else {
        bytes.len().saturating_sub(REACH)
    };
    let rules = &engine.inner().rules;
    let mut noted = vec![0; bytes.len()];
    let (mut ahead, mut at) = (Box::<Ahead>::default(), from);
    while at < until {
        let Some((place, anchors)) = rules.gate().next(&mut ahead, &window, at, until) else {
            break;
        };
        assert!((at..until).contains(&place));
        noted[place] = anchors;
        at = place + 1;
    }
    let mut scratch = Scratch::default();
    for at in from..until {
        for rule in rules.iter().filter(|rule| rule.can_start(bytes[at])) {
            let silent = matches!(rule.verify(&window, at, &mut scratch), Verdict::No);
            assert!(
                silent || noted[at] & rule.anchor() as u8 != 0,
                "{} at {at} of {:?}",
                rule.finds(),
                String::from_utf8_lossy(bytes)
            );
            let placeholder = bytes[at..].starts_with(rule.placeholder.as_bytes());
            assert!(!placeholder || noted[at] & Anchor::Placeholder as u8 != 0);
        }
    }
}
