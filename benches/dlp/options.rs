//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "\
cargo bench -p workjet-bench [--features peers] -- [SECTION…] [--corpus NAME,…] [--quick] [--json FILE] [--plot FILE]
    SECTION   throughput, streams, holdback, detectors, actions, hostile, json, wasm; all of them if none is named
    --corpus  only these of benches/corpora
    --quick   a fifth of the rounds
    --json    writes what was measured into a file as well; relative paths begin at the root of the project
    --plot    measures throughput against the size of the text and draws it (.svg); alone, nothing else is measured";

/// What is measured, how long, and where it is written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Options {
    pub(crate) sections: Vec<Section>,
    pub(crate) corpora: Vec<String>,
    /// How long one engine may take for one figure.
    pub(crate) budget: Duration,
    pub(crate) json: Option<PathBuf>,
    pub(crate) plot: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Throughput,
    Streams,
    HoldBack,
    Detectors,
    Actions,
    Hostile,
    Json,
    Wasm,
}

impl Section {
    const ALL: [(&str, Self); 8] = [
        ("throughput", Self::Throughput),
        ("streams", Self::Streams),
        ("holdback", Self::HoldBack),
        ("detectors", Self::Detectors),
        ("actions", Self::Actions),
        ("hostile", Self::Hostile),
        ("json", Self::Json),
        ("wasm", Self::Wasm),
    ];
}

/// A path as one types it at the root of the project. Cargo starts benchmarks elsewhere, and the peers' elsewhere again.
fn in_project(path: String) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    PathBuf::from(root).join(path)
}

impl Options {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// If one is unknown; the message says which there are.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            sections: Vec::new(),
            corpora: Vec::new(),
            budget: Duration::from_millis(400),
            json: None,
            plot: None,
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{argument} needs a value\n{USAGE}"))
            };
            match argument.as_str() {
                // Cargo says so to every benchmark.
                "--bench" => {}
                "--quick" => options.budget /= 5,
                "--corpus" => options.corpora.extend(value()?.split(',').map(str::to_owned)),
                "--json" => options.json = Some(in_project(value()?)),
                "--plot" => options.plot = Some(in_project(value()?)),
                name => match Section::ALL.iter().find(|(listed, _)| *listed == name) {
                    Some((_, section)) => options.sections.push(*section),
                    None => bail!("no section or option {name:?}\n{USAGE}"),
                },
            }
        }
        if options.sections.is_empty() && options.plot.is_none() {
            options.sections = Section::ALL.map(|(_, section)| section).to_vec();
        }
        Ok(options)
    }
}
