//! What the Worker is built and run with: two programs from crates.io and a handful from npm, kept in the cache.
//!
//! `worker-build` and `wasm-bindgen` must fit the crates of the same families, so their versions are those of
//! `Cargo.lock`. What npm installs stands in `adapters/cloudflare/node/package-lock.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::command::{Tools, output, run};
use crate::e2e::hash;

/// Paths of programs that are there.
#[derive(Debug)]
pub(crate) struct WorkerTools {
    worker_build: PathBuf,
    wasm_bindgen: PathBuf,
    /// The folder `node_modules` with wrangler, miniflare, esbuild and binaryen.
    pub(crate) node_modules: PathBuf,
}

impl WorkerTools {
    /// Installs what is missing. Takes a few minutes once, and nothing afterwards.
    pub(crate) fn installed(tools: &Tools) -> Result<Self> {
        check_node(tools)?;
        let node_modules = npm(tools)?;
        let lock = fs::read_to_string(tools.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
        let version = |name| locked(&lock, name).with_context(|| format!("{name} is not in Cargo.lock"));
        Ok(Self {
            worker_build: cargo_install(tools, "worker-build", version("worker")?, "worker-build", true)?,
            // Its own lock file names a crate that was withdrawn.
            wasm_bindgen: cargo_install(
                tools,
                "wasm-bindgen-cli",
                version("wasm-bindgen")?,
                "wasm-bindgen",
                false,
            )?,
            node_modules,
        })
    }

    /// `worker-build`, which finds the others through variables and downloads nothing.
    pub(crate) fn worker_build(&self, tools: &Tools) -> Command {
        let mut command = tools.program(&self.worker_build);
        command
            .env("WASM_BINDGEN_BIN", &self.wasm_bindgen)
            .env("WASM_OPT_BIN", self.bin("wasm-opt"))
            .env("ESBUILD_BIN", self.bin("esbuild"));
        command
    }

    /// `wasm-opt`, told which features of WebAssembly there are: rustc's own and those that wasm-bindgen uses.
    pub(crate) fn wasm_opt(&self, tools: &Tools) -> Command {
        let features = [
            "bulk-memory",
            "exception-handling",
            "multivalue",
            "mutable-globals",
            "nontrapping-float-to-int",
            "reference-types",
            "sign-ext",
        ];
        let mut command = tools.program(self.bin("wasm-opt"));
        command.args(features.map(|feature| format!("--enable-{feature}")));
        command
    }

    /// `wrangler`, told where the Worker is.
    pub(crate) fn wrangler(&self, tools: &Tools) -> Command {
        let folder = tools.root.join("adapters/cloudflare");
        let mut command = tools.program(self.bin("wrangler"));
        command
            .env("WRANGLER_SEND_METRICS", "false")
            // Or it looks beside the module that it is given.
            .arg("--config")
            .arg(folder.join("wrangler.toml"))
            .current_dir(folder);
        command
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.node_modules.join(".bin").join(name)
    }
}

fn check_node(tools: &Tools) -> Result<()> {
    let version = output(tools.program("node").arg("--version")).unwrap_or_default();
    let major = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    ensure!(
        major.is_some_and(|major| major >= 20),
        "the Worker needs Node 20 or later, and `node --version` says {version:?}: install it from https://nodejs.org"
    );
    Ok(())
}

fn npm(tools: &Tools) -> Result<PathBuf> {
    let from = tools.root.join("adapters/cloudflare/node");
    let lock = fs::read_to_string(from.join("package-lock.json")).context("cannot read package-lock.json")?;
    let folder = tools
        .cache
        .join("tools")
        .join(format!("node-{:016x}", hash(&lock)));
    let ready = folder.join("ready");
    if !ready.exists() {
        remove(&folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(from.join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
        }
        // None of these packages needs a script of its own to work.
        let mut install = tools.program("npm");
        install
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder);
        run(&mut install).context("the Node packages for the Worker cannot be installed")?;
        fs::write(&ready, "").with_context(|| format!("cannot write {}", ready.display()))?;
    }
    Ok(folder.join("node_modules"))
}

fn cargo_install(
    tools: &Tools,
    package: &str,
    version: &str,
    program: &str,
    locked: bool,
) -> Result<PathBuf> {
    let folder = tools.cache.join("tools").join(format!("{program}-{version}"));
    let binary = folder.join("bin").join(program);
    if binary.exists() {
        return Ok(binary);
    }
    let build = folder.join("build");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut install = tools.program("cargo");
    install
        .args(["install", package, "--version", &format!("={version}"), "--root"])
        .arg(&folder)
        // Not in our build folder: its lock file and ours have nothing in common.
        .arg("--target-dir")
        .arg(&build)
        .args(locked.then_some("--locked"))
        // They run for seconds: building them fast is worth more than having them fast.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    run(&mut install).with_context(|| format!("{package} cannot be installed"))?;
    remove(&build)?;
    Ok(binary)
}

/// Removes a folder, if it is there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The version of a package in the lock file.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = lock.split_once(&format!("[[package]]\nname = \"{name}\"\nversion = \""))?;
    after.split('"').next()
}
