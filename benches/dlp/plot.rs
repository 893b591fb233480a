//! Throughput against the size of the text, measured and drawn as an SVG that reads on light and on dark pages.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use workjet_dlp::Engine;

use crate::corpus::Corpus;
use crate::options::Options;
use crate::rounds::{Run, batches, best};
use crate::{Peer, find_all, folder};

const CORPUS: &str = "prose";
const SIZES: [usize; 8] = [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// One engine: megabytes a second at each of the sizes.
#[derive(Debug)]
pub(crate) struct Line {
    name: String,
    rates: Vec<f64>,
}

pub(crate) fn measure(
    corpora: &[Corpus],
    options: &Options,
    peers: &mut [Box<dyn Peer>],
) -> Result<Vec<Line>> {
    let read;
    let corpus = if let Some(corpus) = corpora.iter().find(|corpus| corpus.name == CORPUS) {
        corpus
    } else {
        read = Corpus::read(&folder().join("corpora"), CORPUS)?;
        &read
    };
    let engine = Engine::standard();
    let mut lines = vec![Line {
        name: "workjet".to_owned(),
        rates: Vec::new(),
    }];
    lines.extend(peers.iter().map(|peer| Line {
        name: peer.name().to_owned(),
        rates: Vec::new(),
    }));
    for bytes in SIZES {
        let batches = batches(|count| corpus.texts(bytes, count), bytes);
        let mut runs: Vec<Run<'_>> = vec![Box::new(|text| find_all(&engine, text))];
        for peer in peers.iter_mut() {
            runs.push(Box::new(|text| peer.find_all(text)));
        }
        for (line, result) in lines.iter_mut().zip(best(&mut runs, &batches, options.budget)) {
            line.rates.push(result.mb_per_s());
        }
    }
    Ok(lines)
}

pub(crate) fn write(path: &Path, lines: &[Line]) -> Result<()> {
    fs::write(path, draw(lines)).with_context(|| format!("cannot write {}", path.display()))?;
    println!("\n{} is drawn", path.display());
    Ok(())
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 100.0;
const RIGHT: f64 = 580.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 360.0;

/// Colours with contrast enough on white and on black; the shapes tell the lines apart without them.
const COLOURS: [&str; 5] = ["#2f81f7", "#d97706", "#8957e5", "#1a9c5b", "#d1457b"];

fn draw(lines: &[Line]) -> String {
    let rates = || lines.iter().flat_map(|line| line.rates.iter().copied());
    let least = 10_f64.powf(rates().fold(f64::INFINITY, f64::min).log10().floor());
    let most = 10_f64.powf(rates().fold(0.0, f64::max).log10().ceil());
    let x = |bytes: f64| {
        let (first, last) = ((SIZES[0] as f64).ln(), (SIZES[SIZES.len() - 1] as f64).ln());
        LEFT + (bytes.ln() - first) / (last - first) * (RIGHT - LEFT)
    };
    let y = |rate: f64| BOTTOM - (rate / least).ln() / (most / least).ln() * (BOTTOM - TOP);

    let mut svg = String::new();
    // Writing into a string cannot fail.
    let mut put = |element: std::fmt::Arguments<'_>| {
        let _ = writeln!(svg, "{element}");
    };
    put(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Throughput by size of the text" font-family="system-ui, sans-serif" font-size="13">
<style>
  text {{ fill: #768390 }} .grid {{ stroke: #768390; stroke-opacity: .3 }} .axis {{ stroke: #768390 }}
  @media (prefers-color-scheme: light) {{ text {{ fill: #1f2328 }} }}
  @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} }}
</style>
<text x="{LEFT}" y="22" font-size="15" font-weight="600">Finding in clean English prose, one thread</text>"#
    ));
    let mut rate = least;
    while rate <= most * 1.01 {
        let label = if rate >= 1000.0 {
            format!("{} GB/s", rate / 1000.0)
        } else {
            format!("{rate} MB/s")
        };
        put(format_args!(
            r#"<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{0:.1}" y2="{0:.1}"/><text x="{1}" y="{2:.1}" text-anchor="end">{label}</text>"#,
            y(rate),
            LEFT - 8.0,
            y(rate) + 4.0
        ));
        rate *= 10.0;
    }
    for bytes in SIZES {
        put(format_args!(
            r#"<line class="grid" x1="{0:.1}" x2="{0:.1}" y1="{TOP}" y2="{BOTTOM}"/><text x="{0:.1}" y="{1}" text-anchor="middle">{2}</text>"#,
            x(bytes as f64),
            BOTTOM + 20.0,
            crate::report::size(bytes)
        ));
    }
    put(format_args!(
        r#"<path class="axis" fill="none" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>
<text x="{0}" y="{1}" text-anchor="middle">size of the text (logarithmic)</text>
<text transform="translate(16 {2}) rotate(-90)" text-anchor="middle">throughput (logarithmic)</text>"#,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 44.0,
        f64::midpoint(TOP, BOTTOM)
    ));
    for ((index, line), label) in lines.iter().enumerate().zip(labels(lines, y)) {
        let colour = COLOURS[index % COLOURS.len()];
        let points: Vec<(f64, f64)> = SIZES
            .iter()
            .zip(&line.rates)
            .map(|(bytes, rate)| (x(*bytes as f64), y(*rate)))
            .collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        put(format_args!(
            r#"<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{}"/>"#,
            path.join(" ")
        ));
        for (x, y) in points {
            put(format_args!("{}", mark(index, x, y, colour)));
        }
        let last = line.rates.last().copied().unwrap_or_default();
        put(format_args!(
            r#"<text x="{}" y="{label:.1}"><tspan fill="{colour}">●</tspan> {}: {} MB/s</text>"#,
            RIGHT + 8.0,
            escape(&line.name),
            crate::report::number(last)
        ));
    }
    svg + "</svg>\n"
}

/// Where each line's name stands: at its end, and no two closer than a line of text.
fn labels(lines: &[Line], y: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..lines.len()).collect();
    let ends: Vec<f64> = lines
        .iter()
        .map(|line| y(line.rates.last().copied().unwrap_or(1.0)) + 4.0)
        .collect();
    order.sort_by(|a, b| ends[*a].total_cmp(&ends[*b]));
    let mut places = ends.clone();
    let mut above = f64::NEG_INFINITY;
    for index in order {
        places[index] = ends[index].max(above + 17.0);
        above = places[index];
    }
    places
}

fn mark(index: usize, x: f64, y: f64, colour: &str) -> String {
    match index % 5 {
        0 => format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{colour}"/>"#),
        1 => format!(
            r#"<rect x="{:.1}" y="{:.1}" width="8" height="8" fill="{colour}"/>"#,
            x - 4.0,
            y - 4.0
        ),
        2 => format!(r#"<path d="M{:.1} {:.1}l5 9h-10z" fill="{colour}"/>"#, x, y - 5.5),
        3 => format!(
            r#"<path d="M{:.1} {:.1}l5.5 5.5l-5.5 5.5l-5.5 -5.5z" fill="{colour}"/>"#,
            x,
            y - 5.5
        ),
        _ => format!(
            r#"<path d="M{:.1} {:.1}h10l-5 9z" fill="{colour}"/>"#,
            x - 5.0,
            y - 3.5
        ),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
