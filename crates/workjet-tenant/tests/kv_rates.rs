//! What the conformance suite does not ask of limits in a key-value store: how many writes they take, and what happens
//! between instances that do not see each other.
#![cfg(feature = "remote")]

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use workjet_tenant::kv::{KeyValues, KvRates, classify};
use workjet_tenant::{
    Actor, Charge, Consistency, Decision, ErrorKind, LimitKey, Quota, RateStore, RequestId, Role, Scope,
    StoreError,
};

const TTL: Duration = Duration::from_secs(300);
const BOUND: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Values(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    values: BTreeMap<String, (String, Duration)>,
    writes: usize,
    /// What happens to writes, if not what should.
    failure: Option<ErrorKind>,
}

impl Values {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic")
    }
}

#[async_trait]
impl KeyValues for Values {
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.inner().values.get(key).map(|(value, _)| value.clone()))
    }

    async fn put(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if let Some(kind) = inner.failure {
            return Err(StoreError::new(kind, "told to fail"));
        }
        inner.writes += 1;
        inner.values.insert(key.to_owned(), (value.to_owned(), ttl));
        Ok(())
    }
}

fn scope() -> Scope {
    Scope::dangerously_assume("acme".parse().expect("an id"), Actor::System, Role::Member)
}

fn id(name: impl std::fmt::Display) -> RequestId {
    name.to_string().parse().expect("an id")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

fn charge(amount: u64) -> Charge {
    let some = |n| NonZeroU64::new(n).expect("not zero");
    Charge {
        key: LimitKey::user_requests(&"ada".parse().expect("an id")),
        quota: Quota {
            limit: some(1),
            per: Duration::from_secs(1),
            burst: some(10),
        },
        amount,
    }
}

/// Nothing in memory ever waits, so one poll is enough.
fn now_or_never<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("a store in memory answers at once")
}

type Rates = KvRates<Arc<Values>>;

fn reserve(rates: &Rates, name: impl std::fmt::Display, amount: u64, now: i64) -> Decision {
    now_or_never(rates.reserve(&scope(), &id(name), &[charge(amount)], at(now), TTL)).expect("an answer")
}

fn admits(rates: &Rates, name: impl std::fmt::Display, amount: u64, now: i64) -> bool {
    matches!(reserve(rates, name, amount, now), Decision::Allow(_))
}

fn settle(rates: &Rates, name: impl std::fmt::Display, actual: u64, now: i64) {
    now_or_never(rates.settle(&scope(), &id(name), &[actual], at(now))).expect("an answer");
}

#[test]
fn request_that_cost_what_it_reserved_is_one_write() {
    let values = Arc::new(Values::default());
    let rates = KvRates::new(values.clone(), BOUND);
    assert_eq!(rates.consistency(), Consistency::Eventual { bound: BOUND });
    assert!(admits(&rates, "a", 1, 0));
    settle(&rates, "a", 1, 5);
    assert_eq!(values.inner().writes, 1);
    assert!(admits(&rates, "b", 2, 5));
    settle(&rates, "b", 1, 5);
    assert_eq!(values.inner().writes, 3, "what cost less is corrected");
}

#[test]
fn value_does_not_grow_with_the_requests() {
    let values = Arc::new(Values::default());
    let size = || values.inner().values.values().next().expect("one key").0.len();
    // Each request has an instance of its own, as on a Worker.
    let request = |n: i64| {
        let rates = KvRates::new(values.clone(), BOUND);
        assert!(admits(&rates, n, 1, n));
        settle(&rates, n, 1, n);
    };
    (0..64).for_each(&request);
    let before = size();
    (64..250).for_each(&request);
    assert!(size() < before + before / 10, "{} after {before}", size());
    (50..150).for_each(|n| request(20 * n));
    assert!(size() < before, "what is over takes no place: {}", size());
}

#[test]
fn reservation_that_too_many_others_followed_stays_charged() {
    let values = Arc::new(Values::default());
    let rates = KvRates::new(values.clone(), BOUND);
    assert!(admits(&rates, "first", 9, 0));
    assert!(admits(&rates, "second", 1, 0));
    for n in 0..63 {
        assert!(admits(&rates, n, 1, n + 1));
    }
    let remaining = |now| match reserve(&rates, "probe", 11, now) {
        Decision::Deny { standings, .. } => standings[0].remaining,
        Decision::Allow(_) => panic!("11 never fit into a burst of 10"),
    };
    assert_eq!(remaining(63), 0);
    settle(&rates, "first", 0, 63);
    assert_eq!(remaining(63), 0, "it is too late to correct it");
    settle(&rates, "second", 0, 63);
    assert_eq!(remaining(63), 1);
}

#[test]
fn what_one_instance_spent_another_one_sees() {
    let values = Arc::new(Values::default());
    let (here, there) = (
        KvRates::new(values.clone(), BOUND),
        KvRates::new(values.clone(), BOUND),
    );
    assert!(admits(&here, "a", 8, 0));
    assert!(!admits(&there, "b", 3, 0));
    // It is not theirs to settle.
    settle(&there, "a", 0, 0);
    assert!(!admits(&there, "b", 3, 0));
    settle(&here, "a", 0, 0);
    assert!(admits(&there, "b", 3, 0));
}

#[test]
fn reservation_of_an_instance_that_is_gone_stays_charged_and_is_forgotten() {
    let values = Arc::new(Values::default());
    assert!(admits(&KvRates::new(values.clone(), BOUND), "a", 10, 0));
    let rates = KvRates::new(values.clone(), BOUND);
    assert!(!admits(&rates, "b", 1, 0));
    assert!(admits(&rates, "b", 10, 10), "it comes back at the rate");
    settle(&rates, "b", 10, 10);
    assert!(admits(&rates, "c", 1, 400));
    let value = values.inner().values.values().next().expect("one key").0.clone();
    assert_eq!(
        value.matches("ends").count(),
        1,
        "past its time it is dropped: {value}"
    );
}

#[test]
fn value_is_kept_until_nothing_in_it_matters() {
    let values = Arc::new(Values::default());
    let rates = KvRates::new(values.clone(), BOUND);
    assert!(admits(&rates, "a", 1, 0));
    let ttl = values.inner().values.values().next().expect("one key").1;
    assert!(ttl >= TTL, "it may still be settled: {ttl:?}");
    settle(&rates, "a", 1000, 1);
    let ttl = values.inner().values.values().next().expect("one key").1;
    assert!(
        ttl >= Duration::from_secs(999),
        "the debt is not yet paid: {ttl:?}"
    );
}

#[test]
fn key_that_was_written_too_recently_denies_for_a_second() {
    let values = Arc::new(Values::default());
    let rates = KvRates::new(values.clone(), BOUND);
    values.inner().failure = Some(ErrorKind::Conflict);
    match reserve(&rates, "a", 1, 0) {
        Decision::Deny {
            retry_after,
            standings,
        } => {
            assert_eq!(retry_after, Some(Duration::from_secs(1)));
            assert_eq!(standings[0].remaining, 10, "nothing was taken");
        }
        Decision::Allow(_) => panic!("what was not written must not be admitted"),
    }
    values.inner().failure = None;
    settle(&rates, "a", 0, 0);
    assert!(admits(&rates, "b", 10, 1), "nothing was taken");
}

#[test]
fn store_that_does_not_answer_refuses() {
    let values = Arc::new(Values::default());
    let rates = KvRates::new(values.clone(), BOUND);
    values.inner().failure = Some(ErrorKind::Unavailable);
    let outcome = now_or_never(rates.reserve(&scope(), &id("a"), &[charge(1)], at(0), TTL));
    assert_eq!(outcome.expect_err("unknown").kind(), ErrorKind::Unavailable);
    values.inner().failure = None;
    assert!(admits(&rates, "b", 1, 0));
    let place = values.inner().values.keys().next().expect("one key").clone();
    assert!(
        place.starts_with("rates/acme/"),
        "the tenant stands first: {place}"
    );
    values.inner().values.insert(place, ("?".into(), TTL));
    let outcome = now_or_never(rates.reserve(&scope(), &id("c"), &[charge(1)], at(0), TTL));
    assert_eq!(outcome.expect_err("unknown").kind(), ErrorKind::Corrupt);
}

#[test]
fn refusal_of_a_second_write_is_told_from_a_failure() {
    assert_eq!(
        classify("KV PUT failed: 429 Too Many Requests").kind(),
        ErrorKind::Conflict
    );
    assert_eq!(
        classify("KV PUT failed: 500 Internal Server Error").kind(),
        ErrorKind::Unavailable
    );
}
