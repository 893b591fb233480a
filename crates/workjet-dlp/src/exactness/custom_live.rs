//! Whether a custom pattern could still match at a place: the automaton of `regex-automata` says.
//!
//! It is another one than the engine's: the engine follows threads of an NFA, this is a DFA that was made beforehand.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use super::patterns::Pattern;

/// A pattern's automaton.
pub(super) struct CustomLive {
    dfa: dense::DFA<Vec<u32>>,
    longest: usize,
}

impl CustomLive {
    pub(super) fn new(pattern: &Pattern) -> Self {
        let config = dense::Config::new()
            .match_kind(MatchKind::LeftmostFirst)
            .start_kind(StartKind::Anchored)
            // A letter that is not ASCII near a boundary ends what the automaton can say.
            .unicode_word_boundary(true);
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax::Config::new())
            .build(&pattern.regex)
            .expect("small patterns have small automata");
        Self {
            dfa,
            longest: pattern.max_len.unwrap_or(usize::MAX),
        }
    }

    /// The number of bytes of the text with which nothing that follows could decide about a match at `at`; more than there are if
    /// something could.
    pub(super) fn dies_at(&mut self, text: &[u8], at: usize) -> usize {
        let input = Input::new(text).span(at..text.len()).anchored(Anchored::Yes);
        let config = start::Config::from_input_forward(&input);
        let Ok(mut state) = self.dfa.start_state(&config) else {
            return usize::MAX;
        };
        for (read, byte) in text[at..].iter().enumerate() {
            state = self.dfa.next_state(state, *byte);
            if self.dfa.is_quit_state(state) {
                return usize::MAX;
            }
            // One character more may be asked about, and be of up to four bytes.
            if !self.is_open(state) || read >= self.longest.saturating_add(4) {
                return at + read + 1;
            }
        }
        usize::MAX
    }

    /// Whether what follows makes a difference: another byte can lead on, or whether it is a match depends on what comes next.
    fn is_open(&self, state: regex_automata::util::primitives::StateID) -> bool {
        if self.dfa.is_dead_state(state) {
            return false;
        }
        let dead = |state| self.dfa.is_dead_state(state);
        let matches = |state| self.dfa.is_match_state(state);
        let at_end = matches(self.dfa.next_eoi_state(state));
        (0..=u8::MAX).any(|byte| {
            let next = self.dfa.next_state(state, byte);
            matches(next) != at_end
                || self.dfa.is_quit_state(next)
                || (!dead(next) && (0..=u8::MAX).any(|byte| !dead(self.dfa.next_state(next, byte))))
        })
    }
}
