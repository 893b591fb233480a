//! cargo-deny: the one on the path if it fits, else one of our own in the cache.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::command::{Tools, output, run};
use crate::steps::Done;

/// `deny.toml` is written for this version; another patch release will do.
const VERSION: &str = "0.20.2";

/// What is decided by the lock file alone, and therefore never skipped.
pub(crate) fn check(tools: &Tools) -> Result<Done> {
    run(deny(tools)?.args(["check", "bans", "licenses", "sources"]))?;
    Ok(Done::Ok)
}

/// Known vulnerabilities: their database lies on the network, which not every machine reaches.
pub(crate) fn advisories(tools: &Tools) -> Result<Done> {
    let mut deny = deny(tools)?;
    let output = deny
        .args(["check", "advisories"])
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo-deny")?;
    let said = String::from_utf8_lossy(&output.stderr);
    print!("{said}{}", String::from_utf8_lossy(&output.stdout));
    if !output.status.success() && said.contains("failed to fetch advisory database") {
        return Ok(Done::Skipped(
            "the advisory database is out of reach, so advisories were NOT checked".to_owned(),
        ));
    }
    ensure!(
        output.status.success(),
        "a dependency has a known vulnerability, or is withdrawn: see above"
    );
    Ok(Done::Ok)
}

fn deny(tools: &Tools) -> Result<Command> {
    let series = VERSION.rsplit_once('.').map_or(VERSION, |(series, _)| series);
    let on_path = output(tools.program("cargo-deny").arg("--version")).is_some_and(|said| {
        said.trim()
            .strip_prefix("cargo-deny ")
            .is_some_and(|version| version.starts_with(&format!("{series}.")))
    });
    if on_path {
        return Ok(tools.program("cargo-deny"));
    }
    let folder = tools.cache.join(format!("cargo-deny-{VERSION}"));
    let binary = folder.join("bin").join("cargo-deny");
    if !binary.exists() {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Not in our build folder: its lock file and ours have nothing in common.
        let mut install = tools.program("cargo");
        install
            .args([
                "install",
                "cargo-deny",
                "--version",
                VERSION,
                "--locked",
                "--debug",
                "--root",
            ])
            .arg(&folder);
        run(&mut install).context("cargo-deny is missing and cannot be installed")?;
    }
    Ok(tools.program(binary))
}
