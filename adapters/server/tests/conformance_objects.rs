//! What a Durable Object keeps, over SQLite in a file: exact rate limits and the changing part of a log. Both keep their
//! contracts, and what only a database can be asked.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use workjet_audit::{AuditSink, Creation, Durability, Entry, Kind, Log, LogStore, Objects};
use workjet_auth::{CachedSessions, Operator, SessionCache};
use workjet_conformance::Stage;
use workjet_server::sqlite::Sqlite;
use workjet_sql::{Database, Row, SqlLog, SqlRates, SqlStore, Statement, Value};
use workjet_tenant::remote::{RateTransport, RemoteRates, serve_rates};
use workjet_tenant::{
    Charge, Consistency, Decision, ErrorKind, LimitKey, Quota, RateStore, RequestId, Scope, StoreError,
};

const TTL: Duration = Duration::from_secs(300);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("object.sqlite")
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(&self.file()).expect("the database must open")
    }

    async fn rates(&self) -> SqlRates<Sqlite> {
        SqlRates::open(self.open())
            .await
            .expect("the database must migrate")
    }

    async fn log(&self, objects: &Bucket) -> SqlLog<Sqlite, Bucket> {
        SqlLog::open(self.open(), objects.clone())
            .await
            .expect("the database must migrate")
    }

    /// How many rows a table has.
    fn count(&self, table: &str) -> i64 {
        let connection = rusqlite::Connection::open(self.file()).expect("the database must open");
        let sql = format!("SELECT count(*) FROM {table}");
        connection
            .query_row(&sql, [], |row| row.get(0))
            .expect("a number")
    }
}

/// Immutable objects in memory, under whatever path.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

#[async_trait]
impl Objects for Bucket {
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        let mut objects = self.0.lock().expect("no panic");
        let place = format!("{}/{path}", scope.tenant());
        Ok(match objects.get(&place) {
            Some(there) if there == bytes => Creation::Identical,
            Some(_) => Creation::Conflict,
            None => {
                objects.insert(place, bytes.to_vec());
                Creation::Created
            }
        })
    }

    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let place = format!("{}/{path}", scope.tenant());
        Ok(self.0.lock().expect("no panic").get(&place).cloned())
    }
}

/// Passes everything on, and keeps what was said.
#[derive(Clone)]
struct Witness {
    db: Sqlite,
    seen: Arc<Mutex<Vec<Statement>>>,
}

impl Witness {
    fn new(db: Sqlite) -> Self {
        let seen = Arc::default();
        Self { db, seen }
    }

    fn note(&self, statement: &Statement) {
        self.seen.lock().expect("no panic").push(statement.clone());
    }

    fn seen(&self) -> Vec<Statement> {
        std::mem::take(&mut self.seen.lock().expect("no panic"))
    }
}

#[async_trait]
impl Database for Witness {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.note(&statement);
        self.db.query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        statements.iter().for_each(|statement| self.note(statement));
        self.db.batch(statements).await
    }
}

fn scope(tenant: &str) -> Scope {
    Operator::dangerously_claim().scope(&tenant.parse().expect("an id"))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

fn id(name: impl std::fmt::Display) -> RequestId {
    name.to_string().parse().expect("an id")
}

/// `burst` at once, and one unit comes back each second.
fn charge(key: LimitKey, burst: u64, amount: u64) -> Charge {
    let some = |n| NonZeroU64::new(n).expect("not zero");
    let quota = Quota {
        limit: some(1),
        per: Duration::from_secs(1),
        burst: some(burst),
    };
    Charge { key, quota, amount }
}

fn user(name: impl std::fmt::Display) -> LimitKey {
    LimitKey::user_requests(&name.to_string().parse().expect("an id"))
}

async fn admits(rates: &dyn RateStore, name: impl std::fmt::Display, charges: &[Charge], now: i64) -> bool {
    let decision = rates
        .reserve(&scope("acme"), &id(name), charges, at(now), TTL)
        .await;
    matches!(decision.expect("an answer"), Decision::Allow(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_conform() {
    workjet_conformance::rate_store(&Folder::new().rates().await).await;
}

/// A wire of length zero.
struct Wire(SqlRates<Sqlite>);

#[async_trait]
impl RateTransport for Wire {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(serve_rates(&self.0, scope, &request).await)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_behind_a_wire_conform() {
    let wire = Wire(Folder::new().rates().await);
    workjet_conformance::rate_store(&RemoteRates::new(wire, Consistency::Strict)).await;
}

#[tokio::test]
async fn what_was_spent_is_known_after_reopening() {
    let folder = Folder::new();
    let all = [charge(user("u"), 5, 5)];
    assert!(admits(&folder.rates().await, "before", &all, 0).await);

    let rates = folder.rates().await;
    assert!(
        !admits(&rates, "after", &[charge(user("u"), 5, 1)], 0).await,
        "a restart gives nothing back"
    );
    assert!(
        admits(&rates, "before", &all, 0).await,
        "the reservation is still open, and answers as it did"
    );
    rates
        .settle(&scope("acme"), &id("before"), &[2], at(0))
        .await
        .expect("an answer");
    let rates = folder.rates().await;
    assert!(!admits(&rates, "four", &[charge(user("u"), 5, 4)], 0).await);
    assert!(
        admits(&rates, "three", &[charge(user("u"), 5, 3)], 0).await,
        "2 of 5 were used"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_admit_no_more_than_one() {
    let folder = Folder::new();
    let both = [Arc::new(folder.rates().await), Arc::new(folder.rates().await)];
    let calls = (0..40).map(|n| {
        let rates = both[n % 2].clone();
        tokio::spawn(async move { admits(&*rates, n, &[charge(user("u"), 10, 1)], 0).await })
    });
    let admitted = join_all(calls).await;
    let admitted = admitted.into_iter().filter(|it| *it.as_ref().expect("no panic"));
    assert_eq!(admitted.count(), 10);
}

/// Lets somebody else in between what a caller reads and what it writes.
struct Interrupted {
    db: Sqlite,
    other: SqlRates<Sqlite>,
    times: Mutex<u32>,
}

#[async_trait]
impl Database for Interrupted {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.db.query(statement).await
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        let is_schema = statements[0].sql.starts_with("CREATE");
        let time = {
            let mut times = self.times.lock().expect("no panic");
            if is_schema || *times == 0 {
                None
            } else {
                *times -= 1;
                Some(*times)
            }
        };
        if let Some(time) = time {
            let name = format!("other-{time}");
            assert!(admits(&self.other, name, &[charge(user("u"), 5, 2)], 0).await);
        }
        self.db.batch(statements).await
    }
}

#[tokio::test]
async fn whoever_was_too_late_decides_anew() {
    // How often somebody else takes 2 of 5, what is asked for then, and whether it is left.
    for (times, amount, is_left) in [(1, 3, true), (1, 4, false), (2, 1, true), (2, 2, false)] {
        let folder = Folder::new();
        let db = Interrupted {
            db: folder.open(),
            other: folder.rates().await,
            times: Mutex::new(times),
        };
        let rates = SqlRates::open(db).await.expect("the database must migrate");
        let admitted = admits(&rates, "late", &[charge(user("u"), 5, amount)], 0).await;
        assert_eq!(admitted, is_left, "{amount} after {times} times 2 of 5");
        let open = i64::from(times) + i64::from(is_left);
        assert_eq!(
            folder.count("rate_reservations"),
            open,
            "nothing is left of the first try"
        );
    }
}

#[tokio::test]
async fn keys_at_rest_and_reservations_past_their_time_are_forgotten() {
    let folder = Folder::new();
    let rates = folder.rates().await;
    for n in 0..40 {
        assert!(admits(&rates, n, &[charge(user(n), 5, 1)], 0).await);
    }
    for n in 0..20 {
        rates
            .settle(&scope("acme"), &id(n), &[1], at(0))
            .await
            .expect("an answer");
    }
    assert_eq!(folder.count("rate_reservations"), 20);
    assert_eq!(folder.count("rate_meters"), 40);
    let last = |n: i64, now| (format!("last-{n}"), now);
    // Each call tidies up a little.
    for (name, now) in (0..10).map(|n| last(n, 200)) {
        assert!(admits(&rates, &name, &[charge(user("last"), 50, 1)], now).await);
        rates
            .settle(&scope("acme"), &id(&name), &[1], at(now))
            .await
            .expect("an answer");
    }
    assert_eq!(folder.count("rate_meters"), 21, "what is open keeps its key");
    for (name, now) in (10..20)
        .map(|n| last(n, 400))
        .chain((20..30).map(|n| last(n, 600)))
    {
        assert!(admits(&rates, &name, &[charge(user("last"), 50, 1)], now).await);
        rates
            .release(&scope("acme"), &id(&name), at(now))
            .await
            .expect("an answer");
    }
    assert_eq!(folder.count("rate_reservations"), 0);
    assert_eq!(folder.count("rate_meters"), 1);
}

#[tokio::test]
async fn full_store_denies_newcomers_and_forgets_nobody() {
    let folder = Folder::new();
    let rates = folder.rates().await.with_capacity(4);
    let one = |name: &str| [charge(user(name), 1, 1)];
    for n in 0..4 {
        assert!(admits(&rates, n, &one(&format!("u{n}")), 0).await);
        rates
            .settle(&scope("acme"), &id(n), &[1], at(0))
            .await
            .expect("an answer");
    }
    match rates
        .reserve(&scope("acme"), &id("new"), &one("newcomer"), at(0), TTL)
        .await
    {
        Ok(Decision::Deny { retry_after, .. }) => {
            assert_eq!(retry_after, Some(Duration::from_secs(1)), "for a while");
        }
        other => panic!("a full store must deny newcomers, got {other:?}"),
    }
    assert!(
        !admits(&rates, "again", &one("u0"), 0).await,
        "what u0 has spent is still known"
    );
    assert!(
        admits(&rates, "later", &one("newcomer"), 200).await,
        "rest makes room"
    );
}

#[tokio::test]
async fn open_reservations_are_bounded_too() {
    let folder = Folder::new();
    let rates = folder.rates().await.with_capacity(4);
    let one = [charge(user("u"), 100, 1)];
    for n in 0..4 {
        assert!(admits(&rates, n, &one, 0).await);
    }
    assert!(!admits(&rates, "fifth", &one, 0).await);
    rates
        .release(&scope("acme"), &id(2), at(0))
        .await
        .expect("an answer");
    assert!(admits(&rates, "fifth", &one, 0).await);
    assert!(!admits(&rates, "sixth", &one, 0).await);
    assert!(admits(&rates, "sixth", &one, 300).await, "their time is over");
}

#[tokio::test]
async fn strangers_who_try_to_log_in_never_crowd_out_users() {
    let folder = Folder::new();
    let rates = folder.rates().await.with_capacity(8);
    let attempt = async |n: u32, now: i64| {
        let key = LimitKey::login_attempts(&format!("stranger-{n}"));
        let admitted = admits(&rates, n, &[charge(key, 1, 1)], now).await;
        rates
            .settle(&scope("acme"), &id(n), &[1], at(now))
            .await
            .expect("an answer");
        admitted
    };
    for n in 0..20 {
        assert_eq!(attempt(n, 0).await, n < 4, "half of the eight places");
    }
    for n in 0..4 {
        assert!(admits(&rates, format!("r{n}"), &[charge(user(n), 1, 1)], 0).await);
    }
    for n in 20..24 {
        assert!(attempt(n, 200).await, "rest makes room for strangers, too");
    }
}

#[tokio::test]
async fn denied_call_writes_nothing() {
    let folder = Folder::new();
    let witness = Witness::new(folder.open());
    let rates = SqlRates::open(witness.clone())
        .await
        .expect("the database must migrate");
    assert!(admits(&rates, "a", &[charge(user("u"), 1, 1)], 0).await);
    witness.seen();
    assert!(!admits(&rates, "b", &[charge(user("u"), 1, 1)], 0).await);
    assert!(witness.seen().iter().all(|said| said.sql.starts_with("SELECT ")));
}

#[tokio::test]
async fn damaged_meter_is_no_meter_at_rest() {
    let folder = Folder::new();
    let rates = folder.rates().await;
    assert!(admits(&rates, "a", &[charge(user("u"), 5, 5)], 0).await);
    let connection = rusqlite::Connection::open(folder.file()).expect("the database must open");
    let zero_rate = r#"{"rate":{"ticks":0,"cost":1,"burst":5},"base":null,"events":[]}"#;
    for damaged in ["", "{}", zero_rate] {
        connection
            .execute("UPDATE rate_meters SET meter = ?1", [damaged])
            .expect("written");
        let error = rates
            .reserve(&scope("acme"), &id("b"), &[charge(user("u"), 5, 1)], at(0), TTL)
            .await
            .expect_err("what is unknown is refused");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_store_conforms() {
    workjet_conformance::log_store(&Folder::new().log(&Bucket::default()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_over_it_keeps_the_contract_of_a_sink() {
    workjet_conformance::audit_sink(&Log::new(Folder::new().log(&Bucket::default()).await)).await;
}

fn entry(scope: &Scope, id: String) -> Entry {
    Entry::new(
        id,
        at(0),
        scope.tenant().clone(),
        scope.actor().clone(),
        Kind::AuthLogin,
    )
}

#[tokio::test]
async fn log_goes_on_where_an_evicted_object_left_it() {
    let (folder, bucket) = (Folder::new(), Bucket::default());
    let scope = scope("acme");
    // Past the end of a bundle, so that the journal begins anew on the way.
    for n in 0..300_u64 {
        if n % 100 == 0 || n == 255 || n == 256 {
            // Dropped without a word.
            let log = Log::new(folder.log(&bucket).await);
            for more in [2 * n, 2 * n + 1] {
                let receipt = log.append(&scope, entry(&scope, format!("first-{more}"))).await;
                receipt.expect("appended");
            }
        }
    }
    let log = Log::new(folder.log(&bucket).await);
    for n in 0..300 {
        log.append(&scope, entry(&scope, format!("second-{n}")))
            .await
            .expect("appended");
    }
    drop(log);
    let log = Log::new(folder.log(&bucket).await);
    assert_eq!(log.checkpoint(&scope).await.expect("a checkpoint").size, 310);
    let last = log.read(&scope, 309, 1).await.expect("an answer");
    assert_eq!(last[0].entry.id, "second-299");
}

#[tokio::test]
async fn journal_of_many_megabytes_and_any_bytes_comes_back() {
    let (folder, bucket) = (Folder::new(), Bucket::default());
    let witness = Witness::new(folder.open());
    let log = SqlLog::open(witness.clone(), bucket)
        .await
        .expect("the database must migrate");
    let scope = scope("acme");
    let all: Vec<u8> = (0..=255).collect();
    let parts = [
        b"begin\n".to_vec(),
        "grüße 🦀\n".repeat(200_000).into_bytes(),
        all.repeat(4000),
        Vec::new(),
        b"end\n".to_vec(),
    ];
    log.reset_journal(&scope, &parts[0]).await.expect("begun");
    let mut expected = parts[0].clone();
    for part in &parts[1..] {
        log.append_journal(&scope, expected.len() as u64, part)
            .await
            .expect("the length is right");
        expected.extend_from_slice(part);
        assert!(log.read_journal(&scope).await.expect("an answer") == Some(expected.clone()));
    }
    log.reset_journal(&scope, &expected).await.expect("begun anew");
    assert!(log.read_journal(&scope).await.expect("an answer") == Some(expected.clone()));
    log.reset_journal(&scope, b"").await.expect("begun anew");
    assert_eq!(
        log.read_journal(&scope).await.expect("an answer"),
        Some(Vec::new())
    );
    log.append_journal(&scope, 0, b"x")
        .await
        .expect("the length is right");
    assert_eq!(
        log.read_journal(&scope).await.expect("an answer"),
        Some(b"x".to_vec())
    );

    let texts = witness.seen().into_iter().flat_map(|said| said.params);
    let longest = texts.map(|value| match value {
        Value::Text(text) => text.len(),
        _ => 0,
    });
    assert!(longest.max().expect("a statement") <= 512 * 1024);
}

#[tokio::test]
async fn writer_who_repeats_a_long_append_is_refused_and_writes_nothing() {
    let (folder, bucket) = (Folder::new(), Bucket::default());
    let log = folder.log(&bucket).await;
    let scope = scope("acme");
    let long = vec![b'x'; 1_000_000];
    log.reset_journal(&scope, b"").await.expect("begun");
    // Somebody else wrote the first piece of it, or all of it.
    for written in [255 * 1024, 2 * 255 * 1024, long.len()] {
        log.reset_journal(&scope, b"").await.expect("begun");
        log.append_journal(&scope, 0, &long[..written])
            .await
            .expect("the length is right");
        let error = log
            .append_journal(&scope, 0, &long)
            .await
            .expect_err("the journal is longer");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let journal = log
            .read_journal(&scope)
            .await
            .expect("an answer")
            .expect("a journal");
        assert_eq!(journal.len(), written);
    }
}

#[tokio::test]
async fn journal_with_a_lost_piece_is_refused() {
    let (folder, bucket) = (Folder::new(), Bucket::default());
    let log = folder.log(&bucket).await;
    let scope = scope("acme");
    for (lost, journal) in [(0, "first"), (6, "last")] {
        log.reset_journal(&scope, b"first\n").await.expect("begun");
        log.append_journal(&scope, 6, b"last\n")
            .await
            .expect("the length is right");
        rusqlite::Connection::open(folder.file())
            .expect("the database must open")
            .execute("DELETE FROM log_journal WHERE at = ?1", [lost])
            .expect("written");
        let error = log.read_journal(&scope).await.expect_err(journal);
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn object_stores_share_a_database_with_the_main_schema() {
    let folder = Folder::new();
    SqlStore::open(folder.open()).await.expect("migrates");
    folder.rates().await;
    folder.log(&Bucket::default()).await;
    SqlStore::open_migrated(folder.open())
        .await
        .expect("nothing is missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_name_the_tenant_find_by_key_and_fit_a_durable_object() {
    let folder = Folder::new();
    let witness = Witness::new(folder.open());
    let rates = SqlRates::open(witness.clone()).await.expect("migrates");
    workjet_conformance::rate_store(&rates).await;
    let log = SqlLog::open(witness.clone(), Bucket::default())
        .await
        .expect("migrates");
    workjet_conformance::log_store(&log).await;
    let swapped = log
        .compare_and_swap_head(&scope("acme"), None, b"head", Durability::Machine)
        .await;
    assert!(swapped.expect("an answer"));

    let said: BTreeMap<String, usize> = witness
        .seen()
        .into_iter()
        .map(|said| (said.sql.into_owned(), said.params.len()))
        .collect();
    assert!(said.len() > 20, "the suites must reach the statements");
    let connection = rusqlite::Connection::open(folder.file()).expect("the database must open");
    for (sql, params) in &said {
        assert!(*params <= 100, "too many parameters: {sql}");
        if sql.starts_with("CREATE ") || sql.contains("object_schema_version") {
            continue;
        }
        assert!(
            sql.contains("tenant = ?1") || sql.contains("(tenant, ") && sql.starts_with("INSERT"),
            "reaches across tenants: {sql}"
        );
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .expect("a statement");
        let nothing = vec![rusqlite::types::Null; *params];
        let steps: Vec<String> = plan
            .query_map(rusqlite::params_from_iter(nothing), |row| row.get("detail"))
            .expect("a plan")
            .collect::<Result<_, _>>()
            .expect("a plan");
        let is_ranged = |column: &str| {
            !sql.contains(&format!("{column} <="))
                || steps.iter().any(|step| step.contains(&format!("{column}<?")))
        };
        assert!(is_ranged("look_at") && is_ranged("ends"), "{steps:?}: {sql}");
        for step in steps {
            let is_constant = step.contains("CONSTANT ROW");
            assert!(
                is_constant || !step.starts_with("SCAN") && !step.contains("TEMP B-TREE"),
                "{step}: {sql}"
            );
        }
    }
}

/// A cache that works.
#[derive(Clone, Default)]
struct Cache(Arc<Mutex<BTreeMap<String, String>>>);

#[async_trait]
impl SessionCache for Cache {
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.0.lock().expect("no panic").get(key).cloned())
    }

    async fn put(&self, key: &str, value: &str, _ttl: Duration) -> Result<(), StoreError> {
        self.0
            .lock()
            .expect("no panic")
            .insert(key.to_owned(), value.to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn cached_sessions_conform() {
    let folder = Folder::new();
    let store = Arc::new(SqlStore::open(folder.open()).await.expect("migrates"));
    let cache = Cache::default();
    let stage = Stage {
        operator: &*store,
        users: &*store,
        outbox: &*store,
    };
    let sessions = CachedSessions::new(store.clone(), cache.clone(), [7; 32], at(20));
    workjet_conformance::session_store(&stage, &sessions).await;
    assert!(
        !cache.0.lock().expect("no panic").is_empty(),
        "the cache was used"
    );
}
