//! What is found and what is not, case by case. The cases stand in `testdata/`.

use workjet_dlp::{Engine, Preset};

/// A piece of a case: what must be found in it, and the text.
struct Case {
    text: String,
    /// Detector, subtype and span.
    expected: Vec<(String, Option<String>, std::ops::Range<usize>)>,
}

fn parse(line: &str) -> Case {
    let line = line.replace('¦', "").replace('⏎', "\n");
    let mut case = Case {
        text: String::new(),
        expected: Vec::new(),
    };
    let mut rest = line.as_str();
    while let Some((before, marked)) = rest.split_once('⟦') {
        let (marked, after) = marked.split_once('⟧').expect("a closing mark");
        let (name, value) = marked.split_once(' ').expect("a detector and a space");
        let (detector, subtype) = name
            .split_once('/')
            .map_or((name, None), |(name, subtype)| (name, Some(subtype)));
        case.text.push_str(before);
        let start = case.text.len();
        case.text.push_str(value);
        case.expected
            .push((detector.into(), subtype.map(Into::into), start..case.text.len()));
        rest = after;
    }
    case.text.push_str(rest);
    case
}

/// What is found: detector, subtype and span.
fn found(engine: &Engine, text: &str) -> Vec<(String, Option<String>, std::ops::Range<usize>)> {
    let hits = engine.find_iter(text);
    hits.map(|hit| {
        (
            hit.detector().as_str().to_owned(),
            hit.subtype().map(str::to_owned),
            hit.span(),
        )
    })
    .collect()
}

fn run(file: &str, cases: &str) {
    run_with(&Engine::standard(), file, cases);
}

fn run_with(engine: &Engine, file: &str, cases: &str) {
    let mut wrong = String::new();
    for (number, line) in cases.lines().enumerate() {
        if line.is_empty() || line.starts_with(['#', '~']) {
            continue;
        }
        let case = parse(line);
        let found = found(engine, &case.text);
        if found != case.expected {
            wrong += &format!(
                "\n{file}:{}: {line}\n  expected {:?}\n  found    {found:?}",
                number + 1,
                case.expected
            );
        }
        // A stream of single bytes comes to the same.
        let mut scanner = engine.scanner(&workjet_dlp::Policy::redact_all());
        let mut out = Vec::new();
        for byte in case.text.as_bytes() {
            let _ = scanner.push_bytes(&[*byte], &mut out);
        }
        let _ = scanner.finish_bytes(&mut out);
        let whole = engine.redact(&case.text, &workjet_dlp::Policy::redact_all()).text;
        assert_eq!(String::from_utf8_lossy(&out), whole, "{file}:{}", number + 1);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

macro_rules! files {
    ($($test:ident: $file:literal,)*) => {
        $(#[test]
        fn $test() {
            run($file, include_str!(concat!("../testdata/", $file)));
        })*
    };
}

files! {
    card_numbers_are_told_from_other_numbers: "cards.txt",
    social_security_numbers_are_told_from_other_numbers: "ssn.txt",
    addresses_end_where_they_end: "email.txt",
    telephone_numbers_are_told_from_other_numbers: "phone.txt",
    aws_keys_are_found_and_examples_are_not: "aws.txt",
    secrets_are_found_and_ordinary_values_are_not: "secrets.txt",
    ordinary_text_holds_nothing: "benign.txt",
    texts_that_only_look_like_something_hold_nothing: "hard-negatives.txt",
    values_in_disguise_are_found: "evasion.txt",
}

#[test]
fn numbers_of_patients_accounts_and_citizens_are_found_with_the_packs() {
    let packs = Engine::builder().preset(Preset::Health).preset(Preset::European);
    let cases = include_str!("../testdata/packs.txt");
    run_with(&packs.build().expect("an engine"), "packs.txt", cases);
}

#[test]
fn packs_are_off_unless_asked_for_and_change_nothing_about_the_six() {
    let standard = Engine::standard();
    let all = Engine::builder()
        .preset(Preset::Standard)
        .preset(Preset::Health)
        .preset(Preset::European)
        .build()
        .expect("an engine");
    assert_eq!(standard.detectors().count(), 6);
    assert_eq!(all.detectors().count(), 12);
    assert!(
        standard
            .find_iter("GB82 WEST 1234 5698 7654 32, NPI 1234567893")
            .next()
            .is_none()
    );
    for cases in [
        include_str!("../testdata/secrets.txt"),
        include_str!("../testdata/email.txt"),
        include_str!("../testdata/aws.txt"),
        include_str!("../testdata/hard-negatives.txt"),
    ] {
        for line in cases.lines() {
            let text = parse(line).text;
            assert_eq!(found(&all, &text), found(&standard, &text), "{line}");
        }
    }
}

#[test]
fn a_finding_says_how_sure_its_rule_is() {
    use workjet_dlp::Confidence::{High, Low, Medium};
    let engine = Engine::standard();
    let token = format!("{}{}", "ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17");
    for (text, confidence) in [
        ("4111 1111 1111 1111", High),
        ("cc 0604213767691", Medium),
        ("my SSN is 536-22-8726", High),
        ("536-22-8726", Medium),
        ("bob@example.com", High),
        ("+44 20 7946 0958", High),
        ("call 212-555-0123", High),
        ("212-555-0123", Medium),
        ("tel 2125550123", Medium),
        ("020 7946 0958", Low),
        (token.as_str(), High),
        ("postgres://app:s3cr3t!x@db.example/main", High),
        ("Authorization: Bearer 9f8A7b6C5d4E3f2A1b0C", Medium),
        ("password = hunter2x", Medium),
    ] {
        let found: Vec<_> = engine.find_iter(text).map(|hit| hit.confidence()).collect();
        assert_eq!(found, [confidence], "{text}");
    }
}

#[test]
fn what_stands_in_base64_is_found_if_asked_for() {
    let plain = Engine::standard();
    let decoding = Engine::builder().preset(Preset::Standard).base64(true).build();
    let decoding = decoding.expect("an engine");
    let file = include_str!("../testdata/evasion.txt");
    for line in file.lines().filter_map(|line| line.strip_prefix('~')) {
        let case = parse(line);
        assert!(found(&plain, &case.text).is_empty(), "{line}");
        assert_eq!(found(&decoding, &case.text), case.expected, "{line}");
    }
    run_with(&decoding, "evasion.txt", file);
    run_with(
        &decoding,
        "hard-negatives.txt",
        include_str!("../testdata/hard-negatives.txt"),
    );
}
