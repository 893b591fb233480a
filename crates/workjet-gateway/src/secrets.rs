//! The secrets that the configuration points to: provider keys and the token for metrics.
//!
//! A home knows its [`SecretPlaces`]: variables and files, or a Worker's secrets. What they mean is decided here. A provider key
//! is sealed into the store, and from then on its place may be empty: the sealed one serves. Whatever is missing or cannot be
//! read is found before anything is made.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use workjet_auth::{KeyProvider, Operator, SecretStore};

use crate::admin::{Admin, AdminError};
use crate::config::{Config, SecretSource};
use crate::core::default_tenant;

/// Where a home keeps the secrets that its configuration names.
pub trait SecretPlaces {
    /// What `source` holds now, as it is; none if there is nothing.
    ///
    /// # Errors
    /// In words that follow a colon, if this home has no such place, or it cannot be read.
    fn read(&self, source: &SecretSource) -> Result<Option<SecretString>, String>;

    /// What somebody must do to put a secret there: `set the environment variable OPENAI_API_KEY`.
    fn how_to_fill(&self, source: &SecretSource) -> String;
}

/// What lay in each place when it was looked at.
pub struct Given {
    providers: Vec<GivenKey>,
    metrics_token: Option<SecretString>,
}

struct GivenKey {
    provider: String,
    key: Option<SecretString>,
    how_to_fill: String,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").finish_non_exhaustive()
    }
}

/// Where provider keys are sealed, and with what.
#[derive(Clone, Copy)]
pub struct Vault<'a> {
    /// Seals and records.
    pub admin: &'a Admin,
    /// Keeps what is sealed.
    pub secrets: &'a dyn SecretStore,
    /// Wraps the keys that seal.
    pub keys: &'a dyn KeyProvider,
    /// The adapter's claim to run the gateway.
    pub operator: &'a Operator,
    /// The time.
    pub now: Timestamp,
}

impl fmt::Debug for Vault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// Every secret that the configuration points to, opened.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The API key of each provider that has one, by the provider's name.
    pub provider_keys: BTreeMap<String, SecretString>,
    /// Opens `/metrics`.
    pub metrics_token: Option<SecretString>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Given {
    /// Looks into every place that `config` names.
    ///
    /// # Errors
    /// [`Invalid`](crate::admin::AdminErrorKind::Invalid), naming the provider, if a place cannot be read;
    /// [`NotFound`](crate::admin::AdminErrorKind::NotFound) if the token for metrics is not there.
    pub fn read(config: &Config, places: &dyn SecretPlaces) -> Result<Self, AdminError> {
        let mut providers = Vec::new();
        for provider in &config.providers {
            let Some(source) = &provider.api_key else { continue };
            let what = format!("the API key of the provider {:?}", provider.name);
            providers.push(GivenKey {
                provider: provider.name.clone(),
                key: filled(places, source, &what)?,
                how_to_fill: places.how_to_fill(source),
            });
        }
        let metrics_token = match &config.metrics_token {
            Some(source) => {
                let what = "the token for /metrics";
                let missing =
                    || AdminError::not_found(format!("{what} is not there: {}", places.how_to_fill(source)));
                Some(filled(places, source, what)?.ok_or_else(missing)?)
            }
            None => None,
        };
        Ok(Self {
            providers,
            metrics_token,
        })
    }

    /// Makes sure that what is not in its place is sealed. Changes nothing: for a start that shall fail before it has made
    /// anything.
    ///
    /// # Errors
    /// As for [`seal`](Self::seal).
    pub async fn check(&self, vault: Vault<'_>) -> Result<(), AdminError> {
        for given in self.providers.iter().filter(|given| given.key.is_none()) {
            given.open(vault, None).await?;
            tracing::info!(
                provider = given.provider,
                "its API key is not there any more; the sealed one serves"
            );
        }
        Ok(())
    }

    /// Seals what the store does not hold yet, and returns everything. As long as nobody has made the tenant that would own
    /// the keys, they are taken as they are given.
    ///
    /// # Errors
    /// [`NotFound`](crate::admin::AdminErrorKind::NotFound), saying how to give it, for a key that is in neither place;
    /// [`Invalid`](crate::admin::AdminErrorKind::Invalid) for one that does not open;
    /// [`Store`](crate::admin::AdminErrorKind::Store) if the store does not answer.
    pub async fn seal(self, vault: Vault<'_>) -> Result<Secrets, AdminError> {
        let mut provider_keys = BTreeMap::new();
        if !self.providers.is_empty() {
            let tenants = vault.admin.tenants().await?;
            let has_owner = tenants.iter().any(|tenant| tenant.id == default_tenant());
            for given in self.providers {
                let key = match &given.key {
                    Some(key) if !has_owner => key.clone(),
                    key => given.open(vault, key.clone()).await?,
                };
                provider_keys.insert(given.provider, key);
            }
        }
        Ok(Secrets {
            provider_keys,
            metrics_token: self.metrics_token,
        })
    }
}

impl GivenKey {
    async fn open(&self, vault: Vault<'_>, key: Option<SecretString>) -> Result<SecretString, AdminError> {
        let scope = vault.operator.system_scope(&default_tenant());
        vault
            .admin
            .provider_key(&scope, vault.secrets, vault.keys, &self.provider, key, vault.now)
            .await
            .map_err(|error| error.with_advice(&self.how_to_fill))
    }
}

/// What is in `source`, without the line end that comes with a file; none if there is nothing but space.
fn filled(
    places: &dyn SecretPlaces,
    source: &SecretSource,
    what: &str,
) -> Result<Option<SecretString>, AdminError> {
    let held = places
        .read(source)
        .map_err(|reason| AdminError::invalid(format!("{what} cannot be read: {reason}")))?;
    let text = held.as_ref().map(|text| text.expose_secret().trim());
    Ok(text.filter(|text| !text.is_empty()).map(SecretString::from))
}

/// The key of 32 bytes that `text` spells in 64 hex digits, as `openssl rand -hex 32` makes them.
///
/// # Errors
/// [`NotAKey`], which does not repeat the text.
pub fn parse_key(text: &SecretString) -> Result<[u8; 32], NotAKey> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.expose_secret().trim(), &mut key).map_err(|_| NotAKey)?;
    Ok(key)
}

/// The text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key of 64 hex digits: make one with `openssl rand -hex 32`")]
pub struct NotAKey;

#[cfg(test)]
mod tests;
