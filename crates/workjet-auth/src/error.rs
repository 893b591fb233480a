//! Why something was refused. No error here repeats what it was given: a caller may have pasted a secret.

/// The text is not an API key of Workjet's: its shape or its checksum is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Workjet API key: expected wj_<environment>_<id>_<secret>_<checksum>, copied whole")]
pub struct InvalidApiKey;

/// The text is not a session token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session token")]
pub struct InvalidSessionToken;

/// The text is not the token of a login link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a login link")]
pub struct InvalidLoginLink;

/// The text is not a hash: 64 hexadecimal digits, or an argon2id PHC string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored hash cannot be read")]
pub struct InvalidHash;

/// The text is not an e-mail address that can serve as a login name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a login name: use an e-mail address of at most 254 characters, without spaces")]
pub struct InvalidLoginName;

/// The text does not do as a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// Fewer than 12 characters.
    #[error("the password is too short: use at least 12 characters, a few words for instance")]
    TooShort,
    /// More than 128 characters.
    #[error("the password is too long: use at most 128 characters")]
    TooLong,
    /// One of those that everybody tries first.
    #[error("the password is among the first that anybody would try: choose another")]
    TooCommon,
}

/// Why a credential was refused; for logs and metrics, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusedKind {
    /// The stored row belongs to another credential.
    WrongHash,
    /// Somebody took it back.
    Revoked,
    /// Its time is over.
    Expired,
    /// The session was not used for too long.
    Idle,
    /// Its user is disabled.
    OwnerDisabled,
    /// Its tenant is disabled.
    TenantDisabled,
}

/// A credential does not open the door.
///
/// Its text is the same for every kind, so that whoever shows it to a caller tells nothing about what exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credential is not valid")]
pub struct Refused {
    kind: RefusedKind,
}

impl Refused {
    pub(crate) const fn new(kind: RefusedKind) -> Self {
        Self { kind }
    }

    /// The reason, for the operator.
    pub const fn kind(&self) -> RefusedKind {
        self.kind
    }
}

/// A state-changing request came from another site's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request came from another site")]
pub struct CrossOrigin;

/// What kind of failure a [`SealError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SealErrorKind {
    /// No key-encryption key with the secret's key id is at hand.
    UnknownKey,
    /// The ciphertext is damaged, was sealed under another key, or stands in a place it was not sealed for.
    DoesNotOpen,
    /// Sealed by a later version of Workjet.
    UnknownVersion,
    /// The key provider did not answer.
    Unavailable,
}

/// A secret was not sealed or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", match kind {
    SealErrorKind::UnknownKey => "the key that sealed this secret is not at hand: restore the key file, or seal the secret anew",
    SealErrorKind::DoesNotOpen => "the sealed secret does not open here: it was damaged or moved; seal it anew",
    SealErrorKind::UnknownVersion => "the secret was sealed by a later version: upgrade Workjet",
    SealErrorKind::Unavailable => "the key provider did not answer: try again",
})]
pub struct SealError {
    kind: SealErrorKind,
}

impl SealError {
    /// A failure of `kind`.
    pub const fn new(kind: SealErrorKind) -> Self {
        Self { kind }
    }

    /// What kind of failure it is.
    pub const fn kind(&self) -> SealErrorKind {
        self.kind
    }
}
