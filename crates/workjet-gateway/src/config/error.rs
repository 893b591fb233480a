//! Where the file is wrong, and why.

use std::ops::Range;

/// A configuration that cannot be honoured. Shows as `workjet.toml:12: reason`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The file's name, as the host gave it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// The text that spans point into.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a str,
}

impl Source<'_> {
    /// An error about the text at `span`.
    pub(super) fn at(&self, span: Range<usize>, reason: impl Into<String>) -> ConfigError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        ConfigError {
            file: self.file.to_owned(),
            line,
            reason: reason.into(),
        }
    }

    /// What the TOML parser, or a type that it filled, had to say.
    pub(super) fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        self.at(error.span().unwrap_or(0..0), error.message())
    }
}
