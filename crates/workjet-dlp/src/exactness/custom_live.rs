//! Whether a custom pattern could still match at a place: the automaton of `regex-automata` says.
//!
//! It is another one than the engine's: the engine follows threads of an NFA, this is a DFA that was made beforehand.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::NFA;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Hir, HirKind};

use super::patterns::Pattern;

/// A pattern's automata.
#[derive(Clone, Debug)]
pub(super) struct CustomLive {
    dfa: Dfa,
    /// The same without assertions. Some can be seen never to hold before the bytes for them are there; that is more than a shape
    /// has to know.
    shape: Dfa,
    longest: usize,
}

type Dfa = dense::DFA<Vec<u32>>;

impl CustomLive {
    pub(super) fn new(pattern: &Pattern) -> Self {
        let config = |kind| {
            dense::Config::new()
                .match_kind(kind)
                .start_kind(StartKind::Anchored)
                // A letter that is not ASCII near a boundary ends what the automaton can say.
                .unicode_word_boundary(true)
        };
        let built = "small patterns have small automata";
        let dfa = dense::Builder::new()
            .configure(config(MatchKind::LeftmostFirst))
            .build(&pattern.regex)
            .expect(built);
        let hir = regex_syntax::parse(&pattern.regex).expect("the engine took it");
        let nfa = NFA::compiler()
            .build_from_hir(&without_assertions(hir))
            .expect(built);
        let shape = dense::Builder::new()
            .configure(config(MatchKind::All))
            .build_from_nfa(&nfa)
            .expect(built);
        Self {
            dfa,
            shape,
            longest: pattern.max_len.unwrap_or(usize::MAX),
        }
    }

    /// The number of bytes of the text with which nothing that follows could decide about a match at `at`; more than there are if
    /// something could.
    pub(super) fn dies_at(&self, text: &[u8], at: usize) -> usize {
        let input = Input::new(text).span(at..text.len()).anchored(Anchored::Yes);
        let config = start::Config::from_input_forward(&input);
        let starts = (self.dfa.start_state(&config), self.shape.start_state(&config));
        let (Ok(mut state), Ok(mut shape)) = starts else {
            return usize::MAX;
        };
        for (read, byte) in text[at..].iter().enumerate() {
            state = self.dfa.next_state(state, *byte);
            shape = self.shape.next_state(shape, *byte);
            if self.dfa.is_quit_state(state) {
                return usize::MAX;
            }
            let undecided = match next_decides(&self.dfa, state) {
                Next::Decides => true,
                Next::IsNone => {
                    // Assertions at the end may wait for a character that cannot help any more.
                    let complete = self.shape.is_match_state(self.shape.next_eoi_state(shape));
                    !self.dfa.is_dead_state(state) && (complete || wants_bytes(&self.shape, shape))
                }
                Next::IsOne => wants_bytes(&self.dfa, state),
            };
            // One character more may be asked about, and be of up to four bytes.
            if !undecided || read >= self.longest.saturating_add(4) {
                return whole_character(text, at + read);
            }
        }
        usize::MAX
    }
}

/// With how many bytes the character is there, or broken off, of which a byte stands at `at`: an assertion may wait for it.
fn whole_character(text: &[u8], at: usize) -> usize {
    let goes_on = |at: usize| matches!(text.get(at), Some(0x80..=0xBF));
    let lead = (at.saturating_sub(3)..=at)
        .rfind(|at| !goes_on(*at))
        .unwrap_or(at);
    let length = match text[lead] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return at + 1,
    };
    if lead + length <= at {
        return at + 1;
    }
    match (lead + 1..lead + length).find(|at| !goes_on(*at)) {
        Some(broken) if broken == text.len() => usize::MAX,
        Some(broken) => broken + 1,
        None => lead + length,
    }
}

/// What the byte after a state, or the end, says about a match that ends there.
enum Next {
    /// Whether it is one.
    Decides,
    /// Nothing: it is none.
    IsNone,
    /// Nothing: it is one.
    IsOne,
}

fn next_decides(dfa: &Dfa, state: StateID) -> Next {
    let at_end = dfa.is_match_state(dfa.next_eoi_state(state));
    let decides = (0..=u8::MAX).any(|byte| {
        let next = dfa.next_state(state, byte);
        dfa.is_match_state(next) != at_end || dfa.is_quit_state(next)
    });
    match (decides, at_end) {
        (true, _) => Next::Decides,
        (false, true) => Next::IsOne,
        (false, false) => Next::IsNone,
    }
}

/// Whether some byte leads on, further than to the match that the automaton shows one byte late.
fn wants_bytes(dfa: &Dfa, state: StateID) -> bool {
    let dead = |state| dfa.is_dead_state(state);
    !dead(state)
        && (0..=u8::MAX).any(|byte| {
            let next = dfa.next_state(state, byte);
            !dead(next) && (0..=u8::MAX).any(|byte| !dead(dfa.next_state(next, byte)))
        })
}

fn without_assertions(hir: Hir) -> Hir {
    let each = |parts: Vec<Hir>| parts.into_iter().map(without_assertions).collect();
    match hir.into_kind() {
        HirKind::Look(_) | HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Capture(capture) => without_assertions(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(each(parts)),
        HirKind::Alternation(parts) => Hir::alternation(each(parts)),
        HirKind::Repetition(mut repetition) => {
            *repetition.sub = without_assertions(*repetition.sub);
            Hir::repetition(repetition)
        }
    }
}
