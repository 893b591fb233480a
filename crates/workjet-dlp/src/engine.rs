//! The engine: a set of rules, ready to search.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::cursor::Cursor;
use crate::custom::Scratch;
use crate::search::Rules;
use crate::sink::Whole;
use crate::{Action, Detector, EngineBuilder, FindIter, Finding, Policy, Preset, Scanner, Vault};

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
    pub(crate) inner: Arc<Inner>,
}

/// What all clones share.
pub(crate) struct Inner {
    pub(crate) rules: Rules,
    /// The actions of a plain search.
    pub(crate) report: Box<[Action]>,
    pub(crate) detectors: Vec<Detector>,
    /// Whether there are detectors beyond the standard ones: keys of JSON are then read for more words.
    pub(crate) packs: bool,
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
        EngineBuilder::new()
    }

    /// An engine with the six built-in detectors.
    #[must_use]
    pub fn standard() -> Self {
        let standard = Self::builder().preset(Preset::Standard).build();
        standard.expect("what is refused is patterns, and it has none")
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
        FindIter::new(Arc::clone(&self.inner), bytes)
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
