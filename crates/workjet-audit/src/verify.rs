//! Checks a log offline, from nothing but its files.
//!
//! Every entry is hashed anew and must sit in its place in the chain; bundles, journal and head must tell one story. What this
//! finds: an entry that was changed, removed, inserted or moved; a log cut short while its head was left; a head, bundle or
//! journal that was changed or is missing. What it cannot find alone: a log that was put back as a whole to an older state.
//! For that, remember a [`Checkpoint`] and ask for consistency with it.
//!
//! The gateway may run meanwhile. It only ever adds, so the head is read first and whatever came after it is welcome, and a
//! last flush that is not complete is one that is being written.

use std::fmt;
use std::io::{self, BufRead, Read};

use workjet_tenant::TenantId;

use crate::Checkpoint;
use crate::frame::{self, BUNDLE, Header, JournalLine, JournalReader, MAX_LINE_BYTES};

/// One tenant's log, for reading without its writer. Blocking; nothing here asks for more than a line at a time.
///
/// # Contract
/// `head` is one consistent state of it, or one that a second call corrects. What `journal` and `object` opened stays what it
/// was when it was opened, but for what is appended.
pub trait LogReader {
    /// The head.
    fn head(&self) -> io::Result<Option<Vec<u8>>>;
    /// The journal.
    fn journal(&self) -> io::Result<Option<Box<dyn BufRead + '_>>>;
    /// The object at `path`.
    fn object(&self, path: &str) -> io::Result<Option<Box<dyn BufRead + '_>>>;
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Report {
    /// Every entry is what it was when it was written.
    Sound {
        /// Whose log it is.
        tenant: TenantId,
        /// Its state: remember it to find a rollback later.
        checkpoint: Checkpoint,
    },
    /// Something was changed.
    Tampered(Tampering),
}

/// What was changed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tampering {
    /// What is wrong.
    pub what: String,
    /// Where it shows: a file and an entry.
    pub place: String,
}

impl fmt::Display for Tampering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// How far a long reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Entries that were read.
    pub done: u64,
    /// Entries that there are, as the head says; more may come.
    pub total: u64,
}

/// A log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is neither head, journal nor bundle.
    #[error("there is no audit log here: give the folder of one tenant, such as workjet-data/audit/default")]
    NoLog,
    /// A file cannot be read, or the output cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Checks the whole log; against `since` too, if given: the log must have had that hash when it had that size.
///
/// # Errors
/// [`ReadError`] if there is no log or it cannot be read. A log that was changed is a [`Report`].
pub fn verify(
    reader: &dyn LogReader,
    since: Option<&Checkpoint>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, ReadError> {
    let walked = walk(reader, since, &mut |index, _, total| {
        progress(Progress {
            done: index + 1,
            total,
        });
        Ok(())
    })?;
    Ok(match walked {
        Ok((tenant, checkpoint)) => Report::Sound { tenant, checkpoint },
        Err(tampering) => Report::Tampered(tampering),
    })
}

/// A walk's end: whose log, and where it ended; or why it broke off.
pub(crate) type Walked = Result<(TenantId, Checkpoint), Tampering>;

/// Is given each entry's index, its text, and how many entries the head promises.
pub(crate) type Visitor<'a> = dyn FnMut(u64, &str, u64) -> io::Result<()> + 'a;

/// Visits every entry in order, each after it was checked.
pub(crate) fn walk(
    reader: &dyn LogReader,
    since: Option<&Checkpoint>,
    visit: &mut Visitor<'_>,
) -> Result<Walked, ReadError> {
    let (tenant, head) = match read_head(reader)? {
        Ok(found) => found,
        Err(Some(tampering)) => return Ok(Err(tampering)),
        Err(None) => return Err(ReadError::NoLog),
    };
    let at = Checkpoint::genesis(&tenant);
    let mut walk = Walk {
        reader,
        tenant,
        at,
        promises: Vec::new(),
        total: head.size,
        visit,
    };
    let what = "the head says otherwise: an entry up to here was changed, or the head was";
    walk.promises.push((head, what));
    if let Some(since) = since {
        walk.promises.push((
            *since,
            "the remembered checkpoint says otherwise: the log up to here is another one",
        ));
    }
    match walk.run() {
        Ok(()) => Ok(Ok((walk.tenant, walk.at))),
        Err(Break::Tampered(tampering)) => Ok(Err(tampering)),
        Err(Break::Io(error)) => Err(ReadError::Io(error)),
    }
}

/// The head; else what is wrong with it, or nothing if there is no log at all.
#[allow(clippy::type_complexity)]
fn read_head(reader: &dyn LogReader) -> Result<Result<(TenantId, Checkpoint), Option<Tampering>>, ReadError> {
    // The writer overwrites it in place, so a reader may see half of it. Never twice in a row for long.
    for _ in 0..16 {
        let Some(bytes) = reader.head()? else { break };
        if let Some(head) = Checkpoint::parse_head(&bytes) {
            return Ok(Ok(head));
        }
    }
    let tampered = |what: &str| {
        Ok(Err(Some(Tampering {
            what: what.to_owned(),
            place: "head".to_owned(),
        })))
    };
    if reader.head()?.is_some() {
        return tampered("it is not what Workjet wrote");
    }
    if reader.object(&frame::bundle_path(0))?.is_some() {
        return tampered("it is missing");
    }
    let Some(mut journal) = reader.journal()? else {
        return Ok(Err(None));
    };
    // A log that is just being made has a journal, still empty, and no head yet.
    let header = Lines::new(&mut *journal, MAX_HEADER_BYTES)
        .next()?
        .and_then(|line| Header::parse(&line));
    let is_empty = Lines::new(&mut *journal, MAX_LINE_BYTES).next()?.is_none();
    match header {
        Some(header) if is_empty && header.start == Checkpoint::genesis(&header.tenant) => {
            Ok(Ok((header.tenant, header.start)))
        }
        _ => tampered("it is missing"),
    }
}

struct Walk<'a, 'v> {
    reader: &'a dyn LogReader,
    tenant: TenantId,
    at: Checkpoint,
    /// What the log's hash must be at some size, and what it means if it is not.
    promises: Vec<(Checkpoint, &'static str)>,
    total: u64,
    visit: &'a mut Visitor<'v>,
}

enum Break {
    Tampered(Tampering),
    Io(io::Error),
}

impl From<io::Error> for Break {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn tampered(place: impl Into<String>, what: impl Into<String>) -> Break {
    Break::Tampered(Tampering {
        what: what.into(),
        place: place.into(),
    })
}

impl Walk<'_, '_> {
    fn run(&mut self) -> Result<(), Break> {
        self.keep_promises("head")?;
        let mut before = self.at;
        loop {
            while let Some(bundle) = self.reader.object(&frame::bundle_path(self.at.size / BUNDLE))? {
                before = self.at;
                self.bundle(bundle)?;
            }
            let number = self.at.size / BUNDLE;
            let Some(mut journal) = self.reader.journal()? else {
                return Err(tampered("journal", "it is missing"));
            };
            let mut lines = Lines::new(&mut *journal, MAX_HEADER_BYTES);
            let Some(header) = lines.next()?.and_then(|line| Header::parse(&line)) else {
                return Err(tampered("journal, first line", "it is not what Workjet wrote"));
            };
            if header.tenant != self.tenant {
                return Err(tampered(
                    "journal, first line",
                    format!("it is the journal of {}", header.tenant),
                ));
            }
            if header.start.size > self.at.size {
                if self.reader.object(&frame::bundle_path(number))?.is_some() {
                    // The gateway made a bundle after we looked for it. On with that one.
                    continue;
                }
                return Err(tampered(frame::bundle_path(number), "it is missing"));
            }
            let end = self.at;
            let is_bundled = header.start == before && before != end;
            if !is_bundled && header.start != end {
                return Err(tampered(
                    "journal, first line",
                    "it does not follow the last bundle",
                ));
            }
            lines.max_bytes = MAX_LINE_BYTES;
            if is_bundled {
                // A crash, or the moment, between making a bundle and beginning the next journal.
                let mut reader = JournalReader::new(&header);
                while let Some(line) = lines.next()? {
                    reader
                        .read(&line)
                        .ok_or_else(|| tampered(in_journal(reader.at.size), ENTRY))?;
                }
                if reader.committed != end || !lines.rest.is_empty() {
                    return Err(tampered(
                        "journal",
                        "it does not hold the entries of the last bundle",
                    ));
                }
            } else {
                self.journal(&header, &mut lines)?;
            }
            // Bundles are made in order, so one beyond a gap was put there, or the gap was.
            if self.reader.object(&frame::bundle_path(number + 1))?.is_some()
                && self.reader.object(&frame::bundle_path(number))?.is_none()
            {
                return Err(tampered(
                    frame::bundle_path(number),
                    "it is missing, though the next is there",
                ));
            }
            break;
        }
        if let Some((promise, _)) = self
            .promises
            .iter()
            .find(|(promise, _)| promise.size > self.at.size)
        {
            let what = format!(
                "there should be {} entries and there are {}: entries were removed from the end",
                promise.size, self.at.size
            );
            return Err(tampered("journal, its end", what));
        }
        Ok(())
    }

    fn bundle(&mut self, mut bundle: Box<dyn BufRead + '_>) -> Result<(), Break> {
        let path = frame::bundle_path(self.at.size / BUNDLE);
        let mut lines = Lines::new(&mut *bundle, MAX_LINE_BYTES);
        for _ in 0..BUNDLE {
            let index = self.at.size;
            let place = || format!("{path}, entry {index}");
            let Some(line) = lines.next()? else {
                return Err(tampered(place(), "it is missing"));
            };
            let entry = self
                .at
                .read_entry(&line)
                .ok_or_else(|| tampered(place(), ENTRY))?;
            (self.visit)(index, entry, self.total)?;
            self.keep_promises(&place())?;
        }
        if lines.next()?.is_some() || !lines.rest.is_empty() {
            return Err(tampered(
                format!("{path}, its end"),
                "there is more than Workjet wrote",
            ));
        }
        Ok(())
    }

    fn journal(&mut self, header: &Header, lines: &mut Lines<'_>) -> Result<(), Break> {
        let mut reader = JournalReader::new(header);
        // The lines of one flush, at most 256, until we see that it was completed.
        let mut flush: Vec<Vec<u8>> = Vec::new();
        while let Some(line) = lines.next()? {
            let index = reader.at.size;
            match reader.read(&line) {
                Some(JournalLine::Entry(_)) if index - header.start.size < BUNDLE => flush.push(line),
                Some(JournalLine::Commit) => {
                    for line in flush.drain(..) {
                        let index = self.at.size;
                        let entry = self.at.read_entry(&line).expect("this line was read before");
                        (self.visit)(index, entry, self.total)?;
                        self.keep_promises(&in_journal(index))?;
                    }
                }
                _ => return Err(tampered(in_journal(index), ENTRY)),
            }
        }
        if !lines.rest.is_empty() && !reader.may_begin_with(&lines.rest) {
            let what = "after the last entry there is something that Workjet did not write. If the machine lost power, start the \
                        gateway once, which cuts what was never acknowledged, and verify again";
            return Err(tampered("journal, its end", what));
        }
        Ok(())
    }

    fn keep_promises(&self, place: &str) -> Result<(), Break> {
        let broken =
            |(promise, _): &&(Checkpoint, &str)| promise.size == self.at.size && promise.hash != self.at.hash;
        match self.promises.iter().find(broken) {
            None => Ok(()),
            Some((_, what)) => Err(tampered(place, *what)),
        }
    }
}

const ENTRY: &str = "this is not the entry that was written here: it was changed, removed, inserted or moved";

fn in_journal(index: u64) -> String {
    format!("journal, entry {index}")
}

/// A journal's first line lists the requests that are open, with at most 80 bytes each.
const MAX_HEADER_BYTES: usize = 64 << 20;

/// Lines of bounded length.
struct Lines<'a> {
    reader: &'a mut dyn BufRead,
    max_bytes: usize,
    /// What came last and is no whole line: no newline, or too long.
    rest: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn new(reader: &'a mut dyn BufRead, max_bytes: usize) -> Self {
        Self {
            reader,
            max_bytes,
            rest: Vec::new(),
        }
    }

    /// The next whole line, without its newline.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !self.rest.is_empty() {
            return Ok(None);
        }
        let mut line = Vec::new();
        (&mut *self.reader)
            .take((self.max_bytes as u64).saturating_add(1))
            .read_until(b'\n', &mut line)?;
        if line.pop_if(|last| *last == b'\n').is_some() {
            return Ok(Some(line));
        }
        self.rest = line;
        Ok(None)
    }
}
