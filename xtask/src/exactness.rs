//! `cargo xtask exactness`: builds the long run of the engine's exactness checks for release and hands over to it.

use anyhow::{Context as _, Result};

use crate::command::{Tools, run as execute};

pub(crate) fn run(mut arguments: Vec<String>) -> Result<()> {
    let target = arguments.iter().position(|argument| argument == "--target-dir");
    let target = target.map(|at| {
        arguments.remove(at);
        (at < arguments.len()).then(|| arguments.remove(at).into())
    });
    let tools = Tools::new(
        target
            .map(|target| target.context("--target-dir needs a value"))
            .transpose()?,
    )?;
    execute(tools.cargo("build").args([
        "--release",
        "--package",
        "workjet-dlp",
        "--features",
        "testing",
        "--example",
        "exactness",
    ]))?;
    let program = tools.target.join("release/examples/exactness");
    execute(tools.program(program).args(arguments))
}
