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
        let owner = FIRST_OWNER
            .parse()
            .expect("the first owner's name is a login name");
        self.bootstrap_for(operator, owner, now).await
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
}
