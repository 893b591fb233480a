//! Measures the DLP engine: how many bytes a second it searches, what a piece of a stream costs, how much it holds back.
//!
//! `cargo bench -p workjet-bench` runs [`run`] with our engine alone; `peers/`, which stands outside the workspace, runs it with
//! other scanners beside ours. Everything is measured on one thread, in turns, and the best of many rounds counts, so that what
//! else the machine does matters little. Texts are described in `corpora/`. See `README.md` on how to read the figures.

mod corpus;
mod detectors;
mod hostile;
mod json;
mod machine;
mod options;
mod plot;
mod random;
mod report;
mod rounds;
mod streams;
mod throughput;
mod wasm;

use std::path::Path;

use anyhow::Result;
use workjet_dlp::Engine;

use crate::corpus::Corpus;
pub use crate::options::Options;
use crate::options::Section;
use crate::report::Report;

/// Something that searches texts, to be measured beside our engine.
pub trait Peer {
    /// What the column is called.
    fn name(&self) -> &str;

    /// What it was told to look for, and how: one sentence for the report.
    fn about(&self) -> String;

    /// Searches the whole text and returns how many findings there are. They must be made, not only counted: a span for each.
    fn find_all(&mut self, text: &str) -> usize;
}

/// Measures what `options` ask for, prints the tables, and writes the files.
///
/// # Errors
/// If a corpus cannot be read, a file cannot be written, or a tool that a section needs fails.
pub fn run(options: &Options, mut peers: Vec<Box<dyn Peer>>) -> Result<()> {
    let corpora = Corpus::all(&folder().join("corpora"), &options.corpora)?;
    let mut report = Report::new(&peers);
    for section in &options.sections {
        match section {
            Section::Throughput => throughput::measure(&corpora, options, &mut peers, &mut report),
            Section::Streams => streams::measure(&corpora, options, &mut report),
            Section::HoldBack => streams::hold_back(&corpora, options, &mut report),
            Section::Detectors => detectors::measure(&corpora, options, &mut report),
            Section::Actions => detectors::actions(&corpora, options, &mut report),
            Section::Hostile => hostile::measure(options, &mut report),
            Section::Json => json::measure(&corpora, options, &mut report),
            Section::Wasm => wasm::measure(&corpora, options, &mut report)?,
        }
    }
    if let Some(path) = &options.plot {
        plot::write(path, &plot::measure(&corpora, options, &mut peers)?)?;
    }
    if let Some(path) = &options.json {
        report.write_json(path)?;
    }
    Ok(())
}

/// Finds as a peer does: every finding is made, and counted.
fn find_all(engine: &Engine, text: &str) -> usize {
    engine.find_iter(text).count()
}

/// The folder `benches/`.
fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
