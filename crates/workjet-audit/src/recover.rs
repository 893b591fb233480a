//! Finds out where a log stands, from what is stored.
//!
//! The journal decides: an entry counts if its commit line is whole. What follows the last commit line was never
//! acknowledged and is cut, if it looks like a write that a crash interrupted; anything else that does not fit is
//! corruption, and the log refuses to go on.

use std::collections::HashMap;

use workjet_tenant::{Scope, StoreError, TenantId};

use crate::chain::Hash;
use crate::frame::{self, BUNDLE, Header, JournalLine, JournalReader, Note, OpenIntents};
use crate::{AuditError, Checkpoint, Creation, Durability, ErrorKind, LogStore};

/// A log that is ready to grow.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) at: Checkpoint,
    pub(crate) cursor: u64,
    pub(crate) open: OpenIntents,
    /// The first entry of the journal; a multiple of [`BUNDLE`].
    pub(crate) start: Checkpoint,
    /// The entry lines from `start` on: the next bundle in the making.
    pub(crate) lines: Vec<u8>,
    pub(crate) journal_bytes: u64,
    pub(crate) head: Vec<u8>,
    /// Where the entries of the journal and of the bundle before it are, by leaf hash.
    pub(crate) recent: HashMap<Hash, u64>,
}

impl Ready {
    /// How many entries the journal holds.
    pub(crate) const fn len(&self) -> u64 {
        self.at.size - self.start.size
    }

    /// Reads and mends the scope's log, or begins it.
    pub(crate) async fn recover<S: LogStore>(store: &S, scope: &Scope) -> Result<Self, AuditError> {
        let tenant = scope.tenant();
        let stored_head = store.read_head(scope).await.map_err(unavailable)?;
        let head = match &stored_head {
            None => None,
            Some(bytes) => match Checkpoint::parse_head(bytes) {
                Some((named, head)) if named == *tenant => Some(head),
                _ => return Err(corrupt(tenant, "its head is not what Workjet wrote")),
            },
        };
        let Some(journal) = store.read_journal(scope).await.map_err(unavailable)? else {
            return match head {
                None if store
                    .read(scope, &frame::bundle_path(0))
                    .await
                    .map_err(unavailable)?
                    .is_none() =>
                {
                    Self::begin(store, scope).await
                }
                _ => Err(corrupt(tenant, "its journal is missing")),
            };
        };
        let mut ready = Self::replay(tenant, &journal)?;
        let before = ready.bundle_before(store, scope).await?;
        ready.check_head(tenant, head.as_ref(), before.as_deref())?;
        ready.remember(before.as_deref());
        // Written anew even if nothing is cut: when an fsync failed, the journal that can be read is not always the one on
        // the disk.
        let keep = usize::try_from(ready.journal_bytes).expect("it is in memory");
        store
            .reset_journal(scope, &journal[..keep])
            .await
            .map_err(stopped)?;
        ready.head = stored_head.unwrap_or_default();
        ready.swap_head(store, scope, Durability::Machine).await?;
        if ready.len() == BUNDLE {
            ready.roll(store, scope).await?;
        }
        Ok(ready)
    }

    async fn begin<S: LogStore>(store: &S, scope: &Scope) -> Result<Self, AuditError> {
        let start = Checkpoint::genesis(scope.tenant());
        let mut ready = Self {
            at: start,
            cursor: 0,
            open: OpenIntents::default(),
            start,
            lines: Vec::new(),
            journal_bytes: 0,
            head: Vec::new(),
            recent: HashMap::new(),
        };
        ready.reset_journal(store, scope).await?;
        ready.swap_head(store, scope, Durability::Machine).await?;
        Ok(ready)
    }

    fn replay(tenant: &TenantId, journal: &[u8]) -> Result<Self, AuditError> {
        let first = journal
            .split(|&byte| byte == b'\n')
            .next()
            .expect("a split has a first part");
        let header = Header::parse(first)
            .filter(|header| header.tenant == *tenant && journal.len() > first.len())
            .ok_or_else(|| corrupt(tenant, "its journal's first line is not what Workjet wrote"))?;
        let mut reader = JournalReader::new(&header);
        let mut ready = Self {
            at: header.start,
            cursor: header.cursor,
            open: header.open,
            start: header.start,
            lines: Vec::new(),
            journal_bytes: first.len() as u64 + 1,
            head: Vec::new(),
            recent: HashMap::new(),
        };
        // Lines and notes of a flush whose commit line has not come yet.
        let (mut lines, mut notes) = (Vec::new(), Vec::new());
        let mut rest = &journal[first.len() + 1..];
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            match reader.read(&rest[..end]) {
                Some(JournalLine::Entry(entry)) => {
                    lines.extend_from_slice(&rest[..=end]);
                    notes.push(Note::of_json(entry));
                }
                Some(JournalLine::Commit) => {
                    ready.lines.append(&mut lines);
                    notes.drain(..).for_each(|note| ready.open.note(note.as_ref()));
                    ready.journal_bytes = (journal.len() - rest.len() + end + 1) as u64;
                }
                None => break,
            }
            rest = &rest[end + 1..];
        }
        (ready.at, ready.cursor) = (reader.committed, reader.cursor);
        // A page that never reached the disk reads as zeros, which no line holds.
        let is_torn = (!rest.contains(&b'\n') && reader.may_begin_with(rest)) || rest.contains(&0);
        if !rest.is_empty() && !is_torn {
            return Err(corrupt(
                tenant,
                &format!("its journal holds something else than entry {}", reader.at.size),
            ));
        }
        if ready.len() > BUNDLE {
            return Err(corrupt(tenant, "its journal is longer than Workjet writes it"));
        }
        Ok(ready)
    }

    /// The bundle that the journal follows.
    async fn bundle_before<S: LogStore>(
        &self,
        store: &S,
        scope: &Scope,
    ) -> Result<Option<Vec<u8>>, AuditError> {
        let Some(number) = (self.start.size / BUNDLE).checked_sub(1) else {
            return Ok(None);
        };
        let bundle = store
            .read(scope, &frame::bundle_path(number))
            .await
            .map_err(unavailable)?;
        let bundle = bundle.ok_or_else(|| corrupt(scope.tenant(), &format!("bundle {number} is missing")))?;
        if hash_after(&bundle, self.start.size) != Some(self.start.hash.to_string()) {
            return Err(corrupt(
                scope.tenant(),
                &format!("bundle {number} and the journal do not fit together"),
            ));
        }
        Ok(Some(bundle))
    }

    /// The head may lag behind the journal but not run ahead of it, and both must tell the same story.
    fn check_head(
        &self,
        tenant: &TenantId,
        head: Option<&Checkpoint>,
        before: Option<&[u8]>,
    ) -> Result<(), AuditError> {
        let Some(head) = head else {
            // The first journal is made before the first head.
            return if self.at.size == 0 {
                Ok(())
            } else {
                Err(corrupt(tenant, "its head is missing"))
            };
        };
        let hash = match head.size {
            size if size > self.at.size => {
                let missing = format!(
                    "its head says {size} entries but there are {}: entries were lost",
                    self.at.size
                );
                return Err(corrupt(tenant, &missing));
            }
            size if size == self.start.size => Some(self.start.hash.to_string()),
            size if size > self.start.size => hash_after(&self.lines, size),
            // A crash came after the last bundle and before the head.
            size => before.and_then(|bundle| match size + BUNDLE {
                first if first == self.start.size => Some(head.hash.to_string()),
                _ => hash_after(bundle, size),
            }),
        };
        if hash == Some(head.hash.to_string()) {
            Ok(())
        } else {
            Err(corrupt(tenant, "its head and its entries do not fit together"))
        }
    }

    fn remember(&mut self, before: Option<&[u8]>) {
        let first = self.start.size.saturating_sub(BUNDLE);
        let lines = [before.unwrap_or_default(), &self.lines].into_iter();
        let lines = lines.flat_map(|lines| lines.split(|&byte| byte == b'\n'));
        self.recent = lines
            .filter(|line| !line.is_empty())
            .zip(first..)
            .filter_map(|(line, index)| Some((Hash::leaf(frame::entry_of(line, index)?.as_bytes()), index)))
            .collect();
    }

    /// Makes a bundle of a full journal, and begins the next.
    pub(crate) async fn roll<S: LogStore>(&mut self, store: &S, scope: &Scope) -> Result<(), AuditError> {
        let path = frame::bundle_path(self.start.size / BUNDLE);
        match store.create(scope, &path, &self.lines).await.map_err(stopped)? {
            // Identical: a crash came between the bundle and the journal.
            Creation::Created | Creation::Identical => {}
            Creation::Conflict => {
                return Err(corrupt(
                    scope.tenant(),
                    &format!("{path} holds other entries than the journal"),
                ));
            }
        }
        let first = self.start.size;
        self.recent.retain(|_, index| *index >= first);
        self.start = self.at;
        self.lines.clear();
        self.reset_journal(store, scope).await?;
        self.swap_head(store, scope, Durability::Machine).await
    }

    pub(crate) async fn swap_head<S: LogStore>(
        &mut self,
        store: &S,
        scope: &Scope,
        durability: Durability,
    ) -> Result<(), AuditError> {
        let head = self.at.write_head(scope.tenant());
        let expected = (!self.head.is_empty()).then_some(self.head.as_slice());
        if !store
            .compare_and_swap_head(scope, expected, &head, durability)
            .await
            .map_err(stopped)?
        {
            let message = format!(
                "another process writes the audit log of {}: only one may",
                scope.tenant()
            );
            return Err(AuditError::new(ErrorKind::Stopped, message));
        }
        self.head = head;
        Ok(())
    }

    async fn reset_journal<S: LogStore>(&mut self, store: &S, scope: &Scope) -> Result<(), AuditError> {
        let header = Header {
            tenant: scope.tenant().clone(),
            start: self.start,
            cursor: self.cursor,
            open: self.open.clone(),
        };
        let bytes = header.write();
        store.reset_journal(scope, &bytes).await.map_err(stopped)?;
        self.journal_bytes = bytes.len() as u64;
        Ok(())
    }
}

/// The chain hash after `size` entries, from the line that says so.
fn hash_after(lines: &[u8], size: u64) -> Option<String> {
    let prefix = format!("{} ", size.checked_sub(1)?);
    let mut lines = lines.split(|&byte| byte == b'\n');
    let line = lines.find(|line| line.starts_with(prefix.as_bytes()))?;
    Some(
        std::str::from_utf8(line.get(prefix.len()..prefix.len() + 64)?)
            .ok()?
            .to_owned(),
    )
}

pub(crate) fn corrupt(tenant: &TenantId, what: &str) -> AuditError {
    AuditError::corrupt(format!(
        "the audit log of {tenant} was changed: {what}. Keep a copy of its folder, see what `workjet audit verify` says, and \
         restore the log from a backup"
    ))
}

pub(crate) fn unavailable(error: StoreError) -> AuditError {
    AuditError::new(
        ErrorKind::Unavailable,
        format!("cannot read the audit log: {error}"),
    )
}

/// After a failed write nobody knows what is on the disk.
pub(crate) fn stopped(error: StoreError) -> AuditError {
    AuditError::new(
        ErrorKind::Stopped,
        format!("a write to the audit log failed: {error}"),
    )
}
