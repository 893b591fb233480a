//! `workjet scan`: finds sensitive text in files, folders and standard input.
//!
//! Files are read in pieces and may have any size. What is printed names detectors and places; matched text only if it
//! is asked for.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ignore::WalkBuilder;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use workjet_dlp::{Action, Engine, Finding, Policy};
use workjet_gateway::config::Dlp;

use super::output::Failure;

const CHUNK_BYTES: usize = 256 << 10;

/// How much of what was read is kept to look back into. Longer than any match that is not itself a file.
const WINDOW_BYTES: usize = 1 << 20;

#[derive(Args)]
pub(super) struct Scan {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Print the matched text as well. Mind where the output goes.
    #[arg(long)]
    show_matches: bool,
    /// A TOML file with a [dlp] table; the actions of requests apply, and `off` skips a detector.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Files and folders; standard input if there is none, or for `-`. What git ignores in folders is skipped, hidden
    /// files are not.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Scan {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let dlp = policy(self.policy.as_deref())?;
        let mut run = Run {
            warn_only: warn_only(&dlp),
            engine: dlp.engine,
            json: self.json,
            show_matches: self.show_matches,
            out: BufWriter::new(io::stdout().lock()),
            found: false,
            failed: false,
            progress: progress(),
        };
        if self.paths.is_empty() {
            run.stream("-", io::stdin().lock())?;
        }
        for path in &self.paths {
            if path.as_os_str() == "-" {
                run.stream("-", io::stdin().lock())?;
            } else {
                run.walk(path)?;
            }
        }
        run.progress.finish_and_clear();
        run.out.flush().map_err(|error| Failure::output(&error))?;
        Ok(match (run.failed, run.found) {
            (true, _) => ExitCode::from(2),
            (false, true) => ExitCode::from(1),
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

/// The policy in `file`, or the standard one.
pub(super) fn policy(file: Option<&Path>) -> Result<Dlp, Failure> {
    let Some(file) = file else {
        return Ok(Dlp::default());
    };
    let text = std::fs::read_to_string(file).map_err(|error| Failure::about(file.display(), error))?;
    Ok(Dlp::from_toml(&text, &file.display().to_string())?)
}

/// Reports what the policy acts on, and lets everything pass.
fn warn_only(dlp: &Dlp) -> Policy {
    let off = dlp
        .engine
        .detectors()
        .filter(|detector| dlp.request.action(detector) == Action::Off);
    off.fold(Policy::all(Action::Warn), |policy, detector| {
        policy.with(detector.as_str(), Action::Off)
    })
}

struct Run<'a> {
    engine: Engine,
    warn_only: Policy,
    json: bool,
    show_matches: bool,
    out: BufWriter<io::StdoutLock<'a>>,
    found: bool,
    failed: bool,
    progress: ProgressBar,
}

impl Run<'_> {
    fn walk(&mut self, root: &Path) -> Result<(), Failure> {
        let walk = WalkBuilder::new(root)
            .hidden(false)
            // What git ignores, and no other tool's lists.
            .ignore(false)
            .require_git(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .sort_by_file_path(Path::cmp)
            .build();
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_dir()) => {}
                // Within folders, links and devices are skipped; a path that was named is read whatever it is.
                Ok(entry) if entry.depth() > 0 && !entry.file_type().is_some_and(|kind| kind.is_file()) => {}
                Ok(entry) => self.file(entry.path())?,
                // The walker's own words name the path twice.
                Err(error) => match error.io_error() {
                    Some(error) => self.complain(error),
                    None => self.complain(&error),
                },
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        self.progress.set_message(path.display().to_string());
        match File::open(path) {
            Ok(file) => self.stream(&path.display().to_string(), file),
            Err(error) => {
                self.complain(&format!("{}: {error}", path.display()));
                Ok(())
            }
        }
    }

    fn stream(&mut self, path: &str, mut input: impl Read) -> Result<(), Failure> {
        let mut scanner = self.engine.scanner(&self.warn_only);
        let mut window = Window::default();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut passed = Vec::new();
        loop {
            let length = match input.read(&mut chunk) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.complain(&format!("{path}: {error}"));
                    break;
                }
            };
            if length == 0 {
                break;
            }
            window.push(&chunk[..length]);
            let flow = scanner.push_bytes(&chunk[..length], &mut passed);
            debug_assert!(flow.blocked().is_none(), "the policy blocks nothing");
            passed.clear();
            for finding in scanner.take_findings() {
                self.report(path, &finding, &mut window)?;
            }
            window.trim();
            self.progress.inc(length as u64);
        }
        let (_, findings) = scanner.finish_with_findings(&mut String::new());
        for finding in findings {
            self.report(path, &finding, &mut window)?;
        }
        Ok(())
    }

    fn report(&mut self, path: &str, finding: &Finding, window: &mut Window) -> Result<(), Failure> {
        self.found = true;
        let span = finding.span();
        let (line, column) = window.locate(span.start);
        let matched = self
            .show_matches
            .then(|| String::from_utf8_lossy(window.slice(span.clone())).into_owned());
        let text = if self.json {
            let mut object = json!({
                "path": path,
                "detector": finding.detector().as_str(),
                "start": span.start,
                "end": span.end,
                "line": line,
                "column": column,
            });
            if let Some(subtype) = finding.subtype() {
                object["subtype"] = subtype.into();
            }
            if let Some(matched) = matched {
                object["match"] = matched.into();
            }
            object.to_string()
        } else {
            let subtype = finding
                .subtype()
                .map(|subtype| format!(" ({subtype})"))
                .unwrap_or_default();
            let matched = matched
                .map(|text| format!(": {}", text.escape_debug()))
                .unwrap_or_default();
            format!(
                "{path}:{line}:{column}: {}{subtype}{matched}",
                finding.detector().as_str()
            )
        };
        let out = &mut self.out;
        self.progress
            .suspend(|| writeln!(out, "{text}"))
            .map_err(|error| Failure::output(&error))
    }

    fn complain(&mut self, error: &dyn std::fmt::Display) {
        self.failed = true;
        self.progress.suspend(|| eprintln!("workjet: {error}"));
    }
}

/// The end of what was read, and where its lines begin.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    /// The offset of `bytes` in the input.
    base: usize,
    /// Up to here lines were counted.
    at: usize,
    /// Line ends before `at`.
    lines: usize,
    /// Where the line of `at` begins.
    line_start: usize,
}

impl Window {
    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    fn trim(&mut self) {
        if self.bytes.len() > 2 * WINDOW_BYTES {
            let cut = self.bytes.len() - WINDOW_BYTES;
            self.count_to(self.base + cut);
            self.bytes.drain(..cut);
            self.base += cut;
        }
    }

    fn count_to(&mut self, offset: usize) {
        let Some(passed) = self
            .bytes
            .get(self.at.saturating_sub(self.base)..offset.saturating_sub(self.base))
        else {
            return;
        };
        for newline in memchr::memchr_iter(b'\n', passed) {
            self.lines += 1;
            self.line_start = self.at + newline + 1;
        }
        self.at = self.at.max(offset);
    }

    /// The line and the byte in it, both from 1. Findings come in order, so counting never goes back.
    fn locate(&mut self, offset: usize) -> (usize, usize) {
        self.count_to(offset);
        (self.lines + 1, offset.saturating_sub(self.line_start) + 1)
    }

    /// What is still at hand of `span`.
    fn slice(&self, span: std::ops::Range<usize>) -> &[u8] {
        let end = span.end.saturating_sub(self.base).min(self.bytes.len());
        &self.bytes[span.start.saturating_sub(self.base).min(end)..end]
    }
}

/// Shown on a terminal alone, and only once the work has taken a while.
fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {bytes} ({bytes_per_sec}) {wide_msg}")
        .expect("a valid template");
    ProgressBar::new_spinner().with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_right_across_pieces() {
        let mut window = Window::default();
        window.push(b"one\ntw");
        assert_eq!(window.locate(1), (1, 2));
        window.push(b"o\n\nfour");
        assert_eq!(window.locate(4), (2, 1));
        assert_eq!(window.locate(9), (4, 1));
        assert_eq!(window.slice(9..13), b"four");
    }

    #[test]
    fn places_are_right_after_the_window_moved() {
        let mut window = Window::default();
        for _ in 0..40_000 {
            window.push(b"sixty-three bytes of a line that says nothing of any interest..\n");
        }
        let whole = window.bytes.len();
        window.trim();
        assert_eq!(window.bytes.len(), WINDOW_BYTES);
        window.push(b"ab cd");
        assert_eq!(window.locate(whole + 3), (40_001, 4));
        assert_eq!(window.slice(whole + 3..whole + 5), b"cd");
    }
}
