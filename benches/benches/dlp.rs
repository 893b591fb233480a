//! The DLP engine: `cargo bench -p workjet-bench`. With `--features peers`, other scanners beside it, in the same run.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    // `cargo test --all-targets` starts benchmarks, too, and wants to know no more than whether they build.
    if !env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let measured = if cfg!(feature = "peers") {
        with_peers()
    } else {
        workjet_bench::Options::parse(env::args().skip(1))
            .and_then(|options| workjet_bench::run(&options, Vec::new()))
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dlp: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Hands over to `peers/`, which measures us as well: who is compared is compared in one process.
fn with_peers() -> anyhow::Result<()> {
    use std::path::Path;
    use std::process::Command;

    use anyhow::{Context as _, ensure};

    // Beside `release/`, in the build folder that this program lies in.
    let target = env::current_exe()?
        .ancestors()
        .nth(3)
        .context("a benchmark lies in a build folder")?
        .join("peers");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--release", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .arg("--")
        .args(env::args().skip(1))
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "the peers cannot be measured: see above");
    Ok(())
}
