//! Makes labelled texts from templates: other values for every seed, in settings that stay the same.
//!
//! The templates stand in `crates/workjet-dlp/testdata/labelled`, secrets only as forms from which values are made here. What
//! is made is as good as the templates are: they were written beside the detectors, so a set of somebody else's judges better.

use std::ops::Range;

use anyhow::{Context as _, Result, bail};

const PEOPLE: &str = include_str!("../../../crates/workjet-dlp/testdata/labelled/people.txt");
const PHONES: &str = include_str!("../../../crates/workjet-dlp/testdata/labelled/phones.txt");
const SETTINGS: &str = include_str!("../../../crates/workjet-dlp/testdata/labelled/settings.txt");
const FORMATS: &str = include_str!("../../../crates/workjet-dlp/testdata/labelled/formats.txt");
const ORDINARY: &str = include_str!("../../../crates/workjet-dlp/testdata/labelled/ordinary.txt");

/// A text and what should be found in it: the detector and the bytes.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) labels: Vec<(String, Range<usize>)>,
}

/// Texts about people: cards, social security numbers, telephones, addresses, and numbers that are none of these.
pub(super) fn people(seed: u64, count: usize) -> Result<Vec<Text>> {
    let mut dice = Dice(seed);
    let templates: Vec<&str> = lines(PEOPLE).collect();
    (0..count)
        .map(|_| {
            fill(dice.one_of(&templates), &mut dice, &|name, dice| {
                person(name, dice)
            })
        })
        .collect()
}

/// Texts in which secrets stand, each vendor's in turn, and as many in which there are none.
pub(super) fn secrets(seed: u64, count: usize) -> Result<Vec<Text>> {
    let mut dice = Dice(seed);
    let formats: Vec<&str> = lines(FORMATS)
        .filter_map(|line| line.split_once(' '))
        .map(|(_, form)| form)
        .collect();
    let settings: Vec<&str> = lines(SETTINGS).collect();
    let ordinary: Vec<&str> = lines(ORDINARY).collect();
    let mut texts = Vec::new();
    for turn in 0..count / 2 {
        let setting = dice.one_of(&settings);
        let setting = setting.split_once(' ').context("a setting without its kind")?.1;
        let format = formats[turn % formats.len()];
        texts.push(fill(setting, &mut dice, &|name, dice| match name {
            "secret" => Ok((from_form(format, dice)?, Some("api_secret"))),
            name => secret(name, dice),
        })?);
        let template = dice.one_of(&ordinary);
        texts.push(fill(template, &mut dice, &secret)?);
    }
    Ok(texts)
}

/// The lines of a file that are no comments.
fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
}

/// A value for a name in braces, and the detector that should find it.
type Value = (String, Option<&'static str>);

/// Fills in what stands in double braces. ⏎ is a line break.
fn fill(template: &str, dice: &mut Dice, value: &dyn Fn(&str, &mut Dice) -> Result<Value>) -> Result<Text> {
    let mut filled = Text::default();
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        let name = rest[at + 2..].split("}}").next().unwrap_or_default();
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            || name.is_empty()
        {
            filled.text += &rest[..=at];
            rest = &rest[at + 1..];
            continue;
        }
        filled.text += &rest[..at];
        let (value, detector) = value(name, dice)?;
        let start = filled.text.len();
        filled.text += &value;
        if let Some(detector) = detector {
            filled
                .labels
                .push((detector.to_owned(), start..filled.text.len()));
        }
        rest = &rest[at + 4 + name.len()..];
    }
    filled.text += rest;
    // A break is as long as its sign in no encoding, so the labels move.
    while let Some(at) = filled.text.find('⏎') {
        filled.text.replace_range(at..at + '⏎'.len_utf8(), "\n");
        for (_, label) in filled.labels.iter_mut().filter(|(_, label)| label.start > at) {
            *label = label.start - 2..label.end - 2;
        }
    }
    Ok(filled)
}

/// A telephone number in a form that needs no words before it, or with a calling code.
pub(super) fn phone(dice: &mut Dice) -> Result<String> {
    Ok(person("phone", dice)?.0)
}

/// A token of any vendor.
pub(super) fn token(dice: &mut Dice) -> Result<String> {
    let forms: Vec<&str> = lines(FORMATS)
        .filter_map(|line| line.split_once(' '))
        .map(|(_, form)| form)
        .collect();
    from_form(dice.one_of(&forms), dice)
}

fn person(name: &str, dice: &mut Dice) -> Result<Value> {
    let phone = |kinds: &[char], dice: &mut Dice| {
        let forms: Vec<&str> = lines(PHONES).filter(|line| line.starts_with(kinds)).collect();
        from_form(&dice.one_of(&forms)[2..], dice)
    };
    Ok(match name {
        "phone" => (phone(&['+', '0', 'n'], dice)?, Some("phone")),
        "local" => (phone(&['+', '0', 'n', 'l'], dice)?, Some("phone")),
        "card" => (card(dice), Some("credit_card")),
        "ssn" => (social_security(dice), Some("us_ssn")),
        "id" => {
            let number = social_security(dice);
            let separator = dice.one_of(&["-", "-", " ", ""]);
            (number.replace('-', separator), Some("us_ssn"))
        }
        "email" => (address(dice), Some("email")),
        "name" => (format!("{} {}", dice.one_of(FIRST), dice.one_of(LAST)), None),
        name => (ordinary(name, dice)?, None),
    })
}

fn secret(name: &str, dice: &mut Dice) -> Result<Value> {
    let name_of_secret = |dice: &mut Dice| {
        let what = dice.one_of(&[
            "api_key",
            "token",
            "secret",
            "access_token",
            "auth_token",
            "client_secret",
        ]);
        format!("{}_{what}", dice.one_of(WORDS))
    };
    Ok(match name {
        "password" => {
            let form = dice.one_of(&[
                "[A-Z][a-z]{5}[0-9]{3}[!#%]",
                "[A-Za-z0-9]{5}[0-9][A-Z][a-z][A-Za-z0-9]{6}",
                "[A-Za-z0-9]{8}[!@#%^+=][a-z][0-9][A-Z][a-z]{2}",
                "[a-z]{4}[0-9]{2}[A-Z][a-z]{2}[@!][0-9]",
            ]);
            (from_form(form, dice)?, Some("api_secret"))
        }
        "word" => (
            from_form("[A-Za-z0-9]{6}[0-9][A-Z][a-z]{3}", dice)?,
            Some("api_secret"),
        ),
        "value" => {
            let form = dice.one_of(&[
                "[a-f0-9]{32}",
                "[a-f0-9]{64}",
                "[A-Za-z0-9]{32}",
                "[A-Za-z0-9_-]{43}",
                "[A-Za-z0-9/+]{43}=",
            ]);
            (from_form(form, dice)?, Some("api_secret"))
        }
        "NAME" => (name_of_secret(dice).to_ascii_uppercase(), None),
        "name" => (name_of_secret(dice), None),
        "host" => (format!("{}.example.net", dice.one_of(WORDS)), None),
        name => (ordinary(name, dice)?, None),
    })
}

/// What is nobody's and no secret.
fn ordinary(name: &str, dice: &mut Dice) -> Result<String> {
    let form = match name {
        "company" => return Ok(format!("{} & {} Ltd.", dice.one_of(LAST), dice.one_of(LAST))),
        "street" => return Ok(format!("{} {} Street", dice.below(900) + 1, dice.one_of(LAST))),
        "place" => "[1-8][0-9].[0-9]{4}, -[1-9][0-9].[0-9]{4}",
        "date" => dice.one_of(&[
            "20[12][0-9]-0[1-9]-[12][0-9]",
            "[12][0-9]/0[1-9]/20[12][0-9]",
            "[12][0-9].0[1-9].20[12][0-9]",
            "May [1-9], 20[12][0-9]",
        ]),
        "time" => "[12][0-3]:[0-5][0-9]",
        "stamp" => dice.one_of(&[
            "20[12][0-9]-0[1-9]-[12][0-9]T[12][0-3]:[0-5][0-9]:[0-5][0-9]Z",
            "1[67][0-9]{8}",
            "1[67][0-9]{11}",
        ]),
        "order" => dice.one_of(&[
            "ORD-[1-9][0-9]{6}",
            "[1-9][0-9]{7}",
            "INV/20[12][0-9]/[0-9]{5}",
            "11[0-3]-[1-9][0-9]{6}-[1-9][0-9]{6}",
        ]),
        "amount" => dice.one_of(&[
            "$[1-9],[0-9]{3}.[0-9]{2}",
            "€[1-9][0-9]{3}",
            "[1-9][0-9]{3}.[0-9]{2} USD",
            "[1-9].[0-9]{3}.[0-9]{3} EUR",
        ]),
        "percent" => "[1-9][0-9].[0-9]%",
        "zip" => dice.one_of(&["[1-9][0-9]{4}", "[1-9][0-9]{4}-[0-9]{4}"]),
        "ip" => dice.one_of(&[
            "10.[1-9][0-9].1[0-9]{2}.[1-9]",
            "192.168.[1-9].[1-9][0-9]",
            "2001:db8::[0-9a-f]{4}:[0-9a-f]{4}",
        ]),
        "uuid" => "[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-a[a-f0-9]{3}-[a-f0-9]{12}",
        "number" => dice.one_of(&[
            "[1-9]",
            "[1-9][0-9]{2}",
            "[1-9][0-9]{4}",
            "[1-9][0-9]{6}",
            "[1-9][0-9]{8}",
        ]),
        "version" => "[1-9].[1-9][0-9].[0-9]",
        "isbn" => "978-3-16-[0-9]{6}-[0-9]",
        "two" => "[1-9][0-9]",
        "sha" => "[a-f0-9]{40}",
        "sha256" => "[a-f0-9]{64}",
        "md5" => "[a-f0-9]{32}",
        "hex16" => "[a-f0-9]{16}",
        "hex6" => "[a-f0-9]{6}",
        "base64_43" => "[A-Za-z0-9_-]{43}",
        "base64_60" => "[A-Za-z0-9/+]{60}",
        "base64_64" => "[A-Za-z0-9/+]{64}",
        "base64_88" => "[A-Za-z0-9/+]{86}==",
        name => bail!("a template asks for {name:?}"),
    };
    from_form(form, dice)
}

const WORDS: &[&str] = &[
    "orbit", "harbor", "quill", "pixel", "ledger", "falcon", "mango", "copper", "delta", "willow",
];
const FIRST: &[&str] = &[
    "Ada", "Mehmet", "Chloé", "Jürgen", "Ngozi", "Mary", "Søren", "Priya", "Иван", "Tom",
];
const LAST: &[&str] = &[
    "Lovelace", "Yılmaz", "Dubois", "Köhler", "Okafor", "O'Brien", "Jensen", "Sharma", "Smith", "Parker",
];

pub(super) fn address(dice: &mut Dice) -> String {
    const LOCAL: &[&str] = &[
        "ada.lovelace",
        "tom_parker",
        "m.yilmaz+news",
        "j-koehler",
        "info",
        "o'brien",
        "x7",
        "sales%eu",
        "josé",
        "иван",
        "MARY.SMITH",
        "user1984",
    ];
    const DOMAIN: &[&str] = &[
        "example.com",
        "mail.example.co.uk",
        "uni-koeln.example.de",
        "example.museum",
        "müller.example",
        "xn--mller-kva.example",
        "a1.example.org",
        "EXAMPLE.NET",
        "k12.ca.example.us",
        "почта.рф",
    ];
    format!("{}@{}", dice.one_of(LOCAL), dice.one_of(DOMAIN))
}

pub(super) fn social_security(dice: &mut Dice) -> String {
    if dice.below(6) == 0 {
        let group = dice.one_of(&[50, 65, 70, 88, 90, 94, 99]);
        return format!("9{:02}-{group}-{:04}", dice.below(100), dice.below(9999) + 1);
    }
    let area = match dice.below(899) + 1 {
        666 => 667,
        area => area,
    };
    format!("{area:03}-{:02}-{:04}", dice.below(99) + 1, dice.below(9999) + 1)
}

/// First digits and length of the larger issuers.
#[rustfmt::skip]
const CARDS: &[(&str, usize)] = &[
    ("4", 16), ("4", 16), ("4", 13), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("300", 14),
    ("36", 14), ("38", 14), ("6011", 16), ("644", 16), ("65", 16), ("622126", 16), ("3528", 16), ("3589", 16), ("2131", 15), ("1800", 15),
    ("62", 16), ("62", 19), ("81", 16), ("2200", 16), ("97920", 16), ("509000", 16), ("606282", 16), ("506099", 16),
];

pub(super) fn card(dice: &mut Dice) -> String {
    let (first, length) = dice.one_of(CARDS);
    let mut digits: Vec<u32> = first.chars().filter_map(|digit| digit.to_digit(10)).collect();
    while digits.len() < length - 1 {
        digits.push(dice.below(10) as u32);
    }
    let doubled = |(place, digit): (usize, &u32)| match place % 2 {
        0 => digit * 2 / 10 + digit * 2 % 10,
        _ => *digit,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    digits.push((10 - sum % 10) % 10);
    let digits: String = digits.iter().map(u32::to_string).collect();
    let separator = dice.one_of(&["", "", " ", "-"]);
    let groups: &[usize] = match length {
        14 => &[4, 6, 4],
        15 => &[4, 6, 5],
        _ => &[4, 4, 4, 4, 3],
    };
    let mut rest = digits.as_str();
    let mut parts = Vec::new();
    for group in groups {
        let (part, after) = rest.split_at(rest.len().min(*group));
        parts.push(part);
        rest = after;
    }
    parts.retain(|part| !part.is_empty());
    parts.join(separator)
}

/// A value of a form: `[a-f0-9]{32}`, `<sk|rk>_live_…`, `~crc`; a backslash takes the next character as it is.
pub(super) fn from_form(form: &str, dice: &mut Dice) -> Result<String> {
    let mut value = String::new();
    let mut rest = form;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("~crc") {
            let body = value.rfind('_').map_or(0, |at| at + 1);
            value += &base62(crc32(&value.as_bytes()[body..]));
            rest = after;
            continue;
        }
        rest = &rest[first.len_utf8()..];
        let closing = match first {
            '[' => ']',
            '<' => '>',
            '\\' => {
                let next = rest.chars().next().context("a form ends with a backslash")?;
                value.push(next);
                rest = &rest[next.len_utf8()..];
                continue;
            }
            plain => {
                value.push(plain);
                continue;
            }
        };
        let (within, after) = rest
            .split_once(closing)
            .with_context(|| format!("no {closing} in {form}"))?;
        // In `<…>` stand forms, in which sets are nested but none of these.
        let (many, after) = match after.strip_prefix('{').and_then(|count| count.split_once('}')) {
            Some((count, after)) => (count.parse::<usize>().context("how many?")?, after),
            None => (1, after),
        };
        for _ in 0..many {
            if first == '<' {
                let alternatives: Vec<&str> = within.split('|').collect();
                value += &from_form(dice.one_of(&alternatives), dice)?;
            } else {
                let all = of_set(within);
                value.push(dice.one_of(&all));
            }
        }
        rest = after;
    }
    Ok(value)
}

/// `A-Za-z_-` character by character.
fn of_set(set: &str) -> Vec<char> {
    let chars: Vec<char> = set.chars().collect();
    let mut all = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if at + 2 < chars.len() && chars[at + 1] == '-' {
            all.extend(chars[at]..=chars[at + 2]);
            at += 3;
        } else {
            all.push(chars[at]);
            at += 1;
        }
    }
    all
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ ((crc & 1) * 0xEDB8_8320)
        })
    })
}

fn base62(mut number: u32) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[number as usize % DIGITS.len()];
        number /= 62;
    }
    digits.map(char::from).iter().collect()
}

/// SplitMix64: the same for a seed on every machine.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_followed_and_a_seed_gives_the_same_again() {
        let made = |seed| from_form("<sk|rk>_[0-9]{4}\\[(", &mut Dice(seed)).expect("a form");
        assert_eq!(made(3), made(3));
        let value = made(7);
        assert!(value.starts_with("sk_") || value.starts_with("rk_"), "{value}");
        assert_eq!(value.len(), 9);
        assert!(value.ends_with("[("));
    }

    #[test]
    fn labels_stand_where_the_values_do_after_line_breaks() {
        let text = fill("a⏎{{x}}⏎é {{x}}", &mut Dice(1), &|_, _| {
            Ok(("value".to_owned(), Some("email")))
        });
        let text = text.expect("a template");
        assert_eq!(text.text, "a\nvalue\né value");
        assert!(
            text.labels
                .iter()
                .all(|(_, label)| &text.text[label.clone()] == "value")
        );
    }
}
