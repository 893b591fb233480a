//! Sessions.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_auth::{NewSession, SessionHash, SessionStore, StoredSession};
use workjet_tenant::{Scope, SessionId, StoreError, UserId};

use crate::database::{Database, Row, Statement, corrupt};
use crate::store::SqlStore;

/// How long sessions that are over stay in their user's list.
const KEPT_AFTER_THE_END: Duration = Duration::from_secs(7 * 86_400);

const SELECT: &str = "\
    SELECT s.tenant AS tenant, s.id AS id, s.user_id AS user_id, u.role AS role, s.hash AS hash, \
    s.created AS created, s.last_seen AS last_seen, s.expires AS expires, s.idle_timeout AS idle_timeout, \
    s.revoked AS revoked, u.disabled AS owner_disabled, t.disabled AS tenant_disabled \
    FROM sessions s \
    JOIN users u ON u.tenant = s.tenant AND u.id = s.user_id \
    JOIN tenants t ON t.id = s.tenant";

fn read(row: &Row) -> Result<StoredSession, StoreError> {
    Ok(StoredSession {
        id: row.parsed("id")?,
        tenant: row.parsed("tenant")?,
        user: row.parsed("user_id")?,
        role: row.parsed("role")?,
        hash: hash(row)?,
        created: row.time("created")?,
        last_seen: row.time("last_seen")?,
        expires: row.time("expires")?,
        idle_timeout: Duration::from_micros(row.number("idle_timeout")?),
        revoked: row.optional_time("revoked")?,
        owner_disabled: row.truth("owner_disabled")?,
        tenant_disabled: row.truth("tenant_disabled")?,
    })
}

fn hash(row: &Row) -> Result<SessionHash, StoreError> {
    SessionHash::from_hex(row.text("hash")?).map_err(|_| corrupt("hash"))
}

/// Ends all of a user's sessions; for batches that change what the user may do.
pub(crate) fn end_all(scope: &Scope, user: &UserId, at: Timestamp) -> Statement {
    let sql = "UPDATE sessions SET revoked = ?3 WHERE tenant = ?1 AND user_id = ?2 AND revoked IS NULL RETURNING hash";
    Statement::new(
        sql,
        [scope.tenant().as_str().into(), user.as_str().into(), at.into()],
    )
}

#[async_trait]
impl<D: Database> SessionStore for SqlStore<D> {
    async fn find_by_hash(&self, hash: &SessionHash) -> Result<Option<StoredSession>, StoreError> {
        let rows = self
            .ask(format!("{SELECT} WHERE s.hash = ?1"), [hash.to_hex().into()])
            .await?;
        rows.first().map(read).transpose()
    }

    async fn create(&self, scope: &Scope, session: &NewSession) -> Result<(), StoreError> {
        let forget = "DELETE FROM sessions WHERE tenant = ?1 AND expires < ?2";
        let insert = "INSERT INTO sessions (tenant, id, user_id, hash, created, last_seen, expires, idle_timeout) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)";
        let tenant = scope.tenant().as_str();
        let over = session
            .created
            .checked_sub(KEPT_AFTER_THE_END)
            .unwrap_or(Timestamp::MIN);
        let idle_micros = u64::try_from(session.idle_timeout.as_micros()).unwrap_or(u64::MAX);
        self.run(vec![
            Statement::new(forget, [tenant.into(), over.into()]),
            Statement::new(
                insert,
                [
                    tenant.into(),
                    session.id.as_str().into(),
                    session.user.as_str().into(),
                    session.hash.to_hex().into(),
                    session.created.into(),
                    session.expires.into(),
                    idle_micros.into(),
                ],
            ),
        ])
        .await?;
        Ok(())
    }

    async fn touch(&self, scope: &Scope, session: &SessionId, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE sessions SET last_seen = ?3 WHERE tenant = ?1 AND id = ?2 AND last_seen < ?3";
        let params = [scope.tenant().as_str().into(), session.as_str().into(), at.into()];
        self.run(vec![Statement::new(sql, params)]).await?;
        Ok(())
    }

    async fn revoke(
        &self,
        scope: &Scope,
        session: &SessionId,
        at: Timestamp,
    ) -> Result<Option<SessionHash>, StoreError> {
        let sql = "UPDATE sessions SET revoked = ?3 WHERE tenant = ?1 AND id = ?2 AND revoked IS NULL RETURNING hash";
        let params = [scope.tenant().as_str().into(), session.as_str().into(), at.into()];
        let answers = self.run(vec![Statement::new(sql, params)]).await?;
        answers.iter().flatten().next().map(hash).transpose()
    }

    async fn list(&self, scope: &Scope, user: &UserId) -> Result<Vec<StoredSession>, StoreError> {
        let sql = format!("{SELECT} WHERE s.tenant = ?1 AND s.user_id = ?2 ORDER BY s.id");
        self.ask(sql, [scope.tenant().as_str().into(), user.as_str().into()])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    async fn revoke_user(
        &self,
        scope: &Scope,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Vec<SessionHash>, StoreError> {
        let answers = self.run(vec![end_all(scope, user, at)]).await?;
        answers.iter().flatten().map(hash).collect()
    }
}
