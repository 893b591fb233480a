//! Other scanners beside the DLP engine: the same texts, the same thread, in turns, in one run.
//!
//! `cargo bench -p workjet-bench --features peers` builds and starts this.

mod datadog;
#[cfg(hyperscan)]
mod hyperscan;
mod patterns;
mod regexes;

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use workjet_bench::{Options, Peer};

fn main() -> ExitCode {
    let measured =
        Options::parse(env::args().skip(1)).and_then(|options| workjet_bench::run(&options, peers()?));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn peers() -> Result<Vec<Box<dyn Peer>>> {
    let patterns = patterns::all()?;
    let mut peers: Vec<Box<dyn Peer>> = vec![Box::new(datadog::Datadog::new()?)];
    #[cfg(hyperscan)]
    for starts in [false, true] {
        peers.push(Box::new(hyperscan::Hyperscan::new(&patterns, starts)?));
    }
    peers.push(Box::new(regexes::Regexes::new(&patterns)?));
    Ok(peers)
}
