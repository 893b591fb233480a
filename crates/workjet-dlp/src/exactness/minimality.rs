//! How little may be held back.
//!
//! After `n` bytes a stream may keep what begins at the earliest place where the [shape](super::shapes) of some rule could still
//! turn into a match, given those bytes and any others after them. Everything before must be out. The engine may let out more,
//! since it knows words and sums that a shape does not have.

use std::cell::RefCell;

use super::reference::Decided;
use super::setting::Setting;
use super::shapes::{Shape, shapes};
use crate::custom::Scratch;
use crate::search::{Rule, Verdict, Window};
use crate::{Action, Policy};

thread_local! {
    static SHAPES: RefCell<Vec<Shape>> = RefCell::new(shapes());
}

/// For each number of bytes that have arrived, the earliest place that may be kept.
///
/// # Errors
/// If a match was proven when the shape of its rule was dead already.
pub(super) fn earliest_live(
    setting: &Setting,
    text: &[u8],
    policy: &Policy,
    decided: &Decided,
) -> Result<Vec<usize>, String> {
    let rules: Vec<&Rule> = setting.engine.inner().rules.iter().collect();
    // If nothing lives, all that has arrived is out.
    let mut earliest: Vec<usize> = (0..=text.len()).collect();
    let (mut at, mut settled) = (0, 0);
    while at < text.len() {
        let hit = decided.matches.iter().find(|hit| hit.start == at);
        let mut dies = placeholder_dies(setting, &text[at..]).map_or(usize::MAX, |n| at + n);
        for (index, rule) in rules.iter().enumerate() {
            if policy.action(&rule.detector) == Action::Off {
                continue;
            }
            let death = match rule.finds() {
                CUSTOM => setting.customs[index - first_custom(&rules)].dies_at(text, at),
                _ => SHAPES.with_borrow_mut(|shapes| dies_at(shapes, rule, text, at)),
            };
            dies = dies.max(death);
            // Rules behind the one that matches are not waited for.
            if let Some(hit) = hit.filter(|hit| hit.rule == index) {
                if death < hit.proven {
                    let value = String::from_utf8_lossy(&text[at..hit.proven]);
                    return Err(format!("{value} is no shape of {}", rule.finds()));
                }
                dies = dies.max(hit.waits_until);
                break;
            }
        }
        // From its first byte on until its last shape has died, the place may be kept, and with it all that follows.
        let dies = dies.min(text.len() + 1);
        if let Some(kept) = earliest.get_mut(settled.max(at + 1)..dies) {
            kept.fill(at);
        }
        settled = settled.max(dies);
        if let Some(blocked) = decided.blocked.filter(|blocked| *blocked == at) {
            for earliest in &mut earliest {
                *earliest = (*earliest).min(blocked);
            }
            break;
        }
        let stepped_over = decided.stepped_over.iter().find(|(start, _)| *start == at);
        at = match (hit, stepped_over) {
            (Some(hit), _) => hit.end,
            (None, Some((_, end))) => *end,
            (None, None) => at + 1,
        };
    }
    Ok(earliest)
}

/// What custom patterns are called.
const CUSTOM: &str = "a custom pattern";

fn first_custom(rules: &[&Rule]) -> usize {
    let first = rules.iter().position(|rule| rule.finds() == CUSTOM);
    first.expect("asked about a custom pattern")
}

/// The number of bytes of the text with which no shape of the rule can begin at `at` any more; more than there are if one still
/// can.
fn dies_at(shapes: &mut [Shape], rule: &Rule, text: &[u8], at: usize) -> usize {
    let before = &text[..at];
    let mut death = 0;
    for shape in shapes.iter_mut().filter(|shape| shape.rule == rule.finds()) {
        if !(shape.after)(before) {
            continue;
        }
        let dies = shape
            .all_of
            .iter_mut()
            .map(|live| live.dies_after(&text[at..]).map_or(usize::MAX, |n| at + n))
            .min()
            .unwrap_or(0);
        // The announcement is looked for last, since it costs most.
        if dies > death.max(at + 1) && is_announced(rule, before, shape.announced) {
            death = dies;
        }
    }
    death
}

/// Whether the rule accepts one of the values here, all of it.
fn is_announced(rule: &Rule, before: &[u8], values: &[&str]) -> bool {
    values.is_empty()
        || values.iter().any(|value| {
            let bytes = [before, value.as_bytes()].concat();
            let window = Window {
                bytes: &bytes,
                origin: 0,
                last: true,
            };
            let url = value.find('@').unwrap_or(value.len());
            let verdict = rule.verify(&window, before.len(), &mut Scratch::default());
            matches!(verdict, Verdict::Match(hit) if hit.run.is_some() || hit.end >= before.len() + url)
        })
}

/// With how many bytes it is clear that no placeholder begins here, or that one does; `None` if they are the beginning of one.
fn placeholder_dies(setting: &Setting, rest: &[u8]) -> Option<usize> {
    if rest.first() != Some(&b'[') {
        return Some(1);
    }
    let alike =
        |form: u8, byte: u8| form == byte || (form == b'0' && matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let read = setting.placeholders.iter().map(|form| {
        let same = form
            .bytes()
            .zip(rest)
            .take_while(|(form, byte)| alike(*form, **byte))
            .count();
        // A whole one is known for what it is; of a part, the next byte decides.
        if same == form.len() { same } else { same + 1 }
    });
    let dies = read.max().unwrap_or(1);
    (dies <= rest.len()).then_some(dies)
}
