//! All stores in one, over one database.

use workjet_tenant::{OutboxRecord, StoreError, TenantId};

use crate::database::{Database, Row, Statement, Value};
use crate::migrate::MAIN;

/// Every store of `workjet-auth` and `workjet-tenant` but the rate limits, over a [`Database`].
///
/// Implements [`ApiKeyStore`](workjet_auth::ApiKeyStore), [`SessionStore`](workjet_auth::SessionStore),
/// [`UserStore`](workjet_auth::UserStore), [`LoginLinkStore`](workjet_auth::LoginLinkStore),
/// [`SecretStore`](workjet_auth::SecretStore),
/// [`TenantStore`](workjet_tenant::TenantStore), [`OperatorStore`](workjet_tenant::OperatorStore) and
/// [`Outbox`](workjet_tenant::Outbox). Times are kept to the microsecond.
#[derive(Debug, Clone)]
pub struct SqlStore<D> {
    db: D,
}

impl<D: Database> SqlStore<D> {
    /// Brings the database up to the [schema](crate::SCHEMA_VERSION) of this version and opens it.
    ///
    /// # Errors
    /// [`Corrupt`](workjet_tenant::ErrorKind::Corrupt) if a later version wrote it, and whatever the database says.
    pub async fn open(db: D) -> Result<Self, StoreError> {
        MAIN.migrate(&db).await?;
        Ok(Self { db })
    }

    /// Opens a database that somebody else brings up to the schema: where the tool that deploys applies migrations. It
    /// looks and changes nothing.
    ///
    /// # Errors
    /// [`NotFound`](workjet_tenant::ErrorKind::NotFound) if migrations are missing: the message names their files, for
    /// whoever opens it to add the command that applies them. Else as [`open`](Self::open).
    pub async fn open_migrated(db: D) -> Result<Self, StoreError> {
        MAIN.check(&db).await?;
        Ok(Self { db })
    }

    /// Trusts that the database has the right schema: for one that [`open_migrated`](Self::open_migrated) has found good
    /// before.
    pub const fn assume_migrated(db: D) -> Self {
        Self { db }
    }

    /// Asks the smallest question, to see whether the database answers.
    ///
    /// # Errors
    /// [`Unavailable`](workjet_tenant::ErrorKind::Unavailable) if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.ask("SELECT 1 AS one", []).await.map(|_| ())
    }

    pub(crate) async fn ask(
        &self,
        sql: impl Into<std::borrow::Cow<'static, str>>,
        params: impl Into<Vec<Value>>,
    ) -> Result<Vec<Row>, StoreError> {
        self.db.query(Statement::new(sql, params)).await
    }

    pub(crate) async fn run(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.db.batch(statements).await
    }

    /// Runs a batch whose last statement is a conditional change with `RETURNING`: whether it changed something.
    pub(crate) async fn run_changes(&self, statements: Vec<Statement>) -> Result<bool, StoreError> {
        Ok(self
            .run(statements)
            .await?
            .pop()
            .is_some_and(|rows| !rows.is_empty()))
    }
}

/// Puts a record into the tenant's outbox.
pub(crate) fn record(tenant: &TenantId, record: &OutboxRecord) -> Statement {
    let sql = "INSERT INTO outbox (tenant, entry) VALUES (?1, ?2)";
    Statement::new(sql, [tenant.as_str().into(), record.as_str().into()])
}

/// Puts a record into the tenant's outbox if `condition` holds. It may use `?1` (the tenant) and `params` from `?2` on;
/// the change that follows in the same batch must stand under the same condition.
pub(crate) fn record_if(
    tenant: &TenantId,
    record: &OutboxRecord,
    condition: &str,
    params: impl Into<Vec<Value>>,
) -> Statement {
    let mut all = vec![tenant.as_str().into()];
    all.extend(params.into());
    all.push(record.as_str().into());
    let entry = all.len();
    Statement::new(
        format!("INSERT INTO outbox (tenant, entry) SELECT ?1, ?{entry} WHERE {condition}"),
        all,
    )
}
