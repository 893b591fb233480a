//! Where a server's secrets lie: environment variables and files.

use std::env::VarError;
use std::io::ErrorKind;

use workjet_auth::SecretString;
use workjet_gateway::config::SecretSource;
use workjet_gateway::secrets::SecretPlaces;

/// This process's environment, and the files that it can read.
pub(crate) struct Machine;

impl SecretPlaces for Machine {
    fn read(&self, source: &SecretSource) -> Result<Option<SecretString>, String> {
        match source {
            SecretSource::Env(name) => match std::env::var(name) {
                Ok(text) => Ok(Some(text.into())),
                Err(VarError::NotPresent) => Ok(None),
                Err(VarError::NotUnicode(_)) => Err(format!("the environment variable {name} is not UTF-8")),
            },
            SecretSource::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(Some(text.into())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(format!("{}: {error}", path.display())),
            },
            _ => Err("a server does not know this kind of place".to_owned()),
        }
    }

    fn how_to_fill(&self, source: &SecretSource) -> String {
        match source {
            SecretSource::Env(name) => format!("set the environment variable {name}"),
            SecretSource::File(path) => format!("write it to {}", path.display()),
            _ => "use { env = … } or { file = … }".to_owned(),
        }
    }
}
