//! Input that nobody means well with: nothing panics, everything ends, and little is kept.

use workjet_dlp::{Action, CustomPattern, Engine, ErrorKind, Flow, Policy, Preset};

/// Streams a text of so many bytes, all of it in memory only once, and returns how much came out and the most that was held.
fn stream(engine: &Engine, unit: &str, length: usize) -> (usize, usize) {
    let mut scanner = engine.scanner(&Policy::redact_all());
    let (mut out, mut count, mut most) = (String::new(), 0, 0);
    let piece = unit.repeat(1 + 16_384 / unit.len());
    for _ in 0..length / piece.len() {
        let _ = scanner.push(&piece, &mut out);
        most = most.max(scanner.held_bytes());
        count += out.len();
        out.clear();
        let _ = scanner.take_findings();
    }
    let _ = scanner.finish(&mut out);
    (count + out.len(), most)
}

#[test]
fn ten_megabytes_of_anything_leave_while_they_arrive() {
    let engine = Engine::standard();
    // Without optimisation a megabyte takes as long as ten with it.
    let length = if cfg!(debug_assertions) {
        1_000_000
    } else {
        10_000_000
    };
    for unit in [
        "1",
        "@",
        "a.",
        "a@",
        "\0",
        "%34",
        "\\u0034",
        "4111 ",
        "é",
        "password=",
        "Aa0",
    ] {
        let (count, most) = stream(&engine, unit, length);
        assert!(most <= engine.max_hold_back_bytes(), "{most} of {unit:?}");
        assert!(count > 0, "{unit:?}");
    }
}

#[test]
fn bytes_that_are_no_utf8_pass_and_hide_nothing() {
    let engine = Engine::standard();
    for junk in [
        &b"\xFF"[..],
        b"\xC3",
        b"\xE2\x82",
        b"\xF0\x9F\x98",
        b"\x80\x80",
        b"\xC0\x80",
        b"\xED\xA0\x80",
        b"\xF5\x80\x80\x80",
    ] {
        let bytes = [junk, b" bob@example.com ", junk].concat();
        let mut scanner = engine.scanner(&Policy::redact_all());
        let mut out = Vec::new();
        for byte in &bytes {
            let _ = scanner.push_bytes(&[*byte], &mut out);
        }
        let _ = scanner.finish_bytes(&mut out);
        assert_eq!(out, [junk, b" [REDACTED:email] ", junk].concat());
    }
}

#[test]
fn a_nul_is_a_character_like_another() {
    let engine = Engine::standard();
    let text = "a\0bob@example.com\0\x00536-22-8726\0";
    assert_eq!(
        engine.redact(text, &Policy::redact_all()).text,
        "a\0[REDACTED:email]\0\0[REDACTED:us_ssn]\0"
    );
    assert_eq!(engine.redact("\0", &Policy::redact_all()).text, "\0");
}

#[test]
fn empty_and_one_byte_pieces_are_pieces() {
    let engine = Engine::standard();
    let mut scanner = engine.scanner(&Policy::redact_all());
    let mut out = String::new();
    for char in "ask bob@example.com".chars() {
        assert_eq!(scanner.push("", &mut out), Flow::Continue);
        assert_eq!(
            scanner.push(char.encode_utf8(&mut [0; 4]), &mut out),
            Flow::Continue
        );
        assert_eq!(scanner.push("", &mut out), Flow::Continue);
    }
    assert_eq!(scanner.finish(&mut out), Flow::Continue);
    assert_eq!(out, "ask [REDACTED:email]");
    let mut out = String::new();
    assert_eq!(
        engine.scanner(&Policy::redact_all()).finish(&mut out),
        Flow::Continue
    );
    assert_eq!(
        (out.as_str(), &*engine.redact("", &Policy::redact_all()).text),
        ("", "")
    );
    assert_eq!(engine.find_iter("").count(), 0);
}

#[test]
fn a_stream_that_was_blocked_lets_nothing_more_out() {
    let engine = Engine::standard();
    let mut scanner = engine.scanner(&Policy::all(Action::Block));
    let mut out = String::new();
    assert!(scanner.push("a bob@example.com b", &mut out).blocked().is_some());
    for _ in 0..3 {
        assert!(scanner.push("more", &mut out).blocked().is_some());
    }
    assert!(scanner.finish(&mut out).blocked().is_some());
    assert_eq!(out, "a ");
}

#[test]
fn patterns_that_cannot_be_honoured_say_why() {
    let refusal = |pattern: CustomPattern| {
        let built = Engine::builder().preset(Preset::Standard).custom(pattern).build();
        built.expect_err("refused")
    };
    let over_budget = refusal(CustomPattern::new("big", r"(?:\w{8}){60}").expect("a pattern"));
    assert_eq!(over_budget.kind(), ErrorKind::TooLarge);
    assert!(over_budget.to_string().contains("1 MB"), "{over_budget}");
    let unbounded = refusal(CustomPattern::new("long", "EMP-[0-9]+").expect("a pattern"));
    assert_eq!(unbounded.kind(), ErrorKind::Unbounded);
    assert!(unbounded.to_string().contains("max_len"), "{unbounded}");
    let taken = refusal(CustomPattern::new("email", "x").expect("a pattern"));
    assert_eq!(taken.kind(), ErrorKind::DuplicateName);
    assert!(taken.to_string().contains("email"), "{taken}");
    let empty = CustomPattern::new("empty", "x*").expect_err("refused");
    assert_eq!(empty.kind(), ErrorKind::EmptyMatch);
    assert!(empty.to_string().contains("empty text"), "{empty}");
}

#[test]
fn patterns_that_ruin_other_engines_end() {
    let length = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
    for (pattern, unit) in [
        (r"(?:a|a)*b", "a"),
        (r"(?:a*)*b", "a"),
        (r"(?:a?){20}a{20}", "a"),
        (r"(?:x+x+)+y", "x"),
        (r"(?:.*,){9}P", "1,2,"),
    ] {
        let pattern = CustomPattern::new("x", pattern).expect("a pattern").max_len(64);
        let engine = Engine::builder().custom(pattern).build().expect("an engine");
        let (_, most) = stream(&engine, unit, length);
        assert!(most <= engine.max_hold_back_bytes());
    }
}

#[cfg(feature = "json")]
mod json {
    use super::*;
    use workjet_dlp::Shape;

    #[test]
    fn lone_surrogates_hide_nothing() {
        let engine = Engine::standard();
        let json = br#"{"a":"\ud83d bob@example.com \ude00"}"#;
        let scanned = engine
            .scan_json(json, &Shape::Any, &Policy::redact_all())
            .expect("JSON");
        assert_eq!(&*scanned.json, br#"{"a":"\ud83d [REDACTED:email] \ude00"}"#);
    }

    #[test]
    fn deep_documents_are_refused_or_reported_and_do_not_exhaust_the_stack() {
        let engine = Engine::standard();
        for depth in [100, 10_000, 1_000_000] {
            let json = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            if let Ok(scanned) = engine.scan_json(json.as_bytes(), &Shape::Any, &Policy::redact_all()) {
                assert!(depth <= 192 || !scanned.report.unscannable.is_empty(), "{depth}");
            }
            let mut scanner = engine.json_scanner(&Policy::redact_all());
            let mut out = String::new();
            for piece in ["[", "{\"a\":"].into_iter().cycle().take(depth) {
                let _ = scanner.push(piece, &mut out);
            }
            let _ = scanner.finish(&mut out);
        }
    }
}
