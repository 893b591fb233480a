//! API keys: recognisable, checkable without I/O, stored as a hash.
//!
//! ```text
//! wj_live_k3y1d0000_5jZ…43 base62 digits…q1_0aB9xY
//!  │   │      │                 │              └ CRC-32 of everything before the last '_'
//!  │   │      │                 └ 256 random bits
//!  │   │      └ key id, not secret: names the key in lists and logs
//!  │   └ environment, for people and scanners
//!  └ prefix
//! ```
//! The checksum keeps typing errors and made-up keys away from the database. It proves nothing: only the look-up by
//! [`KeyHash`] and [`StoredKey::verify`] do.

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use workjet_tenant::{Actor, KeyId, Role, TenantId, UserId};
use zeroize::Zeroizing;

use crate::error::{InvalidApiKey, InvalidHash, Refused, RefusedKind};
use crate::principal::Principal;
use crate::text::{BASE62_LEN_OF_32_BYTES, BASE62_LEN_OF_CRC32, base32, base62, is_base62};

/// A regular expression that finds Workjet's API keys in text; give it to your secret scanner.
pub const API_KEY_PATTERN: &str = r"\bwj_[a-z0-9]{1,10}_[a-z0-9]{8,16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}\b";

/// An API key in the clear. Wiped when dropped, hidden from `Debug`.
#[derive(Clone)]
pub struct ApiKey {
    text: Zeroizing<String>,
    id: KeyId,
}

impl ApiKey {
    /// Reads a presented key; checks its shape and checksum without any look-up.
    ///
    /// # Errors
    /// [`InvalidApiKey`] for anything else, a key with one wrong character included.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let (body, checksum) = text.rsplit_once('_').ok_or(InvalidApiKey)?;
        let mut parts = body.split('_');
        let (Some("wj"), Some(env), Some(id), Some(secret), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(InvalidApiKey);
        };
        let is_key = is_environment(env)
            && is_key_id(id)
            && is_base62(secret, BASE62_LEN_OF_32_BYTES)
            && is_base62(checksum, BASE62_LEN_OF_CRC32)
            && *checksum_of(body) == checksum;
        if !is_key {
            return Err(InvalidApiKey);
        }
        let id = id.parse().map_err(|_| InvalidApiKey)?;
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            id,
        })
    }

    /// Makes a key out of 32 bytes from a cryptographic random source.
    ///
    /// # Panics
    /// If `env` is not 1 to 10, or `id` not 8 to 16, of `a-z` and `0-9`. [`ApiKey::new_id`] makes ids that fit.
    pub fn generate(env: &str, id: &KeyId, entropy: [u8; 32]) -> Self {
        assert!(
            is_environment(env),
            "an API key's environment has 1 to 10 of a-z and 0-9"
        );
        assert!(
            is_key_id(id.as_str()),
            "an API key's id has 8 to 16 of a-z and 0-9"
        );
        let entropy = Zeroizing::new(entropy);
        let secret = base62(&*entropy, BASE62_LEN_OF_32_BYTES);
        let mut text = Zeroizing::new(String::with_capacity(96));
        for part in ["wj_", env, "_", id.as_str(), "_", &secret] {
            text.push_str(part);
        }
        let checksum = checksum_of(&text);
        text.push('_');
        text.push_str(&checksum);
        Self { text, id: id.clone() }
    }

    /// Makes a key id out of random bytes: 16 characters.
    pub fn new_id(entropy: [u8; 10]) -> KeyId {
        base32(&entropy).parse().expect("base 32 digits make an id")
    }

    /// The id inside the key. Not secret.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What stores hold instead of the key.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// The key in the clear: show it to its owner once, and to nobody else.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}, ..)", self.id)
    }
}

fn is_environment(text: &str) -> bool {
    (1..=10).contains(&text.len()) && is_lower_alphanumeric(text)
}

fn is_key_id(text: &str) -> bool {
    (8..=16).contains(&text.len()) && is_lower_alphanumeric(text)
}

fn is_lower_alphanumeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn checksum_of(body: &str) -> Zeroizing<String> {
    base62(
        &crc32fast::hash(body.as_bytes()).to_be_bytes(),
        BASE62_LEN_OF_CRC32,
    )
}

macro_rules! credential_hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name(pub(crate) [u8; 32]);

        impl $name {
            /// The hash as 64 lower-case hexadecimal digits, as stores keep it.
            pub fn to_hex(&self) -> String {
                hex::encode(self.0)
            }

            /// Reads what [`to_hex`](Self::to_hex) wrote.
            ///
            /// # Errors
            /// [`InvalidHash`] for anything but 64 hexadecimal digits.
            pub fn from_hex(text: &str) -> Result<Self, InvalidHash> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidHash)?;
                Ok(Self(bytes))
            }
        }

        /// Takes the same time wherever the first difference is.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}
pub(crate) use credential_hash;

credential_hash!(
    /// SHA-256 of a whole API key. A key holds 256 random bits, so a fast hash without salt is enough: there is nothing
    /// to guess, and the look-up can be by hash.
    KeyHash
);

/// A key to be stored. Its tenant is the scope's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// [`ApiKey::id`].
    pub id: KeyId,
    /// Whose key it is; a user of the scope's tenant.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// [`ApiKey::hash`].
    pub hash: KeyHash,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}

/// A key as a store holds it, joined with the present state of its user and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Names the key without giving it away.
    pub id: KeyId,
    /// Whose tenant it opens.
    pub tenant: TenantId,
    /// Whose key it is.
    pub user: UserId,
    /// The user's role now, not the one they had when the key was made.
    pub role: Role,
    /// What its owner calls it.
    pub name: String,
    /// The hash of the whole key.
    pub hash: KeyHash,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
    /// When somebody took it back.
    pub revoked: Option<Timestamp>,
    /// When it was last seen; written in batches, so it lags.
    pub last_used: Option<Timestamp>,
    /// Whether the user is disabled now.
    pub owner_disabled: bool,
    /// Whether the tenant is disabled now.
    pub tenant_disabled: bool,
}

impl StoredKey {
    /// The caller, if `presented` is this very key and it is good at `now`.
    ///
    /// # Errors
    /// [`Refused`], with the first that applies of: wrong hash, revoked, expired (`now >= expires`), owner disabled,
    /// tenant disabled. They all read the same to the outside.
    pub fn verify(&self, presented: &ApiKey, now: Timestamp) -> Result<Principal, Refused> {
        let refuse = |kind| Err(Refused::new(kind));
        if self.hash != presented.hash() {
            return refuse(RefusedKind::WrongHash);
        }
        if self.revoked.is_some() {
            return refuse(RefusedKind::Revoked);
        }
        if self.expires.is_some_and(|end| now >= end) {
            return refuse(RefusedKind::Expired);
        }
        if self.owner_disabled {
            return refuse(RefusedKind::OwnerDisabled);
        }
        if self.tenant_disabled {
            return refuse(RefusedKind::TenantDisabled);
        }
        let actor = Actor::Key {
            user: self.user.clone(),
            key: self.id.clone(),
        };
        Ok(Principal::verified(
            self.tenant.clone(),
            actor,
            self.user.clone(),
            self.role,
        ))
    }
}
