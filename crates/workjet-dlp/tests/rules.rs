//! What the standards and the issuers say, number by number: prefixes, lengths, limits. Written from their documents, not from
//! the tables of the rules.

use workjet_dlp::{Engine, Policy, Preset};

fn engine() -> Engine {
    Engine::standard()
}

/// The spans of what a detector finds.
fn found(detector: &str, text: &str) -> Vec<String> {
    let hits = engine()
        .find_iter(text)
        .filter(|hit| hit.detector().as_str() == detector);
    hits.map(|hit| text[hit.span()].to_owned()).collect()
}

fn is(detector: &str, value: &str) -> bool {
    found(detector, &format!("it is {value} indeed")) == [value]
}

/// A number with this prefix and length whose Luhn sum (ISO/IEC 7812-1, annex B) is right.
fn number(prefix: u32, length: usize) -> String {
    let mut digits: Vec<u32> = prefix
        .to_string()
        .chars()
        .filter_map(|char| char.to_digit(10))
        .collect();
    // Digits that look like no other number.
    let more = [7, 3, 9, 1, 8, 2, 6, 4];
    digits.extend((digits.len()..length - 1).map(|place| more[place % more.len()]));
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit) {
            (0, digit) => 2 * digit / 10 + 2 * digit % 10,
            (_, digit) => *digit,
        })
        .sum();
    digits.push((10 - sum % 10) % 10);
    digits
        .into_iter()
        .filter_map(|digit| char::from_digit(digit, 10))
        .collect()
}

#[test]
fn every_prefix_and_length_of_an_issuer_is_a_card() {
    #[rustfmt::skip]
    let issued: &[(&[u32], &[usize])] = &[
        (&[4], &[13, 16, 18, 19]),
        (&[51, 52, 53, 54, 55, 2221, 2300, 2500, 2699, 2700, 2720], &[16]),
        (&[34, 37], &[15]),
        (&[300, 301, 302, 303, 304, 305, 36, 38, 39], &[14, 16, 19]),
        (&[6011, 644, 645, 646, 647, 648, 649, 65, 622_126, 622_500, 622_925], &[16, 19]),
        (&[3528, 3550, 3589], &[16, 17, 18, 19]),
        (&[2131, 1800], &[15]),
        (&[62, 81], &[14, 15, 16, 17, 18, 19]),
        (&[2200, 2201, 2202, 2203, 2204], &[16, 17, 18, 19]),
        (&[979_200, 979_289], &[16]),
        (&[506_699, 636_368, 650_405], &[16]),
        (&[506_099, 507_865], &[16, 18, 19]),
        (&[606_282], &[16]),
    ];
    for (prefixes, lengths) in issued {
        for prefix in *prefixes {
            for length in *lengths {
                let card = number(*prefix, *length);
                assert!(is("credit_card", &card), "{card}");
            }
        }
    }
}

#[test]
fn maestro_is_a_card_after_a_word_only() {
    for prefix in [493_698, 50, 56, 57, 58, 59, 63, 67] {
        for length in [12, 13, 16, 19] {
            let card = number(prefix, length);
            let text = format!("card number {card}.");
            assert_eq!(found("credit_card", &text), std::slice::from_ref(&card), "{text}");
        }
    }
    // Twelve digits begin no other issuer's number.
    assert!(!is("credit_card", &number(63, 12)));
    assert!(!is("credit_card", &number(58, 12)));
}

#[test]
fn other_prefixes_and_lengths_are_no_cards_without_a_word() {
    for (prefix, length) in [
        (4, 12),
        (4, 14),
        (4, 15),
        (4, 17),
        (51, 15),
        (34, 16),
        (306, 14),
        (2721, 16),
        (1234, 16),
        (9, 16),
        (7, 16),
    ] {
        let card = number(prefix, length);
        assert!(
            found("credit_card", &format!("it is {card} indeed")).is_empty(),
            "{card}"
        );
    }
    let unknown = number(9, 16);
    assert_eq!(
        found("credit_card", &format!("visa card {unknown}")),
        [unknown],
        "the sum counts after a word"
    );
}

#[test]
fn a_card_has_one_kind_of_separator_one_at_a_time_and_no_digit_beside_it() {
    for card in [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111111111111111",
    ] {
        assert!(is("credit_card", card), "{card}");
    }
    for text in [
        "4111 1111-1111 1111",
        "4111  1111 1111 1111",
        "4111.1111.1111.1111",
        "41111111111111111111",
        "94111111111111111",
        "4111111111111112",
        "4444444444444444",
        "0000000000000000",
    ] {
        assert!(found("credit_card", text).is_empty(), "{text}");
    }
}

#[test]
fn areas_groups_and_serials_of_social_security_numbers() {
    for (area, group, serial) in [
        (1, 1, 1),
        (536, 22, 8726),
        (665, 99, 9999),
        (667, 10, 1),
        (899, 50, 1234),
    ] {
        let ssn = format!("{area:03}-{group:02}-{serial:04}");
        assert!(is("us_ssn", &ssn), "{ssn}");
        let ssn = ssn.replace('-', " ");
        assert!(is("us_ssn", &ssn), "{ssn}");
        let bare = ssn.replace(' ', "");
        assert!(!is("us_ssn", &bare), "{bare}");
        assert_eq!(found("us_ssn", &format!("social security number {bare}")), [bare]);
    }
    for ssn in [
        "000-22-8726",
        "666-22-8726",
        "900-22-8726",
        "999-22-8726",
        "536-00-8726",
        "536-22-0000",
        "078-05-1120",
        "219-09-9999",
        "536-22 8726",
        "536 22-8726",
        "536.22.8726",
        "1536-22-8726",
        "536-22-87261",
    ] {
        assert!(
            found("us_ssn", &format!("it is {ssn} indeed")).is_empty(),
            "{ssn}"
        );
    }
    assert_eq!(found("us_ssn", "SSN: 536.22.8726"), ["536.22.8726"]);
}

#[test]
fn groups_of_taxpayer_numbers() {
    for group in 0..100 {
        let itin = format!("912-{group:02}-1234");
        let issued = matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
        let text = format!("it is {itin} indeed");
        let hit = engine()
            .find_iter(&text)
            .find(|hit| hit.detector().as_str() == "us_ssn");
        assert_eq!(
            hit.and_then(|hit| hit.subtype().map(str::to_owned)).as_deref(),
            issued.then_some("us_itin"),
            "{itin}"
        );
    }
}

#[test]
fn lengths_of_addresses() {
    let local = |count: usize| format!("{}@example.com", "a".repeat(count));
    assert!(is("email", &local(64)));
    assert!(!is("email", &local(65)));
    let label = |count: usize| format!("bob@{}.com", "b".repeat(count));
    assert!(is("email", &label(63)));
    assert!(found("email", &label(64)).is_empty());
    let domain = |count: usize| {
        let labels = format!("{}.", "c".repeat(49)).repeat(5);
        format!("bob@{labels}{}", "d".repeat(count - labels.len()))
    };
    assert!(is("email", &domain(255)));
    assert_ne!(found("email", &domain(256)), [domain(256)]);
}

#[test]
fn dots_hyphens_and_last_labels_of_addresses() {
    for address in [
        "a@b.cd",
        "a.b@c-d.ef",
        "x+y@z.travel",
        "josé@exämple.de",
        "a@b.xn--p1ai",
        "a@sub.b.co.uk",
    ] {
        assert!(is("email", address), "{address}");
    }
    for text in [
        "a@b",
        "a@b.c",
        "a@b.1",
        "a@-b.cd",
        "a@b-.cd",
        "a@.cd",
        "@b.cd",
        "a.@b.cd",
        "git@github.com:o/r",
        "pkg@1.2.3",
    ] {
        assert!(found("email", text).is_empty(), "{text}");
    }
    assert_ne!(found("email", ".a@b.cd"), [".a@b.cd"]);
    assert_ne!(found("email", "a..b@c.de"), ["a..b@c.de"]);
    assert_eq!(
        found("email", "Write to a@b.cd."),
        ["a@b.cd"],
        "the dot ends the sentence"
    );
}

#[test]
fn calling_codes_and_lengths_of_telephone_numbers() {
    for phone in [
        "+442079460958",
        "+4930901820",
        "+12125550123",
        "+33612345678",
        "+81312345678",
        "+35312345678",
    ] {
        assert!(is("phone", phone), "{phone}");
    }
    for text in [
        "+999123456789",
        "+123",
        "+1234567890123456",
        "+11112345678",
        "+0442079460958",
    ] {
        assert!(
            found("phone", &format!("it is {text} indeed")).is_empty(),
            "{text}"
        );
    }
    assert!(is("phone", "212-555-0123"));
    for text in [
        "112-555-0123",
        "292-555-0123",
        "212-155-0123",
        "212-411-0123",
        "05/17/2024",
        "2024-05-17",
        "12:30:45",
        "$212-555-0123",
    ] {
        assert!(
            found("phone", &format!("it is {text} indeed")).is_empty(),
            "{text}"
        );
    }
}

/// Put together here, so that nobody takes this file for a leak.
fn access_key(prefix: &str) -> String {
    format!("{prefix}{}", "Z3MWT5PLQX2RSV4N")
}

#[test]
fn prefixes_of_access_keys() {
    for prefix in ["AKIA", "ASIA", "ABIA", "ACCA", "A3TX"] {
        assert!(is("aws_key", &access_key(prefix)), "{prefix}");
    }
    for prefix in ["AROA", "AIDA", "AGPA", "ANPA", "APKA"] {
        assert!(!is("aws_key", &access_key(prefix)), "{prefix}");
    }
    assert!(!is("aws_key", &format!("AKIA{}", "IOSFODNN7EXAMPLE")));
}

#[test]
fn a_secret_key_is_announced_or_stands_near_its_id() {
    let secret = format!("{}{}", "8fK2/pQ9zL7vTe", "XwR3mB5yNcD1gHj4UaS6oIiVtZ");
    let after = |before: &str| found("aws_key", &format!("{before}{secret}")).contains(&secret);
    assert!(after("aws_secret_access_key = "));
    let id = access_key("AKIA");
    assert!(
        after(&format!("{id} and then {}", "some words ".repeat(14))),
        "within 200 bytes"
    );
    assert!(
        !after(&format!("{id} and then {}", "some words ".repeat(20))),
        "too far away"
    );
    assert!(!after("the value "));
}

#[test]
fn a_web_token_has_a_header_that_decodes_and_names_its_algorithm() {
    let payload = "eyJzdWIiOiIxMjM0NTY3ODkwIn0";
    let token = |header: &str| format!("{header}.{payload}.{}", "dozjgNryP4J3jVmNHl0w5N");
    // {"alg":"HS256"} and {"typ":"JWT"}
    assert!(is("api_secret", &token("eyJhbGciOiJIUzI1NiJ9")));
    assert!(!is("api_secret", &token("eyJ0eXAiOiJKV1QifQ")));
}

#[test]
fn words_count_at_most_256_bytes_before_a_value() {
    let text = |gap: usize| format!("password{}= hunter2x", " ".repeat(gap));
    let hidden = |gap| {
        engine()
            .redact(&text(gap), &Policy::redact_all())
            .text
            .contains("[REDACTED")
    };
    assert!(hidden(0));
    assert!(!hidden(300));
}

#[test]
fn packs_are_off_until_they_are_asked_for() {
    let text = "Medicare 1EG4-TE5-MK73, pay GB82 WEST 1234 5698 7654 32";
    assert_eq!(engine().find_iter(text).count(), 0);
    let with = Engine::builder()
        .preset(Preset::Health)
        .preset(Preset::European)
        .build()
        .expect("an engine");
    assert_eq!(
        with.redact(text, &Policy::redact_all()).text,
        "Medicare [REDACTED:us_mbi], pay [REDACTED:iban]"
    );
}
