//! What to do with a finding.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::disguise::HashKey;
use crate::search::Rules;
use crate::{Detector, Error, ErrorKind};

/// What happens to text that a detector finds.
///
/// [`Mask`](Self::Mask), [`Hash`](Self::Hash) and [`Tokenize`](Self::Tokenize) need the whole value, so a stream holds it until
/// its end is seen. Secrets without a longest length (private keys, JSON Web Tokens, tokens of most vendors) are waited for up to
/// 319 bytes; with longer ones the three do what [`Redact`](Self::Redact) does, in streams and in whole texts, and the finding
/// says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// A placeholder such as `[REDACTED:email]` takes its place.
    Redact,
    /// A `*` for each character takes its place, but for the last four letters and digits: `***************1111`. Where fewer
    /// than nine letters and digits are there, none is left.
    Mask,
    /// A keyed hash such as `[HASH:email:0f1e2d3c4b5a6978]` takes its place: whoever has the key can tell equal values, nobody
    /// can tell the value. Needs [`Policy::hash_key`]; without one it does what [`Redact`](Self::Redact) does.
    Hash,
    /// A token such as `[EMAIL:7f3a9c]` takes its place, and a [`Vault`](crate::Vault) puts the value back into the answer.
    /// Without a vault, as in streams, it does what [`Redact`](Self::Redact) does.
    Tokenize,
    /// Nothing from the start of the finding on is let through.
    Block,
    /// The text passes and the finding is reported.
    Warn,
    /// The detector does not run: its matches hide nothing from other detectors.
    Off,
}

impl Action {
    const ALL: [Self; 7] = [
        Self::Redact,
        Self::Mask,
        Self::Hash,
        Self::Tokenize,
        Self::Block,
        Self::Warn,
        Self::Off,
    ];

    /// Whether something else takes the place of the text: [`Redact`](Self::Redact), [`Mask`](Self::Mask),
    /// [`Hash`](Self::Hash) and [`Tokenize`](Self::Tokenize).
    #[must_use]
    pub fn changes_text(self) -> bool {
        matches!(self, Self::Redact | Self::Mask | Self::Hash | Self::Tokenize)
    }

    /// The name used in configurations: `redact`, `mask`, `hash`, `tokenize`, `block`, `warn` or `off`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Tokenize => "tokenize",
            Self::Block => "block",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Action {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Action,
                    "unknown action: use one of redact, mask, hash, tokenize, block, warn, off",
                )
            })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Action {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Action {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A policy, looked up once for each rule of an engine.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// In the order of the rules.
    pub(crate) actions: Box<[Action]>,
    pub(crate) hash_key: Option<HashKey>,
}

/// Maps each detector to an [`Action`]. Cheap to clone; requests and replies are simply two policies.
///
/// ```
/// use workjet_dlp::{Action, Detector, Policy};
///
/// let policy = Policy::redact_all().with("us_ssn", Action::Block).with("phone", Action::Off);
/// assert_eq!(policy.action(&Detector::US_SSN), Action::Block);
/// assert_eq!(policy.action(&Detector::EMAIL), Action::Redact);
/// assert!(policy.can_block());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    otherwise: Action,
    actions: Arc<BTreeMap<Box<str>, Action>>,
    hash_key: Option<HashKey>,
}

impl Policy {
    /// Redacts whatever any detector finds.
    #[must_use]
    pub fn redact_all() -> Self {
        Self::all(Action::Redact)
    }

    /// Does the same with the findings of every detector. Start from `Policy::all(Action::Off)` to name each detector
    /// that shall run.
    #[must_use]
    pub fn all(action: Action) -> Self {
        Self {
            otherwise: action,
            actions: Arc::default(),
            hash_key: None,
        }
    }

    /// Sets the action of one detector, by its name. A name that no engine knows has no effect.
    #[must_use]
    pub fn with(mut self, detector: impl AsRef<str>, action: Action) -> Self {
        Arc::make_mut(&mut self.actions).insert(detector.as_ref().into(), action);
        self
    }

    /// The policy that does `change(action)` wherever this one does `action`.
    #[must_use]
    pub fn map(&self, change: impl Fn(Action) -> Action) -> Self {
        let actions = self
            .actions
            .iter()
            .map(|(detector, action)| (detector.clone(), change(*action)))
            .collect();
        Self {
            otherwise: change(self.otherwise),
            actions: Arc::new(actions),
            hash_key: self.hash_key.clone(),
        }
    }

    /// Sets the key of [`Action::Hash`]. Under one key equal values of one detector have equal hashes, so that they can be
    /// counted and joined; who does not have it can neither tell nor guess them.
    ///
    /// ```
    /// use workjet_dlp::{Action, Engine, Policy};
    ///
    /// let policy = Policy::all(Action::Hash).hash_key([7; 32]);
    /// let hashed = Engine::standard().redact("ask bob@example.com", &policy);
    /// assert_eq!(hashed.text, "ask [HASH:email:676af055b6e01aad]");
    /// ```
    #[must_use]
    pub fn hash_key(mut self, key: [u8; 32]) -> Self {
        self.hash_key = Some(HashKey::new(key));
        self
    }

    /// What happens to the findings of `detector`.
    #[must_use]
    pub fn action(&self, detector: &Detector) -> Action {
        self.actions
            .get(detector.as_str())
            .copied()
            .unwrap_or(self.otherwise)
    }

    /// Whether some detector may alter the text: whether one of the actions, the one for unnamed detectors included,
    /// [`changes_text`](Action::changes_text).
    #[must_use]
    pub fn can_change_text(&self) -> bool {
        self.any(Action::changes_text)
    }

    /// Whether some detector may stop the text.
    #[must_use]
    pub fn can_block(&self) -> bool {
        self.any(|action| action == Action::Block)
    }

    fn any(&self, is: impl Fn(Action) -> bool) -> bool {
        is(self.otherwise) || self.actions.values().any(|action| is(*action))
    }

    /// What it means for these rules.
    pub(crate) fn plan(&self, rules: &Rules) -> Plan {
        Plan {
            actions: rules.actions(|detector| self.action(detector)),
            hash_key: self.hash_key.clone(),
        }
    }
}
