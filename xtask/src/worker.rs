//! `cargo xtask worker build|dev|test|deploy|bench`: the Worker, from its source to where it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context as _, Result, bail, ensure};

use crate::command::{Tools, output, run as execute};
use crate::e2e;
use crate::steps::Done;
use crate::worker_tools::{WorkerTools, remove};

/// What Cloudflare is sent, compressed. Its own limit is 3 MB on the free plan; each byte is also parsed by every
/// isolate that starts.
const MAX_GZIPPED_BYTES: u64 = 1_200_000;

/// Runs one of the actions.
pub(crate) fn run(tools: &Tools, action: &str, arguments: &[String]) -> Result<()> {
    let kit = WorkerTools::installed(tools)?;
    match action {
        "build" => build(tools, &kit).map(|_| ()),
        "dev" => dev(tools, &kit, arguments),
        "test" => test(tools, &kit, arguments),
        "deploy" => deploy(tools, &kit),
        "bench" => bench(tools, &kit, arguments),
        other => bail!("`cargo xtask worker` knows build, dev, test, deploy and bench, not {other:?}"),
    }
}

/// The step of `cargo xtask test`.
pub(crate) fn step(tools: &Tools) -> Result<Done> {
    if output(tools.program("node").arg("--version")).is_none() {
        return Ok(Done::Skipped(
            "there is no Node.js: the Worker needs version 20 or later".to_owned(),
        ));
    }
    let kit = WorkerTools::installed(tools)?;
    test(tools, &kit, &[])?;
    Ok(Done::Ok)
}

/// A Worker that was built: the folder with `index.js` and `index_bg.wasm`.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) folder: PathBuf,
}

impl Bundle {
    /// `node start.mjs …`, which starts this Worker; `adapters/cloudflare/node/start.mjs` says how to talk to it.
    pub(crate) fn start(&self, tools: &Tools, kit: &WorkerTools) -> Vec<PathBuf> {
        let adapter = tools.root.join("adapters/cloudflare");
        vec![
            "node".into(),
            adapter.join("node/start.mjs"),
            self.folder.clone(),
            tools.root.join("crates/workjet-sql/migrations"),
            adapter.join("wrangler.toml"),
            kit.node_modules.clone(),
        ]
    }

    /// Tells a test how to start this Worker: `WORKJET_WORKER` is the command line, one argument on each line.
    pub(crate) fn announce<'c>(
        &self,
        tools: &Tools,
        kit: &WorkerTools,
        command: &'c mut Command,
    ) -> &'c mut Command {
        let line: Vec<String> = self
            .start(tools, kit)
            .iter()
            .map(|argument| argument.display().to_string())
            .collect();
        command.env("WORKJET_WORKER", line.join("\n"))
    }
}

/// Builds the Worker as it is deployed, and fails if it has become too large.
pub(crate) fn build(tools: &Tools, kit: &WorkerTools) -> Result<Bundle> {
    let bundle = bundle(tools, kit, "adapters/cloudflare/entry", "worker-bundle")?;
    let gzipped = sizes(tools, &bundle.folder)?;
    ensure!(
        gzipped <= MAX_GZIPPED_BYTES,
        "the Worker has become too large: {gzipped} bytes compressed, where {MAX_GZIPPED_BYTES} is the bound"
    );
    Ok(bundle)
}

/// Builds the Worker of the package in `package` into a folder of the build folder.
pub(crate) fn bundle(tools: &Tools, kit: &WorkerTools, package: &str, name: &str) -> Result<Bundle> {
    let folder = tools.target.join(name);
    let mut build = kit.worker_build(tools);
    build
        .args(["--profile", "worker", "--out-dir"])
        .arg(&folder)
        .arg(tools.root.join(package))
        .arg("--target-dir")
        .arg(&tools.target)
        .args(tools.ci.then_some("--locked"));
    execute(&mut build)?;
    // Functions with names that are alike do alike things: side by side they compress better, by a twentieth. The names
    // themselves are a tenth of the module, and help nobody who has not its source.
    let module = folder.join("index_bg.wasm");
    execute(
        kit.wasm_opt(tools)
            .arg(&module)
            .args([
                "--reorder-functions-by-name",
                "--strip-debug",
                "--strip-producers",
                "--output",
            ])
            .arg(&module),
    )?;
    Ok(Bundle { folder })
}

/// Prints the size of each module, and returns what they come to when compressed as wrangler does it.
fn sizes(tools: &Tools, folder: &Path) -> Result<u64> {
    let script = r#"
        const { readFileSync } = require("node:fs");
        const { gzipSync } = require("node:zlib");
        for (const name of process.argv.slice(1)) {
            const bytes = readFileSync(name);
            console.log(bytes.length, gzipSync(bytes).length);
        }
    "#;
    let names = ["index.js", "index_bg.wasm"];
    let mut measure = tools.program("node");
    measure.args(["--eval", script]);
    measure.args(names.map(|name| folder.join(name)));
    let measured = output(&mut measure).context("the bundle cannot be measured")?;
    let mut total = 0;
    for (name, line) in names.iter().zip(measured.lines()) {
        let (raw, gzipped) = line.split_once(' ').context("two sizes")?;
        println!("{name:<16}{raw:>10} bytes{gzipped:>10} compressed");
        total += gzipped.parse::<u64>().context("a size")?;
    }
    println!("together        {total:>26} compressed, of {MAX_GZIPPED_BYTES}");
    Ok(total)
}

/// `wrangler dev` with everything that it needs, from an empty state.
fn dev(tools: &Tools, kit: &WorkerTools, arguments: &[String]) -> Result<()> {
    let bundle = build(tools, kit)?;
    let state = tools.target.join("worker-dev");
    remove(&state)?;
    fs::create_dir_all(&state).with_context(|| format!("cannot make {}", state.display()))?;
    let secrets = state.join("secrets.env");
    let token = made_up(tools)?;
    let lines = format!(
        "WORKJET_KEK={}\nWORKJET_LOG_KEY={}\nBOOTSTRAP_TOKEN={token}\n",
        made_up(tools)?,
        made_up(tools)?
    );
    fs::write(&secrets, lines).with_context(|| format!("cannot write {}", secrets.display()))?;
    execute(
        kit.wrangler(tools)
            .args(["d1", "migrations", "apply", "DB", "--local", "--persist-to"])
            .arg(&state),
    )?;
    let port = "8787";
    let mut wrangler = kit.wrangler(tools);
    wrangler
        .arg("dev")
        .arg(bundle.folder.join("index.js"))
        .args(["--local", "--ip", "127.0.0.1", "--port", port, "--persist-to"])
        .arg(&state)
        .arg("--env-file")
        .arg(&secrets)
        .args(arguments);
    let mut running = Running(wrangler.spawn().context("cannot start wrangler")?);
    execute(
        tools
            .program("node")
            .arg(tools.root.join("adapters/cloudflare/node/bootstrap.mjs"))
            .arg(format!("http://127.0.0.1:{port}"))
            .env("BOOTSTRAP_TOKEN", token),
    )?;
    running.0.wait().context("wrangler cannot be waited for")?;
    Ok(())
}

/// A process that ends with us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// 64 random hexadecimal digits.
fn made_up(tools: &Tools) -> Result<String> {
    let script = "console.log(require('node:crypto').randomBytes(32).toString('hex'))";
    let made =
        output(tools.program("node").args(["--eval", script])).context("node makes no random bytes")?;
    Ok(made.trim().to_owned())
}

/// Everything that is tested on the Worker.
fn test(tools: &Tools, kit: &WorkerTools, arguments: &[String]) -> Result<()> {
    let mut clippy = tools.cargo("clippy");
    execute(clippy.args([
        "--package",
        "workjet-cloudflare",
        "--package",
        "workjet-worker",
        "--package",
        "workjet-worker-conformance",
        "--target",
        "wasm32-unknown-unknown",
        "--",
        "--deny",
        "warnings",
    ]))?;
    let bundle = build(tools, kit)?;
    conformance(tools, kit)?;
    let start = |command: &mut Command| {
        bundle.announce(tools, kit, command);
    };
    e2e::run_on_worker(tools, arguments, start)
}

/// The suites of every store, over the real bindings.
fn conformance(tools: &Tools, kit: &WorkerTools) -> Result<()> {
    let package = tools.root.join("tests/worker-conformance");
    let folder = tools.target.join("worker-conformance");
    let mut build = kit.worker_build(tools);
    build
        // Nobody waits for these stores: what counts is how soon they are built.
        .args(["--dev", "--out-dir"])
        .arg(&folder)
        .arg(&package)
        .arg("--target-dir")
        .arg(&tools.target)
        .args(tools.ci.then_some("--locked"));
    execute(&mut build)?;
    let mut start = Bundle { folder }.start(tools, kit);
    start[4] = package.join("wrangler.toml");
    let lines: Vec<String> = start
        .iter()
        .map(|argument| argument.display().to_string())
        .collect();
    execute(
        tools
            .program("node")
            .arg(package.join("run.mjs"))
            .env("WORKJET_WORKER", lines.join("\n")),
    )
}

/// Puts the Worker where everybody can reach it.
fn deploy(tools: &Tools, kit: &WorkerTools) -> Result<()> {
    let file = tools.root.join("adapters/cloudflare/wrangler.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(
        !text.contains("\"00000000"),
        "{} still holds ids of zeros: make the resources as docs/cloudflare.md says, and write their ids there",
        file.display()
    );
    println!("Who is logged in:");
    let account = output(kit.wrangler(tools).arg("whoami")).unwrap_or_default();
    ensure!(
        !account.is_empty() && !account.contains("not authenticated"),
        "wrangler is not logged in: run `{} login`, or set CLOUDFLARE_API_TOKEN",
        kit.node_modules.join(".bin/wrangler").display()
    );
    println!("{account}");
    let secrets = output(kit.wrangler(tools).args(["secret", "list"])).unwrap_or_default();
    for name in ["WORKJET_KEK", "WORKJET_LOG_KEY"] {
        ensure!(
            secrets.contains(name),
            "the secret {name} is not set: `openssl rand -hex 32 | wrangler secret put {name}`, in adapters/cloudflare"
        );
    }
    let bundle = build(tools, kit)?;
    println!("The database is brought up to date first: this version of the Worker needs its schema.");
    execute(
        kit.wrangler(tools)
            .args(["d1", "migrations", "apply", "DB", "--remote"]),
    )?;
    println!("The Worker takes over from the version before it, within seconds and everywhere.");
    execute(
        kit.wrangler(tools)
            .arg("deploy")
            .arg(bundle.folder.join("index.js")),
    )
}

/// Measures the CPU that a request costs.
fn bench(tools: &Tools, kit: &WorkerTools, arguments: &[String]) -> Result<()> {
    let bundle = build(tools, kit)?;
    let mut bench = tools.program("node");
    bench
        .arg(tools.root.join("adapters/cloudflare/node/bench.mjs"))
        .args(arguments);
    execute(bundle.announce(tools, kit, &mut bench))
}
