//! Bringing a database up to the schema that this version knows.

use workjet_tenant::{ErrorKind, StoreError};

use crate::database::{Database, Statement, Value};

/// Each file in order; its place, counted from 1, is the schema's version after it.
const MIGRATIONS: [&str; 2] = [
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_login_links.sql"),
];

/// The schema that this version of Workjet writes.
pub const SCHEMA_VERSION: u64 = MIGRATIONS.len() as u64;

/// Applies what is missing. Several processes may do so at once.
pub(crate) async fn migrate(db: &dyn Database) -> Result<(), StoreError> {
    let table = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY) STRICT";
    db.batch(vec![Statement::new(table, [])]).await?;
    let mut version = version_of(db).await?;
    if version > SCHEMA_VERSION {
        return Err(StoreError::new(
            ErrorKind::Corrupt,
            format!(
                "the database was written by a later version of Workjet (its schema is {version}, this version knows \
                 {SCHEMA_VERSION}): upgrade Workjet, or restore a backup from before the upgrade"
            ),
        ));
    }
    while version < SCHEMA_VERSION {
        let next = version + 1;
        let mut statements = split(MIGRATIONS[version as usize]);
        statements.push(Statement::new(
            "INSERT INTO schema_version (version) VALUES (?1)",
            [Value::from(next)],
        ));
        if let Err(error) = db.batch(statements).await {
            // Another process may have been faster; then its work stands and ours was rolled back.
            if version_of(db).await? < next {
                return Err(error);
            }
        }
        version = next;
    }
    Ok(())
}

async fn version_of(db: &dyn Database) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(version), 0) AS version FROM schema_version";
    let rows = db.query(Statement::new(sql, [])).await?;
    rows.first().map_or(Ok(0), |row| row.number("version"))
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
            statements.push(Statement::new(complete.to_owned(), []));
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
        for migration in MIGRATIONS {
            let statements = split(migration);
            assert_eq!(statements.len(), migration.matches(';').count());
            for statement in statements {
                assert!(statement.sql.starts_with("CREATE "), "{}", statement.sql);
                assert_eq!(
                    statement.sql.matches('(').count(),
                    statement.sql.matches(')').count()
                );
            }
        }
    }
}
