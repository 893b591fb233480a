//! Streams against the reference.

use super::reference::reference;
use super::setting::policies;
use crate::{Engine, Policy};

/// Streams the text cut at the given places and checks everything that may be said about it.
pub(super) fn check_stream(engine: &Engine, bytes: &[u8], cuts: &[usize], policy: &Policy, whole: &[u8]) {
    let mut scanner = engine.scanner(policy);
    let mut out = Vec::new();
    let mut from = 0;
    for &to in cuts.iter().chain([&bytes.len()]) {
        let _ = scanner.push_bytes(&bytes[from..to], &mut out);
        assert!(scanner.held_bytes() <= engine.max_hold_back_bytes() || out == whole);
        from = to;
    }
    let _ = scanner.finish_bytes(&mut out);
    assert!(
        out == whole,
        "cut at {cuts:?}\n text {:?}\nwhole {:?}\n  got {:?}",
        String::from_utf8_lossy(bytes),
        String::from_utf8_lossy(whole),
        String::from_utf8_lossy(&out),
    );
}

pub(super) fn check(engine: &Engine, bytes: &[u8], cuts: &[usize]) {
    for policy in policies() {
        let whole = reference(engine, bytes, &policy);
        if let Ok(text) = std::str::from_utf8(bytes) {
            assert_eq!(engine.redact(text, &policy).text.as_bytes(), whole);
        }
        check_stream(engine, bytes, cuts, &policy, &whole);
        let each_byte: Vec<usize> = (1..bytes.len()).collect();
        check_stream(engine, bytes, &each_byte, &policy, &whole);
    }
}
