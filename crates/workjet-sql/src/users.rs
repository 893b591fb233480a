//! Users.

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_auth::{LoginName, LoginRecord, PasswordHash, User, UserStore};
use workjet_tenant::{ErrorKind, OutboxRecord, Role, Scope, StoreError, UserId};

use crate::database::{Database, Row, Statement, Value, corrupt};
use crate::sessions::end_all;
use crate::store::{SqlStore, record, record_if};

const SELECT: &str = "\
    SELECT u.id AS id, u.tenant AS tenant, u.login AS login, u.role AS role, u.disabled AS disabled, \
    u.created AS created, u.password AS password, t.disabled AS tenant_disabled \
    FROM users u \
    JOIN tenants t ON t.id = u.tenant";

/// One user of one tenant: `?1` is the tenant, `?2` the user.
pub(crate) fn one() -> String {
    format!("{SELECT} WHERE u.tenant = ?1 AND u.id = ?2")
}

pub(crate) fn read(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.parsed("id")?,
        tenant: row.parsed("tenant")?,
        login: row.parsed("login")?,
        role: row.parsed("role")?,
        disabled: row.truth("disabled")?,
        created: row.time("created")?,
    })
}

fn read_login(row: &Row) -> Result<LoginRecord, StoreError> {
    let password = row
        .optional_text("password")?
        .map(PasswordHash::parse)
        .transpose();
    Ok(LoginRecord {
        user: read(row)?,
        password: password.map_err(|_| corrupt("password"))?,
        tenant_disabled: row.truth("tenant_disabled")?,
    })
}

impl<D: Database> SqlStore<D> {
    async fn one_user(&self, scope: &Scope, user: &UserId) -> Result<Vec<Row>, StoreError> {
        self.ask(one(), [scope.tenant().as_str().into(), user.as_str().into()])
            .await
    }

    /// Sets one column of one user, records it, and ends the user's sessions.
    async fn change_user(
        &self,
        scope: &Scope,
        user: &UserId,
        column: &'static str,
        value: Value,
        at: Timestamp,
        entry: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        const OWN: &str = "tenant = ?1 AND id = ?2";
        let condition = format!("EXISTS (SELECT 1 FROM users WHERE {OWN})");
        let update = format!("UPDATE users SET {column} = ?3 WHERE {OWN} RETURNING id");
        self.run_changes(vec![
            record_if(scope.tenant(), entry, &condition, [user.as_str().into()]),
            end_all(scope, user, at),
            Statement::new(
                update,
                [scope.tenant().as_str().into(), user.as_str().into(), value],
            ),
        ])
        .await
    }
}

#[async_trait]
impl<D: Database> UserStore for SqlStore<D> {
    async fn find_by_login(&self, login: &LoginName) -> Result<Option<LoginRecord>, StoreError> {
        let rows = self
            .ask(format!("{SELECT} WHERE u.login = ?1"), [login.as_str().into()])
            .await?;
        rows.first().map(read_login).transpose()
    }

    async fn create(
        &self,
        scope: &Scope,
        user: &User,
        password: Option<&PasswordHash>,
        entry: &OutboxRecord,
    ) -> Result<(), StoreError> {
        if user.tenant != *scope.tenant() {
            return Err(StoreError::new(ErrorKind::NotFound, "there is no such tenant"));
        }
        let insert = "INSERT INTO users (tenant, id, login, role, disabled, created, password) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let params = [
            scope.tenant().as_str().into(),
            user.id.as_str().into(),
            user.login.as_str().into(),
            user.role.as_str().into(),
            user.disabled.into(),
            user.created.into(),
            password.map(PasswordHash::as_str).into(),
        ];
        self.run(vec![
            Statement::new(insert, params),
            record(scope.tenant(), entry),
        ])
        .await?;
        Ok(())
    }

    async fn user(&self, scope: &Scope, user: &UserId) -> Result<Option<User>, StoreError> {
        self.one_user(scope, user).await?.first().map(read).transpose()
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<User>, StoreError> {
        let sql = format!("{SELECT} WHERE u.tenant = ?1 ORDER BY u.id");
        self.ask(sql, [scope.tenant().as_str().into()])
            .await?
            .iter()
            .map(read)
            .collect()
    }

    async fn login_record(&self, scope: &Scope, user: &UserId) -> Result<Option<LoginRecord>, StoreError> {
        self.one_user(scope, user)
            .await?
            .first()
            .map(read_login)
            .transpose()
    }

    async fn set_password(
        &self,
        scope: &Scope,
        user: &UserId,
        password: &PasswordHash,
        at: Timestamp,
        entry: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change_user(scope, user, "password", password.as_str().into(), at, entry)
            .await
    }

    async fn set_role(
        &self,
        scope: &Scope,
        user: &UserId,
        role: Role,
        at: Timestamp,
        entry: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change_user(scope, user, "role", role.as_str().into(), at, entry)
            .await
    }

    async fn set_disabled(
        &self,
        scope: &Scope,
        user: &UserId,
        disabled: bool,
        at: Timestamp,
        entry: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change_user(scope, user, "disabled", disabled.into(), at, entry)
            .await
    }
}
