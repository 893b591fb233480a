//! Whatever is changed in a log shows.

mod common;

use common::{assert_sound, entry, now, report, scope};
use futures_executor::block_on;
use jiff::SignedDuration;
use proptest::prelude::*;
use workjet_audit::export::{ExportError, Filter, jsonl};
use workjet_audit::{AuditSink, Checkpoint, Kind, Log, MemoryLogStore, ReadError, Report, Stored, verify};

/// A log of so many entries, one a flush.
fn logged(entries: u64) -> MemoryLogStore {
    let store = MemoryLogStore::new();
    let log = Log::new(store.clone());
    let scope = scope();
    block_on(async {
        log.start(&scope, now()).await.expect("opens");
        for n in 0..entries {
            let mut entry = entry(format!("e-{n}"), Kind::AuthLogin);
            entry.time = now() + SignedDuration::from_secs(i64::try_from(n).expect("small"));
            log.append(&scope, entry).await.expect("is logged");
        }
    });
    store
}

fn check(stored: &Stored) -> Report {
    verify(stored, None, &mut |_| {}).expect("there is a log")
}

#[track_caller]
fn assert_tampered(stored: &Stored, place: &str) {
    match check(stored) {
        Report::Sound { checkpoint, .. } => panic!("found sound at {checkpoint}, though {place} was changed"),
        Report::Tampered(tampering) => {
            assert!(tampering.place.contains(place), "{tampering} should name {place}");
        }
    }
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn log_that_nobody_touched_is_sound_at_every_size() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 513] {
        assert_sound(&logged(size), size);
    }
}

#[test]
fn changed_removed_inserted_and_moved_entries_show_in_bundles() {
    let sound = logged(600).stored(scope().tenant());
    let path = "entries/000/000/001";
    let original = lines(&sound.objects[path]);
    let with = |lines: Vec<Vec<u8>>| {
        let mut stored = sound.clone();
        stored.objects.insert(path.to_owned(), lines.concat());
        stored
    };
    let mut changed = original.clone();
    let text = String::from_utf8(changed[10].clone())
        .expect("text")
        .replace("e-266", "e-999");
    changed[10] = text.into_bytes();
    assert_tampered(&with(changed), "entry 266");
    let mut removed = original.clone();
    removed.remove(10);
    assert_tampered(&with(removed), "entry 266");
    let mut inserted = original.clone();
    inserted.insert(10, original[9].clone());
    assert_tampered(&with(inserted), "entry 266");
    let mut moved = original.clone();
    moved.swap(10, 11);
    assert_tampered(&with(moved), "entry 266");
    assert_tampered(&with(original[..255].to_vec()), "entry 511");
    assert_tampered(
        &with([original.clone(), vec![b"\n".to_vec()]].concat()),
        "its end",
    );
    assert_tampered(&with([original.clone(), vec![b"x".to_vec()]].concat()), "its end");
    assert_tampered(
        &with([original.clone(), lines(&sound.objects["entries/000/000/000"])].concat()),
        "its end",
    );
}

#[test]
fn changed_removed_inserted_and_moved_entries_show_in_the_journal() {
    let sound = logged(300).stored(scope().tenant());
    let original = lines(sound.journal.as_ref().expect("there is a journal"));
    let with = |lines: Vec<Vec<u8>>| Stored {
        journal: Some(lines.concat()),
        ..sound.clone()
    };
    // Line 0 is the header; entry 256 + n is line 1 + 2n, and the line after it commits it.
    let mut changed = original.clone();
    let text = String::from_utf8(changed[21].clone())
        .expect("text")
        .replace("e-266", "e-999");
    changed[21] = text.into_bytes();
    assert_tampered(&with(changed), "entry 266");
    let mut removed = original.clone();
    removed.drain(21..23);
    assert_tampered(&with(removed), "entry 266");
    let mut inserted = original.clone();
    inserted.insert(21, original[19].clone());
    assert_tampered(&with(inserted), "entry 266");
    let mut moved = original.clone();
    moved.swap(21, 23);
    assert_tampered(&with(moved), "entry 266");
    // Cut at every line, and in the middle of each.
    for end in 1..original.len() {
        assert_tampered(&with(original[..end].to_vec()), "journal");
        let mut cut = original[..=end].concat();
        cut.truncate(cut.len() - original[end].len() / 2);
        assert_tampered(
            &Stored {
                journal: Some(cut),
                ..sound.clone()
            },
            "journal",
        );
    }
    for rubbish in [
        &b"x"[..],
        b"\n",
        b"\0\0\0",
        b"300 zz",
        b"commit 300 ",
        b"# a comment\n",
    ] {
        assert_tampered(
            &with([original.clone(), vec![rubbish.to_vec()]].concat()),
            "journal",
        );
    }
}

#[test]
fn missing_and_exchanged_files_show() {
    let scope = scope();
    let sound = logged(600).stored(scope.tenant());
    let without = |path: &str| {
        let mut stored = sound.clone();
        stored.objects.remove(path);
        stored
    };
    assert_tampered(&without("entries/000/000/000"), "entries/000/000/000");
    assert_tampered(&without("entries/000/000/001"), "entries/000/000/001");
    assert_tampered(
        &Stored {
            journal: None,
            ..sound.clone()
        },
        "journal",
    );
    assert_tampered(
        &Stored {
            head: None,
            ..sound.clone()
        },
        "head",
    );
    // Parts of an older state of the same log, and of another log.
    let older = logged(300).stored(scope.tenant());
    assert_tampered(
        &Stored {
            journal: older.journal.clone(),
            ..sound.clone()
        },
        "journal",
    );
    assert_tampered(
        &Stored {
            journal: older.journal.clone(),
            objects: older.objects.clone(),
            ..sound.clone()
        },
        "journal",
    );
    let mut exchanged = sound.clone();
    exchanged.objects.insert(
        "entries/000/000/002".to_owned(),
        sound.objects["entries/000/000/001"].clone(),
    );
    assert_tampered(&exchanged, "entries/000/000/002");
    exchanged.objects.remove("entries/000/000/002");
    exchanged.objects.insert(
        "entries/000/000/003".to_owned(),
        sound.objects["entries/000/000/001"].clone(),
    );
    assert_tampered(&exchanged, "entries/000/000/002");
    // A bundle that goes on where the journal ends, with a chain that is right: somebody added entries.
    let mut added = logged(200).stored(scope.tenant());
    added.objects = logged(256).stored(scope.tenant()).objects;
    assert_tampered(&added, "journal");
    let other = other_tenant(600);
    assert_tampered(
        &Stored {
            head: other.head.clone(),
            ..sound.clone()
        },
        "entries/000/000/000",
    );
    assert_tampered(
        &Stored {
            journal: other.journal.clone(),
            ..sound.clone()
        },
        "journal",
    );
}

fn other_tenant(entries: u64) -> Stored {
    let other = workjet_auth::Operator::dangerously_claim().scope(&"other".parse().expect("an id"));
    let store = MemoryLogStore::new();
    let log = Log::new(store.clone());
    block_on(async {
        for n in 0..entries {
            let entry = workjet_audit::Entry::new(
                format!("e-{n}"),
                now(),
                other.tenant().clone(),
                other.actor().clone(),
                Kind::AuthLogin,
            );
            log.append(&other, entry).await.expect("is logged");
        }
    });
    store.stored(other.tenant())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_changed_byte_shows(place in any::<prop::sample::Index>(), file in 0..4, bit in 0..8_u8) {
        thread_local! {
            static SOUND: Stored = logged(520).stored(scope().tenant());
        }
        let mut stored = SOUND.with(Clone::clone);
        let bytes = match file {
            0 => stored.head.as_mut(),
            1 => stored.journal.as_mut(),
            2 => stored.objects.get_mut("entries/000/000/000"),
            _ => stored.objects.get_mut("entries/000/000/001"),
        }
        .expect("it is there");
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(matches!(check(&stored), Report::Tampered(_)), "file {}, byte {}, bit {}", file, at, bit);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn gateway_does_not_write_on_a_changed_journal_or_head(
        place in any::<prop::sample::Index>(),
        is_head in any::<bool>(),
        bit in 0..8_u8,
        cut in prop::option::of(any::<prop::sample::Index>()),
        rubbish in prop::collection::vec(1_u8.., 0..9),
    ) {
        thread_local! {
            static SOUND: Stored = logged(270).stored(scope().tenant());
        }
        let mut stored = SOUND.with(Clone::clone);
        let bytes = if is_head { stored.head.as_mut() } else { stored.journal.as_mut() }.expect("it is there");
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(rubbish);
        let store = MemoryLogStore::new();
        store.tamper(scope().tenant(), stored);
        let error = block_on(Log::new(store).append(&scope(), entry("next", Kind::AuthLogin))).expect_err("it was changed");
        prop_assert_eq!(error.kind(), workjet_audit::ErrorKind::Corrupt);
    }
}

#[test]
fn remembered_checkpoint_finds_a_log_that_was_put_back_or_rewritten() {
    let scope = scope();
    let checkpoint_of = |stored: &Stored| match check(stored) {
        Report::Sound { checkpoint, .. } => checkpoint,
        Report::Tampered(tampering) => panic!("{tampering}"),
    };
    let now = logged(300).stored(scope.tenant());
    let remembered: Vec<Checkpoint> = [0, 1, 256, 290, 300]
        .iter()
        .map(|size| checkpoint_of(&logged(*size).stored(scope.tenant())))
        .collect();
    for since in &remembered {
        assert!(
            matches!(verify(&now, Some(since), &mut |_| {}), Ok(Report::Sound { .. })),
            "{since}"
        );
        assert_eq!(since.to_string().parse::<Checkpoint>(), Ok(*since));
    }
    // Each of these is sound in itself.
    let put_back = logged(299).stored(scope.tenant());
    assert!(matches!(
        verify(&put_back, Some(&remembered[4]), &mut |_| {}),
        Ok(Report::Tampered(_))
    ));
    let mut rewritten = remembered[3];
    rewritten.hash = remembered[4].hash;
    assert!(matches!(
        verify(&now, Some(&rewritten), &mut |_| {}),
        Ok(Report::Tampered(_))
    ));
}

#[test]
fn verification_beside_a_running_gateway_raises_no_false_alarm() {
    let scope = scope();
    // Every state on the way over the end of a bundle. The run stops before its nth write and is as it was left.
    let prepared = logged(250);
    let states: Vec<Stored> = (0..40)
        .map(|step| {
            let store = prepared.restart(false);
            store.fail_at(step, workjet_audit::Fault::Before);
            let log = Log::new(store.clone());
            block_on(async {
                for n in 0..10 {
                    if log
                        .append(&scope, entry(format!("l-{n}"), Kind::AuthLogin))
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
            });
            store.stored(scope.tenant())
        })
        .collect();
    assert!(
        states.iter().any(|state| state.objects.is_empty())
            && states.iter().any(|state| !state.objects.is_empty())
    );
    for (n, early) in states.iter().enumerate() {
        for late in &states[n..] {
            // The head is read first, and whatever comes after it may be later.
            let seen = Stored {
                head: early.head.clone(),
                ..late.clone()
            };
            assert!(matches!(check(&seen), Report::Sound { .. }), "{:?}", check(&seen));
        }
    }
}

#[test]
fn flush_that_is_being_written_is_no_tampering() {
    let scope = scope();
    let before = logged(20).stored(scope.tenant());
    let after = logged(21).stored(scope.tenant());
    let (short, long) = (
        before.journal.clone().expect("there is one"),
        after.journal.expect("there is one"),
    );
    assert!(long.starts_with(&short));
    for end in short.len()..=long.len() {
        let seen = Stored {
            journal: Some(long[..end].to_vec()),
            ..before.clone()
        };
        match check(&seen) {
            Report::Sound { checkpoint, .. } => {
                assert_eq!(checkpoint.size, 20 + u64::from(end == long.len()));
            }
            Report::Tampered(tampering) => panic!("cut at {end}: {tampering}"),
        }
    }
}

#[test]
fn empty_place_is_no_log() {
    assert!(matches!(
        verify(&Stored::default(), None, &mut |_| {}),
        Err(ReadError::NoLog)
    ));
}

#[test]
fn entry_that_was_read_makes_the_same_line_as_an_export() {
    let store = logged(300);
    let mut out = Vec::new();
    jsonl(
        &store.stored(scope().tenant()),
        &Filter::default(),
        &mut out,
        &mut |_| {},
    )
    .expect("a sound log");
    let log = Log::new(store);
    let logged = block_on(log.read(&scope(), 0, 300)).expect("a sound log");
    let lines: String = logged.iter().map(|logged| logged.to_jsonl() + "\n").collect();
    assert_eq!(lines.into_bytes(), out);
}

#[test]
fn export_writes_each_entry_flat_with_its_index_and_filters_by_time() {
    let store = logged(300);
    let stored = store.stored(scope().tenant());
    let export = |filter: Filter| {
        let mut out = Vec::new();
        let exported = jsonl(&stored, &filter, &mut out, &mut |_| {}).expect("a sound log");
        let text = String::from_utf8(out).expect("JSON is UTF-8");
        assert_eq!(exported.entries, text.lines().count() as u64);
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line is JSON"))
            .collect::<Vec<serde_json::Value>>()
    };
    let all = export(Filter::default());
    assert_eq!(all.len(), 300);
    assert_eq!(
        all[299],
        serde_json::json!({
            "actor": {"type": "operator"}, "id": "e-299", "kind": "auth.login", "tenant": "acme",
            "time": "2026-11-23T09:34:59.000Z", "v": 1, "log": {"index": 299},
        })
    );
    let at = |seconds| Some(now() + SignedDuration::from_secs(seconds));
    let some = export(Filter {
        from: at(10),
        to: at(13),
    });
    let indices: Vec<_> = some.iter().map(|entry| entry["log"]["index"].as_u64()).collect();
    assert_eq!(
        indices,
        [Some(10), Some(11), Some(12)],
        "from is included, to is not"
    );
}

#[test]
fn export_of_a_changed_log_stops_where_it_was_changed() {
    let mut stored = logged(300).stored(scope().tenant());
    let bundle = stored
        .objects
        .get_mut("entries/000/000/000")
        .expect("there is one");
    let text = String::from_utf8(bundle.clone())
        .expect("text")
        .replace("\"e-100\"", "\"e-xxx\"");
    *bundle = text.into_bytes();
    let mut out = Vec::new();
    let error = jsonl(&stored, &Filter::default(), &mut out, &mut |_| {}).expect_err("it was changed");
    assert!(matches!(error, ExportError::Tampered(_)), "{error}");
    assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 100);
    assert!(matches!(report(&logged(3)), Report::Sound { .. }));
}
