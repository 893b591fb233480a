//! Restoring, whole and in pieces.

use proptest::prelude::*;

use super::*;

const LETTERS: &[u8] = b"[EMAIL:7f3a9c]";

fn tokens() -> Tokens {
    let mut tokens = Tokens::default();
    tokens.insert("[EMAIL:7f3a9c]", "bob@example.com");
    tokens.insert("[EMAIL:7f3a90]", "\"ann\\\"@example.com\n\u{1}é");
    tokens.insert("[API_SECRET:000000]", "[EMAIL:7f3a9c]");
    tokens
}

/// Every letter of the token as an escape, or as it is.
fn written(token: &str, escaped: impl Fn(usize) -> bool) -> String {
    let write = |(place, letter): (usize, u8)| match escaped(place) {
        true if place % 2 == 0 => format!("\\u{letter:04x}"),
        true => format!("\\u{letter:04X}"),
        false => char::from(letter).to_string(),
    };
    token.bytes().enumerate().map(write).collect()
}

#[test]
fn values_come_back_and_nothing_else_changes() {
    let restored = |text| tokens().restore(text, Form::Text).into_owned();
    assert_eq!(restored("to [EMAIL:7f3a9c]!"), "to bob@example.com!");
    assert_eq!(
        restored("[[EMAIL:7f3a9c][EMAIL:7f3a9c]]"),
        "[bob@example.combob@example.com]"
    );
    for text in [
        "[EMAIL:7f3a91]",
        "[email:7f3a9c]",
        "[EMAIL:7F3A9C]",
        "[EMAIL: 7f3a9c]",
        "[EMAIL:7f3a9c",
        "EMAIL:7f3a9c]",
        "[EMAIL:[EMAIL:",
        "\\u005bEMAIL:7f3a9c]",
        "[PHONE:7f3a9c]",
    ] {
        assert_eq!(restored(text), text);
    }
}

#[test]
fn a_value_that_looks_like_a_token_is_not_restored_again() {
    let restored = tokens().restore("[API_SECRET:000000]", Form::Text).into_owned();
    assert_eq!(restored, "[EMAIL:7f3a9c]");
}

#[test]
fn a_text_without_tokens_is_not_copied() {
    for form in [Form::Text, Form::Json] {
        let text = r#"{"a": ["[EMAIL:000000]", "\u005b"]}"#;
        assert!(matches!(tokens().restore(text, form), Cow::Borrowed(_)));
    }
}

#[test]
fn in_json_values_are_escaped_and_tokens_may_be() {
    let value = "\\\"ann\\\\\\\"@example.com\\n\\u0001é";
    for escaped in [
        |_| false,
        |_| true,
        |place| place == 0,
        |place| place == 13,
        |place| place % 3 == 1,
    ] {
        let token = written("[EMAIL:7f3a90]", escaped);
        let restored = tokens()
            .restore(&format!("[\"{token}\"]"), Form::Json)
            .into_owned();
        assert_eq!(restored, format!("[\"{value}\"]"));
    }
}

#[test]
fn a_backslash_that_is_escaped_begins_no_escape() {
    for text in [r#""\\u005bEMAIL:7f3a9c]""#, r#""\\\\u005bEMAIL:7f3a9c]""#] {
        assert_eq!(tokens().restore(text, Form::Json), text);
    }
    let text = r#""\\\u005bEMAIL:7f3a9c]""#;
    assert_eq!(tokens().restore(text, Form::Json), r#""\\bob@example.com""#);
    let text = r#""\\[EMAIL:7f3a9c]""#;
    assert_eq!(tokens().restore(text, Form::Json), r#""\\bob@example.com""#);
}

#[test]
fn only_the_beginning_of_an_own_token_is_held() {
    let held = |form, text: &str| {
        let mut restorer = Restorer::new(Arc::new(tokens()), form);
        restorer.push(text, &mut String::new());
        restorer.held_bytes()
    };
    let token = "[EMAIL:7f3a9c]";
    for end in 1..token.len() {
        assert_eq!(held(Form::Text, &format!("a {}", &token[..end])), end);
    }
    for text in [
        "[EMAIL:7f3a9c]",
        "[EMAIL:7f3a8",
        "[PHONE",
        "[e",
        "[EMAIL:7f3a9c0",
        "[[ ",
        "\\u005b",
        "a",
        "",
    ] {
        assert_eq!(held(Form::Text, text), 0, "{text}");
    }
    assert_eq!(held(Form::Text, "[[EMAIL"), 6);
    for (text, bytes) in [
        ("\"\\", 1),
        ("\"\\u", 2),
        ("\"\\u00", 4),
        ("\"\\u005", 5),
        ("\"\\u005B", 6),
        ("\"\\u005bE\\u004", 12),
        ("\"\\n", 0),
        ("\"\\\\", 0),
        ("\"\\u01", 0),
        ("\"\\u004", 0),
        ("\"\\u005bE\\u005", 5),
        ("\"\\u005bP", 0),
    ] {
        assert_eq!(held(Form::Json, text), bytes, "{text}");
    }
    let none = Arc::default();
    let mut restorer = Restorer::new(none, Form::Text);
    restorer.push("[EMAIL:7f3a", &mut String::new());
    assert_eq!(restorer.held_bytes(), 0, "an empty vault waits for nothing");
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "[EMAIL:7f3a9c]", "[EMAIL:7f3a90]", "[API_SECRET:000000]", "[EMAIL:7f3a91]", "[EMAIL:", "[", "]", "7f3a9c]",
            "[API", "\\", "\\\\", "\\u005b", "\\u005BEMAIL:7f3a9c]", "\\u00", "u005b", "\\n", "é", "😀", "\"", " ", "x",
        ])
        .prop_map(String::from),
        1 => any::<u16>().prop_map(|escaped| written("[EMAIL:7f3a9c]", |place| escaped >> place & 1 == 1)),
        1 => (0..LETTERS.len(), any::<u16>()).prop_map(|(end, escaped)| {
            let written = written("[EMAIL:7f3a9c]", |place| escaped >> place & 1 == 1);
            written.get(..end).unwrap_or_default().to_owned()
        }),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// The longest end of the text that is the beginning of a token and was not decided before, found by trying.
fn to_hold(tokens: &Tokens, text: &str) -> usize {
    let begins = |end: &&str| {
        tokens
            .values
            .keys()
            .any(|token| token.starts_with(*end) && token.len() > end.len())
    };
    let ends = (0..text.len())
        .filter(|at| text.is_char_boundary(*at))
        .map(|at| &text[at..]);
    ends.filter(begins).map(str::len).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_restores_what_its_whole_does(text in texts(), size in 1_usize..9) {
        for form in [Form::Text, Form::Json] {
            let tokens = Arc::new(tokens());
            let whole = tokens.restore(&text, form);
            let mut restorer = Restorer::new(Arc::clone(&tokens), form);
            let (mut out, mut seen) = (String::new(), String::new());
            for char in text.chars().collect::<Vec<_>>().chunks(size) {
                let chunk: String = char.iter().collect();
                seen.push_str(&chunk);
                restorer.push(&chunk, &mut out);
                if form == Form::Text {
                    prop_assert_eq!(restorer.held_bytes(), to_hold(&tokens, &seen), "{}", seen);
                }
            }
            restorer.finish(&mut out);
            prop_assert_eq!(&out, &whole);
        }
    }

    #[test]
    fn restored_json_is_json_and_says_what_restored_text_says(text in texts(), more: String) {
        let text = format!("{text}{more}");
        let json = serde_json::to_string(&text).expect("a text is JSON");
        let restored = tokens().restore(&json, Form::Json).into_owned();
        let read: String = serde_json::from_str(&restored).expect("still JSON");
        prop_assert_eq!(read, tokens().restore(&text, Form::Text));
    }
}
