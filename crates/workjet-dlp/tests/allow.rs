//! What is allowed passes, in whole texts and streams alike.

use workjet_dlp::{Action, Allow, CustomPattern, Detector, Engine, EngineBuilder, Policy, Preset};

fn engine(allowed: impl IntoIterator<Item = Allow>) -> Engine {
    let builder = Engine::builder()
        .preset(Preset::Standard)
        .custom(CustomPattern::new("employee", r"\bEMP-[0-9]{6}\b").expect("a pattern"));
    let builder = allowed.into_iter().fold(builder, EngineBuilder::allow);
    builder.build().expect("an engine")
}

/// What a policy that redacts all leaves, the same in every piece size.
fn redact(engine: &Engine, text: &str) -> String {
    let policy = Policy::redact_all();
    let whole = engine.redact(text, &policy);
    for size in 1..9 {
        let mut scanner = engine.scanner(&policy);
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            let _ = scanner.push_bytes(piece, &mut out);
        }
        let mut findings = scanner.take_findings();
        let mut rest = String::new();
        let (_, more) = scanner.finish_with_findings(&mut rest);
        findings.extend(more);
        let streamed = String::from_utf8_lossy(&out).into_owned() + &rest;
        assert_eq!(
            (streamed.as_str(), &findings),
            (&*whole.text, &whole.findings),
            "pieces of {size}"
        );
    }
    assert_eq!(engine.find_iter(text).count(), whole.findings.len());
    whole.text.into_owned()
}

#[test]
fn an_allowed_value_passes_unreported_and_its_neighbours_do_not() {
    let engine = engine([
        Allow::exact("212-555-0123"),
        Allow::suffix("@example.com"),
        Allow::prefix("EMP-00"),
    ]);
    assert_eq!(
        redact(
            &engine,
            "212-555-0123, 212-555-0124; a@example.com b@example.org EMP-004711 EMP-114711"
        ),
        "212-555-0123, [REDACTED:phone]; a@example.com [REDACTED:email] EMP-004711 [REDACTED:employee]"
    );
}

#[test]
fn nothing_within_an_allowed_value_is_found_after_all() {
    let engine = engine([
        Allow::exact("+1 212-555-0123"),
        Allow::exact("4111 1111 1111 1111"),
    ]);
    let text = "+1 212-555-0123 and 4111 1111 1111 1111";
    assert_eq!(redact(&engine, text), text);
}

#[test]
fn a_value_is_allowed_for_one_detector_and_not_for_another() {
    let engine = engine([
        Allow::exact("536-22-8726").only(&Detector::EMAIL),
        Allow::prefix("4111").only(&Detector::CREDIT_CARD),
    ]);
    assert_eq!(
        redact(&engine, "536-22-8726 4111111111111111"),
        "[REDACTED:us_ssn] 4111111111111111"
    );
}

#[test]
fn a_token_without_a_longest_length_is_allowed_by_its_beginning_to_its_end() {
    let token = format!("{}{}", "sk_test_", "4eC39HqLyjWDarjtT1zdp7dc".repeat(40));
    let text = format!("use {token} or {}", token.replace("test", "live"));
    let by_prefix = engine([Allow::prefix("sk_test_")]);
    assert_eq!(
        redact(&by_prefix, &text),
        format!("use {token} or [REDACTED:api_secret]")
    );
    let by_value = engine([Allow::exact(&token), Allow::suffix("p7dc")]);
    assert_eq!(
        redact(&by_value, &text),
        "use [REDACTED:api_secret] or [REDACTED:api_secret]"
    );
}

#[test]
fn what_is_allowed_does_not_block_and_an_empty_value_allows_nothing() {
    let policy = Policy::redact_all().with("us_ssn", Action::Block);
    let allowing = engine([Allow::exact("536-22-8726")]);
    assert!(
        allowing
            .redact("my SSN is 536-22-8726.", &policy)
            .blocked
            .is_none()
    );
    let nothing = engine([Allow::prefix(""), Allow::suffix(""), Allow::exact("")]);
    assert_eq!(redact(&nothing, "bob@example.com"), "[REDACTED:email]");
}

#[test]
fn what_is_allowed_does_not_show_in_debug_output() {
    assert!(!format!("{:?}", Allow::exact("bob@example.com")).contains("bob"));
}
