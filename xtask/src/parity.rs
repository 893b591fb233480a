//! One table of scenarios, played in every home.

use anyhow::Result;

use crate::command::{Tools, output, run as execute};
use crate::steps::Done;
use crate::worker;
use crate::worker_tools::WorkerTools;

pub(crate) fn run(tools: &Tools, arguments: &[String]) -> Result<Done> {
    // The same call as the step `build`, so that nothing is built twice with other features.
    execute(tools.cargo("build").args(["--workspace", "--all-targets"]))?;
    let programs = tools.target.join("debug");
    let mut play = tools.program(programs.join("workjet-parity"));
    play.arg("--programs").arg(&programs).args(arguments);
    if output(tools.program("node").arg("--version")).is_none() {
        execute(play.args(["--homes", "memory,server"]))?;
        return Ok(Done::Skipped(
            "there is no Node.js for the Worker; memory and server agree".to_owned(),
        ));
    }
    let kit = WorkerTools::installed(tools)?;
    let bundle = worker::build(tools, &kit)?;
    execute(bundle.announce(tools, &kit, &mut play))?;
    Ok(Done::Ok)
}
