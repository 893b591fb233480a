//! The contract of [`AuditSink`].

use futures_util::future::join_all;
use workjet_audit::{AuditSink, Entry, ErrorKind, Kind};
use workjet_tenant::Scope;

use crate::stage::{at, scope_of};

/// Checks an empty [`AuditSink`].
///
/// # Panics
/// If the sink breaks its contract; the message says how.
pub async fn audit_sink(sink: &dyn AuditSink) {
    let (here, there) = (scope_of("audit-here"), scope_of("audit-there"));
    one_after_another(sink, &here).await;
    many_at_once(sink, &here).await;
    tenants_apart(sink, &here, &there).await;
    once_and_no_more(sink, &scope_of("audit-once")).await;
}

fn entry(scope: &Scope, id: impl Into<String>) -> Entry {
    Entry::new(
        id,
        at(0),
        scope.tenant().clone(),
        scope.actor().clone(),
        Kind::AuthLogin,
    )
    .code("ok")
}

async fn one_after_another(sink: &dyn AuditSink, scope: &Scope) {
    let empty = sink.checkpoint(scope).await.expect("a new log has a checkpoint");
    assert_eq!(empty.size, 0, "a new log is empty");
    assert_eq!(
        sink.read(scope, 0, 10).await.expect("reading must answer"),
        [],
        "a new log holds nothing"
    );
    let mut hashes = vec![empty.hash];
    for n in 0..3 {
        let receipt = sink
            .append(scope, entry(scope, format!("e-{n}")))
            .await
            .expect("an entry is accepted");
        assert_eq!(receipt.log, *scope.tenant(), "the receipt names the tenant's log");
        assert_eq!(receipt.index, n, "indices are consecutive, from 0");
        let checkpoint = sink.checkpoint(scope).await.expect("a log has a checkpoint");
        assert_eq!(
            checkpoint.size,
            n + 1,
            "the checkpoint covers what was acknowledged"
        );
        assert!(!hashes.contains(&checkpoint.hash), "each entry changes the hash");
        hashes.push(checkpoint.hash);
    }
    let read = sink.read(scope, 1, 10).await.expect("reading must answer");
    let ids: Vec<_> = read
        .iter()
        .map(|logged| (logged.index, logged.entry.id.as_str()))
        .collect();
    assert_eq!(
        ids,
        [(1, "e-1"), (2, "e-2")],
        "entries come back in order, with their index"
    );
    assert_eq!(
        read[0].entry,
        entry(scope, "e-1"),
        "an entry comes back as it was"
    );
    assert_eq!(
        sink.read(scope, 0, 2).await.expect("reading must answer").len(),
        2,
        "no more than asked for"
    );
    assert_eq!(
        sink.read(scope, 3, 10).await.expect("reading must answer"),
        [],
        "nothing lies beyond the end"
    );
    assert_eq!(
        sink.read(scope, u64::MAX, 10).await.expect("reading must answer"),
        [],
        "nothing lies beyond the end"
    );
}

async fn many_at_once(sink: &dyn AuditSink, scope: &Scope) {
    let before = sink.checkpoint(scope).await.expect("a log has a checkpoint").size;
    let many = 700;
    let appends = (0..many).map(|n| sink.append(scope, entry(scope, format!("many-{n}"))));
    let receipts = join_all(appends).await;
    let mut places: Vec<(u64, String)> = receipts
        .into_iter()
        .enumerate()
        .map(|(n, receipt)| (receipt.expect("an entry is accepted").index, format!("many-{n}")))
        .collect();
    places.sort();
    let mut logged = Vec::new();
    while logged.len() < places.len() {
        let page = sink
            .read(scope, before + logged.len() as u64, 300)
            .await
            .expect("reading must answer");
        assert!(
            page.len() >= 256 || logged.len() + page.len() == places.len(),
            "a page is at least 256 entries"
        );
        logged.extend(page.into_iter().map(|logged| (logged.index, logged.entry.id)));
    }
    assert_eq!(
        logged, places,
        "each entry lies where its receipt says, and no index is used twice"
    );
    assert_eq!(
        places.first().map(|place| place.0),
        Some(before),
        "no index is skipped"
    );
    assert_eq!(
        places.last().map(|place| place.0),
        Some(before + many - 1),
        "no index is skipped"
    );
}

async fn tenants_apart(sink: &dyn AuditSink, here: &Scope, there: &Scope) {
    let before = sink.checkpoint(here).await.expect("a log has a checkpoint");
    assert_eq!(
        sink.checkpoint(there).await.expect("a log has a checkpoint").size,
        0,
        "each tenant has a log of its own"
    );
    let receipt = sink
        .append(there, entry(there, "theirs"))
        .await
        .expect("an entry is accepted");
    assert_eq!(
        (receipt.log.as_str(), receipt.index),
        ("audit-there", 0),
        "each log counts for itself"
    );
    assert_eq!(
        sink.checkpoint(here).await.expect("a log has a checkpoint"),
        before,
        "tenants share nothing"
    );
    let read = sink.read(there, 0, 1000).await.expect("reading must answer");
    assert_eq!(read.len(), 1, "a tenant reads its own log alone");

    let error = sink
        .append(here, entry(there, "smuggled"))
        .await
        .expect_err("a foreign entry must be refused");
    assert_eq!(
        error.kind(),
        ErrorKind::Invalid,
        "the refusal must say that the entry is at fault"
    );
    assert_eq!(
        sink.checkpoint(here).await.expect("a log has a checkpoint"),
        before,
        "a refused entry leaves no trace"
    );
}

async fn once_and_no_more(sink: &dyn AuditSink, scope: &Scope) {
    let request = "r-1".parse().expect("an id");
    let of = |kind: Kind| {
        let mut entry = entry(scope, format!("{kind}-1")).request(&request);
        entry.kind = kind;
        entry
    };
    let invalid = async |entry: Entry| {
        let refused = sink.append(scope, entry).await;
        assert_eq!(
            refused.map_err(|error| error.kind()),
            Err(ErrorKind::Invalid),
            "a request has one intent and then one outcome"
        );
    };
    invalid(of(Kind::AiOutcome)).await;
    for (index, kind) in [(0, Kind::AiIntent), (1, Kind::AiOutcome)] {
        for _ in 0..2 {
            let receipt = sink.append(scope, of(kind)).await.expect("an entry is accepted");
            assert_eq!(receipt.index, index, "the same entry keeps its place");
        }
        invalid(of(kind).code("other")).await;
    }
    let size = sink.checkpoint(scope).await.expect("a log has a checkpoint").size;
    assert_eq!(size, 2, "what is refused or known leaves no trace");
}
