//! What the process says about itself, on standard error. Never a secret, and nothing that a caller wrote.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging at `level`, unless the variable `WORKJET_LOG` asks for something else.
pub(super) fn start(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_env("WORKJET_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that cannot be written (its disk is full) must not end the request that it is about: the default is to
        // complain about it on standard error, which panics for the same reason.
        .log_internal_errors(false);
    // Fails only if a program that embeds us logs already.
    let _ = match format {
        LogFormat::Text => lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
