//! How a stream behaves towards the reader: what leaves when, and what stops it.

use workjet_dlp::{Action, CustomPattern, Detector, Engine, Flow, Policy, Preset, Scanner};

/// Pushes pieces of `size` bytes, as many characters as fit, and returns what came out.
fn stream(mut scanner: Scanner, text: &str, size: usize) -> String {
    let mut out = String::new();
    for piece in pieces(text, size) {
        assert_eq!(scanner.push(piece, &mut out), Flow::Continue);
    }
    assert_eq!(scanner.finish(&mut out), Flow::Continue);
    out
}

fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let cut = (size.max(1)..=rest.len())
            .find(|cut| rest.is_char_boundary(*cut))
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

const ENGLISH: &str = "It was the best of times, it was the worst of times; it was the age of wisdom, said Mr. O'Neill \
    (who had 3 daughters and 12 acres), and at half-past ten - or 10:45 - the well-known doctor wasn't sure: \"Who pays?\" \
    In 1859 the price rose by 4.5%, from $1,200 to $1,254. See chapters 3-5, pp. 40-62. The secret is: nobody knows. ";

#[test]
fn engines_and_scanners_may_cross_threads() {
    fn crosses<T: Clone + Send + Sync + 'static>() {}
    fn moves<T: Send + 'static>() {}
    crosses::<Engine>();
    crosses::<Policy>();
    moves::<Scanner>();
}

#[test]
fn english_leaves_within_a_few_bytes_of_its_arrival() {
    let engine = Engine::standard();
    let text = ENGLISH.repeat(3);
    for size in 1..=8 {
        let mut scanner = engine.scanner(&Policy::redact_all());
        let mut out = String::new();
        let mut held = Vec::new();
        for piece in pieces(&text, size) {
            let _ = scanner.push(piece, &mut out);
            held.push(scanner.held_bytes());
        }
        held.sort_unstable();
        let mean = held.iter().sum::<usize>() as f64 / held.len() as f64;
        assert!(mean <= 4.0, "mean {mean} with pieces of {size}");
        assert!(held[held.len() * 99 / 100] <= 16, "{held:?}");
        let _ = scanner.finish(&mut out);
        assert_eq!(out, text);
    }
}

#[test]
fn nothing_is_held_longer_than_the_bound_says() {
    let engine = Engine::standard();
    // What stands for something else takes up to four times as much.
    assert!(engine.max_hold_back_bytes() <= 4 * 320);
    let long = "a".repeat(64);
    let texts = [
        "0".repeat(2_000),
        "4 1 1 1 ".repeat(200),
        format!("{}@{}", long, "b.".repeat(500)),
        format!("{}@{}", long, format!("{}.", "c".repeat(63)).repeat(9)),
        format!("password: \"{}", "aB3$".repeat(500)),
        format!("Authorization: Bearer {}", "aB3_".repeat(500)),
        format!("eyJ{}", "hbGc".repeat(500)),
        format!("-----BEGIN {}", "A".repeat(500)),
        format!("https://u:{}", "x".repeat(500)),
        "+49 ".repeat(200),
        "(0)".repeat(200),
        "[REDACTED:".repeat(50),
        "é".repeat(600),
    ];
    for text in texts {
        let mut scanner = engine.scanner(&Policy::redact_all());
        let mut out = String::new();
        for piece in pieces(&text, 1) {
            let _ = scanner.push(piece, &mut out);
            assert!(
                scanner.held_bytes() <= engine.max_hold_back_bytes() / 4,
                "{} of {text:.40}",
                scanner.held_bytes()
            );
        }
    }
}

#[test]
fn a_private_key_is_announced_at_its_header_and_swallowed_to_its_end() {
    let mut scanner = Engine::standard().scanner(&Policy::redact_all());
    let mut out = String::new();
    let _ = scanner.push(
        &format!("key:\n-----BEGIN RSA PRIVATE {}-----\n", "KEY"),
        &mut out,
    );
    assert_eq!(
        out, "key:\n[REDACTED:api_secret]",
        "the header and its line end prove it"
    );
    for _ in 0..1_000 {
        let _ = scanner.push("\nMIIEowIBAAKCAQEA", &mut out);
        assert_eq!(scanner.held_bytes(), 0);
    }
    let _ = scanner.push("\n-----END RSA PRIVATE KEY-----\nbye", &mut out);
    let _ = scanner.finish(&mut out);
    assert_eq!(out, "key:\n[REDACTED:api_secret]\nbye");
}

#[test]
fn a_finding_is_reported_once_with_its_place_in_the_stream() {
    let text = format!(
        "{} 😀 mail bob@example.com or call 212-555-0123.",
        "x ".repeat(3_000)
    );
    let engine = Engine::standard();
    let whole = engine.redact(&text, &Policy::redact_all()).findings;
    for size in [1, 7, 4_096] {
        let mut scanner = engine.scanner(&Policy::redact_all());
        let mut out = String::new();
        let mut found = Vec::new();
        for piece in pieces(&text, size) {
            let _ = scanner.push(piece, &mut out);
            found.extend(scanner.take_findings());
        }
        let (_, rest) = scanner.finish_with_findings(&mut out);
        found.extend(rest);
        assert_eq!(found, whole);
    }
    assert_eq!(&text[whole[0].span()], "bob@example.com");
    let utf16: Vec<u16> = text.encode_utf16().collect();
    assert_eq!(
        String::from_utf16_lossy(&utf16[whole[1].utf16_span()]),
        "212-555-0123"
    );
}

#[test]
fn block_ends_the_stream_where_the_finding_starts() {
    let engine = Engine::standard();
    let policy = Policy::redact_all().with("us_ssn", Action::Block);
    let mut scanner = engine.scanner(&policy);
    let mut out = String::new();
    let mut flows = Vec::new();
    for piece in pieces("bob@example.com has 536-22-8726, he says", 5) {
        flows.push(scanner.push(piece, &mut out));
    }
    assert_eq!(out, "[REDACTED:email] has ");
    let last = flows
        .last()
        .and_then(Flow::blocked)
        .expect("blocked, and it stays so");
    assert_eq!(
        (last.detector(), last.span(), last.action()),
        (&Detector::US_SSN, 20..31, Action::Block)
    );
    let whole = engine.redact("bob@example.com has 536-22-8726, he says", &policy);
    assert_eq!(
        (whole.text.as_ref(), whole.blocked.as_ref()),
        (out.as_str(), Some(last))
    );
}

#[test]
fn warn_passes_and_reports_and_off_hides_nothing() {
    let engine = Engine::standard();
    let text = "2125550123@example.com";
    let warned = engine.redact(text, &Policy::all(Action::Warn));
    assert_eq!(warned.text, text);
    assert_eq!(warned.findings[0].action(), Action::Warn);
    let policy = Policy::redact_all().with("email", Action::Off);
    assert!(engine.redact("bob@example.com", &policy).findings.is_empty());
}

#[test]
fn words_released_long_ago_still_count() {
    let engine = Engine::standard();
    for gap in [1, 20, 40] {
        let text = format!("the social security number{}536228726.", " ".repeat(gap));
        let expected = format!("the social security number{}[REDACTED:us_ssn].", " ".repeat(gap));
        assert_eq!(stream(engine.scanner(&Policy::redact_all()), &text, 1), expected);
    }
}

#[test]
fn a_stream_under_a_key_takes_the_key_for_the_words_before() {
    let engine = Engine::standard();
    assert_eq!(
        stream(
            engine.scanner_under_key("password", &Policy::redact_all()),
            "hunter2x",
            3
        ),
        "[REDACTED:api_secret]"
    );
    assert_eq!(
        stream(
            engine.scanner_under_key("colour", &Policy::redact_all()),
            "hunter2x",
            3
        ),
        "hunter2x"
    );
    let redacted = engine.redact_under_key("userSsn", "536228726", &Policy::redact_all());
    assert_eq!(redacted.text, "[REDACTED:us_ssn]");
    assert_eq!(
        redacted.findings[0].span(),
        0..9,
        "the key is no part of the text"
    );
}

#[test]
fn bytes_that_are_not_text_pass_unchanged() {
    let engine = Engine::standard();
    let mut scanner = engine.scanner(&Policy::redact_all());
    let mut out = Vec::new();
    for piece in [
        &b"\xFF\xFEbob@exam"[..],
        b"ple.com\xC3",
        b"\x28 5",
        b"36-22-8726\x80",
    ] {
        let _ = scanner.push_bytes(piece, &mut out);
    }
    let _ = scanner.finish_bytes(&mut out);
    assert_eq!(out, b"\xFF\xFE[REDACTED:email]\xC3\x28 [REDACTED:us_ssn]\x80");
    assert_eq!(engine.find_iter_bytes(b"\xF0\x9Fbob@example.com").count(), 1);
}

#[test]
fn a_custom_pattern_is_held_no_longer_than_it_may_match() {
    let pattern = CustomPattern::new("employee_id", r"EMP-[0-9]{6}").expect("a pattern");
    let alone = Engine::builder()
        .custom(pattern.clone())
        .build()
        .expect("an engine");
    let mut scanner = alone.scanner(&Policy::redact_all());
    let mut out = String::new();
    let _ = scanner.push("id EMP-12345", &mut out);
    assert_eq!(out, "id ");
    let _ = scanner.push("6", &mut out);
    assert_eq!(out, "id [REDACTED:employee_id]", "nothing after it could matter");

    let beside = Engine::builder()
        .preset(Preset::Standard)
        .custom(pattern)
        .build()
        .expect("an engine");
    let mut scanner = beside.scanner(&Policy::redact_all());
    let mut out = String::new();
    let _ = scanner.push("id EMP-123456", &mut out);
    assert_eq!(out, "id ", "it could still be the beginning of an address");
    let _ = scanner.push(" ", &mut out);
    assert_eq!(out, "id [REDACTED:employee_id] ");
}

#[test]
fn neither_text_nor_matches_show_in_debug_output() {
    let engine = Engine::standard();
    let mut scanner = engine.scanner(&Policy::redact_all());
    let mut out = String::new();
    let _ = scanner.push("bob@example.com", &mut out);
    let redacted = engine.redact("bob@example.com and the rest", &Policy::all(Action::Warn));
    let shown = format!(
        "{scanner:?} {redacted:?} {:?} {engine:?}",
        engine.find_iter("bob@example.com")
    );
    assert!(!shown.contains("bob") && !shown.contains("rest"), "{shown}");
}
