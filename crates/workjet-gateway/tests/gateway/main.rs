//! The gateway from outside: its router, over a home in memory.

mod audit;
mod fallback;
mod links;
mod log_lines;
mod outcomes;
mod refusals;
mod sessions;
mod support;
mod thread;
