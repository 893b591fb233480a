//! A rate limit store of one's own: one map behind one lock.
//!
//! The arithmetic is [`Meter`]'s; what a store adds is where meters live, that all charges of a reservation are taken
//! together, and which reservations are open. To keep them elsewhere (Redis, a Durable Object), load the meters a call
//! names, run the same steps, and write them back in one transaction.
//!
//! What is left out to keep this short: nothing is ever forgotten here. `MemoryRates` shows how.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_tenant::gcra::{Meter, Verdict};
use workjet_tenant::{
    Charge, Consistency, Decision, LimitKey, RateStore, RequestId, Scope, Standing, StoreError, TenantId,
};

/// Counts in a map, and says who was turned away.
#[derive(Debug, Default)]
pub(crate) struct MyRates {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    // Every key begins with the tenant, so that tenants cannot meet.
    meters: HashMap<(TenantId, LimitKey), Meter>,
    open: HashMap<(TenantId, RequestId), Reservation>,
    last_ticket: u64,
}

#[derive(Debug)]
struct Reservation {
    ticket: u64,
    keys: Vec<LimitKey>,
    ends: Timestamp,
    answer: Decision,
}

impl MyRates {
    fn book(&self) -> Result<MutexGuard<'_, Book>, StoreError> {
        // "The answer is unknown": the gateway refuses then, and so it should.
        self.book
            .lock()
            .map_err(|_| StoreError::unavailable("the rate limits are broken: restart the gateway"))
    }
}

#[async_trait]
impl RateStore for MyRates {
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
        let mut book = self.book()?;
        let name = (scope.tenant().clone(), id.clone());
        if let Some(open) = book.open.get(&name).filter(|open| now < open.ends) {
            return Ok(open.answer.clone()); // the same request again takes nothing more
        }
        book.last_ticket += 1;
        let ticket = book.last_ticket;

        // Spend everything on a copy first; it becomes real only if all of it fits.
        let mut copies: HashMap<&LimitKey, Meter> = HashMap::new();
        let mut worst = Verdict::Fits;
        for charge in charges {
            let place = (scope.tenant().clone(), charge.key.clone());
            let stored = || {
                book.meters
                    .get(&place)
                    .cloned()
                    .unwrap_or_else(|| Meter::new(&charge.quota))
            };
            let meter = copies.entry(&charge.key).or_insert_with(stored);
            meter.adopt(&charge.quota);
            worst = worst.max(meter.check(charge.amount, now));
            meter.spend(ticket, charge.amount, now);
        }
        if worst != Verdict::Fits {
            eprintln!("{} of {} has to wait", id, scope.tenant());
            let retry_after = if let Verdict::Later(wait) = worst {
                Some(wait)
            } else {
                None
            };
            let untouched = |key: &LimitKey| book.meters.get(&(scope.tenant().clone(), key.clone()));
            return Ok(Decision::Deny {
                retry_after,
                standings: standings(charges, now, untouched),
            });
        }

        let answer = Decision::Allow(standings(charges, now, |key| copies.get(key)));
        let keys = charges.iter().map(|charge| charge.key.clone()).collect();
        let ends = now.checked_add(ttl).unwrap_or(Timestamp::MAX);
        for (key, meter) in copies {
            book.meters.insert((scope.tenant().clone(), key.clone()), meter);
        }
        book.open.insert(
            name,
            Reservation {
                ticket,
                keys,
                ends,
                answer: answer.clone(),
            },
        );
        Ok(answer)
    }

    async fn settle(
        &self,
        scope: &Scope,
        id: &RequestId,
        actual: &[u64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut book = self.book()?;
        let Some(open) = book.open.remove(&(scope.tenant().clone(), id.clone())) else {
            return Ok(());
        };
        for (place, key) in open.keys.into_iter().enumerate() {
            let Some(meter) = book.meters.get_mut(&(scope.tenant().clone(), key)) else {
                continue;
            };
            match actual.get(place) {
                Some(amount) if now < open.ends => meter.settle(open.ticket, *amount),
                _ => meter.keep(open.ticket), // too late, or not named: it stays charged
            }
        }
        Ok(())
    }

    async fn release(&self, scope: &Scope, id: &RequestId, now: Timestamp) -> Result<(), StoreError> {
        let charges = self
            .book()?
            .open
            .get(&(scope.tenant().clone(), id.clone()))
            .map_or(0, |open| open.keys.len());
        self.settle(scope, id, &vec![0; charges], now).await
    }
}

fn standings<'a>(
    charges: &[Charge],
    now: Timestamp,
    meter: impl Fn(&LimitKey) -> Option<&'a Meter>,
) -> Vec<Standing> {
    let standing = |charge: &Charge| {
        let meter = meter(&charge.key)
            .cloned()
            .unwrap_or_else(|| Meter::new(&charge.quota));
        Standing {
            key: charge.key.clone(),
            quota: charge.quota,
            remaining: meter.remaining(now),
            reset_after: meter.reset_after(now),
        }
    };
    charges.iter().map(standing).collect()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn it_keeps_the_contract() {
        workjet_conformance::rate_store(&MyRates::default())
            .now_or_never()
            .expect("a map answers at once");
    }
}
