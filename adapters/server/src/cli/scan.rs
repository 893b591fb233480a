//! `workjet scan`: finds sensitive text in files, folders and standard input.
//!
//! Files are read in pieces and may have any size, several at a time; what is printed comes in the order of the paths. It
//! names detectors and places, and matched text only if it is asked for.

mod baseline;
mod places;
mod pool;

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use clap::Args;
use ignore::WalkBuilder;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use workjet_dlp::{Action, Detector, Engine, Finding, Policy};
use workjet_gateway::config::Dlp;

use self::baseline::{Baseline, Mark, Marker};
use self::places::Window;
use self::pool::Teller;
use super::output::Failure;
use super::utf16::{self, Utf16};

const CHUNK_BYTES: usize = 256 << 10;

/// Paths listed here are skipped as well, in the syntax of `.gitignore`.
const IGNORE_FILE: &str = ".workjetignore";

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
    /// Accept the findings listed in this file: only others are printed and decide about the exit code.
    #[arg(long, value_name = "FILE", conflicts_with = "write_baseline")]
    baseline: Option<PathBuf>,
    /// Write all findings into this file instead of printing them, to be accepted from now on.
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Files to read at the same time; as many as there are processors unless given.
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Files and folders; standard input if there is none, or for `-`. What git ignores in folders is skipped, and what
    /// .workjetignore lists; hidden files are not. Text in UTF-16 is read as such if it begins with a byte-order mark.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Scan {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let dlp = policy(self.policy.as_deref())?;
        let known = match (&self.baseline, &self.write_baseline) {
            (Some(file), _) => Known::Accepted(Baseline::read(file)?),
            (None, Some(file)) => Known::Listed(Baseline::new(file)?),
            (None, None) => Known::Nothing,
        };
        let progress = progress();
        let reader = Reader {
            policy: warn_only(&dlp),
            engine: dlp.engine,
            show_matches: self.show_matches,
            marker: known.marker(),
            progress: progress.clone(),
        };
        let mut report = Report {
            json: self.json,
            known,
            out: BufWriter::new(io::stdout().lock()),
            found: false,
            failed: false,
            progress,
        };
        let threads = self.jobs.or_else(|| thread::available_parallelism().ok());
        let read = pool::read_all(
            threads.map_or(1, NonZero::get),
            inputs(&self.paths),
            |input, teller| reader.read(input, teller),
            |told| report.hear(told),
        );
        report.progress.finish_and_clear();
        let written = read.and_then(|()| report.out.flush().map_err(|error| Failure::output(&error)));
        match written {
            // Whoever reads our output has enough of it; that something was found stays true.
            Err(Failure::BrokenPipe) if report.found => return Ok(ExitCode::from(1)),
            written => written?,
        }
        if let (Known::Listed(baseline), Some(file)) = (&report.known, &self.write_baseline) {
            baseline.write(file)?;
            eprintln!(
                "workjet: {} findings accepted in {}",
                baseline.len(),
                file.display()
            );
        }
        Ok(match (report.failed, report.found) {
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

enum Input {
    Standard,
    File(PathBuf),
    /// What could not even be listed, and why.
    Lost(String),
}

/// What there is to read, in order.
fn inputs(paths: &[PathBuf]) -> impl Iterator<Item = Input> {
    let standard = paths.is_empty().then_some(Input::Standard);
    standard
        .into_iter()
        .chain(paths.iter().flat_map(|path| -> Box<dyn Iterator<Item = Input>> {
            if path.as_os_str() == "-" {
                Box::new(std::iter::once(Input::Standard))
            } else {
                Box::new(walk(path))
            }
        }))
}

fn walk(root: &Path) -> impl Iterator<Item = Input> + use<> {
    let walk = WalkBuilder::new(root)
        .hidden(false)
        // What git ignores and what we are told to, and no other tool's lists.
        .ignore(false)
        .add_custom_ignore_filename(IGNORE_FILE)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_path(Path::cmp)
        .build();
    walk.filter_map(|entry| match entry {
        Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_dir()) => None,
        // Within folders, links and devices are skipped; a path that was named is read whatever it is.
        Ok(entry) if entry.depth() > 0 && !entry.file_type().is_some_and(|kind| kind.is_file()) => None,
        Ok(entry) => Some(Input::File(entry.into_path())),
        // The walker's own words name the path twice.
        Err(error) => Some(Input::Lost(match error.io_error() {
            Some(error) => error.to_string(),
            None => error.to_string(),
        })),
    })
}

/// Reads one input; shared by all threads.
struct Reader {
    engine: Engine,
    policy: Policy,
    show_matches: bool,
    marker: Option<Marker>,
    progress: ProgressBar,
}

/// What reading came to.
enum Told {
    Found(Found),
    Failed(String),
}

struct Found {
    path: String,
    detector: Detector,
    subtype: Option<String>,
    span: std::ops::Range<usize>,
    line: usize,
    column: usize,
    matched: Option<String>,
    mark: Option<Mark>,
}

impl Reader {
    fn read(&self, input: Input, teller: &Teller<'_, Told>) {
        match input {
            Input::Standard => self.stream("-", io::stdin().lock(), teller),
            Input::File(path) => {
                let name = path.display().to_string();
                self.progress.set_message(name.clone());
                match File::open(&path) {
                    Ok(file) => self.stream(&name, file, teller),
                    Err(error) => teller.tell(Told::Failed(format!("{name}: {error}"))),
                }
            }
            Input::Lost(reason) => teller.tell(Told::Failed(reason)),
        }
    }

    fn stream(&self, path: &str, mut input: impl Read, teller: &Teller<'_, Told>) {
        let mut scanner = self.engine.scanner(&self.policy);
        let mut window = Window::default();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut passed = Vec::new();
        let mut read = utf16::read_first(&mut input, &mut chunk);
        let mut utf16 = read.as_ref().ok().and_then(|length| Utf16::of(&chunk[..*length]));
        let mut begin = if utf16.is_some() { Utf16::UNIT_BYTES } else { 0 };
        while teller.is_heard() {
            let length = match read {
                Ok(length) => length,
                Err(error) => {
                    teller.tell(Told::Failed(format!("{path}: {error}")));
                    break;
                }
            };
            if length == 0 {
                break;
            }
            let bytes = &chunk[begin..length];
            let said = utf16.as_mut().map(|utf16| utf16.read(bytes));
            let bytes = said.as_deref().map_or(bytes, str::as_bytes);
            window.push(bytes);
            let flow = scanner.push_bytes(bytes, &mut passed);
            debug_assert!(flow.blocked().is_none(), "the policy blocks nothing");
            passed.clear();
            for finding in scanner.take_findings() {
                teller.tell(Told::Found(self.found(
                    path,
                    &finding,
                    &mut window,
                    utf16.is_some(),
                )));
            }
            window.trim();
            self.progress.inc(length as u64);
            begin = 0;
            read = utf16::read(&mut input, &mut chunk);
        }
        let (_, findings) = scanner.finish_with_findings(&mut String::new());
        for finding in findings {
            teller.tell(Told::Found(self.found(
                path,
                &finding,
                &mut window,
                utf16.is_some(),
            )));
        }
    }

    fn found(&self, path: &str, finding: &Finding, window: &mut Window, is_utf16: bool) -> Found {
        let span = finding.span();
        let (line, column) = window.locate(span.start);
        let value = window.slice(span.clone());
        let detector = finding.detector().clone();
        Found {
            path: path.to_owned(),
            subtype: finding.subtype().map(str::to_owned),
            line,
            column,
            matched: self
                .show_matches
                .then(|| String::from_utf8_lossy(value).into_owned()),
            mark: self
                .marker
                .as_ref()
                .map(|marker| marker.mark(detector.as_str(), value)),
            detector,
            span: if is_utf16 { in_utf16(finding) } else { span },
        }
    }
}

/// The bytes of the file that a finding covers, if the file is in UTF-16.
fn in_utf16(finding: &Finding) -> std::ops::Range<usize> {
    let units = finding.utf16_span();
    // Behind the mark.
    let byte = |unit: usize| Utf16::UNIT_BYTES * (unit + 1);
    byte(units.start)..byte(units.end)
}

/// Findings that need not be printed.
enum Known {
    Nothing,
    Accepted(Baseline),
    /// They are being written down.
    Listed(Baseline),
}

impl Known {
    fn marker(&self) -> Option<Marker> {
        match self {
            Self::Nothing => None,
            Self::Accepted(baseline) | Self::Listed(baseline) => Some(baseline.marker()),
        }
    }

    fn has(&mut self, found: &Found) -> bool {
        let (Some(mark), detector, subtype) =
            (&found.mark, found.detector.as_str(), found.subtype.as_deref())
        else {
            return false;
        };
        match self {
            Self::Nothing => false,
            Self::Accepted(baseline) => baseline.take(&found.path, detector, subtype, mark),
            Self::Listed(baseline) => {
                baseline.accept(&found.path, detector, subtype, mark);
                true
            }
        }
    }
}

struct Report<'a> {
    json: bool,
    known: Known,
    out: BufWriter<io::StdoutLock<'a>>,
    found: bool,
    failed: bool,
    progress: ProgressBar,
}

impl Report<'_> {
    fn hear(&mut self, told: Told) -> Result<(), Failure> {
        match told {
            Told::Found(found) if self.known.has(&found) => Ok(()),
            Told::Found(found) => {
                self.found = true;
                let text = if self.json {
                    found.to_json()
                } else {
                    found.to_line()
                };
                let out = &mut self.out;
                self.progress
                    .suspend(|| writeln!(out, "{text}"))
                    .map_err(|error| Failure::output(&error))
            }
            Told::Failed(reason) => {
                self.failed = true;
                self.progress.suspend(|| eprintln!("workjet: {reason}"));
                Ok(())
            }
        }
    }
}

impl Found {
    fn to_json(&self) -> String {
        let mut object = json!({
            "path": self.path,
            "detector": self.detector.as_str(),
            "start": self.span.start,
            "end": self.span.end,
            "line": self.line,
            "column": self.column,
        });
        if let Some(subtype) = &self.subtype {
            object["subtype"] = subtype.as_str().into();
        }
        if let Some(matched) = &self.matched {
            object["match"] = matched.as_str().into();
        }
        object.to_string()
    }

    fn to_line(&self) -> String {
        let subtype = match &self.subtype {
            Some(subtype) => format!(" ({subtype})"),
            None => String::new(),
        };
        let matched = match &self.matched {
            Some(text) => format!(": {}", text.escape_debug()),
            None => String::new(),
        };
        let Self {
            path, line, column, ..
        } = self;
        format!(
            "{path}:{line}:{column}: {}{subtype}{matched}",
            self.detector.as_str()
        )
    }
}

/// Shown on a terminal alone, and only once the work has taken a while.
fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {bytes} ({bytes_per_sec}) {wide_msg}")
        .expect("a valid template");
    ProgressBar::new_spinner().with_style(style)
}
