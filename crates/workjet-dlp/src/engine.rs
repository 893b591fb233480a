//! The engine: a set of rules, ready to search.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::allow::{Allow, Allowed};
use crate::cursor::Cursor;
use crate::custom::{CustomPattern, Scratch};
use crate::finding::utf16_len;
use crate::fold::{Course, Sight};
use crate::placeholder::RESERVED_NAMES;
use crate::search::{Rules, Step, Window};
use crate::sink::Whole;
use crate::{Action, Detector, Error, ErrorKind, Finding, Policy, Scanner, Vault};

/// Finds sensitive text. Build one and clone it freely: clones share everything.
///
/// ```
/// use workjet_dlp::{Detector, Engine};
///
/// let engine = Engine::standard();
/// let found: Vec<_> = engine.find_iter("write to bob@example.com").collect();
/// assert_eq!(found[0].detector(), &Detector::EMAIL);
/// assert_eq!(found[0].span(), 9..24);
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) rules: Rules,
    report: Box<[Action]>,
    detectors: Vec<Detector>,
    pub(crate) packs: bool,
}

/// A named set of detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// The six of [`Detector::BUILT_IN`].
    Standard,
    /// Patients, providers and prescribers in the United States: [`Detector::US_MBI`], [`US_NPI`](Detector::US_NPI),
    /// [`US_DEA`](Detector::US_DEA), [`MEDICAL_RECORD`](Detector::MEDICAL_RECORD).
    Health,
    /// Bank accounts and national identity numbers: [`Detector::IBAN`], [`NATIONAL_ID`](Detector::NATIONAL_ID).
    European,
}

impl Preset {
    /// Its detectors.
    #[must_use]
    pub fn detectors(self) -> &'static [Detector] {
        match self {
            Self::Standard => &Detector::BUILT_IN,
            Self::Health => &[
                Detector::US_MBI,
                Detector::US_NPI,
                Detector::US_DEA,
                Detector::MEDICAL_RECORD,
            ],
            Self::European => &[Detector::IBAN, Detector::NATIONAL_ID],
        }
    }
}

/// What a policy made of a whole text. See [`Engine::redact`].
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted<'t> {
    /// The text that may pass; borrowed if it is the original. If `blocked`, it ends where that finding starts.
    pub text: Cow<'t, str>,
    /// All findings, in order; the one that blocked last.
    pub findings: Vec<Finding>,
    /// The finding that stopped the text, if one did.
    pub blocked: Option<Finding>,
}

impl Engine {
    /// Starts with no detectors at all.
    pub fn builder() -> EngineBuilder {
        EngineBuilder {
            presets: Vec::new(),
            customs: Vec::new(),
            allowed: Vec::new(),
            see_through: true,
        }
    }

    /// An engine with the six built-in detectors.
    #[must_use]
    pub fn standard() -> Self {
        Self::from_rules(&[Preset::Standard], Vec::new(), Allowed::default(), true)
    }

    fn from_rules(
        presets: &[Preset],
        customs: Vec<(Detector, crate::custom::Custom)>,
        allowed: Allowed,
        see_through: bool,
    ) -> Self {
        let detectors = presets
            .iter()
            .flat_map(|preset| preset.detectors())
            .cloned()
            .chain(customs.iter().map(|(name, _)| name.clone()))
            .collect();
        let rules = Rules::new(presets, customs, allowed).folding(see_through);
        let report = rules.actions(|_| Action::Warn);
        Self {
            inner: Arc::new(Inner {
                rules,
                report,
                detectors,
                packs: presets.iter().any(|preset| *preset != Preset::Standard),
            }),
        }
    }

    /// The detectors that this engine has: built-in ones, then custom patterns in the order given.
    pub fn detectors(&self) -> impl Iterator<Item = &Detector> {
        self.inner.detectors.iter()
    }

    /// The rules in their order of precedence: whose they are and what they find. At one start, the first that matches wins.
    pub fn rules(&self) -> impl Iterator<Item = (&Detector, &str)> {
        self.inner.rules.iter().map(|rule| (&rule.detector, rule.finds()))
    }

    /// Searches with all detectors, from left to right. Findings do not overlap.
    pub fn find_iter<'t>(&self, text: &'t str) -> FindIter<'t> {
        self.find_iter_bytes(text.as_bytes())
    }

    /// Like [`find_iter`](Self::find_iter) for bytes that need not be UTF-8: a byte that is not separates what stands
    /// before it from what follows.
    pub fn find_iter_bytes<'t>(&self, bytes: &'t [u8]) -> FindIter<'t> {
        FindIter {
            engine: Arc::clone(&self.inner),
            bytes,
            at: 0,
            utf16: 0,
            scratch: Scratch::default(),
            sight: Sight::default(),
        }
    }

    /// Applies a policy to a whole text: a function of the text and the policy, nothing else.
    ///
    /// ```
    /// # use workjet_dlp::{Action, Engine, Policy};
    /// let engine = Engine::standard();
    /// let policy = Policy::redact_all().with("us_ssn", Action::Block);
    ///
    /// assert_eq!(engine.redact("call 212-555-0123", &policy).text, "call [REDACTED:phone]");
    ///
    /// let blocked = engine.redact("my SSN is 536-22-8726.", &policy);
    /// assert_eq!(blocked.text, "my SSN is ");
    /// assert!(blocked.blocked.is_some());
    /// ```
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str, policy: &Policy) -> Redacted<'t> {
        self.apply("", text, policy, None)
    }

    /// Like [`redact`](Self::redact), and where the policy says [`Action::Tokenize`] a token takes the value's place, which
    /// `vault` will put back. Tokens that stand in the text already are not issued.
    ///
    /// ```
    /// use workjet_dlp::{Action, Engine, Policy, Vault};
    ///
    /// let mut vault = Vault::new([7; 32]);
    /// let text = "Write to bob@example.com.";
    /// let sent = Engine::standard().tokenize(text, &Policy::all(Action::Tokenize), &mut vault);
    /// assert!(sent.text.starts_with("Write to [EMAIL:"));
    /// assert_eq!(vault.restore(&sent.text), text);
    /// ```
    #[must_use]
    pub fn tokenize<'t>(&self, text: &'t str, policy: &Policy, vault: &mut Vault) -> Redacted<'t> {
        vault.reserve(text);
        self.apply("", text, policy, Some(vault))
    }

    /// Like [`redact`](Self::redact) for a value that stands under a name, a JSON key for instance: words in `key` count as
    /// words before the value. `"hunter2!x"` is not suspicious; under the key `password` it is.
    #[must_use]
    pub fn redact_under_key<'t>(&self, key: &str, value: &'t str, policy: &Policy) -> Redacted<'t> {
        self.apply(key, value, policy, None)
    }

    /// Applies a policy to a text that stands under a name, or under none if `key` is empty. With a vault, which must know by
    /// now which tokens not to issue, values may become tokens.
    pub(crate) fn apply<'t>(
        &self,
        key: &str,
        text: &'t str,
        policy: &Policy,
        vault: Option<&mut Vault>,
    ) -> Redacted<'t> {
        let context = crate::context::before_value_of(key, self.inner.packs);
        let plan = policy.plan(&self.inner.rules);
        let mut scratch = Scratch::default();
        let with_context = (!context.is_empty()).then(|| [&*context, text].concat());
        let bytes = with_context.as_deref().unwrap_or(text).as_bytes();
        let mut out = Whole::new(text, vault);
        let mut cursor = Cursor::new(context.len());
        let _ = cursor.drive(&self.inner.rules, &plan, bytes, true, &mut scratch, &mut out);
        let text = out.finish();
        Redacted {
            text,
            findings: cursor.findings,
            blocked: cursor.blocked,
        }
    }

    /// Starts a stream.
    #[must_use]
    pub fn scanner(&self, policy: &Policy) -> Scanner {
        let plan = policy.plan(&self.inner.rules);
        Scanner::new(Arc::clone(&self.inner), plan, "")
    }

    /// Starts a stream for a value that stands under a name. See [`redact_under_key`](Self::redact_under_key).
    #[must_use]
    pub fn scanner_under_key(&self, key: &str, policy: &Policy) -> Scanner {
        let plan = policy.plan(&self.inner.rules);
        Scanner::new(
            Arc::clone(&self.inner),
            plan,
            &crate::context::before_value_of(key, self.inner.packs),
        )
    }

    /// Starts a stream behind these words, in which rules may look behind.
    #[cfg(feature = "json")]
    pub(crate) fn scanner_after(&self, plan: crate::policy::Plan, context: &str) -> Scanner {
        Scanner::new(Arc::clone(&self.inner), plan, context)
    }

    #[cfg(any(test, feature = "testing", feature = "json"))]
    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The most bytes that a [`Scanner`] of this engine ever holds back. 320 for the built-in detectors, more only if a
    /// custom pattern's longest match asks for it; four times as much where [disguises](EngineBuilder::see_through) are seen
    /// through, which take more bytes than what they stand for.
    #[must_use]
    pub fn max_hold_back_bytes(&self) -> usize {
        self.inner.rules.longest_original()
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::standard()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("detectors", &self.inner.detectors)
            .finish_non_exhaustive()
    }
}

// Not derived: the text may hold what the policy lets pass.
impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redacted")
            .field("bytes", &self.text.len())
            .field("findings", &self.findings)
            .field("blocked", &self.blocked)
            .finish()
    }
}

/// Chooses what an [`Engine`] looks for.
#[derive(Clone, Debug)]
#[must_use]
pub struct EngineBuilder {
    presets: Vec<Preset>,
    customs: Vec<CustomPattern>,
    allowed: Vec<Allow>,
    see_through: bool,
}

impl EngineBuilder {
    /// Adds a set of built-in detectors. May be called for several.
    ///
    /// ```
    /// use workjet_dlp::{Engine, Policy, Preset};
    ///
    /// let engine = Engine::builder().preset(Preset::Standard).preset(Preset::European).build()?;
    /// let redacted = engine.redact("pay GB82 WEST 1234 5698 7654 32", &Policy::redact_all());
    /// assert_eq!(redacted.text, "pay [REDACTED:iban]");
    /// # Ok::<(), workjet_dlp::Error>(())
    /// ```
    pub fn preset(mut self, preset: Preset) -> Self {
        if !self.presets.contains(&preset) {
            self.presets.push(preset);
        }
        self
    }

    /// Adds a pattern. Where several match at one place, the one added first wins.
    pub fn custom(mut self, pattern: CustomPattern) -> Self {
        self.customs.push(pattern);
        self
    }

    /// Lets a value pass that a detector would find. May be called for many.
    pub fn allow(mut self, allow: Allow) -> Self {
        self.allowed.push(allow);
        self
    }

    /// Chooses whether values are found in disguise as well, which is the default: in digits of other scripts, full-width or
    /// mathematical letters, with other spaces and hyphens, with up to two characters between any two others that do not
    /// show, percent-encoded, and in the escapes of JSON. What is found is replaced as it stands; all else stays as it is.
    ///
    /// ```
    /// use workjet_dlp::{Engine, Policy, Preset};
    ///
    /// let engine = Engine::standard();
    /// let policy = Policy::redact_all();
    /// assert_eq!(engine.redact("？mail=bob%40example.com", &policy).text, "？mail=[REDACTED:email]");
    ///
    /// let plain = Engine::builder().preset(Preset::Standard).see_through(false).build()?;
    /// assert_eq!(plain.redact("？mail=bob%40example.com", &policy).text, "？mail=bob%40example.com");
    /// # Ok::<(), workjet_dlp::Error>(())
    /// ```
    pub fn see_through(mut self, disguises: bool) -> Self {
        self.see_through = disguises;
        self
    }

    /// Compiles everything.
    ///
    /// # Errors
    /// [`ErrorKind::DuplicateName`], [`ErrorKind::Unbounded`] and [`ErrorKind::TooLarge`], with the pattern's name.
    pub fn build(self) -> Result<Engine, Error> {
        let taken = self.presets.iter().flat_map(|preset| preset.detectors());
        let mut names: BTreeSet<&str> = Detector::BUILT_IN
            .iter()
            .chain(taken)
            .map(Detector::as_str)
            .chain(RESERVED_NAMES)
            .collect();
        for pattern in &self.customs {
            if !names.insert(pattern.name()) {
                let message = format!("pattern `{}`: the name is taken", pattern.name());
                return Err(Error::new(ErrorKind::DuplicateName, message));
            }
        }
        let customs = self
            .customs
            .iter()
            .map(CustomPattern::compile)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Engine::from_rules(
            &self.presets,
            customs,
            Allowed::new(self.allowed),
            self.see_through,
        ))
    }
}

/// Findings from left to right. See [`Engine::find_iter`].
pub struct FindIter<'t> {
    engine: Arc<Inner>,
    bytes: &'t [u8],
    at: usize,
    utf16: usize,
    scratch: Scratch,
    sight: Sight,
}

impl Iterator for FindIter<'_> {
    type Item = Finding;

    fn next(&mut self) -> Option<Finding> {
        let window = Window {
            bytes: self.bytes,
            origin: 0,
            last: true,
        };
        loop {
            let rules = &self.engine.rules;
            let step = self
                .sight
                .next(rules, &window, self.at, &self.engine.report, &mut self.scratch);
            let Step::Found { start, rule, mut hit } = step else {
                self.at = self.bytes.len();
                return None;
            };
            let course = hit
                .run
                .as_mut()
                .map(|run| self.sight.go_on(run, rules, &window, hit.end));
            let end = match course {
                None => hit.end,
                Some(Course::EndsAt(end) | Course::GoesOnFrom(end)) => end,
            };
            let utf16_start = self.utf16 + utf16_len(&self.bytes[self.at..start]);
            let utf16_end = utf16_start + utf16_len(&self.bytes[start..end]);
            (self.at, self.utf16) = (end, utf16_end);
            if hit.allowed {
                continue;
            }
            return Some(Finding {
                detector: self.engine.rules.get(rule).detector.clone(),
                subtype: hit.subtype,
                span: start..end,
                utf16_span: utf16_start..utf16_end,
                path: None,
                action: Action::Warn,
                confidence: hit.confidence,
            });
        }
    }
}

impl std::iter::FusedIterator for FindIter<'_> {}

impl fmt::Debug for FindIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FindIter")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
