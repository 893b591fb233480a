//! Runs every example: each folder in `examples/` is a small package that ends by itself and fails by exit code.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::command::{Tools, run as execute};
use crate::steps::Done;

pub(crate) fn run(tools: &Tools) -> Result<Done> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tools.root.join("examples")).context("cannot list the examples")? {
        let entry = entry.context("cannot list the examples")?;
        if entry.path().join("Cargo.toml").exists() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "there is no example");
    // The same call as the step `build`: `cargo run` would build the libraries anew, with each example's own features.
    execute(tools.cargo("build").args(["--workspace", "--all-targets"]))?;
    for name in &names {
        execute(&mut tools.program(tools.target.join("debug").join(name)))?;
    }
    println!("{} examples ran", names.len());
    Ok(Done::Ok)
}
