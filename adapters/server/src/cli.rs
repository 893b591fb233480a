//! The command line.
//!
//! Every command says what it did on standard output and what went wrong on standard error. Exit codes: 0 done, 1 what a
//! check was looking for (sensitive text, tampering), 2 an error.

mod audit;
mod key;
mod logging;
mod output;
mod place;
mod redact;
mod scan;
mod serve;
mod tenant;
mod user;
mod utf16;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use self::output::Failure;

/// A secure gateway between people and AI: it authenticates, redacts, limits, routes and records.
#[derive(Parser)]
#[command(name = "workjet", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Without a command, `workjet` serves.
    #[command(flatten)]
    serve: serve::Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Serve),
    /// Find sensitive text in files, folders or standard input.
    ///
    /// Exits with 0 if nothing was found, 1 if something was, 2 on an error.
    Scan(scan::Scan),
    /// Redact sensitive text from standard input to standard output, as it streams.
    ///
    /// Where the policy blocks, the output ends before the finding, and the exit code is 2. Text in UTF-16 is refused: it has to
    /// become UTF-8 first.
    Redact(redact::Redact),
    /// Check and export the audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Create, list, disable and enable tenants.
    #[command(subcommand)]
    Tenant(tenant::Tenants),
    /// Create, list, disable and enable users, and set their passwords and roles.
    #[command(subcommand)]
    User(user::Users),
    /// Create, list, rotate and revoke API keys.
    #[command(subcommand)]
    Key(key::Keys),
}

/// Where the data folder is.
#[derive(Args, Clone)]
struct Place {
    /// The configuration file, which names the data folder as well.
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// The data folder; `workjet-data` unless a configuration file says otherwise.
    #[arg(long, value_name = "DIR")]
    data: Option<std::path::PathBuf>,
}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(serve) => serve.run(),
        Command::Scan(scan) => scan.run(),
        Command::Redact(redact) => redact.run(),
        Command::Audit(audit) => audit.run(),
        Command::Tenant(tenants) => tenants.run(),
        Command::User(users) => users.run(),
        Command::Key(keys) => keys.run(),
    };
    match done {
        Ok(code) => code,
        // Whoever read our output has enough of it, as `head` does.
        Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Err(Failure::Error(message)) => {
            eprintln!("workjet: {message}");
            ExitCode::from(2)
        }
    }
}
