//! What may be spent, and how fast.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::UserId;

/// A rate: `limit` units per `per`, and `burst` units at once from rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quota {
    /// Units that come back in each `per`.
    pub limit: NonZeroU64,
    /// The time in which `limit` units come back.
    pub per: Duration,
    /// Units that a caller at rest may spend at once: exactly this many, not one more.
    pub burst: NonZeroU64,
}

/// What is counted: which unit, and whose. Stores prefix it with the scope's tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LimitKey(String);

const LOGIN: &str = "login/";

impl LimitKey {
    /// Requests of one user.
    pub fn user_requests(user: &UserId) -> Self {
        Self(format!("requests/user/{user}"))
    }

    /// Login attempts, by a keyed pseudonym of what was attempted (account or address), never the thing itself.
    pub fn login_attempts(pseudonym: &str) -> Self {
        Self(format!("{LOGIN}{pseudonym}"))
    }

    /// The key that a store wrote down with [`as_str`](Self::as_str).
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Whether strangers can make keys like this one at will.
    pub fn is_of_strangers(&self) -> bool {
        self.0.starts_with(LOGIN)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing to spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// What is counted.
    pub key: LimitKey,
    /// How much of it there is.
    pub quota: Quota,
    /// How many units to spend.
    pub amount: u64,
}

/// Where one key stands after a decision: what the `RateLimit` header says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What is counted.
    pub key: LimitKey,
    /// The quota it is counted against.
    pub quota: Quota,
    /// Units that could be spent at once now.
    pub remaining: u64,
    /// Time until the full burst is back.
    pub reset_after: Duration,
}

/// What [`RateStore::reserve`](crate::RateStore::reserve) decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[must_use]
pub enum Decision {
    /// Everything was taken.
    Allow(Vec<Standing>),
    /// Nothing was taken.
    Deny {
        /// Time after which the same reservation would pass if nobody else spends; `None` if it never would, since
        /// it asks for more than the burst.
        retry_after: Option<Duration>,
        /// Where each key stands.
        standings: Vec<Standing>,
    },
}
