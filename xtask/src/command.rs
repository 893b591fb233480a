//! Runs programs: where they are, in which folder, and what is said when one fails.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Where the workspace, its build folder and the cache are.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    /// Outlives a clone: what takes minutes to install is kept here, by version.
    pub(crate) cache: PathBuf,
    /// Nothing may be skipped.
    pub(crate) ci: bool,
}

impl Tools {
    pub(crate) fn new(target: Option<PathBuf>) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask lies in the workspace")?;
        let home = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
        let target = target
            .or_else(|| env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
            .unwrap_or_else(|| "target".into());
        Ok(Self {
            root: root.to_owned(),
            target: root.join(target),
            cache: home.map_or_else(|| root.join(".cache"), |home| home.join("workjet")),
            ci: env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false" && ci != "0"),
        })
    }

    /// `cargo COMMAND …` in the workspace, with the one build folder.
    ///
    /// In CI the lock file must be right as it was committed.
    pub(crate) fn cargo(&self, command: &str) -> Command {
        let mut cargo = self.program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.arg(command);
        if command != "fmt" {
            cargo.arg("--target-dir").arg(&self.target);
            if self.ci {
                cargo.arg("--locked");
            }
        }
        cargo
    }

    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        if self.ci {
            // A fresh clone is built once: keeping the compiler's intermediate results only costs.
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    }
}

/// Runs it to its end, its output where ours goes.
///
/// # Errors
/// If it cannot be started or fails; the message is the command line.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    println!("$ {shown}");
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(())
}

/// Runs it to its end and returns what it printed, or nothing if it is not there or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut shown = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        shown.push(' ');
        // A script among the arguments is too long to show.
        shown.push_str(if argument.contains('\n') { "…" } else { &argument });
    }
    shown
}
