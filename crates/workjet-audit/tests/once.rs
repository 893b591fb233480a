//! What is logged once, however often it is sent and however often the log is opened.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Records, Slow, assert_sound, entry, ids, intent, now, outcome, scope};
use futures_executor::block_on;
use futures_util::future::join_all;
use jiff::SignedDuration;
use workjet_audit::{AuditSink, ErrorKind, Fault, Kind, Log, MemoryLogStore};

const DEADLINE: Duration = Duration::from_secs(900);

fn remote(store: &MemoryLogStore) -> Log<MemoryLogStore> {
    Log::new(store.clone()).with_remote_callers()
}

#[test]
fn log_whose_callers_outlive_it_closes_nothing_when_it_is_opened_anew() {
    let scope = scope();
    let store = MemoryLogStore::new();
    block_on(async {
        remote(&store).append(&scope, intent(1)).await.expect("is logged");
        let started = remote(&store).start(&scope, now()).await.expect("opens");
        assert_eq!((started.size, started.closed), (1, 0));
        remote(&store).append(&scope, intent(2)).await.expect("is logged");
        remote(&store)
            .append(&scope, outcome(1))
            .await
            .expect("its caller went on");
        assert_eq!(ids(&store), ["i-1", "i-2", "o-1"]);
    });
}

#[test]
fn oldest_open_intent_says_when_something_is_due() {
    let scope = scope();
    let store = MemoryLogStore::new();
    block_on(async {
        let due = async || remote(&store).due(&scope, DEADLINE).await.expect("an answer");
        assert_eq!(due().await, None);
        let mut old = intent(1);
        old.time = now() - SignedDuration::from_secs(100);
        remote(&store).append(&scope, intent(2)).await.expect("is logged");
        remote(&store).append(&scope, old).await.expect("is logged");
        let first = now() + SignedDuration::from_secs(800);
        assert_eq!(due().await, Some(first));

        // Not a moment earlier.
        let close = async |now| {
            remote(&store)
                .close_overdue(&scope, now, DEADLINE)
                .await
                .expect("an answer")
        };
        assert_eq!(close(first - SignedDuration::from_millis(1)).await, 0);
        assert_eq!(close(first).await, 1);
        assert_eq!(due().await, Some(now() + SignedDuration::from_secs(900)));
        remote(&store)
            .append(&scope, outcome(2))
            .await
            .expect("is logged");
        assert_eq!(due().await, None);
        assert_eq!(ids(&store), ["i-2", "i-1", "r-1-unknown", "o-2"]);
    });
}

#[test]
fn outcome_that_comes_after_its_intent_was_closed_is_refused() {
    let scope = scope();
    let store = MemoryLogStore::new();
    block_on(async {
        let log = remote(&store);
        log.append(&scope, intent(1)).await.expect("is logged");
        let late = now() + DEADLINE;
        assert_eq!(
            log.close_overdue(&scope, late, DEADLINE).await.expect("closed"),
            1
        );
        for log in [log, remote(&store)] {
            let error = log
                .append(&scope, outcome(1))
                .await
                .expect_err("it has an outcome");
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        assert_eq!(ids(&store), ["i-1", "r-1-unknown"]);
    });
    assert_sound(&store, 2);
}

#[test]
fn request_has_one_intent_and_one_outcome() {
    let scope = scope();
    let store = MemoryLogStore::new();
    block_on(async {
        let log = Log::new(store.clone());
        let invalid = async |entry| log.append(&scope, entry).await.expect_err("is refused").kind();
        assert_eq!(invalid(outcome(1)).await, ErrorKind::Invalid, "nothing was begun");
        log.append(&scope, intent(1)).await.expect("is logged");
        assert_eq!(invalid(intent(1).tier("fast")).await, ErrorKind::Invalid);
        log.append(&scope, outcome(1)).await.expect("is logged");
        assert_eq!(invalid(outcome(1).status(200)).await, ErrorKind::Invalid);
        assert_eq!(ids(&store), ["i-1", "o-1"]);
    });
}

#[test]
fn request_has_one_outcome_also_if_two_come_at_once() {
    let scope = scope();
    let store = MemoryLogStore::new();
    let log = Log::new(Slow(store.clone()));
    block_on(async {
        // The first append opens the log, so that all others meet in its pool.
        let entries = [
            entry("e", Kind::AuthLogin),
            intent(1),
            outcome(1),
            outcome(1).status(500),
            outcome(1),
            intent(1),
        ];
        let appends = entries.map(|entry| log.append(&scope, entry));
        let places: Vec<_> = join_all(appends)
            .await
            .into_iter()
            .map(|receipt| receipt.map(|receipt| receipt.index).map_err(|error| error.kind()))
            .collect();
        let refused = Err(ErrorKind::Invalid);
        assert_eq!(places, [Ok(0), Ok(1), Ok(2), refused, Ok(2), Ok(1)]);
    });
    assert_eq!(ids(&store), ["e", "i-1", "o-1"]);
}

#[test]
fn entry_that_is_sent_again_gets_the_place_that_it_has() {
    let scope = scope();
    let store = MemoryLogStore::new();
    let login = |n: u64| entry(format!("e-{n}"), Kind::AuthLogin);
    block_on(async {
        let log = remote(&store);
        for n in 0..600 {
            assert_eq!(log.append(&scope, login(n)).await.expect("is logged").index, n);
        }
        // Over the ends of bundles, and by a log that was opened since.
        for log in [log, remote(&store)] {
            for n in 344..600 {
                assert_eq!(log.append(&scope, login(n)).await.expect("is known").index, n);
            }
        }
        let other = remote(&store).append(&scope, login(599).code("other")).await;
        assert_eq!(other.expect("is logged").index, 600, "not the same entry");
    });
    assert_sound(&store, 601);
}

#[test]
fn what_waits_in_the_outbox_is_part_of_what_is_read() {
    let scope = scope();
    let outbox = Arc::new(Records::default());
    let log = remote(&MemoryLogStore::new()).with_outbox(outbox.clone());
    block_on(async {
        outbox.put(&entry("key", Kind::AdminKeyCreated));
        assert_eq!(log.checkpoint(&scope).await.expect("an answer").size, 1);
        outbox.put(&entry("user", Kind::AdminUserCreated));
        let read = log.read(&scope, 0, 10).await.expect("an answer");
        let read: Vec<_> = read.into_iter().map(|logged| logged.entry.id).collect();
        assert_eq!(read, ["key", "user"]);
    });
}

#[test]
fn log_that_may_read_back_goes_on_after_a_failed_write_and_logs_what_is_sent_again_once() {
    let scope = scope();
    let turn = |n: u64| {
        if n.is_multiple_of(2) {
            intent(n)
        } else {
            outcome(n - 1)
        }
    };
    // Close to the end of the first bundle, so that every kind of write fails once.
    let prepared = MemoryLogStore::new();
    let log = remote(&prepared);
    for n in 0..250 {
        block_on(log.append(&scope, turn(n))).expect("is logged");
    }
    let mut steps = 0;
    for fault in [Fault::Before, Fault::Torn(50), Fault::Holes, Fault::After] {
        for step in 0.. {
            let store = prepared.restart(false);
            let log = remote(&store).with_read_back();
            store.fail_at(step, fault);
            let mut failures = 0;
            for n in 250..260 {
                let index = loop {
                    match block_on(log.append(&scope, turn(n))) {
                        Ok(receipt) => break receipt.index,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                            failures += 1;
                            store.mend();
                        }
                    }
                };
                assert_eq!(index, n, "{fault:?} at write {step}");
            }
            assert_sound(&store, 260);
            if failures == 0 {
                steps = steps.max(step);
                break;
            }
        }
    }
    // Opening writes the journal and the head, each entry both, and the end of a bundle all three.
    assert_eq!(steps, 2 + 10 * 2 + 3);
}

#[test]
fn intent_is_closed_once_also_if_the_write_that_closed_it_was_not_seen_to_end() {
    let scope = scope();
    block_on(async {
        for step in 0..2 {
            let store = MemoryLogStore::new();
            let log = remote(&store).with_read_back();
            log.append(&scope, intent(1)).await.expect("is logged");
            store.fail_at(step, Fault::After);
            let late = now() + DEADLINE;
            log.close_overdue(&scope, late, DEADLINE)
                .await
                .expect_err("its acknowledgement is lost");
            store.mend();
            log.append(&scope, intent(2)).await.expect("is logged");
            log.close_overdue(&scope, now(), DEADLINE)
                .await
                .expect("an answer");
            assert_eq!(ids(&store), ["i-1", "r-1-unknown", "i-2"], "write {step}");
        }
    });
}
