//! Users.

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_tenant::{ErrorKind, OutboxRecord, Role, Scope, StoreError, UserId};

use super::{MemoryAuth, UserRow};
use crate::password::PasswordHash;
use crate::store::UserStore;
use crate::user::{LoginName, LoginRecord, User};

#[async_trait]
impl UserStore for MemoryAuth {
    async fn find_by_login(&self, login: &LoginName) -> Result<Option<LoginRecord>, StoreError> {
        let rows = self.lock();
        Ok(rows
            .users
            .values()
            .find(|row| row.user.login == *login)
            .map(|row| self.login(row)))
    }

    async fn create(
        &self,
        scope: &Scope,
        user: &User,
        password: Option<&PasswordHash>,
        record: &OutboxRecord,
    ) -> Result<(), StoreError> {
        let mut rows = self.lock();
        if user.tenant != *scope.tenant() || self.tenants.is_disabled(&user.tenant).is_none() {
            return Err(StoreError::new(ErrorKind::NotFound, "there is no such tenant"));
        }
        let login_taken = rows.users.values().any(|row| row.user.login == user.login);
        if login_taken || rows.users.contains_key(&user.id) {
            return Err(StoreError::new(
                ErrorKind::AlreadyExists,
                "a user with this id or login exists",
            ));
        }
        self.tenants.record(scope.tenant(), record)?;
        rows.users.insert(
            user.id.clone(),
            UserRow {
                user: user.clone(),
                password: password.cloned(),
            },
        );
        Ok(())
    }

    async fn user(&self, scope: &Scope, user: &UserId) -> Result<Option<User>, StoreError> {
        let rows = self.lock();
        let own = rows
            .users
            .get(user)
            .filter(|row| row.user.tenant == *scope.tenant());
        Ok(own.map(|row| row.user.clone()))
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<User>, StoreError> {
        let rows = self.lock();
        Ok(rows
            .users
            .values()
            .filter(|row| row.user.tenant == *scope.tenant())
            .map(|row| row.user.clone())
            .collect())
    }

    async fn login_record(&self, scope: &Scope, user: &UserId) -> Result<Option<LoginRecord>, StoreError> {
        let rows = self.lock();
        let own = rows
            .users
            .get(user)
            .filter(|row| row.user.tenant == *scope.tenant());
        Ok(own.map(|row| self.login(row)))
    }

    async fn set_password(
        &self,
        scope: &Scope,
        user: &UserId,
        password: &PasswordHash,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change_user(scope, user, at, record, |row| {
            row.password = Some(password.clone());
        })
    }

    async fn set_role(
        &self,
        scope: &Scope,
        user: &UserId,
        role: Role,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change_user(scope, user, at, record, |row| row.user.role = role)
    }

    async fn set_disabled(
        &self,
        scope: &Scope,
        user: &UserId,
        disabled: bool,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError> {
        self.change_user(scope, user, at, record, |row| row.user.disabled = disabled)
    }
}

impl MemoryAuth {
    fn login(&self, row: &UserRow) -> LoginRecord {
        LoginRecord {
            user: row.user.clone(),
            password: row.password.clone(),
            tenant_disabled: self.tenant_disabled(&row.user.tenant),
        }
    }

    /// Changes one of the scope's users and ends their sessions.
    fn change_user(
        &self,
        scope: &Scope,
        user: &UserId,
        at: Timestamp,
        record: &OutboxRecord,
        change: impl FnOnce(&mut UserRow),
    ) -> Result<bool, StoreError> {
        let mut rows = self.lock();
        let Some(row) = rows
            .users
            .get_mut(user)
            .filter(|row| row.user.tenant == *scope.tenant())
        else {
            return Ok(false);
        };
        self.tenants.record(scope.tenant(), record)?;
        change(row);
        rows.end_sessions(scope, user, at);
        Ok(true)
    }
}
