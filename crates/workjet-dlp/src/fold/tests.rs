//! Both views against a reference that has all of both in sight, and streams against their wholes.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::text::Folded;
use crate::custom::Scratch;
use crate::placeholder::Placeholder;
use crate::run::Run;
use crate::search::{Hit, Verdict, Window};
use crate::{Action, CustomPattern, Engine, Finding, Policy, Preset};

fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        let pattern = |name, pattern| CustomPattern::new(name, pattern).expect("a pattern");
        Engine::builder()
            .preset(Preset::Standard)
            .preset(Preset::European)
            .custom(pattern("employee", r"\bEMP-[0-9]{6}\b"))
            .custom(pattern("ticket", r"TCK-[0-9]+$").max_len(12))
            .custom(pattern("capitals", "[A-Z]{8}"))
            .custom(pattern("percents", "%[0-9]{2}[a-z%]+").max_len(9))
            .build()
            .expect("an engine")
    });
    &ENGINE
}

/// What the rules find in one view at one place.
struct Match {
    rule: usize,
    /// In that view.
    hit: Hit,
}

struct View<'t> {
    bytes: &'t [u8],
    /// Where the placeholder that was met last ends.
    skip: usize,
}

impl View<'_> {
    fn ask(&mut self, engine: &Engine, at: usize, seen: usize, last: bool, policy: &Policy) -> Option<Match> {
        let rules = &engine.inner().rules;
        let window = Window {
            bytes: &self.bytes[..seen],
            origin: 0,
            last,
        };
        if at < self.skip {
            return None;
        }
        if self.bytes[at] == b'['
            && let Placeholder::Of(length) = rules.placeholder_at(window.bytes, at)
        {
            self.skip = at + length;
            return None;
        }
        for (index, rule) in rules.iter().enumerate() {
            if policy.action(&rule.detector) == Action::Off || !rule.can_start(self.bytes[at]) {
                continue;
            }
            let mut scratch = Scratch::default();
            if let Verdict::Match(hit) = rule.verify(&window, at, &mut scratch) {
                return Some(Match { rule: index, hit });
            }
        }
        None
    }

    fn end(&self, run: Option<Run>, from: usize) -> usize {
        let rest = &self.bytes[from..];
        from + run.map_or(0, |mut run| run.advance(rest).unwrap_or(rest.len()))
    }
}

/// What should become of a text: everything is asked everywhere, in both views.
fn reference(engine: &Engine, bytes: &[u8], policy: &Policy) -> Vec<u8> {
    let rules = &engine.inner().rules;
    let mut folded = Folded::default();
    folded.take(bytes, true);
    let mut raw = View { bytes, skip: 0 };
    let mut other = View {
        bytes: &folded.bytes,
        skip: 0,
    };
    let (mut out, mut at, mut place) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let as_is = raw.ask(engine, at, bytes.len(), true, policy);
        let mut seen = None;
        while seen.is_none() && place < folded.bytes.len() && folded.start_of(place) == at {
            let most = at + rules.longest_original();
            let goes_on = bytes.len() > most;
            let count = if goes_on {
                folded.count_within(most)
            } else {
                folded.bytes.len()
            };
            seen = other.ask(engine, place, count.max(place), !goes_on, policy);
            place += 1;
        }
        let rule = match (&as_is, &seen) {
            (None, None) => {
                out.push(bytes[at]);
                at += 1;
                continue;
            }
            (Some(a), Some(b)) => a.rule.min(b.rule),
            (Some(one), None) | (None, Some(one)) => one.rule,
        };
        let of_rule = |found: &Match| found.rule == rule;
        let raw_end = as_is
            .filter(of_rule)
            .map(|found| raw.end(found.hit.run, found.hit.end));
        let folded_end = seen.filter(of_rule).map(|found| {
            let end = other.end(found.hit.run, found.hit.end);
            folded.end_before(end)
        });
        let end = raw_end
            .into_iter()
            .chain(folded_end)
            .max()
            .expect("one of them matched");
        let found = rules.get(rule);
        match policy.action(&found.detector) {
            Action::Block => return out,
            Action::Redact => out.extend_from_slice(found.placeholder.as_bytes()),
            _ => out.extend_from_slice(&bytes[at..end]),
        }
        (at, raw.skip, other.skip) = (end, 0, 0);
        place = folded.place_of(at);
    }
    out
}

fn check_stream(engine: &Engine, bytes: &[u8], cuts: &[usize], policy: &Policy, whole: &[u8]) {
    let mut scanner = engine.scanner(policy);
    let (mut out, mut from) = (Vec::new(), 0);
    for &to in cuts.iter().chain([&bytes.len()]) {
        let _ = scanner.push_bytes(&bytes[from..to], &mut out);
        assert!(scanner.held_bytes() <= engine.max_hold_back_bytes() || out == whole);
        from = to;
    }
    let _ = scanner.finish_bytes(&mut out);
    assert!(
        out == whole,
        "cut at {cuts:?}\n text {:?}\nwhole {:?}\n  got {:?}",
        String::from_utf8_lossy(bytes),
        String::from_utf8_lossy(whole),
        String::from_utf8_lossy(&out),
    );
}

fn check(engine: &Engine, bytes: &[u8], cuts: &[usize], policy: &Policy) {
    let whole = reference(engine, bytes, policy);
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(
            engine.redact(text, policy).text,
            String::from_utf8_lossy(&whole),
            "{text:?}"
        );
    }
    check_stream(engine, bytes, cuts, policy, &whole);
    let each_byte: Vec<usize> = (1..bytes.len()).collect();
    check_stream(engine, bytes, &each_byte, policy, &whole);
}

/// Values, and things that stand around them. Put together here, so that nobody takes this file for a leak.
fn values() -> Vec<String> {
    let mut values: Vec<String> = [
        "4111 1111 1111 1111",
        "378282246310005",
        "536-22-8726",
        "bob@example.com",
        "212-555-0123",
        "+44 20 7946 0958",
        "password=hunter2x",
        "Authorization: Bearer 9f8A7b6C5d4E3f2A1b0C",
        "postgres://bob:s3cr3t!pw@db.host/x",
        "EMP-123456",
        "TCK-1",
        "ABCDEFGH",
        "GB82 WEST 1234 5698 7654 32",
        "AKIAZQ3DRSTUVWXY2345",
        "my ssn is 536228726",
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    values.extend([
        format!("{}{}", "ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"),
        format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"),
        format!(
            "-----BEGIN RSA PRIVATE {}-----\nMIIB\nAg==\n-----END RSA PRIVATE KEY-----",
            "KEY"
        ),
        format!("password: \"{}\"", "aB3$".repeat(40)),
        format!("{}{}", "wJalrXUtnFEMI/K7MDENG/", "bPxRfiCY2pQ9zL7vTe"),
    ]);
    values
}

const AROUND: [&str; 27] = [
    "",
    " ",
    " and ",
    "é",
    "，",
    "：",
    "—",
    "%",
    "%4",
    "%25",
    "\\",
    "\\u",
    "\\u00",
    "\\n",
    "\u{200b}",
    "\u{200b}\u{ad}\u{200d}",
    "[REDACTED:email]",
    "[RED",
    "%5BREDACTED:email]",
    "４",
    "x",
    "5",
    "@",
    "\\ud835",
    "%41a%5BR%45DACTED:email]",
    "%41a%",
    "aws_secret_access_key=",
];

/// A value with one character in so many written otherwise.
fn disguised(value: &str, way: usize, every: usize, first: usize) -> String {
    let mut text = String::new();
    for (place, char) in value.chars().enumerate() {
        if !(place + first).is_multiple_of(every) {
            text.push(char);
            continue;
        }
        text += &disguise(char, way);
    }
    text
}

/// The ways to write a character otherwise.
const WAYS: usize = 12;

fn disguise(char: char, way: usize) -> String {
    let code = char as u32;
    let shifted = |by: u32| char::from_u32(code + by).expect("a character").to_string();
    match way {
        0 if char.is_ascii_graphic() => shifted(0xFEE0),
        1 => format!("\u{200b}{char}"),
        2 => format!("{char}\u{ad}\u{2060}"),
        3 if char.is_ascii() => format!("%{code:02X}"),
        4 => format!("\\u{code:04x}"),
        5 if char.is_ascii_digit() => shifted(0x0660 - 0x30),
        6 if char.is_ascii_digit() => shifted(0x1D7CE - 0x30),
        7 if char == ' ' => "\u{a0}".into(),
        7 if char == '-' => "\u{2011}".into(),
        8 if char.is_ascii_lowercase() => shifted(0x1D5EE - 0x61),
        9 if char.is_ascii_digit() => format!("\\ud835\\udf{:02x}", 0xCE + code - 0x30),
        10 if char.is_ascii_punctuation() => format!("%25{code:02x}"),
        11 => format!("\\\\u{code:04X}\u{e0041}"),
        _ => char.to_string(),
    }
}

#[test]
fn every_value_in_every_disguise_is_found_as_what_it_stands_for() {
    let engine = Engine::builder()
        .preset(Preset::Standard)
        .preset(Preset::European)
        .custom(CustomPattern::new("employee", r"\bEMP-[0-9]{6}\b").expect("a pattern"))
        .custom(CustomPattern::new("capitals", "[A-Z]{8}").expect("a pattern"))
        .build()
        .expect("an engine");
    let found = |text: &str| -> Vec<(String, String)> {
        let value = |hit: Finding| (hit.detector().to_string(), folded(&text[hit.span()]));
        engine.find_iter(text).map(value).collect()
    };
    for value in values() {
        let plain = found(&format!("so, {value}."));
        assert!(
            !plain.is_empty() || value.starts_with("TCK") || value.starts_with("wJal"),
            "{value}"
        );
        for way in 0..WAYS {
            for (every, first) in [(1, 0), (2, 0), (2, 1), (3, 1), (7, 5)] {
                let text = format!("so, {}.", disguised(&value, way, every, first));
                // What takes more than 1,280 bytes as it stands is let go.
                let too_long = value.len() > 128 && text.len() > 1_280;
                // As it stands, `bob%253as3cr3t!pw@db.host` is an address, and begins before the password.
                let covered = |value: &str| found(&text).iter().any(|(_, found)| found.contains(value));
                let all = plain.iter().all(|(_, value)| covered(value));
                let same = found(&text) == plain || (way == 10 && all);
                assert!(same || too_long, "{text}\n{:?}\n{plain:?}", found(&text));
            }
        }
    }
}

fn folded(text: &str) -> String {
    let mut folded = Folded::default();
    folded.take(text.as_bytes(), true);
    String::from_utf8_lossy(&folded.bytes).into_owned()
}

#[test]
fn every_disguise_cut_in_two_anywhere_gives_the_whole() {
    let engine = engine();
    let policy = Policy::redact_all();
    for (number, value) in values().into_iter().enumerate() {
        for way in 0..WAYS {
            let text = format!("a {} b", disguised(&value, way, 1 + (number + way) % 4, number));
            let whole = reference(engine, text.as_bytes(), &policy);
            assert_eq!(
                engine.redact(&text, &policy).text,
                String::from_utf8_lossy(&whole),
                "{text}"
            );
            for cut in (0..text.len()).step_by(1 + text.len() / 150) {
                check_stream(engine, text.as_bytes(), &[cut], &policy, &whole);
            }
        }
    }
}

fn texts() -> impl Strategy<Value = String> {
    let value = (
        prop::sample::select(values()),
        0..WAYS + 3,
        1..9_usize,
        0..9_usize,
        any::<prop::sample::Index>(),
    )
        .prop_map(|(value, way, every, first, part)| {
            let text = disguised(&value, way, every, first);
            // Now and then the beginning only.
            let mut end = text.len().min(part.index(4 * text.len()));
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text[..end].to_owned()
        });
    let around = prop::sample::select(AROUND.to_vec()).prop_map(str::to_owned);
    // What stands far behind still counts, and what stands further does not.
    let lengths = prop_oneof![0..3_usize, 60..280_usize, 800..900_usize];
    let filler = (
        prop::sample::select(vec!["and so on, ", "x", "４", ". "]),
        lengths,
    )
        .prop_map(|(filler, length)| filler.repeat(length.div_ceil(filler.len())));
    prop::collection::vec(prop_oneof![3 => value, 3 => around, 1 => filler], 1..10)
        .prop_map(|pieces| pieces.concat())
}

fn policies() -> impl Strategy<Value = Policy> {
    prop::sample::select(vec![
        Policy::redact_all(),
        Policy::redact_all(),
        Policy::redact_all()
            .with("email", Action::Warn)
            .with("phone", Action::Off)
            .with("us_ssn", Action::Block),
        Policy::all(Action::Off).with("api_secret", Action::Redact),
        Policy::all(Action::Off)
            .with("email", Action::Redact)
            .with("percents", Action::Redact),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(150), max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_disguised_text_cut_anyhow_gives_the_whole((text, cuts, policy) in texts().prop_flat_map(|text| {
        let length = text.len();
        (Just(text), prop::collection::btree_set(0..=length, 0..8), policies())
    })) {
        let cuts: Vec<usize> = cuts.into_iter().collect();
        check(engine(), text.as_bytes(), &cuts, &policy);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_matter((text, at, junk, policy) in texts().prop_flat_map(|text| {
        let length = text.len();
        (Just(text), 0..=length, prop::collection::vec(any::<u8>(), 1..4), policies())
    })) {
        let mut bytes = text.into_bytes();
        bytes.splice(at..at, junk);
        check(engine(), &bytes, &[at], &policy);
    }
}

#[test]
fn words_far_before_a_value_are_read_for_what_they_stand_for() {
    let engine = engine();
    let policy = Policy::redact_all();
    let secret = format!("{}{}", "wJalrXUtnFEMI/K7MDENG/", "bPxRfiCY2pQ9zL7vTe");
    let mut found = 0;
    for between in 0..260 {
        let text = format!("ＡＫＩＡZQ3DRSTUVWXY2345{} {secret} ", "-".repeat(between));
        let whole = reference(engine, text.as_bytes(), &policy);
        assert_eq!(
            engine.redact(&text, &policy).text,
            String::from_utf8_lossy(&whole),
            "{text}"
        );
        found += usize::from(!whole.ends_with(format!("{secret} ").as_bytes()));
        let each: Vec<usize> = (1..text.len()).collect();
        check_stream(engine, text.as_bytes(), &each, &policy, &whole);
    }
    assert!((100..250).contains(&found), "{found}");
}

#[test]
fn long_matches_in_long_disguises_are_bounded_alike_in_streams_and_wholes() {
    let engine = engine();
    let policy = Policy::redact_all();
    let ways: [fn(char) -> String; 3] = [
        |char| format!("\\u{:04x}", char as u32),
        |char| format!("{char}\u{e0041}\u{e0042}"),
        |char| format!("\u{200b}\\\\u{:04x}\u{200b}", char as u32),
    ];
    for way in ways {
        for labels in [9, 10, 11, 12, 13, 14, 15, 17, 20, 26] {
            let address = format!("bob@{}com", "example8.".repeat(labels));
            assert!(
                engine
                    .redact(&address, &policy)
                    .text
                    .starts_with("[REDACTED:email]"),
                "{address}"
            );
            let text = format!("a {} b", address.chars().map(way).collect::<String>());
            let whole = reference(engine, text.as_bytes(), &policy);
            assert_eq!(
                engine.redact(&text, &policy).text,
                String::from_utf8_lossy(&whole)
            );
            let each: Vec<usize> = (1..text.len()).collect();
            check_stream(engine, text.as_bytes(), &each, &policy, &whole);
            for cut in (0..text.len()).step_by(97) {
                check_stream(engine, text.as_bytes(), &[cut], &policy, &whole);
            }
        }
    }
}

/// The number of cases, or what the variable `PROPTEST_CASES` says.
#[allow(clippy::disallowed_methods, reason = "tests may ask their environment")]
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(usual)
}
