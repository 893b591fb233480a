//! What every rate store decides, wherever it keeps the numbers.
//!
//! A [`RateStore`](crate::RateStore) is bookkeeping around four rules, and they stand here once: [`reserve`] takes every
//! charge or none, [`close`] corrects a reservation, [`Room`] says when a store is full, and [`look`] when a key may be
//! forgotten. A store finds the [`Meter`]s, calls these, and keeps what came of it, in one step that no other call of the
//! same tenant can see half done.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gcra::{Meter, Verdict};
use crate::{Charge, Decision, LimitKey, Standing};

/// A key is kept this long after it came to rest, so that a caller whose `now` is a little behind still finds it.
const SLACK: Duration = Duration::from_secs(60);

/// What a caller is told to wait when the store is full.
const WHEN_FULL: Duration = Duration::from_secs(1);

/// Where the meters of one tenant are: all of them, or those that a call concerns.
pub trait Meters {
    /// The meter of `key`, if it has one.
    fn meter(&mut self, key: &LimitKey) -> Option<&mut Meter>;

    /// Keeps the meter of a key that had none.
    fn add(&mut self, key: &LimitKey, meter: Meter);
}

impl Meters for BTreeMap<LimitKey, Meter> {
    fn meter(&mut self, key: &LimitKey) -> Option<&mut Meter> {
        self.get_mut(key)
    }

    fn add(&mut self, key: &LimitKey, meter: Meter) {
        self.insert(key.clone(), meter);
    }
}

/// How full a store is. It never makes room by forgetting what somebody has spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Keys that have a meter.
    pub keys: usize,
    /// How many of them strangers made ([`LimitKey::is_of_strangers`]); they get half of the room, so that they never
    /// crowd out users.
    pub strangers: usize,
    /// Reservations that are open.
    pub open: usize,
    /// The most keys, and the most open reservations.
    pub max: usize,
}

impl Room {
    /// Whether one more reservation, with meters for the `new` keys, finds a place.
    fn takes<'a>(&self, new: impl Iterator<Item = &'a LimitKey> + Clone) -> bool {
        let new_strangers = new.clone().filter(|key| key.is_of_strangers()).count();
        self.open < self.max
            && self.keys + new.count() <= self.max
            && (new_strangers == 0 || self.strangers + new_strangers <= self.max.div_ceil(2))
    }
}

/// What was taken and may still be corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    ticket: u64,
    ends: Timestamp,
    keys: Vec<LimitKey>,
    standings: Vec<Standing>,
}

impl Reservation {
    /// When its `ttl` ends.
    pub const fn ends(&self) -> Timestamp {
        self.ends
    }

    /// Whether its `ttl` has ended: what it took stays taken.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ends <= now
    }

    /// What it took from, one key for each charge.
    pub fn keys(&self) -> &[LimitKey] {
        &self.keys
    }

    /// What the caller was told.
    pub fn decision(&self) -> Decision {
        Decision::Allow(self.standings.clone())
    }
}

/// Takes every charge, or none. `ticket` names the reservation in the tenant's meters and is never used twice.
///
/// # Errors
/// The [`Decision::Deny`] for the caller, with nothing taken.
pub fn reserve(
    meters: &mut impl Meters,
    room: Room,
    ticket: u64,
    charges: &[Charge],
    now: Timestamp,
    ttl: Duration,
) -> Result<Reservation, Decision> {
    let mut refusal = Verdict::Fits;
    let mut new = Vec::new();
    for (i, charge) in charges.iter().enumerate() {
        // A key that is charged twice must have room for the sum.
        let same_key = charges[..=i].iter().filter(|earlier| earlier.key == charge.key);
        let amount = same_key.fold(0_u64, |sum, charge| sum.saturating_add(charge.amount));
        let verdict = match meters.meter(&charge.key) {
            Some(meter) => {
                meter.adopt(&charge.quota);
                meter.check(amount, now)
            }
            None => {
                if !new.contains(&&charge.key) {
                    new.push(&charge.key);
                }
                Meter::new(&charge.quota).check(amount, now)
            }
        };
        refusal = refusal.max(verdict);
    }
    if refusal == Verdict::Fits && !room.takes(new.into_iter()) {
        refusal = Verdict::Later(WHEN_FULL);
    }
    let retry_after = match refusal {
        Verdict::Fits => None,
        Verdict::Later(wait) => Some(Some(wait)),
        Verdict::Never => Some(None),
    };
    if let Some(retry_after) = retry_after {
        return Err(Decision::Deny {
            retry_after,
            standings: standings(meters, charges, now),
        });
    }

    for charge in charges {
        if meters.meter(&charge.key).is_none() {
            meters.add(&charge.key, Meter::new(&charge.quota));
        }
        let meter = meters.meter(&charge.key).expect("it was added just now");
        meter.spend(ticket, charge.amount, now);
    }
    Ok(Reservation {
        ticket,
        ends: later(now, ttl),
        keys: charges.iter().map(|charge| charge.key.clone()).collect(),
        standings: standings(meters, charges, now),
    })
}

/// Closes a reservation with the amount that `actual` names for each of its charges; none leaves a charge as it was
/// reserved.
pub fn close(meters: &mut impl Meters, reservation: &Reservation, actual: impl Fn(usize) -> Option<u64>) {
    for (i, key) in reservation.keys.iter().enumerate() {
        let Some(meter) = meters.meter(key) else { continue };
        match actual(i) {
            Some(amount) => meter.settle(reservation.ticket, amount),
            None => meter.keep(reservation.ticket),
        }
    }
}

/// Where every charge's key stands now.
pub fn standings(meters: &mut impl Meters, charges: &[Charge], now: Timestamp) -> Vec<Standing> {
    let standing = |charge: &Charge| {
        let mut fresh = Meter::new(&charge.quota);
        let meter = meters.meter(&charge.key).unwrap_or(&mut fresh);
        Standing {
            key: charge.key.clone(),
            quota: charge.quota,
            remaining: meter.remaining(now),
            reset_after: meter.reset_after(now),
        }
    };
    charges.iter().map(standing).collect()
}

/// What [`look`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The key is at rest: a new meter would say the same.
    Forget,
    /// It is not; look again then.
    Again(Timestamp),
}

/// When to look for the first time whether a meter that was added now is at rest.
pub fn first_look(now: Timestamp) -> Timestamp {
    later(now, SLACK)
}

/// Looks whether a meter is at rest. `due` is when it was to be looked at, which is over.
pub fn look(meter: &Meter, due: Timestamp, now: Timestamp) -> Look {
    // Judged by a time that lies SLACK in the past of the caller whose clock is furthest ahead.
    if meter.is_at_rest(now.checked_sub(SLACK).unwrap_or(Timestamp::MIN)) {
        Look::Forget
    } else {
        let rest = later(now, meter.reset_after(now));
        Look::Again(later(rest.max(due), SLACK))
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
