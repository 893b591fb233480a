//! Private keys and JSON Web Tokens: long, and known by how they begin.

use crate::base64;
use crate::finding::Confidence;
use crate::memo::Memo;
use crate::run::{Jwt, Pem, Run};
use crate::search::{Hit, Verdict, Window};

/// `-----BEGIN`, a label and `-----`.
pub(super) const PEM_LONGEST: usize = BEGIN.len() + MAX_LABEL + DASHES.len();

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
const MAX_LABEL: usize = 40;

pub(super) fn pem_starts(byte: u8) -> bool {
    byte == b'-'
}

/// `-----BEGIN … PRIVATE KEY-----` ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)), OpenPGP's `… KEY BLOCK` too. The
/// header and a character that may follow it prove it; in prose and code a quote does.
pub(super) fn pem(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    let rest = &window.bytes[at..];
    let Some(rest) = rest.strip_prefix(BEGIN) else {
        return if BEGIN.starts_with(rest) {
            window.starved()
        } else {
            Verdict::No
        };
    };
    let of_label = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b' ';
    let length = rest.iter().take(MAX_LABEL + 1).take_while(of_label).count();
    let (label, after) = rest.split_at(length);
    let of_private_key = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    if length > MAX_LABEL || (!after.is_empty() && !of_private_key) {
        return Verdict::No;
    }
    if !after.starts_with(DASHES) {
        return if DASHES.starts_with(after) {
            window.starved()
        } else {
            Verdict::No
        };
    }
    let end = at + BEGIN.len() + length + DASHES.len();
    match window.byte(end) {
        None => return window.starved(),
        Some(b' ' | b'\t' | b'\r' | b'\n' | b'\\' | b'+' | b'/') => {}
        Some(next) if next.is_ascii_alphanumeric() => {}
        Some(_) => return Verdict::No,
    }
    Hit::new(end, Confidence::High)
        .subtype("private_key")
        .run(Run::Pem(Pem::default()))
        .into()
}

const MAX_HEADER: usize = 256;
const PAYLOAD: usize = 8;

pub(super) const JWT_LONGEST: usize = MAX_HEADER + 1 + PAYLOAD;

/// `{"` in base 64.
pub(super) const JWT_BEGINS: &[u8] = b"eyJ";

pub(super) fn jwt_starts(byte: u8) -> bool {
    byte == b'e'
}

/// A JSON Web Token ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)): a header that decodes and names its algorithm, and the
/// beginning of a payload. Of a very long header the first part must name it.
pub(super) fn jwt(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    if !super::is_token_start(window, at) || matches!(window.byte_before(at), Some(b'-' | b'_')) {
        return Verdict::No;
    }
    let rest = &window.bytes[at..];
    if !rest.starts_with(JWT_BEGINS) {
        return if JWT_BEGINS.starts_with(rest) {
            window.starved()
        } else {
            Verdict::No
        };
    }
    let of_segment = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let length = rest.iter().take(MAX_HEADER).take_while(of_segment).count();
    let proof = if length == MAX_HEADER {
        length
    } else {
        match rest.get(length) {
            None => return window.starved(),
            Some(b'.') => {}
            Some(_) => return Verdict::No,
        }
        let payload = rest[length + 1..]
            .iter()
            .take(PAYLOAD)
            .take_while(of_segment)
            .count();
        if payload < PAYLOAD {
            return if length + 1 + payload == rest.len() {
                window.starved()
            } else {
                Verdict::No
            };
        }
        length + 1 + payload
    };
    let mut buffer = [0; MAX_HEADER];
    let header = base64::decode(&rest[..length], &mut buffer);
    let names = |key: &[u8]| header.windows(key.len()).any(|window| window == key);
    if !names(b"\"alg\"") {
        return Verdict::No;
    }
    // Signed tokens have three parts, encrypted ones five (RFC 7516).
    let dots_left = match (length == MAX_HEADER, names(b"\"enc\"")) {
        (true, _) => 4,
        (false, true) => 3,
        (false, false) => 1,
    };
    Hit::new(at + proof, Confidence::High)
        .subtype("jwt")
        .run(Run::Jwt(Jwt { dots_left }))
        .into()
}
