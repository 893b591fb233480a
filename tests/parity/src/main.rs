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
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use clap::Parser;

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
    /// The program that serves the Worker, with its arguments.
    #[arg(last = true)]
    worker: Vec<String>,
}

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
        worker: (!arguments.worker.is_empty()).then_some(arguments.worker),
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
    if std::env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"))
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
    let mut transcripts = BTreeMap::new();
    for scenario in scenarios {
        let transcript = play(&home, &scenario).await;
        transcripts.insert(scenario.name, transcript);
    }
    Ok(transcripts)
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

/// The lines that differ, each below the other's.
fn compared(first: &str, left: &[String], second: &str, right: &[String]) -> String {
    let mut report = String::new();
    let mut line = |home: &str, line: Option<&String>, from: usize| {
        // Enough to see what it is about; streams have long lines.
        let text: String = line
            .map_or("(nothing)", String::as_str)
            .chars()
            .skip(from)
            .take(400)
            .collect();
        let cut = if from > 0 { "…" } else { "" };
        report += &format!("  {home:<8} | {cut}{text}\n");
    };
    for at in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(at), right.get(at));
        if left != right {
            let same = match (left, right) {
                (Some(left), Some(right)) => left
                    .chars()
                    .zip(right.chars())
                    .take_while(|(a, b)| a == b)
                    .count(),
                _ => 0,
            };
            let from = if same > 200 { same - 100 } else { 0 };
            line(first, left, from);
            line(second, right, from);
        }
    }
    report
}

fn show(scenario: &Scenario, transcripts: &BTreeMap<&str, &Result<Transcript>>) {
    println!("\n-- {}", scenario.name);
    if let Some(Ok(lines)) = transcripts.values().next() {
        for line in lines {
            println!("{line}");
        }
    }
}
