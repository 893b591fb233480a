//! Sessions: who has logged in, and until when.
//!
//! A session ends at the first of: its absolute end, too long without use, revocation, and whatever disables its user
//! or tenant. There is no renewal; a change of privilege revokes the old session and makes a new one.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use workjet_tenant::{Actor, Role, SessionId, TenantId, UserId};
use zeroize::Zeroizing;

use crate::api_key::credential_hash;
use crate::error::{InvalidHash, InvalidSessionToken, Refused, RefusedKind};
use crate::principal::Principal;
use crate::text::{BASE62_LEN_OF_32_BYTES, base32, base62, is_base62};

const PREFIX: &str = "wjs_";

/// A session's secret, as the cookie carries it: `wjs_` and 43 base62 digits of 256 random bits. Wiped when dropped,
/// hidden from `Debug`.
#[derive(Clone)]
pub struct SessionToken(Zeroizing<String>);

impl SessionToken {
    /// Makes a token out of 32 bytes from a cryptographic random source.
    pub fn generate(entropy: [u8; 32]) -> Self {
        let entropy = Zeroizing::new(entropy);
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + BASE62_LEN_OF_32_BYTES));
        text.push_str(PREFIX);
        text.push_str(&base62(&*entropy, BASE62_LEN_OF_32_BYTES));
        Self(text)
    }

    /// Makes a session id out of random bytes: 16 characters, not secret and not derived from the token.
    pub fn new_id(entropy: [u8; 10]) -> SessionId {
        base32(&entropy).parse().expect("base 32 digits make an id")
    }

    /// Reads a presented token.
    ///
    /// # Errors
    /// [`InvalidSessionToken`] if it cannot be one.
    pub fn parse(text: &str) -> Result<Self, InvalidSessionToken> {
        match text.strip_prefix(PREFIX) {
            Some(secret) if is_base62(secret, BASE62_LEN_OF_32_BYTES) => {
                Ok(Self(Zeroizing::new(text.to_owned())))
            }
            _ => Err(InvalidSessionToken),
        }
    }

    /// What stores hold instead of the token.
    pub fn hash(&self) -> SessionHash {
        SessionHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The token in the clear, for the cookie alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

credential_hash!(
    /// SHA-256 of a session token.
    SessionHash
);

/// A session to be stored. Its tenant is the scope's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// [`SessionToken::new_id`].
    pub id: SessionId,
    /// Who logged in; a user of the scope's tenant.
    pub user: UserId,
    /// [`SessionToken::hash`].
    pub hash: SessionHash,
    /// When they did.
    pub created: Timestamp,
    /// The absolute end.
    pub expires: Timestamp,
    /// How long it may rest.
    pub idle_timeout: Duration,
}

/// A session as a store holds it, joined with the present state of its user and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Names the session without giving its token away.
    pub id: SessionId,
    /// Whose tenant it opens.
    pub tenant: TenantId,
    /// Who logged in.
    pub user: UserId,
    /// The user's role now.
    pub role: Role,
    /// The hash of the token.
    pub hash: SessionHash,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used; a store may be asked to write this only now and then.
    pub last_seen: Timestamp,
    /// The absolute end.
    pub expires: Timestamp,
    /// How long it may rest.
    pub idle_timeout: Duration,
    /// When it was ended.
    pub revoked: Option<Timestamp>,
    /// Whether the user is disabled now.
    pub owner_disabled: bool,
    /// Whether the tenant is disabled now.
    pub tenant_disabled: bool,
}

impl StoredSession {
    /// The caller, if `presented` is this session's token and the session is alive at `now`.
    ///
    /// # Errors
    /// [`Refused`], with the first that applies of: wrong hash, revoked, expired (`now >= expires`), idle
    /// (`now - last_seen >= idle_timeout`), owner disabled, tenant disabled. They all read the same to the outside.
    pub fn verify(&self, presented: &SessionToken, now: Timestamp) -> Result<Principal, Refused> {
        if self.hash != presented.hash() {
            return Err(Refused::new(RefusedKind::WrongHash));
        }
        if let Some(kind) = self.end(now) {
            return Err(Refused::new(kind));
        }
        let actor = Actor::Session {
            user: self.user.clone(),
            session: self.id.clone(),
        };
        Ok(Principal::verified(
            self.tenant.clone(),
            actor,
            self.user.clone(),
            self.role,
        ))
    }

    /// Whether its token opens it at `now`.
    pub(crate) fn is_alive(&self, now: Timestamp) -> bool {
        self.end(now).is_none()
    }

    /// What has ended it by `now`.
    fn end(&self, now: Timestamp) -> Option<RefusedKind> {
        // A `last_seen` ahead of `now` (clocks differ between hosts) is no rest at all.
        let rest = Duration::try_from(now.duration_since(self.last_seen)).unwrap_or_default();
        let ends = [
            (self.revoked.is_some(), RefusedKind::Revoked),
            (now >= self.expires, RefusedKind::Expired),
            (rest >= self.idle_timeout, RefusedKind::Idle),
            (self.owner_disabled, RefusedKind::OwnerDisabled),
            (self.tenant_disabled, RefusedKind::TenantDisabled),
        ];
        ends.into_iter()
            .find_map(|(applies, kind)| applies.then_some(kind))
    }
}
