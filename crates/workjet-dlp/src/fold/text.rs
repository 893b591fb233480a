//! A text in its folded form, and the way back.

use super::plain::plain;
use super::unit::{Guised, Unit};

/// Ignorable characters that are skipped between two others. One more, and the last stays.
const MAX_SKIPPED: usize = 2;

/// Folded text that grows at its end. Places in the original count from the beginning of some window onto it, and may lie
/// before that.
#[derive(Default)]
pub(super) struct Folded {
    pub(super) bytes: Vec<u8>,
    /// Where folded and original differ, from left to right.
    edits: Vec<Edit>,
    /// The original is folded from here…
    start: isize,
    /// …up to here.
    taken: isize,
    /// Characters that were skipped since the last that was not.
    skipped: usize,
}

/// `length` bytes of the original at `original` became `count` at `folded`.
#[derive(Clone, Copy, Debug)]
struct Edit {
    folded: usize,
    count: usize,
    original: isize,
    length: usize,
}

impl Edit {
    fn folded_end(&self) -> usize {
        self.folded + self.count
    }

    fn original_end(&self) -> isize {
        self.original + self.length as isize
    }
}

impl Folded {
    /// Begins anew, with the original from this place on.
    pub(super) fn begin(&mut self, start: usize) {
        self.bytes.clear();
        self.edits.clear();
        (self.start, self.taken) = (start as isize, start as isize);
        self.skipped = 0;
    }

    /// Where in the original the part begins that is still to be folded.
    pub(super) fn taken(&self) -> usize {
        self.taken.max(0) as usize
    }

    /// Folds what follows, all of it if `last`, else up to a character that is cut off.
    pub(super) fn take(&mut self, text: &[u8], last: bool) {
        let mut at = 0;
        while at < text.len() {
            let plain = plain(&text[at..], last);
            if plain > 0 {
                self.pass(&text[at..at + plain]);
                at += plain;
                continue;
            }
            match Unit::read(&text[at..], last) {
                Unit::CutOff => break,
                Unit::Plain(length) => {
                    self.pass(&text[at..at + length]);
                    at += length;
                }
                Unit::Other(length, guised) => {
                    let bytes = &text[at..at + length];
                    match guised {
                        Guised::Bytes(bytes, count) => self.edit(length, &bytes[..count]),
                        Guised::Nothing if self.skipped < MAX_SKIPPED => {
                            self.skipped += 1;
                            let skipped = self.skipped;
                            self.edit(length, &[]);
                            self.skipped = skipped;
                        }
                        Guised::Dash if self.follows_number() => self.edit(length, b"-"),
                        Guised::Nothing | Guised::Dash => self.pass(bytes),
                    }
                    at += length;
                }
            }
        }
    }

    /// `—` stands between digits, or between clauses: `ask me—bob@example.com`.
    fn follows_number(&self) -> bool {
        self.bytes
            .last()
            .is_some_and(|byte| byte.is_ascii_digit() || *byte == b')')
    }

    fn pass(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.taken += text.len() as isize;
        self.skipped = 0;
    }

    fn edit(&mut self, length: usize, bytes: &[u8]) {
        self.edits.push(Edit {
            folded: self.bytes.len(),
            count: bytes.len(),
            original: self.taken,
            length,
        });
        self.bytes.extend_from_slice(bytes);
        self.taken += length as isize;
        self.skipped = 0;
    }

    /// Where in the original the byte at `place` begins; where the next one will, at the end.
    pub(super) fn start_of(&self, place: usize) -> usize {
        let after = self.edits.partition_point(|edit| edit.folded <= place);
        let original = match after.checked_sub(1).map(|last| &self.edits[last]) {
            None => self.start + place as isize,
            Some(edit) if place < edit.folded_end() => edit.original,
            Some(edit) => edit.original_end() + (place - edit.folded_end()) as isize,
        };
        original.max(0) as usize
    }

    /// Where in the original the byte before `place` ends.
    pub(super) fn end_before(&self, place: usize) -> usize {
        let Some(byte) = place.checked_sub(1) else {
            return self.start.max(0) as usize;
        };
        let after = self.edits.partition_point(|edit| edit.folded <= byte);
        match after.checked_sub(1).map(|last| &self.edits[last]) {
            Some(edit) if byte < edit.folded_end() => edit.original_end().max(0) as usize,
            _ => self.start_of(byte) + 1,
        }
    }

    /// The first byte that begins at or after a place of the original.
    pub(super) fn place_of(&self, original: usize) -> usize {
        let original = original as isize;
        let after = self.edits.partition_point(|edit| edit.original < original);
        let place = match after.checked_sub(1).map(|last| &self.edits[last]) {
            None => (original - self.start).max(0) as usize,
            Some(edit) => edit.folded_end() + (original - edit.original_end()).max(0) as usize,
        };
        place.min(self.bytes.len())
    }

    /// How many bytes, from the first on, come from the original before this place.
    pub(super) fn count_within(&self, original: usize) -> usize {
        let mut count = self.place_of(original);
        while count > 0 && self.end_before(count) > original {
            count -= 1;
        }
        count
    }

    /// Where the last difference ends, folded and in the original.
    pub(super) fn last_edit(&self) -> Option<(usize, usize)> {
        let edit = self.edits.last()?;
        Some((edit.folded_end(), edit.original_end().max(0) as usize))
    }

    /// The last place from which `reach` folded bytes may take more than `most` of the original, looking at the edits
    /// from the one numbered `from` on.
    pub(super) fn stretched_to(&self, from: usize, reach: usize, most: usize) -> Option<usize> {
        let mut first = self.edits[..from].partition_point(|edit| {
            self.edits
                .get(from)
                .is_some_and(|new| edit.folded + reach < new.folded)
        });
        let mut stretched = None;
        for edit in &self.edits[from..] {
            while self.edits[first].folded + reach < edit.folded {
                first += 1;
            }
            let begin = &self.edits[first];
            let folded = edit.folded_end() - begin.folded;
            let original = (edit.original_end() - begin.original) as usize;
            if original + reach.saturating_sub(folded) > most {
                stretched = Some(edit.folded_end());
            }
        }
        stretched
    }

    pub(super) fn edits(&self) -> usize {
        self.edits.len()
    }

    /// Drops bytes from the front.
    pub(super) fn drop_front(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        self.start = self.start_of_signed(count);
        self.bytes.drain(..count);
        // An edit that takes bytes away right before the first one that stays is no longer of use.
        let gone = self.edits.partition_point(|edit| edit.folded_end() <= count);
        self.edits.drain(..gone);
        for edit in &mut self.edits {
            let cut = count.saturating_sub(edit.folded);
            edit.folded = edit.folded.saturating_sub(count);
            edit.count -= cut;
        }
    }

    fn start_of_signed(&self, place: usize) -> isize {
        let after = self.edits.partition_point(|edit| edit.folded <= place);
        match after.checked_sub(1).map(|last| &self.edits[last]) {
            None => self.start + place as isize,
            Some(edit) if place < edit.folded_end() => edit.original,
            Some(edit) => edit.original_end() + (place - edit.folded_end()) as isize,
        }
    }

    /// Says that the window onto the original begins so many bytes later from now on.
    pub(super) fn shift(&mut self, count: usize) {
        let count = count as isize;
        self.start -= count;
        self.taken -= count;
        for edit in &mut self.edits {
            edit.original -= count;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plain::find;
    use super::*;

    fn folded(text: &str) -> String {
        let mut folded = Folded::default();
        folded.take(text.as_bytes(), true);
        String::from_utf8_lossy(&folded.bytes).into_owned()
    }

    #[test]
    fn disguises_fold_to_what_they_stand_for() {
        for (text, plain) in [
            ("４１１１", "4111"),
            ("bob＠example．com", "bob@example.com"),
            ("pass\u{200b}wo\u{ad}\u{2060}rd", "password"),
            ("a\u{200b}\u{200b}\u{200b}b", "a\u{200b}b"),
            ("536–22—8726 a—b", "536-22-8726 a—b"),
            ("4111%201111%2f%40%e2%80%8b!", "4111 1111/@!"),
            ("bob%2540example.com 100%2541 %25", "bob@example.com 100%41 %"),
            (
                r"bob\u0040x \u0034\u00e9 \ud835\udfd2 a\/b \\u0040",
                "bob@x 4é 4 a/b @",
            ),
            (r"\ud835x \udfd2 \u12g4 \x40 \n", r"\ud835x \udfd2 \u12g4 \x40 \n"),
            ("%EF%BC%94 %C3%A9 %", "4 é %"),
            ("4️⃣1️⃣ 𝗽𝗮𝘀𝘀", "41 pass"),
        ] {
            assert_eq!(folded(text), plain, "{text}");
        }
        assert_eq!(
            folded("\\\\\\\\\\u0040"),
            "\\@",
            "of five backslashes, four are an escape's"
        );
    }

    /// The obvious way: one unit after the other, and for each folded byte where it came from.
    fn slowly(text: &[u8], last: bool) -> (Vec<(u8, usize, usize)>, usize) {
        let (mut folded, mut at, mut skipped) = (Vec::new(), 0, 0);
        while at < text.len() {
            let (length, guised) = match Unit::read(&text[at..], last) {
                Unit::CutOff => break,
                Unit::Plain(length) => (length, None),
                Unit::Other(length, guised) => (length, Some(guised)),
            };
            let before = folded.last().map(|(byte, _, _)| *byte);
            let number = before.is_some_and(|byte: u8| byte.is_ascii_digit() || byte == b')');
            let end = at + length;
            let pass = |folded: &mut Vec<_>| folded.extend((at..end).map(|at| (text[at], at, at + 1)));
            match guised {
                Some(Guised::Nothing) if skipped < 2 => skipped += 1,
                other => {
                    skipped = 0;
                    match other {
                        Some(Guised::Bytes(bytes, count)) => {
                            folded.extend(bytes[..count].iter().map(|byte| (*byte, at, end)));
                        }
                        Some(Guised::Dash) if number => folded.push((b'-', at, end)),
                        _ => pass(&mut folded),
                    }
                }
            }
            at = end;
        }
        (folded, at)
    }

    fn check(text: &[u8], cuts: &[usize], drop: usize) {
        let mut folded = Folded::default();
        let mut dropped = 0;
        for (number, to) in cuts.iter().copied().chain([text.len()]).enumerate() {
            let last = number == cuts.len();
            let from = folded.taken();
            folded.take(&text[from..to], last);
            let (slow, taken) = slowly(&text[..to], last);
            assert_eq!(folded.taken(), taken);
            let bytes: Vec<u8> = slow.iter().map(|(byte, _, _)| *byte).collect();
            assert_eq!(
                folded.bytes,
                bytes[dropped..],
                "{:?} at {to}",
                String::from_utf8_lossy(text)
            );
            for (place, (_, start, end)) in slow[dropped..].iter().enumerate() {
                assert_eq!(folded.start_of(place), *start);
                assert_eq!(folded.end_before(place + 1), *end);
            }
            for original in slow.get(dropped).map_or(taken, |first| first.1)..=taken {
                let first = slow[dropped..]
                    .iter()
                    .position(|(_, start, _)| *start >= original);
                assert_eq!(folded.place_of(original), first.unwrap_or(slow.len() - dropped));
                let within = slow[dropped..]
                    .iter()
                    .take_while(|(_, _, end)| *end <= original)
                    .count();
                assert_eq!(folded.count_within(original), within);
            }
            let more = drop.min(folded.bytes.len().saturating_sub(1));
            folded.drop_front(more);
            dropped += more;
        }
        let (slow, taken) = slowly(text, true);
        let at = (0..text.len()).find(|at| !matches!(Unit::read(&text[*at..], true), Unit::Plain(_)));
        assert_eq!(find(text, 0, true), at);
        let plain = taken == text.len() && slow.iter().all(|(_, start, end)| end - start == 1);
        assert!(plain || find(text, 0, true).is_some());
    }

    const PIECES: [&str; 28] = [
        "4",
        "a",
        "é",
        "例",
        "４",
        "\u{200b}",
        "\u{ad}",
        "\u{fe0f}",
        "–",
        ")",
        "%34",
        "%4",
        "%",
        "%25",
        "%E2%80%8B",
        "%e9",
        "\\",
        "\\u0034",
        "\\u00",
        "\\ud835\\udfd2",
        "\\ud835",
        "\\/",
        "\\n",
        "😀",
        "𝟗",
        "u0034",
        "40",
        "plain text and more of it ",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_text_folded_in_pieces_is_the_text_folded_at_once((text, cuts, drop) in
            prop::collection::vec(prop::sample::select(PIECES.to_vec()), 1..12).prop_map(|pieces| pieces.concat())
            .prop_flat_map(|text| {
                let length = text.len();
                (Just(text), prop::collection::btree_set(0..=length, 0..5), 0..4_usize)
            })) {
            let cuts: Vec<usize> = cuts.into_iter().collect();
            check(text.as_bytes(), &cuts, drop);
            let each: Vec<usize> = (1..text.len()).collect();
            check(text.as_bytes(), &each, drop);
        }

        #[test]
        fn bytes_that_are_no_text_stay_as_they_are(bytes in prop::collection::vec(prop::sample::select(
            b"\xE2\x80\x8B\xC2\xAD%2E80\\u4\xF0\x9F\xFF".to_vec()), 0..24)) {
            let each: Vec<usize> = (1..bytes.len()).collect();
            check(&bytes, &each, 1);
        }
    }
}
