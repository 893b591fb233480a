//! All of it on stable, in a few seconds. `cargo xtask exactness` is the long run.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::case::{Case, Mistake};
use super::cuts::{all_cuts, cuts};
use super::dice::Dice;
use super::grammar;
use super::pieces::PIECES;
use super::reference::reference;
use super::search::{check_gate, check_notes};
use super::setting::Setting;
use super::targets;
use crate::gate::REACH;
use crate::rules::samples::{KINDS, Kind};
use crate::{Action, Policy};

static FULL: LazyLock<Setting> = LazyLock::new(Setting::full);

fn expect<T>(result: Result<T, Mistake>) -> T {
    result.unwrap_or_else(|mistake| panic!("{mistake}"))
}

/// The whole, every cut in two, and byte by byte.
fn check(setting: &Setting, text: &[u8], policy: &Policy) {
    let case = expect(Case::new(setting, text, policy).with_minimality());
    expect(case.check_whole());
    let each_byte: Vec<usize> = (1..text.len()).collect();
    expect(case.check_cut(&each_byte));
    for cut in 0..text.len() {
        expect(case.check_cut(&[cut]));
    }
}

#[test]
fn short_texts_cut_in_every_possible_way_give_the_whole() {
    let setting = &*FULL;
    let texts = [
        "a@b.cd x",
        "é@ü.de.",
        " a@b.c-d.",
        "536-22-8726",
        "5 536228726",
        "EMP-123456",
        "EMP-1234567",
        "xEMP-123456",
        "TCK-12",
        "TCK-1 TCK-2",
        "pw=ab12!x y",
        "://u:p@h",
        "pwd: 'a1b2c3",
        "[REDACTED:",
        "+3281234567",
        "02-39-4",
        "fooé",
        "foo baré",
        "-----BEGI",
        "\u{20ac}5 ",
    ];
    for text in texts {
        let policy = Policy::redact_all();
        let case = expect(Case::new(setting, text.as_bytes(), &policy).with_minimality());
        let places: Vec<usize> = (1..text.len()).collect();
        for cuts in all_cuts(&places) {
            expect(case.check_cut(&cuts));
        }
    }
}

#[test]
fn short_texts_of_near_misses_cut_in_every_possible_way_give_the_whole() {
    for seed in 0..60 {
        let mut dice = Dice::seeded(seed);
        let random = (seed % 4 == 0).then(|| Setting::random(&mut dice));
        let setting = random.as_ref().unwrap_or(&FULL);
        let text = grammar::short_text(&mut dice, &setting.patterns, 10);
        let policy = setting.policy(&mut dice);
        let case = expect(Case::new(setting, &text, &policy).with_minimality());
        expect(case.check_whole());
        let places: Vec<usize> = (1..text.len()).collect();
        for cuts in all_cuts(&places) {
            expect(case.check_cut(&cuts));
        }
    }
}

#[test]
fn longer_texts_cut_in_every_way_at_some_places_give_the_whole() {
    for seed in 0..40 {
        let mut dice = Dice::seeded(1_000 + seed);
        let text = grammar::text(&mut dice, &FULL.patterns);
        let policy = FULL.policy(&mut dice);
        let case = expect(Case::new(&FULL, &text, &policy).with_minimality());
        let mut places: Vec<usize> = (0..7).map(|_| dice.between(0, text.len())).collect();
        places.sort_unstable();
        for cuts in all_cuts(&places) {
            expect(case.check_cut(&cuts));
            expect(case.check_disguised(&cuts));
        }
    }
}

#[test]
fn every_piece_cut_in_two_anywhere_gives_the_whole() {
    let setting = &*FULL;
    for piece in &*PIECES {
        for text in [
            piece.clone(),
            format!("phone password: {piece} {piece}"),
            format!("x{piece}x"),
        ] {
            check(setting, text.as_bytes(), &Policy::redact_all());
        }
    }
}

#[test]
fn a_value_of_every_row_cut_in_two_anywhere_gives_the_whole() {
    let setting = &*FULL;
    for kind in KINDS {
        for row in 0..kind.rows {
            let sample = kind.of_row(row, &mut Dice::seeded(row as u64));
            let text = format!("{}{} ", sample.announced, sample.value);
            check(setting, text.as_bytes(), &Policy::redact_all());
        }
    }
}

#[test]
fn every_rule_has_values_that_it_finds_and_a_shape() {
    let setting = &*FULL;
    let shapes = super::shapes::shapes();
    for (detector, finds) in setting.engine.rules() {
        if finds == "a custom pattern" {
            continue;
        }
        assert!(
            shapes.iter().any(|shape| shape.rule == finds),
            "{finds} has no shape"
        );
        let kinds: Vec<_> = KINDS.iter().filter(|kind| kind.rule == finds).collect();
        let policy = Policy::all(Action::Off).with(detector, Action::Redact);
        let finds_row = |kind: &Kind, row: usize, seed: u64| {
            let sample = kind.of_row(row, &mut Dice::seeded(seed));
            let text = format!("{}{} ", sample.announced, sample.value);
            let decided = reference(setting, text.as_bytes(), &policy);
            decided
                .matches
                .iter()
                .any(|hit| hit.start == sample.announced.len())
        };
        assert!(!kinds.is_empty(), "{finds} has no values");
        for kind in kinds {
            for row in 0..kind.rows {
                // A value made at random may look like a word or a date.
                let found = (0..30).any(|seed| finds_row(kind, row, seed));
                assert!(found, "row {row} of {finds}");
            }
        }
    }
}

#[test]
fn the_gate_passes_every_piece_wherever_it_stands() {
    let engine = &FULL.engine;
    for piece in &*PIECES {
        for before in [
            "",
            " ",
            "x",
            "\\n",
            "password: ",
            "api_key=\"",
            "secret = \\\"",
            "0",
        ] {
            for filler in [0, 40, 1_000] {
                let text = format!("{}{before}{piece} {piece}", "and so on, ".repeat(filler / 11));
                check_gate(engine, text.as_bytes(), 0, true);
                check_gate(engine, text.as_bytes(), text.len() / 3, true);
                let text = format!("{text}{}", "-and so on".repeat(REACH / 10));
                check_gate(engine, text.as_bytes(), 0, false);
            }
        }
    }
}

/// Bytes that choose a text, so that a failure can be made smaller.
fn choices() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..160)
}

/// JSON, and what nearly is: the pieces of documents and of texts.
#[cfg(feature = "json")]
fn json_like() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: [&str; 24] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"password\":",
        "\\",
        "\\n",
        "\\u0040",
        "\\ud83d",
        "\\ude00",
        "null",
        "true",
        "1",
        "-0.5e9",
        "4111111111111111",
        "bob@example.com",
        " ",
        "\n",
        "[[[[",
        "]]]]",
    ];
    let part = prop::sample::select(PARTS.to_vec()).prop_map(str::to_owned);
    let string = || texts().prop_map(|text| serde_json::Value::from(text).to_string());
    let document =
        (string(), string()).prop_map(|(key, value)| format!("{{{key}:[{value},1,{{\"b\":{value}}}]}}"));
    let parts = prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat());
    prop_oneof![document, parts].prop_map(String::into_bytes)
}

fn texts() -> impl Strategy<Value = String> {
    choices().prop_map(|choices| {
        let text = grammar::text(&mut Dice::of_bytes(&choices), &FULL.patterns);
        String::from_utf8_lossy(&text).into_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), max_shrink_iters: 300, failure_persistence: None, rng_seed: RngSeed::Fixed(4), ..ProptestConfig::default() })]

    #[test]
    fn any_text_cut_anyhow_gives_the_whole(choices in choices()) {
        let setting = &*FULL;
        let mut dice = Dice::of_bytes(&choices);
        let text = grammar::text(&mut dice, &setting.patterns);
        let policy = setting.policy(&mut dice);
        let case = expect(Case::new(setting, &text, &policy).with_minimality());
        expect(case.check_whole());
        for _ in 0..4 {
            expect(case.check_cut(&cuts(&mut dice, text.len())));
        }
        let each_byte: Vec<usize> = (1..text.len()).collect();
        expect(case.check_cut(&each_byte));
    }

    #[test]
    fn fuzz_targets_find_nothing_wrong(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        targets::split_anywhere(&bytes);
        targets::reference_agrees(&bytes);
        targets::no_panic(&bytes);
    }

    #[cfg(feature = "json")]
    #[test]
    fn the_fuzz_target_for_json_finds_nothing_wrong(bytes in json_like()) {
        targets::json_roundtrip(&bytes);
    }

    #[test]
    fn what_rules_have_noted_changes_no_answer((text, at, junk) in (texts(), "[a@.\\-é/+=]{0,90}", texts())
        .prop_map(|(a, b, c)| [a, b, c].concat())
        .prop_flat_map(|text| {
            let length = text.len();
            (Just(text), 0..=length, prop::collection::vec(any::<u8>(), 0..3))
        })) {
        let mut bytes = text.into_bytes();
        bytes.splice(at..at, junk);
        check_notes(&FULL.engine, &bytes, true);
        check_notes(&FULL.engine, &bytes, false);
    }

    #[test]
    fn the_gate_skips_nothing((text, from, junk) in (texts(), "[a@.\\-é/+=\\[ 0-9:]{0,90}", texts(), 0..200_usize)
        .prop_map(|(a, b, c, filler)| [&a, &*"and so, ".repeat(filler), &b, &c].concat())
        .prop_flat_map(|text| {
            let length = text.len();
            (Just(text), 0..=length, prop::collection::vec(any::<u8>(), 0..3))
        })) {
        let mut bytes = text.into_bytes();
        bytes.splice(from..from, junk);
        for from in [0, from] {
            check_gate(&FULL.engine, &bytes, from, true);
            check_gate(&FULL.engine, &bytes, from, false);
        }
    }
}

/// The number of cases, or what the variable `PROPTEST_CASES` says: `PROPTEST_CASES=1000000 cargo test --release -p workjet-dlp`
/// is the long run.
#[allow(clippy::disallowed_methods, reason = "tests may ask their environment")]
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(usual)
}
