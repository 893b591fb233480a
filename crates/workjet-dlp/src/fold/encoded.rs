//! Values within base64: found in what it decodes to, replaced in groups of four characters.
//!
//! Only in whole texts, and only if asked for: a stream would have to hold back what nobody can read yet. A piece of base64 need
//! not begin where a group does (a path may stand before it), so all four beginnings are tried; what decodes to something that
//! nobody could read is not searched.

use std::ops::Range;

use super::sight::{Course, Sight};
use crate::Action;
use crate::base64;
use crate::custom::Scratch;
use crate::search::{Hit, Rules, Step, Window};

/// Characters that decode to the shortest values worth a look, ten digits, without padding.
const LEAST: usize = 14;
/// Characters of the shortest line, if another follows.
const LEAST_LINE: usize = 16;
/// Bytes of text that such a value takes.
const LEAST_TEXT: usize = 6;

/// A match in what a piece of base64 decodes to.
pub(super) struct Encoded {
    pub(super) start: usize,
    pub(super) rule: usize,
    pub(super) hit: Hit,
}

/// All matches within base64, by their start and rule. They may overlap.
pub(super) fn find(rules: &Rules, bytes: &[u8], from: usize, actions: &[Action]) -> Vec<Encoded> {
    let mut found = Vec::new();
    let mut at = from;
    let mut piece = Piece::default();
    while at < bytes.len() {
        at = piece.read(bytes, at);
        if piece.text.len() < LEAST {
            continue;
        }
        for offset in 0..4 {
            let decoded = base64::decode_all(&piece.text[offset..]);
            for stretch in readable(&decoded) {
                search(rules, &decoded[stretch.clone()], actions, |span, rule, hit| {
                    let (start, end) = (stretch.start + span.start, stretch.start + span.end);
                    let (first, last) = (offset + start / 3 * 4, offset + end.div_ceil(3) * 4 - 1);
                    let start = piece.places[first];
                    let end = piece.places[last.min(piece.places.len() - 1)] + 1;
                    let hit = Hit {
                        end,
                        run: None,
                        ..hit
                    };
                    found.push(Encoded { start, rule, hit });
                });
            }
        }
    }
    found.sort_by_key(|encoded| (encoded.start, encoded.rule));
    found
}

/// Characters of base64 without a break but for ends of lines, and where they stand.
#[derive(Default)]
struct Piece {
    text: Vec<u8>,
    /// With padding.
    places: Vec<usize>,
}

impl Piece {
    /// Reads the next piece, and returns where to go on.
    fn read(&mut self, bytes: &[u8], from: usize) -> usize {
        self.text.clear();
        self.places.clear();
        let Some(start) = bytes[from..].iter().position(|byte| base64::has(*byte)) else {
            return bytes.len();
        };
        let (mut at, mut line) = (from + start, from + start);
        while at < bytes.len() {
            if base64::has(bytes[at]) {
                self.text.push(bytes[at]);
                self.places.push(at);
                at += 1;
                continue;
            }
            // What is shorter is a word.
            let end = match bytes[at..] {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                _ => break,
            };
            if at - line < LEAST_LINE || !bytes.get(at + end).is_some_and(|byte| base64::has(*byte)) {
                break;
            }
            at += end;
            line = at;
        }
        let padding = bytes[at..]
            .iter()
            .take(2)
            .take_while(|byte| **byte == b'=')
            .count();
        self.places.extend(at..at + padding);
        at + padding
    }
}

/// The parts that somebody could read.
fn readable(decoded: &[u8]) -> Vec<Range<usize>> {
    let mut stretches = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at <= decoded.len() {
        let rest = &decoded[at..];
        let length = match rest.first() {
            Some(byte) if byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => 1,
            Some(0xC2..) => (2..=4)
                .find(|length| {
                    rest.get(..*length)
                        .is_some_and(|char| std::str::from_utf8(char).is_ok())
                })
                .unwrap_or(0),
            _ => 0,
        };
        if length > 0 {
            at += length;
            continue;
        }
        if at - start >= LEAST_TEXT {
            stretches.push(start..at);
        }
        at += 1;
        start = at;
    }
    stretches
}

fn search(rules: &Rules, text: &[u8], actions: &[Action], mut found: impl FnMut(Range<usize>, usize, Hit)) {
    let window = Window {
        bytes: text,
        origin: 0,
        last: true,
    };
    let (mut sight, mut scratch, mut at) = (Sight::default(), Scratch::default(), 0);
    while let Step::Found { start, rule, mut hit } = sight.next(rules, &window, at, actions, &mut scratch) {
        at = match hit
            .run
            .as_mut()
            .map(|run| sight.go_on(run, rules, &window, hit.end))
        {
            None => hit.end,
            Some(Course::EndsAt(end) | Course::GoesOnFrom(end)) => end,
        };
        found(start..at, rule, hit);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use crate::{Engine, Policy, Preset};

    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        let engine = Engine::builder().preset(Preset::Standard).base64(true).build();
        engine.expect("an engine")
    });

    /// Base64 of the standard alphabet.
    fn encode(bytes: &[u8]) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for three in bytes.chunks(3) {
            let bits = three
                .iter()
                .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - three.len()));
            for place in 0..4 {
                let index = bits >> (18 - 6 * place) & 63;
                text.push(if place <= three.len() {
                    char::from(ALPHABET[index as usize])
                } else {
                    '='
                });
            }
        }
        text
    }

    #[test]
    fn the_groups_that_cover_a_value_are_replaced_wherever_it_stands() {
        for before in 0..8 {
            for after in 0..4 {
                let value = "bob@example.com";
                let text = format!("{} {value} {}", "x".repeat(before), "y".repeat(after));
                let encoded = encode(text.as_bytes());
                let redacted = ENGINE.redact(&encoded, &Policy::redact_all()).text.into_owned();
                let (start, end) = redacted.split_once("[REDACTED:email]").expect("a finding");
                assert_eq!(start.len(), (before + 1) / 3 * 4);
                assert_eq!(
                    end.len(),
                    encoded.len() - (before + 1 + value.len()).div_ceil(3) * 4
                );
            }
        }
    }

    #[test]
    fn lines_of_a_mail_are_one_piece_and_lines_of_words_are_none() {
        let encoded = encode(format!("{} bob@example.com", "so and ".repeat(7)).as_bytes());
        let lines = |end: &str| format!("{}{end}{}", &encoded[..60], &encoded[60..]);
        for text in [lines("\n"), lines("\r\n")] {
            assert!(
                ENGINE
                    .redact(&text, &Policy::redact_all())
                    .text
                    .ends_with("[REDACTED:email]"),
                "{text}"
            );
        }
        let list = "Ym9i\nQGV4YW1w\nbGUu\nY29t\n";
        assert_eq!(ENGINE.redact(list, &Policy::redact_all()).text, list);
    }

    #[test]
    fn what_comes_first_in_the_text_wins_and_nothing_overlaps() {
        let encoded = encode(b"to bob@example.com or +44 20 7946 0958!");
        let text = format!("ann@example.com {encoded} 536-22-8726");
        let found: Vec<_> = ENGINE
            .find_iter(&text)
            .map(|hit| hit.detector().to_string())
            .collect();
        assert_eq!(found, ["email", "email", "phone", "us_ssn"]);
        // A value that the text itself shows goes before what it decodes to.
        let text = format!("password = {encoded}");
        let found: Vec<_> = ENGINE
            .find_iter(&text)
            .map(|hit| hit.detector().to_string())
            .collect();
        assert_eq!(found, ["api_secret"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn findings_are_in_order_and_within_the_text(pieces in prop::collection::vec(prop_oneof![
            "[A-Za-z0-9+/_\\-]{0,40}={0,2}", "[ -~]{0,40}".prop_map(|text| encode(text.as_bytes())),
            Just(encode(b"card 4111 1111 1111 1111 bob@example.com")), Just("bob%40example.com".to_owned()), "[\\r\\n é=]{0,3}",
        ], 0..8)) {
            let text = pieces.concat();
            let mut at = 0;
            for hit in ENGINE.find_iter(&text) {
                prop_assert!(at <= hit.span().start && hit.span().start < hit.span().end);
                at = hit.span().end;
                prop_assert!(text.get(hit.span()).is_some());
            }
            let _ = ENGINE.redact(&text, &Policy::redact_all());
        }
    }
}
