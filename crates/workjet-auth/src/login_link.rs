//! Login links: a way in that works once, for a short while.
//!
//! For homes without passwords, and for people who have none yet. The link's token opens one session and is gone; whoever
//! issues it hands it to the person by a way of their own. Put it into a URL's fragment, which no server log and no
//! `Referer` header ever holds, and let a person press a button before it is spent: scanners of mail follow links.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use workjet_tenant::UserId;
use zeroize::Zeroizing;

use crate::api_key::credential_hash;
use crate::error::{InvalidHash, InvalidLoginLink};
use crate::text::{BASE62_LEN_OF_32_BYTES, base62, is_base62};

const PREFIX: &str = "wjl_";

/// The token of a login link: `wjl_` and 43 base62 digits of 256 random bits. Wiped when dropped, hidden from `Debug`.
#[derive(Clone)]
pub struct LoginLink(Zeroizing<String>);

impl LoginLink {
    /// How long a link lives: time to find it and press a button, and little more.
    pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

    /// Makes a token out of 32 bytes from a cryptographic random source.
    pub fn generate(entropy: [u8; 32]) -> Self {
        let entropy = Zeroizing::new(entropy);
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + BASE62_LEN_OF_32_BYTES));
        text.push_str(PREFIX);
        text.push_str(&base62(&*entropy, BASE62_LEN_OF_32_BYTES));
        Self(text)
    }

    /// Reads a presented token.
    ///
    /// # Errors
    /// [`InvalidLoginLink`] if it cannot be one.
    pub fn parse(text: &str) -> Result<Self, InvalidLoginLink> {
        match text.strip_prefix(PREFIX) {
            Some(secret) if is_base62(secret, BASE62_LEN_OF_32_BYTES) => {
                Ok(Self(Zeroizing::new(text.to_owned())))
            }
            _ => Err(InvalidLoginLink),
        }
    }

    /// What stores hold instead of the token.
    pub fn hash(&self) -> LoginLinkHash {
        LoginLinkHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The token in the clear: give it to its user once, and to nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LoginLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginLink(..)")
    }
}

credential_hash!(
    /// SHA-256 of a login link's token.
    LoginLinkHash
);

/// A login link to be stored. Its tenant is the scope's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLoginLink {
    /// [`LoginLink::hash`].
    pub hash: LoginLinkHash,
    /// Whom it lets in; a user of the scope's tenant.
    pub user: UserId,
    /// When it was issued.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_reads_back_and_hides() {
        let link = LoginLink::generate([9; 32]);
        let read = LoginLink::parse(link.expose()).expect("its own text");
        assert_eq!(read.hash(), link.hash());
        assert_eq!(
            format!("{link:?} {:?}", link.hash()),
            "LoginLink(..) LoginLinkHash(..)"
        );
    }

    #[test]
    fn damaged_token_and_other_credentials_are_none() {
        let link = LoginLink::generate([9; 32]);
        let text = link.expose();
        for damaged in [
            "",
            "wjl_",
            &text[..text.len() - 1],
            &format!("{text}0"),
            &text.replacen("wjl_", "wjs_", 1),
            &format!(" {text}"),
        ] {
            assert!(LoginLink::parse(damaged).is_err(), "{damaged}");
        }
    }
}
