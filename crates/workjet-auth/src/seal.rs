//! Secrets that a database keeps without being able to read them.
//!
//! Envelope encryption: each secret is encrypted under a data key of its own, and the data key under a key-encryption
//! key that a [`KeyProvider`] holds outside the database. Both layers are AES-256-GCM and bound to the version, tenant,
//! name and provider, so a ciphertext that is moved to another row does not open. Changing the key-encryption key
//! rewraps the small data keys and leaves the ciphertexts alone; [`rewrap`] can stop and go on anywhere.

use std::collections::BTreeMap;
use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use workjet_tenant::Scope;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{SealError, SealErrorKind};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;

/// A secret as a store keeps it. The tenant is the scope's, and part of what the ciphertexts are bound to.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Which layout and algorithms; now 1.
    pub version: u8,
    /// What the secret is called in its tenant, `provider/openai` for instance.
    pub name: String,
    /// Which provider it may be sent to.
    pub provider: String,
    /// Which key-encryption key wrapped the data key.
    pub key_id: String,
    /// The data key: nonce (12 bytes), ciphertext, tag (16 bytes), or whatever the key provider returned.
    pub wrapped_key: Vec<u8>,
    /// The secret: nonce (12 bytes), ciphertext, tag (16 bytes).
    pub ciphertext: Vec<u8>,
    /// When it was sealed.
    pub created: Timestamp,
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSecret")
            .field("name", &self.name)
            .field("provider", &self.provider)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Fresh random bytes for one sealing. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SealEntropy {
    data_key: [u8; 32],
    nonce: [u8; NONCE_BYTES],
    wrap_nonce: [u8; NONCE_BYTES],
}

impl SealEntropy {
    /// Splits up 56 bytes from a cryptographic random source. Never use the same bytes twice.
    pub fn new(bytes: [u8; 56]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let mut entropy = Self {
            data_key: [0; 32],
            nonce: [0; NONCE_BYTES],
            wrap_nonce: [0; NONCE_BYTES],
        };
        entropy.data_key.copy_from_slice(&bytes[..32]);
        entropy.nonce.copy_from_slice(&bytes[32..44]);
        entropy.wrap_nonce.copy_from_slice(&bytes[44..]);
        entropy
    }
}

impl fmt::Debug for SealEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealEntropy(..)")
    }
}

/// What wrapping is bound to and may need.
#[derive(Debug, Clone, Copy)]
pub struct WrapContext<'a> {
    /// Associated data: must be the same to unwrap.
    pub associated_data: &'a [u8],
    /// Twelve fresh random bytes; a key management service that makes its own ignores them. Not read when unwrapping.
    pub nonce: [u8; NONCE_BYTES],
}

/// A wrapped data key, and the key that wrapped it.
#[derive(Debug, Clone)]
pub struct WrappedKey {
    /// Which key-encryption key.
    pub key_id: String,
    /// What [`KeyProvider::unwrap_key`] takes.
    pub bytes: Vec<u8>,
}

/// Holds the key-encryption key, and may never show it: a file ([`LocalKeys`]), or a key management service.
///
/// # Errors
/// [`UnknownKey`](SealErrorKind::UnknownKey), [`DoesNotOpen`](SealErrorKind::DoesNotOpen), and
/// [`Unavailable`](SealErrorKind::Unavailable) when the answer is unknown.
#[async_trait]
pub trait KeyProvider: Send + Sync {
    /// The id of the key that [`wrap_key`](Self::wrap_key) uses now.
    fn current_key_id(&self) -> &str;

    /// Encrypts a data key under the current key.
    async fn wrap_key(&self, data_key: &[u8; 32], context: WrapContext<'_>) -> Result<WrappedKey, SealError>;

    /// Decrypts a data key under the key that wrapped it.
    async fn unwrap_key(
        &self,
        wrapped: &WrappedKey,
        associated_data: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, SealError>;
}

/// Seals `secret` for the scope's tenant, to be sent to `provider` alone.
///
/// # Errors
/// [`SealError`] if the key provider fails.
pub async fn seal(
    keys: &dyn KeyProvider,
    scope: &Scope,
    name: &str,
    provider: &str,
    secret: &SecretString,
    now: Timestamp,
    entropy: SealEntropy,
) -> Result<SealedSecret, SealError> {
    let bound_to = |layer| associated_data(layer, VERSION, scope, name, provider);
    let ciphertext = encrypt(
        &entropy.data_key,
        entropy.nonce,
        secret.expose_secret().as_bytes(),
        &bound_to(Layer::Secret),
    );
    let context = WrapContext {
        associated_data: &bound_to(Layer::DataKey),
        nonce: entropy.wrap_nonce,
    };
    let wrapped = keys.wrap_key(&entropy.data_key, context).await?;
    Ok(SealedSecret {
        version: VERSION,
        name: name.to_owned(),
        provider: provider.to_owned(),
        key_id: wrapped.key_id,
        wrapped_key: wrapped.bytes,
        ciphertext,
        created: now,
    })
}

/// The secret in the clear, if it was sealed for this tenant under this name and provider.
///
/// # Errors
/// [`SealError`] if it was not, or the key provider fails.
pub async fn open(
    keys: &dyn KeyProvider,
    scope: &Scope,
    sealed: &SealedSecret,
) -> Result<SecretString, SealError> {
    let data_key = unwrap_data_key(keys, scope, sealed).await?;
    let bound_to = associated_data(
        Layer::Secret,
        sealed.version,
        scope,
        &sealed.name,
        &sealed.provider,
    );
    let plaintext = decrypt(&data_key, &sealed.ciphertext, &bound_to)?;
    let text = std::str::from_utf8(&plaintext).map_err(|_| SealError::new(SealErrorKind::DoesNotOpen))?;
    Ok(SecretString::from(text))
}

/// The same secret with its data key under the current key-encryption key; none if it already is. Takes 12 fresh random
/// bytes. To rotate a key, do this for every secret a store lists, write each with
/// [`SecretStore::replace`](crate::SecretStore::replace), and start again if interrupted.
///
/// # Errors
/// [`SealError`] if the secret's old key is not at hand, or the key provider fails.
pub async fn rewrap(
    keys: &dyn KeyProvider,
    scope: &Scope,
    sealed: &SealedSecret,
    nonce: [u8; 12],
) -> Result<Option<SealedSecret>, SealError> {
    if sealed.key_id == keys.current_key_id() {
        return Ok(None);
    }
    let data_key = unwrap_data_key(keys, scope, sealed).await?;
    let associated_data = associated_data(
        Layer::DataKey,
        sealed.version,
        scope,
        &sealed.name,
        &sealed.provider,
    );
    let wrapped = keys
        .wrap_key(
            &data_key,
            WrapContext {
                associated_data: &associated_data,
                nonce,
            },
        )
        .await?;
    Ok(Some(SealedSecret {
        key_id: wrapped.key_id,
        wrapped_key: wrapped.bytes,
        ..sealed.clone()
    }))
}

async fn unwrap_data_key(
    keys: &dyn KeyProvider,
    scope: &Scope,
    sealed: &SealedSecret,
) -> Result<Zeroizing<[u8; 32]>, SealError> {
    if sealed.version != VERSION {
        return Err(SealError::new(SealErrorKind::UnknownVersion));
    }
    let associated_data = associated_data(
        Layer::DataKey,
        sealed.version,
        scope,
        &sealed.name,
        &sealed.provider,
    );
    let wrapped = WrappedKey {
        key_id: sealed.key_id.clone(),
        bytes: sealed.wrapped_key.clone(),
    };
    keys.unwrap_key(&wrapped, &associated_data).await
}

#[derive(Clone, Copy)]
enum Layer {
    DataKey,
    Secret,
}

/// Every part with its length before it, so that no two places read the same.
fn associated_data(layer: Layer, version: u8, scope: &Scope, name: &str, provider: &str) -> Vec<u8> {
    let layer = match layer {
        Layer::DataKey => "workjet data key",
        Layer::Secret => "workjet secret",
    };
    let mut bytes = vec![version];
    for part in [layer, scope.tenant().as_str(), name, provider] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Key-encryption keys that this process holds: the current one, and older ones that can still unwrap.
///
/// The bytes come from the host: a file with mode 0600, an environment variable, a Workers secret.
#[derive(Clone)]
pub struct LocalKeys {
    current: String,
    keys: BTreeMap<String, Zeroizing<[u8; 32]>>,
}

impl LocalKeys {
    /// Wraps under `key`, which is called `key_id` in every secret it wraps.
    pub fn new(key_id: impl Into<String>, key: [u8; 32]) -> Self {
        let current = key_id.into();
        let keys = BTreeMap::from([(current.clone(), Zeroizing::new(key))]);
        Self { current, keys }
    }

    /// Can unwrap with an older key, too. The current key keeps its bytes if `key_id` is its id.
    #[must_use]
    pub fn with_old(mut self, key_id: impl Into<String>, key: [u8; 32]) -> Self {
        self.keys.entry(key_id.into()).or_insert(Zeroizing::new(key));
        self
    }
}

impl fmt::Debug for LocalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKeys")
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyProvider for LocalKeys {
    fn current_key_id(&self) -> &str {
        &self.current
    }

    async fn wrap_key(&self, data_key: &[u8; 32], context: WrapContext<'_>) -> Result<WrappedKey, SealError> {
        let key = self
            .keys
            .get(&self.current)
            .expect("the current key is among the keys");
        let bytes = encrypt(key, context.nonce, data_key, context.associated_data);
        Ok(WrappedKey {
            key_id: self.current.clone(),
            bytes,
        })
    }

    async fn unwrap_key(
        &self,
        wrapped: &WrappedKey,
        associated_data: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let key = self
            .keys
            .get(&wrapped.key_id)
            .ok_or(SealError::new(SealErrorKind::UnknownKey))?;
        let plaintext = decrypt(key, &wrapped.bytes, associated_data)?;
        let data_key = plaintext
            .as_slice()
            .try_into()
            .map_err(|_| SealError::new(SealErrorKind::DoesNotOpen))?;
        Ok(Zeroizing::new(data_key))
    }
}

fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(<&Key<Aes256Gcm>>::from(key))
}

/// Nonce, ciphertext, tag.
fn encrypt(key: &[u8; 32], nonce: [u8; NONCE_BYTES], plaintext: &[u8], associated_data: &[u8]) -> Vec<u8> {
    let sealed = cipher(key)
        .encrypt(
            &Nonce::from(nonce),
            Payload {
                msg: plaintext,
                aad: associated_data,
            },
        )
        .expect("a secret is shorter than AES-GCM's limit of 64 GiB");
    [nonce.as_slice(), &sealed].concat()
}

fn decrypt(key: &[u8; 32], sealed: &[u8], associated_data: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let does_not_open = SealError::new(SealErrorKind::DoesNotOpen);
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(does_not_open)?;
    cipher(key)
        .decrypt(
            &Nonce::from(*nonce),
            Payload {
                msg: ciphertext,
                aad: associated_data,
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| does_not_open)
}
