//! What a database must do for credentials.
//!
//! Implement these over whatever you have; `workjet-conformance` tests an implementation. Four look-ups come before a
//! [`Scope`] exists and take none: a key, a session and a login link by their hash, a user by their login name. All else
//! answers for the scope's tenant alone, and another tenant's things answer exactly like absent ones.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_tenant::{KeyId, OutboxRecord, Role, Scope, SessionId, StoreError, UserId};

use crate::api_key::{KeyHash, NewKey, StoredKey};
use crate::login_link::{LoginLinkHash, NewLoginLink};
use crate::password::PasswordHash;
use crate::seal::SealedSecret;
use crate::session::{NewSession, SessionHash, StoredSession};
use crate::user::{LoginName, LoginRecord, User};

/// Holds API keys.
///
/// # Contract
/// - [`StoredKey::role`], `owner_disabled` and `tenant_disabled` are the user's and tenant's at the time of the look-up.
/// - Each `&OutboxRecord` commits together with the change, or neither does; a method that returns `false` changed
///   nothing and recorded nothing.
///
/// # Errors
/// [`Unavailable`](crate::ErrorKind::Unavailable) when the answer is unknown; callers then refuse.
#[async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// The key with this hash, of any tenant, revoked and expired ones included.
    async fn find_by_hash(&self, hash: &KeyHash) -> Result<Option<StoredKey>, StoreError>;

    /// Adds a key.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the tenant has no such user,
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the id or the hash is taken.
    async fn create(&self, scope: &Scope, key: &NewKey, record: &OutboxRecord) -> Result<(), StoreError>;

    /// The tenant's keys, by id.
    async fn list(&self, scope: &Scope) -> Result<Vec<StoredKey>, StoreError>;

    /// Takes a key back; false if there is none or it was taken back before.
    async fn revoke(
        &self,
        scope: &Scope,
        key: &KeyId,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError>;

    /// Adds `new` and lets `old` end at `old_expires` (at once or after a grace overlap), if `old` belongs to the same
    /// user and is neither revoked nor expired at `new.created`. Never makes `old` live longer than it would have.
    /// Both or neither; false if `old` is not such a key.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    async fn rotate(
        &self,
        scope: &Scope,
        old: &KeyId,
        old_expires: Timestamp,
        new: &NewKey,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError>;

    /// Notes when keys were last used; an earlier time never replaces a later one, and unknown keys are ignored.
    async fn touch(&self, scope: &Scope, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError>;
}

/// Holds sessions.
///
/// # Contract
/// As [`ApiKeyStore`]. Logins and logouts are recorded by the gateway itself, so nothing here takes a record.
///
/// # Errors
/// [`Unavailable`](crate::ErrorKind::Unavailable) when the answer is unknown; callers then refuse.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The session with this hash, of any tenant, ended ones included for as long as the store keeps them.
    async fn find_by_hash(&self, hash: &SessionHash) -> Result<Option<StoredSession>, StoreError>;

    /// The same, as it is now: for what nobody may do with a right that they had a minute ago. A store that always answers so
    /// needs no other.
    async fn find_latest_by_hash(&self, hash: &SessionHash) -> Result<Option<StoredSession>, StoreError> {
        self.find_by_hash(hash).await
    }

    /// Adds a session, seen last when it was created. Never replaces one.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the tenant has no such user,
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the id or the hash is taken.
    async fn create(&self, scope: &Scope, session: &NewSession) -> Result<(), StoreError>;

    /// Notes that the session was used; an earlier time never replaces a later one, and an unknown session is ignored.
    async fn touch(&self, scope: &Scope, session: &SessionId, at: Timestamp) -> Result<(), StoreError>;

    /// Ends a session and names what was ended, so that copies of it can be ended too; `None` if there is none or it was
    /// ended before.
    async fn revoke(
        &self,
        scope: &Scope,
        session: &SessionId,
        at: Timestamp,
    ) -> Result<Option<SessionHash>, StoreError>;

    /// A user's sessions, by id.
    async fn list(&self, scope: &Scope, user: &UserId) -> Result<Vec<StoredSession>, StoreError>;

    /// Ends all of a user's sessions and names those that it ended.
    async fn revoke_user(
        &self,
        scope: &Scope,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Vec<SessionHash>, StoreError>;
}

#[async_trait]
impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    async fn find_by_hash(&self, hash: &SessionHash) -> Result<Option<StoredSession>, StoreError> {
        (**self).find_by_hash(hash).await
    }

    async fn find_latest_by_hash(&self, hash: &SessionHash) -> Result<Option<StoredSession>, StoreError> {
        (**self).find_latest_by_hash(hash).await
    }

    async fn create(&self, scope: &Scope, session: &NewSession) -> Result<(), StoreError> {
        (**self).create(scope, session).await
    }

    async fn touch(&self, scope: &Scope, session: &SessionId, at: Timestamp) -> Result<(), StoreError> {
        (**self).touch(scope, session, at).await
    }

    async fn revoke(
        &self,
        scope: &Scope,
        session: &SessionId,
        at: Timestamp,
    ) -> Result<Option<SessionHash>, StoreError> {
        (**self).revoke(scope, session, at).await
    }

    async fn list(&self, scope: &Scope, user: &UserId) -> Result<Vec<StoredSession>, StoreError> {
        (**self).list(scope, user).await
    }

    async fn revoke_user(
        &self,
        scope: &Scope,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Vec<SessionHash>, StoreError> {
        (**self).revoke_user(scope, user, at).await
    }
}

/// Holds users.
///
/// # Contract
/// - As [`ApiKeyStore`] for scopes and records.
/// - A new password, a new role, and being disabled or enabled end all of the user's sessions, in the same transaction.
///
/// # Errors
/// [`Unavailable`](crate::ErrorKind::Unavailable) when the answer is unknown; callers then refuse.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// What a login needs to know, of any tenant.
    async fn find_by_login(&self, login: &LoginName) -> Result<Option<LoginRecord>, StoreError>;

    /// Adds a user to the scope's tenant.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if `user.tenant` is not the scope's or does not exist,
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the id or login name is taken, in whichever tenant.
    async fn create(
        &self,
        scope: &Scope,
        user: &User,
        password: Option<&PasswordHash>,
        record: &OutboxRecord,
    ) -> Result<(), StoreError>;

    /// One of the tenant's users.
    async fn user(&self, scope: &Scope, user: &UserId) -> Result<Option<User>, StoreError>;

    /// The tenant's users, by id.
    async fn list(&self, scope: &Scope) -> Result<Vec<User>, StoreError>;

    /// One of the tenant's users, with what their login needs.
    async fn login_record(&self, scope: &Scope, user: &UserId) -> Result<Option<LoginRecord>, StoreError>;

    /// Replaces the password; false if there is no such user.
    async fn set_password(
        &self,
        scope: &Scope,
        user: &UserId,
        password: &PasswordHash,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError>;

    /// Replaces the role; false if there is no such user.
    async fn set_role(
        &self,
        scope: &Scope,
        user: &UserId,
        role: Role,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError>;

    /// Disables or enables a user; false if there is no such user.
    async fn set_disabled(
        &self,
        scope: &Scope,
        user: &UserId,
        disabled: bool,
        at: Timestamp,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError>;
}

/// Holds login links until they are spent.
///
/// # Contract
/// - As [`ApiKeyStore`] for scopes and records.
/// - A link is spent by one of several callers at once, by the others never.
/// - Links whose time is over may be forgotten at any time.
///
/// # Errors
/// [`Unavailable`](crate::ErrorKind::Unavailable) when the answer is unknown; callers then refuse, and the link may be
/// spent.
#[async_trait]
pub trait LoginLinkStore: Send + Sync {
    /// Adds a link. Never replaces one.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the tenant has no such user,
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if the hash is taken.
    async fn create(
        &self,
        scope: &Scope,
        link: &NewLoginLink,
        record: &OutboxRecord,
    ) -> Result<(), StoreError>;

    /// Spends the link with this hash, of any tenant, and returns whom it lets in. None if there is no such link (any
    /// more), its time is over (`now >= expires`), or its user or tenant is disabled.
    async fn redeem(&self, hash: &LoginLinkHash, now: Timestamp) -> Result<Option<User>, StoreError>;
}

/// Holds sealed secrets, which it cannot open.
///
/// # Contract
/// As [`ApiKeyStore`] for scopes and records.
///
/// # Errors
/// [`Unavailable`](crate::ErrorKind::Unavailable) when the answer is unknown; callers then refuse.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Writes a secret under its name, over an older one if there is one.
    async fn put(
        &self,
        scope: &Scope,
        secret: &SealedSecret,
        record: &OutboxRecord,
    ) -> Result<(), StoreError>;

    /// Writes `new` over `old` if `old` is still what is stored: how a rewrap never undoes a newer secret.
    async fn replace(
        &self,
        scope: &Scope,
        old: &SealedSecret,
        new: &SealedSecret,
        record: &OutboxRecord,
    ) -> Result<bool, StoreError>;

    /// The secret called `name`.
    async fn fetch(&self, scope: &Scope, name: &str) -> Result<Option<SealedSecret>, StoreError>;

    /// The tenant's secrets, by name.
    async fn list(&self, scope: &Scope) -> Result<Vec<SealedSecret>, StoreError>;

    /// Forgets a secret; false if there is none of that name.
    async fn remove(&self, scope: &Scope, name: &str, record: &OutboxRecord) -> Result<bool, StoreError>;
}
