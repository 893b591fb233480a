//! The first start: a tenant, an owner, and their key.

use jiff::Timestamp;
use workjet_auth::{ApiKey, LoginName, Operator, Password, User};
use workjet_tenant::{Role, TenantId};

use super::{Admin, AdminError};
use crate::core::default_tenant;

/// The first owner's login name. Not an address that mail could reach: it is made before anybody is known.
pub const FIRST_OWNER: &str = "owner@localhost";

/// What the first start made. The secrets in it exist nowhere else.
#[derive(Debug)]
pub struct FirstStart {
    /// The tenant, `default`.
    pub tenant: TenantId,
    /// The first owner.
    pub user: User,
    /// The first owner's password; none in a home without passwords.
    pub password: Option<Password>,
    /// The first owner's API key.
    pub key: ApiKey,
}

impl Admin {
    /// [`bootstrap_for`](Self::bootstrap_for) an owner called [`FIRST_OWNER`].
    ///
    /// # Errors
    /// If a store does not answer.
    pub async fn bootstrap(
        &self,
        operator: &Operator,
        now: Timestamp,
    ) -> Result<Option<FirstStart>, AdminError> {
        self.bootstrap_for(operator, first_owner(), now).await
    }

    /// Makes the tenant `default`, its first owner and their API key, unless somebody has been here before.
    ///
    /// A start that was interrupted half-way is taken up again: as long as the tenant has neither a key nor a user of
    /// somebody's own making, nobody can have been told a secret.
    ///
    /// # Errors
    /// If a store does not answer.
    pub async fn bootstrap_for(
        &self,
        operator: &Operator,
        owner: LoginName,
        now: Timestamp,
    ) -> Result<Option<FirstStart>, AdminError> {
        let tenant = default_tenant();
        if !self
            .operators
            .tenants()
            .await?
            .iter()
            .any(|known| known.id == tenant)
        {
            self.create_tenant(operator, &tenant, "Default", now).await?;
        }
        let scope = operator.scope(&tenant);
        let users = self.users.list(&scope).await?;
        if !self.keys.list(&scope).await?.is_empty() || users.iter().any(|user| user.login != owner) {
            return Ok(None);
        }

        let (user, password) = match users.into_iter().next() {
            Some(user) => {
                let password = self.passwords.is_available().then(|| self.make_up_password());
                if let Some(password) = &password {
                    self.set_password(&scope, &user.id, password.clone(), now).await?;
                }
                (user, password)
            }
            None => {
                let new = self.create_user(&scope, owner, Role::Owner, None, now).await?;
                (new.user, new.password)
            }
        };
        let key = self.create_key(&scope, &user.id, "first key", None, now).await?;
        Ok(Some(FirstStart {
            tenant,
            user,
            password,
            key,
        }))
    }

    /// The owner who is let in with the bootstrap token after the first start: the one called `login`, or else the first there
    /// was, of those who are not disabled.
    ///
    /// If no owner is left whom a link would let in (two may have disabled each other), the one who is called so becomes an
    /// owner, since whoever holds the token runs this gateway; without a name it is the first owner who was disabled, or a
    /// new one.
    ///
    /// # Errors
    /// [`NotFound`](super::AdminErrorKind::NotFound) if there are owners, and none of them is called `login`.
    pub async fn owner_to_let_in(
        &self,
        operator: &Operator,
        login: Option<&LoginName>,
        now: Timestamp,
    ) -> Result<User, AdminError> {
        let scope = operator.scope(&default_tenant());
        let users = self.users.list(&scope).await?;
        let is_able = |user: &&User| user.role == Role::Owner && !user.disabled;
        let is_called = |user: &&User| login.is_none_or(|login| user.login == *login);
        if users.iter().any(|user| is_able(&user)) {
            let called = users.iter().filter(is_able).filter(is_called);
            let first = called.min_by_key(|user| user.created).cloned();
            return first.ok_or_else(|| AdminError::not_found("there is no such owner".to_owned()));
        }
        // Nobody is made an owner without having been named.
        let called = users
            .iter()
            .filter(is_called)
            .filter(|user| login.is_some() || user.role == Role::Owner);
        let Some(user) = called.min_by_key(|user| user.created) else {
            let login = login.cloned().unwrap_or_else(first_owner);
            return Ok(self
                .create_user(&scope, login, Role::Owner, None, now)
                .await?
                .user);
        };
        if user.role != Role::Owner {
            self.set_role(&scope, &user.id, Role::Owner, now).await?;
        }
        if user.disabled {
            self.set_user_disabled(&scope, &user.id, false, now).await?;
        }
        Ok(user.clone())
    }
}

/// [`FIRST_OWNER`], as a login name.
pub(crate) fn first_owner() -> LoginName {
    FIRST_OWNER
        .parse()
        .expect("the first owner's name is a login name")
}
