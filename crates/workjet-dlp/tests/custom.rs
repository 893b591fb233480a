//! Patterns of the user's own: what is accepted, and that they mean what the `regex` crate says.

use proptest::prelude::*;
use workjet_dlp::{CustomPattern, Engine, ErrorKind, Policy, Preset};

fn refusal(name: &str, pattern: &str) -> ErrorKind {
    let build = |pattern: CustomPattern| Engine::builder().custom(pattern).build();
    CustomPattern::new(name, pattern)
        .and_then(build)
        .expect_err("refused")
        .kind()
}

#[test]
fn what_cannot_be_honoured_is_refused_with_the_reason() {
    assert_eq!(refusal("x", "a*"), ErrorKind::EmptyMatch);
    assert_eq!(refusal("x", r"\b"), ErrorKind::EmptyMatch);
    assert_eq!(refusal("x", "[a&&b]"), ErrorKind::EmptyMatch);
    assert_eq!(refusal("x", "(a"), ErrorKind::Syntax);
    assert_eq!(refusal("x", r"(?<=a)b"), ErrorKind::Syntax);
    assert_eq!(refusal("x", r"(a)\1"), ErrorKind::Syntax);
    assert_eq!(refusal("x", "EMP-[0-9]+"), ErrorKind::Unbounded);
    assert_eq!(refusal("x", "a{5000}"), ErrorKind::Unbounded);
    assert_eq!(refusal("x", r"(?:\w{8}){60}"), ErrorKind::TooLarge);
    for name in ["", "Employee", "employee id", "1st", "e-mail", &"x".repeat(65)] {
        assert_eq!(refusal(name, "a"), ErrorKind::Name, "{name}");
    }
    assert_eq!(refusal("email", "a"), ErrorKind::DuplicateName);
    let pattern = CustomPattern::new("twice", "a").expect("a pattern");
    let twice = Engine::builder().custom(pattern.clone()).custom(pattern);
    let error = twice.build().expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::DuplicateName);
    assert!(error.to_string().contains("twice"));
}

#[test]
fn a_declared_length_bounds_a_pattern_without_one() {
    let pattern = CustomPattern::new("x", "EMP-[0-9]+").expect("a pattern");
    for length in [0, 5_000] {
        let refused = Engine::builder()
            .custom(pattern.clone().max_len(length))
            .build()
            .expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::Unbounded);
    }
    let engine = Engine::builder()
        .custom(pattern.max_len(8))
        .build()
        .expect("an engine");
    assert_eq!(
        engine.redact("EMP-123 EMP-12345", &Policy::redact_all()).text,
        "[REDACTED:x] [REDACTED:x]5"
    );
    assert!(engine.max_hold_back_bytes() < 4 * 64);
}

#[test]
fn unicode_word_boundaries_are_honoured() {
    let pattern = CustomPattern::new("x", r"\bcafe\b").expect("a pattern");
    let engine = Engine::builder().custom(pattern).build().expect("an engine");
    assert_eq!(
        engine.redact("cafe écafe cafeé", &Policy::redact_all()).text,
        "[REDACTED:x] écafe cafeé"
    );
}

#[test]
fn at_one_start_a_built_in_rule_goes_first_and_then_the_order_given() {
    let pattern = |name, pattern| CustomPattern::new(name, pattern).expect("a pattern");
    let builder = Engine::builder().preset(Preset::Standard);
    let engine = builder
        .custom(pattern("first", "b[a-z]{2}"))
        .custom(pattern("second", "b[a-z]{3}"))
        .build()
        .expect("an engine");
    assert_eq!(
        engine.redact("bob@example.com boob", &Policy::redact_all()).text,
        "[REDACTED:email] [REDACTED:first]b"
    );
    let names: Vec<&str> = engine.detectors().map(workjet_dlp::Detector::as_str).collect();
    assert_eq!(
        names,
        [
            "credit_card",
            "us_ssn",
            "email",
            "phone",
            "aws_key",
            "api_secret",
            "first",
            "second"
        ]
    );
    assert_eq!(
        engine.rules().last().map(|(_, finds)| finds),
        Some("values of secret-sounding names")
    );
}

#[test]
fn the_start_of_a_value_is_the_start_of_the_text_even_under_a_key() {
    let pattern = CustomPattern::new("x", "^ab").expect("a pattern");
    let engine = Engine::builder().custom(pattern).build().expect("an engine");
    let redacted = engine.redact_under_key("password", "ab ab", &Policy::redact_all());
    assert_eq!(redacted.text, "[REDACTED:x] ab");
}

/// Patterns made of parts that overlap, prefer short or long matches, and look around.
fn patterns() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a",
        "b",
        "[ab]",
        "(?:a|ab)",
        "(?:ab|a)",
        "a??",
        "b?",
        "[ab]{1,3}",
        "[ab]{1,3}?",
        "é",
        ".",
        r"\b",
        r"\B",
        "$",
        "^",
        "(?m:^)",
        "(?m:$)",
        r"\w",
        "(?i:A)",
        r"(?-u:\b)",
        r"\b{start}",
        r"\b{end-half}",
    ]);
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pattern_finds_what_the_regex_crate_finds(pattern in patterns(), text in "[abé \n]{0,12}") {
        let Ok(custom) = CustomPattern::new("x", &pattern) else { return Ok(()) };
        let engine = Engine::builder().custom(custom).build().expect("short patterns are bounded");
        let regex = regex::Regex::new(&pattern).expect("the same syntax");
        let found: Vec<_> = engine.find_iter(&text).map(|hit| hit.span()).collect();
        let expected: Vec<_> = regex.find_iter(&text).map(|hit| hit.range()).collect();
        prop_assert_eq!(&found, &expected);

        let whole = engine.redact(&text, &Policy::redact_all()).text;
        let mut scanner = engine.scanner(&Policy::redact_all());
        let mut out = String::new();
        for char in text.chars() {
            let _ = scanner.push(char.encode_utf8(&mut [0; 4]), &mut out);
        }
        let _ = scanner.finish(&mut out);
        prop_assert_eq!(out.as_str(), whole.as_ref());
    }
}
