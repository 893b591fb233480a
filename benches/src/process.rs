//! Programs under measurement, and what the kernel knows of them.

use std::ffi::OsStr;
use std::fs;
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
    /// Starts it and waits for the line of JSON that says it is ready.
    pub(crate) fn start(program: &Path, arguments: &[impl AsRef<OsStr>]) -> Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
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

    /// The processor time it has used so far, in user and kernel mode; the kernel counts in steps of 10 ms.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).context("needs Linux")?;
        // The name in parentheses may hold spaces; the numbers follow the last parenthesis.
        let numbers = stat
            .rsplit_once(')')
            .context("an unknown format of /proc/PID/stat")?
            .1;
        let ticks: u64 = numbers
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|number| {
                number
                    .parse::<u64>()
                    .context("an unknown format of /proc/PID/stat")
            })
            .sum::<Result<u64>>()?;
        Ok(Duration::from_millis(ticks * 10))
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
