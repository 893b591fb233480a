//! The log on files keeps the contracts, guards its folder, and is read while it is written.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use workjet_audit::export::{Filter, jsonl};
use workjet_audit::{AuditSink, Checkpoint, Entry, ErrorKind, Kind, Log, Report, verify};
use workjet_auth::Operator;
use workjet_server::log_files::{LogFiles, LogFolder};
use workjet_tenant::Scope;

fn scope() -> Scope {
    Operator::dangerously_claim().scope(&"acme".parse().expect("an id"))
}

fn entry(id: impl Into<String>) -> Entry {
    let scope = scope();
    let now = "2026-11-23T09:30:00Z".parse().expect("a time");
    Entry::new(
        id,
        now,
        scope.tenant().clone(),
        scope.actor().clone(),
        Kind::AuthLogin,
    )
}

fn check(folder: &Path) -> Report {
    verify(&LogFolder::new(folder.join("acme")), None, &mut |_| {}).expect("there is a log")
}

#[tokio::test]
async fn files_keep_the_contract_of_a_store() {
    let folder = tempfile::tempdir().expect("a folder");
    workjet_conformance::log_store(&LogFiles::open(folder.path()).expect("opens")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_on_files_keeps_the_contract_of_a_sink() {
    let folder = tempfile::tempdir().expect("a folder");
    workjet_conformance::audit_sink(&Log::new(LogFiles::open(folder.path()).expect("opens"))).await;
}

#[tokio::test]
async fn second_process_is_told_that_the_folder_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = LogFiles::open(folder.path()).expect("opens");
    let error = LogFiles::open(folder.path()).expect_err("it is taken");
    assert!(error.to_string().contains("another process"), "{error}");
    drop(first);
    LogFiles::open(folder.path()).expect("it is free again");
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    fn modes(folder: &Path) {
        assert_eq!(
            fs::metadata(folder).expect("there").permissions().mode() & 0o777,
            0o700,
            "{}",
            folder.display()
        );
        for item in fs::read_dir(folder).expect("a folder") {
            let path = item.expect("an item").path();
            if path.is_dir() {
                modes(&path);
            } else {
                let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
                assert_eq!(mode, 0o600, "{}", path.display());
            }
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let audit = folder.path().join("data/audit");
    let log = Log::new(LogFiles::open(&audit).expect("opens"));
    for n in 0..300 {
        log.append(&scope(), entry(format!("e-{n}")))
            .await
            .expect("is logged");
    }
    modes(&audit);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_beside_the_writer_see_a_sound_log_that_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Arc::new(Log::new(LogFiles::open(folder.path()).expect("opens")));
    log.append(&scope(), entry("first")).await.expect("is logged");
    let is_over = Arc::new(AtomicBool::new(false));
    let reader = {
        let (is_over, folder) = (is_over.clone(), folder.path().to_owned());
        std::thread::spawn(move || {
            let mut seen: Vec<Checkpoint> = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                let since = seen.last().copied();
                let report = verify(&LogFolder::new(folder.join("acme")), since.as_ref(), &mut |_| {});
                match report.expect("there is a log") {
                    Report::Sound { checkpoint, .. } => seen.push(checkpoint),
                    Report::Tampered(tampering) => panic!("false alarm: {tampering}"),
                }
            }
            seen
        })
    };
    let writers = (0..8).map(|writer| {
        let log = log.clone();
        tokio::spawn(async move {
            for n in 0..100 {
                log.append(&scope(), entry(format!("e-{writer}-{n}")))
                    .await
                    .expect("is logged");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    is_over.store(true, Ordering::SeqCst);
    let seen = reader.join().expect("no false alarm");
    assert!(seen.is_sorted_by_key(|checkpoint| checkpoint.size));
    let Report::Sound { checkpoint, .. } = check(folder.path()) else {
        panic!("must be sound")
    };
    assert_eq!(checkpoint.size, 801);
    let mut out = Vec::new();
    jsonl(
        &LogFolder::new(folder.path().join("acme")),
        &Filter::default(),
        &mut out,
        &mut |_| {},
    )
    .expect("exports");
    assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 801);
}

#[tokio::test]
async fn changed_folder_is_found_by_verify_and_refused_by_the_gateway() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Log::new(LogFiles::open(folder.path()).expect("opens"));
    for n in 0..300 {
        log.append(&scope(), entry(format!("e-{n}")))
            .await
            .expect("is logged");
    }
    log.close().await.expect("closes");
    drop(log);
    let journal = folder.path().join("acme/journal");
    let text = fs::read_to_string(&journal).expect("text");
    fs::write(&journal, text.replace("\"e-280\"", "\"e-x80\"")).expect("writes");
    let Report::Tampered(tampering) = check(folder.path()) else {
        panic!("must be found")
    };
    assert_eq!(tampering.place, "journal, entry 280");
    let log = Log::new(LogFiles::open(folder.path()).expect("opens"));
    let error = log
        .append(&scope(), entry("next"))
        .await
        .expect_err("must be refused");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn folder_that_is_absent_is_an_error_and_not_an_empty_log() {
    let folder = tempfile::tempdir().expect("a folder");
    verify(&LogFolder::new(folder.path().join("nobody")), None, &mut |_| {}).expect_err("there is no folder");
    let error = verify(&LogFolder::new(folder.path()), None, &mut |_| {}).expect_err("there is no log");
    assert!(error.to_string().contains("no audit log"), "{error}");
}
