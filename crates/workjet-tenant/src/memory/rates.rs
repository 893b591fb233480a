//! What each caller has spent, in the memory of one process.
//!
//! Tenants are spread over shards, each behind a lock of its own, so one call takes one lock and all its charges are
//! decided at once. Nothing needs a background task: each call first tidies up what is due in its shard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::gcra::{Meter, Verdict};
use crate::{
    Charge, Consistency, Decision, LimitKey, RateStore, RequestId, Scope, Standing, StoreError, TenantId,
};

const SHARDS: usize = 16;

/// A key is kept this long after it came to rest, so that a caller whose `now` is a little behind still finds it.
const SLACK: Duration = Duration::from_secs(60);

/// What a caller is told to wait when the store is full.
const WHEN_FULL: Duration = Duration::from_secs(1);

/// A [`RateStore`] in memory: strict within its process, and empty again after a restart.
///
/// Memory is bounded twice. Keys at rest and reservations past their `ttl` are forgotten as calls come in. And there is
/// a cap on keys and on open reservations: when it is reached, calls that would add one are denied, with a `retry_after`
/// of a second, until something comes to rest. It never makes room by forgetting what somebody has spent. Keys that
/// strangers can make at will (login attempts) may fill half of it, so that they never crowd out users.
#[derive(Debug)]
pub struct MemoryRates {
    shards: [Mutex<Shard>; SHARDS],
    max_keys_per_shard: usize,
}

type Place = (TenantId, LimitKey);
type Name = (TenantId, RequestId);

#[derive(Debug, Default)]
struct Shard {
    meters: BTreeMap<Place, Meter>,
    open: BTreeMap<Name, Reservation>,
    /// Every meter, by a time at which to look whether it is at rest.
    rests: BTreeSet<(Timestamp, Place)>,
    /// Every reservation, by the end of its `ttl`.
    ends: BTreeSet<(Timestamp, Name)>,
    /// How many of the meters are of strangers.
    strangers: usize,
    last_ticket: u64,
}

#[derive(Debug)]
struct Reservation {
    ticket: u64,
    ends: Timestamp,
    keys: Vec<LimitKey>,
    standings: Vec<Standing>,
}

impl Default for MemoryRates {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryRates {
    /// Room for a million keys and as many open reservations, as [`with_capacity`](Self::with_capacity) spreads them.
    pub fn new() -> Self {
        Self::with_capacity(1 << 20)
    }

    /// Room for about `max_keys` keys and as many open reservations. They are spread over 16 shards by tenant, so one
    /// tenant has room for a sixteenth of them.
    pub fn with_capacity(max_keys: usize) -> Self {
        Self {
            shards: Default::default(),
            max_keys_per_shard: max_keys.div_ceil(SHARDS).max(1),
        }
    }

    /// How many keys and open reservations are remembered.
    pub fn len(&self) -> (usize, usize) {
        self.shards.iter().map(lock).fold((0, 0), |(keys, open), shard| {
            (keys + shard.meters.len(), open + shard.open.len())
        })
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }

    fn shard(&self, tenant: &TenantId) -> MutexGuard<'_, Shard> {
        // FNV-1a: tenants are named by operators, so nobody gains from making names collide.
        let hash = tenant
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        lock(&self.shards[(hash % SHARDS as u64) as usize])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A panic inside would have to come from the arithmetic; what was spent until then is still counted.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl RateStore for MemoryRates {
    fn consistency(&self) -> Consistency {
        Consistency::Strict
    }

    async fn reserve(
        &self,
        scope: &Scope,
        id: &RequestId,
        charges: &[Charge],
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Decision, StoreError> {
        let mut shard = self.shard(scope.tenant());
        shard.tidy(now);
        Ok(shard.reserve(scope.tenant(), id, charges, now, ttl, self.max_keys_per_shard))
    }

    async fn settle(
        &self,
        scope: &Scope,
        id: &RequestId,
        actual: &[u64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut shard = self.shard(scope.tenant());
        shard.tidy(now);
        shard.close(&(scope.tenant().clone(), id.clone()), |place| {
            actual.get(place).copied()
        });
        Ok(())
    }

    async fn release(&self, scope: &Scope, id: &RequestId, now: Timestamp) -> Result<(), StoreError> {
        let mut shard = self.shard(scope.tenant());
        shard.tidy(now);
        shard.close(&(scope.tenant().clone(), id.clone()), |_| Some(0));
        Ok(())
    }
}

impl Shard {
    fn reserve(
        &mut self,
        tenant: &TenantId,
        id: &RequestId,
        charges: &[Charge],
        now: Timestamp,
        ttl: Duration,
        max: usize,
    ) -> Decision {
        let name = (tenant.clone(), id.clone());
        if let Some(first) = self.open.get(&name) {
            return Decision::Allow(first.standings.clone());
        }
        let places: Vec<Place> = charges
            .iter()
            .map(|charge| (tenant.clone(), charge.key.clone()))
            .collect();

        let mut refusal = Verdict::Fits;
        for (i, charge) in charges.iter().enumerate() {
            // A key that is charged twice must have room for the sum.
            let same_key = charges[..=i].iter().filter(|earlier| earlier.key == charge.key);
            let amount = same_key.fold(0_u64, |sum, charge| sum.saturating_add(charge.amount));
            let verdict = match self.meters.get_mut(&places[i]) {
                Some(meter) => {
                    meter.adopt(&charge.quota);
                    meter.check(amount, now)
                }
                None => Meter::new(&charge.quota).check(amount, now),
            };
            refusal = refusal.max(verdict);
        }
        if refusal == Verdict::Fits && !self.has_room(&places, max) {
            refusal = Verdict::Later(WHEN_FULL);
        }
        let retry_after = match refusal {
            Verdict::Fits => None,
            Verdict::Later(wait) => Some(Some(wait)),
            Verdict::Never => Some(None),
        };
        if let Some(retry_after) = retry_after {
            return Decision::Deny {
                retry_after,
                standings: self.standings(charges, &places, now),
            };
        }

        self.last_ticket += 1;
        for (charge, place) in charges.iter().zip(&places) {
            let meter = self.meters.entry(place.clone()).or_insert_with(|| {
                self.rests.insert((later(now, SLACK), place.clone()));
                self.strangers += usize::from(place.1.is_of_strangers());
                Meter::new(&charge.quota)
            });
            meter.spend(self.last_ticket, charge.amount, now);
        }
        let standings = self.standings(charges, &places, now);
        let ends = later(now, ttl);
        let keys = charges.iter().map(|charge| charge.key.clone()).collect();
        let reservation = Reservation {
            ticket: self.last_ticket,
            ends,
            keys,
            standings: standings.clone(),
        };
        self.ends.insert((ends, name.clone()));
        self.open.insert(name, reservation);
        Decision::Allow(standings)
    }

    fn has_room(&self, places: &[Place], max: usize) -> bool {
        let new = || places.iter().filter(|place| !self.meters.contains_key(*place));
        let new_strangers = new().filter(|(_, key)| key.is_of_strangers()).count();
        self.open.len() < max
            && self.meters.len() + new().count() <= max
            && (new_strangers == 0 || self.strangers + new_strangers <= max.div_ceil(2))
    }

    fn standings(&self, charges: &[Charge], places: &[Place], now: Timestamp) -> Vec<Standing> {
        let standing = |(charge, place): (&Charge, &Place)| {
            let fresh;
            let meter = match self.meters.get(place) {
                Some(meter) => meter,
                None => {
                    fresh = Meter::new(&charge.quota);
                    &fresh
                }
            };
            Standing {
                key: charge.key.clone(),
                quota: charge.quota,
                remaining: meter.remaining(now),
                reset_after: meter.reset_after(now),
            }
        };
        charges.iter().zip(places).map(standing).collect()
    }

    /// Closes a reservation, if it is open, with the amount that `actual` names for each of its charges; none leaves a
    /// charge as it was reserved.
    fn close(&mut self, name: &Name, actual: impl Fn(usize) -> Option<u64>) {
        let Some(reservation) = self.open.remove(name) else {
            return;
        };
        self.ends.remove(&(reservation.ends, name.clone()));
        for (i, key) in reservation.keys.into_iter().enumerate() {
            let meter = self
                .meters
                .get_mut(&(name.0.clone(), key))
                .expect("a meter with an open reservation is kept");
            match actual(i) {
                Some(amount) => meter.settle(reservation.ticket, amount),
                None => meter.keep(reservation.ticket),
            }
        }
    }

    /// Lets go of reservations whose time is over and of keys at rest: what is due by now, and no more.
    fn tidy(&mut self, now: Timestamp) {
        while let Some((ends, name)) = self.ends.first() {
            if *ends > now {
                break;
            }
            let name = name.clone();
            self.close(&name, |_| None);
        }
        while let Some((due, _)) = self.rests.first() {
            if *due > now {
                break;
            }
            let (due, place) = self.rests.pop_first().expect("there is a first");
            let meter = self.meters.get(&place).expect("every place in rests has a meter");
            // Judged by a time that lies SLACK in the past of the caller whose clock is furthest ahead.
            if meter.is_at_rest(earlier(now, SLACK)) {
                self.meters.remove(&place);
                self.strangers -= usize::from(place.1.is_of_strangers());
            } else {
                let rest = later(now, meter.reset_after(now));
                self.rests.insert((later(rest.max(due), SLACK), place));
            }
        }
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn earlier(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_sub(wait).unwrap_or(Timestamp::MIN)
}
