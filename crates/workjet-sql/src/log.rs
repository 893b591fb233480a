//! The part of an audit log that changes.

use async_trait::async_trait;
use workjet_audit::{Creation, Durability, LogStore, Objects, is_path};
use workjet_tenant::{ErrorKind, Scope, StoreError};

use crate::database::{Database, Statement, Value, corrupt};
use crate::migrate::OBJECT;
use crate::packed::{pack, pieces, unpack};

/// A [`LogStore`] whose journal and head are in a database, and whose immutable objects are elsewhere: in a Durable Object
/// beside R2.
///
/// One writer per log is what every [`LogStore`] asks for. The conditions in the statements notice a
/// second one that appends or swaps the head, not one that starts the journal anew; a call whose future is dropped takes effect at once or never if the [`Database`]'s calls do, as those of a
/// Durable Object.
#[derive(Debug, Clone)]
pub struct SqlLog<D, O> {
    db: D,
    objects: O,
}

impl<D: Database, O: Objects> SqlLog<D, O> {
    /// Brings the database up to the schema that it needs here, and opens it.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) if a later version wrote it, and whatever the database says.
    pub async fn open(db: D, objects: O) -> Result<Self, StoreError> {
        OBJECT.migrate(&db).await?;
        Ok(Self { db, objects })
    }

    /// Runs a batch whose last statement is a conditional change with `RETURNING`: whether it changed something.
    async fn changes(&self, statements: Vec<Statement>) -> Result<bool, StoreError> {
        let answers = self.db.batch(statements).await?;
        Ok(answers.last().is_some_and(|rows| !rows.is_empty()))
    }
}

fn checked(path: &str) -> Result<&str, StoreError> {
    if is_path(path) {
        Ok(path)
    } else {
        Err(StoreError::new(
            ErrorKind::Corrupt,
            "not the path of a log's object",
        ))
    }
}

#[async_trait]
impl<D: Database, O: Objects> LogStore for SqlLog<D, O> {
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        self.objects.create(scope, checked(path)?, bytes).await
    }

    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.objects.read(scope, checked(path)?).await
    }

    async fn read_head(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT head FROM logs WHERE tenant = ?1";
        let rows = self.db.query(Statement::new(sql, [own(scope)])).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        row.optional_text("head")?
            .map(|head| unpack(head, "head"))
            .transpose()
    }

    async fn compare_and_swap_head(
        &self,
        scope: &Scope,
        expected: Option<&[u8]>,
        new: &[u8],
        // A database that answers has kept it.
        _durability: Durability,
    ) -> Result<bool, StoreError> {
        let swap = match expected {
            None => Statement::new(
                "INSERT INTO logs (tenant, head) VALUES (?1, ?2) \
                 ON CONFLICT (tenant) DO UPDATE SET head = excluded.head WHERE logs.head IS NULL RETURNING tenant",
                [own(scope), pack(new).into()],
            ),
            Some(expected) => Statement::new(
                "UPDATE logs SET head = ?3 WHERE tenant = ?1 AND head = ?2 RETURNING tenant",
                [own(scope), pack(expected).into(), pack(new).into()],
            ),
        };
        self.changes(vec![swap]).await
    }

    async fn append_journal(&self, scope: &Scope, at: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let insert = "INSERT INTO log_journal (tenant, at, bytes) SELECT ?1, ?3, ?4 \
                      WHERE EXISTS (SELECT 1 FROM logs WHERE tenant = ?1 AND journal_size = ?2)";
        let grow =
            "UPDATE logs SET journal_size = ?3 WHERE tenant = ?1 AND journal_size = ?2 RETURNING tenant";
        let mut statements: Vec<_> = pieces(at, bytes)
            .into_iter()
            .map(|(place, piece)| Statement::new(insert, [own(scope), at.into(), place.into(), piece.into()]))
            .collect();
        let end = at + bytes.len() as u64;
        statements.push(Statement::new(grow, [own(scope), at.into(), end.into()]));
        if self.changes(statements).await? {
            Ok(())
        } else {
            Err(StoreError::new(
                ErrorKind::Conflict,
                "the journal of the audit log is not as long as this writer left it",
            ))
        }
    }

    async fn read_journal(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT l.journal_size AS size, j.bytes AS bytes FROM logs l \
                   LEFT JOIN log_journal j ON j.tenant = l.tenant \
                   WHERE l.tenant = ?1 AND l.journal_size IS NOT NULL ORDER BY j.at";
        let rows = self.db.query(Statement::new(sql, [own(scope)])).await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let size = first.number("size")?;
        let mut journal = Vec::new();
        for row in &rows {
            // One row without a piece says that there is an empty journal.
            if let Some(piece) = row.optional_text("bytes")? {
                journal.append(&mut unpack(piece, "bytes")?);
            }
        }
        if journal.len() as u64 == size {
            Ok(Some(journal))
        } else {
            Err(corrupt("journal_size"))
        }
    }

    async fn reset_journal(&self, scope: &Scope, bytes: &[u8]) -> Result<(), StoreError> {
        let forget = "DELETE FROM log_journal WHERE tenant = ?1";
        let insert = "INSERT INTO log_journal (tenant, at, bytes) VALUES (?1, ?2, ?3)";
        let begin = "INSERT INTO logs (tenant, journal_size) VALUES (?1, ?2) \
                     ON CONFLICT (tenant) DO UPDATE SET journal_size = excluded.journal_size";
        let mut statements = vec![Statement::new(forget, [own(scope)])];
        let pieces = pieces(0, bytes).into_iter();
        statements
            .extend(pieces.map(|(at, piece)| Statement::new(insert, [own(scope), at.into(), piece.into()])));
        statements.push(Statement::new(begin, [own(scope), (bytes.len() as u64).into()]));
        self.db.batch(statements).await.map(|_| ())
    }
}

fn own(scope: &Scope) -> Value {
    scope.tenant().as_str().into()
}
