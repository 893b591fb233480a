//! The project's own commands.
//!
//! `cargo xtask test` runs every check and every test from a fresh clone, with its own set-up; CI calls the same.
//! `cargo xtask load` measures what the gateway adds to a request. `cargo xtask worker` builds, runs, tests and deploys
//! the gateway for Cloudflare Workers.

mod accuracy;
mod command;
mod deny;
mod e2e;
mod exactness;
mod examples;
mod load;
mod parity;
mod prices;
mod steps;
mod wasm;
mod worker;
mod worker_tools;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::command::Tools;

const USAGE: &str = "\
cargo xtask test [--list] [--only STEP,…] [--skip STEP,…] [--keep-going] [--target-dir DIR] [-- PYTEST ARGUMENTS…]
    runs every check and every test; needs Rust, a C compiler, Python 3.10 and Node 20 or later
cargo xtask load [--target-dir DIR] [-- ARGUMENTS…]
    measures in a release build what the gateway adds to a request
cargo xtask accuracy FILE… [--cases] [--write] [--packs]
    precision, recall and F1 of each detector over labelled texts; with --cases every miss and false hit, with --write into
    docs/accuracy.md, with --packs for health and Europe too
cargo xtask accuracy --generate SEED [FOLDER] [--cases] [--write] [--packs]
    the same over texts that the seed makes from templates; or the texts alone, written into a folder
cargo xtask accuracy --evasion SEED [--cases] [--write]
    how many values are found that the seed makes and writes in disguise, and of those in testdata/evasion.txt
cargo xtask accuracy --corpus FOLDER… [--cases] [--write] [--packs]
    what is found in the text files of a folder, per MB
cargo xtask exactness [--cuts N] [--seconds S] [--seed N] [--text N] [--keep-going] [--target-dir DIR]
    10,000,000 random cuts, or as many as are asked for, of texts made by a grammar of near-misses: streams against a reference;
    with --text one text of such a run again
cargo xtask prices
    makes the price table of workjet-router anew from the data of genai-prices
cargo xtask worker build|dev|test|deploy|bench [--target-dir DIR] [-- ARGUMENTS…]
    the gateway for Cloudflare Workers: built with its size checked, served locally by wrangler from an empty state,
    tested, deployed, measured; needs Node 20 or later
";

/// What the command line asks for.
#[derive(Debug, Default)]
struct Options {
    list: bool,
    only: Vec<String>,
    skip: Vec<String>,
    keep_going: bool,
    target_dir: Option<PathBuf>,
    rest: Vec<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let mut arguments = env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let action = if command == "worker" {
        arguments.next().context(format!("which action?\n{USAGE}"))?
    } else {
        String::new()
    };
    if command == "accuracy" {
        accuracy::run(&arguments.collect::<Vec<_>>())?;
        return Ok(true);
    }
    if command == "exactness" {
        exactness::run(arguments.collect())?;
        return Ok(true);
    }
    let options = parse(arguments)?;
    let tools = Tools::new(options.target_dir.clone())?;
    match command.as_str() {
        "test" => steps::run(&tools, &options),
        "prices" => prices::run(&tools).map(|()| true),
        "load" => load::run(&tools, &options.rest).map(|()| true),
        "worker" => worker::run(&tools, &action, &options.rest).map(|()| true),
        "" | "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(true)
        }
        other => bail!("no command {other:?}\n{USAGE}"),
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument} needs a value\n{USAGE}"))
        };
        let list = |text: String| text.split(',').map(str::to_owned).collect();
        match argument.as_str() {
            "--list" => options.list = true,
            "--only" => options.only = list(value()?),
            "--skip" => options.skip = list(value()?),
            "--keep-going" => options.keep_going = true,
            "--target-dir" => options.target_dir = Some(value()?.into()),
            "--" => options.rest.extend(arguments.by_ref()),
            _ => bail!("no option {argument:?}\n{USAGE}"),
        }
    }
    Ok(options)
}
