//! E-mail addresses: RFC 5321 lengths, RFC 5322 atoms, RFC 6531 letters.
//!
//! Narrower than the RFCs where text around an address would be taken for a part of it: a local part starts with a letter or
//! a digit, and `=`, `/`, `&`, `?`, braces and back quotes end it.

use crate::finding::Confidence;
use crate::memo::Memo;
use crate::search::{Hit, Peek, Verdict, Window};
use crate::stretch::{is_alphanumeric, leading};

const MAX_LOCAL: usize = 64;
const MAX_DOMAIN: usize = 255;
const MAX_LABEL: usize = 63;

pub(super) const LONGEST: usize = MAX_LOCAL + 1 + MAX_DOMAIN;

/// What is looked at of the character after a local part.
const MAX_CHAR: usize = 4;

pub(super) fn starts(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0xC2
}

pub(super) fn verify(window: &Window<'_>, at: usize, memo: &mut Memo) -> Verdict {
    // An address begins where its word does; asking again at each letter would take quadratic time.
    let within_word = match window.byte_before(at) {
        Some(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric(),
        _ => window.char_before(at).is_some_and(is_letter_or_number),
    };
    if (within_word && !window.follows_escape(at)) || window.is_escape(at) {
        return Verdict::No;
    }
    let reach = at + MAX_LOCAL + 1;
    let in_view = window.last || reach + MAX_CHAR <= window.bytes.len();
    if in_view && memo.sign.is_absent(window.bytes, at, reach) {
        return Verdict::No;
    }
    let known = &mut memo.address;
    if !(known.start..known.end).contains(&at) {
        match local_part(window, at) {
            Ok(sign) => {
                (known.start, known.end, known.local) = (at, sign, Some(sign));
            }
            Err(Local::Unknown) => return Verdict::More,
            Err(Local::TooLong) => return Verdict::No,
            Err(Local::EndsAt(end)) => {
                (known.start, known.end, known.local) = (at, end, None);
            }
        }
    }
    let Some(sign) = known.local else {
        return Verdict::No;
    };
    if is_in_authority(window.behind(at), &window.bytes[at..sign]) {
        return Verdict::No;
    }
    let domain = match known.domain {
        Some((of, domain)) if of == sign => domain,
        _ => match domain(window, sign) {
            Ok(domain) => {
                known.domain = Some((sign, domain));
                domain
            }
            Err(NotYet) => return Verdict::More,
        },
    };
    match domain {
        Some((end, next)) if is_address(&window.bytes[at..sign], &window.bytes[sign + 1..end], next) => {
            Hit::new(end, Confidence::High).into()
        }
        _ => Verdict::No,
    }
}

/// Why there is no local part.
enum Local {
    /// At this place stands something else. Whatever begins before comes to the same.
    EndsAt(usize),
    TooLong,
    Unknown,
}

/// Where the `@` stands.
fn local_part(window: &Window<'_>, at: usize) -> Result<usize, Local> {
    let mut here = at;
    loop {
        // Most bytes are plain; the rest of the loop would come to the same about them.
        let rest = &window.bytes[here..];
        here += leading(&rest[..rest.len().min(MAX_LOCAL + 1)], is_alphanumeric);
        if here - at > MAX_LOCAL {
            return Err(Local::TooLong);
        }
        let char = match peek(window, here) {
            Peek::Char(char) => char,
            Peek::Edge => return Err(Local::EndsAt(here)),
            // A character that has begun and will not fit.
            Peek::Unknown if here - at + window.byte(here).map_or(0, width) > MAX_LOCAL => {
                return Err(Local::TooLong);
            }
            Peek::Unknown => return Err(Local::Unknown),
        };
        let dot_before = window.byte_before(here) == Some(b'.');
        match char {
            '@' if here > at && !dot_before => return Ok(here),
            '.' if here > at && !dot_before => {}
            '!' | '#' | '$' | '%' | '\'' | '*' | '+' | '-' | '^' | '_' | '~' if here > at => {}
            letter if of_word(letter) => {}
            _ => return Err(Local::EndsAt(here)),
        }
        here += char.len_utf8();
        if here - at > MAX_LOCAL {
            return Err(Local::TooLong);
        }
    }
}

/// [`Window::peek`], at hand for the characters that addresses are made of.
fn peek(window: &Window<'_>, at: usize) -> Peek {
    match window.bytes[at..] {
        [byte, ..] if byte.is_ascii() => Peek::Char(char::from(byte)),
        [lead @ 0xC2..=0xDF, next @ 0x80..=0xBF, ..] => {
            let scalar = u32::from(lead & 0x1F) << 6 | u32::from(next & 0x3F);
            char::from_u32(scalar).map_or(Peek::Edge, Peek::Char)
        }
        _ => window.peek(at),
    }
}

/// The bytes of the character that this one begins ([RFC 3629](https://www.rfc-editor.org/rfc/rfc3629)).
fn width(lead: u8) -> usize {
    match lead {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

/// The domain cannot be told yet.
struct NotYet;

/// The end of the longest domain after the `@` at `sign`, and the character there: it ends with a plausible top-level label and
/// no letter or digit follows.
fn domain(window: &Window<'_>, sign: usize) -> Result<Option<(usize, char)>, NotYet> {
    let start = sign + 1;
    let mut label = start;
    let mut labels = 0;
    let mut best = None;
    let mut here = start;
    loop {
        // Most bytes are plain; the rest of the loop would come to the same about them.
        let most = (start + MAX_DOMAIN).min(label + MAX_LABEL);
        let plain = &window.bytes[here..most.clamp(here, window.bytes.len())];
        here += leading(plain, is_alphanumeric);
        let char = match peek(window, here) {
            Peek::Char(char) => Some(char),
            Peek::Edge => None,
            Peek::Unknown => return Err(NotYet),
        };
        let within = char.filter(|char| of_word(*char) || *char == '-');
        if let Some(char) = within {
            let end = here + char.len_utf8();
            if end - start > MAX_DOMAIN || end - label > MAX_LABEL || (here == label && char == '-') {
                break;
            }
            if char == '-' && labels > 0 && is_top_level(&window.bytes[label..here]) {
                best = Some((here, char));
            }
            here = end;
            continue;
        }
        let ended = &window.bytes[label..here];
        if ended.is_empty() || ended.ends_with(b"-") {
            break;
        }
        labels += 1;
        if labels > 1 && is_top_level(ended) {
            best = Some((here, char.unwrap_or(' ')));
        }
        if char != Some('.') || here + 1 - start > MAX_DOMAIN {
            break;
        }
        here += 1;
        label = here;
    }
    Ok(best)
}

/// A letter, a digit, or a mark that stands with letters: accents, and what joins consonants in the scripts of India.
fn of_word(char: char) -> bool {
    if char.is_ascii() {
        return char.is_ascii_alphanumeric();
    }
    is_letter_or_number(char)
        || matches!(char, '\u{300}'..='\u{36F}' | '\u{E3A}' | '\u{E47}'..='\u{E4E}' | '\u{1039}' | '\u{103A}' | '\u{17D2}')
        || matches!(u32::from(char), 0x900..=0xDFF if u32::from(char) & 0x7F == 0x4D || char == '\u{DCA}')
}

/// [`char::is_alphanumeric`], at hand for what most texts beyond ASCII are made of: letters with accents, Cyrillic, Han and
/// Hangul.
fn is_letter_or_number(char: char) -> bool {
    match char {
        '\u{D7}' | '\u{F7}' => false,
        '\u{C0}'..='\u{24F}' | '\u{400}'..='\u{481}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' => {
            true
        }
        _ => char.is_alphanumeric(),
    }
}

/// Letters only and at least two, or an encoded one (RFC 5890).
fn is_top_level(label: &[u8]) -> bool {
    if label.len() >= 2 && label.iter().all(u8::is_ascii_alphabetic) {
        return true;
    }
    let Ok(text) = std::str::from_utf8(label) else {
        return false;
    };
    let encoded = text.len() > 4 && label[..4].eq_ignore_ascii_case(b"xn--") && !text.ends_with('-');
    encoded || (text.chars().all(|char| of_word(char) && !char.is_numeric()) && text.chars().nth(1).is_some())
}

/// Whether a password in a URL begins here, or a user who is nobody: of a repository, `git+ssh://git@host/path`, or a key that
/// stands for a project, as in Sentry's addresses.
fn is_in_authority(behind: &[u8], local: &[u8]) -> bool {
    const LONGEST: usize = 64;
    let of_user = |byte: &&u8| byte.is_ascii_graphic() && !b"/?#@\"'`<>\\,;()[]".contains(byte);
    let user = behind.iter().rev().take(LONGEST).take_while(of_user).count();
    let (before, user) = behind.split_at(behind.len() - user);
    let Some(scheme) = before.strip_suffix(b"://") else {
        return false;
    };
    let key = || local.len() == 32 && local.iter().all(u8::is_ascii_hexdigit);
    let nobody = || scheme.ends_with(b"ssh") || [&b"git"[..], b"hg", b"svn"].contains(&local) || key();
    user.contains(&b':') || (user.is_empty() && nobody())
}

/// Not `git@host:path`, `package@1.2.3-rc.one` or `icon@2x.png`.
fn is_address(local: &[u8], domain: &[u8], next: char) -> bool {
    if local == b"git" && next == ':' {
        return false;
    }
    // Versions and scales begin with a digit.
    if !domain.first().is_some_and(u8::is_ascii_digit) {
        return true;
    }
    let mut labels = domain.split(|byte| *byte == b'.');
    let (first, second) = (
        labels.next().unwrap_or_default(),
        labels.next().unwrap_or_default(),
    );
    let number = first.iter().all(u8::is_ascii_digit);
    let version = number && second.first().is_some_and(u8::is_ascii_digit);
    let scaled_image = matches!(first, [b'1'..=b'4', b'x'])
        && [&b"png"[..], b"jpg", b"jpeg", b"gif", b"webp"].contains(&second);
    !(version || scaled_image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_numbers_are_those_of_unicode() {
        for char in char::MIN..=char::MAX {
            assert_eq!(is_letter_or_number(char), char.is_alphanumeric(), "{char:?}");
            let text = format!("{char}.");
            let window = Window {
                bytes: text.as_bytes(),
                origin: 0,
                last: false,
            };
            assert!(matches!(peek(&window, 0), Peek::Char(same) if same == char));
        }
    }
}
