//! Findings that were looked at and accepted.
//!
//! A baseline lies in a repository and is read by everybody, so it must not help to guess what was found. Of each value
//! it keeps 16 bits of a salted hash: enough that another value at the same place is not taken for it (one in 65,536 would
//! be), and far too little to tell which of a billion social security numbers it was. Line numbers are left out, so that
//! text may move.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf, absolute};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::output::Failure;

const VERSION: u64 = 1;

/// What tells findings apart: file, detector, subtype, and the mark of the value.
type Key = (String, String, String, String);

pub(super) struct Baseline {
    /// Paths are counted from the folder that it lies in.
    root: PathBuf,
    salt: String,
    /// How many of each are accepted.
    accepted: BTreeMap<Key, u64>,
}

/// What of a finding a baseline knows.
pub(super) struct Mark(String);

/// Makes marks, on any thread.
#[derive(Clone)]
pub(super) struct Marker {
    salt: String,
}

impl Marker {
    pub(super) fn mark(&self, detector: &str, value: &[u8]) -> Mark {
        let mut hash = Sha256::new();
        for part in [self.salt.as_bytes(), detector.as_bytes(), value] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hash = hash.finalize();
        Mark(format!("{:02x}{:02x}", hash[0], hash[1]))
    }
}

impl Baseline {
    /// One that accepts nothing. If there is a file already, its salt is kept, so that what has not changed stays the same.
    pub(super) fn new(file: &Path) -> Result<Self, Failure> {
        let salt = match std::fs::exists(file).unwrap_or(false) {
            true => Self::read(file)?.salt,
            false => {
                let mut bytes = [0; 16];
                getrandom::fill(&mut bytes).map_err(|error| Failure::about("random bytes", error))?;
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            }
        };
        Ok(Self {
            root: root(file)?,
            salt,
            accepted: BTreeMap::new(),
        })
    }

    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let about = |error: &dyn std::fmt::Display| Failure::about(file.display(), error);
        let text = std::fs::read_to_string(file)
            .map_err(|error| about(&format!("{error}; --write-baseline makes a baseline")))?;
        let json: Value = serde_json::from_str(&text).map_err(|error| about(&error))?;
        if json["version"] != VERSION {
            return Err(about(
                &"not a baseline of this version: make it anew with --write-baseline",
            ));
        }
        let (Some(salt), Some(listed)) = (json["salt"].as_str(), json["accepted"].as_array()) else {
            return Err(about(&"a baseline has the fields \"salt\" and \"accepted\""));
        };
        let mut accepted = BTreeMap::new();
        for (index, entry) in listed.iter().enumerate() {
            let text = |field: &str| entry[field].as_str().map(str::to_owned);
            let (Some(path), Some(detector), Some(mark), Some(count)) = (
                text("path"),
                text("detector"),
                text("mark"),
                entry["count"].as_u64(),
            ) else {
                let missing = "needs \"path\", \"detector\", \"mark\" and \"count\"";
                return Err(about(&format!("accepted[{index}] {missing}")));
            };
            let subtype = text("subtype").unwrap_or_default();
            *accepted.entry((path, detector, subtype, mark)).or_default() += count;
        }
        Ok(Self {
            root: root(file)?,
            salt: salt.to_owned(),
            accepted,
        })
    }

    pub(super) fn marker(&self) -> Marker {
        Marker {
            salt: self.salt.clone(),
        }
    }

    /// Adds a finding.
    pub(super) fn accept(&mut self, path: &str, detector: &str, subtype: Option<&str>, mark: &Mark) {
        let key = self.key(path, detector, subtype, mark);
        *self.accepted.entry(key).or_default() += 1;
    }

    /// Whether the finding is accepted. Each that is listed stands for as many findings as it counts.
    pub(super) fn take(&mut self, path: &str, detector: &str, subtype: Option<&str>, mark: &Mark) -> bool {
        let key = self.key(path, detector, subtype, mark);
        match self.accepted.get_mut(&key) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// Findings that are accepted, or left over.
    pub(super) fn len(&self) -> u64 {
        self.accepted.values().sum()
    }

    /// Writes it, in an order that makes for small differences between versions.
    pub(super) fn write(&self, file: &Path) -> Result<(), Failure> {
        let listed: Vec<Value> = self
            .accepted
            .iter()
            .map(|((path, detector, subtype, mark), count)| {
                let mut entry = json!({ "path": path, "detector": detector, "mark": mark, "count": count });
                if !subtype.is_empty() {
                    entry["subtype"] = subtype.as_str().into();
                }
                entry
            })
            .collect();
        let json = json!({ "version": VERSION, "salt": self.salt, "accepted": listed });
        let text =
            serde_json::to_string_pretty(&json).map_err(|error| Failure::about(file.display(), error))?;
        std::fs::write(file, text + "\n").map_err(|error| Failure::about(file.display(), error))
    }

    fn key(&self, path: &str, detector: &str, subtype: Option<&str>, mark: &Mark) -> Key {
        let path = match path {
            "-" => path.to_owned(),
            _ => self.relative(Path::new(path)),
        };
        let subtype = subtype.unwrap_or_default().to_owned();
        (path, detector.to_owned(), subtype, mark.0.clone())
    }

    /// The same file has the same path, however the command was called.
    fn relative(&self, path: &Path) -> String {
        let Ok(whole) = absolute(path) else {
            return path.display().to_string();
        };
        let inner = whole.strip_prefix(&self.root).unwrap_or(&whole);
        inner.display().to_string().replace('\\', "/")
    }
}

fn root(file: &Path) -> Result<PathBuf, Failure> {
    let whole = absolute(file).map_err(|error| Failure::about(file.display(), error))?;
    Ok(whole.parent().map(Path::to_owned).unwrap_or_default())
}
