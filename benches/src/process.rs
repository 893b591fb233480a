//! Programs under measurement, and what the kernel knows of them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::client::Target;

/// A program that has said where it listens; it ends with this value.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    said: Value,
}

impl Running {
    /// Starts it and waits for the line of JSON that says it is ready. What it logs goes to the file `log`.
    pub(crate) fn start(program: &Path, arguments: &[impl AsRef<OsStr>], log: &Path) -> Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output is piped")?).read_line(&mut line)?;
        ensure!(
            !line.is_empty(),
            "{} ended before it was ready",
            program.display()
        );
        let said = serde_json::from_str(&line).with_context(|| format!("no announcement: {line}"))?;
        Ok(Self { child, said })
    }

    pub(crate) fn target(&self) -> Target {
        let text = |name: &str| self.said[name].as_str().map(str::to_owned);
        Target {
            url: text("url").unwrap_or_default(),
            ca: text("ca").map(Into::into),
            key: text("key"),
        }
    }

    /// The processor time that its threads have used so far, in user and kernel mode.
    ///
    /// From `schedstat`, which counts nanoseconds; `stat` counts in steps of 10 ms, and a round is shorter than that.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id())).context("needs Linux")? {
            // A thread may end between the listing and the look; it was idle then.
            if let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) {
                let used = text
                    .split_whitespace()
                    .next()
                    .context("an unknown format of schedstat")?;
                nanoseconds += used.parse::<u64>().context("an unknown format of schedstat")?;
            }
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The memory it holds now.
    pub(crate) fn rss_kib(&self) -> Result<u64> {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("needs Linux")?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        line.trim()
            .trim_end_matches(" kB")
            .parse()
            .context("an unknown format of /proc/PID/status")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn cpu_model() -> String {
    fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|info| {
            let line = info
                .lines()
                .find(|line| line.starts_with("model name"))?
                .to_owned();
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| "unknown processor".to_owned())
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

pub(crate) fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(
        |_| "unknown kernel".to_owned(),
        |release| format!("Linux {}", release.trim()),
    )
}
