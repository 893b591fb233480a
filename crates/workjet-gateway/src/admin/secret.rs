//! Provider keys on their way into the store.

use jiff::Timestamp;
use workjet_audit::Kind;
use workjet_auth::{
    ExposeSecret, KeyProvider, SealEntropy, SealError, SecretStore, SecretString, open, seal,
};
use workjet_tenant::Scope;

use super::{Admin, AdminError};

impl Admin {
    /// The API key of `provider`, and makes the store hold what the configuration says.
    ///
    /// `given` is what its place (a variable, a file) held just now; it is sealed if the store holds another. When the
    /// place is empty the sealed one serves: that is what it was sealed for.
    ///
    /// # Errors
    /// [`NotFound`](super::AdminErrorKind::NotFound) if there is none in either; [`Store`](super::AdminErrorKind::Store) if the store
    /// does not answer; [`Invalid`](super::AdminErrorKind::Invalid) if the sealed one does not open and none is given.
    pub async fn provider_key(
        &self,
        scope: &Scope,
        secrets: &dyn SecretStore,
        keys: &dyn KeyProvider,
        provider: &str,
        given: Option<SecretString>,
        now: Timestamp,
    ) -> Result<SecretString, AdminError> {
        let name = format!("provider/{provider}");
        let sealed = secrets.fetch(scope, &name).await?;
        let stored = match &sealed {
            Some(sealed) => Some(open(keys, scope, sealed).await),
            None => None,
        };
        let Some(given) = given else {
            return match stored {
                Some(stored) => stored.map_err(|error| does_not_open(provider, &error)),
                None => Err(AdminError::not_found(format!(
                    "the provider {provider:?} has no API key"
                ))),
            };
        };
        // One that does not open, after a key file was lost for instance, is replaced.
        if !stored
            .is_some_and(|stored| stored.is_ok_and(|stored| stored.expose_secret() == given.expose_secret()))
        {
            let entropy = SealEntropy::new(self.random());
            let sealed = seal(keys, scope, &name, provider, &given, now, entropy)
                .await
                .map_err(|error| does_not_open(provider, &error))?;
            let record = self.record(
                scope,
                Kind::AdminSecretSealed,
                &name,
                now,
                [("provider", provider)],
            );
            secrets.put(scope, &sealed, &record).await?;
        }
        Ok(given)
    }
}

fn does_not_open(provider: &str, error: &SealError) -> AdminError {
    AdminError::invalid(format!("the API key of the provider {provider:?}: {error}"))
}
