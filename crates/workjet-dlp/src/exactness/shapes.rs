//! The shape of every rule, written down a second time: what it is made of and how long it is, as regular expressions.
//!
//! Checksums, entropy and lists of words are not in them. The tables of vendors, issuers, accounts and national numbers are read
//! from where the rules have them; what the rules make of a row is written again here. Where a shape counts only after words or
//! signs, they are taken to be there if the rule accepts a value of our own in its place: that asks the rule about a whole text
//! only, and never what it would wait for.

use super::live::Live;
use crate::rules::samples;

/// A shape of a rule.
pub(super) struct Shape {
    /// The rule, as [`Engine::rules`](crate::Engine::rules) calls it.
    pub(super) rule: &'static str,
    /// What may stand before it.
    pub(super) after: fn(&[u8]) -> bool,
    /// Values one of which the rule must accept at this place.
    pub(super) announced: &'static [&'static str],
    /// All must be alive.
    pub(super) all_of: Vec<Live>,
}

/// All of them; at least one for every built-in rule.
pub(super) fn shapes() -> Vec<Shape> {
    let label = format!("{LETTER}(?:-*{LETTER})*");
    let mut shapes = vec![
        shape(
            "private keys in PEM",
            anything,
            &[
                r"-----BEGIN [A-Z0-9 ]{0,40}-----(?s-u:.)",
                r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s-u:.)",
            ],
        ),
        shape(
            "tokens in a vendor's format",
            no_word,
            &[&samples::vendor_shapes()],
        ),
        shape(
            "tokens in a vendor's format",
            no_word,
            &[r"wj_[a-z0-9]{1,16}_[a-z0-9]{8,16}_[A-Za-z0-9]{43}_[A-Za-z0-9]{6}"],
        ),
        shape(
            "tokens of a vendor's structure",
            no_word,
            &[&samples::structured_shapes()],
        ),
        shape(
            "JSON Web Tokens",
            |before| no_word(before) && !before.ends_with(b"-") && !before.ends_with(b"_"),
            &[r"eyJ(?:[A-Za-z0-9_-]{253}|[A-Za-z0-9_-]{0,252}\.[A-Za-z0-9_-]{8})"],
        ),
        shape(
            "access key ids",
            no_word,
            &[r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}(?s-u:.)"],
        ),
        shape(
            "Bedrock API keys",
            no_word,
            &[r"ABSK[A-Za-z0-9/+=]{100}|bedrock-api-key-[A-Za-z0-9/+=]{60}"],
        ),
        said(
            "secret access keys",
            no_word,
            &["8fK2/pQ9zL7vTeXwR3mB5yNcD1gHj4UaS6oIiVtZ"],
            r"[A-Za-z0-9/+][A-Za-z0-9/+=]{39}(?s-u:.)",
        ),
        said(
            "passwords in URLs",
            |before| ends(before, b":"),
            &["Zq3vR8x@h/"],
            &format!("{USERINFO}(?:{USERINFO}|@){{127}}(?s-u:.)"),
        ),
        said(
            "paths of webhooks",
            |before| ends(before, b"/"),
            &["T02AB3CD4/B05EF6GH7x9Kq2ZxW9vRt3LmN7"],
            r"[A-Za-z0-9][A-Za-z0-9/_@-]{31}",
        ),
        said(
            "values of Authorization headers",
            |before| ends(before, b" "),
            &["9f8A7b6C5d4E3f2A1b0C", "dXNlcjpwYXNzd29yZDE="],
            r"[A-Za-z0-9._~+/-][A-Za-z0-9._~+/=-]{199}",
        ),
        shape("bank account numbers", no_word, &[&samples::iban_shapes()]),
        shape("Medicare beneficiaries", no_word, &[&samples::mbi_shapes()]),
        shape("providers of health care", no_word, &[&samples::npi_shapes()]),
        shape(
            "prescribers of controlled substances",
            no_word,
            &[&samples::dea_shapes()],
        ),
        said(
            "medical-record numbers",
            no_word,
            &["AB1234567"],
            r"[A-Z0-9][A-Z0-9-]{0,15}(?s-u:.)",
        ),
        shape("national identity numbers", no_word, &[&samples::id_shapes()]),
        said(
            "payment card numbers",
            no_digit,
            &["630427373398", "6304 2737 3398", "6304-2737-3398"],
            &digits(&["[0-9]{12,19}"], &["", " ", "-"], "[^0-9]"),
        ),
        shape(
            "payment card numbers",
            no_digit,
            &[&samples::card_shapes(&["", " ", "-"])],
        ),
        shape(
            "social security and taxpayer numbers",
            no_digit,
            &[
                r"[0-9]{9}(?s-u:.)|[0-9]{3}-[0-9]{2}-[0-9]{4}(?s-u:.)|[0-9]{3} [0-9]{2} [0-9]{4}(?s-u:.)|[0-9]{3}\.[0-9]{2}\.[0-9]{4}(?s-u:.)",
            ],
        ),
        shape("telephone numbers", no_number, &[&phone("", r"\+\(?[1-9]", 15)]),
        shape("telephone numbers", no_number, &[&phone("", r"\(\+[1-9]", 15)]),
        shape(
            "telephone numbers",
            no_number,
            &[&phone(r"\(?", &format!("0{GAP}0"), 15)],
        ),
        shape("telephone numbers", no_number, &[&phone(r"\(?", "0", 10)]),
        shape(
            "telephone numbers",
            no_number,
            &[&phone(r"\(?", &format!("(?:1{GAP})?[2-9]{GAP}[0-8]"), 8)],
        ),
        shape("telephone numbers", no_number, &[&phone("", r"\([1-9]", 10)]),
        shape(
            "telephone numbers",
            no_number,
            &[&phone("", &format!(r"8{GAP}\([0-9]"), 10)],
        ),
        said(
            "telephone numbers",
            no_number,
            &["2345678"],
            &phone(r"\(?", "[0-9]", 14),
        ),
        shape(
            "e-mail addresses",
            no_letter,
            &[
                &format!(
                    r"{LETTER}(?:[!#$%'*+\-^_~]|{LETTER}|\.(?:[!#$%'*+\-^_~]|{LETTER}))*@(?:{label}\.)*{label}"
                ),
                &format!(r"(?s-u:[^@]{{1,64}}@(?:[^.]{{1,63}}\.)*[^.]{{1,63}}{CHARACTER})"),
                r"(?s-u:[^@]{1,64}@.{0,258})",
            ],
        ),
    ];
    let value = |exclude: &str| {
        format!(
            "(?:{first}(?s-u:[^{SPACES}{exclude}])",
            first = r#"(?-u:[^\x00-\x20\x7f"'`,;:=)\]}>|<\[\\])"#
        ) + "{127})"
    };
    shapes.extend([
        said(
            "values of secret-sounding names",
            assigned,
            &["q7Zr!x9KpW2m", "q7Zr!x9KpW2mT4vB8nLc"],
            &value(r#""'`\\<>,;)\]}|"#),
        ),
        said(
            "values of secret-sounding names",
            assigned,
            &["q7Zr,x9KpW2m", "q7Zr;x9KpW2mT4vB8nLc"],
            &value(r#""'`\\<>"#),
        ),
    ]);
    shapes
}

const SPACES: &str = r"\x00-\x20\x7f";
const USERINFO: &str = r#"(?-u:[!-~&&[^/?\#@"'`<>\\]])"#;
/// A letter, a digit, what may be one in a later version of Unicode, or the beginning of any character that is not ASCII: such a
/// character counts once it is there.
const LETTER: &str = concat!(
    r"(?:[\w\p{N}\p{Cn}&&[^_]]|",
    r"(?-u:(?:[\xC2-\xDF]|[\xE0-\xEF][\x80-\xBF]?|[\xF0-\xF4][\x80-\xBF]{0,2})\xFF))"
);
/// Any character, or a byte that begins none.
const CHARACTER: &str =
    r"(?:[\x00-\xBF]|[\xC0-\xDF][\x80-\xBF]|[\xE0-\xEF][\x80-\xBF]{2}|[\xF0-\xFF][\x80-\xBF]{3})";
/// What may stand between two digits of a telephone number.
const GAP: &str = r"(?:\)?[ \-./]{0,2}\(?)";

fn shape(rule: &'static str, after: fn(&[u8]) -> bool, all_of: &[&str]) -> Shape {
    Shape {
        rule,
        after,
        announced: &[],
        all_of: all_of.iter().map(|regex| Live::new(regex)).collect(),
    }
}

fn said(
    rule: &'static str,
    after: fn(&[u8]) -> bool,
    announced: &'static [&'static str],
    regex: &str,
) -> Shape {
    Shape {
        announced,
        ..shape(rule, after, &[regex])
    }
}

/// Each of these rows of digits with one of the separators anywhere between two of them.
fn digits(rows: &[&str], separators: &[&str], next: &str) -> String {
    let mut all = Vec::new();
    for row in rows {
        for separator in separators {
            let row = row.replace("[0-9]{12,19}", &format!("[0-9](?:{separator}[0-9]){{11,18}}"));
            let row = if separator.is_empty() {
                row
            } else {
                row.replace(&format!("(?:{separator}["), &format!("(?:{separator}?["))
            };
            all.push(format!("{row}(?s-u:{next})"));
        }
    }
    all.join("|")
}

/// A telephone number: how it begins, how many digits may follow, an extension, and the character after it.
fn phone(opened: &str, begins: &str, more: usize) -> String {
    format!(
        r"{opened}{begins}(?:{GAP}[0-9]|\(0\)){{0,{more}}}\)?(?:,? ?(?i-u:x|ext\.?) ?[0-9]{{1,6}})?(?s-u:.)"
    )
}

fn anything(_: &[u8]) -> bool {
    true
}

fn ends(before: &[u8], with: &[u8]) -> bool {
    before.last().is_some_and(|byte| with.contains(byte))
}

/// Whether an escape such as `\n` stands there.
fn escape(before: &[u8]) -> bool {
    matches!(before, [.., b'\\', b'n' | b't' | b'r'])
}

/// Most values begin where a word does.
fn no_word(before: &[u8]) -> bool {
    !before.last().is_some_and(u8::is_ascii_alphanumeric) || escape(before)
}

fn no_digit(before: &[u8]) -> bool {
    !before.last().is_some_and(u8::is_ascii_digit)
}

/// Telephone numbers do not go on another number or a word.
fn no_number(before: &[u8]) -> bool {
    let within = matches!(
        before,
        [
            ..,
            b'0'..=b'9',
            b'-' | b'.' | b'/' | b',' | b':' | b')' | b'(' | b'*'
        ]
    );
    no_word(before) && !within && !ends(before, b"$#%_+@")
}

/// Addresses do not begin within a word of any script.
fn no_letter(before: &[u8]) -> bool {
    let chars = before[before.len().saturating_sub(4)..].utf8_chunks();
    let last = chars.last().filter(|chunk| chunk.invalid().is_empty());
    let letter = last
        .and_then(|chunk| chunk.valid().chars().last())
        .is_some_and(char::is_alphanumeric);
    !letter || escape(before)
}

fn assigned(before: &[u8]) -> bool {
    ends(before, b"=: \t\"'`>") || before.ends_with(b" -p")
}
