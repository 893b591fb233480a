//! The long run of the exactness checks: `cargo xtask exactness` builds and starts it.
//!
//! One cut is one text, made by a grammar of near-misses, pushed in pieces cut at random; what comes out is compared with what a
//! reference makes of the whole, and for every fourth text with how little may be held back.

#![allow(
    clippy::disallowed_methods,
    reason = "a program may look at the clock and at files"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use workjet_dlp::exactness::run::{CUTS_PER_TEXT, Run};
use workjet_dlp::{Engine, Policy};

/// Texts that a thread takes at a time.
const BLOCK: u64 = 64;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!(
                "{message}\nusage: exactness [--cuts N] [--seconds S] [--seed N] [--text N] [--keep-going]"
            );
            return ExitCode::FAILURE;
        }
    };
    let start = Instant::now();
    let run = Run::new(options.seed);
    if let Some(text) = options.text {
        return match run.check(text) {
            Ok(matches) => {
                println!("text {text}: {matches} matches, nothing wrong");
                ExitCode::SUCCESS
            }
            Err(mistake) => {
                println!("text {text}: {mistake}");
                ExitCode::FAILURE
            }
        };
    }
    let texts = options.cuts.div_ceil(CUTS_PER_TEXT as u64);
    let (next, checked, matches, wrong) = (
        AtomicU64::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
    );
    let stop = AtomicBool::new(false);
    let said = Mutex::new(());
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(BLOCK, Ordering::Relaxed);
                    let late = options.seconds.is_some_and(|seconds| start.elapsed() > seconds);
                    if first >= texts || late {
                        return;
                    }
                    for text in first..(first + BLOCK).min(texts) {
                        let result = catch_unwind(AssertUnwindSafe(|| run.check(text)));
                        checked.fetch_add(1, Ordering::Relaxed);
                        let mistake = match result {
                            Ok(Ok(found)) => {
                                matches.fetch_add(found as u64, Ordering::Relaxed);
                                continue;
                            }
                            Ok(Err(mistake)) => mistake.to_string(),
                            Err(_) => "panicked".to_owned(),
                        };
                        wrong.fetch_add(1, Ordering::Relaxed);
                        let _one_at_a_time = said.lock();
                        if options.keep_going || !stop.swap(true, Ordering::Relaxed) {
                            println!("seed {} text {text}: {mistake}", options.seed);
                        }
                        if !options.keep_going {
                            return;
                        }
                    }
                }
            });
        }
    });
    let (texts, wrong) = (checked.into_inner(), wrong.into_inner());
    println!(
        "{texts} texts, {} cuts, {} matches, {:.1} s on {threads} threads, seed {}: {}",
        texts * CUTS_PER_TEXT as u64,
        matches.into_inner(),
        start.elapsed().as_secs_f64(),
        options.seed,
        if wrong == 0 {
            "nothing wrong".to_owned()
        } else {
            format!("{wrong} texts WRONG")
        },
    );
    say_what_english_waits_for();
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is held back of English that arrives in pieces of 1 to 8 bytes. Not a time: the same on every machine.
fn say_what_english_waits_for() {
    // The project's own prose; the crate alone does not have it.
    let Ok(text) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../DESIGN.md")) else {
        return;
    };
    let engine = Engine::standard();
    let mut held = Vec::new();
    for size in 1..=8 {
        let mut scanner = engine.scanner(&Policy::redact_all());
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            let _ = scanner.push_bytes(piece, &mut out);
            held.push(scanner.held_bytes());
        }
        let _ = scanner.finish_bytes(&mut out);
    }
    held.sort_unstable();
    let mean = held.iter().sum::<usize>() as f64 / held.len() as f64;
    let (p99, most) = (held[held.len() * 99 / 100], held[held.len() - 1]);
    println!(
        "held back of English in pieces of 1 to 8 bytes: {mean:.2} on average, p99 {p99}, at most {most} bytes"
    );
}

struct Options {
    cuts: u64,
    seconds: Option<Duration>,
    seed: u64,
    text: Option<u64>,
    keep_going: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            cuts: 10_000_000,
            seconds: None,
            seed: 4,
            text: None,
            keep_going: false,
        };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().ok_or(format!("{argument} needs a number"))?;
                let digits: String = value.chars().filter(|char| *char != '_').collect();
                digits.parse::<u64>().map_err(|_| format!("{value} is no number"))
            };
            match argument.as_str() {
                "--cuts" => options.cuts = number()?,
                "--seconds" => options.seconds = Some(Duration::from_secs(number()?)),
                "--seed" => options.seed = number()?,
                "--text" => options.text = Some(number()?),
                "--keep-going" => options.keep_going = true,
                _ => return Err(format!("no option {argument}")),
            }
        }
        Ok(options)
    }
}
