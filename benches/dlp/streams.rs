//! Replies in pieces, as models send them: what a piece costs, and how much text waits.

use std::time::Duration;

use serde_json::json;
use workjet_dlp::{Engine, Policy};

use crate::corpus::Corpus;
use crate::options::Options;
use crate::random::Random;
use crate::report::{Report, number};
use crate::rounds::{Run, best};

const CHUNKS: [usize; 7] = [1, 2, 4, 8, 16, 64, 1024];

/// About as long as a longer answer.
const REPLY: usize = 4 << 10;
const REPLIES: usize = 64;

pub(crate) fn measure(corpora: &[Corpus], options: &Options, report: &mut Report) {
    let engine = Engine::standard();
    let policy = Policy::redact_all();
    let mut rows = Vec::new();
    for corpus in among(corpora, &["prose", "code", "dense"]) {
        let texts = corpus.texts(REPLY, REPLIES);
        for chunk in CHUNKS {
            let pushes: usize = texts.iter().map(|text| pieces(text, || chunk).count()).sum();
            let mut out = String::with_capacity(2 * REPLY);
            let mut run: [Run<'_>; 1] = [Box::new(|text| {
                out.clear();
                let mut scanner = engine.scanner(&policy);
                for piece in pieces(text, || chunk) {
                    let _ = scanner.push(piece, &mut out);
                }
                let _ = scanner.finish(&mut out);
                out.len()
            })];
            let batches: Vec<Vec<String>> = texts.chunks(8).map(<[String]>::to_vec).collect();
            let result = best(&mut run, &batches, options.budget)[0];
            let nanos = result.time.as_secs_f64() * 1e9 / pushes as f64;
            report.figure(json!({
                "section": "streams", "corpus": corpus.name, "chunk_bytes": chunk,
                "ns_per_push": nanos, "mb_per_s": result.mb_per_s(),
            }));
            rows.push(vec![
                corpus.name.clone(),
                chunk.to_string(),
                number(nanos),
                number(result.mb_per_s()),
            ]);
        }
    }
    report.table(
        "Streams: replies of 4 KB, a scanner for each",
        &["corpus", "bytes per push", "ns per push", "MB/s"],
        &rows,
    );
}

/// How much of what was pushed had not come out again, after each push. Only texts without findings: what comes out is what went
/// in, so that the difference is what waits.
pub(crate) fn hold_back(corpora: &[Corpus], options: &Options, report: &mut Report) {
    let engine = Engine::standard();
    let policy = Policy::redact_all();
    let replies = if options.budget < Duration::from_millis(200) {
        REPLIES
    } else {
        8 * REPLIES
    };
    let mut rows = Vec::new();
    for corpus in among(corpora, &["prose", "code", "chat", "logs", "french", "chinese"]) {
        let mut random = Random::new(1);
        let mut held: Vec<usize> = Vec::new();
        for text in corpus.texts(REPLY, replies) {
            if engine.find_iter(&text).next().is_some() {
                continue;
            }
            let mut scanner = engine.scanner(&policy);
            let (mut pushed, mut out) = (0, String::new());
            for piece in pieces(&text, || 1 + random.below(8)) {
                let _ = scanner.push(piece, &mut out);
                pushed += piece.len();
                held.push(pushed - out.len());
            }
        }
        if held.is_empty() {
            continue;
        }
        held.sort_unstable();
        let mean = held.iter().sum::<usize>() as f64 / held.len() as f64;
        let (half, p99, most) = (
            held[held.len() / 2],
            held[held.len() * 99 / 100],
            held[held.len() - 1],
        );
        let none = held.partition_point(|held| *held == 0) as f64 / held.len() as f64;
        report.figure(json!({
            "section": "holdback", "corpus": corpus.name, "pushes": held.len(), "none": none,
            "mean_bytes": mean, "p50_bytes": half, "p99_bytes": p99, "max_bytes": most,
        }));
        rows.push(vec![
            corpus.name.clone(),
            number(held.len() as f64),
            format!("{:.0} %", none * 100.0),
            format!("{mean:.2}"),
            half.to_string(),
            p99.to_string(),
            most.to_string(),
        ]);
    }
    report.table(
        "Held back, in bytes, after pushes of 1 to 8 bytes",
        &["corpus", "pushes", "nothing", "mean", "p50", "p99", "max"],
        &rows,
    );
}

/// Those of the corpora that a section is about.
pub(crate) fn among<'a>(
    corpora: &'a [Corpus],
    names: &'static [&'static str],
) -> impl Iterator<Item = &'a Corpus> {
    names
        .iter()
        .filter_map(|name| corpora.iter().find(|corpus| corpus.name == *name))
}

/// A text in pieces of as many bytes as `length` says, or up to three more where a character would be cut.
pub(crate) fn pieces(text: &str, mut length: impl FnMut() -> usize) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let end = text.ceil_char_boundary(at + length());
        let piece = &text[at..end];
        at = end;
        (!piece.is_empty()).then_some(piece)
    })
}
