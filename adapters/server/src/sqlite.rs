//! SQLite in a file, bound to `workjet-sql`.
//!
//! One connection writes; a few read beside it, which write-ahead logging allows, so that looking up a key never waits
//! for somebody else's fsync. Other processes may use the same file: the command line works while the gateway runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ToSql, TransactionBehavior};
use workjet_sql::{Database, Row, Statement, Value, classify};
use workjet_tenant::{ErrorKind, StoreError};

const READERS: usize = 4;

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A SQLite database file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Mutex<Connection>,
    readers: Vec<Mutex<Connection>>,
    turn: AtomicUsize,
}

impl Sqlite {
    /// Opens the file, readable by its owner alone, and creates it if need be. Blocks; call it at start-up.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) if the file cannot be opened, [`Corrupt`](ErrorKind::Corrupt) if it is
    /// no database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path).map_err(|error| {
            StoreError::unavailable(format!("cannot open the database {}: {error}", path.display()))
        })?;
        let writer = Connection::open(path)
            .and_then(|connection| prepare(connection, false))
            .map_err(failed)?;
        let reader = || {
            Connection::open(path)
                .and_then(|connection| prepare(connection, true))
                .map_err(failed)
        };
        let readers = (0..READERS)
            .map(|_| reader().map(Mutex::new))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            inner: Arc::new(Inner {
                writer: Mutex::new(writer),
                readers,
                turn: AtomicUsize::new(0),
            }),
        })
    }
}

/// Creates the file with mode 0600, or takes others' rights away. SQLite gives the files beside it the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        // By its path, not through a handle: closing a handle would drop the locks that this process may hold on the
        // file through another connection.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => take_others_rights(path),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn take_others_rights(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match fs::metadata(path)?.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(path, fs::Permissions::from_mode(0o600)),
    }
}

#[cfg(not(unix))]
fn take_others_rights(_: &Path) -> io::Result<()> {
    Ok(())
}

fn prepare(connection: Connection, only_reads: bool) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // All of `workjet-sql`'s statements stay prepared.
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is on the disk when it returns, also if the power fails. WAL alone would promise less.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "query_only", only_reads)?;
    // Or a statement is planned anew for each value that it is asked with, which takes longer than to answer it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

impl Inner {
    fn reader(&self) -> MutexGuard<'_, Connection> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        lock(&self.readers[turn % self.readers.len()])
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic while it was held dropped its transaction, which rolled back.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Database for Sqlite {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        // On the thread that asks: a look-up in pages that are in memory takes microseconds, a change of threads takes
        // more, and in WAL mode no reader waits for a writer. Every request makes several.
        run(&self.inner.reader(), &statement).map_err(failed)
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let mut writer = lock(&inner.writer);
            // Immediate: take the write lock now, where waiting is possible, and not in the middle, where it is not.
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answers = statements
                .iter()
                .map(|statement| run(&transaction, statement))
                .collect::<Result<_, _>>()?;
            transaction.commit()?;
            Ok(answers)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(failed),
        Err(_) => Err(StoreError::unavailable(
            "the database's thread ended: the process is shutting down, or a bug",
        )),
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => StoreError::new(
            ErrorKind::Corrupt,
            "the database file is damaged or no SQLite database: restore it from a backup",
        ),
        _ => classify(&error.to_string()),
    }
}

fn run(connection: &Connection, statement: &Statement) -> rusqlite::Result<Vec<Row>> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let params: Vec<&dyn ToSql> = statement.params.iter().map(bind).collect();
    let mut rows = prepared.query(params.as_slice())?;
    let mut answer = Vec::new();
    while let Some(row) = rows.next()? {
        let column = |(place, name): (usize, &String)| Ok((name.clone(), value(row.get_ref(place)?)?));
        answer.push(Row::new(
            names
                .iter()
                .enumerate()
                .map(column)
                .collect::<rusqlite::Result<_>>()?,
        ));
    }
    Ok(answer)
}

fn bind(value: &Value) -> &dyn ToSql {
    match value {
        Value::Integer(number) => number,
        Value::Text(text) => text,
        Value::Null => &rusqlite::types::Null,
    }
}

fn value(value: ValueRef<'_>) -> rusqlite::Result<Value> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Integer(number)),
        ValueRef::Text(text) => Ok(Value::Text(std::str::from_utf8(text)?.to_owned())),
        ValueRef::Real(_) | ValueRef::Blob(_) => Err(rusqlite::Error::InvalidQuery),
    }
}

/// Where the database lies in a data folder.
pub fn path_in(data: &Path) -> PathBuf {
    data.join("workjet.sqlite")
}
