//! Amazon Web Services: access key ids, secret access keys, Bedrock API keys.
//!
//! Forms as in the
//! [IAM reference](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes). Ids of users
//! and roles (`AIDA…`, `AROA…`) are no credentials.

use crate::context::Words;
use crate::entropy::{Classes, bits_per_byte, distinct, is_wordy};
use crate::finding::Confidence;
use crate::memo::Memo;
use crate::run::Run;
use crate::search::{Hit, Verdict, Window};
use crate::stretch::leading;

pub(super) const ID_LONGEST: usize = 20;

const ID_PREFIXES: [&[u8]; 4] = [b"AKIA", b"ASIA", b"ABIA", b"ACCA"];

/// What ids of keys and Bedrock's keys begin with.
pub(super) const BEGINNINGS: [&[u8]; 7] = [
    ID_PREFIXES[0],
    ID_PREFIXES[1],
    ID_PREFIXES[2],
    ID_PREFIXES[3],
    b"A3T",
    BEDROCK[0].0,
    BEDROCK[1].0,
];

pub(super) fn id_starts(byte: u8) -> bool {
    byte == b'A'
}

/// `AKIA` and the like, and sixteen characters of base 32.
pub(super) fn key_id(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    if !super::is_token_start(window, at) {
        return Verdict::No;
    }
    let id = &window.bytes[at..window.bytes.len().min(at + ID_LONGEST)];
    let (prefix, body) = id.split_at(id.len().min(4));
    let of_body = |byte: u8| byte.is_ascii_uppercase() | byte.is_ascii_digit();
    if !key_id_prefix(prefix) || leading(body, of_body) < body.len() {
        return Verdict::No;
    }
    let end = at + ID_LONGEST;
    match window.byte(end) {
        None if end > window.bytes.len() || !window.last => return window.starved(),
        Some(next) if next.is_ascii_alphanumeric() => return Verdict::No,
        _ => {}
    }
    let example = body.contains(&b'X') && body.windows(7).any(|seven| seven == b"EXAMPLE");
    if example || distinct(body) < 5 {
        return Verdict::No;
    }
    // Amazon writes them in base 32. People who make one up do not care, so a word decides.
    let base32 = body.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'));
    let said = || Words::before(window.behind(at)).have(ID_WORDS);
    match base32 || said() {
        true if base32 => Hit::new(end, Confidence::High).subtype("access_key_id").into(),
        true => Hit::new(end, Confidence::Medium).subtype("access_key_id").into(),
        false => Verdict::No,
    }
}

pub(super) const ID_WORDS: &[&str] = &[
    " aws ",
    " access key ",
    " accesskey ",
    " accesskeyid ",
    " key id ",
];

/// Whether up to four bytes begin a key id. The fourth byte of `A3T…` is free.
fn key_id_prefix(start: &[u8]) -> bool {
    let listed = ID_PREFIXES.iter().any(|prefix| prefix.starts_with(start));
    listed
        || b"A3T".starts_with(&start[..start.len().min(3)])
            && start
                .get(3)
                .is_none_or(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9'))
}

pub(super) const SECRET_LONGEST: usize = 40;

pub(super) fn secret_starts(byte: u8) -> bool {
    of_secret(byte) && byte != b'='
}

fn of_secret(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'=')
}

/// Forty characters that look random, after a word that says what they are or after a key id.
pub(super) fn secret_key(window: &Window<'_>, at: usize, memo: &mut Memo) -> Verdict {
    if window
        .byte_before(at)
        .is_some_and(|byte| of_secret(byte) && byte != b'=')
        && !super::is_token_start(window, at)
    {
        return Verdict::No;
    }
    let rest = &window.bytes[at..];
    let length = memo
        .secret
        .length(window.bytes, at, SECRET_LONGEST + 1, of_secret);
    if length > SECRET_LONGEST
        || (length < SECRET_LONGEST && length < rest.len())
        || !is_announced(window.behind(at))
    {
        return Verdict::No;
    }
    if length == rest.len() && (length < SECRET_LONGEST || !window.last) {
        return window.starved();
    }
    let value = &rest[..SECRET_LONGEST];
    let classes = Classes::of(value);
    let random = classes.lower && classes.upper && classes.digit && bits_per_byte(value) >= 4.0;
    // Names of policies may have forty letters, but few digits.
    let name = is_wordy(value) && value.iter().filter(|byte| byte.is_ascii_digit()).count() < 3;
    if !random || name || value.windows(7).any(|window| window == b"EXAMPLE") {
        return Verdict::No;
    }
    Hit::new(at + SECRET_LONGEST, Confidence::High)
        .subtype("secret_access_key")
        .into()
}

/// An assignment to a name such as `secret_access_key` or `aws_…`, that name alone as in `aws configure set …`, or a key id
/// within 200 bytes.
fn is_announced(behind: &[u8]) -> bool {
    let assigned = behind
        .iter()
        .rev()
        .take(4)
        .any(|byte| matches!(byte, b'=' | b':' | b'"' | b'\'' | b'>' | b','));
    if assigned
        && Words::before(behind).have(&[
            " secret access ",
            " secret key ",
            " secretkey ",
            " secretaccesskey ",
            " awssecret ",
            " aws ",
        ])
    {
        return true;
    }
    let named = || Words::within(behind, 32).end_with(&[" secret access key ", " secretaccesskey "]);
    if matches!(behind.last(), Some(b' ' | b'\t')) && named() {
        return true;
    }
    let near = &behind[behind.len().saturating_sub(200)..];
    near.contains(&b'A')
        && near.windows(ID_LONGEST).any(|id| {
            id[0] == b'A'
                && key_id_prefix(&id[..4])
                && id[4..]
                    .iter()
                    .all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        })
}

/// Bedrock's long-term keys; the proof is shorter than any of them.
const BEDROCK: [(&[u8], usize); 2] = [(b"ABSK", 100), (b"bedrock-api-key-", 60)];

pub(super) const BEDROCK_LONGEST: usize = 104;

pub(super) fn bedrock_starts(byte: u8) -> bool {
    byte == b'A' || byte == b'b'
}

pub(super) fn bedrock(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    let begun = window
        .byte(at + 1)
        .is_none_or(|second| second == b'B' || second == b'e');
    if !begun || !super::is_token_start(window, at) {
        return Verdict::No;
    }
    for (prefix, body) in BEDROCK {
        let rest = &window.bytes[at..];
        let begun = rest.len().min(prefix.len());
        if rest[..begun] != prefix[..begun] {
            continue;
        }
        let proof = &rest[begun..rest.len().min(prefix.len() + body)];
        if !proof.iter().all(|byte| of_secret(*byte)) {
            continue;
        }
        if begun + proof.len() < prefix.len() + body {
            return window.starved();
        }
        if Classes::of(proof).digit && distinct(proof) >= 20 {
            let hit = Hit::new(at + prefix.len() + body, Confidence::High);
            return hit.subtype("bedrock").run(Run::While(of_secret)).into();
        }
    }
    Verdict::No
}
