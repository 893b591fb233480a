//! Rate limits in a key-value store that is only eventually consistent.
//!
//! Each key's meter is one value, read and written back around every decision. Callers who do not see each other's
//! writes yet admit more than the burst, so this store is for those who prefer it to a single place that counts:
//! it says so by its [`Consistency`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gcra::Meter;
use crate::ledger::{self, Meters, Reservation, Room};
use crate::{
    Charge, Consistency, Decision, ErrorKind, LimitKey, RateStore, RequestId, Scope, StoreError, TenantId,
};

/// What a caller is told to wait when the key was written too recently.
const WHEN_BUSY: Duration = Duration::from_secs(1);

/// A value is kept at least this long.
const MIN_TTL: Duration = Duration::from_secs(60);

/// How many reservations an instance remembers.
const MAX_KNOWN: usize = 1 << 14;

/// How many reservations a value shows open; older ones stay as they were reserved. A value is read and written with
/// every request, so it must not grow with them.
const MAX_OPEN: usize = 64;

/// Text under keys, such as Workers KV.
///
/// # Errors
/// [`Unavailable`](ErrorKind::Unavailable) when the answer is unknown, and [`Conflict`](ErrorKind::Conflict) from `put`
/// when the key was written too recently (Workers KV takes one write a second), with nothing written.
#[async_trait]
pub trait KeyValues: Send + Sync {
    /// The value of `key`; it may be an older one.
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Writes the value of `key`, to be forgotten after `ttl` (at least 60 seconds).
    async fn put(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError>;
}

#[async_trait]
impl<K: KeyValues + ?Sized> KeyValues for Arc<K> {
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        (**self).get(key).await
    }

    async fn put(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError> {
        (**self).put(key, value, ttl).await
    }
}

/// The error for what Workers KV said to a write: that it takes one a second for each key is a
/// [`Conflict`](ErrorKind::Conflict).
pub fn classify(message: &str) -> StoreError {
    if message.contains("429") {
        StoreError::new(ErrorKind::Conflict, "the key was written less than a second ago")
    } else {
        StoreError::unavailable(format!("KV failed: {message}"))
    }
}

/// A [`RateStore`] over [`KeyValues`], exact as far as its calls see each other.
///
/// - Whoever reserves settles: a reservation is known to the instance that made it. To another it is not open, and stays
///   charged.
/// - A key remembers its last 64 open reservations; those before them can no longer be corrected, and stay charged.
/// - A key that was written too recently denies for a second, so a key admits no more than the store takes writes. Settling
///   what was reserved writes nothing.
/// - Charges on several keys are several writes; if a later one fails, what the earlier ones took stays taken.
/// - A refund within a second of its reservation meets the store's own limit of one write a second, and is lost.
#[derive(Debug)]
pub struct KvRates<K> {
    values: K,
    bound: Duration,
    /// The reservations that this instance made.
    known: Mutex<BTreeMap<Name, Reservation>>,
}

type Name = (TenantId, RequestId);

impl<K: KeyValues> KvRates<K> {
    /// Counts in `values`, which show a write everywhere after `bound` (60 seconds for Workers KV).
    pub const fn new(values: K, bound: Duration) -> Self {
        Self {
            values,
            bound,
            known: Mutex::new(BTreeMap::new()),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Name, Reservation>> {
        // Every change below is one call on the map.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load(
        &self,
        scope: &Scope,
        keys: impl Iterator<Item = &LimitKey> + Send,
        now: Timestamp,
    ) -> Result<BTreeMap<LimitKey, Account>, StoreError> {
        let mut accounts = BTreeMap::new();
        for key in keys {
            if accounts.contains_key(key) {
                continue;
            }
            if let Some(text) = self.values.get(&place(scope, key)).await? {
                let mut account: Account = serde_json::from_str(&text).map_err(|_| corrupt())?;
                account.tidy(now);
                accounts.insert(key.clone(), account);
            }
        }
        Ok(accounts)
    }

    async fn store(
        &self,
        scope: &Scope,
        accounts: &BTreeMap<LimitKey, Account>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for (key, account) in accounts {
            let text = serde_json::to_string(account).map_err(|_| corrupt())?;
            self.values
                .put(&place(scope, key), &text, account.kept_for(now))
                .await?;
        }
        Ok(())
    }

    /// How many reservations are known, after those whose time is over were forgotten if they are many.
    fn count(&self, now: Timestamp) -> usize {
        let mut known = self.known();
        if known.len() >= MAX_KNOWN {
            known.retain(|_, reservation| !reservation.is_over(now));
        }
        known.len()
    }

    async fn close(
        &self,
        scope: &Scope,
        id: &RequestId,
        now: Timestamp,
        actual: impl Fn(usize) -> Option<u64> + Send,
    ) -> Result<(), StoreError> {
        let Some(reservation) = self.known().remove(&name(scope, id)) else {
            return Ok(());
        };
        // If its time is over, loading closes it.
        let mut accounts = self.load(scope, reservation.keys().iter(), now).await?;
        let before: BTreeMap<_, _> = accounts
            .iter()
            .map(|(key, account)| (key.clone(), account.meter.reset_after(now)))
            .collect();
        ledger::close(&mut accounts, &reservation, actual);
        // Settled as it was reserved: the numbers are the same, and a write would cost one of the few that are taken.
        accounts.retain(|key, account| account.meter.reset_after(now) != before[key]);
        for account in accounts.values_mut() {
            account.open.retain(|open| account.meter.is_open(open.ticket));
        }
        self.store(scope, &accounts, now).await
    }
}

#[async_trait]
impl<K: KeyValues> RateStore for KvRates<K> {
    fn consistency(&self) -> Consistency {
        Consistency::Eventual { bound: self.bound }
    }

    async fn reserve(
        &self,
        scope: &Scope,
        id: &RequestId,
        charges: &[Charge],
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Decision, StoreError> {
        if let Some(first) = self.known().get(&name(scope, id))
            && !first.is_over(now)
        {
            return Ok(first.decision());
        }
        let room = Room {
            // Values go by their own time to live.
            keys: 0,
            strangers: 0,
            open: self.count(now),
            max: MAX_KNOWN,
        };
        let keys = charges.iter().map(|charge| &charge.key);
        let mut accounts = self.load(scope, keys, now).await?;
        let standings = ledger::standings(&mut accounts, charges, now);
        let ticket = ticket(id);
        let reservation = match ledger::reserve(&mut accounts, room, ticket, charges, now, ttl) {
            Ok(reservation) => reservation,
            Err(denial) => return Ok(denial),
        };
        let ends = reservation.ends();
        for account in accounts.values_mut() {
            account.open.push(Open { ticket, ends });
            let surplus = account.open.len().saturating_sub(MAX_OPEN);
            for open in account.open.drain(..surplus) {
                account.meter.keep_all(open.ticket);
            }
        }
        match self.store(scope, &accounts, now).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Conflict => {
                return Ok(Decision::Deny {
                    retry_after: Some(WHEN_BUSY),
                    standings,
                });
            }
            Err(error) => return Err(error),
        }
        let decision = reservation.decision();
        self.known().insert(name(scope, id), reservation);
        Ok(decision)
    }

    async fn settle(
        &self,
        scope: &Scope,
        id: &RequestId,
        actual: &[u64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.close(scope, id, now, |place| actual.get(place).copied())
            .await
    }

    async fn release(&self, scope: &Scope, id: &RequestId, now: Timestamp) -> Result<(), StoreError> {
        self.close(scope, id, now, |_| Some(0)).await
    }
}

/// One value: a key's meter, and what in it is still open.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    meter: Meter,
    open: Vec<Open>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Open {
    ticket: u64,
    ends: Timestamp,
}

impl Account {
    /// Closes what is over.
    fn tidy(&mut self, now: Timestamp) {
        let Self { meter, open } = self;
        open.retain(|open| {
            let is_open = open.ends > now;
            if !is_open {
                meter.keep_all(open.ticket);
            }
            is_open
        });
    }

    /// Until everything has come back and nothing can be corrected any more.
    fn kept_for(&self, now: Timestamp) -> Duration {
        let open = self.open.iter().map(|open| open.ends).max();
        let open = open.map(|ends| Duration::try_from(ends.duration_since(now)).unwrap_or_default());
        self.meter
            .reset_after(now)
            .max(open.unwrap_or_default())
            .saturating_add(MIN_TTL)
    }
}

impl Meters for BTreeMap<LimitKey, Account> {
    fn meter(&mut self, key: &LimitKey) -> Option<&mut Meter> {
        self.get_mut(key).map(|account| &mut account.meter)
    }

    fn add(&mut self, key: &LimitKey, meter: Meter) {
        let open = Vec::new();
        self.insert(key.clone(), Account { meter, open });
    }
}

fn name(scope: &Scope, id: &RequestId) -> Name {
    (scope.tenant().clone(), id.clone())
}

fn place(scope: &Scope, key: &LimitKey) -> String {
    format!("rates/{}/{key}", scope.tenant())
}

/// Instances share meters but no counter, so a ticket is a hash of the request's id (FNV-1a). Ids are random and the
/// gateway's own: nobody gains from making two of them collide.
fn ticket(id: &RequestId) -> u64 {
    id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn corrupt() -> StoreError {
    StoreError::new(
        ErrorKind::Corrupt,
        "the key-value store holds a rate limit that cannot be read: delete the keys that begin with rates/",
    )
}
