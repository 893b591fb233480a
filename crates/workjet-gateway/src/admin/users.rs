//! Users: their roles, their passwords, and whether they may come in.

use jiff::Timestamp;
use workjet_audit::Kind;
use workjet_auth::{LoginName, Password, User, generate_password};
use workjet_tenant::{ErrorKind, Role, Scope, UserId};

use super::{Admin, AdminError, may_administer, may_grant, no_user, taken};

/// A user just made, and the password that was made for them.
#[derive(Debug)]
pub struct NewUser {
    /// The user.
    pub user: User,
    /// Their first password, if none was given and this home has passwords.
    pub password: Option<Password>,
}

impl Admin {
    /// The scope's users, by id.
    ///
    /// # Errors
    /// [`Forbidden`](super::AdminErrorKind::Forbidden).
    pub async fn users(&self, scope: &Scope) -> Result<Vec<User>, AdminError> {
        may_administer(scope)?;
        Ok(self.users.list(scope).await?)
    }

    /// The scope's user with this id or login name.
    ///
    /// # Errors
    /// [`NotFound`](super::AdminErrorKind::NotFound), for another tenant's user too.
    pub async fn find_user(&self, scope: &Scope, id_or_login: &str) -> Result<User, AdminError> {
        let wanted = id_or_login.trim().to_lowercase();
        let mut users = self.users(scope).await?.into_iter();
        users
            .find(|user| user.id.as_str() == wanted || user.login.as_str() == wanted)
            .ok_or_else(|| {
                AdminError::not_found(format!(
                    "tenant {} has no such user: give a user's id or login name",
                    scope.tenant()
                ))
            })
    }

    /// Makes a user; without a `password`, one is made up and returned, if this home has passwords.
    ///
    /// # Errors
    /// [`Invalid`](super::AdminErrorKind::Invalid) for a password that this home could not check;
    /// [`AlreadyExists`](super::AdminErrorKind::AlreadyExists) if the login name is taken, in whichever tenant;
    /// [`NotFound`](super::AdminErrorKind::NotFound) if there is no such tenant.
    pub async fn create_user(
        &self,
        scope: &Scope,
        login: LoginName,
        role: Role,
        password: Option<Password>,
        now: Timestamp,
    ) -> Result<NewUser, AdminError> {
        may_grant(scope, role)?;
        if password.is_some() {
            self.needs_passwords()?;
        }
        let is_made_up = password.is_none() && self.passwords.is_available();
        let made_up = is_made_up.then(|| self.make_up_password());
        let hash = match password.or_else(|| made_up.clone()) {
            Some(password) => Some(self.passwords.hash(password).await?),
            None => None,
        };
        let user = User {
            id: format!("u-{}", self.id())
                .parse()
                .expect("a prefix and an id make an id"),
            tenant: scope.tenant().clone(),
            login,
            role,
            disabled: false,
            created: now,
        };
        let record = self.record(
            scope,
            Kind::AdminUserCreated,
            user.id.as_str(),
            now,
            [("role", role.as_str())],
        );
        self.users
            .create(scope, &user, hash.as_ref(), &record)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => taken(error, "this login name is taken".into()),
                ErrorKind::NotFound => {
                    AdminError::not_found(format!("there is no tenant {}", scope.tenant()))
                }
                _ => error.into(),
            })?;
        Ok(NewUser {
            user,
            password: made_up,
        })
    }

    /// Gives a user another role, and ends their sessions.
    ///
    /// # Errors
    /// [`NotFound`](super::AdminErrorKind::NotFound).
    pub async fn set_role(
        &self,
        scope: &Scope,
        user: &UserId,
        role: Role,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        self.may_change(scope, user).await?;
        may_grant(scope, role)?;
        let record = self.record(
            scope,
            Kind::AdminUserChanged,
            user.as_str(),
            now,
            [("role", role.as_str())],
        );
        self.users
            .set_role(scope, user, role, now, &record)
            .await?
            .then_some(())
            .ok_or_else(|| no_user(scope))
    }

    /// Refuses, or takes again, all credentials of a user, and ends their sessions.
    ///
    /// # Errors
    /// [`NotFound`](super::AdminErrorKind::NotFound).
    pub async fn set_user_disabled(
        &self,
        scope: &Scope,
        user: &UserId,
        disabled: bool,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        self.may_change(scope, user).await?;
        let state = if disabled { "disabled" } else { "enabled" };
        let record = self.record(
            scope,
            Kind::AdminUserChanged,
            user.as_str(),
            now,
            [("state", state)],
        );
        let found = self
            .users
            .set_disabled(scope, user, disabled, now, &record)
            .await?;
        found.then_some(()).ok_or_else(|| no_user(scope))
    }

    /// Replaces a user's password, and ends their sessions.
    ///
    /// # Errors
    /// [`NotFound`](super::AdminErrorKind::NotFound); [`Invalid`](super::AdminErrorKind::Invalid) if this home has no passwords.
    pub async fn set_password(
        &self,
        scope: &Scope,
        user: &UserId,
        password: Password,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        self.may_change(scope, user).await?;
        self.needs_passwords()?;
        let hash = self.passwords.hash(password).await?;
        let record = self.record(scope, Kind::AuthPasswordChanged, user.as_str(), now, []);
        let found = self.users.set_password(scope, user, &hash, now, &record).await?;
        found.then_some(()).ok_or_else(|| no_user(scope))
    }

    /// A password that nobody has thought of, for [`set_password`](Self::set_password).
    pub fn make_up_password(&self) -> Password {
        generate_password(self.random())
    }

    fn needs_passwords(&self) -> Result<(), AdminError> {
        if self.passwords.is_available() {
            return Ok(());
        }
        Err(AdminError::invalid(
            "this gateway has no passwords: its users log in by a one-time link",
        ))
    }
}
