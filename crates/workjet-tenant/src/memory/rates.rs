//! What each caller has spent, in the memory of one process.
//!
//! Tenants are spread over shards, each behind a lock of its own, so one call takes one lock and all its charges are
//! decided at once. Nothing needs a background task: each call first tidies up what is due in its shard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::gcra::Meter;
use crate::ledger::{self, Look, Meters, Reservation, Room};
use crate::{Charge, Consistency, Decision, LimitKey, RateStore, RequestId, Scope, StoreError, TenantId};

const SHARDS: usize = 16;

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
        shard.close(&(scope.tenant().clone(), id.clone()), now, |place| {
            actual.get(place).copied()
        });
        Ok(())
    }

    async fn release(&self, scope: &Scope, id: &RequestId, now: Timestamp) -> Result<(), StoreError> {
        let mut shard = self.shard(scope.tenant());
        shard.tidy(now);
        shard.close(&(scope.tenant().clone(), id.clone()), now, |_| Some(0));
        Ok(())
    }
}

/// One tenant's meters among those of the shard.
struct Own<'a> {
    tenant: &'a TenantId,
    now: Timestamp,
    shard: &'a mut Shard,
}

impl Meters for Own<'_> {
    fn meter(&mut self, key: &LimitKey) -> Option<&mut Meter> {
        self.shard.meters.get_mut(&(self.tenant.clone(), key.clone()))
    }

    fn add(&mut self, key: &LimitKey, meter: Meter) {
        let place = (self.tenant.clone(), key.clone());
        self.shard
            .rests
            .insert((ledger::first_look(self.now), place.clone()));
        self.shard.strangers += usize::from(key.is_of_strangers());
        self.shard.meters.insert(place, meter);
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
            return first.decision();
        }
        let room = Room {
            keys: self.meters.len(),
            strangers: self.strangers,
            open: self.open.len(),
            max,
        };
        let ticket = self.last_ticket + 1;
        let mut meters = Own {
            tenant,
            now,
            shard: self,
        };
        match ledger::reserve(&mut meters, room, ticket, charges, now, ttl) {
            Ok(reservation) => {
                let decision = reservation.decision();
                self.last_ticket = ticket;
                self.ends.insert((reservation.ends(), name.clone()));
                self.open.insert(name, reservation);
                decision
            }
            Err(denial) => denial,
        }
    }

    /// Closes a reservation, if it is open, with the amount that `actual` names for each of its charges; none leaves a
    /// charge as it was reserved.
    fn close(&mut self, name: &Name, now: Timestamp, actual: impl Fn(usize) -> Option<u64>) {
        let Some(reservation) = self.open.remove(name) else {
            return;
        };
        self.ends.remove(&(reservation.ends(), name.clone()));
        let tenant = &name.0;
        let mut meters = Own {
            tenant,
            now,
            shard: self,
        };
        ledger::close(&mut meters, &reservation, actual);
    }

    /// Lets go of reservations whose time is over and of keys at rest: what is due by now, and no more.
    fn tidy(&mut self, now: Timestamp) {
        while let Some((ends, name)) = self.ends.first() {
            if *ends > now {
                break;
            }
            let name = name.clone();
            self.close(&name, now, |_| None);
        }
        while let Some((due, _)) = self.rests.first() {
            if *due > now {
                break;
            }
            let (due, place) = self.rests.pop_first().expect("there is a first");
            let meter = self.meters.get(&place).expect("every place in rests has a meter");
            match ledger::look(meter, due, now) {
                Look::Forget => {
                    self.meters.remove(&place);
                    self.strangers -= usize::from(place.1.is_of_strangers());
                }
                Look::Again(due) => {
                    self.rests.insert((due, place));
                }
            }
        }
    }
}
