//! Records on their way into the audit log.

use async_trait::async_trait;
use workjet_tenant::{Outbox, OutboxRecord, PendingRecord, Scope, StoreError};

use crate::database::{Database, Row, Statement};
use crate::store::SqlStore;

fn read(row: &Row) -> Result<PendingRecord, StoreError> {
    let record = OutboxRecord::new(row.text("entry")?.to_owned());
    Ok(PendingRecord {
        sequence: row.number("sequence")?,
        record,
    })
}

impl<D: Database> SqlStore<D> {
    /// Puts a record of its own into the scope's outbox, for what changes nothing in the database: an export of the log.
    ///
    /// # Errors
    /// As every store.
    pub async fn record(&self, scope: &Scope, record: &OutboxRecord) -> Result<(), StoreError> {
        self.run(vec![crate::store::record(scope.tenant(), record)])
            .await?;
        Ok(())
    }
}

#[async_trait]
impl<D: Database> Outbox for SqlStore<D> {
    async fn pending(
        &self,
        scope: &Scope,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PendingRecord>, StoreError> {
        let sql = "SELECT sequence, entry FROM outbox WHERE tenant = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
        let params = [
            scope.tenant().as_str().into(),
            after.into(),
            (limit as u64).into(),
        ];
        self.ask(sql, params).await?.iter().map(read).collect()
    }

    async fn forget(&self, scope: &Scope, through: u64) -> Result<(), StoreError> {
        let sql = "DELETE FROM outbox WHERE tenant = ?1 AND sequence <= ?2";
        self.run(vec![Statement::new(
            sql,
            [scope.tenant().as_str().into(), through.into()],
        )])
        .await?;
        Ok(())
    }
}
