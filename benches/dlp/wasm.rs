//! The engine as WebAssembly under Node.js.
use anyhow::Result;

use crate::corpus::Corpus;
use crate::options::Options;
use crate::report::Report;

pub(crate) fn measure(_: &[Corpus], _: &Options, _: &mut Report) -> Result<()> {
    Ok(())
}
