//! What the fuzz targets do with the bytes they are given. Tests on stable do the same with bytes made at random.
//!
//! Each panics if something is wrong.

use std::sync::LazyLock;

use super::case::Case;
use super::cuts::cuts;
use super::dice::Dice;
use super::grammar;
use super::setting::Setting;
use crate::{Action, CustomPattern, Engine, Policy, Vault};

/// A few engines: with and without packs, patterns and allowed values.
static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let random = (0..6).map(|seed| Setting::random(&mut Dice::seeded(seed)));
    [Setting::standard(), Setting::full()]
        .into_iter()
        .chain(random)
        .collect()
});

/// The bytes choose an engine, a policy and a text, or are the text, and the cuts; a stream gives what the whole gives.
pub fn split_anywhere(bytes: &[u8]) {
    let (setting, policy, text, mut dice) = choose(bytes);
    let case = Case::new(setting, &text, &policy);
    let cuts = cuts(&mut dice, text.len());
    case.check_cut(&cuts)
        .unwrap_or_else(|mistake| panic!("{mistake}"));
    case.check_disguised(&cuts)
        .unwrap_or_else(|mistake| panic!("{mistake}"));
}

/// The same choices; the engine does to the whole, and byte by byte, what the reference does, and holds back no more than it must.
pub fn reference_agrees(bytes: &[u8]) {
    let (setting, policy, text, _) = choose(bytes);
    let checked = Case::new(setting, &text, &policy)
        .with_minimality()
        .and_then(|case| {
            case.check_whole()?;
            case.check_cut(&(1..text.len()).collect::<Vec<_>>())
        });
    checked.unwrap_or_else(|mistake| panic!("{mistake}"));
}

fn choose(bytes: &[u8]) -> (&'static Setting, Policy, Vec<u8>, Dice<'_>) {
    let mut dice = Dice::of_bytes(bytes);
    let setting = &SETTINGS[dice.below(SETTINGS.len())];
    let policy = setting.policy(&mut dice);
    let text = if dice.one_in(2) {
        bytes[bytes.len() / 8..].to_vec()
    } else {
        grammar::text(&mut dice, &setting.patterns)
    };
    (setting, policy, text, dice)
}

/// Whatever the bytes are, as a text, as a pattern, as pieces of a stream: nothing panics, and no more is held than the engine says.
pub fn no_panic(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (name, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    for setting in &*SETTINGS {
        let engine = &setting.engine;
        for finding in engine.find_iter_bytes(bytes) {
            assert!(finding.span().end <= bytes.len() && finding.span().start < finding.span().end);
        }
        let mut scanner = engine.scanner_under_key(name, &Policy::redact_all());
        let mut out = Vec::new();
        for piece in bytes.chunks(7) {
            let _ = scanner.push_bytes(piece, &mut out);
            assert!(scanner.held_bytes() <= engine.max_hold_back_bytes());
        }
        let _ = scanner.finish_bytes(&mut out);
        let mut vault = Vault::new([1; 32]);
        let sent = engine.tokenize(&text, &Policy::all(Action::Tokenize), &mut vault);
        let _ = vault.restore(&sent.text);
        let _ = vault.restore_json(&sent.text);
    }
    if let Ok(pattern) = CustomPattern::new("x", rest)
        && let Ok(engine) = Engine::builder().custom(pattern.max_len(40)).build()
    {
        let _ = engine.redact(&text, &Policy::redact_all());
    }
}

/// If the bytes are JSON: with nothing to find they stay as they are; what is redacted is still JSON, and the same as when the
/// document is made into a tree first.
#[cfg(feature = "json")]
pub fn json_roundtrip(bytes: &[u8]) {
    use crate::{Shape, Verdict};

    let engine = &SETTINGS[0].engine;
    let nothing = Policy::all(Action::Off);
    let Ok(scanned) = engine.scan_json(bytes, &Shape::Any, &nothing) else {
        return;
    };
    assert_eq!(&*scanned.json, bytes, "with nothing to find");
    let all = Policy::redact_all();
    let scanned = engine
        .scan_json(bytes, &Shape::Any, &all)
        .expect("it was JSON a moment ago");
    if scanned.report.verdict != Verdict::Pass {
        return;
    }
    // A second pass may find more: what stood before a value, and hid it, is a placeholder now. But JSON it must be.
    let again = engine.scan_json(&scanned.json, &Shape::Any, &nothing);
    assert!(
        again.is_ok(),
        "no JSON came out of {}",
        String::from_utf8_lossy(bytes)
    );
    // What a tree cannot hold, such as two equal keys or numbers without end, is no mistake.
    let (Ok(mut tree), Ok(redacted)) = (
        serde_json::from_slice::<serde_json::Value>(bytes),
        serde_json::from_slice::<serde_json::Value>(&scanned.json),
    ) else {
        return;
    };
    let report = engine.redact_json(&mut tree, &Shape::Any, &all);
    if report.findings.len() == scanned.report.findings.len() && report.verdict == Verdict::Pass {
        assert_eq!(tree, redacted, "{}", String::from_utf8_lossy(bytes));
    }
}
