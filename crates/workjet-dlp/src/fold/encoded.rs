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

/// Characters that decode to the shortest values worth a look.
const LEAST: usize = 16;
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
            // A line of base64 is as long as a piece of it at least; what is shorter is a word.
            let end = match bytes[at..] {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                _ => break,
            };
            if at - line < LEAST || !bytes.get(at + end).is_some_and(|byte| base64::has(*byte)) {
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
