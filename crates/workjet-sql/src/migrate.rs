//! Bringing a database up to the schema that this version knows, and seeing whether somebody else has.
//!
//! Each file in `migrations/` is complete: it makes the table of versions if need be, and notes its own version. So the
//! files may be applied by Workjet or by a tool that knows nothing of it, such as `wrangler d1 migrations apply`.

use workjet_tenant::{ErrorKind, StoreError};

use crate::database::{Database, Statement, Value};

/// A database's schema: the files that make it, in order. A file's place, counted from 1, is the version after it.
pub(crate) struct Schema {
    /// The table in which each file notes its version.
    table: &'static str,
    migrations: &'static [Migration],
}

struct Migration {
    file: &'static str,
    sql: &'static str,
}

macro_rules! migration {
    ($file:literal) => {
        Migration {
            file: $file,
            sql: include_str!(concat!("../migrations/", $file)),
        }
    };
}

const MIGRATIONS: &[Migration] = &[migration!("0001_first.sql"), migration!("0002_login_links.sql")];

/// The schema that this version of Workjet writes.
pub const SCHEMA_VERSION: u64 = MIGRATIONS.len() as u64;

/// What [`SqlStore`](crate::SqlStore) needs.
pub(crate) const MAIN: Schema = Schema {
    table: "schema_version",
    migrations: MIGRATIONS,
};

/// What [`SqlLog`](crate::SqlLog) and [`SqlRates`](crate::SqlRates) need. It may stand in one database with the main
/// schema.
pub(crate) const OBJECT: Schema = Schema {
    table: "object_schema_version",
    migrations: &[migration!("object/0001_first.sql")],
};

impl Schema {
    const fn version(&self) -> u64 {
        self.migrations.len() as u64
    }

    /// Applies what is missing. Several processes may do so at once.
    pub(crate) async fn migrate(&self, db: &dyn Database) -> Result<(), StoreError> {
        let table = format!(
            "CREATE TABLE IF NOT EXISTS {} (version INTEGER NOT NULL PRIMARY KEY) STRICT",
            self.table
        );
        db.batch(vec![Statement::new(table, [])]).await?;
        let mut version = self.version_of(db).await?;
        self.check_not_later(version)?;
        for migration in &self.migrations[version as usize..] {
            version += 1;
            if let Err(error) = db.batch(split(migration.sql)).await {
                // Another process may have been faster; then its work stands and ours was rolled back.
                if self.version_of(db).await? < version {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Looks whether everything was applied, and changes nothing.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if not, naming the files that are missing; [`Corrupt`](ErrorKind::Corrupt) if a
    /// later version wrote the database.
    pub(crate) async fn check(&self, db: &dyn Database) -> Result<(), StoreError> {
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?1";
        let tables = db.query(Statement::new(sql, [self.table.into()])).await?;
        let version = match tables.is_empty() {
            true => 0,
            false => self.version_of(db).await?,
        };
        self.check_not_later(version)?;
        let missing = &self.migrations[version as usize..];
        if missing.is_empty() {
            return Ok(());
        }
        let files: Vec<_> = missing.iter().map(|migration| migration.file).collect();
        let (have, need) = match version {
            0 => (
                "it has no tables of Workjet".to_owned(),
                "this version needs them",
            ),
            _ => (
                format!("its schema is version {version}"),
                "this version needs more",
            ),
        };
        Err(StoreError::new(
            ErrorKind::NotFound,
            format!(
                "the database is not ready: {have} and {need}: apply the migrations {} and try again",
                files.join(", ")
            ),
        ))
    }

    fn check_not_later(&self, version: u64) -> Result<(), StoreError> {
        let known = self.version();
        if version <= known {
            return Ok(());
        }
        Err(StoreError::new(
            ErrorKind::Corrupt,
            format!(
                "the database was written by a later version of Workjet (its schema is {version}, this version knows \
                 {known}): upgrade Workjet, or restore a backup from before the upgrade"
            ),
        ))
    }

    async fn version_of(&self, db: &dyn Database) -> Result<u64, StoreError> {
        let sql = format!("SELECT coalesce(max(version), 0) AS version FROM {}", self.table);
        let rows = db.query(Statement::new(sql, [])).await?;
        rows.first().map_or(Ok(0), |row| row.number("version"))
    }
}

/// A migration's statements: each ends with a semicolon at the end of a line; lines that begin with `--` are comments.
fn split(migration: &'static str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut sql = String::new();
    for line in migration
        .lines()
        .filter(|line| !line.trim_start().starts_with("--") && !line.trim().is_empty())
    {
        sql.push_str(line);
        if let Some(complete) = sql.strip_suffix(';') {
            statements.push(Statement::new(complete.to_owned(), Vec::<Value>::new()));
            sql.clear();
        } else {
            sql.push('\n');
        }
    }
    debug_assert!(sql.is_empty(), "a migration must end with a semicolon");
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_split_into_whole_statements() {
        for migration in MAIN.migrations.iter().chain(OBJECT.migrations) {
            let statements = split(migration.sql);
            let is_statement = |line: &&str| !line.starts_with("--") && line.ends_with(';');
            assert_eq!(
                statements.len(),
                migration.sql.lines().filter(is_statement).count()
            );
            for statement in statements {
                let begins = ["CREATE ", "INSERT INTO "];
                assert!(
                    begins.iter().any(|word| statement.sql.starts_with(word)),
                    "{}",
                    statement.sql
                );
                assert!(!statement.sql.contains(';'), "{}", statement.sql);
                assert_eq!(
                    statement.sql.matches('(').count(),
                    statement.sql.matches(')').count()
                );
            }
        }
    }

    #[test]
    fn each_file_is_complete_and_in_its_place() {
        for schema in [MAIN, OBJECT] {
            for (place, migration) in schema.migrations.iter().enumerate() {
                let number = place + 1;
                let name = migration.file.rsplit('/').next().expect("a name");
                assert!(
                    name.starts_with(&format!("{number:04}_")),
                    "{name} is not in its place"
                );
                let statements = split(migration.sql);
                let notes = format!("INSERT INTO {} (version) VALUES ({number})", schema.table);
                assert_eq!(
                    statements.last().expect("a statement").sql,
                    notes,
                    "{name} must note its version last"
                );
                if number == 1 {
                    let table = format!("CREATE TABLE IF NOT EXISTS {} (", schema.table);
                    assert!(statements[0].sql.starts_with(&table), "{name}");
                }
            }
        }
    }
}
