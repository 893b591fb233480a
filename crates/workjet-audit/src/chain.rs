//! The arithmetic of the hash chain.
//!
//! Each entry is hashed as an RFC 6962 leaf, and the log's hash after it binds that leaf to everything before. So one
//! hash stands for the whole log, and the leaves can go into a Merkle tree later without hashing an entry anew.

use std::fmt;

use sha2::{Digest, Sha256};
use workjet_tenant::TenantId;

/// A SHA-256 hash; as text, 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of a log without entries. It names the tenant, so that no log can stand in for another's.
    pub fn genesis(tenant: &TenantId) -> Self {
        Self::of(&[b"workjet log v1\n", tenant.as_str().as_bytes(), b"\n"])
    }

    /// An entry's leaf hash: `SHA-256(0x00 || entry)`
    /// ([RFC 6962 §2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1)).
    pub fn leaf(entry: &[u8]) -> Self {
        Self::of(&[&[0x00], entry])
    }

    /// The log's hash after one more entry: `SHA-256(0x02 || self || leaf)`. RFC 6962 takes 0x00 and 0x01 for itself.
    #[must_use]
    pub fn after(&self, entry: &[u8]) -> Self {
        Self::of(&[&[0x02], &self.0, &Self::leaf(entry).0])
    }

    /// Reads 64 lower-case hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        (!text.bytes().any(|b| b.is_ascii_uppercase())).then_some(Self(bytes))
    }

    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}
