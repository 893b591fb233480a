//! `regex-automata`'s meta engine, which is what the crate `regex` is made of, with all patterns in one.

use anyhow::{Context as _, Result};
use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;
use workjet_bench::Peer;

pub(crate) struct Regexes {
    regex: Regex,
    patterns: usize,
}

impl Regexes {
    pub(crate) fn new(patterns: &[String]) -> Result<Self> {
        // Bytes and ASCII classes, as Hyperscan has them, and room enough for its lazy automaton not to start anew.
        let regex = Regex::builder()
            .configure(
                Config::new()
                    .utf8_empty(false)
                    .nfa_size_limit(None)
                    .hybrid_cache_capacity(64 << 20),
            )
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .build_many(patterns)
            .context("regex cannot take the patterns")?;
        Ok(Self {
            regex,
            patterns: patterns.len(),
        })
    }
}

impl Peer for Regexes {
    fn name(&self) -> &str {
        "regex"
    }

    fn about(&self) -> String {
        format!(
            "{} patterns in one `meta::Regex`; nothing is checked",
            self.patterns
        )
    }

    fn find_all(&mut self, text: &str) -> usize {
        self.regex.find_iter(text).count()
    }
}
