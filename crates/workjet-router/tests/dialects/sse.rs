//! The stream decoders, against bytes cut anywhere.

use proptest::prelude::*;
use workjet_router::{NdjsonDecoder, SseDecoder, SseEvent, TooLarge};

fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<SseEvent> {
    let mut decoder = SseDecoder::new(10_000);
    let mut events = Vec::new();
    for chunk in chunks {
        events.extend(decoder.push(chunk).unwrap());
    }
    events.extend(decoder.finish());
    events
}

fn event(event: Option<&str>, data: &str) -> SseEvent {
    SseEvent {
        event: event.map(str::to_owned),
        data: data.to_owned(),
    }
}

#[test]
fn the_standards_oddities_are_understood() {
    let cases: [(&[u8], Vec<SseEvent>); 13] = [
        (b"data: a\n\n", vec![event(None, "a")]),
        (
            b"data:a\r\n\r\ndata: b\r\rdata: c\n\n",
            vec![event(None, "a"), event(None, "b"), event(None, "c")],
        ),
        (
            b"data: a\ndata:  b\ndata\ndata:\n\n",
            vec![event(None, "a\n b\n\n")],
        ),
        (b": a comment\n\n:\ndata: a\n\n", vec![event(None, "a")]),
        (
            b"event: x\nid: 1\nretry: 5\nunknown: y\ndata: a\n\n",
            vec![event(Some("x"), "a")],
        ),
        (b"event: x\n\ndata: a\n\n", vec![event(None, "a")]),
        (
            b"event: x\ndata: a\n\ndata: b\n\n",
            vec![event(Some("x"), "a"), event(None, "b")],
        ),
        (b"\xEF\xBB\xBFdata: a\n\n", vec![event(None, "a")]),
        (b"data: a\r\ndata: b\r\n\r\n", vec![event(None, "a\nb")]),
        (b"data: a", vec![event(None, "a")]),
        (b"data: a\n", vec![event(None, "a")]),
        (b"\n\n\n", vec![]),
        ("data: grüß 🌍\n\n".as_bytes(), vec![event(None, "grüß 🌍")]),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode([bytes]), expected, "{:?}", String::from_utf8_lossy(bytes));
        assert_eq!(
            decode(bytes.chunks(1)),
            expected,
            "{:?}, byte by byte",
            String::from_utf8_lossy(bytes)
        );
    }
}

#[test]
fn an_event_that_never_ends_is_refused() {
    let mut decoder = SseDecoder::new(1_000);
    assert_eq!(decoder.push(&[b'x'; 1_001]), Err(TooLarge));

    let mut decoder = SseDecoder::new(1_000);
    let error = (0..1_000).find_map(|_| decoder.push(b"data: 0123456789\n").err());
    assert_eq!(error, Some(TooLarge));

    let mut decoder = NdjsonDecoder::new(1_000);
    assert_eq!(decoder.push(&[b'x'; 1_001]), Err(TooLarge));

    // Many events, each within the bound, are not.
    let mut decoder = SseDecoder::new(1_000);
    assert_eq!(
        decoder
            .push(&b"data: 0123456789\n\n".repeat(1_000))
            .unwrap()
            .len(),
        1_000
    );
}

#[test]
fn lines_of_json_come_whole() {
    let mut decoder = NdjsonDecoder::new(1_000);
    let mut lines = Vec::new();
    for byte in "{\"a\":\"ü\"}\r\n\n  \n{\"b\":2}".as_bytes() {
        lines.extend(decoder.push(&[*byte]).unwrap());
    }
    lines.extend(decoder.finish());
    assert_eq!(lines, ["{\"a\":\"ü\"}", "{\"b\":2}"]);
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("data: ".to_owned()),
        Just("data".to_owned()),
        Just("event: x".to_owned()),
        Just(":".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        "[ -~é世🌍]{0,8}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn cuts_make_no_difference(bytes in pieces(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.extend([0, bytes.len()]);
        ends.sort_unstable();
        let chunks = ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(decode(chunks), decode([bytes.as_slice()]));
    }

    #[test]
    fn what_is_written_is_read_back(texts in prop::collection::vec("[^\r\n]{0,40}", 1..5)) {
        let data = texts.join("\n");
        let mut bytes = Vec::new();
        for line in &texts {
            bytes.extend_from_slice(format!("data: {line}\n").as_bytes());
        }
        bytes.push(b'\n');
        prop_assert_eq!(decode([bytes.as_slice()]), vec![event(None, &data)]);
    }
}
