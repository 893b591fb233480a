//! What each detector costs when it runs alone, what packs and patterns of one's own add, and what the actions cost.

use serde_json::json;
use workjet_dlp::{Action, CustomPattern, Detector, Engine, Policy, Preset, Vault};

use crate::corpus::Corpus;
use crate::options::Options;
use crate::report::{Report, number};
use crate::rounds::{Run, batches, best};
use crate::streams::among;

const BYTES: usize = 64 << 10;

/// As companies have them: with a literal that every match begins with, with one inside, and with none.
const PATTERNS: [(&str, &str); 5] = [
    ("employee", r"\bEMP-[0-9]{6}\b"),
    ("ticket", r"\b[A-Z]{2,5}-TKT-[0-9]{4,8}\b"),
    ("project", r"(?i)\bproject (?:zephyr|bluebird|quartz)\b"),
    ("invoice", r"\bINV/20[0-9]{2}/[0-9]{5}\b"),
    ("plate", r"\b[A-Z]{1,3}-[A-Z]{2} [0-9]{3,4}\b"),
];

pub(crate) fn measure(corpora: &[Corpus], options: &Options, report: &mut Report) {
    let standard = Engine::standard();
    let mut engines: Vec<(String, Engine, Policy)> = Detector::BUILT_IN
        .iter()
        .map(|detector| {
            let alone = Policy::all(Action::Off).with(detector, Action::Redact);
            (format!("{detector} alone"), standard.clone(), alone)
        })
        .collect();
    let all = Policy::redact_all();
    engines.push(("the six".to_owned(), standard, all.clone()));
    let packs = Engine::builder()
        .preset(Preset::Standard)
        .preset(Preset::Health)
        .preset(Preset::European);
    engines.push((
        "the six, health and Europe".to_owned(),
        packs.build().expect("presets fit together"),
        all.clone(),
    ));
    let mut own = Engine::builder().preset(Preset::Standard);
    for (name, pattern) in PATTERNS {
        own = own.custom(CustomPattern::new(name, pattern).expect("a pattern that holds"));
    }
    engines.push((
        format!("the six, {} patterns of one's own", PATTERNS.len()),
        own.build().expect("patterns with names of their own"),
        all,
    ));

    let mut rows: Vec<Vec<String>> = engines.iter().map(|(name, ..)| vec![name.clone()]).collect();
    let mut head = vec!["detectors".to_owned()];
    for corpus in among(corpora, &["prose", "code", "logs", "dense"]) {
        head.push(format!("{} MB/s", corpus.name));
        let batches = batches(|count| corpus.texts(BYTES, count), BYTES);
        let mut runs: Vec<Run<'_>> = Vec::new();
        for (_, engine, policy) in &engines {
            runs.push(Box::new(|text| engine.redact(text, policy).findings.len()));
        }
        let results = best(&mut runs, &batches, options.budget);
        for ((row, (name, ..)), result) in rows.iter_mut().zip(&engines).zip(results) {
            report.figure(json!({
                "section": "detectors", "corpus": corpus.name, "detectors": name,
                "mb_per_s": result.mb_per_s(), "findings_per_mb": result.count_per_mb(),
            }));
            row.push(number(result.mb_per_s()));
        }
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    report.table("Detectors: texts of 64 KB, redacting", &head, &rows);
}

/// What is done with the findings of dense text.
pub(crate) fn actions(corpora: &[Corpus], options: &Options, report: &mut Report) {
    let engine = Engine::standard();
    let policies = [
        ("warn", Action::Warn),
        ("redact", Action::Redact),
        ("mask", Action::Mask),
        ("hash", Action::Hash),
        ("tokenize", Action::Tokenize),
    ]
    .map(|(name, action)| (name, Policy::all(action).hash_key([7; 32])));
    let mut rows: Vec<Vec<String>> = policies
        .iter()
        .map(|(name, _)| vec![(*name).to_owned()])
        .chain([vec!["put back in the reply".to_owned()]])
        .collect();
    let mut head = vec!["action".to_owned()];
    for corpus in among(corpora, &["dense", "prose"]) {
        for bytes in [64 << 10, 2 << 10] {
            head.push(format!("{}, {} KB: MB/s", corpus.name, bytes >> 10));
            let batches = batches(|count| corpus.texts(bytes, count), bytes);
            let mut runs: Vec<Run<'_>> = Vec::new();
            for (name, policy) in &policies {
                if *name == "tokenize" {
                    // As for a request: a vault of its own, which must know what stands there already.
                    runs.push(Box::new(|text| {
                        let mut vault = Vault::new([7; 32]);
                        vault.reserve(text);
                        engine.tokenize(text, policy, &mut vault).findings.len()
                    }));
                } else {
                    runs.push(Box::new(|text| engine.redact(text, policy).findings.len()));
                }
            }
            let mut results = best(&mut runs, &batches, options.budget);
            results.push(restore(&engine, corpus, bytes, options));
            let names = policies.iter().map(|(name, _)| *name).chain(["restore"]);
            for ((row, name), result) in rows.iter_mut().zip(names).zip(results) {
                report.figure(json!({
                    "section": "actions", "corpus": corpus.name, "bytes": bytes, "action": name,
                    "mb_per_s": result.mb_per_s(),
                }));
                row.push(number(result.mb_per_s()));
            }
        }
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    report.table("Actions", &head, &rows);
}

/// Replies that repeat a request's tokens, the caller's values put back in pieces of 64 bytes.
fn restore(engine: &Engine, corpus: &Corpus, bytes: usize, options: &Options) -> crate::rounds::Best {
    let policy = Policy::all(Action::Tokenize);
    let mut vault = Vault::new([7; 32]);
    let replies = |count| {
        corpus
            .texts(bytes, count)
            .iter()
            .map(|text| engine.tokenize(text, &policy, &mut vault).text.into_owned())
            .collect()
    };
    let batches = batches(replies, bytes);
    let mut out = String::new();
    let mut run: [Run<'_>; 1] = [Box::new(|text| {
        out.clear();
        let mut restorer = vault.restorer();
        for piece in crate::streams::pieces(text, || 64) {
            restorer.push(piece, &mut out);
        }
        restorer.finish(&mut out);
        out.len()
    })];
    best(&mut run, &batches, options.budget)[0]
}
