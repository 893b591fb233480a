//! A process that appends is killed at random moments: whatever it was told is logged, is there.
//!
//! The test runs itself once more as the process to be killed. That one writes each receipt to its standard output, which is
//! what a client would have seen.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use workjet_audit::export::{Filter, jsonl};
use workjet_audit::{AuditSink, Entry, Kind, Log, Report, verify};
use workjet_auth::Operator;
use workjet_server::log_files::{LogFiles, LogFolder};
use workjet_tenant::Scope;

const FOLDER: &str = "WORKJET_TEST_LOG_FOLDER";
const ROUND: &str = "WORKJET_TEST_ROUND";

fn scope() -> Scope {
    Operator::dangerously_claim().scope(&"acme".parse().expect("an id"))
}

fn entry(id: &str) -> Entry {
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

/// Not a test of its own: appends until it is killed, or refused.
#[test]
fn writer_to_be_killed() {
    let (Some(folder), Ok(round)) = (std::env::var_os(FOLDER), std::env::var(ROUND)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let log = Arc::new(Log::new(LogFiles::open(Path::new(&folder)).expect("opens")));
        let writers = (0..4).map(|writer| {
            let (log, round) = (log.clone(), round.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    let id = format!("e-{round}-{writer}-{n}");
                    let receipt = match log.append(&scope(), entry(&id)).await {
                        Ok(receipt) => format!("acknowledged {} {id}\n", receipt.index),
                        Err(_) => "refused\n".to_owned(),
                    };
                    // One write, so that lines of the writers do not mix, and past the harness, which captures output.
                    std::io::stdout()
                        .lock()
                        .write_all(receipt.as_bytes())
                        .expect("the pipe is open");
                    if receipt == "refused\n" {
                        break;
                    }
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("no panic");
        }
    });
}

fn writer(folder: &Path, round: u32, under: &[&str]) -> Command {
    let own = std::env::current_exe().expect("this test");
    let mut command = match under {
        [] => Command::new(&own),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(&own);
            command
        }
    };
    command.args([
        "--exact",
        "writer_to_be_killed",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(FOLDER, folder).env(ROUND, round.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Reads receipts until `stop` says so or the process ends, kills it, and reads the rest.
fn receipts(mut child: Child, stop: impl Fn(usize) -> bool) -> (BTreeMap<u64, String>, bool) {
    let mut receipts = BTreeMap::new();
    let mut refused = false;
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut is_killed = false;
    for line in output.lines() {
        let Ok(line) = line else { break };
        if let Some((index, id)) = line
            .strip_prefix("acknowledged ")
            .and_then(|rest| rest.split_once(' '))
        {
            let before = receipts.insert(index.parse().expect("an index"), id.to_owned());
            assert_eq!(before, None, "index {index} was given twice");
        }
        refused |= line == "refused";
        if !is_killed && stop(receipts.len()) {
            is_killed = true;
            child.kill().expect("it runs");
        }
    }
    child.wait().expect("it ended");
    (receipts, refused)
}

/// The ids in the log by index. Panics unless the log is sound.
fn logged(folder: &Path) -> Vec<String> {
    let folder = LogFolder::new(folder.join("acme"));
    match verify(&folder, None, &mut |_| {}).expect("there is a log") {
        Report::Sound { .. } => {}
        Report::Tampered(tampering) => panic!("{tampering}"),
    }
    let mut out = Vec::new();
    jsonl(&folder, &Filter::default(), &mut out, &mut |_| {}).expect("exports");
    let text = String::from_utf8(out).expect("JSON is UTF-8");
    let id = |line: &str| {
        line.split("\"id\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .map(str::to_owned)
    };
    text.lines()
        .map(|line| id(line).expect("an entry has an id"))
        .collect()
}

#[track_caller]
fn assert_kept(folder: &Path, acknowledged: &BTreeMap<u64, String>) {
    let logged = logged(folder);
    for (index, id) in acknowledged {
        assert_eq!(
            logged.get(usize::try_from(*index).expect("small")),
            Some(id),
            "acknowledged entry {index}"
        );
    }
    let mut once = logged.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), logged.len(), "an entry was logged twice");
}

#[test]
fn no_acknowledged_entry_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = BTreeMap::new();
    // So many receipts, then the kill: over the beginning of a log, the ends of bundles, and whatever lies between.
    for (round, receipts_before) in (0..).zip([1, 2, 40, 100, 3, 130, 7, 250, 300, 20]) {
        let child = writer(folder.path(), round, &[]).spawn().expect("it starts");
        // A little later, at a moment that nobody chose.
        let (new, refused) = receipts(child, |count| {
            if count >= receipts_before {
                std::thread::sleep(Duration::from_micros(
                    u64::from(std::process::id() ^ round) * 37 % 3000,
                ));
            }
            count >= receipts_before
        });
        assert!(
            new.len() >= receipts_before,
            "round {round}: only {} receipts",
            new.len()
        );
        assert!(!refused, "round {round}: the log refused");
        for (index, id) in new {
            assert_eq!(
                acknowledged.insert(index, id),
                None,
                "index {index} was given twice"
            );
        }
        assert_kept(folder.path(), &acknowledged);
    }
}

/// Needs strace and ptrace, so it runs only when asked: `WORKJET_TEST_STRACE=1`.
#[test]
fn failing_disk_stops_the_log_and_loses_nothing() {
    if std::env::var_os("WORKJET_TEST_STRACE").is_none() {
        return;
    }
    let faults = [
        "fdatasync:error=EIO:when=5",
        "fdatasync:error=EIO:when=1",
        "fsync:error=EIO:when=2",
        "fsync:error=EIO:when=5",
        "rename:error=EIO:when=3",
        "rename:signal=KILL:when=1",
        "rename:signal=KILL:when=2",
        "rename:signal=KILL:when=3",
        "fdatasync:signal=KILL:when=20",
        "fsync:signal=KILL:when=4",
        "fsync:signal=KILL:when=6",
        "lseek:error=EIO:when=9",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = BTreeMap::new();
    for (round, fault) in (0..).zip(faults) {
        let call = fault.split(':').next().expect("a name");
        let (trace, inject) = (format!("trace={call}"), format!("inject={fault}"));
        let under = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &trace,
            "-e",
            &inject,
        ];
        let child = writer(folder.path(), round, &under)
            .spawn()
            .expect("strace is installed");
        let (new, refused) = receipts(child, |count| count > 600);
        assert!(
            refused || fault.contains("KILL"),
            "{fault}: the log must refuse after it"
        );
        for (index, id) in new {
            assert_eq!(
                acknowledged.insert(index, id),
                None,
                "{fault}: index {index} was given twice"
            );
        }
        assert_kept(folder.path(), &acknowledged);
    }
    assert!(
        acknowledged.len() > 600,
        "some rounds must get far: {}",
        acknowledged.len()
    );
}
