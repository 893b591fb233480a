//! Writes a log's entries for other tools.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Deserialize;

use crate::verify::{LogReader, Progress, ReadError, Tampering, walk};
use crate::{Checkpoint, Logged};

/// Which entries to export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Not those before this time.
    pub from: Option<Timestamp>,
    /// Not those at or after this time.
    pub to: Option<Timestamp>,
}

impl Filter {
    /// Whether something that happened at `time` is asked for.
    pub fn admits_time(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }

    fn admits(&self, entry: &str) -> io::Result<bool> {
        #[derive(Deserialize)]
        struct Peek {
            time: Timestamp,
        }
        if self.from.is_none() && self.to.is_none() {
            return Ok(true);
        }
        let Peek { time } = serde_json::from_str(entry).map_err(io::Error::other)?;
        Ok(self.admits_time(time))
    }
}

impl Logged {
    /// The entry as one line of an export, without the end of the line: see [`jsonl`].
    pub fn to_jsonl(&self) -> String {
        let entry = self.entry.to_canonical_json();
        line(self.index, &entry).expect("an entry's canonical JSON is an object")
    }
}

/// One entry's own fields, flat, plus its place. None if `entry` is no object.
fn line(index: u64, entry: &str) -> Option<String> {
    // An entry is canonical JSON, so it ends with its brace, and it is never empty.
    let fields = entry.strip_suffix('}')?;
    Some(format!("{fields},\"log\":{{\"index\":{index}}}}}"))
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// How many entries were written.
    pub entries: u64,
    /// The state of the log that they come from.
    pub checkpoint: Checkpoint,
}

/// An export broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The log was changed. What was written before is sound.
    #[error("the log was changed, so the export stopped there: {0}")]
    Tampered(Tampering),
    /// The log cannot be read, or the output cannot be written.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Writes the entries that `filter` admits as JSON Lines: each entry's own fields, flat, plus `"log":{"index":…}`.
///
/// Every entry is verified on the way. The gateway may run meanwhile.
///
/// # Errors
/// [`ExportError::Tampered`] at the first entry that is not what was written; those before it are in `out`.
pub fn jsonl(
    reader: &dyn LogReader,
    filter: &Filter,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Exported, ExportError> {
    let mut entries = 0;
    let walked = walk(reader, None, &mut |index, entry, total| {
        progress(Progress {
            done: index + 1,
            total,
        });
        if filter.admits(entry)? {
            let line = line(index, entry).ok_or_else(|| io::Error::other("an entry is not an object"))?;
            writeln!(out, "{line}")?;
            entries += 1;
        }
        Ok(())
    })?;
    let (_, checkpoint) = walked.map_err(ExportError::Tampered)?;
    out.flush().map_err(ReadError::Io)?;
    Ok(Exported { entries, checkpoint })
}
