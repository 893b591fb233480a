//! Sessions out of a cache that may be minutes old.
//!
//! A request with a session costs one look-up by hash, and the truth may be a continent away. A cache near the caller
//! answers faster, and wrongly for a while: it may show what was overwritten a minute ago, lose what was written, or let a
//! slow writer put a revoked session back. So nothing here depends on how the cache behaves.
//!
//! - Every copy carries a *stamp*: a time before the truth was read. A copy is believed for 55 seconds after its stamp and
//!   never longer, whichever way it came into the cache. With clocks that differ by less than five seconds, what ends a
//!   session (revocation, or disabling its user or tenant) ends it within a minute everywhere.
//! - A copy can only say yes. Where it would refuse (too long without use, for one), the truth is asked: it may know of a
//!   use that the copy does not.
//! - Revocation ends the truth first, and then overwrites the copy with a tombstone, which sends everybody to the truth and
//!   which no look-up replaces. That is usually at once; the stamp is what is promised.
//! - A cache that fails, or answers something else, is as good as empty.
//!
//! A copy holds no token and lets nobody log in. It is sealed with a keyed hash (HMAC-SHA256), so that whoever can write the
//! cache cannot make a session of theirs be anyone else's.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use workjet_tenant::{Scope, SessionId, StoreError, UserId};
use zeroize::Zeroizing;

use crate::session::{NewSession, SessionHash, StoredSession};
use crate::store::SessionStore;

/// How long after its stamp a copy is believed.
const BELIEVED: Duration = Duration::from_secs(55);

/// How long the cache keeps what is written: the least that Workers KV knows, and longer than a copy is believed.
const KEPT: Duration = Duration::from_secs(60);

/// A session that was last used longer ago is about to be touched, and is cached then: a cache may take no more than one
/// write a second for a key.
const ABOUT_TO_BE_TOUCHED: Duration = Duration::from_secs(60);

/// Text under keys, with no promise but to answer what was once written there, or nothing.
///
/// # Errors
/// Any: the truth is then asked.
#[async_trait]
pub trait SessionCache: Send + Sync {
    /// The value of `key`; it may be an older one.
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Writes the value of `key`, to be forgotten after `ttl`.
    async fn put(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError>;
}

#[async_trait]
impl<C: SessionCache + ?Sized> SessionCache for Arc<C> {
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        (**self).get(key).await
    }

    async fn put(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError> {
        (**self).put(key, value, ttl).await
    }
}

/// A [`SessionStore`] with a cache in front, for one request: it remembers the session that the request came with.
///
/// What it finds may be up to 55 seconds old, the time of last use too; `list` always asks the truth.
pub struct CachedSessions<S, C> {
    truth: S,
    cache: C,
    key: Zeroizing<[u8; 32]>,
    now: Timestamp,
    mine: Mutex<Mine>,
}

impl<S: fmt::Debug, C: fmt::Debug> fmt::Debug for CachedSessions<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedSessions")
            .field("truth", &self.truth)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// What this request knows.
#[derive(Debug, Default)]
struct Mine {
    found: Option<Stamped>,
    /// What this request ended; no copy of it may be written any more.
    ended: Vec<SessionHash>,
}

impl<S: SessionStore, C: SessionCache> CachedSessions<S, C> {
    /// For a request that came at `now`. `key` seals the copies; it is the same wherever the cache is shared, and what else
    /// it may be used for does not matter.
    pub fn new(truth: S, cache: C, key: [u8; 32], now: Timestamp) -> Self {
        let (key, mine) = (Zeroizing::new(key), Mutex::default());
        Self {
            truth,
            cache,
            key,
            now,
            mine,
        }
    }

    fn mine(&self) -> MutexGuard<'_, Mine> {
        // Every change is one assignment.
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the cache says of a session.
    async fn cached(&self, hash: &SessionHash) -> Cached {
        let value = self.cache.get(&key(hash)).await.ok().flatten();
        let value = value.and_then(|text| Cached::read(&text, hash, &self.key));
        value.unwrap_or(Cached::Nothing)
    }

    /// Writes a copy, unless this request has ended the session meanwhile.
    async fn keep(&self, copy: &Stamped) {
        if self.mine().ended.contains(&copy.session.hash) {
            return;
        }
        let _ = self
            .cache
            .put(&key(&copy.session.hash), &copy.write(&self.key), KEPT)
            .await;
    }

    /// Overwrites the copies of sessions that have ended.
    async fn bury(&self, hashes: impl Iterator<Item = &SessionHash> + Send) {
        for hash in hashes {
            self.mine().ended.push(*hash);
            // If it cannot be written, the copy ends with its stamp.
            let _ = self.cache.put(&key(hash), TOMBSTONE, KEPT).await;
        }
    }
}

#[async_trait]
impl<S: SessionStore, C: SessionCache> SessionStore for CachedSessions<S, C> {
    async fn find_by_hash(&self, hash: &SessionHash) -> Result<Option<StoredSession>, StoreError> {
        let cached = self.cached(hash).await;
        if let Cached::Copy(copy) = &cached
            && copy.is_believed(self.now)
        {
            self.mine().found = Some(copy.clone());
            return Ok(Some(copy.session.clone()));
        }
        let Some(session) = self.truth.find_by_hash(hash).await? else {
            return Ok(None);
        };
        let copy = Stamped {
            stamp: self.now,
            session,
        };
        // A tombstone stays, even if the truth says otherwise: it may be a replica that lags behind.
        if copy.is_believed(self.now) && !matches!(cached, Cached::Tombstone) {
            self.mine().found = Some(copy.clone());
            if since(copy.session.last_seen, self.now) < ABOUT_TO_BE_TOUCHED {
                self.keep(&copy).await;
            }
        }
        Ok(Some(copy.session))
    }

    async fn create(&self, scope: &Scope, session: &NewSession) -> Result<(), StoreError> {
        self.truth.create(scope, session).await
    }

    async fn touch(&self, scope: &Scope, session: &SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.truth.touch(scope, session, at).await?;
        let copy = {
            let mut mine = self.mine();
            let found = mine.found.as_mut();
            let found = found.filter(|copy| copy.is_of(scope, session) && copy.session.last_seen < at);
            found.map(|copy| {
                // With its old stamp: whether it was ended since then was not asked.
                copy.session.last_seen = at;
                copy.clone()
            })
        };
        if let Some(copy) = copy {
            self.keep(&copy).await;
        }
        Ok(())
    }

    async fn revoke(
        &self,
        scope: &Scope,
        session: &SessionId,
        at: Timestamp,
    ) -> Result<Option<SessionHash>, StoreError> {
        let ended = self.truth.revoke(scope, session, at).await?;
        self.bury(ended.iter()).await;
        Ok(ended)
    }

    async fn list(&self, scope: &Scope, user: &UserId) -> Result<Vec<StoredSession>, StoreError> {
        self.truth.list(scope, user).await
    }

    async fn revoke_user(
        &self,
        scope: &Scope,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Vec<SessionHash>, StoreError> {
        let ended = self.truth.revoke_user(scope, user, at).await?;
        self.bury(ended.iter()).await;
        Ok(ended)
    }
}

/// What the cache said.
enum Cached {
    Copy(Stamped),
    Tombstone,
    Nothing,
}

/// A session as it was some time after `stamp`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamped {
    stamp: Timestamp,
    session: StoredSession,
}

/// Each value begins with the version of its format.
const COPY: &str = "session-1";
const TOMBSTONE: &str = "ended-1";

impl Cached {
    /// `None` for anything but what [`Stamped::write`] writes for this hash, or a tombstone. That needs no seal: whoever puts
    /// one there sends the session's owner to the truth, and no more.
    fn read(text: &str, hash: &SessionHash, key: &[u8; 32]) -> Option<Self> {
        if text == TOMBSTONE {
            return Some(Self::Tombstone);
        }
        let (copy, seal) = text.rsplit_once(' ')?;
        sealing(copy, key).verify_slice(&hex::decode(seal).ok()?).ok()?;
        let words: Vec<&str> = copy.split(' ').collect();
        let [
            COPY,
            stamp,
            id,
            tenant,
            user,
            role,
            hash_text,
            created,
            last_seen,
            expires,
            idle,
        ] = words[..]
        else {
            return None;
        };
        let time = |text: &str| Timestamp::from_nanosecond(text.parse().ok()?).ok();
        let session = StoredSession {
            id: id.parse().ok()?,
            tenant: tenant.parse().ok()?,
            user: user.parse().ok()?,
            role: role.parse().ok()?,
            hash: SessionHash::from_hex(hash_text).ok()?,
            created: time(created)?,
            last_seen: time(last_seen)?,
            expires: time(expires)?,
            idle_timeout: Duration::from_nanos(idle.parse().ok()?),
            revoked: None,
            owner_disabled: false,
            tenant_disabled: false,
        };
        let stamp = time(stamp)?;
        (session.hash == *hash).then_some(Self::Copy(Stamped { stamp, session }))
    }
}

impl Stamped {
    /// Only sessions that were alive are written, so nothing says that they were.
    fn write(&self, key: &[u8; 32]) -> String {
        let Self { stamp, session } = self;
        let nanos = Timestamp::as_nanosecond;
        let copy = format!(
            "{COPY} {} {} {} {} {} {} {} {} {} {}",
            nanos(*stamp),
            session.id,
            session.tenant,
            session.user,
            session.role,
            session.hash.to_hex(),
            nanos(session.created),
            nanos(session.last_seen),
            nanos(session.expires),
            u64::try_from(session.idle_timeout.as_nanos()).unwrap_or(u64::MAX),
        );
        let seal = sealing(&copy, key).finalize().into_bytes();
        format!("{copy} {}", hex::encode(seal))
    }

    /// Whether it is young enough, and would let its owner in.
    fn is_believed(&self, now: Timestamp) -> bool {
        self.stamp <= now && since(self.stamp, now) < BELIEVED && self.session.is_alive(now)
    }

    fn is_of(&self, scope: &Scope, session: &SessionId) -> bool {
        self.session.tenant == *scope.tenant() && self.session.id == *session
    }
}

/// The copy names its session, its owner and its stamp, so a seal cannot be put under another.
fn sealing(copy: &str, key: &[u8; 32]) -> Hmac<Sha256> {
    let mut seal = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    seal.update(b"workjet session copy\0");
    seal.update(copy.as_bytes());
    seal
}

fn key(hash: &SessionHash) -> String {
    format!("session/{}", hash.to_hex())
}

/// Zero for what lies ahead.
fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
