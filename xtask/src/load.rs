//! `cargo xtask load`: builds for release and hands over to the load program.

use anyhow::Result;

use crate::command::{Tools, run as execute};

pub(crate) fn run(tools: &Tools, arguments: &[String]) -> Result<()> {
    execute(tools.cargo("build").args([
        "--release",
        "--package",
        "workjet-server",
        "--package",
        "workjet-bench",
        "--bins",
    ]))?;
    let folder = tools.target.join("release");
    execute(
        tools
            .program(folder.join("workjet-load"))
            .arg("--gateway")
            .arg(folder.join("workjet"))
            .args(arguments),
    )
}
