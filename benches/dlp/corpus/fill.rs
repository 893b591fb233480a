//! Sentences with gaps, and what goes into them.
//!
//! `{name}` is one of the words listed under that name. `{4d}` are four digits, `{8x}` eight hexadecimal ones. `{uuid}`, and the
//! values that the detectors look for: `{card}`, `{email}`, `{phone}`, `{ssn}`, `{aws_key_id}`, `{gitlab_token}`, `{password}`.
//! The latter are put together here, so that no scanner takes a file of this repository for a leak.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

use crate::random::Random;

#[derive(Debug)]
pub(crate) struct Sentences(Vec<Vec<Part>>);

#[derive(Debug)]
enum Part {
    Text(String),
    Words(Vec<String>),
    Digits(usize),
    Hex(usize),
    Made(fn(&mut Random) -> String),
}

const DIGITS: &[u8] = b"0123456789";
const HEX: &[u8] = b"0123456789abcdef";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Sentences {
    pub(crate) fn new(sentences: Vec<String>, words: BTreeMap<String, Vec<String>>) -> Result<Self> {
        ensure!(!sentences.is_empty(), "there are no sentences");
        sentences
            .iter()
            .map(|sentence| parts(sentence, &words).with_context(|| format!("in the sentence {sentence:?}")))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Sentences until there are at least so many bytes.
    pub(crate) fn text(&self, bytes: usize, random: &mut Random) -> String {
        let mut text = String::with_capacity(bytes + 200);
        while text.len() < bytes {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push(' ');
            }
            for part in random.pick(&self.0) {
                match part {
                    Part::Text(said) => text.push_str(said),
                    Part::Words(words) => text.push_str(random.pick::<String>(words)),
                    Part::Digits(count) => text.push_str(&random.string(*count, DIGITS)),
                    Part::Hex(count) => text.push_str(&random.string(*count, HEX)),
                    Part::Made(make) => text.push_str(&make(random)),
                }
            }
        }
        text
    }
}

fn parts(sentence: &str, words: &BTreeMap<String, Vec<String>>) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (gap, after) = after.split_once('}').context("a brace is not closed")?;
        parts.push(Part::Text(before.to_owned()));
        parts.push(filling(gap, words).with_context(|| format!("nothing fills {{{gap}}}"))?);
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

fn filling(gap: &str, words: &BTreeMap<String, Vec<String>>) -> Option<Part> {
    if let Some(words) = words.get(gap).filter(|words| !words.is_empty()) {
        return Some(Part::Words(words.clone()));
    }
    let count = |of: char| gap.strip_suffix(of)?.parse().ok();
    if let Some(digits) = count('d') {
        return Some(Part::Digits(digits));
    }
    if let Some(digits) = count('x') {
        return Some(Part::Hex(digits));
    }
    let made: fn(&mut Random) -> String = match gap {
        "uuid" => uuid,
        "card" => card,
        "email" => email,
        "phone" => phone,
        "ssn" => ssn,
        "aws_key_id" => |random| ["AK", "IA", &random.string(16, BASE32)].concat(),
        "gitlab_token" => |random| ["gl", "pat-", &random.string(20, ALPHANUMERIC)].concat(),
        "password" => |random| random.string(14, ALPHANUMERIC),
        _ => return None,
    };
    Some(Part::Made(made))
}

fn uuid(random: &mut Random) -> String {
    [8, 4, 4, 4, 12]
        .map(|length| random.string(length, HEX))
        .join("-")
}

/// A number of the Visa kind that passes Luhn's check, in fours.
fn card(random: &mut Random) -> String {
    let mut digits = ["4", &random.string(14, DIGITS)].concat().into_bytes();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0');
            match (index % 2, digit) {
                (0, 5..) => digit * 2 - 9,
                (0, _) => digit * 2,
                _ => digit,
            }
        })
        .sum();
    digits.push(b'0' + ((10 - sum % 10) % 10) as u8);
    let separator = random.pick(&[" ", "-", ""]);
    digits
        .chunks(4)
        .map(|four| four.iter().copied().map(char::from).collect::<String>())
        .collect::<Vec<_>>()
        .join(separator)
}

fn email(random: &mut Random) -> String {
    let [first, last] = [4, 6].map(|length| random.string(length, LOWER));
    let host = random.pick(&["corp-mail.example.com", "mail.example.org", "example.net"]);
    format!("{first}.{last}@{host}")
}

fn phone(random: &mut Random) -> String {
    let area = random.pick(&["212", "415", "617", "312", "206"]);
    let (exchange, line) = (random.string(2, DIGITS), random.string(4, DIGITS));
    // An exchange does not end in 11.
    let exchange = if exchange == "11" { "12" } else { &exchange };
    match random.below(3) {
        0 => format!("+1 {area} 5{exchange} {line}"),
        1 => format!("({area}) 5{exchange}-{line}"),
        _ => format!("{area}-5{exchange}-{line}"),
    }
}

fn ssn(random: &mut Random) -> String {
    format!(
        "5{}-{}-{}",
        30 + random.below(69),
        11 + random.below(80),
        1000 + random.below(9000)
    )
}
