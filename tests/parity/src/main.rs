//! One table of scenarios, played in every home: a gateway in memory, the server's binary, and the Worker under
//! `workerd`. What comes back, what providers get and what the log says must be the same byte for byte, but for what
//! [`normal`] lists.

mod client;
mod coverage;
mod home;
mod normal;
mod play;
mod table;

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use futures_util::{StreamExt as _, stream};
use tokio::sync::Mutex;

use crate::home::{Kind, Places};
use crate::play::{Transcript, play};
use crate::table::{Scenario, Table};

/// Plays every scenario in every home and compares what came of it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only these homes: memory, server, worker.
    #[arg(long, value_delimiter = ',')]
    homes: Vec<String>,
    /// Only scenarios whose name holds this.
    #[arg(long)]
    only: Option<String>,
    /// Where the built programs are.
    #[arg(long, default_value = "target/debug")]
    programs: PathBuf,
    /// Print what came of each scenario.
    #[arg(long)]
    show: bool,
}

/// The program that starts the Worker, with its arguments, one on each line; `cargo xtask test` says it.
const WORKER: &str = "WORKJET_WORKER";

/// How many scenarios a home plays at a time: many wait, for time to pass.
const AT_ONCE: usize = 6;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("parity: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool> {
    let began = Instant::now();
    let homes = homes(&arguments.homes)?;
    let places = Places {
        programs: arguments.programs,
        worker: env::var(WORKER)
            .ok()
            .map(|command| command.lines().map(str::to_owned).collect()),
    };
    let table = Table::read()?;
    let chosen = |scenario: &&Scenario| {
        arguments
            .only
            .as_ref()
            .is_none_or(|part| scenario.name.contains(part))
    };
    let (mut played, mut differences) = (0, 0);
    let mut seen = Vec::new();
    for (name, configuration) in &table.configurations {
        let scenarios: Vec<Scenario> = table
            .scenarios
            .iter()
            .filter(chosen)
            .filter(|scenario| scenario.config == *name)
            .cloned()
            .collect();
        if scenarios.is_empty() {
            continue;
        }
        let mut plays = Vec::new();
        for kind in &homes {
            plays.push(tokio::spawn(all(
                *kind,
                places.clone(),
                configuration.clone(),
                scenarios.clone(),
            )));
        }
        let mut results = Vec::new();
        for (kind, play) in homes.iter().zip(plays) {
            results.push((*kind, play.await.context("a home's play broke off")??));
        }
        for scenario in &scenarios {
            played += 1;
            let transcripts: BTreeMap<&str, &Result<Transcript>> = results
                .iter()
                .map(|(kind, transcripts)| (kind.name(), &transcripts[&scenario.name]))
                .collect();
            seen.extend(
                transcripts
                    .values()
                    .filter_map(|result| result.as_ref().ok())
                    .flatten()
                    .cloned(),
            );
            if arguments.show {
                show(scenario, &transcripts);
            }
            if let Some(report) = difference(&transcripts) {
                differences += 1;
                println!("\n== {} ({name})\n{report}", scenario.name);
            }
        }
    }
    let missing = if arguments.only.is_none() {
        coverage::missing(&seen)
    } else {
        Vec::new()
    };
    for what in &missing {
        println!("parity: no scenario shows {what}");
    }
    println!(
        "parity: {played} scenarios × {} homes ({}), {differences} differences, {:.0} s",
        homes.len(),
        homes
            .iter()
            .map(|kind| kind.name())
            .collect::<Vec<_>>()
            .join(", "),
        began.elapsed().as_secs_f64()
    );
    Ok(differences == 0 && missing.is_empty() && played > 0)
}

fn homes(names: &[String]) -> Result<Vec<Kind>> {
    if names.is_empty() {
        return Ok(Kind::ALL.to_vec());
    }
    // In CI, nobody may forget a home.
    if env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"))
        && names.len() < Kind::ALL.len()
    {
        bail!("CI plays in all homes");
    }
    let find = |name: &String| {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .with_context(|| format!("no home is called {name:?}"))
    };
    names.iter().map(find).collect()
}

/// All scenarios of one configuration in one home, by their names.
async fn all(
    kind: Kind,
    places: Places,
    configuration: String,
    scenarios: Vec<Scenario>,
) -> Result<BTreeMap<String, Result<Transcript>>> {
    let home = kind.start(&places, &configuration).await?;
    // Models that a configuration names belong to one scenario at a time.
    let shared = Mutex::new(());
    let plays = scenarios.into_iter().map(async |scenario| {
        let _alone = match scenario.shares_models() {
            true => Some(shared.lock().await),
            false => None,
        };
        let transcript = play(&home, &scenario).await;
        (scenario.name, transcript)
    });
    Ok(stream::iter(plays).buffer_unordered(AT_ONCE).collect().await)
}

/// How homes differ, in words; none if they do not.
fn difference(transcripts: &BTreeMap<&str, &Result<Transcript>>) -> Option<String> {
    let mut report = String::new();
    for (home, transcript) in transcripts {
        if let Err(error) = transcript {
            report += &format!("{home}: not as the table says: {error:#}\n");
        }
    }
    let good: Vec<(&str, &Transcript)> = transcripts
        .iter()
        .filter_map(|(home, transcript)| Some((*home, transcript.as_ref().ok()?)))
        .collect();
    if let [(first, expected), others @ ..] = good.as_slice() {
        for (other, transcript) in others {
            if expected != transcript {
                report += &compared(first, expected, other, transcript);
            }
        }
    }
    (!report.is_empty()).then_some(report)
}

/// The lines that only one of two homes has, in their order.
fn compared(first: &str, left: &[String], second: &str, right: &[String]) -> String {
    // How long the longest common part of left[a..] and right[b..] is.
    let mut common = vec![vec![0_u32; right.len() + 1]; left.len() + 1];
    for a in (0..left.len()).rev() {
        for b in (0..right.len()).rev() {
            common[a][b] = if left[a] == right[b] {
                common[a + 1][b + 1] + 1
            } else {
                common[a + 1][b].max(common[a][b + 1])
            };
        }
    }
    let (mut a, mut b) = (0, 0);
    let mut report = String::new();
    while a < left.len() || b < right.len() {
        if a < left.len() && b < right.len() && left[a] == right[b] {
            (a, b) = (a + 1, b + 1);
        } else if b == right.len() || (a < left.len() && common[a + 1][b] >= common[a][b + 1]) {
            report += &only(first, &left[a], right.get(b));
            a += 1;
        } else {
            report += &only(second, &right[b], left.get(a));
            b += 1;
        }
    }
    report
}

/// A line that the other home has not, from shortly before the place where it parts from what stands there instead.
fn only(home: &str, line: &str, instead: Option<&String>) -> String {
    let instead = instead.map_or("", String::as_str);
    let same = line
        .chars()
        .zip(instead.chars())
        .take_while(|(a, b)| a == b)
        .count();
    // Enough to see what it is about; some lines are long.
    let from = if same > 200 { same - 100 } else { 0 };
    let text: String = line.chars().skip(from).take(400).collect();
    let cut = if from > 0 { "…" } else { "" };
    format!("  {home:<8} | {cut}{text}\n")
}

fn show(scenario: &Scenario, transcripts: &BTreeMap<&str, &Result<Transcript>>) {
    println!("\n-- {}", scenario.name);
    if let Some(Ok(lines)) = transcripts.values().next() {
        for line in lines {
            println!("{line}");
        }
    }
}
