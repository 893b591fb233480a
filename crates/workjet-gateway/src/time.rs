//! Reckoning with instants. Nothing here overflows or goes below zero, whatever the clock does.

use std::time::Duration;

use jiff::Timestamp;

/// The whole milliseconds between two instants; none if `to` is not after `from`.
pub(crate) fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or_default()
}

/// The instant `wait` after `now`.
pub(crate) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// How long it is from `now` until `then`; zero if that is past.
pub(crate) fn until(now: Timestamp, then: Timestamp) -> Duration {
    then.duration_since(now).try_into().unwrap_or_default()
}
