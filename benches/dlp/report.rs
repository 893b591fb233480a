//! Tables for people, in Markdown, and the same figures as JSON.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::Peer;
use crate::machine::Machine;

#[derive(Debug)]
pub(crate) struct Report {
    machine: Machine,
    peers: Vec<Value>,
    figures: Vec<Value>,
}

impl Report {
    pub(crate) fn new(peers: &[Box<dyn Peer>]) -> Self {
        let machine = Machine::here();
        println!("{machine}, one thread, the best of many rounds; 1 MB is 10⁶ bytes");
        for peer in peers {
            println!("{}: {}", peer.name(), peer.about());
        }
        Self {
            machine,
            peers: peers
                .iter()
                .map(|peer| json!({"name": peer.name(), "about": peer.about()}))
                .collect(),
            figures: Vec::new(),
        }
    }

    /// A figure for the file, with whatever tells it from others.
    pub(crate) fn figure(&mut self, figure: Value) {
        self.figures.push(figure);
    }

    pub(crate) fn table(&self, title: &str, head: &[&str], rows: &[Vec<String>]) {
        println!("\n## {title}\n");
        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .chain([head[column].chars().count(), 3])
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        // Names to the left, figures to the right.
        let figures: Vec<bool> = (0..head.len())
            .map(|column| {
                rows.iter()
                    .all(|row| !row[column].starts_with(|first: char| first.is_alphabetic()))
            })
            .collect();
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells
                .iter()
                .zip(widths.iter().zip(&figures))
                .map(|(cell, (&width, &figure))| {
                    if figure {
                        format!("{cell:>width$}")
                    } else {
                        format!("{cell:<width$}")
                    }
                })
                .collect();
            println!("| {} |", cells.join(" | "));
        };
        line(&head.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let rules: Vec<String> = widths
            .iter()
            .zip(&figures)
            .map(|(&width, &figure)| {
                if figure {
                    format!("{}:", "-".repeat(width - 1))
                } else {
                    "-".repeat(width)
                }
            })
            .collect();
        line(&rules);
        for row in rows {
            line(row);
        }
    }

    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        let report =
            json!({"machine": self.machine.to_string(), "peers": self.peers, "figures": self.figures});
        let text = serde_json::to_string_pretty(&report).context("figures are JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}

/// `1,234`, or with a digit after the point if it is small.
pub(crate) fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `64 KB`, `200 B`.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => format!("{} KB", bytes >> 10),
        _ => format!("{} MB", bytes >> 20),
    }
}
