//! Bytes a second, by corpus and size, and how many times as fast as the peers.

use serde_json::json;
use workjet_dlp::{Engine, Policy};

use crate::corpus::{Corpus, SIZES};
use crate::options::Options;
use crate::report::{Report, number, size};
use crate::rounds::{Run, batches, best};
use crate::{Peer, find_all};

pub(crate) fn measure(
    corpora: &[Corpus],
    options: &Options,
    peers: &mut [Box<dyn Peer>],
    report: &mut Report,
) {
    let engine = Engine::standard();
    let policy = Policy::redact_all();
    let names: Vec<String> = peers.iter().map(|peer| peer.name().to_owned()).collect();
    let mut rows = Vec::new();
    for corpus in corpora {
        for bytes in SIZES {
            let batches = batches(|count| corpus.texts(bytes, count), bytes);
            let mut runs: Vec<Run<'_>> = vec![
                Box::new(|text| engine.redact(text, &policy).findings.len()),
                Box::new(|text| find_all(&engine, text)),
            ];
            for peer in peers.iter_mut() {
                runs.push(Box::new(|text| peer.find_all(text)));
            }
            let results = best(&mut runs, &batches, options.budget);
            let (redact, find) = (results[0], results[1]);
            let mut row = vec![
                corpus.name.clone(),
                size(bytes),
                number(find.count_per_mb()),
                number(redact.mb_per_s()),
                number(find.mb_per_s()),
            ];
            let ours = ["workjet redacts", "workjet finds"].map(str::to_owned);
            for (engine, result) in ours.iter().chain(&names).zip(&results) {
                report.figure(json!({
                    "section": "throughput", "corpus": corpus.name, "bytes": bytes, "engine": engine,
                    "mb_per_s": result.mb_per_s(), "findings_per_mb": result.count_per_mb(),
                }));
            }
            for peer in &results[2..] {
                let times = find.mb_per_s() / peer.mb_per_s();
                row.push(format!("{} (×{})", number(peer.mb_per_s()), number(times)));
            }
            rows.push(row);
        }
    }
    let mut head = vec!["corpus", "size", "findings/MB", "redact MB/s", "find MB/s"];
    head.extend(names.iter().map(String::as_str));
    let title = if names.is_empty() {
        "Throughput"
    } else {
        "Throughput (of peers: MB/s, and how many times as fast we find)"
    };
    report.table(title, &head, &rows);
    println!();
    for corpus in corpora {
        println!("- {}: {}", corpus.name, corpus.measures);
    }
}
