//! Documents: what is scanned, what is changed, and what refuses the whole.
#![cfg(feature = "json")]

use serde_json::{Value, json};
use workjet_dlp::{Action, Detector, Engine, JsonReport, Policy, Shape, UnscannableReason, Verdict};

static PART: Shape = Shape::Tagged {
    tag: "type",
    cases: &[("text", &TEXT_PART), ("image_url", &IMAGE_PART)],
};
static TEXT_PART: Shape = Shape::Object(&[("type", Shape::Skip), ("text", Shape::Text)]);
static IMAGE_PART: Shape = Shape::Object(&[
    ("type", Shape::Skip),
    (
        "image_url",
        Shape::Object(&[("url", Shape::Url), ("detail", Shape::Constant(&["low"]))]),
    ),
]);
static CONTENT: Shape = Shape::Either {
    text: &Shape::Text,
    list: &Shape::List(&PART),
    object: &Shape::Any,
};
static MESSAGE: Shape = Shape::Object(&[
    ("role", Shape::Constant(&["user", "assistant"])),
    ("name", Shape::Name),
    ("content", CONTENT),
    ("thinking", Shape::Signed),
    ("arguments", Shape::Json),
]);
static REQUEST: Shape = Shape::Object(&[
    ("model", Shape::Name),
    ("temperature", Shape::Number),
    ("messages", Shape::List(&MESSAGE)),
    ("file", Shape::Opaque),
]);

fn redact(document: Value) -> (Value, JsonReport) {
    redact_with(document, &Policy::redact_all())
}

fn redact_with(mut document: Value, policy: &Policy) -> (Value, JsonReport) {
    let report = Engine::standard().redact_json(&mut document, &REQUEST, policy);
    (document, report)
}

fn paths(report: &JsonReport) -> Vec<&str> {
    report
        .findings
        .iter()
        .map(|finding| finding.path().expect("a path"))
        .collect()
}

#[test]
fn text_is_rewritten_where_it_stands_and_its_path_is_told() {
    let (document, report) = redact(json!({"messages": [
        {"role": "user", "content": "I am bob@example.com"},
        {"role": "user", "content": [{"type": "text", "text": "call 212-555-0123"}]},
    ]}));
    assert_eq!(document["messages"][0]["content"], "I am [REDACTED:email]");
    assert_eq!(
        document["messages"][1]["content"][0]["text"],
        "call [REDACTED:phone]"
    );
    assert_eq!(
        paths(&report),
        ["messages[0].content", "messages[1].content[0].text"]
    );
    assert_eq!(report.verdict, Verdict::Pass);
}

#[test]
fn fields_that_nobody_listed_are_scanned_and_their_keys_are_not_told() {
    let (document, report) = redact(json!({
        "metadata": {"bob": ["x", {"mail": "bob@example.com"}]},
        "messages": [{"role": "user", "content": [{"type": "new_kind", "data": ["536-22-8726"]}], "extra": "bob@example.com"}],
    }));
    assert_eq!(document["metadata"]["bob"][1]["mail"], "[REDACTED:email]");
    assert_eq!(
        document["messages"][0]["content"][0]["data"][0],
        "[REDACTED:us_ssn]"
    );
    assert_eq!(
        paths(&report),
        ["*.*[1].*", "messages[0].content[0].*[0]", "messages[0].*"]
    );
}

#[test]
fn a_finding_in_a_name_a_key_or_an_unlisted_constant_refuses() {
    for document in [
        json!({"messages": [{"name": "bob@example.com"}]}),
        json!({"metadata": {"bob@example.com": 1}}),
        json!({"messages": [{"role": "bob@example.com"}]}),
        json!({"messages": [{"content": [{"type": "image_url", "image_url": {"url": "https://x.example/?u=bob@example.com"}}]}]}),
    ] {
        let (after, report) = redact(document.clone());
        assert!(
            matches!(&report.verdict, Verdict::Refused(finding) if finding.detector() == &Detector::EMAIL),
            "{document}"
        );
        assert_eq!(after, document, "a name is never changed");
    }
    let (_, report) = redact_with(
        json!({"metadata": {"bob@example.com": 1}}),
        &Policy::all(Action::Warn),
    );
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(paths(&report), ["*.*"]);
}

#[test]
fn block_wins_over_everything() {
    let policy = Policy::redact_all().with("us_ssn", Action::Block);
    let (_, report) = redact_with(
        json!({"messages": [{"name": "bob@example.com"}, {"content": "536-22-8726"}]}),
        &policy,
    );
    assert!(
        matches!(&report.verdict, Verdict::Blocked(finding) if finding.path() == Some("messages[1].content"))
    );
}

#[test]
fn a_key_tells_about_its_value() {
    let (document, _) = redact(
        json!({"user": {"password": "hunter2x", "ssn": 536228726, "nested": {"api_key": ["9f8A7b6C5d4E3f2A1b0C"]}}}),
    );
    assert_eq!(document["user"]["password"], "[REDACTED:api_secret]");
    assert_eq!(document["user"]["ssn"], "[REDACTED:us_ssn]");
    assert_eq!(document["user"]["nested"]["api_key"][0], "[REDACTED:api_secret]");
}

#[test]
fn numbers_that_are_settings_stay_and_others_are_scanned() {
    let (document, report) =
        redact(json!({"temperature": 4_111_111_111_111_111_u64, "x": 4_111_111_111_111_111_u64, "y": 1.5}));
    assert_eq!(document["temperature"], 4_111_111_111_111_111_u64);
    assert_eq!(document["x"], "[REDACTED:credit_card]");
    assert_eq!(document["y"], 1.5);
    assert_eq!(report.findings.len(), 1);
    let (document, _) = redact(json!({"temperature": "bob@example.com"}));
    assert_eq!(document["temperature"], "[REDACTED:email]");
}

#[test]
fn arguments_of_a_tool_are_scanned_decoded_and_stay_json() {
    let arguments = r#"{ "to":"b\u006fb@example.com", "n": 12345678901234567890123, "password": "hunter2x", "to": "a\nbob@x.org" }"#;
    let (document, report) = redact(json!({"messages": [{"arguments": arguments}]}));
    let expected = r#"{ "to":"[REDACTED:email]", "n": 12345678901234567890123, "password": "[REDACTED:api_secret]", "to": "a\n[REDACTED:email]" }"#;
    assert_eq!(
        document["messages"][0]["arguments"], expected,
        "spacing, large numbers and doubled keys stay"
    );
    assert_eq!(paths(&report), ["messages[0].arguments.*"; 3]);
}

#[test]
fn arguments_that_are_not_json_are_scanned_as_text() {
    for broken in [
        "{\"to\": \"bob@example.com",
        "bob@example.com",
        "{\"a\": bob@example.com}",
    ] {
        let (document, _) = redact(json!({"messages": [{"arguments": broken}]}));
        assert_eq!(
            document["messages"][0]["arguments"],
            broken.replace("bob@example.com", "[REDACTED:email]")
        );
    }
    let deep = format!("{}\"bob@example.com\"{}", "[".repeat(500), "]".repeat(500));
    let (document, _) = redact(json!({"messages": [{"arguments": deep}]}));
    assert!(
        document["messages"][0]["arguments"]
            .as_str()
            .expect("text")
            .contains("[REDACTED:email]")
    );
}

#[test]
fn a_finding_in_a_key_of_the_arguments_refuses() {
    let (_, report) = redact(json!({"messages": [{"arguments": "{\"bob@example.com\": 1}"}]}));
    assert!(matches!(report.verdict, Verdict::Refused(_)));
}

#[test]
fn written_json_comes_back_byte_for_byte_where_nothing_was_found() {
    let engine = Engine::standard();
    let json = "  {\"a\" : [1, -2.50e+3, true, null, \"\\u00e9\\\"\"], \"b\":{}}  ";
    let (text, report) = engine
        .redact_json_text(json, &Policy::redact_all())
        .expect("JSON");
    assert_eq!(text, json);
    assert!(report.findings.is_empty());
    assert!(engine.redact_json_text("{", &Policy::redact_all()).is_none());
    let (text, _) = engine
        .redact_json_text("[4111111111111111]", &Policy::redact_all())
        .expect("JSON");
    assert_eq!(text, "[\"[REDACTED:credit_card]\"]");
}

#[test]
fn what_cannot_be_scanned_is_reported() {
    let (document, report) = redact(json!({
        "file": {"data": "AAAA"},
        "messages": [
            {"thinking": "about bob@example.com"},
            {"thinking": "about nothing"},
            {"content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]},
        ],
    }));
    let reported: Vec<_> = report
        .unscannable
        .iter()
        .map(|part| (part.path(), part.reason()))
        .collect();
    assert_eq!(
        reported,
        [
            ("file", UnscannableReason::Opaque),
            ("messages[0].thinking", UnscannableReason::Signed),
            ("messages[2].content[0].image_url.url", UnscannableReason::Opaque),
        ]
    );
    assert_eq!(
        document["messages"][0]["thinking"], "about bob@example.com",
        "a signature must stay valid"
    );
    assert_eq!(report.verdict, Verdict::Pass);
    let (_, report) = redact(json!({"file": null}));
    assert!(report.unscannable.is_empty());
}

#[test]
fn depth_is_bounded() {
    let mut document = json!("bob@example.com");
    for _ in 0..1_000 {
        document = Value::Array(vec![document]);
    }
    let report = Engine::standard().redact_json(&mut document, &Shape::Any, &Policy::redact_all());
    assert_eq!(report.unscannable[0].reason(), UnscannableReason::TooDeep);
}

#[test]
fn searching_changes_nothing() {
    let document = json!({"messages": [{"content": "bob@example.com"}]});
    let report = Engine::standard().find_json(&document, &REQUEST);
    assert_eq!(paths(&report), ["messages[0].content"]);
    assert_eq!(report.findings[0].action(), Action::Warn);
}

#[test]
fn canaries_planted_anywhere_are_gone_or_refused() {
    let document = json!({
        "model": "m", "messages": [{"role": "user", "content": "c", "name": "n", "arguments": "{\"k\":[\"v\"]}", "x": {"y": ["z", 1]}}],
        "tools": [{"function": {"parameters": {"enum": ["e"], "default": "d"}}}],
    });
    let canary = "canary@example.com";
    let mut positions = 0;
    plant(&document, &mut |planted: Value| {
        positions += 1;
        let (after, report) = redact(planted);
        assert!(
            matches!(report.verdict, Verdict::Refused(_)) || !after.to_string().contains(canary),
            "{after}"
        );
    });
    assert_eq!(positions, 15);

    /// Calls back with copies of the document, each with the canary in another string, key or number.
    fn plant(value: &Value, with: &mut dyn FnMut(Value)) {
        match value {
            Value::String(_) | Value::Number(_) => with(json!("canary@example.com")),
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    plant(element, &mut |planted| {
                        let mut copy = elements.clone();
                        copy[index] = planted;
                        with(Value::Array(copy));
                    });
                }
            }
            Value::Object(object) => {
                for (key, element) in object {
                    plant(element, &mut |planted| {
                        let mut copy = object.clone();
                        copy[key] = planted;
                        with(Value::Object(copy));
                    });
                }
                let mut copy = object.clone();
                copy.insert("canary@example.com".into(), json!(1));
                with(Value::Object(copy));
            }
            _ => {}
        }
    }
}

#[test]
fn a_data_url_in_a_field_nobody_listed_is_unscannable_and_scanned() {
    let (document, report) = redact(json!({
        "messages": [{"role": "user", "content": "data:image/png;base64,iVBORw0KGgo= is what it said"}],
        "avatar": " DATA:image/png;charset=x; Base64,iVBORw0KGgo=",
        "deep": {"list": ["data:text/plain;base64,bob@example.com"]},
        "file_name": "data:text/plain,hello",
        "note": "the prefix data:image/png;base64, begins an image",
    }));
    let unscannable: Vec<_> = report
        .unscannable
        .iter()
        .map(|part| (part.path(), part.reason()))
        .collect();
    assert_eq!(
        unscannable,
        [
            ("*", UnscannableReason::Opaque),
            ("*.*[0]", UnscannableReason::Opaque)
        ]
    );
    assert_eq!(
        document["deep"]["list"][0],
        "data:text/plain;base64,[REDACTED:email]"
    );

    let arguments = r#"{"image": "data:image/png;base64,iVBORw0KGgo="}"#;
    let (text, report) = Engine::standard()
        .redact_json_text(arguments, &Policy::redact_all())
        .expect("JSON");
    assert_eq!(text, arguments);
    assert_eq!(report.unscannable[0].path(), "*");
}
