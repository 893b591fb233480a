//! `workjet redact`: standard input to standard output, holding back only what could still become a finding.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use workjet_dlp::Flow;

use super::output::Failure;
use super::scan::policy;
use super::utf16::{self, Utf16};

#[derive(Args)]
pub(super) struct Redact {
    /// A TOML file with a [dlp] table; the actions of requests apply.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl Redact {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let dlp = policy(self.policy.as_deref())?;
        let mut scanner = dlp.engine.scanner(&dlp.request);
        let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
        let mut chunk = vec![0; 64 << 10];
        let mut released = Vec::with_capacity(chunk.len());
        let mut read = utf16::read_first(&mut input, &mut chunk);
        // Nothing would be found in it, and all of it would pass.
        if let Ok(length) = read
            && Utf16::of(&chunk[..length]).is_some()
        {
            let message = "standard input is UTF-16: turn it into UTF-8 first, with iconv for instance";
            return Err(Failure::Error(message.into()));
        }
        loop {
            let length = read.map_err(|error| Failure::about("standard input", error))?;
            if length == 0 {
                break;
            }
            let flow = scanner.push_bytes(&chunk[..length], &mut released);
            // At once: somebody may be watching the other end.
            output
                .write_all(&released)
                .and_then(|()| output.flush())
                .map_err(|error| Failure::output(&error))?;
            released.clear();
            stop_if_blocked(flow)?;
            // Nobody asks for them, and over the length of a dump they would fill the memory.
            drop(scanner.take_findings());
            read = utf16::read(&mut input, &mut chunk);
        }
        let flow = scanner.finish_bytes(&mut released);
        output
            .write_all(&released)
            .and_then(|()| output.flush())
            .map_err(|error| Failure::output(&error))?;
        stop_if_blocked(flow)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn stop_if_blocked(flow: Flow) -> Result<(), Failure> {
    match flow {
        Flow::Continue => Ok(()),
        Flow::Blocked(finding) => Err(Failure::Error(format!(
            "stopped at byte {}: the policy blocks {}",
            finding.span().start,
            finding.detector().as_str()
        ))),
    }
}
