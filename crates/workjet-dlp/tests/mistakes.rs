//! Mistakes that others made, one test each.

use workjet_dlp::{Engine, Policy};

fn redact(text: &str) -> String {
    Engine::standard()
        .redact(text, &Policy::redact_all())
        .text
        .into_owned()
}

#[test]
fn timestamps_are_no_cards() {
    for text in [
        "1700000000000",
        "1716000000000000",
        "at 1699999999999 card",
        "20240517103000",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn overlapping_matches_do_not_corrupt_the_text() {
    assert_eq!(
        redact("postgres://a:pw1x@b.example.com/"),
        "postgres://a:[REDACTED:api_secret]@b.example.com/"
    );
    assert_eq!(
        redact("token=bob9f8A7b6C5d@example.com x"),
        "token=[REDACTED:email] x"
    );
    assert_eq!(redact("536-22-8726@example.com"), "[REDACTED:us_ssn]@example.com");
}

#[test]
fn offsets_are_bytes_and_utf16_units_not_code_points() {
    let text = "😀é bob@example.com";
    let found = Engine::standard().find_iter(text).next().expect("an address");
    assert_eq!(found.span(), 7..22);
    assert_eq!(found.utf16_span(), 4..19);
    assert_eq!(&text[found.span()], "bob@example.com");
}

#[test]
fn a_key_in_monkey_is_no_key() {
    let text = "monkey=9f8A7b6C5d4E3f2A1b0C turkey: 9f8A7b6C5d4E3f2A1b0C";
    assert_eq!(redact(text), text);
}

#[test]
fn a_second_secret_on_the_line_is_found() {
    let text = "password=a1b2c3d4 password=e5f6g7h8, 536-22-8726 536-22-8727";
    let expected =
        "password=[REDACTED:api_secret] password=[REDACTED:api_secret], [REDACTED:us_ssn] [REDACTED:us_ssn]";
    assert_eq!(redact(text), expected);
}

#[test]
fn two_telephone_numbers_with_a_blank_between_are_two() {
    for (text, expected) in [
        (
            "call 212-555-0123 212-555-0199 now",
            "call [REDACTED:phone] [REDACTED:phone] now",
        ),
        (
            "call 1-212-555-0123 415-555-0199",
            "call [REDACTED:phone] [REDACTED:phone]",
        ),
        (
            "phones: (212) 555-0123 (415) 555-0199",
            "phones: [REDACTED:phone] [REDACTED:phone]",
        ),
    ] {
        assert_eq!(redact(text), expected);
    }
}

/// Whoever exports a column exports nothing but values.
#[test]
fn every_value_of_a_list_is_found_whatever_stands_between() {
    let token = ["gl", "pat-x7Kp2mQ9vR4tY8wL3nBz"].concat();
    let key_ids = [
        ["AK", "IAQ4ZTM7XPKN2VWLRB"].concat(),
        ["AS", "IAQ4ZTM7XPKN2VWLRB"].concat(),
    ];
    let columns: [&[&str]; 7] = [
        &[
            "4111 1111 1111 1111",
            "5500 0000 0000 0004",
            "4012 8888 8888 1881",
            "6011 1111 1111 1117",
        ],
        &[
            "4111111111111111",
            "5500000000000004",
            "4012888888881881",
            "378282246310005",
        ],
        &["536-22-8726", "219-46-7731", "401-65-2208"],
        &["212-555-0123", "(415) 555-0134", "646-555-0188"],
        &["+44 20 7946 0958", "+49 30 901820", "+1 212 555 0123"],
        &["bob@example.com", "al@mail.example.org", "c.d@example.net"],
        &[&token, &key_ids[0], &token, &key_ids[1]],
    ];
    for values in columns {
        for between in ["\n", "\r\n", "\t", ", ", "; ", " | ", "\",\"", "\n\n", " / "] {
            for values in [values.to_vec(), vec![values[0]; 4]] {
                let text = values.join(between);
                let engine = Engine::standard();
                let found: Vec<&str> = engine.find_iter(&text).map(|hit| &text[hit.span()]).collect();
                assert_eq!(found, values, "{text:?}");
            }
        }
    }
}

#[test]
fn redaction_does_not_join_what_stood_apart() {
    assert_eq!(redact("4111 bob@example.com 1111"), "4111 [REDACTED:email] 1111");
    assert_eq!(redact("pay 4111bob@example.com now"), "pay [REDACTED:email] now");
}

#[test]
fn redacting_twice_changes_nothing_more() {
    let secrets = "card 4111111111111111, password: hunter2x, Authorization: Bearer 9f8A7b6C5d4E3f2A1b0C, bob@example.com";
    let once = redact(secrets);
    assert_eq!(redact(&once), once);
    let pattern = workjet_dlp::CustomPattern::new("capitals", "[A-Z]{8}").expect("a pattern");
    let engine = Engine::builder().custom(pattern).build().expect("an engine");
    let once = engine.redact("ABCDEFGHI", &Policy::redact_all()).text;
    assert_eq!(engine.redact(&once, &Policy::redact_all()).text, once);
}

/// Ten megabytes each. None of these may take longer than its length allows; with quadratic time this test would never end.
#[test]
fn hostile_texts_take_linear_time() {
    let engine = Engine::standard();
    let length = if cfg!(debug_assertions) {
        300_000
    } else {
        10_000_000
    };
    for unit in [
        "1",
        "@",
        "a.",
        "a@",
        "a",
        "4111 ",
        "+1 ",
        "é",
        "eyJ",
        "-----BEGIN ",
        "password=",
        "://a:",
        "[REDACTED:",
        "A3T",
        ".",
    ] {
        let text = unit.repeat(length / unit.len());
        let mut scanner = engine.scanner(&Policy::redact_all());
        let mut out = String::new();
        let _ = scanner.push(&text, &mut out);
        let _ = scanner.finish(&mut out);
        assert!(!out.is_empty());
    }
}
