//! Measures how many values are found that are written in disguise: so that a reader or a program sees them, and a pattern does
//! not.
//!
//! The values are made as those of the other sets, each way of writing them is that of the folded view's documentation. Beside
//! them stand the cases of `testdata/evasion.txt`, which say more about surroundings and less about values.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context as _, Result};
use workjet_dlp::{Engine, Preset};

use super::generate::{self, Dice, Text};
use super::{marked, ratio, show};

const CASES: &str = include_str!("../../../crates/workjet-dlp/testdata/evasion.txt");

/// Values of each detector that are written in each way.
const VALUES: usize = 100;

const DETECTORS: [&str; 6] = ["credit_card", "us_ssn", "email", "phone", "aws_key", "api_secret"];

/// How a character of a value is written.
type Guise = fn(char, &mut Dice) -> String;

/// A way of writing values.
struct Way {
    name: &'static str,
    guise: Guise,
    /// What may be put between two characters.
    between: fn(&mut Dice) -> String,
    /// Only an engine that looks into base64 is asked.
    base64: bool,
}

const fn way(name: &'static str, guise: Guise) -> Way {
    Way {
        name,
        guise,
        between: |_| String::new(),
        base64: false,
    }
}

const fn between(name: &'static str, between: fn(&mut Dice) -> String) -> Way {
    Way {
        name,
        guise: |char, _| char.into(),
        between,
        base64: false,
    }
}

const SEPARATORS: &str = "other spaces and dashes between digits";

static WAYS: &[Way] = &[
    way("digits of other scripts", digit),
    way("full width", |char, _| wide(char)),
    way("mathematical and circled letters and digits", |char, dice| {
        styled(char, dice)
    }),
    way(SEPARATORS, separator),
    between("one character that does not show", |dice| hidden(dice, 1)),
    between("two that do not show", |dice| hidden(dice, 2)),
    way("signs percent-encoded", |char, _| percent(char, false)),
    way("signs percent-encoded twice", |char, _| {
        percent(char, false).replace('%', "%25")
    }),
    way("all percent-encoded", |char, _| percent(char, true)),
    way("signs as `\\u0040`", |char, _| escaped(char, "\\", false)),
    way("all as `\\u0040`", |char, _| escaped(char, "\\", true)),
    way("signs as `\\\\u0040`, in JSON within JSON", |char, _| {
        escaped(char, "\\\\", false)
    }),
    Way {
        name: "several of these at once",
        guise: |char, dice| match dice.below(8) {
            0 => digit(char, dice),
            1 => wide(char),
            2 => percent(char, true),
            3 => escaped(char, "\\", true),
            _ => char.into(),
        },
        between: |dice| hidden(dice, 2),
        base64: false,
    },
    Way {
        name: "base64, when asked for",
        guise: |char, _| char.into(),
        between: |_| String::new(),
        base64: true,
    },
];

/// Counts of values, of those found, and of those found from their first byte to their last.
#[derive(Clone, Copy, Default)]
struct Count {
    values: usize,
    found: usize,
    exact: usize,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.values += other.values;
        self.found += other.found;
        self.exact += other.exact;
    }

    fn show(self) -> String {
        show(ratio(self.found, self.values))
    }
}

/// The table for a seed, and the share of all values that was found.
pub(super) fn measured(seed: u64, cases: bool) -> Result<(String, f64)> {
    let plain = Engine::standard();
    let decoding = Engine::builder().preset(Preset::Standard).base64(true).build()?;
    let mut dice = Dice::new(seed);
    let mut rows = Vec::new();
    let mut all = BTreeMap::<&str, Count>::new();
    for way in WAYS {
        let engine = if way.base64 { &decoding } else { &plain };
        let mut row = BTreeMap::<&str, Count>::new();
        for detector in DETECTORS {
            for _ in 0..VALUES {
                let (before, value) = value(detector, &mut dice)?;
                let plain_text = format!("{before}{value} and so on");
                let plain_span = before.len()..before.len() + value.len();
                // What is not found as it is says nothing about disguises.
                if found(&plain, &plain_text, detector, &plain_span, false).found == 0 {
                    continue;
                }
                let written = written(&value, way, &mut dice);
                // Between letters a dash is not a hyphen's other form but a pause.
                let of_digits = !value.contains(char::is_alphabetic);
                if written == value || (way.name == SEPARATORS && !of_digits) {
                    continue;
                }
                let text = format!("{before}{written} and so on");
                let span = before.len()..before.len() + written.len();
                row.entry(detector)
                    .or_default()
                    .add(found(engine, &text, detector, &span, cases));
            }
        }
        for (detector, count) in &row {
            all.entry(detector).or_default().add(*count);
        }
        rows.push((way.name, row));
    }
    rows.push(("**all**", all));
    let mut listed = Count::default();
    for line in CASES.lines() {
        let (engine, line) = match line.strip_prefix('~') {
            Some(line) => (&decoding, line),
            None => (&plain, line),
        };
        if line.starts_with("# ") {
            continue;
        }
        let Text { text, labels } = case(line)?;
        for (detector, span) in &labels {
            listed.add(found(engine, &text, detector, span, cases));
        }
    }
    let total = |row: &BTreeMap<&str, Count>| {
        row.values().fold(Count::default(), |mut total, count| {
            total.add(*count);
            total
        })
    };
    let sum = rows.last().map(|(_, row)| total(row)).unwrap_or_default();
    let mut table = format!(
        "Seed {seed}: {} values, {} found, {} of them from the first byte to the last. Listed in `testdata/evasion.txt`: {} values, \
         {} found.\n\n| recall of | {} | all |\n|---|{}--:|\n",
        sum.values,
        sum.found,
        sum.exact,
        listed.values,
        listed.exact,
        DETECTORS.map(|detector| format!("`{detector}`")).join(" | "),
        "--:|".repeat(DETECTORS.len()),
    );
    for (name, row) in &rows {
        let cells = DETECTORS.map(|detector| row.get(detector).copied().unwrap_or_default().show());
        table += &format!("| {name} | {} | {} |\n", cells.join(" | "), total(row).show());
    }
    let mut both = sum;
    both.add(listed);
    Ok((table, ratio(both.found, both.values).unwrap_or_default()))
}

fn found(engine: &Engine, text: &str, detector: &str, span: &Range<usize>, cases: bool) -> Count {
    let mut count = Count {
        values: 1,
        ..Count::default()
    };
    for hit in engine
        .find_iter(text)
        .filter(|hit| hit.detector().as_str() == detector)
    {
        let there = hit.span();
        count.exact |= usize::from(there == *span);
        count.found |= usize::from(there.start <= span.start && there.end >= span.end);
    }
    if cases && count.exact == 0 {
        let miss = if count.found == 0 { "missed" } else { "other span" };
        println!("{detector}: {miss}: {}", marked(text, span));
    }
    count
}

/// A value of the detector's, and what stands before it.
fn value(detector: &str, dice: &mut Dice) -> Result<(String, String)> {
    let (befores, value): (&[&str], String) = match detector {
        "credit_card" => (&["pay with ", "Card: ", ""], generate::card(dice)),
        "us_ssn" => (
            &["SSN: ", "my social security number is ", "ssn="],
            generate::social_security(dice),
        ),
        "email" => (&["write to ", "mail=", ""], generate::address(dice)),
        "phone" => (&["call ", "phone: ", "Tel. "], generate::phone(dice)?),
        "aws_key" => (
            &["id=", "with ", "{\"AccessKeyId\":\""],
            generate::from_form("A<K|S>IA[A-Z2-7]{16}", dice)?,
        ),
        _ if dice.below(3) == 0 => (
            &["password=", "DB_PASSWORD: ", "\"password\":\""],
            generate::from_form("[A-Z][a-z]{5}[0-9]{3}[!#]", dice)?,
        ),
        _ => (&["token=", "use ", "\"api_key\":\""], generate::token(dice)?),
    };
    Ok((dice.one_of(befores).to_owned(), value))
}

fn written(value: &str, way: &Way, dice: &mut Dice) -> String {
    if way.base64 {
        return base64(value.as_bytes());
    }
    let mut written = String::new();
    for char in value.chars() {
        if !written.is_empty() && dice.below(5) == 0 {
            written += &(way.between)(dice);
        }
        written += &(way.guise)(char, dice);
    }
    written
}

/// The digit of some script, the same one mostly.
fn digit(char: char, dice: &mut Dice) -> String {
    const ZEROS: &[u32] = &[0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0x1810, 0xFF10, 0x1_D7CE];
    let Some(digit) = char.to_digit(10) else {
        return char.into();
    };
    of_code(dice.one_of(ZEROS) + digit)
}

fn wide(char: char) -> String {
    match char {
        '!'..='~' => of_code(u32::from(char) + 0xFEE0),
        ' ' => "\u{3000}".into(),
        char => char.into(),
    }
}

fn styled(char: char, dice: &mut Dice) -> String {
    let circled = dice.below(4) == 0;
    match (char, u32::from(char)) {
        ('A'..='Z', code) if circled => of_code(code - u32::from('A') + 0x24B6),
        ('a'..='z', code) if circled => of_code(code - u32::from('a') + 0x24D0),
        ('1'..='9', code) if circled => of_code(code - u32::from('1') + 0x2460),
        // Bold, without serifs, of one width.
        ('A'..='Z', code) => of_code(code - u32::from('A') + dice.one_of(&[0x1_D400, 0x1_D5A0, 0x1_D670])),
        ('a'..='z', code) => of_code(code - u32::from('a') + dice.one_of(&[0x1_D41A, 0x1_D5BA, 0x1_D68A])),
        ('0'..='9', code) => of_code(code - u32::from('0') + dice.one_of(&[0x1_D7CE, 0x1_D7E2, 0x1_D7F6])),
        _ => char.into(),
    }
}

fn separator(char: char, dice: &mut Dice) -> String {
    match char {
        ' ' => dice
            .one_of(&["\u{a0}", "\u{2009}", "\u{202f}", "\u{3000}"])
            .into(),
        '-' => dice
            .one_of(&["\u{2010}", "\u{2011}", "\u{2212}", "\u{ff0d}"])
            .into(),
        char => char.into(),
    }
}

fn hidden(dice: &mut Dice, count: usize) -> String {
    const HIDDEN: &[char] = &[
        '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{34f}',
    ];
    (0..count).map(|_| dice.one_of(HIDDEN)).collect()
}

fn percent(char: char, all: bool) -> String {
    if !all && char.is_alphanumeric() {
        return char.into();
    }
    let mut bytes = [0; 4];
    let bytes = char.encode_utf8(&mut bytes).bytes();
    bytes.map(|byte| format!("%{byte:02X}")).collect()
}

fn escaped(char: char, backslashes: &str, all: bool) -> String {
    if !all && char.is_alphanumeric() {
        return char.into();
    }
    let mut units = [0; 2];
    let units = char.encode_utf16(&mut units).iter();
    units.map(|unit| format!("{backslashes}u{unit:04x}")).collect()
}

fn of_code(code: u32) -> String {
    char::from_u32(code).map(String::from).unwrap_or_default()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .chain([&0; 2])
            .take(3)
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        for place in 0..4 {
            encoded.push(if place <= three.len() {
                char::from(LETTERS[bits >> (18 - 6 * place) & 63])
            } else {
                '='
            });
        }
    }
    encoded
}

/// A listed case: its text, and what is marked in it.
fn case(line: &str) -> Result<Text> {
    let line = line.replace('¦', "").replace('⏎', "\n");
    let mut case = Text::default();
    let mut rest = line.as_str();
    while let Some((before, marked)) = rest.split_once('⟦') {
        let (marked, after) = marked.split_once('⟧').context("a closing mark")?;
        let (name, value) = marked.split_once(' ').context("a detector and a value")?;
        case.text += before;
        let start = case.text.len();
        case.text += value;
        let detector = name.split('/').next().unwrap_or_default();
        case.labels.push((detector.to_owned(), start..case.text.len()));
        rest = after;
    }
    case.text += rest;
    Ok(case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_values_in_disguise_are_found() {
        let (table, recall) = measured(20, false).expect("values");
        assert!(recall >= 0.95, "{table}");
    }

    #[test]
    fn ways_write_what_they_say() {
        let mut dice = Dice::new(1);
        let by = |name: &str| WAYS.iter().find(|way| way.name == name).expect("a way");
        assert_eq!(
            written("a@b", by("signs percent-encoded twice"), &mut dice),
            "a%2540b"
        );
        assert_eq!(written("a@b", by("full width"), &mut dice), "ａ＠ｂ");
        assert_eq!(written("a@b", by("signs as `\\u0040`"), &mut dice), "a\\u0040b");
        assert_eq!(
            written("bob@b", by("base64, when asked for"), &mut dice),
            "Ym9iQGI="
        );
    }
}
