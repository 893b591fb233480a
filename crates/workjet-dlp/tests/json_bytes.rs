//! Documents as bytes: what changes, what stays byte for byte, and what is no document.
#![cfg(feature = "json")]

use std::borrow::Cow;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, Value};
use workjet_dlp::{
    Action, CustomPattern, Engine, InvalidJson, Policy, Preset, ScannedJson, Shape, UnscannableReason, Vault,
    Verdict,
};

fn scan<'j>(json: &'j str, shape: &Shape) -> Result<ScannedJson<'j>, InvalidJson> {
    ENGINES[0].scan_json(json.as_bytes(), shape, &Policy::redact_all())
}

fn redacted(json: &str) -> String {
    let scanned = scan(json, &Shape::Any).expect("JSON");
    String::from_utf8(scanned.json.into_owned()).expect("UTF-8")
}

#[test]
fn a_document_without_a_finding_is_not_even_copied() {
    let json = "\u{20}{\"a\" : [1.0, -2.50e+3, true, null, \"\\u00e9\\\"\\ud83d\\ude00\"], \"a\":{}, \"\":\"\"}\r\n\t";
    let scanned = scan(json, &Shape::Any).expect("JSON");
    assert!(matches!(scanned.json, Cow::Borrowed(bytes) if bytes == json.as_bytes()));
    assert!(scanned.report.findings.is_empty());
}

#[test]
fn only_what_was_found_changes() {
    for (json, expected) in [
        (
            r#"{ "to":"b\u006fb@example.com" , "n": 1.0, "big": 12345678901234567890123.0e-7, "n":1E2 }"#,
            r#"{ "to":"[REDACTED:email]" , "n": 1.0, "big": 12345678901234567890123.0e-7, "n":1E2 }"#,
        ),
        (
            r#"["\u00e9\/ bob@example.com \ud83d\ude00\u000a", 4111111111111111]"#,
            r#"["\u00e9\/ [REDACTED:email] \ud83d\ude00\u000a", "[REDACTED:credit_card]"]"#,
        ),
        (
            r#"{"password":"hunter2x","password":"hunter3x"}"#,
            r#"{"password":"[REDACTED:api_secret]","password":"[REDACTED:api_secret]"}"#,
        ),
        (
            r#"{"p\u0061ssword":["hunter2x"]}"#,
            r#"{"p\u0061ssword":["[REDACTED:api_secret]"]}"#,
        ),
        ("\"bob@example.com\"", "\"[REDACTED:email]\""),
        ("\t4111111111111111\n", "\t\"[REDACTED:credit_card]\"\n"),
    ] {
        assert_eq!(redacted(json), expected);
        assert_eq!(redacted(expected), expected, "once is enough");
    }
}

#[test]
fn a_document_in_a_string_keeps_the_escapes_of_both() {
    static SHAPE: Shape = Shape::Object(&[("arguments", Shape::Json)]);
    let json = r#"{"arguments":"{\u0022to\": \"b\\u006fb@example.com\\n\", \"card\":\t4111111111111111, \"\\u00e9\":\"\u00e9\"}"}"#
        .replace("\t", "\\t");
    let scanned = scan(&json, &SHAPE).expect("JSON");
    let expected = r#"{"arguments":"{\u0022to\": \"[REDACTED:email]\\n\", \"card\":\t\"[REDACTED:credit_card]\", \"\\u00e9\":\"\u00e9\"}"}"#;
    assert_eq!(std::str::from_utf8(&scanned.json), Ok(expected));
    let paths: Vec<_> = scanned
        .report
        .findings
        .iter()
        .map(|finding| finding.path())
        .collect();
    assert_eq!(paths, [Some("arguments.*"), Some("arguments.*")]);
}

#[test]
fn half_a_surrogate_pair_is_json_and_hides_nothing() {
    assert_eq!(
        redacted(r#"["\ud800 bob@example.com \udc00\ud800"]"#),
        r#"["\ud800 [REDACTED:email] \udc00\ud800"]"#
    );
    assert_eq!(
        redacted(r#"["\u0000bob@example.com\u0000"]"#),
        r#"["\u0000[REDACTED:email]\u0000"]"#
    );
}

#[test]
fn every_one_of_equal_keys_counts() {
    static SHAPE: Shape = Shape::Object(&[("name", Shape::Name), ("text", Shape::Text)]);
    let scanned = scan(
        r#"{"text":"bob@example.com","text":"x","na\u006de":"bob@example.com","name":"x"}"#,
        &SHAPE,
    )
    .expect("JSON");
    assert_eq!(
        &*scanned.json,
        br#"{"text":"[REDACTED:email]","text":"x","na\u006de":"bob@example.com","name":"x"}"#
    );
    assert!(matches!(&scanned.report.verdict, Verdict::Refused(finding) if finding.path() == Some("name")));
}

static PART: Shape = Shape::Tagged {
    tag: "type",
    cases: &[
        (
            "text",
            &Shape::Object(&[("type", Shape::Skip), ("text", Shape::Text)]),
        ),
        (
            "image",
            &Shape::Object(&[("type", Shape::Skip), ("data", Shape::Opaque)]),
        ),
        (
            "nest",
            &Shape::Object(&[("type", Shape::Skip), ("parts", Shape::List(&PART))]),
        ),
    ],
};

#[test]
fn a_tag_may_stand_behind_what_it_decides_about() {
    let json = r#"{"parts":[{"text":"bob@example.com","type":"text"},{"data":{"x":["bob@example.com"]},"typ\u0065":"image"}],"type":"nest"}"#;
    let scanned = scan(json, &PART).expect("JSON");
    assert_eq!(
        std::str::from_utf8(&scanned.json),
        Ok(
            r#"{"parts":[{"text":"[REDACTED:email]","type":"text"},{"data":{"x":["bob@example.com"]},"typ\u0065":"image"}],"type":"nest"}"#
        )
    );
    assert_eq!(scanned.report.findings[0].path(), Some("parts[0].text"));
    assert_eq!(scanned.report.unscannable[0].path(), "parts[1].data");
    assert_eq!(scanned.report.unscannable[0].reason(), UnscannableReason::Opaque);
}

#[test]
fn an_object_that_says_twice_what_it_is_is_refused() {
    for json in [
        r#"{"type":"image","data":"bob@example.com","type":"text"}"#,
        r#"{"type":"image","data":"bob@example.com","type":null}"#,
        r#"{"type":["text"],"data":"bob@example.com","t\u0079pe":"image"}"#,
    ] {
        let invalid = scan(json, &PART).expect_err("ambiguous");
        assert!(invalid.to_string().contains("say once what it is"), "{invalid}");
    }
    assert!(scan(r#"{"type":"text","type":"te\u0078t"}"#, &PART).is_ok());
    assert!(
        scan(r#"{"type":"what","type":"else"}"#, &PART).is_ok(),
        "both mean that anything may stand there"
    );
}

#[test]
fn tags_behind_their_content_are_found_in_deep_documents() {
    let mut json = r#"{"text":"bob@example.com","type":"text"}"#.to_owned();
    for level in 0..60 {
        let before = if level % 2 == 0 {
            r#"{"text":"bob@example.com","type":"text"},"#
        } else {
            ""
        };
        json = format!(
            r#"{{"parts":[{before}{json},{{"data":"{}","type":"image"}}],"type":"nest"}}"#,
            "A".repeat(500)
        );
    }
    let scanned = scan(&json, &PART).expect("JSON");
    let report = &scanned.report;
    assert_eq!((report.findings.len(), report.unscannable.len()), (31, 60));
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.path().is_some_and(|path| path.ends_with("].text")))
    );
}

#[test]
fn what_is_not_json_is_refused_where_it_goes_wrong() {
    for (json, offset) in [
        (&b""[..], 0),
        (b"  ", 2),
        (b"{\"a\":1", 6),
        (b"[1,]", 3),
        (b"[1 2]", 3),
        (b"{\"a\" 1}", 5),
        (b"{\"a\":1,}", 7),
        (b"{a:1}", 1),
        (b"[01]", 2),
        (b"[1.]", 3),
        (b"[-]", 2),
        (b"[1e+]", 4),
        (b"[+1]", 1),
        (b"[nul]", 1),
        (b"[nullx]", 5),
        (b"[\"a\nb\"]", 3),
        (b"[\"\\x\"]", 2),
        (b"[\"\\u12g4\"]", 2),
        (b"[\"\\", 2),
        (b"[\"abc", 5),
        (b"[]]", 2),
        (b"[}", 1),
        (b"{]", 1),
        (b"{} {}", 3),
        (b"[\0]", 1),
        (b"[\"a\xFF\"]", 3),
        (b"\xEF\xBB\xBF{}", 0),
    ] {
        let engine = Engine::standard();
        let invalid = engine
            .scan_json(json, &Shape::Any, &Policy::redact_all())
            .expect_err("not JSON");
        assert_eq!(invalid.offset(), offset, "{}", String::from_utf8_lossy(json));
    }
}

#[test]
fn an_error_says_where_and_never_quotes() {
    let invalid = scan("[\"bob@example.com\" x", &Shape::Any).expect_err("not JSON");
    assert_eq!(
        invalid.to_string(),
        "invalid JSON at byte 19: expected `,` or `]`"
    );
}

#[test]
fn depth_is_bounded_as_it_is_elsewhere() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(scan(&nested(127), &Shape::Any).is_ok());
    assert!(serde_json::from_str::<Value>(&nested(127)).is_ok());
    let invalid = scan(&nested(128), &Shape::Any).expect_err("too deep");
    assert_eq!(invalid.offset(), 127);
    assert!(serde_json::from_str::<Value>(&nested(128)).is_err());
    assert!(scan(&"[{\"a\":".repeat(100_000), &Shape::Any).is_err());
}

#[test]
fn long_documents_of_any_kind_are_read() {
    let many = 50_000;
    for json in [
        format!("[{}1]", "1,".repeat(many)),
        format!("{}1", " ".repeat(many)),
        "9".repeat(many),
        format!("[{}[]]", "[],".repeat(many)),
        format!("{{{}\"\":1}}", "\"\":1,".repeat(many)),
        format!("\"{}\"", "\\u0041".repeat(many)),
        format!("\"{}\"", "a".repeat(many)),
        format!("{{\"{}\":1}}", "k".repeat(many)),
    ] {
        for shape in [&Shape::Any, &PART] {
            assert!(scan(&json, shape).is_ok(), "{}", &json[..20]);
        }
    }
}

#[test]
fn the_fields_of_a_pack_and_the_patterns_of_the_user_are_found_too() {
    let engine = Engine::builder()
        .preset(Preset::Standard)
        .custom(CustomPattern::new("quoted", "say \"[a-z]{4}\"").expect("a pattern"))
        .build()
        .expect("an engine");
    let scanned = engine
        .scan_json(br#"["I say \"nope\"\n"]"#, &Shape::Any, &Policy::redact_all())
        .expect("JSON");
    assert_eq!(&*scanned.json, br#"["I [REDACTED:quoted]\n"]"#);
    let masked = engine
        .scan_json(
            br#"["I say \"nope\"\n"]"#,
            &Shape::Any,
            &Policy::all(Action::Mask),
        )
        .expect("JSON");
    assert!(serde_json::from_slice::<Value>(&masked.json).is_ok());
}

#[test]
fn tokens_are_never_those_that_the_document_holds_already() {
    let (engine, policy) = (Engine::standard(), Policy::all(Action::Tokenize));
    let tokenize = |json: &str| {
        let mut vault = Vault::new([3; 32]);
        let scanned = engine
            .scan_json_with_vault(json.as_bytes(), &Shape::Any, &policy, &mut vault)
            .expect("JSON");
        let json = String::from_utf8(scanned.json.into_owned()).expect("UTF-8");
        assert_eq!(scanned.report.verdict, Verdict::Pass);
        (vault.restore_json(&json).into_owned(), json)
    };
    let json =
        r#"{"to":"bob@example.com", "cc":["bob@example.com","amy@example.com"], "card":4111111111111111}"#;
    let (restored, sent) = tokenize(json);
    assert_eq!(restored, json.replace("4111111111111111", "\"4111111111111111\""));
    assert!(!sent.contains("bob@"));

    let token = sent.split('"').nth(3).expect("the first value").to_owned();
    for held in [
        token.clone(),
        token.replace('[', "\\u005b"),
        format!(r#"{{\"a\":\"{}\"}}"#, token.replace('[', "\\\\u005b")),
    ] {
        let (_, sent) = tokenize(&format!(r#"{{"to":"bob@example.com","old":"{held}"}}"#));
        assert!(
            !sent.split('"').nth(3).expect("a value").contains(&token),
            "{sent}"
        );
        assert!(sent.contains(&held));
    }
}

/// Documents with things to find, in values and keys, and shapes that may or may not fit them.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::from(4_111_111_111_111_111_u64)),
        Just(Value::from(536_228_726)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b",
        " ",
        "é",
        "😀",
        "\n",
        "\"",
        "\\",
        "bob@example.com",
        "536-22-8726",
        "hunter2x",
        "data:image/png;base64,AA",
        "password: ",
        "{\"a\":\"bob@example.com\"}",
        "{\"password\":",
        "}",
        "4111 1111 1111 1111",
        ",",
    ]);
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// What detectors of many kinds find, whole and in part, and what only looks like it.
fn telling() -> impl Strategy<Value = String> {
    let put_together = |parts: &[&str]| parts.concat();
    let piece = prop::sample::select(vec![
        put_together(&["AKIA", "QWERTYUIOPASDFGH"]),
        put_together(&["gh", "p_", "0123456789abcdefghijABCDEFGHIJ3hd8qW"]),
        put_together(&["wJalrXUtnFEMI", "/K7MDENG/bPxRfiCYzzzzzzzKEYa"]),
        put_together(&["sk", "_live_", "4eC39HqLyjWDarjtT1zdp7dc"]),
        put_together(&["-----BEGIN ", "PRIVATE KEY-----"]),
        put_together(&[
            "eyJhbGciOiJIUzI1NiJ9",
            ".eyJzdWIiOiIxIn0.",
            "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        ]),
        "postgres://user:hunter2x@db.example.com/x".to_owned(),
        "Authorization: Bearer abcdef0123456789abcdef".to_owned(),
        "password=hunter2x".to_owned(),
        "secret".to_owned(),
        "key: ".to_owned(),
        "9f8A7b6C5d4E3f2A1b0C".to_owned(),
        "hunter2x".to_owned(),
        "+1 (212) 555-0123".to_owned(),
        "call 2125550123".to_owned(),
        "212-555".to_owned(),
        "-0123".to_owned(),
        "ssn 536228726".to_owned(),
        "4111111111111111".to_owned(),
        "4111%31111 1111 1111".to_owned(),
        "bob%40example.com".to_owned(),
        "\u{ff34}\u{ff25}\u{ff33}\u{ff34}-\u{ff14}\u{ff11}\u{ff11}\u{ff11}-\u{ff11}\u{ff11}\u{ff11}\u{ff11}-\u{ff11}\u{ff11}\u{ff11}\u{ff11}-\u{ff11}\u{ff11}\u{ff11}\u{ff11}".to_owned(),
        "\u{ff14}111111111111111".to_owned(),
        "bob".to_owned(),
        "@example.com".to_owned(),
        "GB82 WEST 1234 5698 7654 32".to_owned(),
        "say \"nope\"".to_owned(),
        "zz".to_owned(),
        " ".to_owned(),
        "plain words".to_owned(),
        "[REDACTED:email]".to_owned(),
    ]);
    prop::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat())
}

/// Without a test's own patterns and packs, and with them.
static ENGINES: LazyLock<[Engine; 2]> = LazyLock::new(|| {
    let mut all = Engine::builder()
        .preset(Preset::Standard)
        .preset(Preset::Health)
        .preset(Preset::European);
    for (name, pattern) in [("quoted", "say \"[a-z]{4}\""), ("end", "z$"), ("begin", "^plain")] {
        all = all.custom(CustomPattern::new(name, pattern).expect("a pattern"));
    }
    [Engine::standard(), all.build().expect("an engine")]
});

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "b",
        "type",
        "password",
        "ssn",
        "x\"y",
        "bob@example.com",
        "é",
    ])
    .prop_map(String::from)
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop::sample::select(vec![
        Shape::Text,
        Shape::Constant(&["a", "b"]),
        Shape::Name,
        Shape::Json,
        Shape::Url,
        Shape::Opaque,
        Shape::Signed,
        Shape::Number,
        Shape::Skip,
        Shape::Any,
    ]);
    leaf.prop_recursive(4, 24, 4, |inner| {
        // Shapes are made to be constants; a test may leak a few.
        let leaked = || inner.clone().prop_map(|shape| &*Box::leak(Box::new(shape)));
        prop_oneof![
            prop::collection::vec(
                (
                    prop::sample::select(vec!["a", "b", "type", "password"]),
                    inner.clone()
                ),
                0..4
            )
            .prop_map(|fields| Shape::Object(Box::leak(fields.into_boxed_slice()))),
            leaked().prop_map(Shape::List),
            prop::collection::vec((prop::sample::select(vec!["a", "b", ""]), leaked()), 0..3).prop_map(
                |cases| {
                    Shape::Tagged {
                        tag: "type",
                        cases: Box::leak(cases.into_boxed_slice()),
                    }
                }
            ),
            (leaked(), leaked(), leaked()).prop_map(|(text, list, object)| Shape::Either {
                text,
                list,
                object
            }),
        ]
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let action = || {
        prop::sample::select(vec![
            Action::Redact,
            Action::Mask,
            Action::Warn,
            Action::Off,
            Action::Block,
        ])
    };
    (action(), action())
        .prop_map(|(one, other)| Policy::redact_all().with("email", one).with("us_ssn", other))
}

/// Writes a document in one of many ways.
fn write(value: &Value, dice: &mut impl FnMut() -> u8, out: &mut String) {
    let mut blank = |out: &mut String| out.push_str(["", "", "", " ", "\n\t"][usize::from(dice() % 5)]);
    blank(out);
    match value {
        Value::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write(element, dice, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (at, (key, field)) in fields.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write(&Value::from(key.as_str()), dice, out);
                out.push(':');
                write(field, dice, out);
            }
            out.push('}');
        }
        Value::String(text) => {
            out.push('"');
            for char in text.chars() {
                if dice().is_multiple_of(8) {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                } else {
                    let quoted = Value::from(char.to_string()).to_string();
                    out.push_str(&quoted[1..quoted.len() - 1]);
                }
            }
            out.push('"');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn bytes_and_trees_are_judged_alike(document in document(), shape in shape(), policy in policy(), dice: Vec<u8>) {
        let mut dice = dice.into_iter().cycle();
        let mut json = String::new();
        write(&document, &mut || dice.next().unwrap_or(7), &mut json);
        prop_assert_eq!(&serde_json::from_str::<Value>(&json).expect("JSON"), &document);

        let engine = &ENGINES[0];
        let mut tree = document.clone();
        let expected = engine.redact_json(&mut tree, &shape, &policy);
        let scanned = engine.scan_json(json.as_bytes(), &shape, &policy).expect("JSON");
        prop_assert_eq!(&scanned.report, &expected, "{}", json);
        let rewritten: Value = serde_json::from_slice(&scanned.json).expect("still JSON");
        prop_assert_eq!(rewritten, tree, "{}", json);
        if expected.findings.is_empty() {
            prop_assert!(matches!(scanned.json, Cow::Borrowed(_)));
        }
    }

    #[test]
    fn in_a_document_each_string_is_what_it_is_alone(
        texts in prop::collection::vec((prop::sample::select(vec!["a", "password", "value", "", "4111 11"]), telling()), 1..9),
        all: bool,
        blanks in 0..200usize,
    ) {
        let (engine, policy) = (&ENGINES[usize::from(all)], Policy::redact_all());
        for in_array in [false, true] {
            let values = texts.iter().map(|(key, text)| {
                let text = Value::from(text.as_str());
                if in_array { text.to_string() } else { format!("{{\"{key}\":{text}}}") }
            });
            let json = format!("[{}{}]", " ".repeat(blanks), values.collect::<Vec<_>>().join(","));
            let expected: Vec<_> = texts.iter().map(|(key, text)| {
                let key = if in_array { "" } else { key };
                engine.redact_under_key(key, text, &policy).text.into_owned()
            }).collect();
            let scanned = engine.scan_json(json.as_bytes(), &Shape::Any, &policy).expect("JSON");
            let scanned: Vec<Value> = serde_json::from_slice(&scanned.json).expect("still JSON");
            let got: Vec<_> = scanned.iter().map(|value| {
                let text = if in_array { value } else { value.as_object().and_then(|object| object.values().next()).expect("a value") };
                text.as_str().expect("a string").to_owned()
            }).collect();
            prop_assert_eq!(got, expected, "{}", json);
        }
    }

    #[test]
    fn what_is_json_is_what_others_take_for_json(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"\"", "\\", "\\u00e9", "\\ud800", "1", "0", "-", ".", "e", "E", "+",
            "12.5e-3", "true", "null", "fals", " ", "\n", "\t", "\u{1}", "é", "x", "{\"a\":", "[1,",
        ]), 0..12),
    ) {
        let json = pieces.concat();
        let expected = match serde_json::from_str::<Value>(&json) {
            Ok(_) => true,
            // It is JSON, and this type cannot hold it.
            Err(error) => ["out of range", "surrogate"].iter().any(|words| error.to_string().contains(words)),
        };
        prop_assume!(expected == scan(&json, &Shape::Any).is_ok() || !json.contains("\\ud800"));
        prop_assert_eq!(scan(&json, &Shape::Any).is_ok(), expected, "{}", json);
        prop_assert_eq!(scan(&json, &PART).is_ok(), expected, "{}", json);
    }

    #[test]
    fn any_bytes_are_taken_without_a_panic(json: Vec<u8>, before in prop::sample::select(vec!["", "{\"", "[\"\\u", "[1"])) {
        let json = [before.as_bytes(), &json].concat();
        let _ = ENGINES[0].scan_json(&json, &PART, &Policy::redact_all());
    }
}
