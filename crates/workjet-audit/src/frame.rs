//! How the log is written down.
//!
//! Everything is lines of text, so that a log can be read with `less` and hashed with other people's tools:
//!
//! ```text
//! bundle    one entry a line, 256 lines:  <index> <chain hash after it> <entry>
//!
//! journal   journal 1 <tenant> <size> <hash> <outbox cursor> <open intents> <check>
//!           <index> <chain hash after it> <entry>            ⎫ one flush: the entries count
//!           commit <size> <hash> <outbox cursor> <check>     ⎭ once their commit line is whole
//!
//! head      workjet log 1 <tenant>
//!           <size, 20 digits>
//!           <hash>
//!           <check>
//! ```
//! Each line has exactly one spelling, and every byte of it is covered by the chain or by its check (the first 16 hex digits
//! of `SHA-256(0x03 || the text before it)`), so a flipped bit shows wherever it is. The head has the same length
//! always, so that a file can keep it in one disk sector and overwrite it in place.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use workjet_tenant::{RequestId, TenantId};

use crate::chain::Hash;
use crate::{Checkpoint, Entry, Kind, MAX_ENTRY_BYTES};

/// How many entries an immutable object holds; the width of a tile in a C2SP log.
pub(crate) const BUNDLE: u64 = 256;

/// The longest entry line with its newline: index, hash, two spaces, the entry.
pub(crate) const MAX_LINE_BYTES: usize = 20 + 64 + 3 + MAX_ENTRY_BYTES;

/// The path of the `number`th bundle: `entries/000/000/012`. No folder holds more than a thousand.
pub(crate) fn bundle_path(number: u64) -> String {
    format!(
        "entries/{:03}/{:03}/{:03}",
        number / 1_000_000,
        number / 1_000 % 1_000,
        number % 1_000
    )
}

impl Checkpoint {
    /// The head that says it.
    pub(crate) fn write_head(&self, tenant: &TenantId) -> Vec<u8> {
        let mut text = format!("workjet log 1 {tenant}\n{:020}\n{}\n", self.size, self.hash);
        let check = check(&text);
        text.push_str(&check);
        text.push('\n');
        text.into_bytes()
    }

    /// Reads a head of whichever tenant it names.
    pub(crate) fn parse_head(bytes: &[u8]) -> Option<(TenantId, Self)> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        let tenant: TenantId = lines.next()?.strip_prefix("workjet log 1 ")?.parse().ok()?;
        let size = lines.next()?.parse().ok()?;
        let hash = Hash::from_hex(lines.next()?)?;
        let head = Self { size, hash };
        (head.write_head(&tenant) == bytes).then_some((tenant, head))
    }

    /// Where the chain of an empty log stands.
    pub(crate) fn genesis(tenant: &TenantId) -> Self {
        Self {
            size: 0,
            hash: Hash::genesis(tenant),
        }
    }

    /// Adds `entry` as the next line of `out`.
    pub(crate) fn write_entry(&mut self, entry: &str, out: &mut Vec<u8>) {
        self.hash = self.hash.after(entry.as_bytes());
        out.extend_from_slice(format!("{} {} ", self.size, self.hash).as_bytes());
        out.extend_from_slice(entry.as_bytes());
        out.push(b'\n');
        self.size += 1;
    }

    /// Reads the next entry's line, without its newline. Nothing moves if it is not that.
    pub(crate) fn read_entry<'a>(&mut self, line: &'a [u8]) -> Option<&'a str> {
        let entry = line
            .strip_prefix(format!("{} ", self.size).as_bytes())?
            .get(65..)?;
        let hash = self.hash.after(entry);
        if line.len() != digits(self.size) + 66 + entry.len()
            || !line.starts_with(format!("{} {hash} ", self.size).as_bytes())
        {
            return None;
        }
        // The chain vouches for the bytes; that they are text is the writer's promise.
        let entry = std::str::from_utf8(entry).ok()?;
        *self = Self {
            size: self.size + 1,
            hash,
        };
        Some(entry)
    }

    fn commit_line(&self, cursor: u64) -> String {
        let mut line = format!("commit {} {} {cursor} ", self.size, self.hash);
        let check = check(&line);
        line.push_str(&check);
        line
    }
}

/// The requests whose intent has no outcome yet, and when they were begun (milliseconds since 1970).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OpenIntents(pub(crate) BTreeMap<String, i64>);

impl OpenIntents {
    /// Takes note of an entry.
    pub(crate) fn note(&mut self, note: Option<&Note>) {
        match note {
            Some(Note::Intent { request, time }) => {
                self.0.insert(request.clone(), *time);
            }
            Some(Note::Outcome { request }) => {
                self.0.remove(request);
            }
            None => {}
        }
    }
}

/// What an entry means for [`OpenIntents`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    Intent { request: String, time: i64 },
    Outcome { request: String },
}

impl Note {
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        let request = entry.request.as_ref()?.to_string();
        match entry.kind {
            Kind::AiIntent => Some(Self::Intent {
                request,
                time: entry.time.as_millisecond(),
            }),
            Kind::AiOutcome => Some(Self::Outcome { request }),
            _ => None,
        }
    }

    /// The note of an entry that this version may not know otherwise.
    pub(crate) fn of_json(entry: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Peek<'a> {
            #[serde(borrow)]
            kind: std::borrow::Cow<'a, str>,
            request: Option<RequestId>,
            time: jiff::Timestamp,
        }
        // Most entries are neither, and finding that out need not parse them.
        if !entry.contains(r#""kind":"ai."#) {
            return None;
        }
        let peek: Peek<'_> = serde_json::from_str(entry).ok()?;
        let request = peek.request?.to_string();
        match &*peek.kind {
            "ai.intent" => Some(Self::Intent {
                request,
                time: peek.time.as_millisecond(),
            }),
            "ai.outcome" => Some(Self::Outcome { request }),
            _ => None,
        }
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// What a journal's first line says: the state before its first entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) tenant: TenantId,
    pub(crate) start: Checkpoint,
    pub(crate) cursor: u64,
    pub(crate) open: OpenIntents,
}

impl Header {
    pub(crate) fn write(&self) -> Vec<u8> {
        let Self {
            tenant,
            start,
            cursor,
            open,
        } = self;
        let mut line = format!("journal 1 {tenant} {} {} {cursor} ", start.size, start.hash);
        for (n, (request, time)) in open.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "," };
            write!(line, "{separator}{request}@{time}").expect("writing to a string does not fail");
        }
        line.push_str(if open.0.is_empty() { "- " } else { " " });
        let check = check(&line);
        line.push_str(&check);
        line.push('\n');
        line.into_bytes()
    }

    /// Reads the first line, without its newline.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line)
            .ok()?
            .strip_prefix("journal 1 ")?
            .split(' ');
        let tenant = words.next()?.parse().ok()?;
        let start = Checkpoint {
            size: words.next()?.parse().ok()?,
            hash: Hash::from_hex(words.next()?)?,
        };
        let cursor = words.next()?.parse().ok()?;
        let mut open = OpenIntents::default();
        let intents = words.next()?;
        if intents != "-" {
            for intent in intents.split(',') {
                let (request, time) = intent.split_once('@')?;
                open.0.insert(request.to_owned(), time.parse().ok()?);
            }
        }
        let header = Self {
            tenant,
            start,
            cursor,
            open,
        };
        let is_canonical =
            header.write().strip_suffix(b"\n") == Some(line) && start.size.is_multiple_of(BUNDLE);
        is_canonical.then_some(header)
    }
}

/// Follows a journal line by line.
#[derive(Debug, Clone)]
pub(crate) struct JournalReader {
    /// After the last line, committed or not.
    pub(crate) at: Checkpoint,
    /// After the last commit line.
    pub(crate) committed: Checkpoint,
    /// The outbox cursor of the last commit line.
    pub(crate) cursor: u64,
}

/// A line of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JournalLine<'a> {
    Entry(&'a str),
    Commit,
}

impl JournalReader {
    pub(crate) const fn new(header: &Header) -> Self {
        Self {
            at: header.start,
            committed: header.start,
            cursor: header.cursor,
        }
    }

    /// Reads the next line, without its newline; `None` if it is not what comes next in this log.
    pub(crate) fn read<'a>(&mut self, line: &'a [u8]) -> Option<JournalLine<'a>> {
        if !line.starts_with(b"commit ") {
            return self.at.read_entry(line).map(JournalLine::Entry);
        }
        let cursor = std::str::from_utf8(line).ok()?.split(' ').nth(3)?.parse().ok()?;
        let is_next = self.at.size > self.committed.size
            && cursor >= self.cursor
            && self.at.commit_line(cursor).as_bytes() == line;
        is_next.then(|| {
            (self.committed, self.cursor) = (self.at, cursor);
            JournalLine::Commit
        })
    }

    /// Whether `rest`, which has no newline, may be the beginning of the next line: what a crash or a reader in the middle
    /// of a write sees.
    pub(crate) fn may_begin_with(&self, rest: &[u8]) -> bool {
        let begins = |line: &str| line.as_bytes().starts_with(rest) || rest.starts_with(line.as_bytes());
        let index = format!("{} ", self.at.size);
        if self.at.size > self.committed.size && begins("commit ") {
            let line = format!("commit {} {} ", self.at.size, self.at.hash);
            return begins(&line) && rest.len() < line.len() + 20 + 1 + 16;
        }
        begins(&index)
            && rest.len() < MAX_LINE_BYTES
            && rest
                .iter()
                .skip(index.len())
                .take(64)
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            && !rest.contains(&0)
    }
}

/// The entry in line `index` of a bundle; only its place is checked.
pub(crate) fn entry_of(line: &[u8], index: u64) -> Option<&str> {
    std::str::from_utf8(line.strip_prefix(format!("{index} ").as_bytes())?.get(65..)?).ok()
}

/// Writes one flush: `entries`, and the line that commits them. Returns the position after it, and how many bytes the
/// entries took.
pub(crate) fn write_flush<'a>(
    mut at: Checkpoint,
    entries: impl IntoIterator<Item = &'a str>,
    cursor: u64,
    out: &mut Vec<u8>,
) -> (Checkpoint, usize) {
    for entry in entries {
        at.write_entry(entry, out);
    }
    let entry_bytes = out.len();
    out.extend_from_slice(at.commit_line(cursor).as_bytes());
    out.push(b'\n');
    (at, entry_bytes)
}

/// Whether `entry` can be a line: text without control characters, and not too long.
pub(crate) fn is_loggable(entry: &str) -> bool {
    entry.len() <= MAX_ENTRY_BYTES && entry.starts_with('{') && !entry.bytes().any(|byte| byte < 0x20)
}

fn check(text: &str) -> String {
    let mut hex = Hash::of(&[&[0x03], text.as_bytes()]).to_string();
    hex.truncate(16);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> TenantId {
        "acme".parse().expect("an id")
    }

    fn header() -> Header {
        let open = OpenIntents(BTreeMap::from([
            ("r-1".to_owned(), 1_700_000_000_000),
            ("r-2".to_owned(), 5),
        ]));
        Header {
            tenant: tenant(),
            start: Checkpoint {
                size: 512,
                hash: Hash([7; 32]),
            },
            cursor: 9,
            open,
        }
    }

    #[test]
    fn header_and_head_are_read_back_and_every_flipped_byte_shows() {
        let head = Checkpoint {
            size: 42,
            hash: Hash([3; 32]),
        };
        let bytes = head.write_head(&tenant());
        assert_eq!(Checkpoint::parse_head(&bytes), Some((tenant(), head)));
        let line = header().write();
        assert_eq!(Header::parse(&line[..line.len() - 1]), Some(header()));
        let empty = Header {
            open: OpenIntents::default(),
            ..header()
        };
        let empty_line = empty.write();
        assert_eq!(Header::parse(&empty_line[..empty_line.len() - 1]), Some(empty));
        for n in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[n] ^= 1;
            assert_eq!(Checkpoint::parse_head(&changed), None, "byte {n} of the head");
        }
        for n in 0..line.len() - 1 {
            let mut changed = line[..line.len() - 1].to_vec();
            changed[n] ^= 1;
            assert_eq!(Header::parse(&changed), None, "byte {n} of the header");
        }
    }

    #[test]
    fn head_has_one_length() {
        let length = |size| {
            Checkpoint {
                size,
                hash: Hash([3; 32]),
            }
            .write_head(&tenant())
            .len()
        };
        assert_eq!(length(0), length(u64::MAX));
        assert!(
            length(0) + 60 < 512,
            "fits a disk sector with the longest tenant id"
        );
    }

    #[test]
    fn flush_is_read_back_and_every_prefix_of_it_may_be_a_write_under_way() {
        let header = header();
        let mut bytes = Vec::new();
        let (end, _) = write_flush(header.start, ["{\"a\":1}", "{}"], 11, &mut bytes);
        let mut reader = JournalReader::new(&header);
        let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
        for line in &lines {
            for cut in 0..line.len() {
                assert!(
                    reader.may_begin_with(&line[..cut]),
                    "{:?}",
                    String::from_utf8_lossy(&line[..cut])
                );
            }
            assert!(reader.read(&line[..line.len() - 1]).is_some());
        }
        assert_eq!((reader.committed, reader.cursor), (end, 11));
        assert!(!reader.may_begin_with(b"x") && !reader.may_begin_with(b"commit "));
        assert!(!reader.may_begin_with(b"513 ") && !reader.may_begin_with(&[0]));
    }

    #[test]
    fn entry_line_with_another_index_hash_or_text_is_refused() {
        let start = Checkpoint::genesis(&tenant());
        let mut line = Vec::new();
        { start }.write_entry("{\"a\":1}", &mut line);
        line.pop();
        assert_eq!({ start }.read_entry(&line), Some("{\"a\":1}"));
        for n in 0..line.len() {
            let mut changed = line.clone();
            changed[n] ^= 1;
            assert_eq!({ start }.read_entry(&changed), None, "byte {n}");
            assert_eq!({ start }.read_entry(&line[..n]), None, "cut at {n}");
        }
        assert_eq!(Checkpoint { size: 1, ..start }.read_entry(&line), None);
    }
}
