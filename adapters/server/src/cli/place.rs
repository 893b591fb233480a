//! Finding the data folder, and doing something in it.

use std::path::{Path, PathBuf};

use workjet_auth::Operator;
use workjet_gateway::Config;
use workjet_tenant::{Scope, TenantId};

use super::Place;
use super::output::Failure;
use crate::DataFolder;

/// Reads a configuration file.
pub(super) fn read_config(file: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::about(file.display(), error))?;
    Ok(Config::from_toml(&text, &file.display().to_string())?)
}

impl Place {
    /// The data folder that `--data` or the configuration names.
    pub(super) fn path(&self) -> Result<PathBuf, Failure> {
        match (&self.data, &self.config) {
            (Some(data), _) => Ok(data.clone()),
            (None, Some(config)) => Ok(read_config(config)?.data),
            (None, None) => Ok(Config::default().data),
        }
    }

    /// Opens the data folder, which a gateway may have open at the same time.
    pub(super) async fn open(&self) -> Result<DataFolder, Failure> {
        Ok(DataFolder::open(&self.path()?).await?)
    }
}

/// Whoever can open the data folder is the operator: nothing in it would stop them.
pub(super) fn operator() -> Operator {
    Operator::dangerously_claim()
}

/// The operator in one tenant.
pub(super) fn scope(tenant: &TenantId) -> Scope {
    operator().scope(tenant)
}

/// Runs a command that waits for stores.
pub(super) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(command)
}
