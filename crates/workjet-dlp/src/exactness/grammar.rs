//! Texts of near-misses: a value for every row of every rule's table, spoilt in every way that a rule must notice, among what
//! joins and breaks values.

use super::dice::Dice;
use super::patterns::Pattern;
use super::pieces::{BETWEEN, PIECES};
use crate::rules::samples::{KINDS, Kind};

/// A text. `patterns` are those of the engine that is to see it.
#[must_use]
pub fn text(dice: &mut Dice<'_>, patterns: &[Pattern]) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..dice.between(1, 6) {
        match dice.below(16) {
            0..2 => text.extend(dice.pick(BETWEEN).bytes()),
            2..6 => text.extend(PIECES[dice.below(PIECES.len())].bytes()),
            6..8 if !patterns.is_empty() => {
                let pattern = &patterns[dice.below(patterns.len())];
                let value = pattern.value(dice);
                text.extend(near_miss(dice, &value));
            }
            15 => text.extend(rarity(dice)),
            _ => {
                let kind: &Kind = &KINDS[dice.below(KINDS.len())];
                let sample = kind.sample(dice);
                // Without its announcement it is a near-miss too.
                if !dice.one_in(5) {
                    text.extend(sample.announced.bytes());
                }
                text.extend(near_miss(dice, sample.value.as_bytes()));
            }
        }
        if dice.one_in(2) {
            text.extend(dice.pick(BETWEEN).bytes());
        }
    }
    text
}

/// Few bytes, of which many ends of values consist: for all the ways in which a text can be cut.
#[must_use]
pub fn short_text(dice: &mut Dice<'_>, patterns: &[Pattern], most: usize) -> Vec<u8> {
    let text = text(dice, patterns);
    let from = dice.below(text.len().max(1));
    let to = text.len().min(from + most);
    text[from..to].to_vec()
}

/// The value itself, or one that a rule should not take for it.
fn near_miss(dice: &mut Dice<'_>, value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if value.is_empty() {
        return value;
    }
    let at = dice.below(value.len());
    match dice.below(24) {
        // Cut short at either end.
        0..3 => value.truncate(at + 1),
        3 => drop(value.drain(..at)),
        // One character too many, too few, or another: a wrong checksum.
        4 => value.insert(at, dice.pick(SPOILERS)),
        5 => drop(value.remove(at)),
        6 => value[at] = dice.pick(SPOILERS),
        7 => {
            let last = value.len() - 1;
            value[last] = match value[last] {
                b'9' => b'0',
                b'z' => b'a',
                b'Z' => b'A',
                other => other.wrapping_add(1),
            };
        }
        8 => value[at] ^= 0x20 & u8::from(value[at].is_ascii_alphabetic()) << 5,
        // Wrong boundaries.
        9 => value.push(dice.pick(SPOILERS)),
        10 => value.insert(0, dice.pick(SPOILERS)),
        // Too long: one more of the same, or very many.
        11 => value.push(value[value.len() - 1]),
        12 => {
            let again = value[at..].to_vec();
            value.extend(again);
        }
        13 => {
            let count = dice.below(400);
            value.extend(vec![value[value.len() - 1]; count]);
        }
        // Separators between characters.
        14 => {
            let separator = dice.pick(b" -./");
            let every = dice.between(1, 4);
            value = value.chunks(every).collect::<Vec<_>>().join(&separator);
        }
        15 => value = disguised(dice, &value),
        _ => {}
    }
    value
}

const SPOILERS: &[u8] = b"0149 -.@:=\"'_aAxe/()+[%\\n";

/// The value as others would write it who do not want it found.
fn disguised(dice: &mut Dice<'_>, value: &[u8]) -> Vec<u8> {
    let way = dice.below(6);
    let every = dice.between(1, 4);
    let mut disguised = Vec::new();
    for (place, &byte) in value.iter().enumerate() {
        let here = place % every == 0;
        let char = char::from(byte);
        let mut push = |text: &str| disguised.extend_from_slice(text.as_bytes());
        match way {
            0 if here && byte.is_ascii_graphic() => {
                let wide = char::from_u32(0xFEE0 + u32::from(byte)).unwrap_or(char);
                push(wide.encode_utf8(&mut [0; 4]));
            }
            1 if here => push(&format!("%{byte:02X}")),
            2 if here => push(&format!("\\u{byte:04x}")),
            3 if here => {
                disguised.push(byte);
                disguised.extend("\u{200b}".repeat(1 + place % 3).bytes());
            }
            4 if byte.is_ascii_digit() => {
                let digit = char::from_u32(0x660 + u32::from(byte - b'0')).unwrap_or(char);
                push(digit.encode_utf8(&mut [0; 4]));
            }
            5 if here => {
                disguised.push(byte);
                disguised.extend("\u{2060}\u{ad}".bytes());
            }
            _ => disguised.push(byte),
        }
    }
    disguised
}

/// What real texts hardly have: bytes that are no text, letters of any script, long rows of one byte.
fn rarity(dice: &mut Dice<'_>) -> Vec<u8> {
    match dice.below(4) {
        0 => (0..dice.between(1, 4)).map(|_| dice.below(256) as u8).collect(),
        1 => {
            let scalar = dice.below(0x11_0000) as u32;
            let char = char::from_u32(scalar).unwrap_or('\u{fffd}');
            char.to_string().into_bytes()
        }
        2 => {
            let count = dice.below(300);
            vec![dice.pick(SPOILERS); count]
        }
        _ => "and so on, ".repeat(dice.between(1, 20)).into_bytes(),
    }
}
