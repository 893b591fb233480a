//! The audit log on local files.
//!
//! `DATA/audit/<tenant>/` holds `head`, `journal` and `entries/000/000/000` and so on. What is created or replaced goes through a
//! temporary file, an fsync, a rename and an fsync of the folder; the journal is appended to and fsync'd; the head alone is
//! overwritten in place, since it is smaller than a disk sector and its check shows half a write. A lock on `DATA/audit/lock`
//! keeps a second writer away. Readers take no lock: [`LogFolder`] reads while the gateway runs.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use workjet_audit::{Creation, Durability, LogReader, LogStore, is_path};
use workjet_tenant::{ErrorKind, Scope, StoreError, TenantId};

/// Writes the logs of all tenants in a folder. There is one at a time per folder, over all processes.
#[derive(Debug)]
pub struct LogFiles {
    folder: PathBuf,
    tenants: Mutex<HashMap<TenantId, Arc<Mutex<Files>>>>,
    // Released with the file, also when the process is killed.
    _lock: File,
}

impl LogFiles {
    /// Takes the folder (`DATA/audit`), and makes it if need be.
    ///
    /// # Errors
    /// [`ResourceBusy`](io::ErrorKind::ResourceBusy) if another process has it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        create_dir(folder)?;
        let lock = private().create(true).truncate(false).open(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let folder = folder.display();
                return Err(io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    format!(
                        "another process writes the audit log in {folder}; stop it first, or choose another data folder"
                    ),
                ));
            }
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self {
            folder: folder.to_owned(),
            tenants: Mutex::default(),
            _lock: lock,
        })
    }

    fn files(&self, scope: &Scope) -> Arc<Mutex<Files>> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let files = tenants.entry(scope.tenant().clone()).or_insert_with(|| {
            let folder = self.folder.join(scope.tenant().as_str());
            Arc::new(Mutex::new(Files {
                folder,
                journal: None,
                head: None,
            }))
        });
        files.clone()
    }

    /// Runs `work` on the tenant's files, on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        scope: &Scope,
        work: impl FnOnce(&mut Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let files = self.files(scope);
        let caller = Caller(Arc::new(AtomicBool::new(false)));
        let is_gone = caller.0.clone();
        let result = tokio::task::spawn_blocking(move || {
            let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
            // The contract: a call whose future was dropped has happened before the next one starts, or never does. It
            // waited for its thread or for the files, and whoever comes next has counted on its absence.
            if is_gone.load(Ordering::SeqCst) {
                return Err(StoreError::unavailable("the call was given up"));
            }
            work(&mut files)
        });
        let result = result
            .await
            .unwrap_or_else(|_| Err(StoreError::unavailable("the thread that writes was stopped")));
        drop(caller);
        result
    }
}

/// Says, when dropped, that nobody waits any more.
struct Caller(Arc<AtomicBool>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl LogStore for LogFiles {
    async fn create(&self, scope: &Scope, path: &str, bytes: &[u8]) -> Result<Creation, StoreError> {
        let (path, bytes) = (checked(path)?.to_owned(), bytes.to_vec());
        self.run(scope, move |files| {
            files
                .create(&path, &bytes)
                .map_err(|error| files.failed(&path, &error))
        })
        .await
    }

    async fn read(&self, scope: &Scope, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = checked(path)?.to_owned();
        self.run(scope, move |files| files.read(&path)).await
    }

    async fn read_head(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(scope, |files| files.read(HEAD)).await
    }

    async fn compare_and_swap_head(
        &self,
        scope: &Scope,
        expected: Option<&[u8]>,
        new: &[u8],
        durability: Durability,
    ) -> Result<bool, StoreError> {
        // Overwriting in place without waiting for the disk takes less time than a change of threads would.
        if durability == Durability::Process && expected.is_some_and(|expected| expected.len() == new.len()) {
            let files = self.files(scope);
            if let Ok(mut files) = files.try_lock() {
                return files
                    .swap_head(expected, new, durability)
                    .map_err(|error| files.failed(HEAD, &error));
            }
        }
        let (expected, new) = (expected.map(<[u8]>::to_vec), new.to_vec());
        self.run(scope, move |files| {
            files
                .swap_head(expected.as_deref(), &new, durability)
                .map_err(|error| files.failed(HEAD, &error))
        })
        .await
    }

    async fn append_journal(&self, scope: &Scope, at: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let bytes = bytes.to_vec();
        self.run(scope, move |files| match files.append_journal(at, &bytes) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let message = "the journal of the audit log is not as long as this process left it";
                Err(StoreError::new(ErrorKind::Conflict, message))
            }
            Err(error) => Err(files.failed(JOURNAL, &error)),
        })
        .await
    }

    async fn read_journal(&self, scope: &Scope) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(scope, |files| files.read(JOURNAL)).await
    }

    async fn reset_journal(&self, scope: &Scope, bytes: &[u8]) -> Result<(), StoreError> {
        let bytes = bytes.to_vec();
        self.run(scope, move |files| {
            files
                .reset_journal(&bytes)
                .map_err(|error| files.failed(JOURNAL, &error))
        })
        .await
    }
}

const HEAD: &str = "head";
const JOURNAL: &str = "journal";

/// One tenant's files. The handles that every flush needs stay open.
#[derive(Debug)]
struct Files {
    folder: PathBuf,
    journal: Option<File>,
    head: Option<File>,
}

impl Files {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.folder.join(path)).map_err(|error| self.failed(path, &error))
    }

    fn create(&self, path: &str, bytes: &[u8]) -> io::Result<Creation> {
        let path = self.folder.join(path);
        let parent = path.parent().expect("the path lies in the folder");
        create_dir(parent)?;
        let Some(there) = read(&path)? else {
            replace(&path, bytes)?;
            return Ok(Creation::Created);
        };
        if there != bytes {
            return Ok(Creation::Conflict);
        }
        // It was renamed into place, but whether the folder reached the disk before the crash nobody knows.
        File::open(&path)?.sync_all()?;
        Folder::open(parent)?.sync()?;
        Ok(Creation::Identical)
    }

    fn swap_head(&mut self, expected: Option<&[u8]>, new: &[u8], durability: Durability) -> io::Result<bool> {
        let path = self.folder.join(HEAD);
        if self.head.is_none() && expected.is_some() {
            match OpenOptions::new().read(true).write(true).open(&path) {
                Err(error) if is_absent(&error) => return Ok(false),
                file => self.head = Some(file?),
            }
        }
        let Some((file, expected)) = self.head.as_mut().zip(expected) else {
            if read(&path)?.is_some() {
                return Ok(false);
            }
            create_dir(&self.folder)?;
            self.head = Some(replace(&path, new)?);
            return Ok(true);
        };
        let mut there = Vec::with_capacity(expected.len());
        file.seek(SeekFrom::Start(0))?;
        file.take(expected.len() as u64 + 1).read_to_end(&mut there)?;
        if there != expected {
            return Ok(false);
        }
        if new.len() != there.len() {
            self.head = Some(replace(&path, new)?);
            return Ok(true);
        }
        file.seek(SeekFrom::Start(0))?;
        file.write_all(new)?;
        if durability == Durability::Machine {
            file.sync_data()?;
        }
        Ok(true)
    }

    /// False, with nothing written, if the journal is not `at` bytes long.
    fn append_journal(&mut self, at: u64, bytes: &[u8]) -> io::Result<bool> {
        let mut file = match self.journal.take() {
            Some(file) => file,
            None => OpenOptions::new().write(true).open(self.folder.join(JOURNAL))?,
        };
        if file.seek(SeekFrom::End(0))? != at {
            return Ok(false);
        }
        file.write_all(bytes)?;
        // Also writes the new length, without which the bytes could not be found.
        file.sync_data()?;
        self.journal = Some(file);
        Ok(true)
    }

    fn reset_journal(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.journal = None;
        create_dir(&self.folder)?;
        self.journal = Some(replace(&self.folder.join(JOURNAL), bytes)?);
        Ok(())
    }

    fn failed(&self, path: &str, error: &io::Error) -> StoreError {
        StoreError::unavailable(format!("{}: {error}", self.folder.join(path).display()))
    }
}

/// One tenant's log folder, read without its writer.
#[derive(Debug, Clone)]
pub struct LogFolder {
    folder: PathBuf,
}

impl LogFolder {
    /// The log in `folder`, such as `DATA/audit/default`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        let path = self.folder.join(path);
        match File::open(&path) {
            Ok(file) => Ok(Some(Box::new(BufReader::with_capacity(64 * 1024, file)))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(in_file(&path, &error)),
        }
    }
}

impl LogReader for LogFolder {
    fn head(&self) -> io::Result<Option<Vec<u8>>> {
        // A folder that cannot be read must not look like one without a log.
        fs::read_dir(&self.folder).map_err(|error| in_file(&self.folder, &error))?;
        let path = self.folder.join(HEAD);
        read(&path).map_err(|error| in_file(&path, &error))
    }

    fn journal(&self) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        self.open(JOURNAL)
    }

    fn object(&self, path: &str) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        if is_path(path) { self.open(path) } else { Ok(None) }
    }
}

fn checked(path: &str) -> Result<&str, StoreError> {
    // Nothing of a log's own lies beside `entries`, so no object can take the place of the head or the journal.
    if is_path(path) && path.starts_with("entries/") {
        Ok(path)
    } else {
        Err(StoreError::new(
            ErrorKind::Corrupt,
            "not the path of a log's object",
        ))
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn in_file(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Puts `bytes` at `path`, in one step and for good, and returns the file, open for writing.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<File> {
    // Opened first: after the rename there must be nothing left that can fail for want of a handle.
    let folder = Folder::open(path.parent().expect("a file lies in a folder"))?;
    let temporary = path.with_extension("new");
    // What a crash left behind.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private().create_new(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    folder.sync()?;
    Ok(file)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes `folder` for the owner alone, and those above it, and makes each of them survive a crash.
fn create_dir(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    create_dir(parent)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    Folder::open(parent)?.sync()
}

/// A handle on a folder, whose entries it can make durable.
struct Folder {
    #[cfg(unix)]
    file: File,
}

impl Folder {
    #[cfg(unix)]
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
        })
    }

    #[cfg(unix)]
    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Elsewhere folders have no handle to sync; the file system's own journal orders renames.
    #[cfg(not(unix))]
    fn open(_path: &Path) -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
