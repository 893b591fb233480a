//! Streams against whole texts, and both against a reference that knows no shortcuts.
//!
//! Texts come from a grammar of near-misses: pieces that match, pieces that almost do, and what joins and breaks them.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::custom::Scratch;
use crate::gate::{Ahead, Anchor, REACH};
use crate::search::{Verdict, Window};
use crate::{Action, CustomPattern, Engine, Policy, Preset};

/// Pieces of texts. Secrets are put together here, so that nobody takes this file for a leak.
fn pieces() -> Vec<String> {
    #[rustfmt::skip]
    let plain = [
        "4111 1111 1111 1111", "4111-1111-1111-1111", "4222222222222", "378282246310005",
        "6011 0009 9013 9424", "5105105105105100", "4111 1111-1111 1111", "4111111111111112", "62",
        "180016070420458", "1700000000000", "9", "41", "0.4111111111111111", "536-22-8726", "536 22 8726",
        "536228726", "078-05-1120", "666-12-3456", "912-70-1234", "1-536-22-8726", "536-22-872",
        "bob@example.com", "bob..x@example.com", "a.b+c@mail.example.co.uk", "josé@exämple.de", "@", "x@",
        "x@y", "x@y.", "x@y.z", "git@github.com:o/r", "pkg@1.2.3", "icon@2x.png", "o'hara@x-y.org",
        "-@a.bc", ".a@b.cd.", "a@b.cd-", "a@b.c-d.ef", "212-555-0123", "(212) 555-0123", "212.555.0199x12",
        "+44 20 7946 0958", "+1-903-140-4508", "+46 (0)8 928 571 38", "06 12 34 56 78", "0490 39 07 81",
        "2024-05-17", "12/05/2024", "+", "(", "(0", "+4", "00 44 20 7946 0958", "3:30",
        "1 (212) 555-0123 ext. 5", "phone: ", "call me at ", "card ", "ssn ", "password: ", "api_key=\"",
        "\"token\": \"", "my password is ", "monkey=", "max_tokens: ", "Authorization: Bearer ",
        "Authorization: Basic dXNlcjpwYXNz ", "Bearer ", "postgres://bob:", "s3cr3t!pw@db.host/x",
        "https://a.example/", "://", ":8080/", "hunter2x", "hunter", "9f8A7b6C5d4E3f2A1b0C", "aaaa",
        "changeme1", "Zq3!vR8#", "process.env.TOKEN2", "[REDACTED:email]", "[REDACTED:", "[RED",
        "https://hooks.slack.com/services/", "T02AB3CD4/B05EF6GH7/x9Kq2ZxW9vRt3LmN7pYs5BdF", "AKIA2E0A8F3B244C9986", "AKIAZQ3DRSTUVWXY2345", "ASIA", "A3TX",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCY2pQ9zL7vTe", "aws_secret_access_key = ", "EMP-123456", "EMP-12345",
        "emp", "TCK-1", "TCK-12345678901", "été", "naïve", "日本", "😀", "\u{200d}", "foo bar", " ", " ", " ",
        "\n", "\t", ", ", ". ", ".", "-", "--", "-----", "_", "=", ": ", "\"", "'", "\\n", "x", "e", "ey",
        "s", "sk-", "g", "gh", "the ", "and so on, ",
    ];
    let mut pieces: Vec<String> = plain.iter().map(ToString::to_string).collect();
    let base62 = "a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXzCVb0";
    pieces.extend([
        format!("{}{}", "ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"),
        format!("{}{}", "ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18"),
        format!("{}{}", "sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
        format!("{}{}", "sk-proj-", base62),
        format!("{}{}", "AIza", "SyD3x9Kq2ZxW9vRt3LmN7pYs5BdF1gHj4Uc"),
        format!("{}{}", "glpat-", "x9Kq2ZxW9vRt3LmN7pYs"),
        format!("{}{}", "xoxb-", "123456789012-x9Kq2ZxW9vRt3LmN"),
        workjet_key(),
        format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"),
        "eyJhbGciOiJIUzI1NiJ9.".into(),
        format!(
            "-----BEGIN RSA PRIVATE {}-----\nMIIB\nAg==\n-----END RSA PRIVATE KEY-----",
            "KEY"
        ),
        format!("-----BEGIN PRIVATE {}-----\\nMIIB", "KEY"),
        "-----BEGIN PUBLIC KEY-----".into(),
        format!(
            "{}{}",
            "pat", "a8Kq2ZxW9vRt3L.d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e"
        ),
        format!(
            "x9Kq2ZxW9vRt3L.{}a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXzCVb0Ta8Kq2ZxW9vRt3LmN7pYs5B",
            "atlasv1."
        ),
        format!("512345678:{}", "AAHx9Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE"),
        format!("{}-us12", "d41d8cd98f00b204e9800998ecf8427e"),
        format!("{}-d41d8cd9-8f00b204", "d41d8cd98f00b204e9800998ecf8427e"),
        format!("{}{}", "xK48", "Q~a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE"),
        format!(
            "{}AZDOx9Kq",
            "a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXzCVb0Ta8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6o"
        ),
        format!(
            "{}.{}.{}",
            "MTIzNDU2Nzg5MDEyMzQ1Njc4", "YxK3aB", "a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXz"
        ),
        format!("1/1203456789012345:{}", "d41d8cd98f00b204e9800998ecf8427e"),
        "mysqldump --password hunter2x".into(),
        "--api-key \"".into(),
        "set the password to ".into(),
        "http://user:p@ssw0rd@localhost:9999/".into(),
        "(+358) 877893287".into(),
        "(020) 7946 0958".into(),
        "08-12 34 56".into(),
        "(11) 96123-4567".into(),
    ]);
    pieces
}

fn workjet_key() -> String {
    let body = format!(
        "{}_live_k3y1d567_{}",
        "wj", "a8Kq2ZxW9vRt3LmN7pYs5BdF1gHj4UcE6oQiXzCVb0T"
    );
    let sum = crate::checksum::base62_crc32(body.as_bytes());
    format!("{body}_{}", std::str::from_utf8(&sum).expect("base62 is ASCII"))
}

/// Compiled once: patterns take longer to compile than texts to scan.
fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(build);
    &ENGINE
}

fn build() -> Engine {
    let pattern = |name, pattern| CustomPattern::new(name, pattern).expect("a pattern");
    Engine::builder()
        .preset(Preset::Standard)
        .custom(pattern("employee", r"\bEMP-[0-9]{6}\b"))
        .custom(pattern("ticket", r"TCK-[0-9]+$").max_len(12))
        .custom(pattern("capitals", "[A-Z]{8}"))
        .custom(pattern("lazy", r"(?i)f(?:oo|oo bar)??[a-z]\w{0,5}é"))
        .build()
        .expect("an engine")
}

/// All detectors, and few: one that waits for more text hides that another should have.
fn policies() -> Vec<Policy> {
    let only = |detectors: &[&str]| {
        detectors
            .iter()
            .fold(Policy::all(Action::Off), |policy, detector| {
                policy.with(detector, Action::Redact)
            })
    };
    vec![
        Policy::redact_all(),
        Policy::redact_all()
            .with("email", Action::Warn)
            .with("phone", Action::Off)
            .with("us_ssn", Action::Block),
        only(&["email", "employee"]).with("api_secret", Action::Warn),
        only(&["api_secret"]),
        only(&["aws_key", "us_ssn"]),
        only(&["phone"]),
        only(&["credit_card", "lazy", "ticket"]),
    ]
}

/// Asks every rule at every position, with all of the text in view, and applies what wins.
fn reference(engine: &Engine, bytes: &[u8], policy: &Policy) -> Vec<u8> {
    let rules = &engine.inner().rules;
    let window = Window {
        bytes,
        origin: 0,
        last: true,
    };
    let mut scratch = Scratch::default();
    let (mut out, mut at) = (Vec::new(), 0);
    'text: while at < bytes.len() {
        for rule in rules.iter() {
            if bytes[at..].starts_with(rule.placeholder.as_bytes()) {
                out.extend_from_slice(rule.placeholder.as_bytes());
                at += rule.placeholder.len();
                continue 'text;
            }
        }
        for rule in rules.iter() {
            let action = policy.action(&rule.detector);
            if action == Action::Off || !rule.can_start(bytes[at]) {
                continue;
            }
            if let Verdict::Match(hit) = rule.verify(&window, at, &mut scratch) {
                let rest = &bytes[hit.end..];
                let end = hit.end
                    + hit
                        .run
                        .map_or(0, |mut run| run.advance(rest).unwrap_or(rest.len()));
                match action {
                    Action::Block => return out,
                    Action::Redact => out.extend_from_slice(rule.placeholder.as_bytes()),
                    _ => out.extend_from_slice(&bytes[at..end]),
                }
                at = end;
                continue 'text;
            }
        }
        out.push(bytes[at]);
        at += 1;
    }
    out
}

/// Streams the text cut at the given places and checks everything that may be said about it.
fn check_stream(engine: &Engine, bytes: &[u8], cuts: &[usize], policy: &Policy, whole: &[u8]) {
    let mut scanner = engine.scanner(policy);
    let mut out = Vec::new();
    let mut from = 0;
    for &to in cuts.iter().chain([&bytes.len()]) {
        let _ = scanner.push_bytes(&bytes[from..to], &mut out);
        assert!(scanner.held_bytes() <= engine.max_hold_back_bytes() || out == whole);
        from = to;
    }
    let _ = scanner.finish_bytes(&mut out);
    assert!(
        out == whole,
        "cut at {cuts:?}\n text {:?}\nwhole {:?}\n  got {:?}",
        String::from_utf8_lossy(bytes),
        String::from_utf8_lossy(whole),
        String::from_utf8_lossy(&out),
    );
}

fn check(engine: &Engine, bytes: &[u8], cuts: &[usize]) {
    for policy in policies() {
        let whole = reference(engine, bytes, &policy);
        if let Ok(text) = std::str::from_utf8(bytes) {
            assert_eq!(engine.redact(text, &policy).text.as_bytes(), whole);
        }
        check_stream(engine, bytes, cuts, &policy, &whole);
        let each_byte: Vec<usize> = (1..bytes.len()).collect();
        check_stream(engine, bytes, &each_byte, &policy, &whole);
    }
}

#[test]
fn short_texts_cut_in_every_possible_way_give_the_whole() {
    let engine = engine();
    let policy = Policy::redact_all();
    let texts = [
        "a@b.cd x",
        "é@ü.de.",
        " a@b.c-d.",
        "536-22-8726",
        "5 536228726",
        "EMP-123456",
        "EMP-1234567",
        "xEMP-123456",
        "TCK-12",
        "TCK-1 TCK-2",
        "pw=ab12!x y",
        "://u:p@h",
        "pwd: 'a1b2c3",
        "[REDACTED:",
        "+3281234567",
        "02-39-4",
        "fooé",
        "foo baré",
        "-----BEGI",
        "\u{20ac}5 ",
    ];
    for text in texts {
        let whole = reference(engine, text.as_bytes(), &policy);
        assert!(text.len() <= 13, "{text}");
        for mask in 0..1_u32 << (text.len() - 1) {
            let cuts: Vec<usize> = (1..text.len()).filter(|cut| mask >> (cut - 1) & 1 == 1).collect();
            check_stream(engine, text.as_bytes(), &cuts, &policy, &whole);
        }
    }
}

#[test]
fn every_piece_cut_in_two_anywhere_gives_the_whole() {
    let engine = engine();
    let policy = Policy::redact_all();
    for piece in pieces() {
        for text in [
            piece.clone(),
            format!("phone password: {piece} {piece}"),
            format!("x{piece}x"),
        ] {
            let whole = reference(engine, text.as_bytes(), &policy);
            for cut in 0..text.len() {
                check_stream(engine, text.as_bytes(), &[cut], &policy, &whole);
            }
        }
    }
}

#[test]
fn numbers_of_packs_cut_in_two_anywhere_give_the_whole() {
    let engine = Engine::builder()
        .preset(Preset::Standard)
        .preset(Preset::Health)
        .preset(Preset::European)
        .build()
        .expect("an engine");
    let policy = Policy::redact_all();
    for line in include_str!("../testdata/packs.txt").lines() {
        let text: String = line.chars().filter(|char| !"⟦⟧".contains(*char)).collect();
        let whole = reference(&engine, text.as_bytes(), &policy);
        for cut in 0..text.len() {
            check_stream(&engine, text.as_bytes(), &[cut], &policy, &whole);
        }
        let each_byte: Vec<usize> = (1..text.len()).collect();
        check_stream(&engine, text.as_bytes(), &each_byte, &policy, &whole);
    }
}

static PIECES: LazyLock<Vec<String>> = LazyLock::new(pieces);

fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&**PIECES), 1..12).prop_map(|pieces| pieces.concat())
}

fn cuts(length: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::btree_set(0..=length, 0..12).prop_map(|cuts| cuts.into_iter().collect())
}

/// Asks every rule at every position twice: as the search does, with what has been noted so far, and afresh.
fn check_notes(engine: &Engine, bytes: &[u8], last: bool) {
    let window = Window {
        bytes,
        origin: 0,
        last,
    };
    let answer = |verdict| match verdict {
        Verdict::No => None,
        Verdict::More => Some(usize::MAX),
        Verdict::Match(hit) => Some(hit.end),
    };
    let mut noted = Scratch::default();
    for (at, byte) in bytes.iter().enumerate() {
        for rule in engine.inner().rules.iter().filter(|rule| rule.can_start(*byte)) {
            let afresh = answer(rule.verify(&window, at, &mut Scratch::default()));
            let noted = answer(rule.verify(&window, at, &mut noted));
            assert_eq!(noted, afresh, "{} at {at} of {bytes:?}", rule.finds());
        }
    }
}

/// Asks every rule at every position, and checks that the gate has noted all that did not say no.
fn check_gate(engine: &Engine, bytes: &[u8], from: usize, last: bool) {
    let window = Window {
        bytes,
        origin: 0,
        last,
    };
    let until = if last {
        bytes.len()
    } else {
        bytes.len().saturating_sub(REACH)
    };
    let rules = &engine.inner().rules;
    let mut noted = vec![0; bytes.len()];
    let (mut ahead, mut at) = (Box::<Ahead>::default(), from);
    while at < until {
        let Some((place, anchors)) = rules.gate().next(&mut ahead, &window, at, until) else {
            break;
        };
        assert!((at..until).contains(&place));
        noted[place] = anchors;
        at = place + 1;
    }
    let mut scratch = Scratch::default();
    for at in from..until {
        for rule in rules.iter().filter(|rule| rule.can_start(bytes[at])) {
            let silent = matches!(rule.verify(&window, at, &mut scratch), Verdict::No);
            assert!(
                silent || noted[at] & rule.anchor() as u8 != 0,
                "{} at {at} of {:?}",
                rule.finds(),
                String::from_utf8_lossy(bytes)
            );
            let placeholder = bytes[at..].starts_with(rule.placeholder.as_bytes());
            assert!(!placeholder || noted[at] & Anchor::Placeholder as u8 != 0);
        }
    }
}

#[test]
fn the_gate_passes_every_piece_wherever_it_stands() {
    let engine = engine();
    for piece in pieces() {
        for before in [
            "",
            " ",
            "x",
            "\\n",
            "password: ",
            "api_key=\"",
            "secret = \\\"",
            "0",
        ] {
            for filler in [0, 40, 1_000] {
                let text = format!("{}{before}{piece} {piece}", "and so on, ".repeat(filler / 11));
                check_gate(engine, text.as_bytes(), 0, true);
                check_gate(engine, text.as_bytes(), text.len() / 3, true);
                let text = format!("{text}{}", "-and so on".repeat(REACH / 10));
                check_gate(engine, text.as_bytes(), 0, false);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(200), max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_cut_anyhow_gives_the_whole((text, cuts) in texts().prop_flat_map(|text| {
        let length = text.len();
        (Just(text), cuts(length))
    })) {
        check(engine(), text.as_bytes(), &cuts);
    }

    #[test]
    fn letters_of_any_script_give_the_whole((text, cuts) in (texts(), "\\PC{0,6}", texts(), "[a@.\\-é例😀]{0,12}")
        .prop_map(|(a, b, c, d)| [a, b, c, d].concat())
        .prop_flat_map(|text| {
            let length = text.len();
            (Just(text), cuts(length))
        })) {
        check(engine(), text.as_bytes(), &cuts);
    }

    #[test]
    fn bytes_that_are_no_text_pass_and_separate((text, at, junk, cuts) in texts().prop_flat_map(|text| {
        let length = text.len();
        (Just(text), 0..=length, prop::collection::vec(any::<u8>(), 1..5), cuts(length))
    })) {
        let mut bytes = text.into_bytes();
        bytes.splice(at..at, junk);
        check(engine(), &bytes, &cuts);
    }

    #[test]
    fn what_rules_have_noted_changes_no_answer((text, at, junk) in (texts(), "[a@.\\-é/+=]{0,90}", texts())
        .prop_map(|(a, b, c)| [a, b, c].concat())
        .prop_flat_map(|text| {
            let length = text.len();
            (Just(text), 0..=length, prop::collection::vec(any::<u8>(), 0..3))
        })) {
        let mut bytes = text.into_bytes();
        bytes.splice(at..at, junk);
        check_notes(engine(), &bytes, true);
        check_notes(engine(), &bytes, false);
    }

    #[test]
    fn the_gate_skips_nothing((text, from, junk) in (texts(), "[a@.\\-é/+=\\[ 0-9:]{0,90}", texts(), 0..200_usize)
        .prop_map(|(a, b, c, filler)| [&a, &*"and so, ".repeat(filler), &b, &c].concat())
        .prop_flat_map(|text| {
            let length = text.len();
            (Just(text), 0..=length, prop::collection::vec(any::<u8>(), 0..3))
        })) {
        let mut bytes = text.into_bytes();
        bytes.splice(from..from, junk);
        for from in [0, from] {
            check_gate(engine(), &bytes, from, true);
            check_gate(engine(), &bytes, from, false);
        }
    }

    #[test]
    fn a_text_with_one_character_changed_gives_the_whole((mut text, at, byte) in texts().prop_flat_map(|text| {
        let length = text.len();
        (Just(text), 0..length, prop::sample::select(b"0149 -.@:=\"'_aAxe/()+".to_vec()))
    })) {
        if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
            text.replace_range(at..=at, &char::from(byte).to_string());
        }
        check(engine(), text.as_bytes(), &[at]);
    }
}

/// The number of cases, or what the variable `PROPTEST_CASES` says: `PROPTEST_CASES=1000000 cargo test --release -p workjet-dlp`
/// is the long run.
#[allow(clippy::disallowed_methods, reason = "tests may ask their environment")]
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(usual)
}
