//! From what was found to the places where a match could begin.
//!
//! Each function looks at a few bytes around a place, and notes what a rule would say more than *no* to. In doubt it notes.

use super::leads::Lead;
use super::sieve::ROW;
use super::{Ahead, Anchor, LOOK_BEHIND};
use crate::name;
use crate::rules;

/// Four bytes that end at `at` are a lead.
pub(super) fn lead(ahead: &mut Ahead, bytes: &[u8], at: usize, lead: Lead) {
    let mut note = |back: usize, anchor: Anchor| {
        if let Some(start) = at.checked_sub(back) {
            ahead.note(start, anchor);
        }
    };
    match lead {
        Lead::Token(back) => note(usize::from(back), Anchor::Prefix),
        Lead::Name(after) => name(ahead, bytes, at + usize::from(after)),
        Lead::Digits => {
            // Behind the colon and two letters.
            let digits = bytes[..at - 2]
                .iter()
                .rev()
                .take(11)
                .take_while(|byte| byte.is_ascii_digit());
            note(2 + digits.count(), Anchor::Prefix);
        }
        Lead::Hook => webhook(ahead, bytes, at),
        Lead::Authorization(back) => {
            if let Some(start) = at.checked_sub(usize::from(back)) {
                schemes(ahead, bytes, start);
            }
        }
        Lead::Bearer => {
            if at >= 4 && stands(bytes, b"bearer", at - 4) {
                after_scheme(ahead, bytes, at + 2);
            }
        }
        Lead::ShortOption => {
            ahead.note(at, Anchor::Announced);
            note_values(ahead, bytes, at);
        }
        Lead::ShortUser => after_user(ahead, bytes, at + 1),
        Lead::User => {
            if stands(bytes, b"--user", at - 3) {
                after_user(ahead, bytes, at + 4);
            }
        }
        Lead::By => {
            const IDENTIFIED: &[u8] = b"identified by";
            if at + 1 >= IDENTIFIED.len() && stands(bytes, IDENTIFIED, at + 1 - IDENTIFIED.len()) {
                note_values(ahead, bytes, at + 1);
            }
        }
    }
}

/// A bracket may begin one of the engine's own placeholders: a name in capitals follows.
pub(super) fn bracket(ahead: &mut Ahead, bytes: &[u8], at: usize) {
    if bytes.get(at + 1).is_some_and(u8::is_ascii_uppercase) {
        ahead.note(at, Anchor::Placeholder);
    }
}

/// A digit may begin a number, and what stands before it may belong to that. Whether enough digits follow is not looked at
/// before the search comes here: most digits stand within what has been found by then.
pub(super) fn number(ahead: &mut Ahead, bytes: &[u8], at: usize) {
    ahead.note(at, Anchor::Digits);
    if at > 0 && matches!(bytes[at - 1], b'+' | b'(') {
        ahead.note(at - 1, Anchor::Digits);
        if at > 1 && matches!(bytes[at - 2..at], [b'+', b'('] | [b'(', b'+']) {
            ahead.note(at - 2, Anchor::Digits);
        }
    }
}

/// Before an `@` stands the local part of an address, or a password.
pub(super) fn sign(ahead: &mut Ahead, bytes: &[u8], sign: usize) {
    const LOCAL: usize = 64;
    const PASSWORD: usize = 128;
    for at in (sign.saturating_sub(LOCAL)..sign).rev() {
        if !is(OF_LOCAL, bytes[at]) {
            break;
        }
        let begins = bytes[at].is_ascii_alphanumeric() || bytes[at] >= 0xC2;
        let follows = at == 0 || !bytes[at - 1].is_ascii_alphanumeric() || follows_escape(bytes, at);
        if begins && follows {
            ahead.note(at, Anchor::Sign);
        }
    }
    for at in (sign.saturating_sub(PASSWORD).max(1)..sign).rev() {
        if !is(OF_PASSWORD, bytes[at]) {
            break;
        }
        if bytes[at - 1] == b':' {
            ahead.note(at, Anchor::Sign);
        }
    }
}

fn follows_escape(bytes: &[u8], at: usize) -> bool {
    matches!(bytes[..at], [.., b'\\', b'n' | b't' | b'r'])
}

/// Sixteen bytes of base 64, at every eighth place.
pub(super) fn row(ahead: &mut Ahead, bytes: &[u8], at: usize) {
    let Some(sixteen) = bytes.get(at..at + ROW) else {
        return;
    };
    // Near the end of a block more may be told than there is.
    if sixteen.iter().all(|byte| is(OF_BASE64, *byte)) {
        first_part(ahead, bytes, at, sixteen);
        forty(ahead, bytes, at);
    }
}

/// The first part of a token: a capital and two dozen letters and digits, then a dot. In it are sixteen in a row, before which
/// less than eight stand.
fn first_part(ahead: &mut Ahead, bytes: &[u8], at: usize, sixteen: &[u8]) {
    if !sixteen.iter().all(u8::is_ascii_alphanumeric) {
        return;
    }
    let count =
        |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let before = count(&mut bytes[at.saturating_sub(8)..at].iter().rev());
    let after = count(&mut bytes[at + ROW..].iter().take(ROW));
    // After `\n` the letter is that of the escape.
    for (start, byte) in (at - before..).zip(&bytes[at - before..=at]) {
        let length = at + ROW + after - start;
        if matches!(byte, b'M' | b'N' | b'O') && (24..=28).contains(&length) {
            ahead.note(start, Anchor::Prefix);
        }
    }
}

/// Forty characters of base 64 hold a row; the last row within them ends less than a row before they do.
fn forty(ahead: &mut Ahead, bytes: &[u8], row: usize) {
    const FORTY: usize = 40;
    const HEX: usize = 32;
    let belongs = |byte: &u8| is(OF_BASE64, *byte);
    let next = &bytes[row + ROW..];
    let more = next.iter().take(ROW).take_while(|byte| belongs(byte)).count();
    if more == ROW {
        return;
    }
    let end = row + ROW + more;
    if let Some(start) = end.checked_sub(FORTY)
        && bytes[start..row].iter().all(belongs)
    {
        ahead.note(start, Anchor::Forty);
    }
    // So do 32 hexadecimal digits, if a hyphen ends them.
    if let Some(start) = end.checked_sub(HEX)
        && bytes.get(end) == Some(&b'-')
        && bytes[start..end].iter().all(u8::is_ascii_hexdigit)
    {
        ahead.note(start, Anchor::Prefix);
    }
}

/// A name may be assigned a value: by a sign, by a verb, as an option, or as its neighbour. `end` is within the name or behind
/// it. Reads what may stand between them, in any order.
fn name(ahead: &mut Ahead, bytes: &[u8], end: usize) {
    /// More is never skipped by who reads the name.
    const BETWEEN: usize = 128;
    /// Nor are longer words read.
    const LETTERS: usize = 32;
    let letters = |from: usize| {
        let rest = bytes[from.min(bytes.len())..].iter().take(LETTERS);
        rest.take_while(|byte| byte.is_ascii_alphabetic()).count()
    };
    let end = end + letters(end);
    // Next to an option or a word for passwords.
    if bytes.get(end).is_some_and(|byte| is(AFTER_OPERATOR, *byte)) {
        let before = &bytes[..end];
        if name::follows_flag(before) || name::follows_password(before) {
            note_values(ahead, bytes, end);
        }
    }
    let mut at = end;
    while let Some(byte) = bytes.get(at).filter(|_| at < end + BETWEEN) {
        if is(OPERATOR, *byte) {
            note_values(ahead, bytes, at + 1);
            at += 1;
        } else if is(AFTER_NAME, *byte) {
            at += 1;
        } else {
            let word = &bytes[at..at + letters(at)];
            if word.is_empty() || !is_of_verbs(word) {
                if let Some(sign) = after_type(&bytes[at..]) {
                    note_values(ahead, bytes, at + sign + 1);
                }
                return;
            }
            at += word.len();
            note_values(ahead, bytes, at);
        }
    }
}

/// Where the `=` stands behind a type of text: `&'static str =`, `Optional[str] =`.
fn after_type(rest: &[u8]) -> Option<usize> {
    /// More is never taken for a type.
    const TYPE: usize = 64;
    let near = &rest[..rest.len().min(TYPE)];
    if !near.contains(&b'=') {
        return None;
    }
    let of_type = |byte: &&u8| byte.is_ascii_alphabetic() || b"&'<[. \t>])*\"`\\".contains(byte);
    let length = near.iter().take_while(of_type).count();
    let named = || {
        name::TYPES.iter().any(|listed| {
            rest[..length]
                .windows(listed.len())
                .any(|word| word.eq_ignore_ascii_case(listed.as_bytes()))
        })
    };
    (near.get(length) == Some(&b'=') && named()).then_some(length)
}

/// Whether the word is made of those that may stand between a name and its value.
fn is_of_verbs(mut word: &[u8]) -> bool {
    const VERBS: [&[u8]; 8] = [b"is", b"was", b"to", b"ist", b"est", b"es", b"value", b"base"];
    while !word.is_empty() {
        let Some(verb) = VERBS.iter().rev().find(|verb| stands(word, verb, 0)) else {
            return false;
        };
        word = &word[verb.len()..];
    }
    true
}

/// Notes the places where a value may begin: after up to eight blanks, eight backslashes and a quote.
fn note_values(ahead: &mut Ahead, bytes: &[u8], after: usize) {
    for at in after..bytes.len().min(after + 18) {
        if is(BEFORE_VALUE, bytes[at - 1]) {
            ahead.note(at, Anchor::Announced);
        }
        if !is(AFTER_OPERATOR, bytes[at]) {
            break;
        }
    }
}

/// After the `user` of `-u user:password`.
fn after_user(ahead: &mut Ahead, bytes: &[u8], user: usize) {
    const USER: usize = 66;
    let rest = &bytes[user.min(bytes.len())..];
    let of_user = |byte: &&u8| byte.is_ascii_graphic() && **byte != b':';
    let length = rest.iter().take(USER).take_while(of_user).count();
    if rest.get(length) == Some(&b':') {
        ahead.note(user + length + 1, Anchor::Announced);
    }
}

/// After the schemes that stand near the name of the header.
fn schemes(ahead: &mut Ahead, bytes: &[u8], start: usize) {
    const NAME: &[u8] = b"authorization";
    const SCHEMES: [&[u8]; 5] = [b"basic", b"token", b"apikey", b"key", b"ssws"];
    if !stands(bytes, NAME, start) {
        return;
    }
    let end = start + NAME.len();
    // The name must stand within 32 bytes before the scheme.
    for here in end..=start + 32 {
        for scheme in SCHEMES.into_iter().filter(|scheme| stands(bytes, scheme, here)) {
            after_scheme(ahead, bytes, here + scheme.len());
        }
    }
}

fn after_scheme(ahead: &mut Ahead, bytes: &[u8], end: usize) {
    let blanks = bytes[end.min(bytes.len())..]
        .iter()
        .take(LOOK_BEHIND)
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    if blanks > 0 && bytes[end + blanks - 1] == b' ' {
        ahead.note(end + blanks, Anchor::Announced);
    }
}

/// The address of a webhook, whose first `hook` ends at `at`.
fn webhook(ahead: &mut Ahead, bytes: &[u8], at: usize) {
    for address in rules::WEBHOOKS {
        let hook = address.windows(4).position(|four| four == b"hook");
        let hook = hook.expect("every address has a hook in it");
        if let Some(start) = (at + 1).checked_sub(hook + 4)
            && bytes[start..].starts_with(address)
        {
            ahead.note(start + address.len(), Anchor::Announced);
        }
    }
}

/// Whether a word stands at a place, in small letters or capitals.
fn stands(bytes: &[u8], word: &[u8], at: usize) -> bool {
    bytes
        .get(at..at + word.len())
        .is_some_and(|same| same.eq_ignore_ascii_case(word))
}

/// Which bytes may stand where, a bit for each question.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        let alphanumeric = byte.is_ascii_alphanumeric();
        let bits = [
            (
                AFTER_NAME,
                matches!(
                    byte,
                    b' ' | b'\t'
                        | b'\n'
                        | b'\r'
                        | b'\x0C'
                        | b'"'
                        | b'\''
                        | b'`'
                        | b'\\'
                        | b']'
                        | b')'
                        | b'*'
                        | b'_'
                        | b'-'
                        | b'.'
                ),
            ),
            (
                AFTER_OPERATOR,
                matches!(byte, b' ' | b'\t' | b'*' | b'\\' | b'"' | b'\'' | b'`'),
            ),
            (
                BEFORE_VALUE,
                matches!(byte, b'=' | b':' | b' ' | b'\t' | b'"' | b'\'' | b'`' | b'>'),
            ),
            (
                OF_LOCAL,
                alphanumeric
                    || byte >= 0x80
                    || matches!(
                        byte,
                        b'.' | b'!' | b'#' | b'$' | b'%' | b'\'' | b'*' | b'+' | b'-' | b'^' | b'_' | b'~'
                    ),
            ),
            (
                OF_PASSWORD,
                byte.is_ascii_graphic()
                    && !matches!(
                        byte,
                        b'/' | b'?' | b'#' | b'@' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\'
                    ),
            ),
            (OF_BASE64, alphanumeric || matches!(byte, b'/' | b'+' | b'=')),
            (
                OPERATOR,
                matches!(byte, b'=' | b':' | b'>' | b',' | b'(' | b'|' | b'?'),
            ),
        ];
        let mut index = 0;
        while index < bits.len() {
            if bits[index].1 {
                classes[byte as usize] |= bits[index].0;
            }
            index += 1;
        }
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

/// What may stand between a name and its operator; more than may, in any order.
pub(super) const AFTER_NAME: u8 = 1;
/// What may stand between an operator and the value.
const AFTER_OPERATOR: u8 = 2;
/// What stands right before a value.
const BEFORE_VALUE: u8 = 4;
const OF_LOCAL: u8 = 8;
const OF_PASSWORD: u8 = 16;
const OF_BASE64: u8 = 32;
/// What binds a value to a name.
pub(super) const OPERATOR: u8 = 64;

#[inline]
pub(super) fn is(class: u8, byte: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}
