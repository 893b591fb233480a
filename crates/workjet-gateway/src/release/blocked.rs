//! Why a reply, or the rest of it, stays here.

use std::fmt;

use workjet_dlp::Finding;

/// The reply must not go on. What was released before stands; nothing may follow but an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    cause: Cause,
    // Boxed, so that a result with it stays small.
    finding: Option<Box<Finding>>,
    path: Option<String>,
}

/// What stopped a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The policy blocks what was found.
    Policy,
    /// What was found stands in a name, an id or a key, which cannot be rewritten.
    Name,
    /// A part cannot be scanned, or is signed and so cannot be rewritten, and the policy does not let such parts pass.
    Unscannable,
    /// More had to be withheld than [`Limits`](super::Limits) allow.
    TooLarge,
    /// The provider's stream contradicts itself, so that its text cannot be joined: text after its end.
    Malformed,
}

impl Blocked {
    /// What stopped it.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// The finding, if there was one.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        self.finding.as_deref()
    }

    /// Where: a place such as `choices[0].message.content`, with `*` for keys that the dialect does not know.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref().or_else(|| self.finding()?.path())
    }

    pub(super) fn by(cause: Cause, finding: Finding) -> Self {
        Self {
            cause,
            finding: Some(Box::new(finding)),
            path: None,
        }
    }

    pub(super) fn at(cause: Cause, path: impl Into<String>) -> Self {
        Self {
            cause,
            finding: None,
            path: Some(path.into()),
        }
    }
}

impl Blocked {
    /// The same at a place that is known better.
    pub(super) fn placed(self, path: &str) -> Self {
        let finding = self.finding.map(|finding| Box::new(finding.at(path)));
        Self {
            finding,
            path: Some(path.to_owned()),
            ..self
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self
            .finding
            .as_ref()
            .map_or("something", |finding| finding.detector().as_str());
        let place = self.path().unwrap_or("an unknown place");
        match self.cause {
            Cause::Policy => {
                write!(
                    f,
                    "the reply holds {what} at {place}, which your organisation's policy does not let in"
                )
            }
            Cause::Name => write!(
                f,
                "the reply holds {what} at {place}, in a name, key or address that must stay as it is and so cannot be \
                 redacted"
            ),
            Cause::Unscannable => write!(
                f,
                "the reply holds a part at {place} that cannot be scanned or rewritten, and your organisation's policy \
                 (unscannable = \"block\") does not let it in"
            ),
            Cause::TooLarge => write!(
                f,
                "the reply needs more to be withheld at {place} than the gateway holds"
            ),
            Cause::Malformed => write!(
                f,
                "the provider's stream goes on at {place} after that part had ended"
            ),
        }
    }
}

impl std::error::Error for Blocked {}
