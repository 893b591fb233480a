//! Patterns of the user's own, exact on streams.
//!
//! A pattern is compiled to a Thompson NFA and simulated from one position with threads in order of preference, which is
//! the leftmost-first semantics of the `regex` crate. Simulating it here, instead of calling a search, is what tells "no
//! match" from "no match yet": the answer is [`Verdict::More`] exactly when bytes yet to come decide.
//!
//! A pattern that can begin nearly anywhere and fails late would read the same bytes again from place to place. Where that
//! happens, a pass backwards says from which places, and through which states, a match can come: see [`outlook`].

mod outlook;

use std::sync::{Arc, OnceLock};

use regex_automata::nfa::thompson::{Compiler, Config, NFA, State, WhichCaptures};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;
use regex_syntax::hir::Hir;

use self::outlook::{Backward, Outlook, Pace};
use crate::finding::Confidence;
use crate::gate::Ahead;
use crate::gate::sieve::{ByteSet, Shape};
use crate::memo::Memo;
use crate::search::{Hit, Peek, Verdict, Window};
use crate::{Detector, Error, ErrorKind};

/// Compiled size that one pattern may reach.
const BUDGET_BYTES: usize = 1 << 20;

/// The longest match that may be derived or declared. A stream may have to hold back as much.
const LONGEST_BYTES: usize = 4096;

/// A detector defined by a regular expression, in the syntax of the [`regex`](https://docs.rs/regex/latest/regex/#syntax)
/// crate, Unicode `\b` included. Of Unicode's properties there are categories (`\p{Lu}`) and scripts (`\p{Greek}`); what
/// could match within a character, such as `(?-u:\xFF)`, is refused.
///
/// A stream must know how long to wait, so a pattern needs a longest match: `EMP-[0-9]{6}` has one, `EMP-[0-9]+` needs
/// [`max_len`](Self::max_len). Time grows with the text and the size of the pattern; a pattern that begins with what is rare costs
/// next to nothing.
///
/// ```
/// use workjet_dlp::{CustomPattern, Engine, Policy};
///
/// let ticket = CustomPattern::new("ticket", r"\bTCK-[0-9]+\b")?.max_len(20);
/// let engine = Engine::builder().custom(ticket).build()?;
/// assert_eq!(engine.redact("see TCK-4711", &Policy::redact_all()).text, "see [REDACTED:ticket]");
/// # Ok::<(), workjet_dlp::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CustomPattern {
    name: Arc<str>,
    hir: Hir,
    max_len: Option<usize>,
}

impl CustomPattern {
    /// Parses a pattern. Findings carry `name`, and so does the placeholder.
    ///
    /// # Errors
    /// [`ErrorKind::Name`] unless `name` is `[a-z][a-z0-9_]*` of at most 64 bytes, [`ErrorKind::Syntax`] for what is not
    /// a pattern, [`ErrorKind::EmptyMatch`] if it can match the empty text or never matches.
    pub fn new(name: &str, pattern: &str) -> Result<Self, Error> {
        let well_formed = name.len() <= 64
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if !well_formed {
            let message = format!("pattern name {name:?}: use a-z, 0-9 and _, a letter first, at most 64");
            return Err(Error::new(ErrorKind::Name, message));
        }
        let hir = regex_syntax::parse(pattern)
            .map_err(|error| Error::new(ErrorKind::Syntax, format!("pattern `{name}`: {error}")))?;
        match hir.properties().minimum_len() {
            Some(0) => {
                let message =
                    format!("pattern `{name}` matches the empty text: make some part of it required");
                Err(Error::new(ErrorKind::EmptyMatch, message))
            }
            None => Err(Error::new(
                ErrorKind::EmptyMatch,
                format!("pattern `{name}` can never match"),
            )),
            Some(_) => Ok(Self {
                name: name.into(),
                hir,
                max_len: None,
            }),
        }
    }

    /// Declares that nothing longer than `bytes` is to be found: 1 to 4,096. A longer match is cut there, or, if the pattern
    /// prefers a shorter one, becomes that; so declare more than is likely.
    #[must_use]
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max_len = Some(bytes);
        self
    }

    /// The name that findings carry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn compile(&self) -> Result<(Detector, Custom), Error> {
        let name = &self.name;
        let longest = match (self.max_len, self.hir.properties().maximum_len()) {
            (Some(declared), _) if !(1..=LONGEST_BYTES).contains(&declared) => {
                let message = format!("pattern `{name}`: max_len must be 1 to {LONGEST_BYTES} bytes");
                return Err(Error::new(ErrorKind::Unbounded, message));
            }
            (Some(declared), Some(derived)) => declared.min(derived),
            (Some(declared), None) => declared,
            (None, Some(derived)) if derived <= LONGEST_BYTES => derived,
            (None, _) => {
                let message = format!(
                    "pattern `{name}` can match more than {LONGEST_BYTES} bytes: bound its repetitions or declare max_len"
                );
                return Err(Error::new(ErrorKind::Unbounded, message));
            }
        };
        let config = Config::new()
            .nfa_size_limit(Some(BUDGET_BYTES))
            .which_captures(WhichCaptures::None);
        let nfa = Compiler::new()
            .configure(config)
            .build_from_hir(&self.hir)
            .map_err(|_| {
                Error::new(
                    ErrorKind::TooLarge,
                    format!("pattern `{name}` compiles to more than 1 MB: make it smaller"),
                )
            })?;
        let beginning = first_bytes(&nfa);
        let custom = Custom {
            nfa,
            beginning,
            longest,
            index: 0,
            pace: Pace::default(),
            backward: OnceLock::new(),
        };
        Ok((Detector::custom(Arc::clone(name)), custom))
    }
}

pub(crate) struct Custom {
    nfa: NFA,
    /// What a match can begin with: for each of its first four bytes a superset, since assertions are taken to hold.
    beginning: Shape,
    longest: usize,
    /// Its place among the engine's patterns.
    index: usize,
    pace: Pace,
    /// Made when the pattern has been costly.
    backward: OnceLock<Backward>,
}

/// Threads of the simulation, kept between calls for their memory.
#[derive(Default)]
pub(crate) struct Scratch {
    current: Vec<StateID>,
    following: Vec<StateID>,
    pending: Vec<StateID>,
    /// For each state, the round in which it was last added.
    added: Vec<u64>,
    round: u64,
    /// What the patterns know about the bytes ahead, for those that needed to.
    outlooks: Vec<Outlook>,
    /// Whether every place is tried, whatever it costs.
    #[cfg(any(test, feature = "testing"))]
    tries_all: bool,
    /// States that were looked at.
    steps: u64,
    /// What the built-in rules know about the bytes ahead.
    pub(crate) memo: Memo,
    /// What the gate knows about them. Made when a text is long enough for it.
    pub(crate) ahead: Option<Box<Ahead>>,
}

impl Scratch {
    /// One with which custom patterns are tried at every place, whatever that costs.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn that_tries_all() -> Self {
        Self {
            tries_all: true,
            ..Self::default()
        }
    }

    #[cfg(any(test, feature = "testing"))]
    fn tries_all(&self) -> bool {
        self.tries_all
    }

    #[cfg(not(any(test, feature = "testing")))]
    fn tries_all(&self) -> bool {
        false
    }

    /// Drops the threads that lead to no match within so many bytes. `live` says which do, and after how many.
    fn keep_live(&mut self, live: &[(StateID, u16)], within: usize) {
        self.round += 1;
        for (state, distance) in live {
            self.steps += 1;
            if usize::from(*distance) > within {
                break;
            }
            self.added[state.as_usize()] = self.round;
        }
        let (added, round) = (&self.added, self.round);
        self.current.retain(|state| added[state.as_usize()] == round);
    }

    /// To be called before other bytes are searched.
    pub(crate) fn forget_text(&mut self) {
        self.memo.forget();
        for outlook in &mut self.outlooks {
            outlook.forget_text();
        }
        if let Some(ahead) = &mut self.ahead {
            ahead.forget_text();
        }
    }
}

/// How following a pattern from one place ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Fails,
    EndsAt(usize),
    /// Bytes yet to come decide.
    Undecided,
}

/// How following the empty transitions of a state ended.
enum Closure {
    Open,
    /// A match; whatever has lower preference is out.
    Matched,
    /// An assertion asks about a character that has not arrived.
    Unknown,
}

impl Custom {
    pub(crate) fn can_start(&self, byte: u8) -> bool {
        self.beginning[0].has(byte)
    }

    pub(crate) fn beginning(&self) -> Shape {
        self.beginning
    }

    /// The longest match, and the character after it that an assertion may ask about.
    pub(crate) fn longest(&self) -> usize {
        self.longest + 4
    }

    /// Says which of the engine's patterns it is.
    pub(crate) fn numbered(mut self, index: usize) -> Self {
        self.index = index;
        self
    }

    pub(crate) fn verify(&self, window: &Window<'_>, at: usize, scratch: &mut Scratch) -> Verdict {
        let text = Window {
            bytes: &window.bytes[window.origin..],
            origin: 0,
            last: window.last,
        };
        let at = at - window.origin;
        let fits = |(byte, set): (&u8, &ByteSet)| set.has(*byte);
        if !text.bytes[at..].iter().zip(&self.beginning).all(fits) {
            return Verdict::No;
        }
        if scratch.added.len() < self.nfa.states().len() {
            scratch.added.resize(self.nfa.states().len(), 0);
        }
        let course = if self.pace.never_needs_a_pass(self.longest) || scratch.tries_all() {
            self.try_at(&text, at, None, scratch)
        } else {
            if scratch.outlooks.len() <= self.index {
                scratch.outlooks.resize_with(self.index + 1, Outlook::default);
            }
            let mut outlook = std::mem::take(&mut scratch.outlooks[self.index]);
            let course = self.try_with(&mut outlook, &text, window.origin, at, scratch);
            scratch.outlooks[self.index] = outlook;
            course
        };
        match course {
            Course::Fails => Verdict::No,
            Course::Undecided => Verdict::More,
            Course::EndsAt(end) => Hit::new(end + window.origin, Confidence::Medium).into(),
        }
    }

    /// Tries what is not known to lead nowhere, and learns more when that has cost too much.
    fn try_with(
        &self,
        outlook: &mut Outlook,
        text: &Window<'_>,
        origin: usize,
        at: usize,
        scratch: &mut Scratch,
    ) -> Course {
        if outlook.is_worth_a_pass(self.pace, text, origin, at, self.longest) {
            let backward = self.backward.get_or_init(|| Backward::new(&self.nfa));
            let pattern = (&self.nfa, backward, self.longest);
            outlook.pass(self.pace, pattern, (text, origin), at, scratch);
        }
        if outlook.rules_out(at) {
            return Course::Fails;
        }
        let before = scratch.steps;
        let known = outlook.judges(at).then_some(&*outlook);
        let course = self.try_at(text, at, known, scratch);
        let useful = match course {
            Course::Fails => 0,
            Course::EndsAt(end) => end - at,
            // Nothing is asked behind this place.
            Course::Undecided => usize::MAX,
        };
        let steps = (scratch.steps - before) as usize;
        outlook.spend(steps.saturating_sub(useful.max(self.pace.patience)));
        course
    }

    /// Follows the pattern from one place.
    fn try_at(
        &self,
        text: &Window<'_>,
        at: usize,
        outlook: Option<&Outlook>,
        scratch: &mut Scratch,
    ) -> Course {
        let mut end = None;
        scratch.following.clear();
        scratch.round += 1;
        if let Closure::Unknown = self.follow(text, self.nfa.start_anchored(), at, scratch) {
            return Course::Undecided;
        }
        for here in at..at + self.longest {
            std::mem::swap(&mut scratch.current, &mut scratch.following);
            if let Some(live) = outlook.and_then(|outlook| outlook.live(here)) {
                scratch.keep_live(live, at + self.longest - here);
            }
            if scratch.current.is_empty() {
                break;
            }
            let Some(byte) = text.byte(here) else {
                if text.last {
                    break;
                }
                return Course::Undecided;
            };
            scratch.following.clear();
            scratch.round += 1;
            for index in 0..scratch.current.len() {
                let Some(target) = self.target(scratch.current[index], byte) else {
                    continue;
                };
                match self.follow(text, target, here + 1, scratch) {
                    Closure::Open => {}
                    Closure::Matched => {
                        end = Some(here + 1);
                        break;
                    }
                    Closure::Unknown => return Course::Undecided,
                }
            }
        }
        end.map_or(Course::Fails, Course::EndsAt)
    }

    /// The state that `byte` leads to.
    fn target(&self, state: StateID, byte: u8) -> Option<StateID> {
        match self.nfa.state(state) {
            State::ByteRange { trans } if trans.matches_byte(byte) => Some(trans.next),
            State::Sparse(transitions) => transitions.matches_byte(byte),
            State::Dense(transitions) => transitions.matches_byte(byte),
            _ => None,
        }
    }

    /// Adds the states that `from` reaches without consuming a byte, in order of preference.
    fn follow(&self, text: &Window<'_>, from: StateID, at: usize, scratch: &mut Scratch) -> Closure {
        scratch.pending.clear();
        scratch.pending.push(from);
        while let Some(state) = scratch.pending.pop() {
            scratch.steps += 1;
            if scratch.added[state.as_usize()] == scratch.round {
                continue;
            }
            scratch.added[state.as_usize()] = scratch.round;
            match self.nfa.state(state) {
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) => scratch.following.push(state),
                State::Union { alternates } => scratch.pending.extend(alternates.iter().rev()),
                State::BinaryUnion { alt1, alt2 } => scratch.pending.extend([*alt2, *alt1]),
                State::Capture { next, .. } => scratch.pending.push(*next),
                State::Fail => {}
                State::Match { .. } => return Closure::Matched,
                State::Look { look, next } => {
                    if asks_about_next(*look) && matches!(text.peek(at), Peek::Unknown) {
                        return Closure::Unknown;
                    }
                    if self.nfa.look_matcher().matches(*look, text.bytes, at) {
                        scratch.pending.push(*next);
                    }
                }
            }
        }
        Closure::Open
    }
}

/// Whether the assertion reads the character after its position. All do but those about a beginning.
fn asks_about_next(look: Look) -> bool {
    !matches!(
        look,
        Look::Start | Look::StartLF | Look::WordStartHalfAscii | Look::WordStartHalfUnicode
    )
}

/// For each of the first four bytes of a match, what it can be, or all bytes if a match may end before: supersets, since
/// assertions are taken to hold.
fn first_bytes(nfa: &NFA) -> Shape {
    let mut states = vec![nfa.start_anchored()];
    let mut ended = false;
    std::array::from_fn(|_| {
        let (set, following, ends) = next_bytes(nfa, std::mem::take(&mut states));
        states = following;
        ended |= ends;
        if ended { ByteSet::ALL } else { set }
    })
}

/// The bytes that lead on from these states, where they lead, and whether a match is reached without any.
fn next_bytes(nfa: &NFA, mut pending: Vec<StateID>) -> (ByteSet, Vec<StateID>, bool) {
    let (mut set, mut following, mut ends) = (ByteSet::NONE, Vec::new(), false);
    let mut seen = vec![false; nfa.states().len()];
    while let Some(state) = pending.pop() {
        if std::mem::replace(&mut seen[state.as_usize()], true) {
            continue;
        }
        let mut lead = |from: u8, to: u8, next: StateID| {
            (from..=to).for_each(|byte| set.insert(byte));
            following.push(next);
        };
        match nfa.state(state) {
            State::ByteRange { trans } => lead(trans.start, trans.end, trans.next),
            State::Sparse(sparse) => sparse
                .transitions
                .iter()
                .for_each(|trans| lead(trans.start, trans.end, trans.next)),
            State::Dense(dense) => {
                for byte in 0..=u8::MAX {
                    if let Some(next) = dense.matches_byte(byte) {
                        lead(byte, byte, next);
                    }
                }
            }
            State::Union { alternates } => pending.extend(alternates.iter()),
            State::BinaryUnion { alt1, alt2 } => pending.extend([*alt1, *alt2]),
            State::Capture { next, .. } | State::Look { next, .. } => pending.push(*next),
            State::Match { .. } => ends = true,
            State::Fail => {}
        }
    }
    following.sort_unstable();
    following.dedup();
    (set, following, ends)
}
