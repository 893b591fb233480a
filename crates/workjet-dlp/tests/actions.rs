//! What takes a value's place: masks, hashes and tokens, and how values come back.

use std::sync::LazyLock;

use proptest::prelude::*;
use workjet_dlp::{Action, CustomPattern, Engine, Finding, Flow, Policy, Preset, Vault};

/// Built once: patterns take longer to compile than texts to scan.
fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(build);
    &ENGINE
}

fn build() -> Engine {
    let pattern = |name, pattern| CustomPattern::new(name, pattern).expect("a pattern");
    Engine::builder()
        .preset(Preset::Standard)
        .custom(pattern("employee", r"\bEMP-[0-9]{6}\b"))
        .custom(pattern("quoted", r#""q[^"]{1,8}""#))
        .build()
        .expect("an engine")
}

fn vault() -> Vault {
    Vault::new([7; 32])
}

fn hashing() -> Policy {
    Policy::all(Action::Hash).hash_key([1; 32])
}

/// What a stream makes of the text in pieces of so many characters.
fn stream(
    engine: &Engine,
    policy: &Policy,
    text: &str,
    size: usize,
) -> (String, Option<Action>, Vec<Action>) {
    let mut scanner = engine.scanner(policy);
    let mut out = String::new();
    let mut blocked = None;
    let chars: Vec<char> = text.chars().collect();
    for piece in chars.chunks(size) {
        if let Flow::Blocked(finding) = scanner.push(&piece.iter().collect::<String>(), &mut out) {
            blocked = Some(finding.action());
        }
        assert!(scanner.held_bytes() <= engine.max_hold_back_bytes());
    }
    let (flow, findings) = scanner.finish_with_findings(&mut out);
    blocked = blocked.or(flow.blocked().map(Finding::action));
    (out, blocked, findings.iter().map(Finding::action).collect())
}

#[test]
fn a_mask_keeps_the_last_four() {
    let redacted = engine().redact(
        "card 4111 1111 1111 1111, call 212-555-0123",
        &Policy::all(Action::Mask),
    );
    assert_eq!(redacted.text, "card ***************1111, call ********0123");
    assert!(
        redacted
            .findings
            .iter()
            .all(|finding| finding.action() == Action::Mask)
    );
}

#[test]
fn a_hash_tells_equal_values_and_nothing_else() {
    let engine = engine();
    let text = "bob@example.com ann@example.com bob@example.com";
    let hashed = engine.redact(text, &hashing()).text.into_owned();
    let words: Vec<&str> = hashed.split(' ').collect();
    assert!(words[0].starts_with("[HASH:email:") && words[0] == words[2] && words[0] != words[1]);
    let other_key = engine.redact(text, &hashing().hash_key([2; 32])).text;
    assert_ne!(hashed, other_key);
}

#[test]
fn a_hash_without_a_key_is_a_placeholder_and_the_finding_says_so() {
    let redacted = engine().redact("bob@example.com", &Policy::all(Action::Hash));
    assert_eq!(redacted.text, "[REDACTED:email]");
    assert_eq!(redacted.findings[0].action(), Action::Redact);
}

#[test]
fn a_token_without_a_vault_is_a_placeholder_and_the_finding_says_so() {
    let engine = engine();
    let policy = Policy::all(Action::Tokenize);
    let redacted = engine.redact("bob@example.com", &policy);
    assert_eq!(redacted.text, "[REDACTED:email]");
    assert_eq!(redacted.findings[0].action(), Action::Redact);
    assert_eq!(
        stream(engine, &policy, "bob@example.com", 3),
        ("[REDACTED:email]".into(), None, vec![Action::Redact])
    );
}

#[test]
fn tokens_of_vendors_are_waited_for() {
    let engine = engine();
    for length in [36, 100, 315] {
        // The end of the last one is not waited for any more: `ghp_` and 316 characters are.
        let secret = format!(
            "{}_{}{}",
            "ghp",
            "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17",
            "a".repeat(length - 36)
        );
        let text = format!("use {secret}, please");
        let masked = engine.redact(&text, &Policy::all(Action::Mask)).text.into_owned();
        let expected = format!("use {}{}, please", "*".repeat(length), &secret[length..]);
        assert_eq!(masked, expected);
        let hashed = engine.redact(&text, &hashing()).text.into_owned();
        assert!(hashed.starts_with("use [HASH:api_secret:"), "{hashed}");
        for size in [1, 7, 500] {
            assert_eq!(stream(engine, &Policy::all(Action::Mask), &text, size).0, masked);
            assert_eq!(stream(engine, &hashing(), &text, size).0, hashed);
            assert_eq!(
                stream(engine, &Policy::all(Action::Tokenize), &text, size).0,
                "use [REDACTED:api_secret], please"
            );
        }
        let mut vault = vault();
        let sent = engine.tokenize(&text, &Policy::all(Action::Tokenize), &mut vault);
        assert!(sent.text.starts_with("use [API_SECRET:"));
        assert_eq!(vault.restore(&sent.text), text);
    }
    let long = format!(
        "{}_{}{}",
        "ghp",
        "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17",
        "a".repeat(280)
    );
    for policy in [
        Policy::all(Action::Mask),
        hashing(),
        Policy::all(Action::Tokenize),
    ] {
        let redacted = engine.tokenize(&long, &policy, &mut vault()).text.into_owned();
        assert_eq!(redacted, "[REDACTED:api_secret]");
        for size in [1, 7, 500] {
            assert_eq!(stream(engine, &policy, &long, size).0, redacted);
        }
    }
}

#[test]
fn a_token_that_is_masked_is_held_until_its_end_and_one_that_is_redacted_is_not() {
    let secret = format!("{}_{}", "ghp", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17");
    let after = |action| {
        let mut scanner = engine().scanner(&Policy::all(action));
        let mut out = String::new();
        let _ = scanner.push(&secret, &mut out);
        (out, scanner.held_bytes())
    };
    assert_eq!(after(Action::Redact), ("[REDACTED:api_secret]".into(), 0));
    assert_eq!(
        after(Action::Tokenize),
        ("[REDACTED:api_secret]".into(), 0),
        "no vault, no token"
    );
    assert_eq!(
        after(Action::Hash),
        ("[REDACTED:api_secret]".into(), 0),
        "no key, no hash"
    );
    assert_eq!(after(Action::Mask), (String::new(), secret.len()));
}

#[test]
fn what_is_too_long_to_be_waited_for_is_redacted() {
    let engine = engine();
    let pem = format!(
        "-----BEGIN RSA PRIVATE {}-----\n{}\n-----END RSA PRIVATE KEY-----",
        "KEY",
        "MIIB".repeat(100)
    );
    let long = format!("password: \"{}\"", "aB3$".repeat(100));
    for (text, expected) in [
        (&pem, "[REDACTED:api_secret]"),
        (&long, "password: \"[REDACTED:api_secret]\""),
    ] {
        for policy in [
            Policy::all(Action::Mask),
            hashing(),
            Policy::all(Action::Tokenize),
        ] {
            let redacted = engine.tokenize(text, &policy, &mut vault()).text.into_owned();
            assert_eq!(redacted, expected);
            let (streamed, _, actions) = stream(engine, &policy, text, 5);
            assert_eq!(
                (streamed.as_str(), &actions[..]),
                (expected, &[Action::Redact][..])
            );
        }
    }
}

#[test]
fn one_value_has_one_token_and_two_have_two() {
    let mut vault = vault();
    let engine = engine();
    let policy = Policy::all(Action::Tokenize);
    let first = engine
        .tokenize("bob@example.com ann@example.com", &policy, &mut vault)
        .text
        .into_owned();
    let again = engine
        .tokenize("ann@example.com bob@example.com", &policy, &mut vault)
        .text
        .into_owned();
    let (bob, ann) = first.split_once(' ').expect("two tokens");
    assert_eq!(again, format!("{ann} {bob}"));
    assert_ne!(bob, ann);
    assert_eq!(bob.len(), "[EMAIL:7f3a9c]".len());
    assert_eq!(vault.restore(&again), "ann@example.com bob@example.com");
}

#[test]
fn a_token_that_the_request_contains_is_never_issued() {
    let engine = engine();
    let policy = Policy::all(Action::Tokenize);
    let token = engine
        .tokenize("bob@example.com", &policy, &mut vault())
        .text
        .into_owned();
    let mut vault = vault();
    let text = format!("What does {token} mean, bob@example.com?");
    let sent = engine.tokenize(&text, &policy, &mut vault).text.into_owned();
    assert_eq!(sent.matches(&token).count(), 1, "{sent}");
    assert_eq!(vault.restore(&sent), text);
    assert_eq!(vault.restore(&token), token);
}

#[test]
fn a_vault_that_issued_nothing_is_empty_and_changes_nothing() {
    let mut vault = vault();
    let policy = Policy::redact_all();
    let sent = engine()
        .tokenize("bob@example.com [EMAIL:7f3a9c]", &policy, &mut vault)
        .text
        .into_owned();
    assert!(vault.is_empty());
    assert_eq!(sent, "[REDACTED:email] [EMAIL:7f3a9c]");
    assert_eq!(vault.restore("[EMAIL:7f3a9c]"), "[EMAIL:7f3a9c]");
}

#[test]
fn a_token_survives_the_scan_of_the_reply_wherever_it_stands() {
    let engine = engine();
    let mut vault = vault();
    let sent = engine
        .tokenize("password: hunter2x!", &Policy::all(Action::Tokenize), &mut vault)
        .text
        .into_owned();
    let token = sent.strip_prefix("password: ").expect("the name stays");
    for reply in [
        format!("password: {token}"),
        format!("Authorization: Bearer {token}"),
        format!("postgres://bob:{token}@db.example/x"),
        format!("{{\"api_key\": \"{token}\"}} {token}{token}"),
        format!("{}{token} and so on", "so long, ".repeat(200)),
    ] {
        for policy in [Policy::redact_all(), Policy::all(Action::Block)] {
            assert_eq!(engine.redact(&reply, &policy).text, reply);
            assert_eq!(stream(engine, &policy, &reply, 3).0, reply);
        }
        assert_eq!(vault.restore(&reply), reply.replace(token, "hunter2x!"));
    }
}

#[test]
fn nothing_within_a_placeholder_is_found_however_long_the_text() {
    let capitals = CustomPattern::new("c", "[A-Z]{4,12}").expect("a pattern");
    let engine = Engine::builder()
        .preset(Preset::Standard)
        .custom(capitals)
        .build()
        .expect("an engine");
    for filler in [0, 7, 40, 200] {
        let (before, after) = ("so long, ".repeat(filler), " and so on".repeat(filler));
        for (engine, more) in [(&engine, " [C:0a1b2c]"), (&Engine::standard(), "")] {
            let placeholders =
                "[HASH:email:4111111111111111] [EMAIL:212555] [CREDIT_CARD:7f3a9c] [REDACTED:phone]";
            let text = format!("{before}{placeholders}{more}{after}");
            assert_eq!(engine.redact(&text, &Policy::redact_all()).text, text);
            assert_eq!(stream(engine, &Policy::redact_all(), &text, 5).0, text);
        }
    }
    let other = engine
        .redact("[EMAIL:7f3a9] [IBAN:7f3a9c]", &Policy::redact_all())
        .text;
    assert_eq!(
        other, "[[REDACTED:c]:7f3a9] [[REDACTED:c]:7f3a9c]",
        "neither is one"
    );
}

#[test]
fn the_name_in_a_placeholder_is_no_word_before_a_number() {
    let redact = |text: &str| {
        let redacted = engine().redact(text, &Policy::redact_all());
        redacted.text.into_owned()
    };
    assert_eq!(redact("my phone: 2125550123"), "my phone: [REDACTED:phone]");
    for placeholder in [
        "[REDACTED:phone]",
        "[PHONE:7f3a9c]",
        "[HASH:phone:0123456789abcdef]",
    ] {
        let text = format!("{placeholder}: 2125550123");
        assert_eq!(redact(&text), text);
    }
}

#[test]
fn values_come_back_in_the_arguments_of_a_tool_as_json() {
    let engine = engine();
    let mut vault = vault();
    let value = "\"q\\é\n\t";
    let text = format!("look up {value}\" please");
    let sent = engine
        .tokenize(&text, &Policy::all(Action::Tokenize), &mut vault)
        .text
        .into_owned();
    let token = sent.split(' ').nth(2).expect("the third word");
    assert!(token.starts_with("[QUOTED:"), "{sent}");
    let arguments = format!("{{\"query\":\"{token}\",\"more\":[\"{token}\"]}}");
    let restored = vault.restore_json(&arguments).into_owned();
    let read: serde_json::Value = serde_json::from_str(&restored).expect("still JSON");
    assert_eq!(read["query"], format!("{value}\""));
    assert_eq!(read["more"][0], format!("{value}\""));

    let mut restorer = vault.json_restorer();
    let mut out = String::new();
    for char in arguments.chars() {
        restorer.push(char.encode_utf8(&mut [0; 4]), &mut out);
    }
    restorer.finish(&mut out);
    assert_eq!(out, restored);
}

#[test]
fn spans_of_what_was_replaced_are_those_of_the_original() {
    let text = "😀é bob@example.com 😀 4111 1111 1111 1111";
    let utf16: Vec<u16> = text.encode_utf16().collect();
    for policy in [
        Policy::redact_all(),
        Policy::all(Action::Mask),
        hashing(),
        Policy::all(Action::Tokenize),
    ] {
        let mut vault = vault();
        let findings = engine().tokenize(text, &policy, &mut vault).findings;
        let found: Vec<&str> = findings.iter().map(|finding| &text[finding.span()]).collect();
        assert_eq!(found, ["bob@example.com", "4111 1111 1111 1111"]);
        let found: Vec<String> = findings
            .iter()
            .map(|finding| String::from_utf16_lossy(&utf16[finding.utf16_span()]))
            .collect();
        assert_eq!(found, ["bob@example.com", "4111 1111 1111 1111"]);
        assert!(
            findings
                .iter()
                .all(|finding| finding.action() == policy.action(finding.detector()))
        );
    }
}

#[test]
fn neither_keys_nor_values_show_in_debug_output() {
    let mut vault = vault();
    let policy = Policy::all(Action::Tokenize).hash_key([0x5A; 32]);
    let _ = engine().tokenize("bob@example.com", &policy, &mut vault);
    let mut restorer = vault.restorer();
    restorer.push("[EMAIL:", &mut String::new());
    let shown = format!("{vault:?} {restorer:?} {policy:?}");
    assert!(
        !shown.contains("bob") && !shown.contains("90") && !shown.contains("5a"),
        "{shown}"
    );
}

#[test]
fn vaults_and_restorers_may_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Vault>();
    crosses::<workjet_dlp::Restorer>();
}

#[test]
fn no_pattern_may_have_the_name_of_a_placeholder() {
    for name in ["redacted", "hash"] {
        let pattern = CustomPattern::new(name, "x{4}").expect("a pattern");
        assert!(Engine::builder().custom(pattern).build().is_err());
    }
}

#[test]
fn every_action_has_the_name_that_configurations_use() {
    for action in ACTIONS {
        assert_eq!(action.as_str().parse::<Action>().expect("a name"), action);
        let policy = Policy::all(Action::Off).with("email", action);
        assert_eq!(policy.can_change_text(), action.changes_text());
        let changed = engine().redact("bob@example.com", &policy).text != "bob@example.com";
        assert_eq!(changed, action.changes_text() || action == Action::Block);
    }
    assert!("Mask".parse::<Action>().is_err());
}

/// In quadratic time this test would not end.
#[test]
fn what_only_looks_like_tokens_takes_linear_time() {
    let mut vault = vault();
    let text = "bob@example.com";
    let _ = engine().tokenize(text, &Policy::all(Action::Tokenize), &mut vault);
    for unit in [
        "[",
        "]",
        "[EMAIL:",
        "[EMAIL:0",
        "\\",
        "\\u005b",
        "\\u0045",
        "[A",
        "[EMAIL:000000]",
    ] {
        let text = unit.repeat(40_000);
        vault.reserve(&text);
        assert!(vault.restore(&text) == text);
        assert!(vault.restore_json(&text) == text);
        for mut restorer in [vault.restorer(), vault.json_restorer()] {
            let mut out = String::new();
            for piece in text.as_bytes().chunks(1_000) {
                restorer.push(std::str::from_utf8(piece).expect("it is ASCII"), &mut out);
            }
            restorer.finish(&mut out);
            assert!(out == text);
        }
    }
}

const ACTIONS: [Action; 7] = [
    Action::Redact,
    Action::Mask,
    Action::Hash,
    Action::Tokenize,
    Action::Block,
    Action::Warn,
    Action::Off,
];

fn policies() -> impl Strategy<Value = Policy> {
    let action = || prop::sample::select(&ACTIONS[..]);
    let detectors = [
        "credit_card",
        "us_ssn",
        "email",
        "phone",
        "aws_key",
        "api_secret",
        "employee",
        "quoted",
    ];
    (prop::collection::vec(action(), detectors.len()), any::<bool>()).prop_map(move |(actions, key)| {
        let with = |policy: Policy, (detector, action): (&str, Action)| policy.with(detector, action);
        let policy = detectors
            .into_iter()
            .zip(actions)
            .fold(Policy::redact_all(), with);
        if key { policy.hash_key([3; 32]) } else { policy }
    })
}

fn pieces() -> Vec<String> {
    let token = format!("{}_{}", "ghp", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17");
    let pem = format!(
        "-----BEGIN PRIVATE {}-----\nMIIB\n-----END PRIVATE KEY-----",
        "KEY"
    );
    let (long, longer) = ("aB3$".repeat(40), "aB3$".repeat(90));
    let mut pieces: Vec<String> = [
        "4111 1111 1111 1111",
        "378282246310005",
        "536-22-8726",
        "bob@example.com",
        "josé@exämple.de",
        "212-555-0123",
        "+44 20 7946 0958",
        "password: ",
        "password: \"",
        "hunter2x!",
        "Zq3!vR8#",
        "EMP-123456",
        "\"q\\é\"",
        "\"qx\n\"",
        "[EMAIL:7f3a9c]",
        "[REDACTED:email]",
        "[HASH:email:0123456789abcdef]",
        "[EMAIL:",
        "[HASH:phone:",
        "[RED",
        "[P",
        "******1111",
        "4111\u{200b}1111\u{200b}1111\u{200b}1111",
        "bob%40example.com",
        "５３６-２２-８７２６",
        "bob\\u0040example.com",
        "[EMA\u{200b}IL:7f3a9c]",
        "%5BEMAIL:7f3a9c%5D",
        "****",
        " ",
        " ",
        ", ",
        "\"",
        "x",
        "7",
        "é",
        "😀",
        "\n",
        "the card ",
        "call ",
        "ssn ",
        "@",
        "-",
    ]
    .map(String::from)
    .into();
    pieces.extend([token, pem, long, longer]);
    pieces
}

fn texts(between: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces()), 0..12).prop_map(|pieces| pieces.join(between))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_does_what_is_done_to_its_whole(text in texts(""), policy in policies(), size in 1_usize..40) {
        let engine = engine();
        let whole = engine.redact(&text, &policy);
        let (out, blocked, actions) = stream(engine, &policy, &text, size);
        prop_assert_eq!(out, whole.text.as_ref());
        prop_assert_eq!(blocked, whole.blocked.as_ref().map(Finding::action));
        let of_whole: Vec<Action> = whole.findings.iter().map(Finding::action).collect();
        prop_assert_eq!(actions, of_whole);
    }

    #[test]
    fn what_was_tokenized_is_restored(text in texts(""), seed: [u8; 32]) {
        let mut vault = Vault::new(seed);
        let sent = engine().tokenize(&text, &Policy::all(Action::Tokenize), &mut vault);
        // What has no end in sight was redacted, and cannot come back.
        let kept = sent.findings.iter().all(|finding| finding.action() == Action::Tokenize);
        prop_assert_eq!(vault.restore(&sent.text) == text.as_str(), kept, "{}", sent.text);
    }

    #[test]
    fn doing_it_twice_changes_nothing_more(text in texts(" and "), action in prop::sample::select(&ACTIONS[..4])) {
        let engine = engine();
        let policy = Policy::all(action).hash_key([3; 32]);
        let once = engine.tokenize(&text, &policy, &mut vault()).text.into_owned();
        let twice = engine.tokenize(&once, &policy, &mut vault()).text.into_owned();
        prop_assert_eq!(twice, once);
    }
}
