//! Crashes at every write, of the process and of the machine.
//!
//! What must hold after each: no acknowledged entry is lost, none is logged twice or in another place, the log verifies, and it
//! can be written on.

mod common;

use std::sync::Arc;

use common::{Records, assert_sound, entry, ids, intent, now, outcome, scope};
use futures_executor::block_on;
use workjet_audit::{AuditSink, Fault, Kind, Log, MemoryLogStore};

const FAULTS: [Fault; 4] = [Fault::Before, Fault::Torn(50), Fault::Holes, Fault::After];

/// Writes until the store fails, and returns what was acknowledged: index and id.
fn write(store: &MemoryLogStore, outbox: &Arc<Records>, first: u64, entries: u64) -> Vec<(u64, String)> {
    let scope = scope();
    let log = Log::new(store.clone()).with_outbox(outbox.clone());
    let mut acknowledged = Vec::new();
    block_on(async {
        for n in first..first + entries {
            if n % 5 == 0 {
                outbox.put(&entry(format!("outbox-{n}"), Kind::AdminKeyCreated));
            }
            let entry = if n % 2 == 0 { intent(n) } else { outcome(n - 1) };
            let id = entry.id.clone();
            match log.append(&scope, entry).await {
                Ok(receipt) => acknowledged.push((receipt.index, id)),
                Err(_) => break,
            }
        }
    });
    acknowledged
}

fn assert_kept(store: &MemoryLogStore, acknowledged: &[(u64, String)], what: &str) {
    let all = ids(store);
    for (index, id) in acknowledged {
        let there = usize::try_from(*index).ok().and_then(|index| all.get(index));
        assert_eq!(there, Some(id), "{what}: acknowledged entry {index}");
    }
    let mut once: Vec<_> = all.iter().filter(|id| !id.ends_with("-unknown")).collect();
    let entries = once.len();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), entries, "{what}: an entry was logged twice");
}

#[test]
fn no_acknowledged_entry_is_lost_wherever_a_crash_comes() {
    // The run up to here is the same for all: close to the end of the first bundle, so that the crash meets every kind of write.
    let prepared = MemoryLogStore::new();
    let outbox = Arc::new(Records::default());
    let before = write(&prepared, &outbox, 0, 208);
    assert_eq!(before.len(), 208);
    let records = outbox.len();

    let mut writes = 0;
    for machine in [false, true] {
        for fault in FAULTS {
            for step in 0.. {
                let what = format!("{fault:?} at write {step}, machine {machine}");
                let outbox = Arc::new(outbox.first(records));
                let store = prepared.restart(false);
                store.fail_at(step, fault);
                let mut acknowledged = before.clone();
                let now_acknowledged = write(&store, &outbox, 208, 16);
                let is_done = now_acknowledged.len() == 16;
                acknowledged.extend(now_acknowledged);

                // Crashes while recovering from crashes.
                let mut store = store.restart(machine);
                for again in 0..2 {
                    let broken = store.restart(false);
                    broken.fail_at(again, fault);
                    let scope = scope();
                    let _ = block_on(
                        Log::new(broken.clone())
                            .with_outbox(outbox.clone())
                            .start(&scope, now()),
                    );
                    store = broken.restart(machine);
                }
                acknowledged.extend(write(&store, &outbox, 300, 3));
                assert_eq!(
                    acknowledged.last().map(|(_, id)| id.as_str()),
                    Some("i-302"),
                    "{what}: must go on"
                );
                assert_kept(&store, &acknowledged, &what);
                let logged = ids(&store);
                assert_sound(&store, logged.len() as u64);
                for n in (0..224).step_by(5).chain([300]) {
                    let id = format!("outbox-{n}");
                    let is_recorded = n < 208 || outbox.has(&id);
                    assert!(
                        !is_recorded || logged.contains(&id),
                        "{what}: {id} was recorded and must be logged"
                    );
                }
                writes = writes.max(step);
                if is_done {
                    break;
                }
            }
        }
    }
    assert!(
        writes > 30,
        "the crash must have met the bundle, the new journal and the heads: {writes}"
    );
}

#[test]
fn crash_while_a_log_is_made_leaves_one_that_can_be_made() {
    for fault in FAULTS {
        for machine in [false, true] {
            for step in 0..6 {
                let store = MemoryLogStore::new();
                store.fail_at(step, fault);
                let outbox = Arc::new(Records::default());
                let mut acknowledged = write(&store, &outbox, 0, 2);
                let store = store.restart(machine);
                acknowledged.extend(write(&store, &outbox, 10, 2));
                assert_eq!(acknowledged.last().map(|(_, id)| id.as_str()), Some("o-10"));
                assert_kept(
                    &store,
                    &acknowledged,
                    &format!("{fault:?} at write {step}, machine {machine}"),
                );
                assert_sound(&store, ids(&store).len() as u64);
            }
        }
    }
}
