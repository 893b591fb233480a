//! Who is it, and may they come in?
//!
//! Credentials of every kind an AI gateway needs: API keys, sessions and their cookies, passwords, and the sealed
//! secrets of providers. Everything here is arithmetic on bytes plus small storage traits; bring your own database,
//! your own HTTP and your own clock (`now` and random bytes are always arguments).
//!
//! ```
//! use workjet_auth::{ApiKey, Role, StoredKey};
//! # use workjet_auth::jiff::Timestamp;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let entropy = [7; 32];
//! # let now = Timestamp::UNIX_EPOCH;
//! // Issue: show `key.expose()` to its owner once, store only the hash.
//! let key = ApiKey::generate("live", &"k3y1d0000".parse()?, entropy);
//! let row = StoredKey {
//!     id: key.id().clone(),
//!     tenant: "acme".parse()?,
//!     user: "ada".parse()?,
//!     role: Role::Member,
//!     name: "laptop".into(),
//!     hash: key.hash(),
//!     created: now,
//!     expires: None,
//!     revoked: None,
//!     last_used: None,
//!     owner_disabled: false,
//!     tenant_disabled: false,
//! };
//!
//! // Check: shape and checksum first, without any I/O; then your look-up by hash; then the verdict.
//! let presented = ApiKey::parse(key.expose())?;
//! let caller = row.verify(&presented, now)?;
//! assert_eq!(caller.scope().tenant().as_str(), "acme");
//! # Ok(())
//! # }
//! ```
//!
//! - [`api_key`](ApiKey): recognisable to secret scanners ([`API_KEY_PATTERN`]), refused by checksum before any look-up,
//!   stored as a hash.
//! - [`session`](SessionToken): idle and absolute timeouts, the [`cookie`] that carries the token, and [`same_origin`]
//!   against cross-site requests.
//! - [`login_link`](LoginLink): a way in that works once, within minutes.
//! - [`CachedSessions`]: sessions out of a cache near the caller, which is never believed for longer than a minute.
//! - [`password`](Password): argon2id with the parameters OWASP names. The feature `password` (on by default) brings it;
//!   without it nothing here hashes passwords.
//! - [`seal`](seal()): provider secrets under envelope encryption, bound to their tenant and place.
//! - [`MemoryAuth`]: every store in memory, for tests and as a model for your own. The crate `workjet-conformance`
//!   tells whether yours keeps the contracts.
//!
//! A verified credential becomes a [`Principal`], whose [`Scope`] is what every Workjet store asks for.
//!
//! # Secrets
//! Types that hold a secret hide it from `Debug`, wipe it when dropped and give it out only through a method called
//! `expose`. Hashes compare in constant time. No error here repeats its input.

mod api_key;
mod cached_sessions;
pub mod cookie;
mod error;
mod login_link;
mod memory;
mod origin;
mod password;
mod principal;
mod seal;
mod session;
mod store;
mod text;
mod user;

pub use api_key::{API_KEY_PATTERN, ApiKey, KeyHash, NewKey, StoredKey};
pub use cached_sessions::{CachedSessions, SessionCache};
pub use error::{
    CrossOrigin, InvalidApiKey, InvalidHash, InvalidLoginLink, InvalidLoginName, InvalidPassword,
    InvalidSessionToken, Refused, RefusedKind, SealError, SealErrorKind,
};
pub use login_link::{LoginLink, LoginLinkHash, NewLoginLink};
pub use memory::MemoryAuth;
pub use origin::same_origin;
pub use password::PasswordHash;
#[cfg(feature = "password")]
pub use password::{Password, dummy_hash, generate_password, hash, verify};
pub use principal::{Operator, Principal};
pub use seal::{
    KeyProvider, LocalKeys, SealEntropy, SealedSecret, WrapContext, WrappedKey, open, rewrap, seal,
};
pub use session::{NewSession, SessionHash, SessionToken, StoredSession};
pub use store::{ApiKeyStore, LoginLinkStore, SecretStore, SessionStore, UserStore};
pub use user::{LoginName, LoginRecord, User};

// What an implementer of the stores names, so that one dependency is enough.
pub use async_trait::async_trait;
pub use jiff;
pub use secrecy::{ExposeSecret, SecretString};
pub use workjet_tenant::{
    Actor, ErrorKind, KeyId, Outbox, OutboxRecord, PendingRecord, Role, Scope, SessionId, StoreError,
    TenantId, UserId,
};
