//! The gateway from outside: its router, over a home in memory.

mod administration;
mod audit;
mod bootstrap;
mod compute;
mod fallback;
mod links;
mod log_lines;
mod outcomes;
mod refusals;
mod sessions;
mod support;
mod thread;
mod tokens;
