//! The end-to-end tests: builds what they start, makes them a Python environment, runs pytest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::{Tools, output, run as execute};
use crate::steps::Done;

pub(crate) fn run(tools: &Tools, arguments: &[String]) -> Result<Done> {
    // The same call as the step `build`, so that nothing is built twice with other features.
    execute(tools.cargo("build").args(["--workspace", "--all-targets"]))?;
    let Some(mut pytest) = pytest(tools)? else {
        return Ok(Done::Skipped(NO_PYTHON.to_owned()));
    };
    execute(pytest.args(arguments))?;
    Ok(Done::Ok)
}

/// The same tests, but for those that are about the server alone, on the Worker that `start` tells them to start.
pub(crate) fn run_on_worker(
    tools: &Tools,
    arguments: &[String],
    start: impl FnOnce(&mut Command),
) -> Result<()> {
    execute(tools.cargo("build").args(["--workspace", "--all-targets"]))?;
    let mut pytest = pytest(tools)?.context(NO_PYTHON)?;
    start(&mut pytest);
    execute(pytest.args(["--home", "worker"]).args(arguments))
}

const NO_PYTHON: &str = "there is no Python 3.10 or later: install python3 with its venv module";

/// pytest in its folder and environment; none if there is no Python.
fn pytest(tools: &Tools) -> Result<Option<Command>> {
    let folder = tools.root.join("tests/e2e");
    let Some(python) = python(tools) else {
        return Ok(None);
    };
    let environment = environment(tools, &python, &folder.join("requirements.txt"))?;
    let mut pytest = tools.program(environment.join("bin/python"));
    pytest
        .args(["-m", "pytest"])
        .current_dir(&folder)
        .env("WORKJET_BIN_DIR", tools.target.join("debug"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(Some(pytest))
}

fn python(tools: &Tools) -> Option<String> {
    ["python3", "python"]
        .into_iter()
        .map(str::to_owned)
        .find(|python| {
            let check = "import sys, venv; print(sys.version_info >= (3, 10))";
            output(tools.program(python).args(["-c", check])).is_some_and(|said| said.trim() == "True")
        })
}

/// The environment for exactly these requirements and this Python, made on first use.
fn environment(tools: &Tools, python: &str, requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(requirements).context("cannot read the requirements")?;
    let version = output(
        tools
            .program(python)
            .args(["-c", "import sys; print(sys.version, sys.executable)"]),
    )
    .context("Python does not say its version")?;
    let folder = tools
        .cache
        .join(format!("e2e-{:016x}", hash(&(wanted + &version))));
    let ready = folder.join("ready");
    if !ready.exists() {
        // Half of an environment, from a run that was interrupted, is worse than none.
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        execute(tools.program(python).args(["-m", "venv"]).arg(&folder))?;
        execute(
            tools
                .program(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--no-deps", "--requirement"])
                .arg(requirements),
        )
        .context("the Python packages cannot be installed")?;
        fs::write(&ready, "").with_context(|| format!("cannot write {}", ready.display()))?;
    }
    Ok(folder)
}

/// FNV-1a: a name for a folder, no more.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
