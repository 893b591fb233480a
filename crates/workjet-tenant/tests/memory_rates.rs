//! What the conformance suite does not ask of [`MemoryRates`]: real threads, and bounded memory.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use workjet_tenant::{
    Actor, Charge, Decision, LimitKey, MemoryRates, Quota, RateStore, RequestId, Role, Scope,
};

const TTL: Duration = Duration::from_secs(300);

/// Nothing in memory ever waits, so one poll is enough.
fn now_or_never<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("a store in memory answers at once")
}

fn scope(tenant: &str) -> Scope {
    Scope::dangerously_assume(tenant.parse().expect("an id"), Actor::System, Role::Member)
}

fn id(number: u64) -> RequestId {
    format!("r{number}").parse().expect("an id")
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + millis).expect("in range")
}

fn charge(user: &str, burst: u64, amount: u64) -> Charge {
    let some = |n| NonZeroU64::new(n).expect("not zero");
    let quota = Quota {
        limit: some(10),
        per: Duration::from_secs(1),
        burst: some(burst),
    };
    Charge {
        key: LimitKey::user_requests(&user.parse().expect("an id")),
        quota,
        amount,
    }
}

fn reserve(
    store: &MemoryRates,
    scope: &Scope,
    id: &RequestId,
    charges: &[Charge],
    now: Timestamp,
) -> Decision {
    now_or_never(store.reserve(scope, id, charges, now, TTL)).expect("memory answers")
}

#[test]
fn parallel_threads_are_admitted_no_more_than_burst_and_rate() {
    const BURST: u64 = 50;
    let store = MemoryRates::new();
    let scope = scope("acme");
    let (clock, ids, admitted) = (AtomicI64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for _ in 0..500 {
                    let now = at(clock.fetch_add(1, Ordering::SeqCst));
                    let id = id(ids.fetch_add(1, Ordering::SeqCst));
                    if let Decision::Allow(_) = reserve(&store, &scope, &id, &[charge("u", BURST, 2)], now) {
                        admitted.fetch_add(2, Ordering::SeqCst);
                        now_or_never(store.settle(&scope, &id, &[2], now)).expect("memory answers");
                    }
                }
            });
        }
    });
    let elapsed_ms = u64::try_from(clock.into_inner()).expect("it only grew");
    let (admitted, most) = (admitted.into_inner(), BURST + 10 * elapsed_ms / 1000);
    assert!(
        admitted <= most,
        "{admitted} were admitted in {elapsed_ms} ms, at most {most} may be"
    );
    assert!(
        admitted >= most - 10,
        "{admitted} of {most}: callers must not be kept out for nothing"
    );
}

#[test]
fn parallel_releases_leave_nothing_behind() {
    let store = MemoryRates::new();
    let scope = scope("acme");
    let ids = AtomicU64::new(0);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for _ in 0..300 {
                    let id = id(ids.fetch_add(1, Ordering::SeqCst));
                    let _ = reserve(
                        &store,
                        &scope,
                        &id,
                        &[charge("u", 20, 3), charge("v", 20, 1)],
                        at(0),
                    );
                    now_or_never(store.release(&scope, &id, at(0))).expect("memory answers");
                }
            });
        }
    });
    let all = [charge("u", 20, 20), charge("v", 20, 20)];
    assert!(matches!(
        reserve(&store, &scope, &id(u64::MAX), &all, at(0)),
        Decision::Allow(_)
    ));
}

#[test]
fn keys_at_rest_and_old_reservations_are_forgotten() {
    let store = MemoryRates::new();
    let scope = scope("acme");
    for n in 0..1000 {
        let charges = [charge(&format!("u{n}"), 5, 1)];
        assert!(matches!(
            reserve(&store, &scope, &id(n), &charges, at(0)),
            Decision::Allow(_)
        ));
    }
    assert_eq!(store.len(), (1000, 1000));
    for n in 0..500 {
        now_or_never(store.settle(&scope, &id(n), &[1], at(0))).expect("memory answers");
    }
    let _ = reserve(&store, &scope, &id(2000), &[charge("last", 5, 1)], at(200_000));
    assert_eq!(
        store.len(),
        (501, 501),
        "what is settled and at rest is gone, what is open stays"
    );
    let _ = reserve(&store, &scope, &id(2001), &[charge("last", 5, 1)], at(500_000));
    let _ = reserve(&store, &scope, &id(2002), &[charge("last", 5, 1)], at(700_000));
    assert_eq!(
        store.len(),
        (1, 2),
        "reservations past their time go, and their keys after them"
    );
}

#[test]
fn full_store_denies_newcomers_and_forgets_nobody() {
    let store = MemoryRates::with_capacity(16 * 4);
    let scope = scope("acme");
    let spend =
        |user: &str, number: u64, now| reserve(&store, &scope, &id(number), &[charge(user, 1, 1)], now);
    for n in 0..4 {
        assert!(matches!(spend(&format!("u{n}"), n, at(0)), Decision::Allow(_)));
    }
    match spend("newcomer", 10, at(0)) {
        Decision::Deny {
            retry_after: Some(_), ..
        } => {}
        other => panic!("a full store must deny newcomers for a while, got {other:?}"),
    }
    assert!(
        matches!(spend("u0", 11, at(0)), Decision::Deny { .. }),
        "what u0 has spent is still known"
    );
    for n in 0..4 {
        now_or_never(store.settle(&scope, &id(n), &[1], at(0))).expect("memory answers");
    }
    assert!(
        matches!(spend("newcomer", 12, at(200_000)), Decision::Allow(_)),
        "rest makes room"
    );
}

#[test]
fn open_reservations_are_bounded_too() {
    let store = MemoryRates::with_capacity(16 * 4);
    let scope = scope("acme");
    let admits = |number: u64, now| {
        matches!(
            reserve(&store, &scope, &id(number), &[charge("u", 100, 1)], now),
            Decision::Allow(_)
        )
    };
    assert!((0..4).all(|number| admits(number, at(0))));
    assert!(!admits(4, at(0)));
    now_or_never(store.release(&scope, &id(2), at(0))).expect("memory answers");
    assert!(admits(4, at(0)));
}

#[test]
fn debt_is_not_forgotten_before_it_is_paid() {
    let store = MemoryRates::new();
    let scope = scope("acme");
    let admits = |number: u64, now| {
        let decision = reserve(&store, &scope, &id(number), &[charge("u", 5, 1)], now);
        now_or_never(store.release(&scope, &id(number), now)).expect("memory answers");
        matches!(decision, Decision::Allow(_))
    };
    let _ = reserve(&store, &scope, &id(0), &[charge("u", 5, 1)], at(0));
    // Ten come back each second.
    now_or_never(store.settle(&scope, &id(0), &[10_000], at(0))).expect("memory answers");
    for (number, seconds) in [(1, 100), (2, 500), (3, 999)] {
        assert!(!admits(number, at(seconds * 1000)), "after {seconds} seconds");
    }
    assert!(admits(4, at(1_000_000)));
}

#[test]
fn strangers_who_try_to_log_in_never_crowd_out_users() {
    let store = MemoryRates::with_capacity(16 * 8);
    let scope = scope("acme");
    let attempt = |number: u64, now| {
        let key = LimitKey::login_attempts(&format!("stranger-{number}"));
        let charges = [Charge {
            key,
            ..charge("nobody", 1, 1)
        }];
        let decision = reserve(&store, &scope, &id(number), &charges, now);
        now_or_never(store.settle(&scope, &id(number), &[1], now)).expect("memory answers");
        matches!(decision, Decision::Allow(_))
    };
    let admitted = (0..100).filter(|number| attempt(*number, at(0))).count();
    assert_eq!(admitted, 4, "half of the eight places of a shard");
    for n in 0..4 {
        let user = [charge(&format!("u{n}"), 1, 1)];
        assert!(matches!(
            reserve(&store, &scope, &id(1000 + n), &user, at(0)),
            Decision::Allow(_)
        ));
    }
    assert!(
        (200..204).all(|number| attempt(number, at(200_000))),
        "rest makes room for strangers, too"
    );
}

#[test]
fn clock_that_jumps_back_admits_nothing_extra() {
    let store = MemoryRates::new();
    let scope = scope("acme");
    assert!(matches!(
        reserve(&store, &scope, &id(1), &[charge("u", 5, 5)], at(60_000)),
        Decision::Allow(_)
    ));
    assert!(matches!(
        reserve(&store, &scope, &id(2), &[charge("u", 5, 1)], at(0)),
        Decision::Deny { .. }
    ));
}
