//! What to do with a finding.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Detector, Error, ErrorKind};

/// What happens to text that a detector finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// A placeholder such as `[REDACTED:email]` takes its place.
    Redact,
    /// Nothing from the start of the finding on is let through.
    Block,
    /// The text passes and the finding is reported.
    Warn,
    /// The detector does not run: its matches hide nothing from other detectors.
    Off,
}

impl Action {
    /// The name used in configurations: `redact`, `block`, `warn` or `off`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redact => "redact",
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
        [Self::Redact, Self::Block, Self::Warn, Self::Off]
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Action,
                    "unknown action: use one of redact, block, warn, off",
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
        }
    }

    /// What happens to the findings of `detector`.
    #[must_use]
    pub fn action(&self, detector: &Detector) -> Action {
        self.actions
            .get(detector.as_str())
            .copied()
            .unwrap_or(self.otherwise)
    }

    /// Whether some detector may alter the text: `true` unless no action, the one for unnamed detectors included, is
    /// [`Action::Redact`].
    #[must_use]
    pub fn can_change_text(&self) -> bool {
        self.mentions(Action::Redact)
    }

    /// Whether some detector may stop the text.
    #[must_use]
    pub fn can_block(&self) -> bool {
        self.mentions(Action::Block)
    }

    fn mentions(&self, action: Action) -> bool {
        self.otherwise == action || self.actions.values().any(|one| *one == action)
    }
}
