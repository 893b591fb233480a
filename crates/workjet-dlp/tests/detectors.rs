//! What is found and what is not, case by case. The cases stand in `testdata/`.

use workjet_dlp::Engine;

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

fn run(file: &str, cases: &str) {
    let engine = Engine::standard();
    let mut wrong = String::new();
    for (number, line) in cases.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let case = parse(line);
        let found: Vec<_> = engine
            .find_iter(&case.text)
            .map(|hit| {
                (
                    hit.detector().as_str().to_owned(),
                    hit.subtype().map(str::to_owned),
                    hit.span(),
                )
            })
            .collect();
        if found != case.expected {
            wrong += &format!(
                "\n{file}:{}: {line}\n  expected {:?}\n  found    {found:?}",
                number + 1,
                case.expected
            );
        }
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
}
