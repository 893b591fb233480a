//! Whether bytes can still go on to match a regular expression.
//!
//! The expression is compiled to an NFA and made deterministic as texts ask for it. A state is alive if some thread in it still
//! wants a byte: without empty classes and assertions every thread can reach the end, so that is exact.

use std::collections::HashMap;

use regex_automata::nfa::thompson::{Config, NFA, State, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;

/// A regular expression that is asked from one place on.
pub(super) struct Live {
    nfa: NFA,
    ids: HashMap<Box<[StateID]>, u32>,
    states: Vec<LiveState>,
}

struct LiveState {
    threads: Box<[StateID]>,
    next: Box<[u32; 256]>,
}

const UNKNOWN: u32 = u32::MAX;
const DEAD: u32 = 0;
const START: u32 = 1;

impl Live {
    /// Compiles an expression without assertions.
    pub(super) fn new(regex: &str) -> Self {
        let config = Config::new().utf8(false).which_captures(WhichCaptures::None);
        let nfa = NFA::compiler()
            .configure(config)
            .syntax(syntax::Config::new().utf8(false))
            .build(regex)
            .unwrap_or_else(|error| panic!("{regex}: {error}"));
        let mut live = Self {
            nfa,
            ids: HashMap::new(),
            states: Vec::new(),
        };
        live.state(Vec::new());
        let start = live.closure(vec![live.nfa.start_anchored()]);
        live.state(start);
        live
    }

    /// How many bytes can be read until nothing that follows could make a match, which does not count those that are one already:
    /// `None` if all can.
    pub(super) fn dies_after(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut state = START;
        for (place, byte) in bytes.iter().enumerate() {
            state = match self.states[state as usize].next[usize::from(*byte)] {
                UNKNOWN => self.step(state, *byte),
                next => next,
            };
            if state == DEAD {
                return Some(place + 1);
            }
        }
        None
    }

    fn step(&mut self, from: u32, byte: u8) -> u32 {
        let threads = &self.states[from as usize].threads;
        let target = |thread: &StateID| match self.nfa.state(*thread) {
            State::ByteRange { trans } if trans.matches_byte(byte) => Some(trans.next),
            State::Sparse(transitions) => transitions.matches_byte(byte),
            State::Dense(transitions) => transitions.matches_byte(byte),
            _ => None,
        };
        let targets = threads.iter().filter_map(target).collect();
        let closure = self.closure(targets);
        let next = self.state(closure);
        self.states[from as usize].next[usize::from(byte)] = next;
        next
    }

    /// The threads that want a byte, reached from these without one.
    fn closure(&self, mut pending: Vec<StateID>) -> Vec<StateID> {
        let mut seen = vec![false; self.nfa.states().len()];
        let mut threads = Vec::new();
        while let Some(state) = pending.pop() {
            if std::mem::replace(&mut seen[state.as_usize()], true) {
                continue;
            }
            match self.nfa.state(state) {
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) => threads.push(state),
                State::Union { alternates } => pending.extend(alternates.iter()),
                State::BinaryUnion { alt1, alt2 } => pending.extend([*alt1, *alt2]),
                State::Capture { next, .. } => pending.push(*next),
                State::Look { .. } => panic!("an assertion in a shape"),
                State::Fail | State::Match { .. } => {}
            }
        }
        threads.sort_unstable();
        threads
    }

    fn state(&mut self, threads: Vec<StateID>) -> u32 {
        let threads: Box<[StateID]> = threads.into();
        let id = self.states.len() as u32;
        match self.ids.get(&threads) {
            Some(known) => *known,
            None => {
                self.ids.insert(threads.clone(), id);
                self.states.push(LiveState {
                    threads,
                    next: Box::new([UNKNOWN; 256]),
                });
                id
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_live_until_nothing_more_is_wanted_or_nothing_more_can_follow() {
        let mut live = Live::new(r"ghp_[a-z]{3}");
        assert_eq!(live.dies_after(b"gh"), None);
        assert_eq!(live.dies_after(b"gx"), Some(2));
        assert_eq!(live.dies_after(b"ghp_ab"), None);
        assert_eq!(live.dies_after(b"ghp_abc"), Some(7), "it is complete");
        let mut live = Live::new(r"ab?|abcd");
        assert_eq!(live.dies_after(b"ab"), None, "more is wanted, though it matches");
        assert_eq!(live.dies_after(b"abd"), Some(3));
    }
}
