//! Takes entries from many requests and writes them as one.
//!
//! An append puts its entry into the tenant's pool and then waits for one of two things: that somebody else wrote it, or
//! that it holds the writer's lock. Whoever holds the lock leads: it takes the whole pool, drains the outbox, and writes all of
//! it in one flush. So while one flush is on its way to the disk the next one gathers, and a thousand requests share a
//! few fsyncs. There is no task and no timer in here; the callers' own futures do the work.
//!
//! A leader may be dropped in the middle (its client hung up). What it was about to write stays with the writer, marked as
//! uncertain; the next leader reads back what really happened and finishes the rest. That is not the reading back that
//! must not be done after an error: an error means that the disk may say one thing and hold another, and stops the log.

mod batch;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use jiff::Timestamp;
use workjet_tenant::{Outbox, PendingRecord, Scope, TenantId};

use self::batch::{Item, Pending, State, Writer};
use crate::chain::Hash;
use crate::frame::{self, BUNDLE};
use crate::recover::{Ready, corrupt, stopped, unavailable};
use crate::{AuditError, AuditSink, Checkpoint, Durability, Entry, ErrorKind, LogStore, Logged, Receipt};

/// How many outbox records are read at once.
const OUTBOX_PAGE: usize = 256;

/// How many entries one [`AuditSink::read`] hands out at most.
const MAX_READ: usize = 1024;

/// The audit logs of all tenants, over one store. The process that has it is the only one that writes them.
///
/// # What it never does twice
/// - **One request has one intent and one outcome.** An outcome is taken only while its intent is open, and an intent only
///   while the request has none that is open; anything else is [`Invalid`](ErrorKind::Invalid). So what comes after its
///   intent was closed as `unknown` is refused: its sender learns that the log says otherwise.
/// - **One entry has one place.** When the same bytes come again, because the first answer was lost, they get the place
///   that they have. The log knows the last 256 entries at least, also after it was opened anew; what is
///   older would be logged once more, unless it is an intent or outcome that the first rule refuses.
///
/// ```
/// # futures_executor::block_on(async {
/// use workjet_audit::{AuditSink, Entry, Kind, Log, MemoryLogStore};
/// use workjet_auth::Operator;
///
/// let tenant: workjet_tenant::TenantId = "acme".parse()?;
/// let scope = Operator::dangerously_claim().scope(&tenant);
/// let now = "2026-11-23T09:30:00Z".parse()?;
///
/// let log = Log::new(MemoryLogStore::new());
/// log.start(&scope, now).await?;
/// let entry = Entry::new("e-1", now, tenant, scope.actor().clone(), Kind::SystemStarted);
/// assert_eq!(log.append(&scope, entry).await?.index, 0);
/// assert_eq!(log.checkpoint(&scope).await?.size, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Log<S> {
    store: S,
    outbox: Option<Arc<dyn Outbox>>,
    has_remote_callers: bool,
    reads_back: bool,
    tenants: Mutex<HashMap<TenantId, Arc<TenantLog>>>,
}

/// What [`Log::start`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The log's size after it.
    pub size: u64,
    /// How many intents an earlier process left without an outcome.
    pub closed: usize,
}

struct TenantLog {
    scope: Scope,
    pool: Mutex<Vec<Pending>>,
    writer: futures_util::lock::Mutex<Writer>,
}

impl<S: LogStore> Log<S> {
    /// Logs over `store`. Nothing is read until a tenant's log is first used.
    pub fn new(store: S) -> Self {
        Self {
            store,
            outbox: None,
            has_remote_callers: false,
            reads_back: false,
            tenants: Mutex::default(),
        }
    }

    /// Drains `outbox` before each append, so that administrative changes are logged no later than what follows them.
    #[must_use]
    pub fn with_outbox(mut self, outbox: Arc<dyn Outbox>) -> Self {
        self.outbox = Some(outbox);
        self
    }

    /// For callers in other processes, whose requests go on while this log ends and is opened anew, as in a Durable Object that
    /// is evicted and woken. Opening then closes nothing; [`close_overdue`](Self::close_overdue) alone does.
    #[must_use]
    pub const fn with_remote_callers(mut self) -> Self {
        self.has_remote_callers = true;
        self
    }

    /// For a store that shows after a failed write what it holds for good, as a database and an object store do; a file
    /// system may show pages that never reach the disk. A failed write then refuses the entries of that moment, with
    /// [`Unavailable`](ErrorKind::Unavailable), and the next one reads back what was written and goes on. Otherwise the log stays
    /// stopped until the process starts anew, which an object that is woken by each request might never do.
    #[must_use]
    pub const fn with_read_back(mut self) -> Self {
        self.reads_back = true;
        self
    }

    /// Opens the scope's log: replays its journal, closes every intent that an earlier process left without an outcome as
    /// `ai.outcome` with the code `unknown`, and drains the outbox. Call it for every tenant when the gateway starts; a log
    /// that was not started so opens with its first append.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) if the log is not as it was written. Then the gateway must not start.
    pub async fn start(&self, scope: &Scope, now: Timestamp) -> Result<Started, AuditError> {
        let tenant = self.tenant(scope);
        let mut writer = tenant.writer.lock().await;
        self.ready(scope, &mut writer).await?;
        let closed = writer.overdue.len();
        self.lead(&tenant, &mut writer, Some(now)).await?;
        Ok(Started {
            size: writer.opened()?.at.size,
            closed,
        })
    }

    /// Appends what waits in the scope's outbox. For after a change that no request follows.
    ///
    /// # Errors
    /// As for [`AuditSink::append`].
    pub async fn drain_outbox(&self, scope: &Scope) -> Result<(), AuditError> {
        let tenant = self.tenant(scope);
        let mut writer = tenant.writer.lock().await;
        self.lead(&tenant, &mut writer, None).await
    }

    /// Closes as `unknown` every intent of the scope that is `deadline` old or older and has no outcome, and returns how many.
    /// The outcome of a request that still runs then is refused when it ends; so `deadline` is longer than any request.
    ///
    /// # Errors
    /// As for [`AuditSink::append`].
    pub async fn close_overdue(
        &self,
        scope: &Scope,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<usize, AuditError> {
        let tenant = self.tenant(scope);
        let mut writer = tenant.writer.lock().await;
        self.ready(scope, &mut writer).await?;
        let deadline_ms = i64::try_from(deadline.as_millis()).unwrap_or(i64::MAX);
        let latest = now.as_millisecond().saturating_sub(deadline_ms);
        let open = &writer.opened()?.open.0;
        let overdue: Vec<String> = open
            .iter()
            .filter(|(_, begun)| **begun <= latest)
            .map(|(request, _)| request.clone())
            .collect();
        writer.overdue.extend(overdue);
        writer.overdue.sort_unstable();
        writer.overdue.dedup();
        let closed = writer.overdue.len();
        self.lead(&tenant, &mut writer, Some(now)).await?;
        Ok(closed)
    }

    /// When the scope's oldest open intent becomes older than `deadline`, so that [`close_overdue`](Self::close_overdue) has
    /// something to do; none if no intent is open.
    ///
    /// # Errors
    /// If the log cannot be opened.
    pub async fn due(&self, scope: &Scope, deadline: Duration) -> Result<Option<Timestamp>, AuditError> {
        let tenant = self.tenant(scope);
        let mut writer = tenant.writer.lock().await;
        self.ready(scope, &mut writer).await?;
        let oldest = writer.opened()?.open.0.values().min();
        Ok(oldest.map(|&begun| {
            let begun = Timestamp::from_millisecond(begun).unwrap_or(Timestamp::MIN);
            begun.saturating_add(deadline).unwrap_or(Timestamp::MAX)
        }))
    }

    /// Writes what waits, makes the heads survive a power failure, and refuses entries from then on.
    ///
    /// # Errors
    /// The first log's that could not be closed; all others are closed nevertheless.
    pub async fn close(&self) -> Result<(), AuditError> {
        let mut result = Ok(());
        let tenants: Vec<_> = lock(&self.tenants).values().cloned().collect();
        for tenant in tenants {
            let mut writer = tenant.writer.lock().await;
            if matches!(writer.state, State::Unopened) && lock(&tenant.pool).is_empty() {
                continue;
            }
            let mut closed = self.lead(&tenant, &mut writer, None).await;
            if let (Ok(()), State::Ready(ready)) = (&closed, &mut writer.state) {
                closed = ready
                    .swap_head(&self.store, &tenant.scope, Durability::Machine)
                    .await;
            }
            if !matches!(writer.state, State::Stopped(_)) {
                let message = "the gateway is shutting down and takes no entries any more";
                writer.state = State::Stopped(AuditError::new(ErrorKind::Closed, message));
            }
            result = result.and(closed);
        }
        result
    }

    fn tenant(&self, scope: &Scope) -> Arc<TenantLog> {
        let mut tenants = lock(&self.tenants);
        if let Some(tenant) = tenants.get(scope.tenant()) {
            return tenant.clone();
        }
        let tenant = Arc::new(TenantLog {
            scope: scope.clone(),
            pool: Mutex::default(),
            writer: futures_util::lock::Mutex::default(),
        });
        tenants.insert(scope.tenant().clone(), tenant.clone());
        tenant
    }

    /// Writes everything that waits, and tells those who wait for it.
    async fn lead(
        &self,
        tenant: &TenantLog,
        writer: &mut Writer,
        now: Option<Timestamp>,
    ) -> Result<(), AuditError> {
        // From here on the entries are the writer's, which outlives this future.
        writer.batch.extend(lock(&tenant.pool).drain(..));
        let result = self.write(&tenant.scope, writer, now).await;
        if let Err(error) = &result {
            for pending in writer.batch.drain(..) {
                pending.tell(Err(error.clone()));
            }
        }
        result
    }

    async fn write(
        &self,
        scope: &Scope,
        writer: &mut Writer,
        now: Option<Timestamp>,
    ) -> Result<(), AuditError> {
        let mut after = 0;
        loop {
            self.ready(scope, writer).await?;
            let page = self.read_outbox(scope, after).await?;
            let is_last = page.len() < OUTBOX_PAGE;
            after = page.last().map_or(after, |record| record.sequence);
            let mut items = writer.unlogged(&page)?;
            let cursor = writer.opened()?.cursor.max(after);
            if is_last {
                writer.sort_out();
                if let Some(now) = now {
                    items.extend(
                        writer
                            .unknown_outcomes(scope, now)
                            .iter()
                            .map(|entry| Item::of(entry, cursor)),
                    );
                }
                items.extend(writer.batch.iter().map(|pending| pending.item(cursor)));
            }
            if let Err(error) = self.flush(scope, writer, items).await {
                return Err(self.stop(writer, error));
            }
            if let Some(outbox) = self.outbox.as_ref().filter(|_| !page.is_empty()) {
                // What keeps a record from being logged twice, should it stay, is what the log knows of it.
                match outbox.forget(scope, after).await {
                    Ok(()) => writer.drained.retain(|&sequence, _| sequence > after),
                    Err(_) => writer.drained.extend(page.iter().map(|record| {
                        let leaf = Hash::leaf(record.record.as_str().as_bytes());
                        (record.sequence, leaf)
                    })),
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// The next page of the outbox.
    async fn read_outbox(&self, scope: &Scope, after: u64) -> Result<Vec<PendingRecord>, AuditError> {
        let Some(outbox) = &self.outbox else {
            return Ok(Vec::new());
        };
        let page = outbox.pending(scope, after, OUTBOX_PAGE).await.map_err(|error| {
            AuditError::new(
                ErrorKind::Unavailable,
                format!("cannot read the outbox of the audit log: {error}"),
            )
        })?;
        let mut last = after;
        for PendingRecord { sequence, record } in &page {
            if !frame::is_loggable(record.as_str()) || *sequence <= last {
                let message = format!(
                    "outbox record {sequence} of {} is not an audit entry",
                    scope.tenant()
                );
                return Err(AuditError::new(ErrorKind::Invalid, message));
            }
            last = *sequence;
        }
        Ok(page)
    }

    /// Opens the log, or finds out what became of a flush whose leader was dropped.
    async fn ready(&self, scope: &Scope, writer: &mut Writer) -> Result<(), AuditError> {
        match &writer.state {
            State::Stopped(error) => return Err(error.clone()),
            State::Ready(_) if !writer.is_uncertain => return Ok(()),
            State::Ready(_) | State::Unopened => {}
        }
        let ready = match Ready::recover(&self.store, scope).await {
            Ok(ready) => ready,
            Err(error) => return Err(self.stop(writer, error)),
        };
        if matches!(writer.state, State::Unopened) && !self.has_remote_callers {
            // Nobody in this process began these, so nobody will end them.
            writer.overdue = ready.open.0.keys().cloned().collect();
        }
        // Nobody else writes this log, so an index that exists now holds the entry it was planned for.
        let written = writer
            .batch
            .iter()
            .take_while(|pending| pending.planned.is_some_and(|n| n < ready.at.size))
            .count();
        for pending in writer.batch.drain(..written) {
            let index = pending.planned.expect("just checked");
            pending.tell(Ok(index));
        }
        // What is left was not written, and gets its place anew.
        for pending in &mut writer.batch {
            pending.planned = None;
        }
        writer
            .overdue
            .retain(|request| ready.open.0.contains_key(request));
        writer.state = State::Ready(ready);
        writer.is_uncertain = false;
        Ok(())
    }

    /// What an error means for the log. A store that did not answer a question has changed nothing.
    fn stop(&self, writer: &mut Writer, error: AuditError) -> AuditError {
        match error.kind() {
            ErrorKind::Unavailable => error,
            ErrorKind::Stopped if self.reads_back => {
                writer.is_uncertain = true;
                let message = format!("{error}; what was written of it shows when the log is used next");
                AuditError::new(ErrorKind::Unavailable, message)
            }
            ErrorKind::Stopped => {
                let message =
                    format!("the audit log stopped: {error}; mend that, then start the gateway anew");
                let error = AuditError::new(ErrorKind::Stopped, message);
                writer.state = State::Stopped(error.clone());
                error
            }
            _ => {
                writer.state = State::Stopped(error.clone());
                error
            }
        }
    }

    /// Writes `items`, with one flush for each bundle that they reach into. An error is for good.
    async fn flush(&self, scope: &Scope, writer: &mut Writer, items: Vec<Item>) -> Result<(), AuditError> {
        let Writer {
            state: State::Ready(ready),
            batch,
            is_uncertain,
            overdue,
            ..
        } = writer
        else {
            unreachable!("a log is made ready before it is written")
        };
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let room = usize::try_from(BUNDLE - ready.len()).expect("at most 256");
            let flush: Vec<Item> = items.by_ref().take(room).collect();
            // Items are awaited in the order of the batch, and leave it as they are written.
            let mut waiting = batch.iter_mut();
            for (_, index) in flush
                .iter()
                .zip(ready.at.size..)
                .filter(|(item, _)| item.is_awaited)
            {
                waiting
                    .next()
                    .expect("the batch holds every awaited item")
                    .planned = Some(index);
            }
            let cursor = flush
                .last()
                .expect("an item was left, and a full journal does not stay")
                .cursor;
            let mut bytes = Vec::new();
            let (at, entry_bytes) = frame::write_flush(
                ready.at,
                flush.iter().map(|item| &*item.entry),
                cursor,
                &mut bytes,
            );

            *is_uncertain = true;
            self.store
                .append_journal(scope, ready.journal_bytes, &bytes)
                .await
                .map_err(stopped)?;
            // The entries are durable from here. The head follows only now, so that it never promises what is not there.
            ready.lines.extend_from_slice(&bytes[..entry_bytes]);
            ready.journal_bytes += bytes.len() as u64;
            (ready.at, ready.cursor) = (at, cursor);
            let written = flush.iter().filter(|item| item.is_awaited).count();
            let places = batch.iter().take(written);
            ready
                .recent
                .extend(places.filter_map(|pending| Some((pending.leaf, pending.planned?))));
            let first = at.size - flush.len() as u64;
            let own = flush.iter().zip(first..).filter(|(item, _)| !item.is_awaited);
            ready
                .recent
                .extend(own.map(|(item, index)| (Hash::leaf(item.entry.as_bytes()), index)));
            flush.iter().for_each(|item| ready.open.note(item.note.as_ref()));
            ready.swap_head(&self.store, scope, Durability::Process).await?;

            for pending in batch.drain(..written) {
                let index = pending.planned.expect("was planned above");
                pending.tell(Ok(index));
            }
            overdue.retain(|request| ready.open.0.contains_key(request));
            if ready.len() == BUNDLE {
                ready.roll(&self.store, scope).await?;
            }
            *is_uncertain = false;
        }
        Ok(())
    }
}

#[async_trait]
impl<S: LogStore> AuditSink for Log<S> {
    async fn append(&self, scope: &Scope, entry: Entry) -> Result<Receipt, AuditError> {
        if entry.tenant != *scope.tenant() {
            let message = format!(
                "an entry of {} does not belong into the log of {}",
                entry.tenant,
                scope.tenant()
            );
            return Err(AuditError::new(ErrorKind::Invalid, message));
        }
        let now = entry.time;
        let (pending, written) = Pending::new(&entry);
        let tenant = self.tenant(scope);
        lock(&tenant.pool).push(pending);

        let written = match select(written, tenant.writer.lock()).await {
            Either::Left((written, _)) => written,
            Either::Right((mut writer, mut written)) => match written.try_recv() {
                // Somebody led while we waited for the lock.
                Ok(Some(result)) => Ok(result),
                _ => {
                    // The error, if it is one, comes through `written` too.
                    let _ = self.lead(&tenant, &mut writer, Some(now)).await;
                    drop(writer);
                    written.await
                }
            },
        };
        let index = written.map_err(|_| AuditError::new(ErrorKind::Closed, "the audit log is gone"))??;
        Ok(Receipt {
            log: scope.tenant().clone(),
            index,
        })
    }

    async fn checkpoint(&self, scope: &Scope) -> Result<Checkpoint, AuditError> {
        let tenant = self.tenant(scope);
        let mut writer = tenant.writer.lock().await;
        // A change that was made before is part of the answer.
        self.lead(&tenant, &mut writer, None).await?;
        Ok(writer.opened()?.at)
    }

    async fn read(&self, scope: &Scope, from: u64, limit: usize) -> Result<Vec<Logged>, AuditError> {
        let tenant = self.tenant(scope);
        let (start, end, lines) = {
            let mut writer = tenant.writer.lock().await;
            self.lead(&tenant, &mut writer, None).await?;
            let ready = writer.opened()?;
            (ready.start.size, ready.at.size, ready.lines.clone())
        };
        let mut read: Vec<Logged> = Vec::new();
        let mut next = from;
        while next < end && read.len() < limit.min(MAX_READ) {
            let number = next / BUNDLE;
            let bundle;
            let lines = if next >= start {
                &lines
            } else {
                let stored = self
                    .store
                    .read(scope, &frame::bundle_path(number))
                    .await
                    .map_err(unavailable)?;
                bundle =
                    stored.ok_or_else(|| corrupt(scope.tenant(), &format!("bundle {number} is missing")))?;
                &bundle
            };
            let wanted = limit.min(MAX_READ) - read.len();
            let skip = usize::try_from(next % BUNDLE).expect("less than 256");
            let before = read.len();
            for line in lines
                .split(|&byte| byte == b'\n')
                .filter(|line| !line.is_empty())
                .skip(skip)
                .take(wanted)
            {
                let entry = frame::entry_of(line, next)
                    .ok_or_else(|| corrupt(scope.tenant(), &format!("entry {next} is not in its place")))?;
                let entry = Entry::from_json(entry)
                    .map_err(|error| AuditError::new(ErrorKind::Invalid, error.to_string()))?;
                read.push(Logged { index: next, entry });
                next += 1;
            }
            if read.len() == before {
                return Err(corrupt(
                    scope.tenant(),
                    &format!("entry {next} is not in its place"),
                ));
            }
        }
        Ok(read)
    }
}

impl<S> fmt::Debug for Log<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("open", &lock(&self.tenants).len())
            .finish_non_exhaustive()
    }
}

/// Nothing that is locked here can be left half-changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
