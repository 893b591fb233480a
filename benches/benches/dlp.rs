//! The DLP engine on clean and dense text, in sizes from a chat message to a document, whole and streamed.
//!
//! `cargo bench -p workjet-bench` prints a rate for each; the text is made here, so every machine measures the same.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use workjet_dlp::{Engine, Policy};

fn main() {
    divan::main();
}

const SIZES: [usize; 3] = [200, 2 << 10, 64 << 10];

/// Sentences as people write them: words, commas, a year and a price, nothing that could be sensitive.
const PROSE: &str = "In 2024 the harbour was rebuilt, and most of the old cranes went to a museum further up the river. \
    Nobody expected the ferries to stay, yet they still leave at seven, ten and four; a ticket costs 3.50 and the crossing \
    takes about half an hour. Behind the market there is a small workshop where boats are mended, and on windy days you \
    can hear the hammers from the other side of the water. ";

/// Every sentence carries a match.
const DENSE: &str = "Pay with 4111 1111 1111 1111 before noon. Write to jane.doe@corp-mail.example.com about it. \
    Call +1 415 555 2671 after five. Her number is 536-90-4399, she said. ";

/// Texts that ask for as much work as possible and hold nothing, or next to nothing: units that are repeated.
const HOSTILE: [(&str, &str); 16] = [
    ("digits", "0"),
    ("single_digits", "4 "),
    ("groups_of_four", "4111 "),
    ("almost_an_ssn", "536-22-872 "),
    ("almost_a_phone", "112-555-0123 "),
    ("pairs", "06 12 34 56 7"),
    ("signs", "@"),
    ("local_parts", "a.a.a.a.a.a.@"),
    ("domains", "a@b.c."),
    ("letters_beyond_ascii", "é@"),
    ("passwords_in_urls", "://u:p"),
    ("prefixes", "sk-"),
    ("names", "api_key="),
    ("verbs", " is"),
    ("base64", "aB3/xY7+Zq9"),
    ("spaces", " "),
];

fn text(of: &str, bytes: usize) -> String {
    of.chars().cycle().take(bytes).collect()
}

#[divan::bench(args = SIZES)]
fn redact_clean(bencher: Bencher<'_, '_>, bytes: usize) {
    redact(bencher, &text(PROSE, bytes));
}

#[divan::bench(args = SIZES)]
fn redact_dense(bencher: Bencher<'_, '_>, bytes: usize) {
    redact(bencher, &text(DENSE, bytes));
}

/// Time per byte must be the same for both sizes.
#[divan::bench(args = HOSTILE.map(|(name, _)| name), consts = [10_000, 10_000_000], sample_count = 5, sample_size = 1)]
fn redact_hostile<const BYTES: usize>(bencher: Bencher<'_, '_>, name: &str) {
    let (_, unit) = HOSTILE
        .into_iter()
        .find(|(listed, _)| *listed == name)
        .expect("a name from the list");
    redact(bencher, &text(unit, BYTES));
}

fn redact(bencher: Bencher<'_, '_>, text: &str) {
    let engine = Engine::standard();
    let policy = Policy::redact_all();
    bencher
        .counter(BytesCount::of_str(text))
        .bench(|| engine.redact(black_box(text), &policy).text.len());
}

/// A reply of 4 KB in chunks of so many bytes, as models send them.
#[divan::bench(args = [1, 4, 16, 64, 1024])]
fn stream_clean(bencher: Bencher<'_, '_>, chunk: usize) {
    stream(bencher, &text(PROSE, 4 << 10), chunk);
}

#[divan::bench(args = [1, 4, 16, 64, 1024])]
fn stream_dense(bencher: Bencher<'_, '_>, chunk: usize) {
    stream(bencher, &text(DENSE, 4 << 10), chunk);
}

fn stream(bencher: Bencher<'_, '_>, text: &str, chunk: usize) {
    let engine = Engine::standard();
    let policy = Policy::redact_all();
    let chunks: Vec<&[u8]> = text.as_bytes().chunks(chunk).collect();
    bencher.counter(BytesCount::of_str(text)).bench(|| {
        let mut scanner = engine.scanner(&policy);
        let mut out = Vec::with_capacity(text.len());
        for chunk in &chunks {
            assert!(scanner.push_bytes(black_box(chunk), &mut out).blocked().is_none());
        }
        assert!(scanner.finish_bytes(&mut out).blocked().is_none());
        out.len()
    });
}
