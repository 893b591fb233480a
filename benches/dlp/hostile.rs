//! Texts that ask for as much work as possible and hold nothing, or next to nothing. Time must grow with the length alone.

use serde_json::json;
use workjet_dlp::{CustomPattern, Engine, Policy, Preset};

use crate::options::Options;
use crate::report::{Report, number};
use crate::rounds::{Run, best};

/// Units that are repeated, each of them the beginning of something.
const UNITS: [(&str, &str); 24] = [
    ("digits", "0"),
    ("single digits", "4 "),
    ("groups of four", "4111 "),
    ("one card after another", "4111 1111 1111 1111 "),
    ("almost an SSN", "536-22-872 "),
    ("almost a phone", "112-555-0123 "),
    ("pairs", "06 12 34 56 7"),
    ("plus signs", "+1"),
    ("parentheses", "(2"),
    ("at signs", "@"),
    ("local parts", "a.a.a.a.a.a.@"),
    ("a dot after each letter", "a."),
    ("domains", "a@b.c."),
    ("letters beyond ASCII", "é@"),
    ("passwords in URLs", "://u:p"),
    ("vendors' prefixes", "sk-"),
    ("headers of JWTs", "eyJ"),
    ("PEM headers", "-----BEGIN "),
    ("names of secrets", "api_key="),
    ("words before values", "password "),
    ("verbs", " is"),
    ("base64", "aB3/xY7+Zq9"),
    ("hexadecimal", "0f3a9c"),
    ("spaces", " "),
];

/// The same for patterns of one's own that nobody should write: they begin anywhere, and what ends them is not there.
const CARELESS: [(&str, &str, &str); 2] = [
    ("a careless pattern", "[a-z ]+!", "a "),
    ("another", r"\w[\w ]*!", "é a "),
];

const SHORT: usize = 10_000;
const LONG: usize = 10_000_000;

pub(crate) fn measure(options: &Options, report: &mut Report) {
    let standard = Engine::standard();
    let policy = Policy::redact_all();
    let mut rows = Vec::new();
    let texts = UNITS.map(|(name, unit)| (name, unit, standard.clone()));
    let careless = CARELESS.map(|(name, pattern, unit)| (name, unit, with_pattern(pattern)));
    for (name, unit, engine) in texts.into_iter().chain(careless) {
        let rate = |bytes: usize| {
            let text = unit.repeat(bytes.div_ceil(unit.len()));
            let mut run: [Run<'_>; 1] = [Box::new(|text| engine.redact(text, &policy).text.len())];
            best(&mut run, &[vec![text]], options.budget)[0].mb_per_s()
        };
        let (short, long) = (rate(SHORT), rate(LONG));
        report.figure(json!({
            "section": "hostile", "text": name, "unit": unit,
            "mb_per_s_10_kb": short, "mb_per_s_10_mb": long, "time_per_byte_ratio": short / long,
        }));
        rows.push(vec![
            name.to_owned(),
            format!("`{unit}`"),
            number(short),
            number(long),
            format!("{:.2}", short / long),
        ]);
    }
    report.table(
        "Hostile texts, redacting: time per byte at 10 MB against 10 KB",
        &["text", "repeats", "10 KB: MB/s", "10 MB: MB/s", "ratio"],
        &rows,
    );
}

/// The standard engine and a pattern with the longest match that can be declared.
fn with_pattern(pattern: &str) -> Engine {
    let pattern = CustomPattern::new("x", pattern).expect("a pattern");
    let builder = Engine::builder().preset(Preset::Standard);
    let engine = builder.custom(pattern.max_len(4096)).build();
    engine.expect("the pattern has a longest match")
}
