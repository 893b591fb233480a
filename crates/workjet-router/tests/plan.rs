//! Which target is tried next, and when nothing is.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use workjet_router::{
    AttemptEnd, BreakerPolicy, Breakers, GiveUp, Plan, RetryPolicy, Step, Target, retry_after,
};

fn now() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().expect("a time")
}

fn targets(names: &[&str]) -> Vec<Target> {
    names.iter().map(|name| Target::new(*name, "m")).collect()
}

fn refused(status: u16) -> AttemptEnd {
    AttemptEnd::Refused {
        status,
        retry_after: None,
    }
}

/// Runs a plan in which each target ends as `end` says, waiting as told, and returns who was tried, the waits, and the end.
fn run(
    names: &[&str],
    breakers: &mut Breakers,
    mut end: impl FnMut(&str, usize) -> AttemptEnd,
) -> (Vec<String>, Vec<Duration>, GiveUp) {
    let mut plan = Plan::new("acme", targets(names), RetryPolicy::default());
    let (mut tried, mut waits) = (Vec::new(), Vec::new());
    let mut at = now();
    loop {
        match plan.next_attempt(at, breakers) {
            Step::Try(target) => {
                let end = end(&target.provider, tried.len());
                tried.push(target.provider);
                plan.ended(end, at, 0.5, breakers);
            }
            Step::Wait(wait) => {
                waits.push(wait);
                at += SignedDuration::try_from(wait).expect("short");
            }
            Step::GiveUp { reason, .. } => return (tried, waits, reason),
        }
    }
}

#[test]
fn answer_ends_the_plan() {
    let (tried, waits, reason) = run(&["a", "b"], &mut Breakers::default(), |_, _| AttemptEnd::Answered);
    assert_eq!(
        (tried, waits, reason),
        (vec!["a".to_owned()], vec![], GiveUp::Answered)
    );
}

#[test]
fn errors_that_blame_the_request_or_the_key_are_final() {
    for status in [400, 401, 402, 403, 404, 405, 410, 413, 415, 422, 451] {
        let (tried, _, reason) = run(&["a", "b"], &mut Breakers::default(), |_, _| refused(status));
        assert_eq!((tried.len(), reason), (1, GiveUp::Final), "{status}");
    }
}

#[test]
fn overload_gets_one_short_pause_and_then_the_next_target() {
    for status in [408, 409, 500, 502, 503, 504, 529] {
        let (tried, waits, reason) = run(&["a", "b"], &mut Breakers::default(), |_, _| refused(status));
        assert_eq!(tried, ["a", "a", "b", "b"], "{status}");
        assert_eq!(waits.len(), 2, "{status}: one pause for each target");
        assert!(
            waits.iter().all(|wait| (200..=400).contains(&wait.as_millis())),
            "{status}: {waits:?}"
        );
        assert_eq!(reason, GiveUp::Exhausted, "{status}");
    }
    for end in [AttemptEnd::Failed, AttemptEnd::TimedOut] {
        assert_eq!(
            run(&["a", "b"], &mut Breakers::default(), |_, _| end).0,
            ["a", "a", "b", "b"]
        );
    }
}

#[test]
fn used_up_quota_goes_to_the_next_target_at_once_and_back_only_if_nothing_else_is_left() {
    let end = |name: &str, _: usize| if name == "a" { refused(429) } else { refused(503) };
    let (tried, waits, _) = run(&["a", "b"], &mut Breakers::default(), end);
    assert_eq!(tried, ["a", "b", "b", "a"]);
    assert_eq!(waits.len(), 2, "{waits:?}");
    // A lone target is asked again after the time that it named.
    let quota = |seconds| AttemptEnd::Refused {
        status: 429,
        retry_after: Some(Duration::from_secs(seconds)),
    };
    let (tried, waits, _) = run(&["a"], &mut Breakers::default(), |_, _| quota(7));
    assert_eq!((tried.len(), waits), (2, vec![Duration::from_secs(7)]));
    // Unless that is longer than a client should wait.
    let (tried, waits, reason) = run(&["a"], &mut Breakers::default(), |_, _| quota(60));
    assert_eq!((tried.len(), waits.len(), reason), (1, 0, GiveUp::Exhausted));
    // The client is told when to come back.
    let mut plan = Plan::new("acme", targets(&["a"]), RetryPolicy::default());
    let mut breakers = Breakers::default();
    let _ = plan.next_attempt(now(), &mut breakers);
    plan.ended(quota(60), now(), 0.0, &mut breakers);
    let step = plan.next_attempt(now(), &mut breakers);
    let expected = Step::GiveUp {
        reason: GiveUp::Exhausted,
        retry_after: Some(Duration::from_secs(60)),
    };
    assert_eq!(step, expected);
}

#[test]
fn overload_with_a_long_retry_after_goes_to_the_next_target_at_once() {
    let busy = AttemptEnd::Refused {
        status: 503,
        retry_after: Some(Duration::from_secs(5)),
    };
    let end = move |name: &str, _: usize| if name == "a" { busy } else { AttemptEnd::Answered };
    let (tried, waits, _) = run(&["a", "b"], &mut Breakers::default(), end);
    assert_eq!((tried, waits), (vec!["a".to_owned(), "b".to_owned()], vec![]));
}

#[test]
fn circuit_opens_after_repeated_failures_and_closes_after_a_probe() {
    let mut breakers = Breakers::default();
    let down = |name: &str, _: usize| {
        if name == "a" {
            AttemptEnd::Failed
        } else {
            AttemptEnd::Answered
        }
    };
    // Two failures a request: the third request brings the fifth.
    for _ in 0..3 {
        run(&["a", "b"], &mut breakers, down);
    }
    assert_eq!(
        run(&["a", "b"], &mut breakers, down).0,
        ["b"],
        "a is skipped, without a pause"
    );
    assert_eq!(
        run(&["a"], &mut breakers, down),
        (vec![], vec![], GiveUp::CircuitOpen)
    );
    let a = Target::new("a", "m");
    assert!(
        breakers.is_open("acme", &a, now()) && !breakers.is_open("other", &a, now()),
        "circuits belong to tenants"
    );

    let later = now() + SignedDuration::from_secs(20);
    assert!(
        !breakers.is_open("acme", &a, later),
        "one may look whether it is well again"
    );
    let mut probe = Plan::new("acme", targets(&["a"]), RetryPolicy::default());
    assert_eq!(probe.next_attempt(later, &mut breakers), Step::Try(a.clone()));
    assert!(breakers.is_open("acme", &a, later), "one, and not all");
    probe.ended(AttemptEnd::Failed, later, 0.5, &mut breakers);
    assert!(
        breakers.is_open("acme", &a, later + SignedDuration::from_secs(29)),
        "twice as long"
    );
    let much_later = later + SignedDuration::from_secs(31);
    let mut probe = Plan::new("acme", targets(&["a"]), RetryPolicy::default());
    assert_eq!(
        probe.next_attempt(much_later, &mut breakers),
        Step::Try(a.clone())
    );
    probe.ended(AttemptEnd::Answered, much_later, 0.5, &mut breakers);
    assert!(!breakers.is_open("acme", &a, much_later));
}

#[test]
fn probe_whose_request_vanished_does_not_close_the_target_for_good() {
    let mut breakers = Breakers::default();
    for _ in 0..3 {
        run(&["a"], &mut breakers, |_, _| AttemptEnd::Failed);
    }
    let later = now() + SignedDuration::from_secs(20);
    let _ = Plan::new("acme", targets(&["a"]), RetryPolicy::default()).next_attempt(later, &mut breakers);
    let a = Target::new("a", "m");
    assert!(breakers.is_open("acme", &a, later + SignedDuration::from_secs(59)));
    assert!(!breakers.is_open("acme", &a, later + SignedDuration::from_secs(61)));
}

#[test]
fn abandoned_probe_leaves_the_circuit_as_it_was_and_lets_another_go() {
    let mut breakers = Breakers::default();
    for _ in 0..3 {
        run(&["a"], &mut breakers, |_, _| AttemptEnd::Failed);
    }
    let later = now() + SignedDuration::from_secs(20);
    let a = Target::new("a", "m");
    let mut probe = Plan::new("acme", targets(&["a", "b"]), RetryPolicy::default());
    assert_eq!(probe.next_attempt(later, &mut breakers), Step::Try(a.clone()));
    probe.ended(AttemptEnd::Abandoned, later, 0.5, &mut breakers);
    assert!(
        matches!(
            probe.next_attempt(later, &mut breakers),
            Step::GiveUp {
                reason: GiveUp::Final,
                ..
            }
        ),
        "nothing more is tried"
    );
    assert!(!breakers.is_open("acme", &a, later));

    // Closed, it would take five failures to open again; half open, the next one does.
    let mut probe = Plan::new("acme", targets(&["a"]), RetryPolicy::default());
    assert_eq!(probe.next_attempt(later, &mut breakers), Step::Try(a.clone()));
    probe.ended(AttemptEnd::Failed, later, 0.5, &mut breakers);
    assert!(breakers.is_open("acme", &a, later));
}

#[test]
fn quotas_and_bad_requests_do_not_open_a_circuit() {
    let mut breakers = Breakers::default();
    for status in [400, 401, 404, 409, 422, 429] {
        for _ in 0..20 {
            run(&["a"], &mut breakers, |_, _| refused(status));
        }
        assert!(
            !breakers.is_open("acme", &Target::new("a", "m"), now()),
            "{status}"
        );
    }
}

#[test]
fn failures_far_apart_do_not_add_up() {
    let mut breakers = Breakers::default();
    let mut at = now();
    for _ in 0..20 {
        let mut plan = Plan::new("acme", targets(&["a"]), RetryPolicy::default());
        assert!(matches!(plan.next_attempt(at, &mut breakers), Step::Try(_)));
        plan.ended(AttemptEnd::Failed, at, 0.5, &mut breakers);
        at += SignedDuration::from_secs(61);
    }
}

#[test]
fn breakers_remember_a_bounded_number_of_targets() {
    let policy = BreakerPolicy {
        max_circuits: 10,
        failures: 1,
        ..BreakerPolicy::default()
    };
    let mut breakers = Breakers::new(policy);
    for n in 0..100 {
        let mut plan = Plan::new("acme", targets(&[&format!("t{n}")]), RetryPolicy::default());
        let at = now() + SignedDuration::from_millis(n);
        let _ = plan.next_attempt(at, &mut breakers);
        plan.ended(AttemptEnd::Failed, at, 0.5, &mut breakers);
    }
    let open = |n: i32| breakers.is_open("acme", &Target::new(format!("t{n}"), "m"), now());
    assert_eq!(
        (0..100).filter(|n| open(*n)).collect::<Vec<_>>(),
        (90..100).collect::<Vec<_>>()
    );
}

#[test]
fn retry_after_is_read_as_seconds_or_date_and_clamped() {
    let read = |text: &str| retry_after(text, now());
    assert_eq!(read("0"), Some(Duration::ZERO));
    assert_eq!(read(" 20 "), Some(Duration::from_secs(20)));
    assert_eq!(
        read("Mon, 23 Nov 2026 09:31:30 GMT"),
        Some(Duration::from_secs(90))
    );
    assert_eq!(
        read("Monday, 23-Nov-26 09:31:30 GMT"),
        Some(Duration::from_secs(90)),
        "the old form too"
    );
    assert_eq!(
        read("Mon, 23 Nov 2026 09:00:00 GMT"),
        Some(Duration::ZERO),
        "a date in the past is now"
    );
    let hour = Some(Duration::from_secs(3600));
    assert_eq!(read("86400"), hour);
    assert_eq!(read("Tue, 23 Nov 2027 09:00:00 GMT"), hour);
    assert_eq!(read("99999999999999999999999999"), hour);
    for text in [
        "",
        "-1",
        "1.5",
        "soon",
        "2026-11-23T09:31:30Z",
        "Mon, 99 Nov 2026 09:31:30 GMT",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

proptest! {
    /// Whatever providers do, a plan ends, keeps its order and its limits, and never repeats what is final.
    #[test]
    fn plan_keeps_its_promises(
        count in 1_usize..5,
        ends in prop::collection::vec((0_usize..9, prop::option::of(0_u64..100)), 40),
        jitter in prop::collection::vec(-1.0_f64..2.0, 40),
        retries_per_target in 0_u32..4,
        max_attempts in 0_u32..12,
    ) {
        let policy = RetryPolicy { retries_per_target, max_attempts, ..RetryPolicy::default() };
        let names: Vec<String> = (0..count).map(|n| format!("t{n}")).collect();
        let targets: Vec<Target> = names.iter().map(|name| Target::new(name.as_str(), "m")).collect();
        let mut breakers = Breakers::default();
        let mut plan = Plan::new("acme", targets.clone(), policy.clone());
        let mut tries: HashMap<Target, u32> = HashMap::new();
        let mut first_tries = Vec::new();
        let mut is_over = false;
        let mut has_quota = false;
        let mut at = now();
        for step in 0..200 {
            match plan.next_attempt(at, &mut breakers) {
                Step::Try(target) => {
                    prop_assert!(!is_over, "tried after a final end");
                    let count = tries.entry(target.clone()).or_default();
                    *count += 1;
                    prop_assert!(*count <= 1 + retries_per_target);
                    if *count == 1 {
                        first_tries.push(target);
                    }
                    let (kind, wait) = ends[step % ends.len()];
                    let retry_after = wait.map(Duration::from_secs);
                    let end = match kind {
                        0 => AttemptEnd::Answered,
                        1 => AttemptEnd::Failed,
                        2 => AttemptEnd::TimedOut,
                        3 => AttemptEnd::Refused { status: 400, retry_after },
                        4 => AttemptEnd::Refused { status: 503, retry_after },
                        5 => AttemptEnd::Refused { status: 529, retry_after },
                        6 => AttemptEnd::Refused { status: 500, retry_after },
                        8 => AttemptEnd::Abandoned,
                        _ => AttemptEnd::Refused { status: 429, retry_after },
                    };
                    has_quota |= kind == 7 || wait.is_some();
                    is_over = !end.is_retryable();
                    plan.ended(end, at, jitter[step % jitter.len()], &mut breakers);
                }
                Step::Wait(wait) => {
                    prop_assert!(!wait.is_zero() && wait <= policy.max_wait);
                    at += SignedDuration::try_from(wait).expect("short");
                }
                Step::GiveUp { reason, .. } => {
                    prop_assert_eq!(matches!(reason, GiveUp::Answered | GiveUp::Final), is_over);
                    prop_assert_eq!(&first_tries[..], &targets[..first_tries.len()], "in the order given");
                    let attempts: u32 = tries.values().sum();
                    prop_assert!(attempts <= max_attempts);
                    if !is_over && !has_quota && attempts < max_attempts {
                        prop_assert_eq!(first_tries.len(), count, "no target is left out");
                    }
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "the plan does not end");
    }
}
