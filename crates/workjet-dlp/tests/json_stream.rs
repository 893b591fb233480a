//! JSON in pieces: however it is cut, it leaves as the whole would.
#![cfg(feature = "json")]

use proptest::prelude::*;
use workjet_dlp::{
    Action, CustomPattern, Engine, JsonReport, JsonScanner, Policy, Preset, Shape, UnscannableReason, Verdict,
};

/// What left after each piece, and what came of it all.
fn stream<'p>(policy: &Policy, pieces: impl IntoIterator<Item = &'p str>) -> (Vec<String>, JsonReport) {
    let mut scanner = engine().json_scanner(policy);
    let (mut left, mut out) = (Vec::new(), String::new());
    let (mut findings, mut unscannable) = (Vec::new(), Vec::new());
    for piece in pieces {
        let verdict = scanner.push(piece, &mut out);
        left.push(out.clone());
        findings.extend(scanner.take_findings());
        unscannable.extend(scanner.take_unscannable());
        if verdict != Verdict::Pass {
            break;
        }
    }
    let mut report = scanner.finish(&mut out);
    left.push(out);
    findings.append(&mut report.findings);
    unscannable.append(&mut report.unscannable);
    let report = JsonReport {
        findings,
        unscannable,
        ..report
    };
    (left, report)
}

fn engine() -> Engine {
    thread_local!(static ENGINE: Engine = Engine::builder()
        .preset(Preset::Standard)
        .custom(CustomPattern::new("quoted", "say \"[a-z]{4}\"").expect("a pattern"))
        .build()
        .expect("an engine"));
    ENGINE.with(Clone::clone)
}

fn last(left: &[String]) -> &str {
    left.last().expect("at least the end")
}

/// Whether something could follow that makes it a document.
fn is_beginning(json: &str) -> bool {
    match engine().scan_json(json.as_bytes(), &Shape::Any, &Policy::all(Action::Off)) {
        Ok(_) => true,
        Err(invalid) => invalid.offset() == json.len(),
    }
}

fn check(json: &str, pieces: &[&str], policy: &Policy) {
    let (left, report) = stream(policy, pieces.iter().copied());
    for left in &left {
        assert!(is_beginning(left), "{left:?} of {pieces:?}");
    }
    let (expected, whole) = engine().redact_json_text(json, policy).expect("JSON");
    match (&whole.verdict, &report.verdict) {
        (Verdict::Pass, _) => {
            assert_eq!(last(&left), expected, "{pieces:?}");
            assert_eq!(report, whole, "{pieces:?}");
        }
        // Of findings that stop it, the first does.
        (_, Verdict::Blocked(finding) | Verdict::Refused(finding)) => {
            assert_eq!(
                report.findings,
                whole.findings[..report.findings.len()],
                "{pieces:?}"
            );
            assert_eq!(Some(finding), report.findings.last(), "{pieces:?}");
        }
        (_, Verdict::Pass) => panic!("{pieces:?} passed, and must not: {whole:?}"),
    }
}

fn check_every_cut(json: &str, policy: &Policy) {
    check(json, &[json], policy);
    let cuts: Vec<_> = (0..=json.len())
        .filter(|cut| json.is_char_boundary(*cut))
        .collect();
    for cut in &cuts {
        check(json, &[&json[..*cut], &json[*cut..]], policy);
    }
    let single: Vec<_> = cuts.windows(2).map(|cut| &json[cut[0]..cut[1]]).collect();
    check(json, &single, policy);
}

#[test]
fn every_cut_leaves_what_the_whole_would() {
    for json in [
        r#" {"to" : "b\u006fb@example.com", "n":[1,-2.5e+3 , true,null,[],{}], "card":4111111111111111 } "#,
        r#"{"password":"hunter2x","p\u0061ssword":["hunter2x",{"a":"hunter2x"}]}"#,
        r#"["\u00e9\/ bob@example.com \ud83d\ude00\u000a\ud800\ud83d\ude00", "\\", "\"", "say \"nope\" \\"]"#,
        r#"{"ssn": 536228726, "x": 536228726, "ssn": [536228726, 5], "ssn": {"y": 536228726}}"#,
        r#""536-22-8726""#,
        " 4111111111111111 ",
        "true",
        "\t",
    ] {
        for action in [Action::Redact, Action::Mask, Action::Tokenize, Action::Warn] {
            if json.trim().is_empty() {
                continue;
            }
            check_every_cut(json, &Policy::all(action));
        }
    }
}

#[test]
fn text_leaves_while_it_arrives() {
    let (left, _) = stream(
        &Policy::redact_all(),
        [
            "{\"a\": \"Hello the",
            "re, wor",
            "ld. \\u00",
            "e9t\\u00e9 bob@exam",
            "ple.com, ",
            "4\", \"n\": 12",
            "34",
            "}",
        ],
    );
    assert_eq!(
        left,
        [
            "{\"a\": \"Hello ",
            "{\"a\": \"Hello there, ",
            "{\"a\": \"Hello there, world. ",
            "{\"a\": \"Hello there, world. \\u00e9t\\u00e9 ",
            "{\"a\": \"Hello there, world. \\u00e9t\\u00e9 [REDACTED:email], ",
            "{\"a\": \"Hello there, world. \\u00e9t\\u00e9 [REDACTED:email], 4\", \"n\": ",
            "{\"a\": \"Hello there, world. \\u00e9t\\u00e9 [REDACTED:email], 4\", \"n\": ",
            "{\"a\": \"Hello there, world. \\u00e9t\\u00e9 [REDACTED:email], 4\", \"n\": 1234}",
            "{\"a\": \"Hello there, world. \\u00e9t\\u00e9 [REDACTED:email], 4\", \"n\": 1234}",
        ]
    );
}

#[test]
fn a_finding_in_a_key_stops_the_stream_before_it() {
    let json = r#"{"a": 1, "bob@example.com": 2, "c": 3}"#;
    check_every_cut(json, &Policy::redact_all());
    let (left, report) = stream(&Policy::redact_all(), [json]);
    assert_eq!(last(&left), r#"{"a": 1, ""#);
    assert!(matches!(&report.verdict, Verdict::Refused(finding)
        if finding.path() == Some("*") && finding.action() == Action::Redact));
    let (left, report) = stream(&Policy::all(Action::Warn), [json]);
    assert_eq!((last(&left), report.verdict), (json, Verdict::Pass));
}

#[test]
fn a_finding_that_is_blocked_stops_the_stream_before_it() {
    let policy = Policy::redact_all().with("us_ssn", Action::Block);
    for (json, expected) in [
        (r#"{"a": "my 536-22-8726", "b": 1}"#, r#"{"a": "my "#),
        (r#"{"ssn": [1, 536228726], "b": 1}"#, r#"{"ssn": [1, "#),
        (r#"{"536-22-8726": 1}"#, r#"{""#),
    ] {
        check_every_cut(json, &policy);
        let (left, report) = stream(&policy, [json]);
        assert_eq!(last(&left), expected);
        assert!(matches!(report.verdict, Verdict::Blocked(_)));
    }
}

#[test]
fn encoded_files_are_reported() {
    let json = r#"{"image": ["x", "data:image/png;base6\u0034,iVBORw0KGgo="]}"#;
    check_every_cut(json, &Policy::redact_all());
    let (_, report) = stream(&Policy::redact_all(), [json]);
    assert_eq!(report.unscannable[0].path(), "*[1]");
    assert_eq!(report.unscannable[0].reason(), UnscannableReason::Opaque);
}

#[test]
fn what_is_no_json_is_scanned_as_text() {
    for text in [
        "bob@example.com",
        "write to bob@example.com",
        "4111 1111 1111 1111",
        "{\"a\": 4111 1111 1111 1111}",
        "[4111 1111 1111 1111",
        "{\"a\": bob@example.com}",
        "{to: bob@example.com}",
        "{\"password\": hunter2x}",
        "nullbob@example.com",
        "{\"a\": \"bob@example.com",
        "{} bob@example.com",
        "[1, 2}, 536-22-8726",
        "{\"a\": \"line\nbob@example.com\"}",
        "{\"a\": \"\\x bob@example.com\"}",
        "01 536-22-8726",
        "",
        "\u{feff}{\"a\": \"bob@example.com\"}",
    ] {
        let expected = engine().redact(text, &Policy::redact_all()).text;
        let (left, _) = stream(&Policy::redact_all(), [text]);
        assert_eq!(last(&left), expected);
        let (left, _) = stream(&Policy::redact_all(), text.split_inclusive(|_: char| true));
        assert_eq!(last(&left), expected, "character by character");
    }
    let deep = format!("{}\"bob@example.com\"", "[".repeat(500));
    assert!(last(&stream(&Policy::redact_all(), [&*deep]).0).ends_with("[REDACTED:email]\""));
    let policy = Policy::all(Action::Block);
    let (left, report) = stream(&policy, ["{\"a\": bob@example", ".com}"]);
    assert_eq!(last(&left), "{\"a\": ");
    assert!(matches!(report.verdict, Verdict::Blocked(_)));
}

#[test]
fn a_private_key_with_real_line_ends_does_not_get_out() {
    // Models write such JSON, though it is none.
    let key = format!(
        "-----BEGIN {} KEY-----\n{}\n",
        "PRIVATE",
        "MIIEvQIBADANBgkqhkiG9w0\n".repeat(20)
    );
    let json = format!("{{\"key\": \"{key}\", \"n\": 1}}");
    for pieces in [vec![&*json], json.split_inclusive('\n').collect()] {
        let (left, _) = stream(&Policy::redact_all(), pieces);
        assert!(!last(&left).contains("MII"), "{}", last(&left));
        assert!(last(&left).ends_with("\", \"n\": 1}"));
    }
}

#[test]
fn numbers_of_any_length_are_held_for_so_long_only() {
    let long = format!("[{}, 1.{}]", "7".repeat(9_000), "0".repeat(5_000));
    check(&long, &[&long], &Policy::redact_all());
    let pieces: Vec<_> = (0..long.len())
        .step_by(1_000)
        .map(|at| &long[at..long.len().min(at + 1_000)])
        .collect();
    check(&long, &pieces, &Policy::redact_all());
    let (left, _) = stream(&Policy::redact_all(), pieces);
    assert!(left[6].len() > 6_000, "it leaves while it arrives");
    let blank = format!("[4111111111111111{}]", " ".repeat(20_000));
    check(&blank, &[&blank], &Policy::redact_all());
    check(
        &blank,
        &[&blank[..10_000], &blank[10_000..]],
        &Policy::redact_all(),
    );
}

#[test]
fn a_scanner_can_be_sent_to_another_thread() {
    fn check<T: Send + 'static>() {}
    check::<JsonScanner>();
}

fn document() -> impl Strategy<Value = String> {
    let blank = || prop::sample::select(vec!["", "", " ", "\n\t"]);
    let string = || {
        let piece = prop::sample::select(vec![
            "a",
            " ",
            "é",
            "\\u00e9",
            "\\ud83d\\ude00",
            "\\ud83d",
            "\\udc00",
            "\\n",
            "\\\"",
            "\\\\",
            "\\/",
            "bob@example.com",
            "b\\u006fb@x.org",
            "536-22-8726",
            "5\\u00336-22-8726",
            "hunter2x",
            "data:;base64,",
            "4111 1111 ",
            "1111 1111",
            "password: ",
            "😀",
        ]);
        prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
    };
    let key = move || {
        prop_oneof![
            6 => prop::sample::select(vec!["\"a\"", "\"password\"", "\"s\\u0073n\"", "\"\""]).prop_map(String::from),
            1 => string(),
        ]
    };
    let leaf = prop_oneof![
        4 => string(),
        3 => prop::sample::select(vec!["0", "-1.50e+3", "4111111111111111", "536228726", "5555555555554444.0", "true", "null"]).prop_map(String::from),
    ];
    let document = leaf.prop_recursive(4, 24, 4, move |inner| {
        let spaced =
            (blank(), inner, blank()).prop_map(|(before, value, after)| format!("{before}{value}{after}"));
        prop_oneof![
            prop::collection::vec(spaced.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec((blank(), key(), blank(), spaced), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(before, key, after, value)| format!("{before}{key}{after}:{value}"))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    });
    (blank(), document, blank()).prop_map(|(before, document, after)| format!("{before}{document}{after}"))
}

fn policy() -> impl Strategy<Value = Policy> {
    let action = || {
        prop::sample::select(vec![
            Action::Redact,
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

fn cut(text: &str, cuts: Vec<prop::sample::Index>) -> Vec<&str> {
    let mut at: Vec<_> = cuts
        .iter()
        .map(|cut| text.floor_char_boundary(cut.index(text.len() + 1)))
        .collect();
    at.extend([0, text.len()]);
    at.sort_unstable();
    at.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn documents_cut_anywhere_leave_as_the_whole_would(
        json in document(),
        policy in policy(),
        cuts: Vec<prop::sample::Index>,
    ) {
        check(&json, &cut(&json, cuts), &policy);
    }

    #[test]
    fn what_is_broken_leaves_alike_however_it_is_cut(
        json in document(),
        at: prop::sample::Index,
        with in prop::sample::select(vec!["", "x", "\"", "{", "]", ",", "1", "\\", " "]),
        cuts: Vec<prop::sample::Index>,
    ) {
        let at = json.floor_char_boundary(at.index(json.len() + 1));
        let broken = format!("{}{with}{}", &json[..at], json[at..].chars().skip(1).collect::<String>());
        let (whole, expected) = stream(&Policy::redact_all(), [&*broken]);
        let (left, report) = stream(&Policy::redact_all(), cut(&broken, cuts));
        prop_assert_eq!(last(&left), last(&whole));
        prop_assert_eq!(report, expected);
    }
}
