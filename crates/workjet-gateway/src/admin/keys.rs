//! API keys: made, replaced, and taken back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use workjet_audit::Kind;
use workjet_auth::{ApiKey, NewKey, StoredKey};
use workjet_tenant::{KeyId, Scope, UserId};

use super::{Admin, AdminError, checked_name, may_administer};

/// What every API key of a gateway begins with, after `wj_`.
pub(super) const KEY_ENVIRONMENT: &str = "live";

impl Admin {
    /// The scope's keys, by id. None of them can be turned back into the key itself.
    ///
    /// # Errors
    /// [`Forbidden`](super::AdminErrorKind::Forbidden).
    pub async fn keys(&self, scope: &Scope) -> Result<Vec<StoredKey>, AdminError> {
        may_administer(scope)?;
        Ok(self.keys.list(scope).await?)
    }

    /// Makes an API key for `user`.
    ///
    /// # Errors
    /// [`NotFound`](super::AdminErrorKind::NotFound) if the scope has no such user.
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
    /// [`NotFound`](super::AdminErrorKind::NotFound) if `old` does not work any more, or never did.
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
    /// [`NotFound`](super::AdminErrorKind::NotFound) if there is no such key, or it was taken back before.
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

    async fn stored_key(&self, scope: &Scope, id: &KeyId) -> Result<StoredKey, AdminError> {
        let mut keys = self.keys(scope).await?.into_iter();
        keys.find(|key| key.id == *id)
            .ok_or_else(|| AdminError::not_found(format!("tenant {} has no key {id}", scope.tenant())))
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
}
