//! Reading the log over HTTP.

use http::Method;
use serde_json::Value;
use workjet_audit::{AuditSink, Checkpoint, Kind};
use workjet_tenant::Role;

use crate::support::{Answer, Caller, Gateway};

const MEMBER_ONLY: [&str; 2] = ["/audit/v1/entries", "/audit/v1/checkpoint"];

async fn auditor(gateway: &Gateway) -> Caller {
    gateway.caller("default", "eve@example.com", Role::Auditor).await
}

async fn get(gateway: &Gateway, caller: &Caller, path: &str) -> Answer {
    let headers = [("x-api-key", caller.key())];
    gateway.call(Method::GET, path, &headers, None).await
}

async fn entries(gateway: &Gateway, caller: &Caller, query: &str) -> Answer {
    let answer = get(gateway, caller, &format!("/audit/v1/entries?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    answer
}

fn lines(answer: &Answer) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("a line is JSON");
    answer.body.lines().map(parse).collect()
}

fn indices(answer: &Answer) -> Vec<u64> {
    let index = |line: Value| line["log"]["index"].as_u64().expect("an index");
    lines(answer).into_iter().map(index).collect()
}

fn number(answer: &Answer, header: &str) -> u64 {
    answer.header(header).parse().expect("a number")
}

async fn size(gateway: &Gateway) -> u64 {
    let scope = gateway.memory.scope(&gateway.tenant);
    gateway.memory.audit.checkpoint(&scope).await.expect("a log").size
}

#[tokio::test(start_paused = true)]
async fn entries_come_as_an_export_writes_them() {
    let gateway = Gateway::demo().await;
    let eve = auditor(&gateway).await;
    assert_eq!(gateway.chat("hello").await.status, 200);
    let answer = entries(&gateway, &eve, "").await;

    let scope = gateway.memory.scope(&gateway.tenant);
    let logged = gateway.memory.audit.read(&scope, 0, 256).await.expect("a log");
    let (record, before) = logged.split_last().expect("the reading was recorded");
    let expected: String = before.iter().map(|logged| logged.to_jsonl() + "\n").collect();
    assert_eq!(answer.body, expected);
    assert!(lines(&answer).iter().any(|line| line["kind"] == "ai.outcome"));
    assert_eq!(number(&answer, "x-workjet-next"), before.len() as u64);
    assert_eq!(number(&answer, "x-workjet-log-size"), before.len() as u64);

    assert_eq!(record.entry.kind, Kind::SystemExported);
    assert_eq!(record.entry.actor.user(), Some(&eve.user.id));
    assert_eq!(record.entry.detail["from"], "0");
    assert_eq!(record.entry.detail["next"], before.len().to_string());
    assert_eq!(record.entry.detail["entries"], before.len().to_string());
}

#[tokio::test(start_paused = true)]
async fn pages_join_without_gap_or_repetition() {
    let gateway = Gateway::demo().await;
    let eve = auditor(&gateway).await;
    for _ in 0..150 {
        gateway.chat("hello").await;
    }
    let end = size(&gateway).await;
    assert!(end > 256, "more than one bundle");
    let (mut from, mut seen) = (0, Vec::new());
    while from < end {
        let page = entries(&gateway, &eve, &format!("from={from}&limit=100")).await;
        assert!(indices(&page).len() <= 100);
        from = number(&page, "x-workjet-next");
        seen.extend(indices(&page));
    }
    assert_eq!(seen, (0..from).collect::<Vec<_>>());
    let beyond = entries(&gateway, &eve, "from=1000000").await;
    assert_eq!(
        (beyond.body.as_str(), number(&beyond, "x-workjet-next")),
        ("", 1_000_000)
    );
}

#[tokio::test(start_paused = true)]
async fn filters_leave_out_what_was_not_asked_for() {
    let gateway = Gateway::demo().await;
    let eve = auditor(&gateway).await;
    gateway.chat("early").await;
    let between = gateway.memory.host().clock.now();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    gateway.chat("late").await;

    let outcomes = lines(&entries(&gateway, &eve, "kind=ai.outcome").await);
    assert_eq!(outcomes.len(), 2);
    let later = between + std::time::Duration::from_secs(1);
    let since = lines(&entries(&gateway, &eve, &format!("kind=ai.outcome&since={later}")).await);
    let until = lines(&entries(&gateway, &eve, &format!("kind=ai.outcome&until={later}")).await);
    assert_eq!((&since[..], &until[..]), (&outcomes[1..], &outcomes[..1]));

    let none = entries(&gateway, &eve, "kind=system.stopped").await;
    assert_eq!(none.body, "");
    assert_eq!(
        number(&none, "x-workjet-next"),
        number(&none, "x-workjet-log-size")
    );
}

#[tokio::test(start_paused = true)]
async fn reading_is_recorded_and_polling_does_not_feed_itself() {
    let gateway = Gateway::demo().await;
    let (eve, bob) = (
        auditor(&gateway).await,
        gateway.caller("default", "bob@example.com", Role::Owner).await,
    );
    let recorded = async || {
        let entries = gateway.all_entries().await.into_iter();
        entries.filter(|entry| entry.kind == Kind::SystemExported).count()
    };
    let mut next = [0, 0];
    for _ in 0..5 {
        for (reader, next) in [&eve, &bob].into_iter().zip(&mut next) {
            *next = number(
                &entries(&gateway, reader, &format!("from={next}")).await,
                "x-workjet-next",
            );
        }
    }
    assert_eq!(recorded().await, 2, "each reader found something new once");
    gateway.chat("hello").await;
    let news = entries(&gateway, &eve, &format!("from={}", next[0])).await;
    assert!(!news.body.is_empty());
    assert_eq!(recorded().await, 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_unrecorded() {
    let gateway = Gateway::demo().await;
    let eve = auditor(&gateway).await;
    gateway.memory.audit.refuse(Kind::SystemExported);
    let answer = get(&gateway, &eve, "/audit/v1/entries").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "audit_unavailable")
    );
    assert!(!answer.body.contains("admin.tenant.created"));
}

#[tokio::test(start_paused = true)]
async fn only_auditors_admins_and_owners_read() {
    let gateway = Gateway::demo().await;
    for path in MEMBER_ONLY {
        for (name, role, status) in [
            ("m", Role::Member, 403),
            ("u", Role::Auditor, 200),
            ("a", Role::Admin, 200),
            ("o", Role::Owner, 200),
        ] {
            let email = format!("{name}{}@example.com", path.len());
            let caller = gateway.caller("default", &email, role).await;
            let answer = get(&gateway, &caller, path).await;
            assert_eq!(answer.status, status, "{path} {role}");
            if status == 403 {
                assert_eq!(answer.code(), "forbidden");
            }
        }
        let answer = gateway.call(Method::GET, path, &[], None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "unauthenticated")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_tenant_reads_its_own_log_alone() {
    let gateway = Gateway::demo().await;
    let eve = auditor(&gateway).await;
    let mallory = gateway.caller("other", "mallory@example.com", Role::Owner).await;
    gateway.chat("hello").await;
    let theirs = lines(&entries(&gateway, &mallory, "").await);
    assert!(!theirs.is_empty());
    assert!(theirs.iter().all(|line| line["tenant"] == "other"), "{theirs:?}");
    let ours = lines(&entries(&gateway, &eve, "").await);
    assert!(ours.iter().all(|line| line["tenant"] == "default"), "{ours:?}");
    let checkpoints = [
        get(&gateway, &eve, "/audit/v1/checkpoint").await.body,
        get(&gateway, &mallory, "/audit/v1/checkpoint").await.body,
    ];
    assert_ne!(checkpoints[0], checkpoints[1]);
    let named = get(&gateway, &mallory, "/audit/v1/entries?tenant=default").await;
    assert_eq!(named.status, 400, "there is no way to name another tenant");
}

#[tokio::test(start_paused = true)]
async fn checkpoint_is_what_verification_takes() {
    let gateway = Gateway::demo().await;
    let eve = auditor(&gateway).await;
    let answer = get(&gateway, &eve, "/audit/v1/checkpoint").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let checkpoint: Checkpoint = answer.body.parse().expect("a checkpoint");
    let scope = gateway.memory.scope(&gateway.tenant);
    let own = gateway.memory.audit.checkpoint(&scope).await.expect("a log");
    assert_eq!(checkpoint, own);
    assert_eq!(answer.body, format!("{own}\n"));
    assert!(own.size > 0, "what waited in the outbox is part of it");
}

#[tokio::test(start_paused = true)]
async fn question_that_makes_no_sense_is_refused() {
    let gateway = Gateway::demo().await;
    let eve = auditor(&gateway).await;
    for query in [
        "from=first",
        "limit=0",
        "limit=5000",
        "kind=everything",
        "since=monday",
        "page=2",
    ] {
        let answer = get(&gateway, &eve, &format!("/audit/v1/entries?{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid_request"),
            "{query}"
        );
    }
    let answer = gateway.call(Method::POST, "/audit/v1/entries", &[], None).await;
    assert_eq!(answer.status, 405, "there is no way to write");
}
