//! Runs things in turns and keeps the best time of each.
//!
//! What else runs on the machine can only make a run slower. So texts are timed in batches that take well under a scheduler's
//! slice, again and again, everyone in turn; for each batch the shortest time counts, and those are added up.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Texts that are timed together.
pub(crate) type Batch = Vec<String>;

/// About so many bytes go into one batch…
const BATCH: usize = 64 << 10;
/// …and so many into all of them: a processor that has seen one text a thousand times knows how it goes on.
const ALL: usize = 1 << 20;

/// Fewer rounds than this say nothing.
const LEAST: usize = 5;

/// One of those that are compared: it works on a text and returns a count that proves that it did.
pub(crate) type Run<'a> = Box<dyn FnMut(&str) -> usize + 'a>;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Best {
    pub(crate) time: Duration,
    pub(crate) bytes: usize,
    /// What the runs returned, added up.
    pub(crate) count: usize,
}

impl Best {
    pub(crate) fn mb_per_s(&self) -> f64 {
        self.bytes as f64 / self.time.as_secs_f64() / 1e6
    }

    pub(crate) fn count_per_mb(&self) -> f64 {
        self.count as f64 / self.bytes as f64 * 1e6
    }
}

/// Texts of a size in batches, a megabyte in all or what `count` says.
pub(crate) fn batches(texts: impl FnOnce(usize) -> Vec<String>, bytes: usize) -> Vec<Batch> {
    let mut texts = texts((ALL / bytes).max(1));
    let in_one = (BATCH / bytes).max(1);
    let mut batches = Vec::new();
    while !texts.is_empty() {
        let rest = texts.split_off(texts.len().min(in_one));
        batches.push(std::mem::replace(&mut texts, rest));
    }
    batches
}

/// Brings the texts into the cache.
fn touch(batch: &Batch) {
    let sum = |text: &String| text.bytes().fold(0_u8, u8::wrapping_add);
    black_box(batch.iter().map(sum).fold(0, u8::wrapping_add));
}

/// How long the work took, without what others did on this core in the meantime.
///
/// A short run between two interruptions is best timed by the clock on the wall; for one that takes longer than its slice there is
/// the time that this thread itself was given.
fn timed(work: impl FnOnce()) -> Duration {
    let given = given();
    let start = Instant::now();
    work();
    let passed = start.elapsed();
    self::given()
        .zip(given)
        .map_or(passed, |(after, before)| passed.min(after - before))
}

#[cfg(unix)]
fn given() -> Option<Duration> {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)
        .try_into()
        .ok()
}

#[cfg(not(unix))]
fn given() -> Option<Duration> {
    None
}

/// The best of as many rounds as `budget` allows for each, after one to warm up.
pub(crate) fn best(runs: &mut [Run<'_>], batches: &[Batch], budget: Duration) -> Vec<Best> {
    let mut times = vec![vec![Duration::MAX; batches.len()]; runs.len()];
    let mut counts = vec![0; runs.len()];
    let mut spent = vec![Duration::ZERO; runs.len()];
    for round in 0.. {
        let mut going = false;
        for (index, run) in runs.iter_mut().enumerate() {
            if round > LEAST && spent[index] > budget {
                continue;
            }
            going = true;
            for (batch, time) in batches.iter().zip(&mut times[index]) {
                // As when it has just been received: whoever comes first would pay for all otherwise.
                touch(batch);
                let mut count = 0;
                let took = timed(|| count = batch.iter().map(|text| run(black_box(text))).sum());
                if round == 0 {
                    counts[index] += count;
                } else {
                    *time = took.min(*time);
                    spent[index] += took;
                }
            }
        }
        if !going {
            break;
        }
    }
    let bytes = batches.iter().flatten().map(String::len).sum();
    times
        .into_iter()
        .zip(counts)
        .map(|(times, count)| Best {
            time: times.into_iter().sum(),
            bytes,
            count,
        })
        .collect()
}
