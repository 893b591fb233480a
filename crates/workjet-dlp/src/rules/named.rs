//! Values that are secret because of what stands before them: a name, a scheme, the user in a URL.
//!
//! The span is the value. Names, `Bearer` and `user:` are read by looking behind.

use crate::base64;
use crate::entropy::{Classes, Pairs, bits_per_byte, distinct, is_placeholder, is_wordy};
use crate::finding::Confidence;
use crate::memo::Memo;
use crate::name::{self, Kind, Name};
use crate::run::Run;
use crate::search::{Hit, Verdict, Window};
use crate::stretch::{is_alphabetic, is_alphanumeric, leading};

pub(super) const URL_LONGEST: usize = 129;
const MAX_URL_PASSWORD: usize = 128;

pub(super) fn url_starts(byte: u8) -> bool {
    of_userinfo(byte)
}

pub(super) fn url_follows(byte: u8) -> bool {
    byte == b':'
}

/// What may stand in a password within a URL: not what ends the authority
/// ([RFC 3986 §3.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2)), and no quotes or brackets.
fn of_userinfo(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"/?#@\"'`<>\\ ".contains(&byte)
}

/// The password of `scheme://user:password@host`.
pub(super) fn url_password(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    if window.byte_before(at) != Some(b':')
        || !follows_user(&window.behind(at)[..window.behind(at).len() - 1])
    {
        return Verdict::No;
    }
    // An `@` may stand in the password too: the last one in the authority ends it, as browsers read it.
    let rest = &window.bytes[at..];
    let authority = rest
        .iter()
        .take(MAX_URL_PASSWORD + 1)
        .take_while(|byte| of_userinfo(**byte) || **byte == b'@')
        .count();
    if authority == rest.len() && authority <= MAX_URL_PASSWORD && !window.last {
        return Verdict::More;
    }
    let Some(length) = rest[..authority].iter().rposition(|byte| *byte == b'@') else {
        return Verdict::No;
    };
    let password = &rest[..length];
    if length < 3
        || is_placeholder(password)
        || [&b"password"[..], b"passwd", b"pass", b"pwd", b"secret"].contains(&password)
    {
        return Verdict::No;
    }
    Hit::new(at + length, Confidence::High)
        .subtype("url_password")
        .into()
}

/// Whether `scheme://user` ends here.
fn follows_user(behind: &[u8]) -> bool {
    let user = behind
        .iter()
        .rev()
        .take_while(|byte| of_userinfo(**byte) && **byte != b':')
        .count();
    let scheme = behind[..behind.len() - user].strip_suffix(b"://");
    scheme
        .and_then(<[u8]>::last)
        .is_some_and(u8::is_ascii_alphanumeric)
}

pub(super) const WEBHOOK_LONGEST: usize = 32;

pub(super) fn webhook_starts(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn webhook_follows(byte: u8) -> bool {
    byte == b'/'
}

/// Addresses where whoever knows the path may post.
pub(crate) const WEBHOOKS: &[&[u8]] = &[
    b"hooks.slack.com/services/",
    b"hooks.slack.com/workflows/",
    b"hooks.slack.com/triggers/",
    b"webhook.office.com/webhookb2/",
    b"discord.com/api/webhooks/",
    b"discordapp.com/api/webhooks/",
];

/// The path of a chat service's webhook.
pub(super) fn webhook(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    let of_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'@');
    let behind = window.behind(at);
    if !WEBHOOKS.iter().any(|address| behind.ends_with(address)) {
        return Verdict::No;
    }
    let rest = &window.bytes[at..];
    let length = rest
        .iter()
        .take(WEBHOOK_LONGEST)
        .take_while(|byte| of_path(**byte))
        .count();
    if length < WEBHOOK_LONGEST {
        return if length == rest.len() {
            window.starved()
        } else {
            Verdict::No
        };
    }
    // The paths of Teams begin with a UUID, which is longer than the proof.
    let of_teams = behind.ends_with(b"/webhookb2/");
    if !(of_teams || rest[..length].contains(&b'/')) || is_placeholder(&rest[12..length]) {
        return Verdict::No;
    }
    Hit::new(at + length, Confidence::High)
        .subtype("webhook")
        .run(Run::While(of_path))
        .into()
}

pub(super) const AUTHORIZATION_LONGEST: usize = 200;

pub(super) fn authorization_starts(byte: u8) -> bool {
    of_token68(byte) && byte != b'='
}

pub(super) fn authorization_follows(byte: u8) -> bool {
    byte == b' '
}

/// `token68` of [RFC 9110 §11.2](https://www.rfc-editor.org/rfc/rfc9110#section-11.2).
fn of_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

/// What follows `Bearer`, or the scheme of an `Authorization` header.
pub(super) fn authorization(window: &Window<'_>, at: usize, _: &mut Memo) -> Verdict {
    let Some(scheme) = scheme_before(window, at) else {
        return Verdict::No;
    };
    let rest = &window.bytes[at..];
    let length = rest
        .iter()
        .take(AUTHORIZATION_LONGEST)
        .take_while(|byte| of_token68(**byte))
        .count();
    if length == rest.len() && length < AUTHORIZATION_LONGEST && !window.last {
        return Verdict::More;
    }
    let value = &rest[..length];
    let dots = value.iter().rev().take_while(|byte| **byte == b'.').count();
    let value = if length == AUTHORIZATION_LONGEST {
        value
    } else {
        &value[..length - dots]
    };
    let credential = match scheme {
        Scheme::Basic => {
            let mut buffer = [0; AUTHORIZATION_LONGEST];
            let decoded = base64::decode(value, &mut buffer);
            decoded.contains(&b':')
                && decoded
                    .iter()
                    .all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        }
        Scheme::Token => {
            let classes = Classes::of(value);
            value.len() >= 16 && classes.digit && classes.letter() && distinct(value) >= 8
        }
    };
    if !credential || is_placeholder(value) {
        return Verdict::No;
    }
    let hit = Hit::new(at + value.len(), Confidence::Medium).subtype("authorization");
    if length == AUTHORIZATION_LONGEST {
        hit.run(Run::While(of_token68)).into()
    } else {
        hit.into()
    }
}

enum Scheme {
    Basic,
    Token,
}

fn scheme_before(window: &Window<'_>, at: usize) -> Option<Scheme> {
    if window.byte_before(at) != Some(b' ') {
        return None;
    }
    let behind = window.behind(at).trim_ascii_end();
    let word = behind
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .take(16)
        .count();
    let (before, scheme) = behind.split_at(behind.len() - word);
    let header = || {
        let near = before[before.len().saturating_sub(32)..].to_ascii_lowercase();
        near.windows(13).any(|window| window == b"authorization")
    };
    let is = |name: &str| scheme.eq_ignore_ascii_case(name.as_bytes());
    if is("bearer") {
        return Some(Scheme::Token);
    }
    if is("basic") && header() {
        return Some(Scheme::Basic);
    }
    ((is("token") || is("apikey") || is("key") || is("ssws")) && header()).then_some(Scheme::Token)
}

/// A password of fewer bytes is none.
const LEAST: usize = 6;

/// More of a value does not change the verdict about it.
const ENOUGH: usize = 128;

pub(super) const ASSIGNED_LONGEST: usize = ENOUGH;

pub(super) fn assigned_starts(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"'`,;:=)]}>|<[\\".contains(&byte)
}

pub(super) fn assigned_follows(byte: u8) -> bool {
    // `mysql -psecret`
    b"=: \t\"'`>p".contains(&byte)
}

/// `name = value`, `"name": "value"`, `name is value`: random-looking values of secret-sounding names.
pub(super) fn assigned(window: &Window<'_>, at: usize, memo: &mut Memo) -> Verdict {
    // A glance, before the name is read: most spaces follow a word, but not `is`, `was`, `to` or an option.
    match window.byte_before(at) {
        Some(b' ' | b'\t') => match window.byte_before(at - 1) {
            Some(byte) if byte.is_ascii_alphanumeric() => {
                let behind = window.behind(at - 1);
                let verb = match byte {
                    b's' => behind.ends_with(b" is") || behind.ends_with(b" was") || behind.ends_with(b" es"),
                    b't' => behind.ends_with(b" ist") || behind.ends_with(b" est"),
                    b'o' => behind.ends_with(b" to"),
                    // An option of a command: `-p`, `-a`.
                    b'p' | b'a' => behind.ends_with(b" -p") || behind.ends_with(b" -a"),
                    _ => false,
                };
                if !verb && !name::follows_password(behind) && !name::follows_flag(behind) {
                    return Verdict::No;
                }
            }
            _ => {}
        },
        Some(b'p') if !window.behind(at).ends_with(b" -p") => return Verdict::No,
        Some(byte) if assigned_follows(byte) => {}
        _ => return Verdict::No,
    }
    // Another, before the name is read: no value is shorter.
    let rest = &window.bytes[at..];
    let ends = |byte: &u8| ENDS_VALUE[usize::from(*byte)] & ANY != 0;
    if rest.iter().take(LEAST).any(ends) {
        return Verdict::No;
    }
    let Some(name) = name::before(window.behind(at)) else {
        return Verdict::No;
    };
    let ends = match (name.quoted, name.in_query) {
        (true, _) => ANY,
        (false, false) => ANY | BARE,
        (false, true) => ANY | BARE | PARAMETER,
    };
    let of_value = |byte: u8| ENDS_VALUE[usize::from(byte)] & ends == 0;
    // Where names follow each other without a blank, their values end at one place.
    let length = memo.values[usize::from(ends) / 2].length(window.bytes, at, ENOUGH, of_value);
    if length == rest.len() && length < ENOUGH && !window.last {
        return Verdict::More;
    }
    let mut value = &rest[..length];
    if length < ENOUGH {
        let next = rest.get(length);
        if name.quoted && next.is_some_and(u8::is_ascii_whitespace) {
            // A sentence in quotes.
            return Verdict::No;
        }
        let emphasised = window.byte_before(at) == Some(b'*');
        while let (false, [rest @ .., last @ (b'.' | b':' | b'*')]) = (name.quoted, value) {
            // `**Password: hunter2x**`, but `Sommer2024*` as well.
            if *last == b'*' && !emphasised && !value.ends_with(b"**") {
                break;
            }
            value = rest;
        }
    } else if let Some(cut) = (ENOUGH - 3..ENOUGH).find(|cut| rest[*cut] >= 0xC0) {
        // Not within a character.
        value = &rest[..cut];
    }
    let parameter = if name.quoted {
        value.len()
    } else {
        next_parameter(value)
    };
    let goes_on = length == ENOUGH && parameter == value.len();
    value = &value[..parameter];
    if name.loose && !is_plain_secret(value, &name) {
        return Verdict::No;
    }
    let subtype = match name.kind {
        Kind::Password if is_password(value, name.quoted) => "password",
        Kind::Secret if is_secret(value, name.quoted) => "secret",
        _ => return Verdict::No,
    };
    let hit = Hit::new(at + value.len(), Confidence::Medium).subtype(subtype);
    if goes_on {
        hit.run(Run::While(runs_on)).into()
    } else {
        hit.into()
    }
}

/// Which bytes end a value: any, one without quotes, one in a query without quotes.
static ENDS_VALUE: [u8; 256] = {
    let mut ends = [ANY; 256];
    let mut byte = 0_u8;
    loop {
        ends[byte as usize] = match byte {
            b'"' | b'\'' | b'`' | b'\\' | b'<' | b'>' => ANY,
            b',' | b';' | b')' | b']' | b'}' | b'|' => BARE,
            b'&' => PARAMETER,
            b'!'..=b'~' | 0x80.. => 0,
            _ => ANY,
        };
        if byte == u8::MAX {
            break ends;
        }
        byte += 1;
    }
};

const ANY: u8 = 1;
const BARE: u8 = 2;
const PARAMETER: u8 = 4;

/// Where the next parameter of a form begins: at an `&` with a name and `=` after it; or what an entity of HTML stands for, whose
/// semicolon is not part of the value. In a password an `&` is only that.
fn next_parameter(value: &[u8]) -> usize {
    let named = |rest: &[u8]| {
        let name = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            .count();
        name > 0 && rest.get(name) == Some(&b'=')
    };
    if !value.contains(&b'&') {
        return value.len();
    }
    // What ends a quotation in HTML.
    let entity = |rest: &[u8]| [&b"quot"[..], b"#34", b"#39", b"apos", b"lt", b"gt"].contains(&rest);
    let begins = |at: &usize| value[*at] == b'&' && (named(&value[at + 1..]) || entity(&value[at + 1..]));
    (0..value.len()).find(begins).unwrap_or(value.len())
}

/// What a very long value goes on with.
fn runs_on(byte: u8) -> bool {
    byte >= 0x80 || (byte.is_ascii_graphic() && !b"\"'`\\<>,;)]}|&".contains(&byte))
}

fn is_password(value: &[u8], quoted: bool) -> bool {
    let classes = Classes::of(value);
    let digits = value.iter().all(u8::is_ascii_digit);
    let chosen = (classes.digit && classes.letter())
        || (classes.symbol && classes.letter())
        || digits
        || (value.len() >= 10 && is_scrambled(value) && !is_wordy(value));
    value.len() >= LEAST
        && chosen
        && distinct(value) >= 4
        && !is_placeholder(value)
        && !is_code(value, quoted)
}

fn is_secret(value: &[u8], quoted: bool) -> bool {
    let classes = Classes::of(value);
    let letters_alone = !classes.digit && value.len() >= 12 && is_scrambled(value);
    value.len() >= 10
        && classes.letter()
        && (classes.digit || letters_alone)
        && bits_per_byte(value) >= if value.len() < 16 { 2.8 } else { 3.0 }
        && !is_placeholder(value)
        && !is_wordy(value)
        && !is_code(value, quoted)
        && (quoted || !is_variable(value))
}

/// `x86_cpu_index_1_edx`: many short parts, each a word or a number, or a word with a number after it.
fn is_variable(value: &[u8]) -> bool {
    let of_part = |part: &[u8]| {
        let letters = part.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        part.len() <= 8 && part[letters..].iter().all(u8::is_ascii_digit)
    };
    value.iter().filter(|byte| **byte == b'_').count() >= 3 && value.split(|byte| *byte == b'_').all(of_part)
}

/// Whether the value alone says that it is one: what stands next to a name need not be its value.
fn is_plain_secret(value: &[u8], name: &Name) -> bool {
    let classes = Classes::of(value);
    let mixed = classes.letter() && classes.digit;
    // Hosts, paths and versions.
    let parted = value.iter().any(|byte| matches!(byte, b'.' | b':' | b'/' | b','));
    let chosen = match name.kind {
        Kind::Password => {
            let varied = classes.symbol || (classes.upper && classes.lower);
            let random = name.quoted && value.len() >= 10 && bits_per_byte(value) >= 3.0;
            value.len() >= 8 && (varied || random) && (!parted || value.ends_with(b"="))
        }
        Kind::Secret => {
            let key = value.len() >= 16 && bits_per_byte(value) >= 3.3;
            key && !(name.in_query && parted)
        }
    };
    // No word has capitals, small letters, digits and signs.
    let all = classes.symbol && classes.upper && classes.lower;
    mixed && chosen && (all || !is_wordy(value))
}

/// The name of an algorithm, a version or a measure: `aes-256-gcm`, `v2.1.0-beta1`, `12.5kW`.
fn is_technical(value: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "aes-",
        "aes128",
        "aes256",
        "sha1",
        "sha-",
        "sha2",
        "sha3",
        "sha5",
        "md5",
        "hmac",
        "rsa-",
        "rsa2",
        "rsa4",
        "ecdsa",
        "ed25519",
        "ed448",
        "x25519",
        "x448",
        "hs256",
        "hs384",
        "hs512",
        "rs256",
        "rs384",
        "rs512",
        "es256",
        "es384",
        "es512",
        "ps256",
        "bcrypt",
        "argon2",
        "pbkdf2",
        "scrypt",
        "oauth",
        "base64",
        "base32",
        "utf-8",
        "utf8",
        "chacha20",
        "curve25519",
    ];
    static BEGINNINGS: Pairs = Pairs::beginning(NAMES);
    if value.len() > 28 || value.len() < 2 {
        return false;
    }
    let named = BEGINNINGS.contain(value)
        && NAMES.iter().any(|name| {
            let start = value.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        });
    let number = value.strip_prefix(b"v").unwrap_or(value);
    let whole = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = &number[whole..];
    let version = (1..=4).contains(&whole)
        && rest.first() == Some(&b'.')
        && rest.get(1).is_some_and(u8::is_ascii_digit);
    named || version
}

/// Where a secret is kept: `vault:secret/data/app#key`, `projects/123/secrets/app/versions/1`. Three words or numbers and more
/// between slashes.
fn is_way(value: &[u8]) -> bool {
    let place = value.strip_prefix(b"vault:").unwrap_or(value);
    let of_place = |part: &[u8]| {
        let part = part.split(|byte| *byte == b'#').next().unwrap_or_default();
        let number = !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        let letters = part
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_'));
        part.len() <= 24 && (number || letters)
    };
    let parts = || place.split(|byte| *byte == b'/');
    parts().count() >= 3 && parts().all(of_place) && parts().any(is_wordy)
}

/// Letters that change their case too often for the words of a name.
fn is_scrambled(value: &[u8]) -> bool {
    // Sums of a byte each are added many at a time.
    let few = |(first, second): (&[u8], &[u8])| -> u8 {
        let pairs = first.iter().zip(second);
        let changes = pairs.map(|(a, b)| is_alphabetic(*a) & is_alphabetic(*b) & ((a ^ b) & 0x20 != 0));
        changes.map(u8::from).sum()
    };
    let seconds = value.get(1..).unwrap_or_default();
    let changes: usize = value
        .chunks(64)
        .zip(seconds.chunks(64))
        .map(few)
        .map(usize::from)
        .sum();
    7 * changes >= 2 * value.len()
}

/// Calls, look-ups and paths: the value is elsewhere.
fn is_code(value: &[u8], quoted: bool) -> bool {
    // All but the names of algorithms have signs.
    if leading(value, is_alphanumeric) == value.len() {
        return is_technical(value);
    }
    let call = || !quoted && value.iter().any(|byte| matches!(byte, b'(' | b'[' | b'{'));
    // A third of what is base64 begins or goes on with a slash; the names in a path are words.
    let encoded =
        || value.len() >= 32 && Classes::of(value).digit && bits_per_byte(value) >= 4.3 && !is_wordy(value);
    let path = || {
        value.starts_with(b"arn:")
            || (value.starts_with(b"/") && !encoded())
            || value.starts_with(b"./")
            || is_way(value)
            || value.windows(3).any(|window| window == b"://")
    };
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let attribute = || {
        value.iter().all(of_name)
            && value.contains(&b'.')
            && value
                .split(|byte| *byte == b'.')
                .all(|part| part.first().is_some_and(u8::is_ascii_alphabetic))
            && is_wordy(value)
    };
    // `crate::Token`, `&self.secret`, `_bindgen_ty_5`
    let item = || value.windows(2).any(|pair| pair == b"::") || value.starts_with(b"&");
    let compared = || {
        value.windows(3).any(|three| {
            matches!(three, [b'!', b'=', _] | [b'-', b'>', _])
                || (three.starts_with(b"==") && three[2] != b'=')
        })
    };
    let snake = || {
        value.starts_with(b"_")
            && value
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
    };
    let constant = || {
        value.contains(&b'_')
            && value
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
            && is_wordy(value)
    };
    // `*const c_char`
    let pointer = || {
        value.starts_with(b"*")
            && value[1..]
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
    };
    let tag = || value.starts_with(b"!") && value[1..].iter().all(u8::is_ascii_alphabetic);
    // `(?:{hex}|{ipv4})`, and what stands after `<user>:<password>`.
    let pattern = || value.windows(2).any(|pair| pair == b"(?") || (!quoted && value.starts_with(b"@"));
    let bare = || snake() || tag() || pointer() || constant() || item() || compared();
    is_technical(value) || call() || path() || attribute() || pattern() || (!quoted && bare())
}
