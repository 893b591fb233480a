//! Runs every example: each folder in `examples/` is a small package that ends by itself and fails by exit code.

use std::fs;

use anyhow::{Context as _, Result};

use crate::command::{Tools, run as execute};
use crate::steps::Done;

pub(crate) fn run(tools: &Tools) -> Result<Done> {
    let folder = tools.root.join("examples");
    let mut manifests = Vec::new();
    if folder.exists() {
        for entry in fs::read_dir(&folder).context("cannot list the examples")? {
            let manifest = entry
                .context("cannot list the examples")?
                .path()
                .join("Cargo.toml");
            if manifest.exists() {
                manifests.push(manifest);
            }
        }
    }
    manifests.sort();
    for manifest in &manifests {
        execute(tools.cargo("run").arg("--manifest-path").arg(manifest))?;
    }
    println!("{} examples ran", manifests.len());
    Ok(Done::Ok)
}
