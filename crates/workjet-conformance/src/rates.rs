//! The contract of [`RateStore`].

use std::num::NonZeroU64;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use workjet_tenant::{Charge, Consistency, Decision, LimitKey, Quota, RateStore, RequestId, Scope, UserId};

use crate::stage::scope_of;

const TTL: Duration = Duration::from_secs(300);

/// Checks a [`RateStore`]. A store that is only eventually consistent is spared the checks that count exactly.
///
/// # Panics
/// If the store breaks its contract; the message says how.
pub async fn rate_store(store: &dyn RateStore) {
    if matches!(store.consistency(), Consistency::Eventual { .. }) {
        more_than_burst_is_never_admitted(store).await;
        what_is_not_open_cannot_be_settled(store).await;
        return;
    }
    rate_store_in_turn(store).await;
    parallel_callers_are_admitted_exactly_burst_times(store).await;
    parallel_callers_settle_once(store).await;
}

/// Checks what a [`RateStore`] owes to calls that run one after another and see each other: everything but the parallel
/// callers. For an eventually consistent store over something that, in a test, shows every write at once.
///
/// # Panics
/// If the store breaks its contract; the message says how.
pub async fn rate_store_in_turn(store: &dyn RateStore) {
    more_than_burst_is_never_admitted(store).await;
    what_is_not_open_cannot_be_settled(store).await;
    exactly_burst_at_once(store).await;
    spent_units_come_back_at_the_rate(store).await;
    charges_are_taken_together_or_not_at_all(store).await;
    same_key_twice_counts_twice(store).await;
    repeated_reservation_takes_nothing_more(store).await;
    release_gives_everything_back_once(store).await;
    settling_gives_back_the_rest_once(store).await;
    settling_above_makes_a_debt(store).await;
    released_units_do_not_come_back_twice(store).await;
    unsettled_stays_charged_after_its_ttl(store).await;
    tenants_and_keys_do_not_see_each_other(store).await;
}

/// Seconds after a moment at which every key is at rest.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

fn key(name: &str) -> LimitKey {
    LimitKey::user_requests(&name.parse::<UserId>().expect("an id"))
}

fn id(name: &str) -> RequestId {
    name.parse().expect("an id")
}

/// `burst` at once, and one unit comes back each second.
fn charge(name: &str, burst: u64, amount: u64) -> Charge {
    let some = |n| NonZeroU64::new(n).expect("not zero");
    Charge {
        key: key(name),
        quota: Quota {
            limit: some(60),
            per: Duration::from_secs(60),
            burst: some(burst),
        },
        amount,
    }
}

async fn reserve(
    store: &dyn RateStore,
    scope: &Scope,
    name: &str,
    charges: &[Charge],
    now: Timestamp,
) -> Decision {
    store
        .reserve(scope, &id(name), charges, now, TTL)
        .await
        .expect("the store must answer")
}

async fn admits(
    store: &dyn RateStore,
    scope: &Scope,
    name: &str,
    charges: &[Charge],
    now: Timestamp,
) -> bool {
    matches!(
        reserve(store, scope, name, charges, now).await,
        Decision::Allow(_)
    )
}

/// How many units of `name`'s burst are left, found out by trying and giving back.
async fn left(store: &dyn RateStore, scope: &Scope, name: &str, burst: u64, now: Timestamp) -> u64 {
    let probe = format!("probe-{name}");
    for amount in (1..=burst).rev() {
        if admits(store, scope, &probe, &[charge(name, burst, amount)], now).await {
            store
                .release(scope, &id(&probe), now)
                .await
                .expect("the store must answer");
            return amount;
        }
    }
    0
}

async fn more_than_burst_is_never_admitted(store: &dyn RateStore) {
    let scope = scope_of("never");
    match reserve(store, &scope, "r", &[charge("u", 5, 6)], at(0)).await {
        Decision::Deny {
            retry_after: None,
            standings,
        } => {
            assert_eq!(standings.len(), 1, "a denial must say where every key stands");
            assert_eq!(standings[0].remaining, 5, "a denial must take nothing");
        }
        other => panic!("6 units never fit into a burst of 5, so no retry_after may be named; got {other:?}"),
    }
}

async fn what_is_not_open_cannot_be_settled(store: &dyn RateStore) {
    let scope = scope_of("not-open");
    store
        .settle(&scope, &id("unknown"), &[3], at(0))
        .await
        .expect("settling what is not open must do nothing");
    store
        .release(&scope, &id("unknown"), at(0))
        .await
        .expect("releasing what is not open must do nothing");
}

async fn exactly_burst_at_once(store: &dyn RateStore) {
    let scope = scope_of("exactly");
    for n in 0..20_u64 {
        match reserve(store, &scope, &format!("r{n}"), &[charge("u", 20, 1)], at(0)).await {
            Decision::Allow(standings) => {
                assert_eq!(standings.len(), 1, "an admission must say where every key stands");
                assert_eq!(standings[0].remaining, 19 - n, "remaining after {} of 20", n + 1);
                assert_eq!(
                    standings[0].reset_after,
                    Duration::from_secs(n + 1),
                    "reset_after after {} of 20",
                    n + 1
                );
            }
            Decision::Deny { .. } => panic!("request {} of a burst of 20 from rest was denied", n + 1),
        }
    }
    match reserve(store, &scope, "one-more", &[charge("u", 20, 1)], at(0)).await {
        Decision::Deny { retry_after, .. } => {
            assert_eq!(
                retry_after,
                Some(Duration::from_secs(1)),
                "one unit comes back each second"
            );
        }
        Decision::Allow(_) => panic!("request 21 of a burst of 20 was admitted"),
    }
}

async fn spent_units_come_back_at_the_rate(store: &dyn RateStore) {
    let scope = scope_of("rate");
    assert!(
        admits(store, &scope, "all", &[charge("u", 10, 10)], at(0)).await,
        "the burst must pass from rest"
    );
    assert!(
        !admits(store, &scope, "early", &[charge("u", 10, 4)], at(3)).await,
        "3 seconds bring back 3 units, not 4"
    );
    assert!(
        admits(store, &scope, "due", &[charge("u", 10, 4)], at(4)).await,
        "4 seconds bring back 4 units"
    );
    assert_eq!(
        left(store, &scope, "u", 10, at(100)).await,
        10,
        "a long rest brings back the burst and no more"
    );
}

async fn charges_are_taken_together_or_not_at_all(store: &dyn RateStore) {
    let scope = scope_of("together");
    assert!(admits(store, &scope, "fill", &[charge("full", 5, 5)], at(0)).await);
    let both = [charge("free", 5, 2), charge("full", 5, 2)];
    match reserve(store, &scope, "both", &both, at(0)).await {
        Decision::Deny {
            retry_after,
            standings,
        } => {
            assert_eq!(
                retry_after,
                Some(Duration::from_secs(2)),
                "the slowest key decides how long to wait"
            );
            assert_eq!(
                standings.len(),
                2,
                "a denial must say where every key stands, in order"
            );
        }
        Decision::Allow(_) => panic!("one key is full, so both charges must be denied"),
    }
    assert_eq!(
        left(store, &scope, "free", 5, at(0)).await,
        5,
        "a denied reservation took something from another key"
    );
    assert!(
        admits(store, &scope, "both", &both, at(2)).await,
        "a denied reservation must be free to try again"
    );
}

async fn same_key_twice_counts_twice(store: &dyn RateStore) {
    let scope = scope_of("twice");
    let twice = |amount| [charge("u", 5, amount), charge("u", 5, amount)];
    assert!(
        !admits(store, &scope, "r1", &twice(3), at(0)).await,
        "3 and 3 of one key do not fit into 5"
    );
    assert!(
        admits(store, &scope, "r2", &twice(2), at(0)).await,
        "2 and 2 of one key fit into 5"
    );
    assert_eq!(
        left(store, &scope, "u", 5, at(0)).await,
        1,
        "2 and 2 of 5 leave 1"
    );
}

async fn repeated_reservation_takes_nothing_more(store: &dyn RateStore) {
    let scope = scope_of("repeated");
    let charges = [charge("u", 5, 2)];
    let first = reserve(store, &scope, "same", &charges, at(0)).await;
    let second = reserve(store, &scope, "same", &charges, at(1)).await;
    assert_eq!(
        first, second,
        "a reservation that is still open must answer as it did the first time"
    );
    assert_eq!(
        left(store, &scope, "u", 5, at(0)).await,
        3,
        "the same reservation was taken twice"
    );
}

async fn release_gives_everything_back_once(store: &dyn RateStore) {
    let scope = scope_of("release");
    assert!(admits(store, &scope, "a", &[charge("u", 5, 3)], at(0)).await);
    assert!(admits(store, &scope, "b", &[charge("u", 5, 2)], at(0)).await);
    for _ in 0..2 {
        store
            .release(&scope, &id("a"), at(0))
            .await
            .expect("the store must answer");
        store
            .settle(&scope, &id("a"), &[0], at(0))
            .await
            .expect("the store must answer");
        assert_eq!(
            left(store, &scope, "u", 5, at(0)).await,
            3,
            "releasing must return what was taken, once"
        );
    }
}

async fn settling_gives_back_the_rest_once(store: &dyn RateStore) {
    let scope = scope_of("settle");
    assert!(admits(store, &scope, "a", &[charge("u", 9, 5), charge("v", 9, 4)], at(0)).await);
    assert!(admits(store, &scope, "b", &[charge("u", 9, 2)], at(0)).await);
    for _ in 0..2 {
        store
            .settle(&scope, &id("a"), &[1, 2], at(0))
            .await
            .expect("the store must answer");
        assert_eq!(
            left(store, &scope, "u", 9, at(0)).await,
            6,
            "1 and 2 of 9 were used"
        );
        assert_eq!(left(store, &scope, "v", 9, at(0)).await, 7, "2 of 9 were used");
    }
    store
        .release(&scope, &id("a"), at(0))
        .await
        .expect("the store must answer");
    assert_eq!(
        left(store, &scope, "u", 9, at(0)).await,
        6,
        "what is settled cannot be released any more"
    );
}

async fn settling_above_makes_a_debt(store: &dyn RateStore) {
    let scope = scope_of("debt");
    assert!(admits(store, &scope, "a", &[charge("u", 5, 1)], at(0)).await);
    store
        .settle(&scope, &id("a"), &[12], at(0))
        .await
        .expect("settling above the reservation must not fail");
    match reserve(store, &scope, "b", &[charge("u", 5, 1)], at(0)).await {
        Decision::Deny { retry_after, .. } => {
            assert_eq!(
                retry_after,
                Some(Duration::from_secs(8)),
                "12 of 5 were used: 7 to pay back and 1 to spend"
            );
        }
        Decision::Allow(_) => panic!("a key in debt must not admit"),
    }
    assert!(
        admits(store, &scope, "c", &[charge("u", 5, 1)], at(8)).await,
        "the debt is paid after 8 seconds"
    );
}

async fn released_units_do_not_come_back_twice(store: &dyn RateStore) {
    let scope = scope_of("not-twice");
    assert!(admits(store, &scope, "a", &[charge("u", 10, 10)], at(0)).await);
    assert!(admits(store, &scope, "b", &[charge("u", 10, 10)], at(10)).await);
    store
        .release(&scope, &id("a"), at(10))
        .await
        .expect("the store must answer");
    assert_eq!(
        left(store, &scope, "u", 10, at(10)).await,
        0,
        "the first ten had come back by themselves before they were released, and were spent again"
    );
}

async fn unsettled_stays_charged_after_its_ttl(store: &dyn RateStore) {
    let scope = scope_of("ttl");
    let end = TTL.as_secs() as i64;
    assert!(admits(store, &scope, "a", &[charge("u", 500, 500)], at(0)).await);
    store
        .release(&scope, &id("a"), at(end))
        .await
        .expect("the store must answer");
    store
        .settle(&scope, &id("a"), &[0], at(end))
        .await
        .expect("the store must answer");
    let wanted = [charge("u", 500, 301)];
    assert!(
        !admits(store, &scope, "b", &wanted, at(end)).await,
        "after its ttl a reservation cannot be given back"
    );
}

async fn tenants_and_keys_do_not_see_each_other(store: &dyn RateStore) {
    let (here, there) = (scope_of("here"), scope_of("there"));
    assert!(admits(store, &here, "same", &[charge("u", 5, 5)], at(0)).await);
    assert!(
        admits(store, &there, "same", &[charge("u", 5, 5)], at(0)).await,
        "another tenant's spending counted here"
    );
    assert!(
        admits(store, &here, "other", &[charge("v", 5, 5)], at(0)).await,
        "another key's spending counted here"
    );
    store
        .release(&there, &id("other"), at(0))
        .await
        .expect("the store must answer");
    assert_eq!(
        left(store, &here, "v", 5, at(0)).await,
        0,
        "another tenant released this tenant's reservation"
    );
    store
        .settle(&there, &id("other"), &[0], at(0))
        .await
        .expect("the store must answer");
    assert_eq!(
        left(store, &here, "v", 5, at(0)).await,
        0,
        "another tenant settled this tenant's reservation"
    );
}

async fn parallel_callers_are_admitted_exactly_burst_times(store: &dyn RateStore) {
    let scope = scope_of("parallel");
    let charges = [charge("u", 20, 1), charge("v", 30, 1)];
    let calls = (0..100).map(|n| {
        let (scope, charges) = (&scope, &charges);
        async move { admits(store, scope, &format!("r{n}"), charges, at(0)).await }
    });
    let admitted = join_all(calls)
        .await
        .into_iter()
        .filter(|admitted| *admitted)
        .count();
    assert_eq!(
        admitted, 20,
        "of 100 parallel callers exactly the burst of 20 must be admitted"
    );
    assert_eq!(
        left(store, &scope, "v", 30, at(0)).await,
        10,
        "those who were denied took something from another key"
    );
}

async fn parallel_callers_settle_once(store: &dyn RateStore) {
    let scope = scope_of("settle-once");
    assert!(admits(store, &scope, "a", &[charge("u", 20, 10)], at(0)).await);
    assert!(admits(store, &scope, "b", &[charge("u", 20, 10)], at(0)).await);
    let name = id("a");
    join_all((0..20).map(|_| store.settle(&scope, &name, &[4], at(0)))).await;
    assert_eq!(
        left(store, &scope, "u", 20, at(0)).await,
        6,
        "parallel settlements of one reservation must count once"
    );
}
