//! `cargo xtask test`: the steps, in the order in which they find mistakes soonest.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::command::{Tools, run as execute};
use crate::{Options, deny, e2e, examples, parity, wasm, worker};

/// How a step ended well.
#[derive(Debug)]
pub(crate) enum Done {
    Ok,
    /// What could not be checked here, and why.
    Skipped(String),
}

struct Step {
    name: &'static str,
    does: &'static str,
    run: fn(&Tools, &Options) -> Result<Done>,
    /// The one step that CI may skip, since it needs a database that may be out of reach.
    may_skip_in_ci: bool,
}

const fn step(name: &'static str, does: &'static str, run: fn(&Tools, &Options) -> Result<Done>) -> Step {
    Step {
        name,
        does,
        run,
        may_skip_in_ci: false,
    }
}

const STEPS: &[Step] = &[
    step("fmt", "the code is formatted", |tools, _| {
        ok(execute(tools.cargo("fmt").args(["--all", "--check"])))
    }),
    step(
        "deny",
        "licences, sources and banned crates (cargo-deny, installed if missing)",
        |tools, _| deny::check(tools),
    ),
    step("clippy", "no warning in any target", |tools, _| {
        ok(execute(tools.cargo("clippy").args([
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ])))
    }),
    // All targets at once, so that one set of features serves the tests, the benches and the binary.
    step("build", "every target", |tools, _| {
        ok(execute(
            tools.cargo("build").args(["--workspace", "--all-targets"]),
        ))
    }),
    step("unit", "unit, integration and documentation tests", |tools, _| {
        ok(execute(
            tools.cargo("test").args(["--workspace", "--no-fail-fast"]),
        ))
    }),
    step(
        "e2e",
        "the binary, the official SDKs and mock providers (Python, in an environment of its own)",
        |tools, options| e2e::run(tools, &options.rest),
    ),
    step("examples", "each example runs", |tools, _| examples::run(tools)),
    step("doc", "the documentation has no warning", |tools, _| {
        let mut doc = tools.cargo("doc");
        ok(execute(
            doc.args(["--workspace", "--no-deps"])
                .env("RUSTDOCFLAGS", "--deny warnings"),
        ))
    }),
    step(
        "wasm",
        "every crate builds for WebAssembly, and the gateway runs there without an import",
        |tools, _| wasm::run(tools),
    ),
    step(
        "worker",
        "the Worker: its size, its stores, and the same tests as the binary, in workerd",
        |tools, _| worker::step(tools),
    ),
    step(
        "parity",
        "one table of scenarios in every home: memory, binary and Worker answer alike",
        |tools, options| parity::run(tools, &options.rest),
    ),
    Step {
        may_skip_in_ci: true,
        ..step(
            "advisories",
            "no dependency has a known vulnerability",
            |tools, _| deny::advisories(tools),
        )
    },
];

fn ok(result: Result<()>) -> Result<Done> {
    result.map(|()| Done::Ok)
}

/// Runs the chosen steps; returns whether all went well.
pub(crate) fn run(tools: &Tools, options: &Options) -> Result<bool> {
    for name in options.only.iter().chain(&options.skip) {
        if STEPS.iter().all(|step| step.name != name) {
            bail!("no step {name:?}; `cargo xtask test --list` shows them");
        }
    }
    if options.list {
        for step in STEPS {
            println!("{:<12}{}", step.name, step.does);
        }
        return Ok(true);
    }
    let chosen = STEPS.iter().filter(|step| {
        let named = |list: &[String]| list.iter().any(|name| name == step.name);
        (options.only.is_empty() || named(&options.only)) && !named(&options.skip)
    });
    let mut report = Vec::new();
    let mut failed = false;
    for step in chosen {
        if failed && !options.keep_going {
            report.push((step, Duration::ZERO, "not run".to_owned()));
            continue;
        }
        println!("\n== {}: {}", step.name, step.does);
        let start = Instant::now();
        let end = match (step.run)(tools, options) {
            Ok(Done::Ok) => "ok".to_owned(),
            Ok(Done::Skipped(why)) if tools.ci && !step.may_skip_in_ci => {
                failed = true;
                format!("FAILED: CI skips nothing, but {why}")
            }
            Ok(Done::Skipped(why)) => format!("skipped: {why}"),
            Err(error) => {
                failed = true;
                format!("FAILED: {error:#}")
            }
        };
        println!("== {}: {end}", step.name);
        report.push((step, start.elapsed(), end));
    }
    println!("\n{:<12}{:>8}  result", "step", "seconds");
    for (step, took, end) in report {
        println!("{:<12}{:>8.1}  {end}", step.name, took.as_secs_f64());
    }
    Ok(!failed)
}
