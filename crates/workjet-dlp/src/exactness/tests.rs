//! All of it, on stable, in a few seconds.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::pieces::pieces;
use super::reference::reference;
use super::search::{check_gate, check_notes};
use super::setting::engine;
use super::stream::{check, check_stream};
use crate::gate::REACH;
use crate::{Engine, Policy, Preset};

#[test]
fn short_texts_cut_in_every_possible_way_give_the_whole() {
    let engine = engine();
    let policy = Policy::redact_all();
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
        let whole = reference(engine, text.as_bytes(), &policy);
        assert!(text.len() <= 13, "{text}");
        for mask in 0..1_u32 << (text.len() - 1) {
            let cuts: Vec<usize> = (1..text.len()).filter(|cut| mask >> (cut - 1) & 1 == 1).collect();
            check_stream(engine, text.as_bytes(), &cuts, &policy, &whole);
        }
    }
}

#[test]
fn every_piece_cut_in_two_anywhere_gives_the_whole() {
    let engine = engine();
    let policy = Policy::redact_all();
    for piece in pieces() {
        for text in [
            piece.clone(),
            format!("phone password: {piece} {piece}"),
            format!("x{piece}x"),
        ] {
            let whole = reference(engine, text.as_bytes(), &policy);
            for cut in 0..text.len() {
                check_stream(engine, text.as_bytes(), &[cut], &policy, &whole);
            }
        }
    }
}

#[test]
fn numbers_of_packs_cut_in_two_anywhere_give_the_whole() {
    let engine = Engine::builder()
        .preset(Preset::Standard)
        .preset(Preset::Health)
        .preset(Preset::European)
        .build()
        .expect("an engine");
    let policy = Policy::redact_all();
    for line in include_str!("../../testdata/packs.txt").lines() {
        let text: String = line.chars().filter(|char| !"⟦⟧".contains(*char)).collect();
        let whole = reference(&engine, text.as_bytes(), &policy);
        check_gate(&engine, text.as_bytes(), 0, true);
        check_gate(&engine, text.as_bytes(), 0, false);
        for cut in 0..text.len() {
            check_stream(&engine, text.as_bytes(), &[cut], &policy, &whole);
        }
        let each_byte: Vec<usize> = (1..text.len()).collect();
        check_stream(&engine, text.as_bytes(), &each_byte, &policy, &whole);
    }
}

static PIECES: LazyLock<Vec<String>> = LazyLock::new(pieces);

fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&**PIECES), 1..12).prop_map(|pieces| pieces.concat())
}

fn cuts(length: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::btree_set(0..=length, 0..12).prop_map(|cuts| cuts.into_iter().collect())
}

#[test]
fn the_gate_passes_every_piece_wherever_it_stands() {
    let engine = engine();
    for piece in pieces() {
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

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_cut_anyhow_gives_the_whole((text, cuts) in texts().prop_flat_map(|text| {
        let length = text.len();
        (Just(text), cuts(length))
    })) {
        check(engine(), text.as_bytes(), &cuts);
    }

    #[test]
    fn letters_of_any_script_give_the_whole((text, cuts) in (texts(), "\\PC{0,6}", texts(), "[a@.\\-é例😀]{0,12}")
        .prop_map(|(a, b, c, d)| [a, b, c, d].concat())
        .prop_flat_map(|text| {
            let length = text.len();
            (Just(text), cuts(length))
        })) {
        check(engine(), text.as_bytes(), &cuts);
    }

    #[test]
    fn bytes_that_are_no_text_pass_and_separate((text, at, junk, cuts) in texts().prop_flat_map(|text| {
        let length = text.len();
        (Just(text), 0..=length, prop::collection::vec(any::<u8>(), 1..5), cuts(length))
    })) {
        let mut bytes = text.into_bytes();
        bytes.splice(at..at, junk);
        check(engine(), &bytes, &cuts);
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
        check_notes(engine(), &bytes, true);
        check_notes(engine(), &bytes, false);
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
            check_gate(engine(), &bytes, from, true);
            check_gate(engine(), &bytes, from, false);
        }
    }

    #[test]
    fn a_text_with_one_character_changed_gives_the_whole((mut text, at, byte) in texts().prop_flat_map(|text| {
        let length = text.len();
        (Just(text), 0..length, prop::sample::select(b"0149 -.@:=\"'_aAxe/()+".to_vec()))
    })) {
        if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
            text.replace_range(at..=at, &char::from(byte).to_string());
        }
        check(engine(), text.as_bytes(), &[at]);
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
