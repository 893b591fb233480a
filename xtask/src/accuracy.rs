//! Measures the detectors against labelled texts, and what they find in texts where nothing should be found.
//!
//! A labelled set is a JSON list of `{"full_text": …, "spans": [{"entity_type", "start_position", "end_position"}]}`, places in
//! Unicode code points: the format of presidio-research. A corpus is a folder of any text files. Both may be anybody's, so
//! misses and false hits are shown with what stands around them. A seed makes sets too, from templates, and values in disguise.

mod evasion;
mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use workjet_dlp::{Engine, Preset};

use self::generate::Text;

/// What the command line asks for.
#[derive(Default)]
struct Request {
    paths: Vec<PathBuf>,
    corpus: bool,
    cases: bool,
    write: bool,
    packs: bool,
    /// Sets are made, not read.
    generate: Option<u64>,
    /// Values in disguise are made and looked for.
    evasion: Option<u64>,
}

/// Texts of each set that a seed makes.
const GENERATED: usize = 4000;

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut request = Request::default();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--corpus" => request.corpus = true,
            "--cases" => request.cases = true,
            "--write" => request.write = true,
            "--packs" => request.packs = true,
            "--generate" => {
                let seed = arguments.next().context("which seed?")?;
                request.generate = Some(seed.parse().context("a seed is a number")?);
            }
            "--evasion" => {
                let seed = arguments.next().context("which seed?")?;
                request.evasion = Some(seed.parse().context("a seed is a number")?);
            }
            option if option.starts_with('-') => bail!("accuracy has no option {option:?}"),
            path => request.paths.push(path.into()),
        }
    }
    if let Some(seed) = request.evasion {
        let (table, _) = evasion::measured(seed, request.cases)?;
        print!("{table}");
        return if request.write {
            write(Path::new(DOCUMENT), "evasion", &table)
        } else {
            Ok(())
        };
    }
    ensure!(
        request.generate.is_some() || !request.paths.is_empty(),
        "which file or folder?"
    );
    let mut builder = Engine::builder().preset(Preset::Standard);
    if request.packs {
        builder = builder.preset(Preset::Health).preset(Preset::European);
    }
    let engine = builder.build()?;
    if let Some(seed) = request.generate {
        return generated(&engine, seed, &request);
    }
    for path in &request.paths {
        let table = if request.corpus {
            corpus(&engine, path, request.cases)?
        } else {
            labelled(&engine, &read(path)?, request.cases)
        };
        print!("{table}");
        if request.write {
            let name = path.file_name().context("a path with a name")?.to_string_lossy();
            write(Path::new(DOCUMENT), &name, &table)?;
        }
    }
    Ok(())
}

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/accuracy.md");

/// Measures what a seed makes, or writes it into a folder for other tools.
fn generated(engine: &Engine, seed: u64, request: &Request) -> Result<()> {
    let sets = [
        ("generated-people", generate::people(seed, GENERATED)?),
        ("generated-secrets", generate::secrets(seed, GENERATED)?),
    ];
    for (name, texts) in sets {
        if let [folder] = &*request.paths {
            let path = folder.join(format!("{name}-{seed}.json"));
            let entries: Vec<Value> = texts.iter().map(entry).collect();
            fs::write(&path, serde_json::to_string(&entries)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
            continue;
        }
        let table = format!("Seed {seed}: {}", labelled(engine, &texts, request.cases));
        println!("{name}\n{table}");
        if request.write {
            write(Path::new(DOCUMENT), name, &table)?;
        }
    }
    Ok(())
}

/// A text as other tools read it: places in code points, presidio's names.
fn entry(text: &Text) -> Value {
    let place = |at: usize| text.text[..at].chars().count();
    let spans = text.labels.iter().map(|(detector, span)| {
        let entity = match detector.as_str() {
            "email" => "EMAIL_ADDRESS",
            "phone" => "PHONE_NUMBER",
            "api_secret" => "SECRET",
            "us_ssn" => "US_SSN",
            _ => "CREDIT_CARD",
        };
        serde_json::json!({
            "entity_type": entity, "entity_value": &text.text[span.clone()],
            "start_position": place(span.start), "end_position": place(span.end),
        })
    });
    serde_json::json!({ "full_text": text.text, "spans": spans.collect::<Vec<_>>() })
}

/// Counts for one detector over one set.
#[derive(Default)]
struct Score {
    labels: usize,
    findings: usize,
    /// Findings that are a label, byte for byte.
    exact: usize,
    /// Labels that some finding touches.
    labels_touched: usize,
    /// Findings that touch some label.
    findings_touching: usize,
    /// Texts without a label of this kind, and those of them in which nothing was found.
    clean_texts: usize,
    silent_texts: usize,
}

/// The labelled texts of a file.
fn read(path: &Path) -> Result<Vec<Text>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let set: Vec<Value> = serde_json::from_str(&text).context("not a list of labelled texts")?;
    set.iter()
        .map(|entry| {
            let text = entry["full_text"]
                .as_str()
                .context("an entry without `full_text`")?;
            Ok(Text {
                text: text.to_owned(),
                labels: labels(text, &entry["spans"])?,
            })
        })
        .collect()
}

fn labelled(engine: &Engine, set: &[Text], cases: bool) -> String {
    let scores = scores(engine, set, cases);
    let mut table = format!("{} texts.\n\n", set.len());
    table += "| detector | labels | found | precision | recall | F1 | overlap: precision | recall | F1 | specificity |\n";
    table += "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    for (detector, score) in &scores {
        table += &score.row(detector);
    }
    table
}

fn scores(engine: &Engine, set: &[Text], cases: bool) -> BTreeMap<String, Score> {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for detector in engine.detectors() {
        scores.insert(detector.to_string(), Score::default());
    }
    for Text { text, labels } in set {
        let findings: Vec<_> = engine
            .find_iter(text)
            .map(|hit| (hit.detector().to_string(), hit.span()))
            .collect();
        for (detector, score) in &mut scores {
            let of_kind = |all: &[(String, Range<usize>)]| -> Vec<Range<usize>> {
                let same = all.iter().filter(|(kind, _)| kind == detector);
                same.map(|(_, span)| span.clone()).collect()
            };
            let (labels, findings) = (of_kind(labels), of_kind(&findings));
            score.count(&labels, &findings);
            if cases {
                for label in labels.iter().filter(|label| !findings.contains(label)) {
                    let near = if findings.iter().any(|finding| overlap(label, finding)) {
                        "other span"
                    } else {
                        "missed"
                    };
                    println!("{detector}: {near}: {}", marked(text, label));
                }
                for finding in findings.iter().filter(|finding| !labels.contains(finding)) {
                    println!("{detector}: false: {}", marked(text, finding));
                }
            }
        }
    }
    scores
}

impl Score {
    fn count(&mut self, labels: &[Range<usize>], findings: &[Range<usize>]) {
        let touched =
            |span: &Range<usize>, others: &[Range<usize>]| others.iter().any(|other| overlap(span, other));
        self.labels += labels.len();
        self.findings += findings.len();
        self.exact += labels.iter().filter(|label| findings.contains(label)).count();
        self.labels_touched += labels.iter().filter(|label| touched(label, findings)).count();
        self.findings_touching += findings.iter().filter(|finding| touched(finding, labels)).count();
        self.clean_texts += usize::from(labels.is_empty());
        self.silent_texts += usize::from(labels.is_empty() && findings.is_empty());
    }

    fn row(&self, detector: &str) -> String {
        let exact = figures(ratio(self.exact, self.findings), ratio(self.exact, self.labels));
        let overlap = figures(
            ratio(self.findings_touching, self.findings),
            ratio(self.labels_touched, self.labels),
        );
        let specificity = show(ratio(self.silent_texts, self.clean_texts));
        let (labels, found) = (self.labels, self.findings);
        format!("| `{detector}` | {labels} | {found} | {exact} | {overlap} | {specificity} |\n")
    }
}

/// Nothing, if there is nothing to divide by.
fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn figures(precision: Option<f64>, recall: Option<f64>) -> String {
    let f1 = precision
        .zip(recall)
        .map(|(precision, recall)| match precision + recall {
            0.0 => 0.0,
            sum => 2.0 * precision * recall / sum,
        });
    format!("{} | {} | {}", show(precision), show(recall), show(f1))
}

fn show(figure: Option<f64>) -> String {
    figure.map_or_else(|| "–".into(), |figure| format!("{figure:.3}"))
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// The labels of the detectors' kinds, in bytes.
fn labels(text: &str, spans: &Value) -> Result<Vec<(String, Range<usize>)>> {
    let mut bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    bytes.push(text.len());
    let place = |span: &Value, name: &str| -> Result<usize> {
        let place = span[name]
            .as_u64()
            .with_context(|| format!("a span without `{name}`"))?;
        let place = bytes.get(usize::try_from(place)?);
        place.copied().context("a span that ends outside its text")
    };
    let mut labels = Vec::new();
    for span in spans.as_array().context("an entry without `spans`")? {
        let kind = span["entity_type"]
            .as_str()
            .context("a span without `entity_type`")?;
        let range = place(span, "start_position")?..place(span, "end_position")?;
        labels.push((detector(kind), range));
    }
    Ok(labels)
}

/// The detector for a label: its own name in any case, or that of presidio's entity.
fn detector(label: &str) -> String {
    match label {
        "EMAIL_ADDRESS" => "email",
        "PHONE_NUMBER" => "phone",
        "US_ITIN" => "us_ssn",
        "IBAN_CODE" => "iban",
        "AWS_ACCESS_KEY" | "AWS_SECRET_KEY" => "aws_key",
        "SECRET" | "API_KEY" | "PASSWORD" | "TOKEN" | "PRIVATE_KEY" | "JWT" => "api_secret",
        other => return other.to_ascii_lowercase(),
    }
    .into()
}

/// The span in double brackets, with what stands around it.
fn marked(text: &str, span: &Range<usize>) -> String {
    let before: String = text[..span.start].chars().rev().take(50).collect();
    let before: String = before.chars().rev().collect();
    let after: String = text[span.end..].chars().take(30).collect();
    let inside: String = text[span.clone()].chars().take(120).collect();
    format!("{before}⟦{inside}⟧{after}")
        .escape_debug()
        .to_string()
        .replace("\\\"", "\"")
}

/// Extensions of what is neither prose nor code.
const BINARY: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "ico", "woff", "woff2", "wasm", "gz", "zip", "xz", "bin", "a", "lib", "o",
];

/// What is found in the text files of a folder, per kind and per MB.
fn corpus(engine: &Engine, path: &Path, cases: bool) -> Result<String> {
    let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
    let (mut files, mut bytes) = (0, 0);
    let mut pending = vec![path.to_owned()];
    // A crate is often there in several versions; a line counts once.
    let mut seen = BTreeSet::new();
    while let Some(path) = pending.pop() {
        let about = fs::symlink_metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if about.is_dir() {
            for entry in fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
                pending.push(entry?.path());
            }
            continue;
        }
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if !about.is_file() || BINARY.contains(&extension.as_str()) {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        (files, bytes) = (files + 1, bytes + text.len());
        for hit in engine.find_iter(&text) {
            let span = hit.span();
            let kind = (hit.detector().to_string(), hit.subtype().unwrap_or("").to_owned());
            let case = marked(&text, &span);
            if !seen.insert((kind.clone(), case.clone())) {
                continue;
            }
            if cases {
                let line = text[..span.start].matches('\n').count() + 1;
                println!("{} {} {}:{line}: {case}", kind.0, kind.1, path.display());
            }
            *found.entry(kind).or_default() += 1;
        }
    }
    ensure!(bytes > 0, "there is no text");
    let megabytes = bytes as f64 / 1e6;
    let mut table = format!(
        "{files} files, {megabytes:.1} MB.\n\n| detector | subtype | findings | per MB |\n|---|---|--:|--:|\n"
    );
    for ((detector, subtype), count) in &found {
        table += &format!(
            "| `{detector}` | {subtype} | {count} | {:.3} |\n",
            *count as f64 / megabytes
        );
    }
    Ok(table)
}

/// Puts a table in its place in the document: between the comments that name the set.
fn write(document: &Path, name: &str, table: &str) -> Result<()> {
    let text = fs::read_to_string(document).with_context(|| format!("cannot read {}", document.display()))?;
    let (start, end) = (format!("<!-- {name} -->\n"), "<!-- end -->");
    let (before, rest) = text
        .split_once(&start)
        .with_context(|| format!("{} has no place for {name}: add {start}{end}", document.display()))?;
    let (_, after) = rest.split_once(end).context("the place has no end")?;
    fs::write(document, format!("{before}{start}{table}{end}{after}")).context("cannot write")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_code_points_and_labels_have_the_names_of_detectors() {
        let spans =
            serde_json::json!([{ "entity_type": "EMAIL_ADDRESS", "start_position": 2, "end_position": 8 }]);
        let labels = labels("é a@b.cd", &spans).expect("labels");
        assert_eq!(labels, [("email".to_owned(), 3..9)]);
    }

    #[test]
    fn what_a_seed_makes_meets_the_targets() {
        let engine = Engine::standard();
        let people = scores(&engine, &generate::people(20, 1500).expect("texts"), false);
        let f1 = |found: usize, labels: usize, hits: usize| 2.0 * hits as f64 / (found + labels) as f64;
        for detector in ["credit_card", "us_ssn", "email"] {
            let score = &people[detector];
            let exact = f1(score.findings, score.labels, score.exact);
            assert!(exact >= 0.99, "{detector}: {exact}");
        }
        let phone = &people["phone"];
        let touched = f1(phone.findings, phone.labels, phone.labels_touched);
        assert!(touched >= 0.88, "phone: {touched}");
        let secrets = &scores(&engine, &generate::secrets(20, 1500).expect("texts"), false)["api_secret"];
        let recall = ratio(secrets.labels_touched, secrets.labels).expect("secrets");
        let specificity = ratio(secrets.silent_texts, secrets.clean_texts).expect("texts without");
        assert!(recall >= 0.97 && specificity >= 0.98, "{recall} {specificity}");
    }

    #[test]
    fn a_span_that_is_off_by_one_counts_as_overlap_only() {
        let mut score = Score::default();
        score.count(&[0..5, 10..15], &[0..5, 11..15, 20..25]);
        score.count(&[], &[]);
        assert_eq!(
            (score.exact, score.labels_touched, score.findings_touching),
            (1, 2, 2)
        );
        assert_eq!(
            score.row("x"),
            "| `x` | 2 | 3 | 0.333 | 0.500 | 0.400 | 0.667 | 1.000 | 0.800 | 1.000 |\n"
        );
    }
}
