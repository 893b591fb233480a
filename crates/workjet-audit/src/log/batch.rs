//! What waits to be written, and what of it will be.

use std::collections::{BTreeMap, HashMap, VecDeque};

use futures_channel::oneshot;
use jiff::Timestamp;
use workjet_tenant::{Actor, PendingRecord, Scope};

use crate::chain::Hash;
use crate::frame::Note;
use crate::recover::Ready;
use crate::{AuditError, Entry, ErrorKind, Kind};

/// Whoever holds the lock around it writes the log.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) state: State,
    /// What the current leader took out of the pool and nobody was told about yet.
    pub(super) batch: VecDeque<Pending>,
    /// A flush was begun and not seen to end.
    pub(super) is_uncertain: bool,
    /// Requests whose intents are to be closed as unknown with the next flush.
    pub(super) overdue: Vec<String>,
    /// Outbox records that were logged and could not be forgotten.
    pub(super) drained: BTreeMap<u64, Hash>,
}

#[derive(Default)]
pub(super) enum State {
    #[default]
    Unopened,
    Ready(Ready),
    Stopped(AuditError),
}

/// An entry that somebody waits for.
pub(super) struct Pending {
    entry: String,
    pub(super) leaf: Hash,
    note: Option<Note>,
    /// Its index, once a flush that holds it was begun.
    pub(super) planned: Option<u64>,
    /// Everybody who sent it.
    acks: Vec<oneshot::Sender<Result<u64, AuditError>>>,
}

impl Pending {
    pub(super) fn new(entry: &Entry) -> (Self, oneshot::Receiver<Result<u64, AuditError>>) {
        let (ack, written) = oneshot::channel();
        let json = entry.to_canonical_json();
        let pending = Self {
            leaf: Hash::leaf(json.as_bytes()),
            entry: json,
            note: Note::of(entry),
            planned: None,
            acks: vec![ack],
        };
        (pending, written)
    }

    pub(super) fn tell(self, result: Result<u64, AuditError>) {
        for ack in self.acks {
            // Whoever was dropped does not want to know.
            let _ = ack.send(result.clone());
        }
    }

    pub(super) fn item(&self, cursor: u64) -> Item {
        Item {
            entry: self.entry.clone(),
            note: self.note.clone(),
            cursor,
            is_awaited: true,
        }
    }
}

/// Something to write.
pub(super) struct Item {
    pub(super) entry: String,
    pub(super) note: Option<Note>,
    /// The outbox cursor after it.
    pub(super) cursor: u64,
    /// Whether it comes from the batch.
    pub(super) is_awaited: bool,
}

impl Item {
    pub(super) fn of(entry: &Entry, cursor: u64) -> Self {
        Self {
            entry: entry.to_canonical_json(),
            note: Note::of(entry),
            cursor,
            is_awaited: false,
        }
    }
}

impl Writer {
    pub(super) fn opened(&self) -> Result<&Ready, AuditError> {
        match &self.state {
            State::Ready(ready) => Ok(ready),
            State::Stopped(error) => Err(error.clone()),
            State::Unopened => unreachable!("a log is made ready before it is used"),
        }
    }

    /// What of the outbox is not in the log yet.
    ///
    /// A record at or below the cursor was logged, and is still there because a crash came before it was forgotten; then it
    /// is among the newest entries. Or the database is not the one that the cursor counted in: it was restored from a backup
    /// or made anew, and gives out numbers that were used before. Better logged twice under one id than never.
    pub(super) fn unlogged(&self, page: &[PendingRecord]) -> Result<Vec<Item>, AuditError> {
        let ready = self.opened()?;
        let is_logged = |sequence: u64, entry: &str| {
            let leaf = Hash::leaf(entry.as_bytes());
            let was_drained = self.drained.get(&sequence) == Some(&leaf);
            sequence <= ready.cursor && (was_drained || ready.recent.contains_key(&leaf))
        };
        Ok(page
            .iter()
            .filter(|record| !is_logged(record.sequence, record.record.as_str()))
            .map(|record| Item {
                entry: record.record.as_str().to_owned(),
                note: Note::of_json(record.record.as_str()),
                cursor: ready.cursor.max(record.sequence),
                is_awaited: false,
            })
            .collect())
    }

    /// Leaves in the batch what is to be written, and answers the rest: entries that have a place already, and intents and
    /// outcomes that their request cannot have.
    pub(super) fn sort_out(&mut self) {
        let State::Ready(ready) = &self.state else {
            unreachable!("a log is made ready before it is written")
        };
        // As requests will be once what stands before in the batch is written.
        let mut is_open: HashMap<String, bool> = HashMap::new();
        let mut places: HashMap<Hash, usize> = HashMap::new();
        let mut kept: VecDeque<Pending> = VecDeque::with_capacity(self.batch.len());
        for pending in self.batch.drain(..) {
            if let Some(&index) = ready.recent.get(&pending.leaf) {
                pending.tell(Ok(index));
                continue;
            }
            if let Some(&place) = places.get(&pending.leaf) {
                kept[place].acks.extend(pending.acks);
                continue;
            }
            if let Some(Note::Intent { request, .. } | Note::Outcome { request }) = &pending.note {
                let was_open = is_open
                    .get(request)
                    .copied()
                    .unwrap_or_else(|| ready.open.0.contains_key(request));
                let begins = matches!(pending.note, Some(Note::Intent { .. }));
                if begins == was_open {
                    pending.tell(Err(out_of_turn(begins)));
                    continue;
                }
                is_open.insert(request.clone(), begins);
            }
            places.insert(pending.leaf, kept.len());
            kept.push_back(pending);
        }
        self.batch = kept;
    }

    /// The outcomes of intents that will get no other.
    pub(super) fn unknown_outcomes(&self, scope: &Scope, now: Timestamp) -> Vec<Entry> {
        let ends_now = |request: &&String| {
            let outcome = Note::Outcome {
                request: (*request).clone(),
            };
            self.batch
                .iter()
                .any(|pending| pending.note.as_ref() == Some(&outcome))
        };
        let outcome = |request: &String| {
            let id = request.parse().ok()?;
            let entry = Entry::new(
                format!("{request}-unknown"),
                now,
                scope.tenant().clone(),
                Actor::System,
                Kind::AiOutcome,
            );
            Some(entry.request(&id).code("unknown"))
        };
        self.overdue
            .iter()
            .filter(|request| !ends_now(request))
            .filter_map(outcome)
            .collect()
    }
}

fn out_of_turn(begins: bool) -> AuditError {
    let message = if begins {
        "this request has an intent in the log already"
    } else {
        "this request has no open intent: it took too long and was closed as `unknown`, or its end was reported before"
    };
    AuditError::new(ErrorKind::Invalid, message)
}
