use std::num::NonZeroU64;

use proptest::prelude::*;

use super::*;

fn quota(limit: u64, per: Duration, burst: u64) -> Quota {
    let some = |n| NonZeroU64::new(n).expect("not zero");
    Quota {
        limit: some(limit),
        per,
        burst: some(burst),
    }
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(1_700_000_000_000_000_000 + i128::from(nanos)).expect("in range")
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn exactly_burst_at_once_from_rest() {
    let mut meter = Meter::new(&quota(60, MINUTE, 20));
    for ticket in 0..20 {
        assert_eq!(meter.check(1, at(0)), Verdict::Fits);
        meter.spend(ticket, 1, at(0));
    }
    assert_eq!(meter.remaining(at(0)), 0);
    assert_eq!(meter.check(1, at(0)), Verdict::Later(Duration::from_secs(1)));
}

#[test]
fn retry_after_is_exact_where_the_interval_is_no_whole_number_of_nanoseconds() {
    // 7 per second: one unit comes back in 142,857,142.857… ns.
    let mut meter = Meter::new(&quota(7, Duration::from_secs(1), 3));
    meter.spend(0, 3, at(0));
    let Verdict::Later(wait) = meter.check(1, at(0)) else {
        panic!("nothing is left")
    };
    assert_eq!(wait, Duration::from_nanos(142_857_143));
    assert!(matches!(meter.check(1, at(142_857_142)), Verdict::Later(_)));
    assert_eq!(meter.check(1, at(142_857_143)), Verdict::Fits);
    // Seven of them make a second exactly: nothing was lost to rounding.
    assert_eq!(
        Meter::new(&quota(7, Duration::from_secs(1), 7)).reset_after(at(0)),
        Duration::ZERO
    );
    let mut meter = Meter::new(&quota(7, Duration::from_secs(1), 7));
    meter.spend(0, 7, at(0));
    assert_eq!(meter.reset_after(at(0)), Duration::from_secs(1));
}

#[test]
fn more_than_burst_never_fits() {
    assert_eq!(
        Meter::new(&quota(60, MINUTE, 20)).check(21, at(0)),
        Verdict::Never
    );
    assert_eq!(
        Meter::new(&quota(60, MINUTE, 20)).check(u64::MAX, at(0)),
        Verdict::Never
    );
}

#[test]
fn settling_above_makes_a_debt_that_time_pays() {
    let mut meter = Meter::new(&quota(60, MINUTE, 20));
    meter.spend(0, 5, at(0));
    meter.settle(0, 30);
    assert_eq!(meter.remaining(at(0)), 0);
    assert_eq!(meter.check(1, at(0)), Verdict::Later(Duration::from_secs(11)));
}

#[test]
fn released_units_do_not_come_back_twice() {
    let mut meter = Meter::new(&quota(60, MINUTE, 10));
    meter.spend(1, 10, at(0));
    let later = at(10_000_000_000); // all ten are back by themselves
    meter.spend(2, 10, later);
    meter.settle(1, 0);
    assert_eq!(
        meter.remaining(later),
        0,
        "releasing the first ten must not pay for the second ten"
    );
}

#[test]
fn released_units_come_back_even_while_the_key_stays_busy() {
    let mut meter = Meter::new(&quota(60, MINUTE, 60));
    meter.spend(1, 50, at(0));
    meter.spend(2, 10, at(0));
    let later = at(30_000_000_000);
    meter.settle(1, 1);
    assert_eq!(meter.remaining(later), 60);
    assert_eq!(meter.remaining(at(5_000_000_000)), 54);
}

#[test]
fn absurd_numbers_neither_panic_nor_admit() {
    let mut meter = Meter::new(&quota(u64::MAX, Duration::MAX, u64::MAX));
    for ticket in 0..4 {
        meter.spend(ticket, u64::MAX, Timestamp::MAX);
        meter.settle(ticket, u64::MAX);
    }
    assert_eq!(meter.remaining(Timestamp::MAX), 0);
    assert!(matches!(meter.check(1, Timestamp::MIN), Verdict::Later(_)));
    meter.adopt(&quota(1, Duration::from_nanos(1), 1));
    assert!(!meter.is_at_rest(Timestamp::MAX));
}

#[test]
fn new_quota_keeps_what_was_spent() {
    let mut meter = Meter::new(&quota(60, MINUTE, 20));
    meter.spend(0, 20, at(0));
    meter.adopt(&quota(7, MINUTE, 5));
    assert_eq!(meter.reset_after(at(0)), Duration::from_secs(20));
    meter.settle(0, 0);
    assert_eq!(meter.remaining(at(0)), 5);
}

#[test]
fn damaged_meter_is_refused() {
    let mut meter = Meter::new(&quota(60, MINUTE, 20));
    meter.spend(1, 5, at(0));
    let good = serde_json::to_string(&meter).expect("a meter can be written");
    for (what, damaged) in [
        ("ticks", good.replace("\"ticks\":60", "\"ticks\":0")),
        ("ticks", good.replace("\"ticks\":60", "\"ticks\":-1")),
        (
            "ticks",
            good.replace("\"ticks\":60", "\"ticks\":9007199254740993"),
        ),
        (
            "cost",
            good.replace("\"cost\":60000000000", "\"cost\":3153600000000000001"),
        ),
        ("cost", good.replace("\"cost\":6", "\"cost\":-6")),
        ("a field", good.replace("\"base\"", "\"bass\"")),
    ] {
        assert_ne!(damaged, good, "{what}");
        assert!(
            serde_json::from_str::<Meter>(&damaged).is_err(),
            "{what}: {damaged}"
        );
    }
}

/// What a caller may do to a meter.
#[derive(Debug, Clone)]
enum Deed {
    Spend(u64),
    Settle { which: usize, amount: u64 },
    Keep { which: usize },
}

fn deeds() -> impl Strategy<Value = Vec<(i64, Deed)>> {
    let deed = prop_oneof![
        (1_u64..12).prop_map(Deed::Spend),
        (any::<usize>(), 0_u64..15).prop_map(|(which, amount)| Deed::Settle { which, amount }),
        any::<usize>().prop_map(|which| Deed::Keep { which }),
    ];
    prop::collection::vec((0_i64..3_000_000_000, deed), 1..60)
}

proptest! {
    /// The meter, with its merged steps, knows exactly what one does that replays everything from the beginning.
    #[test]
    fn correction_is_as_if_the_right_amount_had_been_taken(deeds in deeds()) {
        let quota = quota(7, Duration::from_secs(2), 10);
        let mut meter = Meter::new(&quota);
        let mut history: Vec<(i64, u64)> = Vec::new();
        let mut open: Vec<u64> = Vec::new();
        let mut now = 0;
        for (wait, deed) in deeds {
            now += wait;
            match deed {
                Deed::Spend(amount) => {
                    if meter.check(amount, at(now)) == Verdict::Fits {
                        open.push(history.len() as u64);
                        meter.spend(history.len() as u64, amount, at(now));
                        history.push((now, amount));
                    }
                }
                Deed::Settle { which, amount } if !open.is_empty() => {
                    let ticket = open.remove(which % open.len());
                    meter.settle(ticket, amount);
                    meter.settle(ticket, amount + 1); // does nothing
                    history[ticket as usize].1 = amount;
                }
                Deed::Keep { which } if !open.is_empty() => meter.keep(open.remove(which % open.len())),
                Deed::Settle { .. } | Deed::Keep { .. } => {}
            }
            let mut replayed = Meter::new(&quota);
            for (ticket, (then, amount)) in history.iter().enumerate().filter(|(_, (_, amount))| *amount > 0) {
                replayed.spend(ticket as u64, *amount, at(*then));
            }
            prop_assert_eq!(meter.remaining(at(now)), replayed.remaining(at(now)));
            prop_assert_eq!(meter.reset_after(at(now)), replayed.reset_after(at(now)));
            prop_assert!(meter.events.len() <= 2 * open.len() + 1);
            // A store that writes it down and reads it back loses nothing.
            let stored = serde_json::to_string(&meter).expect("a meter can be written");
            prop_assert_eq!(&serde_json::from_str::<Meter>(&stored).expect("and read"), &meter);
        }
    }

    /// In any window of time: admitted ≤ burst + rate × time.
    #[test]
    fn no_window_admits_more_than_burst_and_rate(
        limit in 1_u64..50,
        burst in 1_u64..20,
        calls in prop::collection::vec((0_i64..400_000_000, 1_u64..4), 1..120),
    ) {
        let mut meter = Meter::new(&quota(limit, Duration::from_secs(1), burst));
        let mut admitted: Vec<(i64, u64)> = Vec::new();
        let mut now = 0;
        for (wait, amount) in calls {
            now += wait;
            if meter.check(amount, at(now)) == Verdict::Fits {
                meter.spend(0, amount, at(now));
                meter.keep(0);
                admitted.push((now, amount));
            }
        }
        for first in 0..admitted.len() {
            let mut sum = 0;
            for (then, amount) in &admitted[first..] {
                sum += amount;
                let elapsed = (then - admitted[first].0) as u64;
                prop_assert!(sum * 1_000_000_000 <= burst * 1_000_000_000 + limit * elapsed);
            }
        }
    }

    /// Whatever `check` says to wait is enough, and one nanosecond less is not.
    #[test]
    fn retry_after_is_the_first_moment_that_passes(
        limit in 1_u64..1000,
        burst in 1_u64..50,
        spent in 0_u64..60,
        amount in 1_u64..50,
    ) {
        let mut meter = Meter::new(&quota(limit, Duration::from_secs(1), burst));
        meter.spend(0, spent, at(0));
        match meter.check(amount, at(0)) {
            Verdict::Fits => prop_assert!(spent + amount <= burst),
            Verdict::Never => prop_assert!(amount > burst),
            Verdict::Later(wait) => {
                let wait = wait.as_nanos() as i64;
                prop_assert_eq!(meter.check(amount, at(wait)), Verdict::Fits);
                prop_assert!(matches!(meter.check(amount, at(wait - 1)), Verdict::Later(_)));
            }
        }
    }
}
