//! The secrets that the configuration points to: provider keys and the token for metrics.
//!
//! They are read before anything is made, and fail the start then; provider keys are sealed into the store once there is a
//! tenant to own them.

use std::collections::BTreeMap;

use workjet_auth::{Operator, SecretString};
use workjet_gateway::config::{Config, SecretSource};
use workjet_gateway::{Clock as _, default_tenant};

use crate::data::DataFolder;
use crate::error::StartError;
use crate::host::SystemClock;

/// What lay in each place when the gateway started.
pub(crate) struct Given {
    providers: Vec<(String, Option<SecretString>)>,
    metrics_token: Option<SecretString>,
}

impl Given {
    /// Reads every place, and fails if one is empty and the store has nothing sealed for it either.
    pub(crate) async fn read(
        config: &Config,
        data: &DataFolder,
        operator: &Operator,
    ) -> Result<Self, StartError> {
        let mut providers = Vec::new();
        for provider in &config.providers {
            let Some(source) = &provider.api_key else { continue };
            let given = secret(source)?;
            if given.is_none() {
                provider_key(data, operator, &provider.name, None)
                    .await
                    .map_err(|error| StartError::new(format!("{error}: {}", how_to_fill(source))))?;
                tracing::info!(
                    provider = provider.name,
                    "its API key is not there any more; the sealed one serves"
                );
            }
            providers.push((provider.name.clone(), given));
        }
        let metrics_token = match &config.metrics_token {
            Some(source) => Some(secret(source)?.ok_or_else(|| {
                StartError::new(format!(
                    "the token for /metrics is not there: {}",
                    how_to_fill(source)
                ))
            })?),
            None => None,
        };
        Ok(Self {
            providers,
            metrics_token,
        })
    }

    /// Seals what the store does not hold yet. Returns the key of each provider by its name, and the token for metrics.
    pub(crate) async fn seal(
        self,
        data: &DataFolder,
        operator: &Operator,
    ) -> Result<(BTreeMap<String, SecretString>, Option<SecretString>), StartError> {
        let mut keys = BTreeMap::new();
        for (provider, given) in self.providers {
            let key = provider_key(data, operator, &provider, given).await?;
            keys.insert(provider, key);
        }
        Ok((keys, self.metrics_token))
    }
}

async fn provider_key(
    data: &DataFolder,
    operator: &Operator,
    provider: &str,
    given: Option<SecretString>,
) -> Result<SecretString, StartError> {
    let (scope, kek) = (
        operator.system_scope(&default_tenant()),
        data.key_encryption_keys()?,
    );
    let store = data.store().as_ref();
    Ok(data
        .admin()
        .provider_key(&scope, store, &kek, provider, given, SystemClock.now())
        .await?)
}

/// What is in `source` now; none if the variable or file is not there, or empty.
fn secret(source: &SecretSource) -> Result<Option<SecretString>, StartError> {
    let text = match source {
        SecretSource::Env(name) => match std::env::var(name) {
            Ok(text) => text,
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(StartError::new(format!(
                    "the environment variable {name} is not UTF-8"
                )));
            }
        },
        SecretSource::File(path) => match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StartError::file(path, error)),
        },
        _ => return Ok(None),
    };
    let text = text.trim();
    Ok((!text.is_empty()).then(|| SecretString::from(text)))
}

fn how_to_fill(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("set the environment variable {name}"),
        SecretSource::File(path) => format!("write it to {}", path.display()),
        _ => "its source is unknown".into(),
    }
}
