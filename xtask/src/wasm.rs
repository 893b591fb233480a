//! Every crate under `crates/` builds for WebAssembly; a module that holds the gateway needs nothing from outside and
//! works.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use wasmparser::{Parser, Payload};

use crate::command::{Tools, output, run as execute};
use crate::steps::Done;

const TARGET: &str = "wasm32-unknown-unknown";
const PROBE: &str = "workjet-wasm-probe";
/// About one machine's keychain and files, so it stays where they are.
const NATIVE_ONLY: &[&str] = &["workjet-device"];

pub(crate) fn run(tools: &Tools) -> Result<Done> {
    if !target_is_there(tools) {
        let installed = execute(tools.program("rustup").args(["target", "add", TARGET]));
        if let Err(error) = installed {
            return Ok(Done::Skipped(format!(
                "the target {TARGET} is missing and cannot be installed: {error:#}"
            )));
        }
    }
    let mut build = tools.cargo("build");
    build.args(["--target", TARGET, "--package", PROBE]);
    for name in crates(tools)? {
        build.args(["--package", &name]);
    }
    execute(&mut build)?;
    let module = tools
        .target
        .join(TARGET)
        .join("debug")
        .join(format!("{PROBE}.wasm"));
    let imports = imports(&module)?;
    ensure!(
        imports.is_empty(),
        "{} wants from its host what no host has: {}",
        module.display(),
        imports.join(", ")
    );
    if output(tools.program("node").arg("--version")).is_none() {
        return Ok(Done::Skipped(format!(
            "there is no Node.js to run {PROBE} with; it builds and imports nothing"
        )));
    }
    execute(tools.program("node").args(["--eval", RUN]).arg(&module))?;
    println!("{PROBE}: the gateway serves requests as WebAssembly, and imports nothing");
    Ok(Done::Ok)
}

/// Runs a module without imports: a panic in it is a trap, and ends Node with an error.
const RUN: &str = r#"
    const module = new WebAssembly.Module(require("node:fs").readFileSync(process.argv[1]));
    process.exitCode = new WebAssembly.Instance(module, {}).exports.main(0, 0);
"#;

fn target_is_there(tools: &Tools) -> bool {
    output(
        tools
            .program("rustc")
            .args(["--print", "target-libdir", "--target", TARGET]),
    )
    .is_some_and(|folder| Path::new(folder.trim()).exists())
}

/// The packages under `crates/`, by the names of their folders.
fn crates(tools: &Tools) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tools.root.join("crates")).context("cannot list the crates")? {
        let entry = entry.context("cannot list the crates")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().join("Cargo.toml").exists() && !NATIVE_ONLY.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// What a module imports, as `module.name`.
///
/// A C function that nothing provides is imported from `env`; a clock or a random source by way of JavaScript would
/// show up here as well.
fn imports(module: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let mut imports = Vec::new();
    for payload in Parser::new(0).parse_all(&bytes) {
        if let Payload::ImportSection(section) = payload.context("not a WebAssembly module")? {
            for import in section.into_imports() {
                let import = import.context("not a WebAssembly module")?;
                imports.push(format!("{}.{}", import.module, import.name));
            }
        }
    }
    Ok(imports)
}
