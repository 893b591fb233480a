//! Values that are written so that a reader sees them and a pattern does not.

use workjet_dlp::{Action, Allow, CustomPattern, Detector, Engine, Policy, Preset, Vault};

fn redacted(text: &str) -> String {
    Engine::standard()
        .redact(text, &Policy::redact_all())
        .text
        .into_owned()
}

/// Pushes as many characters as fit into `size` bytes at a time. Returns what came out, and the most that was held back.
fn stream(engine: &Engine, text: &str, size: usize) -> (String, usize) {
    let mut scanner = engine.scanner(&Policy::redact_all());
    let (mut out, mut held, mut rest) = (String::new(), 0, text);
    while !rest.is_empty() {
        let cut = (size..rest.len())
            .find(|cut| rest.is_char_boundary(*cut))
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(cut);
        assert!(scanner.push(piece, &mut out).blocked().is_none());
        held = held.max(scanner.held_bytes());
        rest = after;
    }
    assert!(scanner.finish(&mut out).blocked().is_none());
    (out, held)
}

#[test]
fn a_finding_spans_what_stands_in_the_text() {
    let text = "😀 to=bob%40exam\u{200b}ple.com\u{200b}, ok";
    let hit = Engine::standard().find_iter(text).next().expect("an address");
    assert_eq!(hit.detector(), &Detector::EMAIL);
    assert_eq!(&text[hit.span()], "bob%40exam\u{200b}ple.com");
    let utf16: Vec<u16> = text.encode_utf16().collect();
    assert_eq!(
        String::from_utf16_lossy(&utf16[hit.utf16_span()]),
        "bob%40exam\u{200b}ple.com"
    );
}

#[test]
fn text_without_a_value_is_the_same_text_whatever_it_is_written_with() {
    let engine = Engine::standard();
    for text in [
        "می\u{200c}خواهم ۱۴۰۳/۰۵/۱۷ و ２０２４年５月，100%25 %41%zz \\u0041\\u00 \\/ 👩\u{200d}💻 soft\u{ad}ware — ４",
        "ａｂｃ ＠ ｄｅｆ",
        "%",
        "\\",
        "\u{200b}",
    ] {
        let redacted = engine.redact(text, &Policy::redact_all());
        assert!(matches!(redacted.text, std::borrow::Cow::Borrowed(_)), "{text}");
        for size in 1..9 {
            assert_eq!(stream(&engine, text, size).0, text);
        }
    }
}

#[test]
fn what_the_text_itself_shows_is_not_lost_by_decoding_it() {
    // `%41` would be a letter.
    assert_eq!(redacted("50%4111 1111 1111 1111"), "50%[REDACTED:credit_card]");
    assert_eq!(redacted("x%bob@example.com"), "[REDACTED:email]");
    // A footnote's number is none of the card's.
    assert_eq!(
        redacted("4111 1111 1111 1111² now"),
        "[REDACTED:credit_card]² now"
    );
    assert_eq!(
        redacted("ask me—bob@example.com—today"),
        "ask me—[REDACTED:email]—today"
    );
    assert_eq!(
        redacted("联系 bob@example.com。谢谢"),
        "联系 [REDACTED:email]。谢谢"
    );
}

#[test]
fn words_before_a_value_may_be_in_disguise_and_keys_too() {
    assert_eq!(redacted("ｓｓｎ　536228726"), "ｓｓｎ　[REDACTED:us_ssn]");
    assert_eq!(
        redacted("密码 pass%77ord = hunter2x"),
        "密码 pass%77ord = [REDACTED:api_secret]"
    );
    let engine = Engine::standard();
    let policy = Policy::redact_all();
    for key in ["password", "ｐａｓｓｗｏｒｄ", "pass\u{200b}word", "p%61ssword"] {
        assert_eq!(
            engine.redact_under_key(key, "hunter2x!", &policy).text,
            "[REDACTED:api_secret]",
            "{key}"
        );
        let mut out = String::new();
        let mut scanner = engine.scanner_under_key(key, &policy);
        for piece in ["hun", "ter", "2x!"] {
            assert!(scanner.push(piece, &mut out).blocked().is_none());
        }
        assert!(scanner.finish(&mut out).blocked().is_none());
        assert_eq!(out, "[REDACTED:api_secret]", "{key}");
    }
}

#[test]
fn private_keys_and_tokens_are_swallowed_to_their_end_in_disguise() {
    let engine = Engine::standard();
    let body = "MIIEowIBAAKCAQEAx2Bq".repeat(70);
    let key = format!(
        "-----BEGIN RSA PRIVATE {}-----\n{body}\n-----END RSA PRIVATE KEY-----",
        "KEY"
    );
    let token = format!(
        "eyJhbGciOiJIUzI1NiJ9.{}.{}",
        "eyJzdWIiOiIxIn0",
        "c2lnbmF0dXJl".repeat(60)
    );
    let percent = |text: &str| {
        text.replace('\n', "%0A")
            .replace(' ', "%20")
            .replace('-', "%2D")
            .replace('.', "%2E")
    };
    let escaped = |text: &str| {
        text.replace('\n', "\\u000a")
            .replace('+', "\\u002b")
            .replace('.', "\\u002e")
    };
    // Only far behind what proves it does something differ.
    let late = |text: &str| {
        text.replace("dXJlc2lnbmF0dXJl", "dXJl\u{200b}c2lnbmF0dXJl")
            .replace("Bq\n", "Bq%0a")
    };
    let ways: [&dyn Fn(&str) -> String; 3] = [&percent, &escaped, &late];
    for (number, way) in ways.into_iter().enumerate() {
        for value in [&key, &token] {
            let text = format!("a {} b", way(value));
            assert_eq!(redacted(&text), "a [REDACTED:api_secret] b", "{number}");
            for size in [1, 5, 1_000] {
                let (out, held) = stream(&engine, &text, size);
                assert_eq!(out, "a [REDACTED:api_secret] b", "{number}");
                assert!(held <= engine.max_hold_back_bytes() || size > 5);
            }
        }
    }
}

#[test]
fn patterns_and_what_is_allowed_see_what_a_text_stands_for() {
    let engine = Engine::builder()
        .preset(Preset::Standard)
        .custom(CustomPattern::new("employee", r"\bEMP-[0-9]{6}\b").expect("a pattern"))
        .allow(Allow::suffix("@example.com"))
        .build()
        .expect("an engine");
    let text = "ＥＭＰ－００４７１１ bob%40example.com bob%40example.org xEMP%2D004711";
    let redacted = engine.redact(text, &Policy::redact_all());
    assert_eq!(
        redacted.text,
        "[REDACTED:employee] bob%40example.com [REDACTED:email] xEMP%2D004711"
    );
}

#[test]
fn actions_apply_to_what_stands_in_the_text() {
    let engine = Engine::standard();
    let text = "ssn ５３６-２２-８７２６ and bob%40example.com.";
    let policy = Policy::all(Action::Tokenize);
    let mut vault = Vault::new([7; 32]);
    let sent = engine.tokenize(text, &policy, &mut vault);
    assert!(!sent.text.contains("%40") && !sent.text.contains('５'));
    assert_eq!(vault.restore(&sent.text), text);
    let blocked = engine.redact(text, &Policy::redact_all().with("email", Action::Block));
    assert_eq!(blocked.text, "ssn [REDACTED:us_ssn] and ");
    assert_eq!(engine.redact(text, &Policy::all(Action::Warn)).text, text);
}

#[test]
fn no_disguise_makes_a_stream_wait_longer_than_it_says() {
    let engine = Engine::standard();
    let most = engine.max_hold_back_bytes();
    assert!(most <= 1_280);
    for piece in [
        "%",
        "%3",
        "%34",
        "%e2%80%8b",
        "\\",
        "\\u00",
        "\\u0061",
        "\\ud835\\udfd2",
        "\u{200b}",
        "４",
        "ａ",
        "a\u{200b}\u{200b}",
        "a\u{e0041}\u{e0042}",
        "\u{e0041}\\\\\\\\u0061\u{e0042}",
        "ａ．",
        "4\u{a0}",
        "4—",
        "ey\u{200b}J",
        "[RE\u{200b}DACTED:",
    ] {
        for before in ["", "bob@", "bob＠", "eyJ", "https://u：", "-----BEGIN%20"] {
            let text = format!("{before}{}", piece.repeat(1_600 / piece.len()));
            let (out, held) = stream(&engine, &text, 1);
            assert!(held <= most, "{held} of {text:.60}");
            assert_eq!(out, redacted(&text), "{text:.60}");
        }
    }
}

#[test]
fn english_leaves_as_soon_as_ever_with_a_disguise_long_past() {
    let engine = Engine::standard();
    let mut scanner = engine.scanner(&Policy::redact_all());
    let mut out = String::new();
    let _ = scanner.push("100%25 ４ caf%C3%A9 \u{200b}", &mut out);
    let mut held = Vec::new();
    for word in "it was the best of times, and the worst of times, "
        .repeat(30)
        .split_inclusive(' ')
    {
        let _ = scanner.push(word, &mut out);
        held.push(scanner.held_bytes());
    }
    assert!(held.iter().sum::<usize>() <= 4 * held.len(), "{held:?}");
}
