//! Entries: small, canonical, and never more than the log takes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use workjet_audit::{
    Attempt, Direction, Entry, Finding, Kind, MAX_ENTRY_BYTES, MAX_FINDINGS, Quality, Tokens, Unscannable,
};
use workjet_tenant::Actor;

fn entry(kind: Kind) -> Entry {
    let time: Timestamp = "2026-11-23T09:30:00.123456Z".parse().expect("a time");
    let actor = Actor::Key {
        user: "ada".parse().expect("an id"),
        key: "k1".parse().expect("an id"),
    };
    Entry::new("r-1-outcome", time, "acme".parse().expect("an id"), actor, kind)
}

fn finding(path: &str) -> Finding {
    Finding {
        detector: "credit_card".to_owned(),
        subtype: Some("visa".to_owned()),
        action: "redact".to_owned(),
        direction: Direction::Request,
        count: 1,
        path: Some(path.to_owned()),
    }
}

#[test]
fn outcome_reads_as_a_person_would_write_it() {
    let outcome = entry(Kind::AiOutcome)
        .request(&"r-1".parse().expect("an id"))
        .dialect("openai")
        .tier("fast")
        .model_asked("gpt-5")
        .model_answered("openai", Some("gpt-5-mini-2025-08-07".to_owned()))
        .attempt(Attempt {
            target: "openai:gpt-5-mini".to_owned(),
            status: Some(200),
            error: None,
            latency_ms: 812,
        })
        .tokens(Tokens {
            input: Some(12),
            cache_read: Some(0),
            output: Some(7),
            ..Tokens::default()
        })
        .cost(17_000, "sha256:00", Quality::Exact)
        .latency_ms(820)
        .status(200)
        .code("ok")
        .findings([finding("messages[0].content"), finding("messages[0].content")])
        .commit_request("hmac-sha256:00");
    let json = concat!(
        r#"{"actor":{"key":"k1","type":"key","user":"ada"},"#,
        r#""attempts":[{"latency_ms":812,"status":200,"target":"openai:gpt-5-mini"}],"#,
        r#""code":"ok","commitments":{"request":"hmac-sha256:00"},"#,
        r#""cost":{"nano_usd":17000,"prices":"sha256:00","quality":"exact"},"dialect":"openai","#,
        r#""findings":[{"action":"redact","count":2,"detector":"credit_card","direction":"request","#,
        r#""path":"messages[0].content","subtype":"visa"}],"id":"r-1-outcome","kind":"ai.outcome","latency_ms":820,"#,
        r#""model":{"answered":"gpt-5-mini-2025-08-07","asked":"gpt-5","provider":"openai"},"request":"r-1","#,
        r#""status":200,"tenant":"acme","tier":"fast","time":"2026-11-23T09:30:00.123Z","#,
        r#""tokens":{"cache_read":0,"input":12,"output":7},"v":1}"#,
    );
    assert_eq!(outcome.to_canonical_json(), json);
    assert_eq!(Entry::from_json(json), Ok(outcome));
}

#[test]
fn findings_beyond_the_limit_are_counted() {
    let entry = entry(Kind::AiIntent).findings((0..100).map(|n| finding(&format!("messages[{n}].content"))));
    assert_eq!((entry.findings.len(), entry.findings_more), (MAX_FINDINGS, 36));
    let read = Entry::from_json(&entry.to_canonical_json()).expect("an entry");
    assert_eq!(read, entry);
}

#[test]
fn every_kind_is_read_back_and_unknown_ones_are_refused() {
    for kind in Kind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(*kind));
        assert_eq!(
            Entry::from_json(&entry(*kind).to_canonical_json()).map(|entry| entry.kind),
            Ok(*kind)
        );
    }
    let json = entry(Kind::AuthLogin).to_canonical_json();
    Entry::from_json(&json.replace("auth.login", "auth.teleport")).expect_err("an unknown kind");
    Entry::from_json(&json.replace("\"v\":1", "\"v\":2")).expect_err("another version");
    Entry::from_json(&json.replace("\"v\":1", "\"v\":1,\"later\":true"))
        .expect("a field that a later version added");
}

#[test]
fn largest_entry_there_can_be_fits() {
    // A quotation mark takes two bytes in JSON, and no character takes more for its size.
    let text = || "\"".repeat(1_000);
    let mut entry = entry(Kind::AiOutcome)
        .dialect(text())
        .tier(text())
        .model_asked(text())
        .model_answered(text(), Some(text()))
        .targets((0..100).map(|_| text()))
        .cost(u64::MAX, text(), Quality::Estimated)
        .latency_ms(u64::MAX)
        .status(u16::MAX)
        .code(text())
        .subject(text())
        .unscannable((0..100).map(|_| Unscannable {
            path: text(),
            reason: text(),
            action: Some(text()),
        }))
        .commit_request(text())
        .commit_response(text());
    entry.id = text();
    entry.tenant = "t".repeat(64).parse().expect("an id");
    entry.request = Some("r".repeat(64).parse().expect("an id"));
    entry.findings_more = u64::MAX;
    entry.tokens = Some(Tokens {
        input: Some(u64::MAX),
        cache_read: Some(u64::MAX),
        cache_write_5m: Some(u64::MAX),
        cache_write_1h: Some(u64::MAX),
        output: Some(u64::MAX),
        reasoning: Some(u64::MAX),
    });
    let attempt = || Attempt {
        target: text(),
        status: Some(u16::MAX),
        error: Some(text()),
        latency_ms: u64::MAX,
    };
    entry.attempts = (0..100).map(|_| attempt()).collect();
    entry.detail = (0..100).map(|n| (format!("{n}{}", text()), text())).collect();
    let bare = entry.to_canonical_json().len();
    assert!(bare < 50_000, "{bare} bytes leave no room for findings");
    // Alike findings are one, so these differ in what is not cut away.
    let finding = |n: usize| Finding {
        detector: format!("{n}{}", text()),
        ..finding(&text())
    };
    let json = entry.findings((0..100).map(finding)).to_canonical_json();
    assert!(json.len() <= MAX_ENTRY_BYTES, "{} bytes", json.len());
    assert!(Entry::from_json(&json).expect("an entry").findings.len() > 10);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "[\"\\\\]{300,900}",
        "[\u{1}-\u{1f}]{300,900}",
        "[\u{fffd}😀]{200,400}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Clients and providers choose many of these words.
    #[test]
    fn no_entry_is_too_large_and_its_canonical_form_is_stable(
        texts in prop::collection::vec(any_text(), 8),
        many in 0_usize..300,
        numbers in any::<(u64, u64, u64)>(),
    ) {
        let text = |n: usize| texts[n % texts.len()].clone();
        let mut entry = entry(Kind::AiOutcome)
            .dialect(text(0))
            .tier(text(1))
            .model_asked(text(2))
            .model_answered(text(3), Some(text(4)))
            .targets((0..many).map(text))
            .cost(numbers.0, text(5), Quality::Estimated)
            .tokens(Tokens { input: Some(numbers.1), ..Tokens::default() })
            .latency_ms(numbers.2)
            .code(text(6))
            .subject(text(7))
            .findings((0..many).map(|n| Finding { subtype: Some(text(n + 1)), detector: text(n), ..finding(&format!("{n}{}", text(n))) }))
            .unscannable((0..many).map(|n| Unscannable { path: text(n), reason: text(n + 1), action: Some(text(n + 2)) }))
            .commit_request(text(0))
            .commit_response(text(1));
        entry.attempts = (0..many).map(|n| Attempt { target: text(n), error: Some(text(n + 1)), ..Attempt::default() }).collect();
        entry.detail = (0..many).map(|n| (format!("{n}{}", text(n)), text(n + 1))).collect::<BTreeMap<_, _>>();
        let json = entry.to_canonical_json();
        prop_assert!(json.len() <= MAX_ENTRY_BYTES, "{} bytes", json.len());
        prop_assert!(!json.bytes().any(|byte| byte < 0x20), "a line must stay one line");
        let read = Entry::from_json(&json).expect("an entry");
        prop_assert_eq!(read.to_canonical_json(), json);
        let counted = |entry: &Entry| entry.findings.iter().map(|f| f.count).sum::<u64>() + entry.findings_more;
        prop_assert_eq!(counted(&read), counted(&entry), "no finding is forgotten");
    }
}
