//! The data folder: what lies where in it.
//!
//! ```text
//! DATA/workjet.sqlite      tenants, users, keys, sessions, sealed secrets, outbox (SQLite)
//! DATA/audit/<tenant>/     the audit log
//! DATA/keys/kek            key-encryption keys
//! DATA/keys/commitment     the key of commitments to bodies
//! DATA/tls/                the local CA (ca.pem is what clients trust) and the certificate
//! ```
//! The folder has mode 0700, the keys 0600. Everything but the log's writer may be opened by many processes at once.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use workjet_auth::LocalKeys;
use workjet_gateway::admin::Admin;
use workjet_sql::SqlStore;

use crate::error::StartError;
use crate::host::{Passwords, SystemEntropy};
use crate::log_files::LogFiles;
use crate::sqlite::{self, Sqlite};
use crate::{key_file, private_file};

/// How long a start waits for an export to end, or for the gateway that it replaces.
const PATIENCE: Duration = Duration::from_secs(3);

/// Every store but the rate limits and the log.
pub type Store = SqlStore<Sqlite>;

/// An opened data folder.
#[derive(Debug, Clone)]
pub struct DataFolder {
    path: PathBuf,
    store: Arc<Store>,
}

impl DataFolder {
    /// Opens the folder, making it first if there is none.
    ///
    /// # Errors
    /// If it cannot be made or written.
    pub async fn create(path: &Path) -> Result<Self, StartError> {
        // Restored in part: a new database would number its changes from 1, and the log would take them for old ones.
        if path.join("audit").exists() && !sqlite::path_in(path).exists() {
            return Err(StartError::file(
                path,
                "there is an audit log but no database: restore it from a backup, or start in an empty folder",
            ));
        }
        for folder in [path, &path.join("keys")] {
            private_file::create_dir(folder).map_err(|error| {
                StartError::file(
                    folder,
                    format!("{error}: choose a folder that can be written with --data"),
                )
            })?;
        }
        Self::open_store(path).await
    }

    /// Opens a folder that a gateway made.
    ///
    /// # Errors
    /// If there is none.
    pub async fn open(path: &Path) -> Result<Self, StartError> {
        if !sqlite::path_in(path).is_file() {
            return Err(StartError::file(
                path,
                "no data folder of a gateway: name it with --data, or start the gateway first",
            ));
        }
        Self::open_store(path).await
    }

    async fn open_store(path: &Path) -> Result<Self, StartError> {
        let file = sqlite::path_in(path);
        let failed = |error| StartError::file(&file, error);
        let store = Store::open(Sqlite::open(&file).map_err(failed)?)
            .await
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            store: Arc::new(store),
        })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the logs of all tenants are.
    pub fn audit(&self) -> PathBuf {
        self.path.join("audit")
    }

    /// Where the local CA is.
    pub fn tls(&self) -> PathBuf {
        self.path.join("tls")
    }

    /// The database, which is every store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What administrators do, on this folder.
    pub fn admin(&self) -> Admin {
        Admin {
            operators: self.store.clone(),
            users: self.store.clone(),
            keys: self.store.clone(),
            entropy: Arc::new(SystemEntropy),
            passwords: Arc::new(Passwords::default()),
        }
    }

    pub(crate) fn key_encryption_keys(&self) -> Result<LocalKeys, StartError> {
        key_file::key_encryption_keys(&self.path.join("keys").join("kek"))
    }

    pub(crate) fn commitment_key(&self) -> Result<[u8; 32], StartError> {
        key_file::commitment_key(&self.path.join("keys").join("commitment"))
    }

    /// The log's files, for the one process that may write them; none if another has them.
    pub(crate) fn try_log_files(&self) -> Result<Option<LogFiles>, StartError> {
        match LogFiles::open(&self.audit()) {
            Ok(files) => Ok(Some(files)),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(None),
            Err(error) => Err(StartError::file(&self.audit(), error)),
        }
    }

    /// The log's files. Waits a little for a process that is about to end.
    pub(crate) async fn log_files(&self) -> Result<LogFiles, StartError> {
        let began = Instant::now();
        loop {
            if let Some(files) = self.try_log_files()? {
                return Ok(files);
            }
            if began.elapsed() > PATIENCE {
                return Err(StartError::file(
                    &self.path,
                    "another gateway uses this data folder: stop it, or name another folder with --data",
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
