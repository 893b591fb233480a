//! The stores over SQLite keep the contracts, and what only a file can be asked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use workjet_auth::{ApiKey, ApiKeyStore, NewKey, Operator, User, UserStore};
use workjet_conformance::Stage;
use workjet_server::sqlite::Sqlite;
use workjet_sql::{Database, Row, SCHEMA_VERSION, SqlStore, Statement, Value};
use workjet_tenant::{
    ErrorKind, OperatorStore, Outbox, OutboxRecord, Role, Scope, StoreError, Tenant, TenantStore,
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("test.sqlite")
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(&self.file()).expect("the database must open")
    }

    async fn store(&self) -> SqlStore<Sqlite> {
        SqlStore::open(self.open())
            .await
            .expect("the database must migrate")
    }
}

fn stage<D: Database>(store: &SqlStore<D>) -> Stage<'_> {
    Stage {
        operator: store,
        users: store,
        outbox: store,
    }
}

async fn every_suite<D: Database>(store: &SqlStore<D>) {
    workjet_conformance::tenant_store(store, store, store).await;
    workjet_conformance::outbox(store, store, store).await;
    workjet_conformance::user_store(&stage(store), store).await;
    workjet_conformance::api_key_store(&stage(store), store).await;
    workjet_conformance::session_store(&stage(store), store).await;
    workjet_conformance::login_link_store(&stage(store), store).await;
    workjet_conformance::secret_store(&stage(store), store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms() {
    let folder = Folder::new();
    every_suite(&folder.store().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_one_file() {
    let folder = Folder::new();
    // Two stores with connections of their own stand for two processes; each suite runs over both at once.
    let (gateway, cli) = tokio::join!(folder.store(), folder.store());
    tokio::join!(
        workjet_conformance::tenant_store(&gateway, &cli, &cli),
        async { workjet_conformance::user_store(&stage(&gateway), &cli).await },
        async { workjet_conformance::api_key_store(&stage(&cli), &gateway).await },
        async { workjet_conformance::login_link_store(&stage(&cli), &gateway).await },
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_start_of_several_processes_at_once_makes_one_schema() {
    let folder = Folder::new();
    let openings = (0..8).map(|_| {
        let file = folder.file();
        tokio::task::spawn_blocking(move || Sqlite::open(&file).expect("the database must open"))
    });
    let mut stores = Vec::new();
    for opening in openings.collect::<Vec<_>>() {
        let db = opening.await.expect("no panic");
        stores.push(tokio::spawn(async {
            SqlStore::open(db).await.expect("the database must migrate")
        }));
    }
    for store in stores {
        store
            .await
            .expect("no panic")
            .ping()
            .await
            .expect("the database answers");
    }
}

/// Passes everything on and notes the statements.
#[derive(Debug, Clone)]
struct Witness {
    db: Sqlite,
    seen: Arc<Mutex<BTreeSet<String>>>,
}

impl Witness {
    fn note(&self, statement: &Statement) {
        self.seen
            .lock()
            .expect("no test panicked while noting")
            .insert(statement.sql.to_string());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_names_the_tenant() {
    let folder = Folder::new();
    let seen = Arc::default();
    let db = Witness {
        db: folder.open(),
        seen: Arc::clone(&seen),
    };
    every_suite(&SqlStore::open(db).await.expect("the database must migrate")).await;

    let before_any_scope = ["WHERE k.hash = ?1", "WHERE s.hash = ?1", "WHERE u.login = ?1"];
    let seen = seen.lock().expect("the suites are over");
    assert!(seen.len() > 40, "the suites must reach the statements");
    for sql in seen.iter() {
        let is_schema =
            sql.starts_with("CREATE ") || sql.contains("schema_version") || sql.contains("sqlite_master");
        let is_operators = sql.contains("FROM tenants ORDER BY id");
        let is_look_up = before_any_scope.iter().any(|end| sql.ends_with(end))
            || sql.starts_with("DELETE FROM login_links WHERE hash = ?1 AND");
        let names_tenant = sql.contains("tenant = ?1")
            || sql.contains("(tenant, ") && sql.starts_with("INSERT")
            || sql.contains("tenants") && (sql.contains("WHERE id = ?1") || sql.starts_with("INSERT"));
        assert!(
            is_schema || is_operators || is_look_up || names_tenant,
            "reaches across tenants: {sql}"
        );
        if let Some((_, condition)) = sql.split_once("WHERE ").filter(|_| !is_look_up) {
            assert!(
                !condition.contains(" OR ") || condition.contains("("),
                "an OR must be in brackets: {sql}"
            );
        }
    }
}

fn record() -> OutboxRecord {
    OutboxRecord::new("{}".into())
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_800_000_000).expect("in range")
}

/// A tenant with a user.
async fn furnish(store: &SqlStore<Sqlite>) -> (Scope, User) {
    let tenant = Tenant::new("acme".parse().expect("an id"), "Acme", now());
    store
        .create_tenant(&tenant, &record())
        .await
        .expect("a new tenant");
    let scope = Operator::dangerously_claim().scope(&tenant.id);
    let user = User {
        id: "ada".parse().expect("an id"),
        tenant: tenant.id,
        login: "ada@example.com".parse().expect("an address"),
        role: Role::Owner,
        disabled: false,
        created: now(),
    };
    UserStore::create(store, &scope, &user, None, &record())
        .await
        .expect("a new user");
    (scope, user)
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let folder = Folder::new();
    let key = ApiKey::generate("test", &ApiKey::new_id([1; 10]), [1; 32]);
    {
        let store = folder.store().await;
        let (scope, user) = furnish(&store).await;
        let new = NewKey {
            id: key.id().clone(),
            user: user.id,
            name: "laptop".into(),
            hash: key.hash(),
            created: now(),
            expires: None,
        };
        ApiKeyStore::create(&store, &scope, &new, &record())
            .await
            .expect("a new key");
    }
    let store = folder.store().await;
    let stored = ApiKeyStore::find_by_hash(&store, &key.hash())
        .await
        .expect("an answer")
        .expect("the key");
    let principal = stored.verify(&key, now()).expect("a good key");
    assert_eq!(principal.role(), Role::Owner);
    let pending = store.pending(principal.scope(), 0, 10).await.expect("an answer");
    assert_eq!(pending.len(), 3, "tenant, user and key were recorded");
}

#[tokio::test]
async fn batch_that_fails_in_the_middle_leaves_nothing() {
    let folder = Folder::new();
    let store = folder.store().await;
    let (scope, _) = furnish(&store).await;
    let db = folder.open();
    let insert = |sql: &'static str| Statement {
        sql: sql.into(),
        params: vec![Value::from("{}")],
    };
    let outcome = db
        .batch(vec![
            insert("INSERT INTO outbox (tenant, entry) VALUES ('acme', ?1)"),
            insert("INSERT INTO outbox (tenant, entry) VALUES ('nobody', ?1)"),
        ])
        .await;
    assert_eq!(
        outcome.expect_err("there is no tenant `nobody`").kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        store.pending(&scope, 0, 10).await.expect("an answer").len(),
        2,
        "the first insert was rolled back"
    );
}

#[tokio::test]
async fn schema_of_a_later_version_is_refused() {
    let folder = Folder::new();
    drop(folder.store().await);
    let later = Value::from(SCHEMA_VERSION + 1);
    let insert = Statement {
        sql: "INSERT INTO schema_version (version) VALUES (?1)".into(),
        params: vec![later],
    };
    folder
        .open()
        .batch(vec![insert])
        .await
        .expect("the table is there");
    let to_open = SqlStore::open(folder.open()).await;
    let to_look = SqlStore::open_migrated(folder.open()).await;
    for outcome in [to_open, to_look] {
        let error = outcome.expect_err("the schema is newer");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.to_string().contains("upgrade Workjet"),
            "the message says what to do: {error}"
        );
    }
}

/// The files as a tool that knows nothing of Workjet applies them, in the order of their names.
fn migration_files() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/workjet-sql/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of migrations")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("a migration"))
        })
        .collect();
    files.sort();
    assert_eq!(files.len() as u64, SCHEMA_VERSION);
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_that_another_tool_applied_are_complete() {
    let folder = Folder::new();
    drop(folder.open());
    let connection = rusqlite::Connection::open(folder.file()).expect("the database must open");
    let files = migration_files();
    for (applied, (name, sql)) in files.iter().enumerate() {
        let error = SqlStore::open_migrated(folder.open())
            .await
            .expect_err("files are missing");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        for (place, (file, _)) in files.iter().enumerate() {
            assert_eq!(
                error.to_string().contains(file.as_str()),
                place >= applied,
                "before {name}: {error}"
            );
        }
        connection.execute_batch(sql).expect("a migration applies");
    }
    let store = SqlStore::open_migrated(folder.open())
        .await
        .expect("nothing is missing");
    every_suite(&store).await;
    SqlStore::open(folder.open())
        .await
        .expect("there is nothing to migrate");
}

#[tokio::test]
async fn opening_a_migrated_database_changes_nothing() {
    let folder = Folder::new();
    let seen = Arc::default();
    let db = Witness {
        db: folder.open(),
        seen: Arc::clone(&seen),
    };
    SqlStore::open_migrated(db.clone())
        .await
        .expect_err("nothing was migrated");
    drop(folder.store().await);
    SqlStore::open_migrated(db).await.expect("it was migrated");
    let seen = seen.lock().expect("the calls are over");
    assert!(seen.iter().all(|sql| sql.starts_with("SELECT ")), "{seen:?}");
}

#[tokio::test]
async fn database_that_was_begun_by_hand_goes_on_from_there() {
    let folder = Folder::new();
    drop(folder.open());
    let (_, first) = &migration_files()[0];
    rusqlite::Connection::open(folder.file())
        .expect("the database must open")
        .execute_batch(first)
        .expect("a migration applies");
    folder.store().await.ping().await.expect("the database answers");
    SqlStore::open_migrated(folder.open())
        .await
        .expect("nothing is missing");
}

#[tokio::test]
async fn file_that_is_no_database_is_refused() {
    let folder = Folder::new();
    std::fs::write(
        folder.file(),
        "this is a letter, not a database, and it is long enough to tell",
    )
    .expect("written");
    let error = Sqlite::open(&folder.file()).expect_err("no database");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn readers_cannot_write_and_see_what_is_committed() {
    let folder = Folder::new();
    let store = folder.store().await;
    let (scope, _) = furnish(&store).await;
    let write = Statement {
        sql: "DELETE FROM outbox".into(),
        params: Vec::new(),
    };
    folder.open().query(write).await.expect_err("a query only reads");
    assert_eq!(store.pending(&scope, 0, 10).await.expect("an answer").len(), 2);
    for version in 0..20 {
        store
            .put_document(&scope, "doc", version, "{}", &record())
            .await
            .expect("written");
        let seen = store
            .document(&scope, "doc")
            .await
            .expect("an answer")
            .expect("it is there");
        assert_eq!(seen.version, version + 1, "every reader sees what was committed");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    std::fs::write(folder.file(), "").expect("written");
    std::fs::set_permissions(folder.file(), std::fs::Permissions::from_mode(0o644)).expect("set");
    let store = folder.store().await;
    furnish(&store).await;
    let entries = std::fs::read_dir(folder.0.path()).expect("the folder");
    let modes: Vec<_> = entries
        .map(|entry| entry.expect("an entry"))
        .map(|entry| {
            (
                entry.file_name(),
                entry.metadata().expect("metadata").permissions().mode() & 0o777,
            )
        })
        .collect();
    assert!(
        modes.len() >= 2,
        "the write-ahead log lies beside the database: {modes:?}"
    );
    assert!(modes.iter().all(|(_, mode)| *mode == 0o600), "{modes:?}");
}
