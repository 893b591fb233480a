//! Bodies of requests: the walk over their bytes against building a tree, changing it and writing it out.

use serde_json::{Value, json};
use workjet_dlp::{Engine, Policy, Shape};

use crate::corpus::Corpus;
use crate::options::Options;
use crate::report::{Report, number, size};
use crate::rounds::{Run, batches, best};
use crate::streams::among;

/// What a chat request may hold, in short.
static BODY: Shape = Shape::Object(&[
    ("model", Shape::Name),
    (
        "messages",
        Shape::List(&Shape::Object(&[
            ("role", Shape::Constant(&["user", "assistant"])),
            ("content", Shape::Text),
        ])),
    ),
]);

pub(crate) fn measure(corpora: &[Corpus], options: &Options, report: &mut Report) {
    let engine = Engine::standard();
    let policy = Policy::redact_all();
    let mut rows = Vec::new();
    for corpus in among(corpora, &["chat", "chat_dense"]) {
        for bytes in crate::corpus::SIZES {
            let batches = batches(|count| corpus.texts(bytes, count), bytes);
            let mut runs: [Run<'_>; 3] = [
                Box::new(|text| {
                    let scanned = engine.scan_json(text.as_bytes(), &BODY, &policy);
                    scanned.expect("a corpus of JSON").report.findings.len()
                }),
                Box::new(|text| {
                    let mut body: Value = serde_json::from_str(text).expect("a corpus of JSON");
                    let found = engine.redact_json(&mut body, &BODY, &policy).findings.len();
                    found + body.to_string().len()
                }),
                Box::new(|text| {
                    let body: Value = serde_json::from_str(text).expect("a corpus of JSON");
                    body.to_string().len()
                }),
            ];
            let results = best(&mut runs, &batches, options.budget);
            let mut row = vec![corpus.name.clone(), size(bytes)];
            for (way, result) in ["bytes", "tree", "parse and print"].iter().zip(&results) {
                report.figure(json!({
                    "section": "json", "corpus": corpus.name, "bytes": bytes, "way": way,
                    "mb_per_s": result.mb_per_s(),
                }));
                row.push(number(result.mb_per_s()));
            }
            row.push(number(results[0].mb_per_s() / results[1].mb_per_s()));
            rows.push(row);
        }
    }
    report.table(
        "JSON bodies, redacting",
        &[
            "corpus",
            "size",
            "scan_json MB/s",
            "tree MB/s",
            "serde_json alone MB/s",
            "× the tree",
        ],
        &rows,
    );
}
