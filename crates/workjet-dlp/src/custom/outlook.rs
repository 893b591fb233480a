//! From where a match of a custom pattern can still come, known from one pass backwards.
//!
//! Following a careless pattern, such as `[a-z ]+!`, from each place where it can begin reads the same bytes as often as the
//! longest match is long. One pass over them from right to left, with the transitions turned round and all ends of matches taken
//! together, says for each place which states lead to a match, and how many bytes further the nearest one ends. Places whose
//! first state does not lead to one, or to one that is too far away, are not tried; from the others only the states that do are
//! followed, and then no byte is read behind the match.
//!
//! What has not arrived could be anything, so all states count as leading on where it begins, and so does an assertion that asks
//! about it: what is ruled out stays so whatever follows. The pass is made only when following has been costly, and in blocks,
//! so that patterns that fail early never need it.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

use super::{Scratch, asks_about_next};
use crate::search::{Peek, Window};

/// When passes are made, and of what size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Steps that a place may cost in vain without being counted.
    pub(super) patience: usize,
    /// Places judged in one pass, which reads as many bytes and a longest match.
    block: usize,
    /// States that are kept for the places of a pass. If more lead to a match, only the places are kept where matches begin.
    most_live: usize,
    /// Whether passes are made at once.
    eager: bool,
}

impl Pace {
    const USUAL: Self = Self {
        patience: 64,
        block: 8192,
        most_live: 1 << 16,
        eager: false,
    };

    /// What a pass can know about every place, and after few places anew.
    const EAGER: Self = Self {
        patience: 0,
        block: 24,
        most_live: 200,
        eager: true,
    };

    /// Whether a pattern with this longest match cannot be careless.
    pub(super) fn never_needs_a_pass(self, longest: usize) -> bool {
        longest <= self.patience
    }
}

impl Default for Pace {
    /// Tests and long runs look at every place for what few texts need.
    fn default() -> Self {
        if cfg!(any(test, feature = "testing")) {
            Self::EAGER
        } else {
            Self::USUAL
        }
    }
}

/// The following passes over a text are made this much earlier: its first one was worth it.
const REBATE: usize = 4;

/// The transitions of an NFA, turned round.
pub(super) struct Backward {
    /// For each state, the transitions that lead to it, by their first byte.
    over: Lists<Edge>,
    /// For each state, the states that lead to it without a byte.
    without: Lists<StateID>,
    matches: Vec<StateID>,
    /// Assertions that may wait for a character.
    asking: Vec<StateID>,
}

struct Edge {
    first: u8,
    last: u8,
    from: StateID,
}

impl Backward {
    pub(super) fn new(nfa: &NFA) -> Self {
        let (mut over, mut without) = (Vec::new(), Vec::new());
        let (mut matches, mut asking) = (Vec::new(), Vec::new());
        for (index, state) in nfa.states().iter().enumerate() {
            let from = StateID::must(index);
            let edge = |first, last| Edge { first, last, from };
            match state {
                State::ByteRange { trans } => over.push((trans.next, edge(trans.start, trans.end))),
                State::Sparse(sparse) => over.extend(
                    sparse
                        .transitions
                        .iter()
                        .map(|trans| (trans.next, edge(trans.start, trans.end))),
                ),
                State::Dense(dense) => over.extend(
                    (0..=u8::MAX)
                        .filter_map(|byte| dense.matches_byte(byte).map(|next| (next, edge(byte, byte)))),
                ),
                State::Union { alternates } => without.extend(alternates.iter().map(|next| (*next, from))),
                State::BinaryUnion { alt1, alt2 } => without.extend([(*alt1, from), (*alt2, from)]),
                State::Capture { next, .. } => without.push((*next, from)),
                State::Look { look, next } => {
                    without.push((*next, from));
                    asking.extend(asks_about_next(*look).then_some(from));
                }
                State::Match { .. } => matches.push(from),
                State::Fail => {}
            }
        }
        over.sort_by_key(|(_, edge)| edge.first);
        let count = nfa.states().len();
        Self {
            over: Lists::new(count, over),
            without: Lists::new(count, without),
            matches,
            asking,
        }
    }
}

/// A list for each state, all in one piece of memory.
struct Lists<T> {
    begins: Vec<usize>,
    items: Vec<T>,
}

impl<T> Lists<T> {
    fn new(states: usize, mut items: Vec<(StateID, T)>) -> Self {
        items.sort_by_key(|(state, _)| *state);
        let begins = (0..=states).map(|state| items.partition_point(|(of, _)| of.as_usize() < state));
        Self {
            begins: begins.collect(),
            items: items.into_iter().map(|(_, item)| item).collect(),
        }
    }

    fn of(&self, state: StateID) -> &[T] {
        let state = state.as_usize();
        &self.items[self.begins[state]..self.begins[state + 1]]
    }
}

/// What is known about the places of one window.
#[derive(Default)]
pub(super) struct Outlook {
    /// Where the window of the pass began and ended, and whether the text ended there.
    origin: usize,
    length: usize,
    last: bool,
    /// The places that it judged.
    from: usize,
    to: usize,
    /// For each of them the bytes to the nearest end of a match that begins there, or to where what follows is unknown.
    distances: Vec<Option<u16>>,
    /// The states that lead to a match, and the bytes to the nearest end: for one place after the other, from right to left.
    live: Vec<(StateID, u16)>,
    /// Where the states of a place begin in `live`, and where those of the last place end.
    begins: Vec<usize>,
    /// The place that `begins` begins with.
    top: usize,
    /// Steps that led nowhere since the last pass.
    spent: usize,
    /// Steps for each byte of the last pass.
    steps_per_byte: usize,
    reached: Reached,
}

/// States of the pass, kept between places for their memory.
#[derive(Default)]
struct Reached {
    /// Those that a byte leads to, and the end of the nearest match: the nearest first.
    current: Vec<(StateID, usize)>,
    following: Vec<(StateID, usize)>,
}

impl Outlook {
    /// To be called before other bytes are searched.
    pub(super) fn forget_text(&mut self) {
        (self.from, self.to, self.spent) = (0, 0, 0);
        self.distances.clear();
        self.live.clear();
        self.begins.clear();
    }

    /// Notes steps that led nowhere.
    pub(super) fn spend(&mut self, steps: usize) {
        self.spent += steps;
    }

    /// Whether the pass judged this place. What is known of places behind the last of them holds for matches that begin before.
    pub(super) fn judges(&self, at: usize) -> bool {
        (self.from..self.to).contains(&at)
    }

    /// Whether no match begins at this place, whatever follows.
    pub(super) fn rules_out(&self, at: usize) -> bool {
        self.judges(at) && self.distances[at - self.from].is_none()
    }

    /// The states that lead to a match from this place on, and the bytes to the nearest end, in ascending order; `None` if any
    /// may.
    pub(super) fn live(&self, place: usize) -> Option<&[(StateID, u16)]> {
        if place < self.from {
            return None;
        }
        let index = self.top.checked_sub(place)?;
        let end = *self.begins.get(index + 1)?;
        Some(&self.live[self.begins[index]..end])
    }

    /// Whether a pass from this place on costs no more than what following led nowhere has cost already.
    pub(super) fn is_worth_a_pass(
        &mut self,
        pace: Pace,
        text: &Window<'_>,
        origin: usize,
        at: usize,
        longest: usize,
    ) -> bool {
        let length = text.bytes.len();
        // What was ruled out whatever follows is ruled out with more bytes as well.
        let holds = origin == self.origin
            && (length, text.last) >= (self.length, self.last)
            && (length == self.length || !self.last);
        if !holds {
            self.forget_text();
            (self.origin, self.length, self.last) = (origin, length, text.last);
        }
        let same = holds && (length, text.last) == (self.length, self.last);
        if self.judges(at) && (same || pace.eager) {
            return false;
        }
        let bytes = (length - at).min(pace.block + longest);
        let price = bytes * self.steps_per_byte.max(1);
        let rebate = if same && self.to > 0 { REBATE } else { 1 };
        pace.eager || self.spent > price / rebate
    }

    /// Passes over the bytes from `from` on, as far as matches that begin in one block can reach.
    pub(super) fn pass(
        &mut self,
        pace: Pace,
        (nfa, backward, longest): (&NFA, &Backward, usize),
        (text, origin): (&Window<'_>, usize),
        from: usize,
        scratch: &mut Scratch,
    ) {
        self.forget_text();
        let length = text.bytes.len();
        (self.origin, self.length, self.last) = (origin, length, text.last);
        let to = length.min(from + pace.block);
        (self.from, self.to) = (from, to);
        self.distances.resize(to - from, None);
        let steps = scratch.steps;
        let Reached { current, following } = &mut self.reached;
        current.clear();
        let mut place = length.min(to - 1 + longest);
        if place == length && !text.last {
            // Whatever is reached here may lead on.
            let states = (0..nfa.states().len()).map(StateID::must);
            let states = states.filter(|state| !backward.over.of(*state).is_empty());
            current.extend(states.map(|state| (state, place)));
            place -= 1;
        }
        let first = place;
        self.top = first;
        self.begins.push(0);
        let mut keeps = true;
        loop {
            scratch.round += 1;
            following.clear();
            let mut pass = Place {
                nfa,
                backward,
                text,
                place,
                following,
                live: keeps.then_some(&mut self.live),
                begins: None,
            };
            let waits = matches!(text.peek(place), Peek::Unknown);
            let asking = if waits { &*backward.asking } else { &[] };
            for state in backward.matches.iter().chain(asking) {
                pass.reach(*state, place, scratch);
            }
            if let Some(byte) = text.byte(place) {
                for &(target, end) in current.iter() {
                    if end - place > longest {
                        break;
                    }
                    for edge in backward.over.of(target) {
                        scratch.steps += 1;
                        if byte < edge.first {
                            break;
                        }
                        if byte <= edge.last {
                            pass.reach(edge.from, end, scratch);
                        }
                    }
                }
            }
            if place < to {
                self.distances[place - from] = pass.begins;
            }
            if keeps {
                self.begins.push(self.live.len());
                if self.live.len() > pace.most_live {
                    keeps = false;
                    self.begins.clear();
                    self.live.clear();
                }
            }
            std::mem::swap(current, following);
            if place == from {
                break;
            }
            place -= 1;
        }
        self.steps_per_byte = (scratch.steps - steps) as usize / (first - from + 1);
    }
}

/// The pass at one place.
struct Place<'p> {
    nfa: &'p NFA,
    backward: &'p Backward,
    text: &'p Window<'p>,
    place: usize,
    following: &'p mut Vec<(StateID, usize)>,
    live: Option<&'p mut Vec<(StateID, u16)>>,
    /// The bytes to the nearest end of a match that begins here.
    begins: Option<u16>,
}

impl Place<'_> {
    /// Adds a state that leads to a match with this end, and those that lead to it without a byte. Nearer ends come first.
    fn reach(&mut self, state: StateID, end: usize, scratch: &mut Scratch) {
        let distance = (end - self.place) as u16;
        scratch.pending.clear();
        scratch.pending.push(state);
        while let Some(state) = scratch.pending.pop() {
            scratch.steps += 1;
            if scratch.added[state.as_usize()] == scratch.round {
                continue;
            }
            match self.nfa.state(state) {
                State::Look { look, .. } => {
                    let unknown =
                        asks_about_next(*look) && matches!(self.text.peek(self.place), Peek::Unknown);
                    let holds = || {
                        self.nfa
                            .look_matcher()
                            .matches(*look, self.text.bytes, self.place)
                    };
                    if !unknown && !holds() {
                        continue;
                    }
                }
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) => {
                    if let Some(live) = &mut self.live {
                        live.push((state, distance));
                    }
                }
                _ => {}
            }
            scratch.added[state.as_usize()] = scratch.round;
            if state == self.nfa.start_anchored() {
                self.begins = Some(distance);
            }
            if !self.backward.over.of(state).is_empty() {
                self.following.push((state, end));
            }
            scratch.pending.extend(self.backward.without.of(state));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CustomPattern;
    use crate::custom::Custom;
    use crate::exactness::dice::Dice;
    use crate::exactness::patterns::pattern;
    use crate::search::Verdict;

    /// Passes that are made late, and end within a text of a test.
    const LAZY: Pace = Pace {
        patience: 4,
        block: 50,
        most_live: 100,
        eager: false,
    };

    fn custom(pattern: &str, max_len: usize, pace: Pace) -> Custom {
        let pattern = CustomPattern::new("x", pattern).expect("a pattern");
        let (_, custom) = pattern.max_len(max_len).compile().expect("a small one");
        Custom { pace, ..custom }
    }

    fn answer(custom: &Custom, window: &Window<'_>, at: usize, scratch: &mut Scratch) -> Option<usize> {
        match custom.verify(window, at, scratch) {
            Verdict::No => None,
            Verdict::More => Some(usize::MAX),
            Verdict::Match(hit) => Some(hit.end),
        }
    }

    /// Asks about every place of a text that comes in pieces, and of one whose context stands before it.
    fn check(custom: &Custom, name: &str, text: &[u8], dice: &mut Dice<'_>) {
        let origin = if dice.one_in(3) {
            dice.below(text.len() + 1)
        } else {
            0
        };
        let (mut noted, mut afresh) = (Scratch::default(), Scratch::that_tries_all());
        let mut lengths: Vec<usize> = (0..4).map(|_| dice.between(origin, text.len())).collect();
        lengths.push(text.len());
        if !dice.one_in(4) {
            lengths.sort_unstable();
        }
        for length in lengths {
            for last in [false, true] {
                let bytes = &text[..length];
                let window = Window { bytes, origin, last };
                if last && length < text.len() {
                    noted.forget_text();
                }
                let from = dice.between(origin, length);
                let step = dice.between(1, 3);
                for at in (from..length).step_by(step) {
                    assert_eq!(
                        answer(custom, &window, at, &mut noted),
                        answer(custom, &window, at, &mut afresh),
                        "`{name}`, longest {}, at {at} from {origin} to {length}, {last}, of {:?}",
                        custom.longest,
                        String::from_utf8_lossy(text),
                    );
                }
                if last && length < text.len() {
                    noted.forget_text();
                }
            }
        }
    }

    #[test]
    fn what_a_pass_rules_out_changes_no_answer() {
        const CARELESS: &[&str] = &[
            "[a-z ]+!",
            "[a-z ?]+!|[a-z]\\?",
            "[a-z](?:[a-z ?]*!)?",
            "[a-z ]+?(?:!|\\?)",
            r"\b[a-z ]+\b!",
            r"[a-zé ]+$",
            r"(?:a|ab)(?:c|bcd)*\B",
            r"\w+\b!",
            r"(?m:^)[^!]+(?m:$)",
            ".{2,9}é",
            "[a-z]{3,20}[?!]",
            r"(?-u:\b)[a ]+\b{end}é",
        ];
        const UNITS: [&str; 14] = [
            "a", "b", "ab", " ", "!", "?", "é", "\n", "#", "z", "c", "😀", "a b c ", "bcd",
        ];
        for seed in 0..3_000 {
            let mut dice = Dice::seeded(seed);
            let random = pattern(&mut dice);
            let pace = dice.pick(&[Pace::EAGER, LAZY, Pace::USUAL]);
            let own = dice.one_in(3);
            let name = if own { &*random.regex } else { dice.pick(CARELESS) };
            let longest = dice.between(1, 60);
            let custom = custom(name, longest, pace);
            let mut text = Vec::new();
            let few = dice.between(1, UNITS.len());
            for _ in 0..dice.between(1, 80) {
                if own && dice.one_in(3) {
                    text.extend(random.value(&mut dice));
                }
                text.extend(UNITS[dice.below(few)].bytes());
                if dice.one_in(60) {
                    text.push(dice.pick(b"\xFF\x80\xC3"));
                }
            }
            check(&custom, name, &text, &mut dice);
        }
    }

    #[test]
    fn what_a_pass_over_a_long_text_rules_out_changes_no_answer() {
        const PATTERNS: [&str; 4] = [
            "[a-z ]+!",
            "[a-z ?]+!|[a-z]\\?",
            "[a-z](?:[a-z ?]*!)?",
            r"\b[a-zé ]+\b!",
        ];
        for seed in 0..16 {
            let mut dice = Dice::seeded(seed);
            let custom = custom(dice.pick(&PATTERNS), dice.between(1_000, 4_096), Pace::USUAL);
            let mut text = Vec::new();
            while text.len() < 30_000 {
                let length = dice.between(1, 6_000);
                text.extend("a bé".repeat(length / 5).bytes());
                text.extend(dice.pick(&["!", "#", "#a!", "?", "a?!"]).bytes());
            }
            let (mut noted, mut afresh) = (Scratch::default(), Scratch::that_tries_all());
            for (length, last) in [(12_000, false), (text.len(), false), (text.len(), true)] {
                let bytes = &text[..length];
                let window = Window {
                    bytes,
                    origin: 0,
                    last,
                };
                for at in 0..length {
                    let answered = answer(&custom, &window, at, &mut noted);
                    if dice.one_in(200) {
                        assert_eq!(
                            answered,
                            answer(&custom, &window, at, &mut afresh),
                            "at {at}, seed {seed}"
                        );
                    }
                }
            }
        }
    }

    /// The steps for a text, as a search asks: behind each match, and no further than to what is undecided.
    fn steps(custom: &Custom, text: &[u8], last: bool) -> u64 {
        let mut scratch = Scratch::default();
        let window = Window {
            bytes: text,
            origin: 0,
            last,
        };
        let mut at = 0;
        while at < text.len() {
            if !custom.can_start(text[at]) {
                at += 1;
                continue;
            }
            match answer(custom, &window, at, &mut scratch) {
                None => at += 1,
                Some(usize::MAX) => break,
                Some(end) => at = end,
            }
        }
        scratch.steps
    }

    #[test]
    fn the_steps_for_a_careless_pattern_grow_with_the_text_alone() {
        let far = format!("{}#a!", "a ".repeat(1_000));
        for (pattern, unit) in [
            // What fails far away, just behind a match, and after a shorter match that is less preferred.
            ("[a-z ]+!", "a "),
            ("[a-z ]+!", &*far),
            ("[a-z ]+?!", "lorem ipsum "),
            ("[a-z ?]+!|[a-z]\\?", "a?"),
            ("[a-z](?:[a-z ?]*!)?", "a?"),
            (r"\w[\w ]*!", "é a "),
            ("(?:x+x+)+y", "x"),
            ("(?:.*,){9}P", "1,2,"),
        ] {
            let custom = custom(pattern, 4096, Pace::USUAL);
            for last in [true, false] {
                let of = |length: usize| {
                    let text = unit.repeat(length / unit.len());
                    steps(&custom, text.as_bytes(), last)
                };
                let (short, long) = (of(200_000), of(400_000));
                assert!(long < 40 * 400_000, "`{pattern}` over {unit:?}, {last}: {long}");
                // The end of what has arrived costs more, once: there any state may lead on.
                let grows_alike = long < short * 21 / 10;
                assert!(grows_alike || !last, "`{pattern}` over {unit:?}: {short}, {long}");
            }
        }
    }

    #[test]
    fn short_texts_one_after_the_other_take_few_steps_as_well() {
        let custom = custom("[a-z ]+!", 4096, Pace::USUAL);
        let mut scratch = Scratch::default();
        for length in [1_000, 500] {
            let text = "a ".repeat(length / 2);
            for round in 0..10 {
                scratch.forget_text();
                let before = scratch.steps;
                let window = Window {
                    bytes: text.as_bytes(),
                    origin: round,
                    last: true,
                };
                for at in round..length {
                    assert_eq!(answer(&custom, &window, at, &mut scratch), None);
                }
                assert!(scratch.steps - before < 20 * length as u64);
            }
        }
    }

    #[test]
    fn patterns_that_fail_early_are_not_looked_ahead_for() {
        let text = "EMP-12345 and EMP-99, EMP-123456 are employees. ".repeat(1_000);
        let custom = custom("EMP-[0-9]{6}[0-9]*", 4096, Pace::USUAL);
        let _ = steps(&custom, text.as_bytes(), true);
        assert!(custom.backward.get().is_none());
    }
}
