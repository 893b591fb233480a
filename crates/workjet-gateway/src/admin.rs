//! What administrators do: tenants, users, keys, and the first start.
//!
//! The command line calls it now, HTTP and the Worker's bootstrap later. Each change commits together with the audit
//! entry that names who made it. A raw secret is returned once, in a type that hides it, and stored nowhere.

mod secret;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use workjet_audit::{Entry, Kind};
use workjet_auth::{
    ApiKey, ApiKeyStore, LoginName, NewKey, Operator, Password, StoredKey, User, UserStore, generate_password,
};
use workjet_tenant::{
    ErrorKind, KeyId, OperatorStore, OutboxRecord, Role, Scope, StoreError, Tenant, TenantId, UserId,
};

use crate::core::default_tenant;
use crate::host::{Entropy, PasswordHasher};
use crate::ids::entry_id;

/// The first owner's login name. Not an address that mail could reach: it is made before anybody is known.
pub const FIRST_OWNER: &str = "owner@localhost";

/// What every API key of a gateway begins with, after `wj_`.
const KEY_ENVIRONMENT: &str = "live";

/// The longest name that a key or tenant may have, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Changes who may do what.
///
/// Methods that take a [`Scope`] ask for a role that may administer, and for an owner where owners are concerned.
#[derive(Clone)]
pub struct Admin {
    /// Tenants.
    pub operators: Arc<dyn OperatorStore>,
    /// Users and their passwords.
    pub users: Arc<dyn UserStore>,
    /// API keys.
    pub keys: Arc<dyn ApiKeyStore>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Password work.
    pub passwords: Arc<dyn PasswordHasher>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// What the first start made. The secrets in it exist nowhere else.
#[derive(Debug)]
pub struct FirstStart {
    /// The tenant, `default`.
    pub tenant: TenantId,
    /// The first owner.
    pub user: User,
    /// The first owner's password.
    pub password: Password,
    /// The first owner's API key.
    pub key: ApiKey,
}

/// A user just made, and the password that was made for them.
#[derive(Debug)]
pub struct NewUser {
    /// The user.
    pub user: User,
    /// Their first password, if none was given.
    pub password: Option<Password>,
}

impl Admin {
    /// Makes the tenant `default`, its first owner and their API key, unless somebody has been here before.
    ///
    /// A start that was interrupted half-way is taken up again: as long as the tenant has neither a key nor a user of
    /// somebody's own making, nobody can have been told a secret.
    ///
    /// # Errors
    /// If a store does not answer.
    pub async fn bootstrap(
        &self,
        operator: &Operator,
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
        let login: LoginName = FIRST_OWNER
            .parse()
            .expect("the first owner's name is a login name");
        let users = self.users.list(&scope).await?;
        if !self.keys.list(&scope).await?.is_empty() || users.iter().any(|user| user.login != login) {
            return Ok(None);
        }

        let password = generate_password(self.random());
        let user = match users.into_iter().next() {
            Some(user) => {
                self.set_password(&scope, &user.id, password.clone(), now).await?;
                user
            }
            None => {
                self.create_user(&scope, login, Role::Owner, Some(password.clone()), now)
                    .await?
                    .user
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

    /// Every tenant, by id.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, AdminError> {
        Ok(self.operators.tenants().await?)
    }

    /// Makes a tenant.
    ///
    /// # Errors
    /// [`AlreadyExists`](AdminErrorKind::AlreadyExists).
    pub async fn create_tenant(
        &self,
        operator: &Operator,
        id: &TenantId,
        name: &str,
        now: Timestamp,
    ) -> Result<Tenant, AdminError> {
        let tenant = Tenant::new(id.clone(), checked_name(name)?, now);
        let scope = operator.scope(id);
        let record = self.record(&scope, Kind::AdminTenantCreated, id.as_str(), now, []);
        self.operators
            .create_tenant(&tenant, &record)
            .await
            .map_err(|error| taken(error, format!("there is a tenant {id} already")))?;
        Ok(tenant)
    }

    /// Refuses, or takes again, all credentials of a tenant.
    ///
    /// # Errors
    /// [`NotFound`](AdminErrorKind::NotFound).
    pub async fn set_tenant_disabled(
        &self,
        operator: &Operator,
        id: &TenantId,
        disabled: bool,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        let scope = operator.scope(id);
        let state = if disabled { "disabled" } else { "enabled" };
        let record = self.record(
            &scope,
            Kind::AdminTenantChanged,
            id.as_str(),
            now,
            [("state", state)],
        );
        let found = self.operators.set_tenant_disabled(id, disabled, &record).await?;
        found
            .then_some(())
            .ok_or_else(|| AdminError::not_found(format!("there is no tenant {id}")))
    }

    /// The scope's users, by id.
    ///
    /// # Errors
    /// [`Forbidden`](AdminErrorKind::Forbidden).
    pub async fn users(&self, scope: &Scope) -> Result<Vec<User>, AdminError> {
        may_administer(scope)?;
        Ok(self.users.list(scope).await?)
    }

    /// The scope's user with this id or login name.
    ///
    /// # Errors
    /// [`NotFound`](AdminErrorKind::NotFound), for another tenant's user too.
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

    /// Makes a user; without a `password`, one is made up and returned.
    ///
    /// # Errors
    /// [`AlreadyExists`](AdminErrorKind::AlreadyExists) if the login name is taken, in whichever tenant;
    /// [`NotFound`](AdminErrorKind::NotFound) if there is no such tenant.
    pub async fn create_user(
        &self,
        scope: &Scope,
        login: LoginName,
        role: Role,
        password: Option<Password>,
        now: Timestamp,
    ) -> Result<NewUser, AdminError> {
        may_grant(scope, role)?;
        let made_up = password.is_none().then(|| generate_password(self.random()));
        let password = password.or_else(|| made_up.clone()).expect("given or made up");
        let hash = self.passwords.hash(password).await?;
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
            .create(scope, &user, Some(&hash), &record)
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
    /// [`NotFound`](AdminErrorKind::NotFound).
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
    /// [`NotFound`](AdminErrorKind::NotFound).
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
    /// [`NotFound`](AdminErrorKind::NotFound).
    pub async fn set_password(
        &self,
        scope: &Scope,
        user: &UserId,
        password: Password,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        self.may_change(scope, user).await?;
        let hash = self.passwords.hash(password).await?;
        let record = self.record(scope, Kind::AuthPasswordChanged, user.as_str(), now, []);
        let found = self.users.set_password(scope, user, &hash, now, &record).await?;
        found.then_some(()).ok_or_else(|| no_user(scope))
    }

    /// A password that nobody has thought of, for [`set_password`](Self::set_password).
    pub fn make_up_password(&self) -> Password {
        generate_password(self.random())
    }

    /// The scope's keys, by id. None of them can be turned back into the key itself.
    ///
    /// # Errors
    /// [`Forbidden`](AdminErrorKind::Forbidden).
    pub async fn keys(&self, scope: &Scope) -> Result<Vec<StoredKey>, AdminError> {
        may_administer(scope)?;
        Ok(self.keys.list(scope).await?)
    }

    /// Makes an API key for `user`.
    ///
    /// # Errors
    /// [`NotFound`](AdminErrorKind::NotFound) if the scope has no such user.
    pub async fn create_key(
        &self,
        scope: &Scope,
        user: &UserId,
        name: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<ApiKey, AdminError> {
        self.may_change(scope, user).await?;
        let (key, new) = self.new_key(user, checked_name(name)?, expires, now);
        let detail = [("user", user.as_str())];
        let record = self.record(scope, Kind::AdminKeyCreated, new.id.as_str(), now, detail);
        self.keys.create(scope, &new, &record).await?;
        Ok(key)
    }

    /// Makes a new key in the place of `old`, which goes on for `grace` so that nothing stops meanwhile.
    ///
    /// # Errors
    /// [`NotFound`](AdminErrorKind::NotFound) if `old` does not work any more, or never did.
    pub async fn rotate_key(
        &self,
        scope: &Scope,
        old: &KeyId,
        grace: Duration,
        now: Timestamp,
    ) -> Result<ApiKey, AdminError> {
        let stored = self.stored_key(scope, old).await?;
        self.may_change(scope, &stored.user).await?;
        // A key that had an end keeps the time it was given.
        let expires = stored
            .expires
            .map(|end| now.saturating_add(end.duration_since(stored.created)));
        let expires = expires
            .transpose()
            .map_err(|_| AdminError::invalid("the key's lifetime is too long"))?;
        let (key, new) = self.new_key(&stored.user, stored.name, expires, now);
        let old_expires = SignedDuration::try_from(grace)
            .ok()
            .and_then(|grace| now.checked_add(grace).ok())
            .ok_or_else(|| AdminError::invalid("the grace time is too long"))?;
        let detail = [("user", stored.user.as_str()), ("new", new.id.as_str())];
        let record = self.record(scope, Kind::AdminKeyRotated, old.as_str(), now, detail);
        let rotated = self.keys.rotate(scope, old, old_expires, &new, &record).await?;
        rotated.then_some(key).ok_or_else(|| {
            AdminError::not_found(format!(
                "the key {old} is revoked or expired: create a new one instead"
            ))
        })
    }

    /// Takes a key back, at once.
    ///
    /// # Errors
    /// [`NotFound`](AdminErrorKind::NotFound) if there is no such key, or it was taken back before.
    pub async fn revoke_key(&self, scope: &Scope, key: &KeyId, now: Timestamp) -> Result<(), AdminError> {
        let stored = self.stored_key(scope, key).await?;
        self.may_change(scope, &stored.user).await?;
        let detail = [("user", stored.user.as_str())];
        let record = self.record(scope, Kind::AdminKeyRevoked, key.as_str(), now, detail);
        let revoked = self.keys.revoke(scope, key, now, &record).await?;
        revoked
            .then_some(())
            .ok_or_else(|| AdminError::not_found(format!("the key {key} was revoked before")))
    }

    /// The record of an export of the scope's log.
    pub fn exported(&self, scope: &Scope, now: Timestamp) -> OutboxRecord {
        self.record(scope, Kind::SystemExported, scope.tenant().as_str(), now, [])
    }

    async fn stored_key(&self, scope: &Scope, id: &KeyId) -> Result<StoredKey, AdminError> {
        let mut keys = self.keys(scope).await?.into_iter();
        keys.find(|key| key.id == *id)
            .ok_or_else(|| AdminError::not_found(format!("tenant {} has no key {id}", scope.tenant())))
    }

    /// Whether the scope may change `user`: what concerns an owner is for owners.
    async fn may_change(&self, scope: &Scope, user: &UserId) -> Result<(), AdminError> {
        may_administer(scope)?;
        let user = self
            .users
            .user(scope, user)
            .await?
            .ok_or_else(|| no_user(scope))?;
        may_grant(scope, user.role)
    }

    fn new_key(
        &self,
        user: &UserId,
        name: String,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> (ApiKey, NewKey) {
        let key = ApiKey::generate(KEY_ENVIRONMENT, &self.id(), self.random());
        let new = NewKey {
            id: key.id().clone(),
            user: user.clone(),
            name,
            hash: key.hash(),
            created: now,
            expires,
        };
        (key, new)
    }

    fn record<const N: usize>(
        &self,
        scope: &Scope,
        kind: Kind,
        subject: &str,
        now: Timestamp,
        detail: [(&str, &str); N],
    ) -> OutboxRecord {
        let mut entry = Entry::new(
            entry_id(&*self.entropy, now),
            now,
            scope.tenant().clone(),
            scope.actor().clone(),
            kind,
        );
        entry.subject = Some(subject.to_owned());
        entry.detail = detail
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        entry.to_outbox()
    }

    fn id(&self) -> KeyId {
        ApiKey::new_id(self.random())
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}

fn may_administer(scope: &Scope) -> Result<(), AdminError> {
    if scope.role().may_administer() {
        Ok(())
    } else {
        Err(AdminError::forbidden("this takes an admin or owner"))
    }
}

fn may_grant(scope: &Scope, role: Role) -> Result<(), AdminError> {
    may_administer(scope)?;
    match role {
        Role::Owner if scope.role() != Role::Owner => {
            Err(AdminError::forbidden("what concerns an owner takes an owner"))
        }
        _ => Ok(()),
    }
}

/// A name that prints on one line.
fn checked_name(name: &str) -> Result<String, AdminError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(AdminError::invalid("a name is 1 to 100 characters on one line"));
    }
    Ok(name.to_owned())
}

fn taken(error: StoreError, message: String) -> AdminError {
    match error.kind() {
        ErrorKind::AlreadyExists => AdminError {
            kind: AdminErrorKind::AlreadyExists,
            message,
        },
        _ => error.into(),
    }
}

fn no_user(scope: &Scope) -> AdminError {
    AdminError::not_found(format!("tenant {} has no such user", scope.tenant()))
}

/// What kind of failure an [`AdminError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminErrorKind {
    /// The caller's role does not allow it.
    Forbidden,
    /// What should be changed is not there, or is another tenant's.
    NotFound,
    /// What should be new is there already.
    AlreadyExists,
    /// What was asked for cannot be.
    Invalid,
    /// A store failed.
    Store(ErrorKind),
}

/// Why nothing was changed. Says what to do, and holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    kind: AdminErrorKind,
    message: String,
}

impl AdminError {
    /// What kind of failure it is.
    pub const fn kind(&self) -> AdminErrorKind {
        self.kind
    }

    fn forbidden(message: &str) -> Self {
        Self {
            kind: AdminErrorKind::Forbidden,
            message: message.into(),
        }
    }

    fn invalid(message: &str) -> Self {
        Self {
            kind: AdminErrorKind::Invalid,
            message: message.into(),
        }
    }

    fn not_found(message: String) -> Self {
        Self {
            kind: AdminErrorKind::NotFound,
            message,
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self {
            kind: AdminErrorKind::Store(error.kind()),
            message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
