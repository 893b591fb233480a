//! Values made by the tables of the rules: a match for every row, to be spoilt by the grammar of near-misses.
//!
//! Nothing here is copied from anywhere, so no value stands in this file that could be taken for a leak.

use super::formats::FORMATS;
use super::structured::{Part, SHAPES};
use super::vendor::Format;
use super::{card, european, health, identity, named};
use crate::checksum::{base62_crc32, luhn, mod_97};
use crate::exactness::dice::Dice;

/// A value, and what must stand before it if it counts only there.
pub(crate) struct Sample {
    pub(crate) announced: &'static str,
    pub(crate) value: String,
}

/// One kind of value: the rule that finds it, as [`Engine::rules`](crate::Engine::rules) calls it, and how it is made.
pub(crate) struct Kind {
    #[cfg_attr(not(test), expect(dead_code, reason = "tests ask for it"))]
    pub(crate) rule: &'static str,
    pub(crate) rows: usize,
    make: fn(&mut Dice<'_>, usize) -> Sample,
}

impl Kind {
    /// A value for one of its rows.
    pub(crate) fn sample(&self, dice: &mut Dice<'_>) -> Sample {
        let row = dice.below(self.rows);
        (self.make)(&mut dice.fork(), row)
    }

    #[cfg(test)]
    pub(crate) fn of_row(&self, row: usize, dice: &mut Dice<'_>) -> Sample {
        (self.make)(dice, row)
    }
}

/// All kinds: at least one for every built-in rule.
#[rustfmt::skip]
pub(crate) static KINDS: &[Kind] = &[
    kind("private keys in PEM", LABELS.len(), |dice, row| alone(pem(dice, row))),
    kind("tokens in a vendor's format", FORMATS.len() + 1, |dice, row| alone(if row < FORMATS.len() { vendor(dice, &FORMATS[row]) } else { workjet(dice) })),
    kind("tokens of a vendor's structure", SHAPES.len(), |dice, row| alone(structured(dice, row))),
    kind("JSON Web Tokens", JWT_HEADERS.len(), |dice, row| alone(jwt(dice, row))),
    kind("access key ids", 5, |dice, row| alone(format!("{}{}", ["AKIA", "ASIA", "ABIA", "ACCA", "A3TX"][row], of(dice, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)))),
    kind("Bedrock API keys", 2, |dice, row| alone([format!("ABSK{}", of(dice, BASE62, 110)), format!("bedrock-api-key-{}", of(dice, BASE62, 70))][row].clone())),
    kind("secret access keys", 2, |dice, row| said(["aws_secret_access_key = ", "\"SecretAccessKey\": \""][row], of(dice, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+", 40))),
    kind("passwords in URLs", 3, |dice, row| said(["postgres://bob:", "https://amy:", "amqp+x://u:"][row], format!("{}@db.example/x", of(dice, PASSWORD, 11)))),
    kind("paths of webhooks", named::WEBHOOKS.len(), |dice, row| said(std::str::from_utf8(named::WEBHOOKS[row]).expect("ASCII"), format!("{}/{}", of(dice, BASE62, 9), of(dice, BASE62, 30)))),
    kind("values of Authorization headers", 3, |dice, row| said(["Bearer ", "Authorization: Basic ", "authorization: token "][row], if row == 1 { "dXNlcjpwYXNzd29yZDE=".into() } else { of(dice, BASE62, 28) })),
    kind("bank account numbers", 2 * european::IBANS.len(), |dice, row| alone(iban(dice, row))),
    kind("Medicare beneficiaries", 2, |dice, _| alone(id(dice, &health::MBI[0]))),
    kind("providers of health care", 1, |dice, _| said("NPI ", id(dice, &health::NPI[0]))),
    kind("prescribers of controlled substances", 2, |dice, row| said("DEA number ", id(dice, &health::DEA[row]))),
    kind("medical-record numbers", 2, |dice, row| said(["MRN: ", "medical record number "][row], of(dice, "ABC-0123456789", 9))),
    kind("national identity numbers", european::IDS.len(), |dice, row| said(european::IDS[row].words[0], id(dice, &european::IDS[row]))),
    kind("payment card numbers", 4 * card::ISSUERS.len(), |dice, row| said(if row % 2 == 0 && !card::ISSUERS[row / 4].needs_word { "" } else { "card " }, card_number(dice, row / 4))),
    kind("social security and taxpayer numbers", 3, |dice, row| said(["", "ssn ", "SSN: "][row], grouped(dice, [[3, 2, 4, 0], [3, 2, 4, 0], [9, 0, 0, 0]][row], ["-", " ", ""][row]))),
    kind("telephone numbers", PHONES.len(), |dice, row| said(if row % 3 == 0 || row + 1 == PHONES.len() { "phone: " } else { "" }, PHONES[row].chars().map(|char| if char == '#' { digit(dice) } else { char }).collect())),
    kind("e-mail addresses", 4, |dice, row| alone(email(dice, row))),
    kind("values of secret-sounding names", NAMES.len(), |dice, row| { let length = dice.between(6, 40); let quote = if NAMES[row].ends_with(['"', '\'']) { &NAMES[row][NAMES[row].len() - 1..] } else { "" }; said(NAMES[row], of(dice, PASSWORD, length) + quote) }),
];

const fn kind(rule: &'static str, rows: usize, make: fn(&mut Dice<'_>, usize) -> Sample) -> Kind {
    Kind { rule, rows, make }
}

fn alone(value: String) -> Sample {
    said("", value)
}

fn said(announced: &'static str, value: String) -> Sample {
    Sample { announced, value }
}

const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const PASSWORD: &str = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#*_-.";
const LABELS: &[&str] = &["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "PGP "];
const JWT_HEADERS: &[&str] = &[
    "eyJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ",
];
const PHONES: &[&str] = &[
    "2#2-555-0###",
    "(4##) 555-0###",
    "1-800-555-0###",
    "+1 212 555 0###",
    "212.555.0###x##",
    "+44 20 7946 0###",
    "+49 30 90##20",
    "+46 (0)8 928 571 ##",
    "06 12 34 5# 7#",
    "(020) 7946 0###",
    "08-12 3# 56",
    "(11) 96123-4###",
    "(+358) 8778932##",
    "00 44 20 7946 0###",
    "0049 30 90##20",
    "212-555-0### ext. 1##",
    "55501##",
];
const NAMES: &[&str] = &[
    "password: ",
    "password = \"",
    "api_key=",
    "\"client_secret\": \"",
    "the password is ",
    "--token ",
    "SECRET_KEY='",
    "?access_token=",
    "set the password to ",
    "passwd:\t",
];

fn of(dice: &mut Dice<'_>, alphabet: &str, count: usize) -> String {
    (0..count)
        .map(|_| char::from(dice.pick(alphabet.as_bytes())))
        .collect()
}

fn digit(dice: &mut Dice<'_>) -> char {
    char::from(dice.pick(b"0123456789"))
}

/// Bytes of an alphabet that is given as a test, letters and digits by preference.
fn body(dice: &mut Dice<'_>, alphabet: fn(u8) -> bool, count: usize) -> String {
    let plain: Vec<u8> = (33..127)
        .filter(|byte: &u8| byte.is_ascii_alphanumeric() && alphabet(*byte))
        .collect();
    let all: Vec<u8> = (33..127).filter(|byte| alphabet(*byte)).collect();
    (0..count)
        .map(|_| {
            let letters = if dice.one_in(20) { &all } else { &plain };
            char::from(dice.pick(letters))
        })
        .collect()
}

fn pem(dice: &mut Dice<'_>, row: usize) -> String {
    let (label, block) = (LABELS[row], if LABELS[row] == "PGP " { " BLOCK" } else { "" });
    let line = dice.pick(&["\n", "\r\n", "\\n"]);
    let lines: String = (0..dice.below(4))
        .map(|_| format!("{}{line}", of(dice, BASE62, 24)))
        .collect();
    let key = "PRIVATE KEY";
    let end = if dice.one_in(4) {
        String::new()
    } else {
        format!("-----END {label}{key}{block}-----")
    };
    format!("-----BEGIN {label}{key}{block}-----{line}{lines}{end}")
}

fn vendor(dice: &mut Dice<'_>, format: &Format) -> String {
    let mut token = body(dice, format.alphabet, format.body);
    match format.vendor {
        "github" if format.body == 36 => {
            token = body(dice, |byte| byte.is_ascii_alphanumeric(), 30);
            token += std::str::from_utf8(&base62_crc32(token.as_bytes())).expect("base62 is ASCII");
        }
        "sendgrid" => token.replace_range(22..23, "."),
        "authress" => token.replace_range(20..25, ".acc-"),
        "telnyx" => token.replace_range(32..33, "_"),
        "1password" if format.prefix == "A3-" => {
            for place in [6, 13, 19, 25, 31] {
                token.replace_range(place..=place, "-");
            }
        }
        _ => {}
    }
    let more = if format.exact { 0 } else { dice.below(8) };
    format!("{}{token}{}", format.prefix, body(dice, format.alphabet, more))
}

fn workjet(dice: &mut Dice<'_>) -> String {
    let unsigned = format!(
        "wj_live_{}_{}",
        of(dice, "abcdefghijklmnopqrstuvwxyz0123456789", 8),
        of(dice, BASE62, 43)
    );
    let sum = base62_crc32(unsigned.as_bytes());
    format!(
        "{unsigned}_{}",
        std::str::from_utf8(&sum).expect("base62 is ASCII")
    )
}

fn structured(dice: &mut Dice<'_>, row: usize) -> String {
    let parts = SHAPES[row].parts.iter().map(|part| match *part {
        Part::Is(text) => text.to_owned(),
        Part::Of(least, most, alphabet) => {
            let count = dice.between(least, most);
            body(dice, alphabet, count)
        }
        Part::Uuid => [8, 4, 4, 4, 12]
            .map(|count| of(dice, "0123456789abcdef", count))
            .join("-"),
    });
    parts.collect()
}

fn jwt(dice: &mut Dice<'_>, row: usize) -> String {
    let dots = if row == 2 { 4 } else { 2 };
    let segments: String = (0..dots)
        .map(|_| {
            let count = dice.between(8, 40);
            format!(".{}", of(dice, BASE62, count))
        })
        .collect();
    format!("{}{segments}", JWT_HEADERS[row])
}

fn iban(dice: &mut Dice<'_>, row: usize) -> String {
    let (country, length) = european::IBANS[row / 2];
    let account = of(dice, "0123456789", length - 4);
    // The check digits are what is missing to a remainder of 1 by 97.
    let check = (0..98)
        .find(|check| mod_97(format!("{account}{country}{check:02}").as_bytes()) == 1)
        .expect("some two digits do");
    let plain = format!("{country}{check:02}{account}");
    if row.is_multiple_of(2) {
        return plain;
    }
    let groups: Vec<&str> = plain
        .as_bytes()
        .chunks(4)
        .map(|group| std::str::from_utf8(group).expect("ASCII"))
        .collect();
    groups.join(" ")
}

/// Fills the template until the check digits are right, as they are once in ten or a hundred times; or gives up.
fn id(dice: &mut Dice<'_>, id: &identity::Id) -> String {
    let separator = dice.pick(&["", "-", " ", "."]);
    let mut value = String::new();
    for _ in 0..300 {
        value.clear();
        for expected in id.template.chars() {
            match expected {
                'd' => value.push(digit(dice)),
                'L' => value += &of(dice, "ABCDEFGHJKMNPQRTUVWXYZ", 1),
                'X' => value += &of(dice, "0123456789ACDEFGHJKMNPQRTUVWXY", 1),
                '?' => value += separator,
                other => value.push(other),
            }
        }
        let chars: Vec<u8> = value.bytes().filter(u8::is_ascii_alphanumeric).collect();
        if (id.check)(&chars) {
            break;
        }
    }
    value
}

fn card_number(dice: &mut Dice<'_>, row: usize) -> String {
    let issuer = &card::ISSUERS[row];
    let lengths: Vec<usize> = (12..=19)
        .filter(|length| issuer.lengths >> length & 1 == 1)
        .collect();
    let length = dice.pick(&lengths);
    let prefix = issuer.first as usize + dice.below((issuer.last - issuer.first + 1) as usize);
    let mut digits: Vec<u8> = format!("{prefix:06}").bytes().map(|byte| byte - b'0').collect();
    while digits.len() < length - 1 {
        digits.push(dice.below(10) as u8);
    }
    let check = (0..10).find(|check| {
        let with: Vec<u8> = digits.iter().copied().chain([*check]).collect();
        luhn(&with)
    });
    digits.extend(check);
    let separator = dice.pick(&["", " ", "-"]);
    let groups: Vec<String> = digits
        .chunks(4)
        .map(|group| group.iter().map(|digit| char::from(digit + b'0')).collect())
        .collect();
    groups.join(separator)
}

fn grouped(dice: &mut Dice<'_>, groups: [usize; 4], separator: &str) -> String {
    let groups: Vec<String> = groups
        .iter()
        .filter(|count| **count > 0)
        .map(|count| of(dice, "12345678", *count))
        .collect();
    groups.join(separator)
}

fn email(dice: &mut Dice<'_>, row: usize) -> String {
    const LOCAL: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    let (local, label) = (dice.between(1, 12), dice.between(1, 9));
    match row {
        0 => format!("{}@example.com", of(dice, LOCAL, local)),
        1 => format!(
            "{}.{}+x@{}.co.uk",
            of(dice, LOCAL, local),
            of(dice, LOCAL, 2),
            of(dice, LOCAL, label)
        ),
        2 => format!(
            "{}@{}-x.xn--p1ai",
            of(dice, "OHARAohara'_", 3),
            of(dice, LOCAL, label)
        ),
        _ => format!("josé{}@exämple{}.de", of(dice, LOCAL, 1), of(dice, LOCAL, label)),
    }
}

/// A byte class of a regular expression.
fn class(alphabet: fn(u8) -> bool) -> String {
    let bytes = (0..=u8::MAX).filter(|byte| alphabet(*byte));
    format!(
        "(?-u:[{}])",
        bytes.map(|byte| format!("\\x{byte:02x}")).collect::<String>()
    )
}

fn literal(text: &str) -> String {
    text.bytes().map(|byte| format!("(?-u:\\x{byte:02x})")).collect()
}

/// The formats of vendors as a regular expression: the prefix, the body, and of those with a fixed length the byte after it.
pub(crate) fn vendor_shapes() -> String {
    let shapes = FORMATS.iter().map(|format| {
        let next = if format.exact { "(?s-u:.)" } else { "" };
        format!(
            "{}{}{{{}}}{next}",
            literal(format.prefix),
            class(format.alphabet),
            format.body
        )
    });
    shapes.collect::<Vec<_>>().join("|")
}

/// The same for tokens in parts.
pub(crate) fn structured_shapes() -> String {
    let shapes = SHAPES.iter().map(|shape| {
        let mut regex = String::new();
        let mut open = false;
        for part in shape.parts {
            open = false;
            regex += &match *part {
                Part::Is(text) => literal(text),
                Part::Of(least, most, alphabet) => {
                    open = least < most;
                    format!("{}{{{least},{most}}}", class(alphabet))
                }
                Part::Uuid => "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}".to_owned(),
            };
        }
        // What goes on as long as its alphabet does is complete at its longest proof.
        if open { regex } else { regex + "(?s-u:.)" }
    });
    shapes.collect::<Vec<_>>().join("|")
}

pub(crate) fn iban_shapes() -> String {
    let shapes = european::IBANS.iter().map(|(country, length)| {
        let rest = length - 4;
        let grouped = "(?: [A-Z0-9]{4})".repeat(rest / 4);
        let last = if rest % 4 == 0 {
            String::new()
        } else {
            format!(" [A-Z0-9]{{{}}}", rest % 4)
        };
        format!("{country}[0-9]{{2}}(?:[A-Z0-9]{{{rest}}}|{grouped}{last})(?s-u:.)")
    });
    shapes.collect::<Vec<_>>().join("|")
}

fn template_shapes(ids: &[identity::Id]) -> String {
    let shapes = ids.iter().map(|id| {
        let parts = id.template.chars().map(|expected| match expected {
            'd' => "[0-9]".to_owned(),
            'L' => "[A-Z]".to_owned(),
            'X' => "[A-Z0-9]".to_owned(),
            '?' => "[ ./-]?".to_owned(),
            other => literal(&other.to_string()),
        });
        parts.collect::<String>() + "(?s-u:.)"
    });
    shapes.collect::<Vec<_>>().join("|")
}

pub(crate) fn mbi_shapes() -> String {
    template_shapes(health::MBI)
}

pub(crate) fn npi_shapes() -> String {
    template_shapes(health::NPI)
}

pub(crate) fn dea_shapes() -> String {
    template_shapes(health::DEA)
}

pub(crate) fn id_shapes() -> String {
    template_shapes(european::IDS)
}

/// The numbers of each issuer that need no word, up to the longest that it issues, with at most one separator of one kind between
/// two digits, and the byte after them.
pub(crate) fn card_shapes(separators: &[&str]) -> String {
    let mut all = Vec::new();
    for issuer in card::ISSUERS.iter().filter(|issuer| !issuer.needs_word) {
        let lengths = || (12..=19).filter(|length| issuer.lengths >> length & 1 == 1);
        let (least, most) = (lengths().min().unwrap_or(12), lengths().max().unwrap_or(19));
        for separator in separators {
            let gap = if separator.is_empty() {
                String::new()
            } else {
                format!("{separator}?")
            };
            for prefix in prefixes_between(issuer.first, issuer.last) {
                let prefix: Vec<String> = prefix
                    .iter()
                    .map(|(low, high)| format!("[{low}-{high}]"))
                    .collect();
                let (prefix, rest) = (prefix.join(&gap), (least - 6, most - 6));
                all.push(format!("{prefix}(?:{gap}[0-9]){{{},{}}}(?s-u:.)", rest.0, rest.1));
            }
        }
    }
    all.join("|")
}

/// Numbers of six digits from `first` to `last`, as rows of ranges of digits.
fn prefixes_between(first: u32, last: u32) -> Vec<[(u32, u32); 6]> {
    let mut rows = Vec::new();
    let mut at = first;
    while at <= last {
        // The widest block of a power of ten that begins here, and as many of it as fit.
        let mut width = 1;
        while at.is_multiple_of(width * 10) && at + width * 10 - 1 <= last {
            width *= 10;
        }
        let place = at / width % 10;
        let count = (10 - place).min((last + 1 - at) / width);
        let mut row = [(0, 9); 6];
        for (index, digit) in row.iter_mut().enumerate() {
            let unit = 10_u32.pow(5 - index as u32);
            if unit > width {
                *digit = (at / unit % 10, at / unit % 10);
            } else if unit == width {
                *digit = (place, place + count - 1);
            }
        }
        rows.push(row);
        at += count * width;
    }
    rows
}
