//! The engine as WebAssembly under Node.js: how fast, and how many bytes.
//!
//! `wasm/` is built three times: for speed, for speed with 128-bit vectors, and for size as the Worker is. Each module is
//! made smaller by `wasm-opt` where there is one (`WASM_OPT_BIN`, else on the path), then measured, then compressed by gzip at
//! level 9, which is what the size is.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::json;
use workjet_dlp::Engine;

use crate::corpus::Corpus;
use crate::options::Options;
use crate::report::{Report, number, size};
use crate::rounds::batches;
use crate::streams::among;
use crate::{find_all, folder};

const TARGET: &str = "wasm32-unknown-unknown";

/// What it is called, the profile, and flags for the compiler.
const BUILDS: [(&str, &str, &str); 3] = [
    ("opt-level 3", "release", ""),
    ("opt-level 3, simd128", "release", "-Ctarget-feature=+simd128"),
    ("opt-level z, simd128", "small", "-Ctarget-feature=+simd128"),
];

/// What `run.mjs` prints.
#[derive(Deserialize)]
struct Measured {
    node: String,
    bytes: usize,
    gzipped_bytes: usize,
    patterns_work: bool,
    figures: Vec<Figure>,
}

#[derive(Deserialize)]
struct Figure {
    corpus: String,
    bytes: usize,
    findings: usize,
    find_mb_per_s: f64,
    redact_mb_per_s: f64,
}

pub(crate) fn measure(corpora: &[Corpus], options: &Options, report: &mut Report) -> Result<()> {
    if let Some(missing) = missing() {
        println!("\n## WebAssembly\n\nNot measured: {missing}.");
        return Ok(());
    }
    let target = env::current_exe()?
        .ancestors()
        .find(|folder| folder.ends_with("release") || folder.ends_with("debug"))
        .and_then(Path::parent)
        .context("a benchmark lies in a build folder")?
        .join("wasm");
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    let texts = target.join("texts.json");
    let described = texts_of(corpora);
    fs::write(&texts, described.to_string()).with_context(|| format!("cannot write {}", texts.display()))?;

    let mut rows = Vec::new();
    let mut sizes = Vec::new();
    for (name, profile, flags) in BUILDS {
        let built = build(&target, profile, flags)?;
        let (module, optimised) = optimise(&built);
        let measured = run(&module, &texts, options)?;
        ensure!(
            measured.patterns_work,
            "a pattern of one's own finds nothing as WebAssembly"
        );
        let Measured {
            node,
            bytes,
            gzipped_bytes,
            ..
        } = &measured;
        report.figure(json!({
            "section": "wasm", "build": name, "node": node, "wasm_opt": optimised,
            "module_bytes": bytes, "gzipped_bytes": gzipped_bytes,
        }));
        sizes.push(vec![
            name.to_owned(),
            number(*bytes as f64 / 1e3),
            number(*gzipped_bytes as f64 / 1e3),
            optimised.unwrap_or_else(|| "without".to_owned()),
        ]);
        for (figure, described) in measured
            .figures
            .into_iter()
            .zip(described.as_array().into_iter().flatten())
        {
            // Another way through the same bytes must find the same.
            ensure!(
                described["findings"] == figure.findings,
                "natively there are {} findings in {}, as WebAssembly {}",
                described["findings"],
                figure.corpus,
                figure.findings
            );
            report.figure(json!({
                "section": "wasm", "build": name, "corpus": figure.corpus, "bytes": figure.bytes,
                "find_mb_per_s": figure.find_mb_per_s, "redact_mb_per_s": figure.redact_mb_per_s,
            }));
            rows.push(vec![
                name.to_owned(),
                figure.corpus,
                size(figure.bytes),
                number(figure.redact_mb_per_s),
                number(figure.find_mb_per_s),
            ]);
        }
    }
    report.table(
        "WebAssembly under Node.js",
        &["build", "corpus", "size", "redact MB/s", "find MB/s"],
        &rows,
    );
    report.table(
        "Size of the module, the engine with patterns of one's own",
        &["build", "KB", "KB gzipped", "wasm-opt"],
        &sizes,
    );
    Ok(())
}

fn texts_of(corpora: &[Corpus]) -> serde_json::Value {
    let engine = Engine::standard();
    among(corpora, &["prose", "code", "dense"])
        .flat_map(|corpus| {
            [64 << 10, 2 << 10].map(|bytes| {
                let batches = batches(|count| corpus.texts(bytes, count), bytes);
                let per_batch = batches.first().map_or(1, Vec::len);
                let texts: Vec<String> = batches.into_iter().flatten().collect();
                let findings: usize = texts.iter().map(|text| find_all(&engine, text)).sum();
                json!({
                    "corpus": corpus.name, "bytes": bytes, "per_batch": per_batch, "texts": texts, "findings": findings,
                })
            })
        })
        .collect()
}

fn missing() -> Option<String> {
    if said(Command::new("node").arg("--version")).is_none() {
        return Some("there is no Node.js".to_owned());
    }
    let libraries = said(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
    (!Path::new(&libraries).exists()).then(|| format!("`rustup target add {TARGET}` was not run"))
}

fn build(target: &Path, profile: &str, flags: &str) -> Result<PathBuf> {
    // Flags change every file that is compiled: a folder for each, or one build undoes the other.
    let target = target.join(if flags.is_empty() { "plain" } else { "simd" });
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--target", TARGET, "--profile", profile])
        .arg("--manifest-path")
        .arg(folder().join("wasm/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags)
        .env_remove("RUSTFLAGS")
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "the module cannot be built: see above");
    Ok(target.join(TARGET).join(profile).join("workjet_bench_wasm.wasm"))
}

/// The module after `wasm-opt`, and its version; as it was if there is none or it fails, with the reason printed.
fn optimise(module: &Path) -> (PathBuf, Option<String>) {
    let program = env::var_os("WASM_OPT_BIN").unwrap_or_else(|| "wasm-opt".into());
    let Some(version) = said(Command::new(&program).arg("--version")) else {
        return (module.to_owned(), None);
    };
    let optimised = module.with_extension("opt.wasm");
    let done = Command::new(&program)
        .args([
            "-O3",
            "--enable-simd",
            "--enable-bulk-memory",
            "--enable-sign-ext",
            "--enable-mutable-globals",
            "--enable-nontrapping-float-to-int",
            "--enable-reference-types",
            "--enable-multivalue",
        ])
        .arg(module)
        .arg("-o")
        .arg(&optimised)
        .status()
        .is_ok_and(|status| status.success());
    if done {
        (optimised, Some(version.replace("wasm-opt version ", "")))
    } else {
        println!("wasm-opt failed (see above), so the module is measured without it");
        (module.to_owned(), None)
    }
}

fn run(module: &Path, texts: &Path, options: &Options) -> Result<Measured> {
    let output = Command::new("node")
        .arg(folder().join("wasm/run.mjs"))
        .args([module, texts])
        .arg(options.budget.as_millis().to_string())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start node")?;
    ensure!(
        output.status.success(),
        "the module fails under Node.js: see above"
    );
    serde_json::from_slice(&output.stdout).context("run.mjs prints JSON")
}

/// What a program prints, or nothing if it is not there or fails.
fn said(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}
