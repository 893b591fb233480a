//! Where it was measured.

use std::fmt;
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

#[derive(Debug)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    compiler: String,
    commit: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|info| {
            let line = info.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        let said = |program: &str, arguments: &[&str]| {
            Command::new(program)
                .args(arguments)
                .current_dir(crate::folder())
                .output()
                .ok()
                .filter(|output| output.status.success())
                .and_then(|output| String::from_utf8(output.stdout).ok())
                .map(|said| said.trim().to_owned())
        };
        Self {
            processor: processor.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: available_parallelism().map_or(1, usize::from),
            compiler: said("rustc", &["--version"]).unwrap_or_else(|| "rustc".to_owned()),
            commit: said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            processor,
            cores,
            compiler,
            commit,
        } = self;
        write!(f, "{processor}, {cores} cores, {compiler}, commit {commit}")
    }
}
