//! `workjet audit`: checks the log offline, and exports it.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use workjet_audit::export::{ExportError, Filter, jsonl};
use workjet_audit::{Checkpoint, Log, Progress, ReadError, Report, verify};
use workjet_gateway::Clock as _;
use workjet_tenant::{Outbox as _, TenantId};

use super::Place;
use super::output::{Failure, print_line};
use super::place::{block_on, operator, scope};
use crate::log_files::LogFolder;
use crate::{DataFolder, SystemClock};

/// How long an export waits for a running gateway to log the latest changes. It does so every second.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Check that nothing in a tenant's log was changed, removed or put in.
    ///
    /// Needs nothing but the folder. Exits with 0 if the log is sound, 1 if it was tampered with, 2 on an error.
    Verify(Verify),
    /// Write a tenant's log to standard output. The export itself is logged first.
    Export(Export),
}

#[derive(Args)]
pub(super) struct Verify {
    /// The tenant's log folder, such as workjet-data/audit/default.
    path: PathBuf,
    /// A checkpoint that an earlier check printed: its log must be the beginning of this one.
    #[arg(long, value_name = "CHECKPOINT")]
    since: Option<String>,
    /// The key that checkpoints are signed with.
    #[arg(long, value_name = "KEY")]
    vkey: Option<String>,
}

#[derive(Args)]
pub(super) struct Export {
    /// The tenant.
    #[arg(long, value_name = "T", default_value = "default")]
    tenant: TenantId,
    /// How entries look.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// Only entries from this time on (RFC 3339, such as 2026-11-23T00:00:00Z).
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only entries before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line: the entry's fields, and its place in the log.
    Jsonl,
    /// The Open Cybersecurity Schema Framework (comes later).
    Ocsf,
    /// The Common Event Format (comes later).
    Cef,
}

impl Audit {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Export(export) => export.run(),
        }
    }
}

impl Verify {
    fn run(self) -> Result<ExitCode, Failure> {
        if self.vkey.is_some() {
            let message =
                "--vkey comes with signed checkpoints, which this version does not make yet: leave it out";
            return Err(Failure::Error(message.into()));
        }
        let since: Option<Checkpoint> = match &self.since {
            Some(text) => Some(text.parse().map_err(|error| Failure::about("--since", error))?),
            None => None,
        };
        let bar = progress();
        let report = verify(&LogFolder::new(&self.path), since.as_ref(), &mut |progress| {
            show(&bar, progress);
        });
        bar.finish_and_clear();
        match report.map_err(|error| Failure::about(self.path.display(), error))? {
            Report::Sound { tenant, checkpoint } => {
                let entries = if checkpoint.size == 1 {
                    "1 entry".into()
                } else {
                    format!("{} entries", checkpoint.size)
                };
                print_line(format!(
                    "sound: {entries} of tenant {tenant}\ncheckpoint: {checkpoint}"
                ))?;
                Ok(ExitCode::SUCCESS)
            }
            Report::Tampered(tampering) => {
                print_line(format!("tampered: {tampering}"))?;
                Ok(ExitCode::from(1))
            }
        }
    }
}

impl Export {
    fn run(self) -> Result<ExitCode, Failure> {
        if self.format != Format::Jsonl {
            let message = "this format comes later: use --format jsonl, whose fields have the same names";
            return Err(Failure::Error(message.into()));
        }
        let data = block_on(async {
            let data = self.place.open().await?;
            bring_up_to_date(&data, &self.tenant).await?;
            Ok(data)
        })?;

        let bar = progress();
        let mut out = io::BufWriter::new(io::stdout().lock());
        let filter = Filter {
            from: self.from,
            to: self.to,
        };
        let folder = LogFolder::new(data.audit().join(self.tenant.as_str()));
        let exported = jsonl(&folder, &filter, &mut out, &mut |progress| show(&bar, progress));
        bar.finish_and_clear();
        match exported {
            Ok(_) => out.flush().map_err(|error| Failure::output(&error))?,
            Err(ExportError::Read(ReadError::Io(error))) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err(Failure::BrokenPipe);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Records the export, and sees to it that everything recorded so far is in the log: with its own hands if no gateway
/// runs, by waiting for the gateway otherwise.
async fn bring_up_to_date(data: &DataFolder, tenant: &TenantId) -> Result<(), Failure> {
    let admin = data.admin();
    if !admin.tenants().await?.iter().any(|known| known.id == *tenant) {
        return Err(Failure::Error(format!(
            "there is no tenant {tenant}: `workjet tenant list` names them"
        )));
    }
    let (scope, now) = (scope(tenant), SystemClock.now());
    data.store().record(&scope, &admin.exported(&scope, now)).await?;
    match data.try_log_files()? {
        Some(files) => {
            let log = Log::new(files).with_outbox(data.store().clone());
            log.start(&operator().system_scope(tenant), now).await?;
            log.close().await?;
        }
        None => {
            let began = Instant::now();
            while !data.store().pending(&scope, 0, 1).await?.is_empty() {
                if began.elapsed() > PATIENCE {
                    eprintln!(
                        "workjet: the running gateway has not logged the latest changes yet; they are left out"
                    );
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    Ok(())
}

/// Shown on a terminal alone.
fn progress() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} entries, {eta} left").expect("a valid template");
    ProgressBar::new(0).with_style(style)
}

fn show(bar: &ProgressBar, progress: Progress) {
    // Each entry takes a microsecond or so; the bar need not know of all.
    if progress.done.is_multiple_of(1024) || progress.done == progress.total {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }
}
