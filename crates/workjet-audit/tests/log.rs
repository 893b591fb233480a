//! The log as its users see it.

mod common;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use common::{Records, Slow, assert_sound, entry, ids, intent, now, outcome, request, scope};
use futures_executor::block_on;
use futures_util::future::join_all;
use jiff::SignedDuration;
use proptest::prelude::*;
use workjet_audit::{AuditSink, ErrorKind, Fault, Kind, Log, MemoryLogStore};
use workjet_tenant::Actor;

#[test]
fn store_in_memory_keeps_the_contract() {
    block_on(workjet_conformance::log_store(&MemoryLogStore::new()));
}

#[test]
fn log_keeps_the_contract_of_a_sink() {
    block_on(workjet_conformance::audit_sink(&Log::new(MemoryLogStore::new())));
    block_on(workjet_conformance::audit_sink(&Log::new(Slow(
        MemoryLogStore::new(),
    ))));
}

#[test]
fn appends_that_meet_share_a_flush() {
    let store = MemoryLogStore::new();
    let log = Log::new(Slow(store.clone()));
    let scope = scope();
    block_on(async {
        log.start(&scope, now()).await.expect("opens");
        let before = store.writes();
        let appends = (0..200).map(|n| log.append(&scope, entry(format!("e-{n}"), Kind::AuthLogin)));
        join_all(appends)
            .await
            .into_iter()
            .for_each(|receipt| drop(receipt.expect("is logged")));
        // One flush for the first entry and one for all that came meanwhile. A flush writes the journal and the head.
        assert_eq!(store.writes() - before, 4);
    });
    assert_sound(&store, 200);
}

#[test]
fn log_goes_on_where_a_process_that_vanished_left_it() {
    let scope = scope();
    let mut store = MemoryLogStore::new();
    for round in 0..7 {
        store = store.restart(true);
        let log = Log::new(store.clone());
        block_on(async {
            for n in 0..100 {
                let receipt = log
                    .append(&scope, entry(format!("e-{round}-{n}"), Kind::AuthLogin))
                    .await;
                assert_eq!(receipt.expect("is logged").index, round * 100 + n);
            }
        });
        assert_sound(&store, (round + 1) * 100);
    }
    let expected: Vec<String> = (0..700).map(|n| format!("e-{}-{}", n / 100, n % 100)).collect();
    assert_eq!(ids(&store), expected);
}

#[test]
fn intents_of_a_process_that_vanished_are_closed_as_unknown_at_start_and_only_once() {
    let scope = scope();
    let store = MemoryLogStore::new();
    block_on(async {
        let log = Log::new(store.clone());
        // Request 0 stays open over a bundle's end, where the journal that told of it is replaced.
        log.append(&scope, intent(0)).await.expect("is logged");
        for n in 1..200 {
            log.append(&scope, intent(n)).await.expect("is logged");
            log.append(&scope, outcome(n)).await.expect("is logged");
        }
        log.append(&scope, intent(200)).await.expect("is logged");

        let store = store.restart(false);
        let log = Log::new(store.clone());
        let later = now() + SignedDuration::from_secs(60);
        let started = log.start(&scope, later).await.expect("opens");
        assert_eq!((started.closed, started.size), (2, 402));
        let closing = log.read(&scope, 400, 10).await.expect("reads");
        let mut requests = Vec::new();
        for logged in &closing {
            assert_eq!(
                (logged.entry.kind, logged.entry.code.as_deref()),
                (Kind::AiOutcome, Some("unknown"))
            );
            assert_eq!((&logged.entry.actor, logged.entry.time), (&Actor::System, later));
            requests.extend(logged.entry.request.clone());
        }
        assert_eq!(requests, [request(0), request(200)]);

        let log = Log::new(store.restart(false));
        assert_eq!(log.start(&scope, later).await.expect("opens").closed, 0);
    });
}

#[test]
fn log_that_was_not_started_closes_old_intents_with_its_first_append() {
    let scope = scope();
    let store = MemoryLogStore::new();
    block_on(async {
        Log::new(store.clone())
            .append(&scope, intent(1))
            .await
            .expect("is logged");
        let store = store.restart(false);
        Log::new(store.clone())
            .append(&scope, intent(2))
            .await
            .expect("is logged");
        assert_eq!(ids(&store), ["i-1", "r-1-unknown", "i-2"]);
    });
}

#[test]
fn only_intents_past_the_deadline_are_closed_while_the_gateway_runs() {
    let scope = scope();
    let store = MemoryLogStore::new();
    let log = Log::new(store.clone());
    block_on(async {
        let mut old = intent(1);
        old.time = now() - SignedDuration::from_secs(1000);
        log.append(&scope, old).await.expect("is logged");
        log.append(&scope, intent(2)).await.expect("is logged");
        let deadline = Duration::from_secs(900);
        assert_eq!(
            log.close_overdue(&scope, now(), deadline)
                .await
                .expect("is logged"),
            1
        );
        assert_eq!(
            log.close_overdue(&scope, now(), deadline)
                .await
                .expect("nothing to do"),
            0
        );
        assert_eq!(ids(&store), ["i-1", "i-2", "r-1-unknown"]);
    });
}

#[test]
fn outbox_comes_before_the_append_and_each_record_once() {
    let scope = scope();
    let outbox = Arc::new(Records::default());
    let store = MemoryLogStore::new();
    let log = Log::new(store.clone()).with_outbox(outbox.clone());
    block_on(async {
        outbox.put(&entry("key", Kind::AdminKeyCreated));
        outbox.put(&entry("user", Kind::AdminUserCreated));
        log.append(&scope, intent(1)).await.expect("is logged");
        assert_eq!(ids(&store), ["key", "user", "i-1"]);
        outbox.put(&entry("revoked", Kind::AdminKeyRevoked));
        log.drain_outbox(&scope).await.expect("is logged");
        log.drain_outbox(&scope).await.expect("is logged");

        // The records are still there, as after a crash before they were forgotten.
        let store = store.restart(true);
        let log = Log::new(store.clone()).with_outbox(outbox.clone());
        log.start(&scope, now()).await.expect("opens");
        assert_eq!(ids(&store), ["key", "user", "i-1", "revoked", "r-1-unknown"]);

        // More than are read at once, and more than a bundle holds.
        (0..600).for_each(|n| outbox.put(&entry(format!("bulk-{n}"), Kind::AdminKeyCreated)));
        log.append(&scope, intent(2)).await.expect("is logged");
        let all = ids(&store);
        assert_eq!(
            (all.len(), all[5].as_str(), all[605].as_str()),
            (606, "bulk-0", "i-2")
        );
    });
}

#[test]
fn changes_in_a_database_that_was_restored_or_made_anew_are_logged() {
    let scope = scope();
    let outbox = Arc::new(Records::default());
    let store = MemoryLogStore::new();
    block_on(async {
        let log = Log::new(store.clone()).with_outbox(outbox.clone());
        for n in 0..6 {
            outbox.put(&entry(format!("before-{n}"), Kind::AdminKeyCreated));
        }
        log.append(&scope, intent(1)).await.expect("is logged");
        // Its numbers begin anew, and pass those that the log has seen.
        outbox.clear();
        for n in 0..9 {
            outbox.put(&entry(format!("after-{n}"), Kind::AdminKeyCreated));
            if n % 2 == 0 {
                log.drain_outbox(&scope).await.expect("is logged");
            }
        }
        let log = Log::new(store.restart(true)).with_outbox(outbox.clone());
        log.start(&scope, now()).await.expect("opens");
        let logged: Vec<String> = ids(&store)
            .into_iter()
            .filter(|id| id.starts_with("after"))
            .collect();
        let made: Vec<String> = (0..9).map(|n| format!("after-{n}")).collect();
        assert_eq!(logged, made, "each change once");
    });
}

#[test]
fn outbox_that_holds_nonsense_or_does_not_answer_stops_appends_but_not_for_good() {
    let scope = scope();
    let outbox = Arc::new(Records::default());
    let store = MemoryLogStore::new();
    let log = Log::new(store.clone()).with_outbox(outbox.clone());
    block_on(async {
        log.append(&scope, intent(1)).await.expect("is logged");
        for text in [
            "",
            "not an entry",
            "{\"a\":\n1}",
            &format!("{{{}}}", "x".repeat(70_000)),
        ] {
            outbox.put_text(text);
            let error = log
                .append(&scope, outcome(1))
                .await
                .expect_err("the record is no entry");
            assert_eq!(error.kind(), ErrorKind::Invalid);
            outbox.clear();
        }
        log.append(&scope, outcome(1)).await.expect("is logged");
    });
    assert_sound(&store, 2);
}

#[test]
fn failed_write_stops_the_log_for_everybody_and_for_good() {
    let scope = scope();
    for fault in [Fault::Before, Fault::After, Fault::Torn(50)] {
        let store = MemoryLogStore::new();
        let log = Log::new(Slow(store.clone()));
        block_on(async {
            log.append(&scope, intent(1)).await.expect("is logged");
            store.fail_at(0, fault);
            let appends = (2..20).map(|n| log.append(&scope, intent(n)));
            for result in join_all(appends).await {
                assert_eq!(
                    result.expect_err("must not be acknowledged").kind(),
                    ErrorKind::Stopped
                );
            }
            // The disk is well again, but what it holds is not known.
            let error = log
                .append(&scope, intent(99))
                .await
                .expect_err("must stay stopped");
            assert_eq!(error.kind(), ErrorKind::Stopped);
            log.checkpoint(&scope).await.expect_err("must stay stopped");
        });
    }
}

#[test]
fn closed_log_takes_no_more_entries_and_its_head_is_on_the_disk() {
    let scope = scope();
    let outbox = Arc::new(Records::default());
    let store = MemoryLogStore::new();
    let log = Log::new(store.clone()).with_outbox(outbox.clone());
    block_on(async {
        log.append(&scope, intent(1)).await.expect("is logged");
        outbox.put(&entry("last", Kind::AdminKeyRevoked));
        log.close().await.expect("closes");
        assert_eq!(ids(&store), ["i-1", "last"]);
        let stored = store.stored(scope.tenant());
        assert_eq!(stored.head, stored.durable_head);
        assert_eq!(
            log.append(&scope, intent(2))
                .await
                .expect_err("it is closed")
                .kind(),
            ErrorKind::Closed
        );
        log.close().await.expect_err("it is closed");
    });
}

#[test]
fn second_writer_is_noticed_and_refused() {
    let scope = scope();
    let store = MemoryLogStore::new();
    let (one, two) = (Log::new(store.clone()), Log::new(store.clone()));
    block_on(async {
        one.append(&scope, entry("one", Kind::AuthLogin))
            .await
            .expect("is logged");
        two.append(&scope, entry("two", Kind::AuthLogin))
            .await
            .expect("is logged");
        let error = one
            .append(&scope, entry("three", Kind::AuthLogin))
            .await
            .expect_err("the log moved");
        assert_eq!(error.kind(), ErrorKind::Stopped);
        two.append(&scope, entry("four", Kind::AuthLogin))
            .await
            .expect("is logged");
    });
    assert_eq!(ids(&store), ["one", "two", "four"]);
    assert_sound(&store, 3);
}

#[test]
fn log_that_was_changed_is_not_written_to() {
    let scope = scope();
    let store = MemoryLogStore::new();
    let log = Log::new(store.clone());
    block_on(async {
        for n in 0..300 {
            log.append(&scope, intent(n)).await.expect("is logged");
        }
    });
    let sound = store.stored(scope.tenant());
    let journal = sound.journal.clone().expect("there is a journal");
    let first_entry = journal.iter().position(|&byte| byte == b'\n').expect("a header") + 1;
    type Change = Box<dyn Fn(&mut workjet_audit::Stored)>;
    let changes: [(&str, Change); 6] = [
        (
            "an entry",
            Box::new(move |stored| {
                let journal = stored.journal.as_mut().expect("there is one");
                journal[first_entry + 100] ^= 1;
            }),
        ),
        (
            "a shorter journal",
            Box::new(move |stored| {
                let journal = stored.journal.as_mut().expect("there is one");
                journal.truncate(first_entry);
            }),
        ),
        ("no journal", Box::new(|stored| stored.journal = None)),
        ("no head", Box::new(|stored| stored.head = None)),
        (
            "another head",
            Box::new(|stored| stored.head.as_mut().expect("there is one")[40] ^= 1),
        ),
        ("no bundle", Box::new(|stored| stored.objects.clear())),
    ];
    for (what, change) in changes {
        let mut stored = sound.clone();
        change(&mut stored);
        let store = MemoryLogStore::new();
        store.tamper(scope.tenant(), stored.clone());
        let log = Log::new(store.clone());
        let error = block_on(log.append(&scope, intent(300))).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}");
        assert_eq!(
            store.stored(scope.tenant()),
            stored,
            "{what}: the evidence must stay as it is"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Clients hang up at any moment: their futures are dropped after so many polls.
    #[test]
    fn entries_of_dropped_appends_are_logged_once_or_not_at_all(
        patience in prop::collection::vec(0_usize..14, 1..60),
        filled in 230_u64..256,
    ) {
        let scope = scope();
        let store = MemoryLogStore::new();
        let log = Log::new(Slow(store.clone()));
        block_on(async {
            for n in 0..filled {
                log.append(&scope, entry(format!("before-{n}"), Kind::AuthLogin)).await.expect("is logged");
            }
            let mut context = Context::from_waker(Waker::noop());
            let mut acknowledged = Vec::new();
            let mut running: Vec<_> = patience
                .iter()
                .enumerate()
                .map(|(n, polls)| (*polls, n, Box::pin(log.append(&scope, entry(format!("e-{n}"), Kind::AuthLogin)))))
                .collect();
            while !running.is_empty() {
                running.retain_mut(|(polls, n, append)| {
                    if *polls == 0 {
                        return false;
                    }
                    *polls -= 1;
                    match append.as_mut().poll(&mut context) {
                        std::task::Poll::Pending => true,
                        std::task::Poll::Ready(receipt) => {
                            acknowledged.push((receipt.expect("is logged").index, format!("e-{n}")));
                            false
                        }
                    }
                });
            }
            let last = log.append(&scope, entry("last", Kind::AuthLogin)).await.expect("is logged");
            let all = ids(&store);
            prop_assert_eq!(&all[usize::try_from(last.index).expect("small")], "last");
            for (index, id) in acknowledged {
                prop_assert_eq!(&all[usize::try_from(index).expect("small")], &id);
            }
            let mut once = all.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), all.len(), "an entry was logged twice: {:?}", all);
            assert_sound(&store, all.len() as u64);
            Ok(())
        })?;
    }
}

#[test]
fn dropped_leader_leaves_nobody_waiting() {
    let scope = scope();
    let store = MemoryLogStore::new();
    let log = Log::new(Slow(store.clone()));
    block_on(async {
        log.start(&scope, now()).await.expect("opens");
        let follower = {
            let mut leader = Box::pin(log.append(&scope, entry("leader", Kind::AuthLogin)));
            let mut context = Context::from_waker(Waker::noop());
            assert!(leader.as_mut().poll(&mut context).is_pending());
            let mut follower = Box::pin(log.append(&scope, entry("follower", Kind::AuthLogin)));
            assert!(follower.as_mut().poll(&mut context).is_pending());
            assert!(leader.as_mut().poll(&mut context).is_pending());
            follower
        };
        let receipt = pin!(follower).await.expect("is logged");
        assert_eq!(
            ids(&store)[usize::try_from(receipt.index).expect("small")],
            "follower"
        );
    });
}
