//! Names that announce a secret, read backwards from the value.

use crate::stretch::{is_alphanumeric, trailing};

/// What a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Chosen by a person, so it may be short.
    Password,
    /// Made by a machine.
    Secret,
}

/// A name and how its value is written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) kind: Kind,
    /// The value stands in quotes.
    pub(crate) quoted: bool,
    /// The name is a parameter in a URL or a form.
    pub(crate) in_query: bool,
    /// No sign says that a value follows, only the place: `setPassword("…")`, `"password", "…"`, `login bob, pass …`. The value
    /// itself must then look like a secret.
    pub(crate) loose: bool,
}

/// How a name is bound to its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bond {
    /// By a sign of assignment, a verb, or as an option of a command.
    Sign,
    /// By standing next to it.
    Place,
}

/// Reads `name = "`, `"name": `, `name is ` and the like at the end of `behind`. `None` unless the name is secret-sounding.
pub(crate) fn before(behind: &[u8]) -> Option<Name> {
    let (rest, quoted) = match behind {
        [rest @ .., b'"' | b'\'' | b'`'] => (rest, true),
        rest => (rest, false),
    };
    let rest = trim(rest, |byte| byte == b'\\');
    let spaced = !quoted && rest.last().is_some_and(|byte| blank(*byte));
    let rest = trim(rest, |byte| blank(byte) || byte == b'*');
    let Some((rest, bond)) = operator(rest, quoted, spaced) else {
        return of_command(rest, quoted, spaced);
    };
    if behind.last() == Some(&b':') && follows_user_option(rest) {
        return Some(Name {
            kind: Kind::Password,
            quoted,
            in_query: false,
            loose: false,
        });
    }
    let after_name = |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'*');
    let equals = behind
        .get(rest.len()..)
        .is_some_and(|sign| sign.trim_ascii_start().starts_with(b"="));
    let rest = trim(trim(rest, blank), after_name);
    let rest = if equals { untyped(rest) } else { rest };
    // `name="password" value="…"`, YAML's and JSON's `name` and `value`, and `--name … --value …`.
    let rest = match rest {
        [field @ .., b'v' | b'V', b'a', b'l', b'u', b'e'] if ends_field(field) => {
            let field = field.strip_suffix(b" --").unwrap_or(field);
            let between =
                |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b',' | b'\\');
            let between = field
                .iter()
                .rev()
                .take(48)
                .take_while(|byte| between(byte))
                .count();
            &field[..field.len() - between]
        }
        rest => rest,
    };
    if foreign_password(rest) {
        return Some(Name {
            kind: Kind::Password,
            quoted,
            in_query: false,
            loose: bond == Bond::Place,
        });
    }
    let (words, start) = last_words(rest);
    if is_verdict(behind, rest, start) {
        return None;
    }
    // In `\npassword` the first letter is that of an escape.
    let unescaped = || match rest.get(start.checked_sub(1)?..)? {
        [b'\\', b'n' | b't' | b'r', word @ ..] => classify(last_words(word).0),
        _ => None,
    };
    // `pAsSwOrD`: humps that are none.
    let letters = trailing(&rest[rest.len().saturating_sub(32)..], is_alphanumeric);
    let word = &rest[rest.len() - letters..];
    let whole = || classify([word, &[]]).filter(|_| word.len() > words[0].len());
    let in_query = matches!(
        start.checked_sub(1).and_then(|before| rest.get(before)),
        Some(b'?' | b'&')
    );
    // Whoever looks at a badge knows its token.
    let near = &rest[rest.len().saturating_sub(64)..];
    if in_query && near.windows(5).any(|window| window == b"badge") {
        return None;
    }
    // The key of a request, and the signature that makes an address a credential.
    let of_query = || {
        let alone = in_query && (words[0] == b"key" || words[0] == b"sig");
        alone.then_some(Kind::Secret)
    };
    let kind = classify(words)
        .or_else(unescaped)
        .or_else(whole)
        .or_else(of_query)?;
    if (bond == Bond::Place && reads(words)) || in_resource_name(rest) {
        return None;
    }
    Some(Name {
        kind,
        quoted,
        in_query,
        loose: bond == Bond::Place || (in_query && words[0] == b"key"),
    })
}

/// Without the type that stands between the name and its value: `apiKey: string =`, `token: Optional[str] =`, `key: &str =`, and
/// Go's `apiKey string =`.
fn untyped(rest: &[u8]) -> &[u8] {
    let letters = rest
        .iter()
        .rev()
        .take(8)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let (before, word) = rest.split_at(rest.len() - letters);
    if !TYPES
        .iter()
        .any(|listed| word.eq_ignore_ascii_case(listed.as_bytes()))
    {
        return rest;
    }
    let of_type = |byte: &&u8| byte.is_ascii_alphabetic() || b"&'<[. ".contains(byte);
    let within = before.iter().rev().take(24).take_while(of_type).count();
    match &before[..before.len() - within] {
        [name @ .., b'?', b':'] | [name @ .., b':'] if !name.ends_with(b":") => trim(name, blank),
        _ => match before {
            [.., byte, b' '] if byte.is_ascii_alphanumeric() => trim(before, blank),
            _ => rest,
        },
    }
}

/// Of text, in the languages that write them after the name.
pub(crate) const TYPES: &[&str] = &["string", "str"];

/// Amazon's names of resources: `arn:aws:secretsmanager:us-west-2:123456789012:secret:name`.
fn in_resource_name(rest: &[u8]) -> bool {
    let of_name = |byte: u8| is_alphanumeric(byte) | (byte == b':') | (byte == b'-');
    let length = trailing(&rest[rest.len().saturating_sub(96)..], of_name);
    rest[rest.len() - length..].starts_with(b"arn:")
}

/// `getToken("…")` and `parse_token("…")` are asked for one.
fn reads([_, before]: [&[u8]; 2]) -> bool {
    const VERBS: &[&str] = &[
        "get", "find", "fetch", "has", "is", "parse", "read", "load", "delete", "remove", "check", "lookup",
        "new",
    ];
    VERBS
        .iter()
        .any(|verb| before.eq_ignore_ascii_case(verb.as_bytes()))
}

/// Whether `value` is a field of its own after this, not the end of a longer name.
fn ends_field(before: &[u8]) -> bool {
    before.ends_with(b" --")
        || before
            .last()
            .is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\''))
}

/// Words for passwords with letters that ASCII lacks.
fn foreign_password(bytes: &[u8]) -> bool {
    bytes
        .last()
        .is_some_and(|last| !last.is_ascii() || last.is_ascii_alphabetic())
        && !bytes[bytes.len().saturating_sub(24)..].is_ascii()
        && FOREIGN.iter().any(|word| {
            let start = bytes.len().checked_sub(word.len());
            start.is_some_and(|start| bytes[start..].eq_ignore_ascii_case(word.as_bytes()))
        })
}

#[rustfmt::skip]
pub(crate) const FOREIGN: &[&str] = &[
    "contraseña", "hasło", "jelszó", "şifre", "parolă", "lösenord", "пароль", "κωδικός", "סיסמה", "密码", "密碼",
    "パスワード", "비밀번호", "암호", "mật khẩu", "pääsykoodi",
];

/// Options of commands that take a password, `sshpass -p …` and `docker login -u bob -p …`, and SQL's `IDENTIFIED BY '…'`.
fn of_command(rest: &[u8], quoted: bool, spaced: bool) -> Option<Name> {
    let line = rest.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = &line[line.len().saturating_sub(96)..];
    let runs = |commands: &[&[u8]]| {
        (0..line.len()).any(|at| {
            let begins = matches!(line[at], b's' | b'l' | b'm' | b'r');
            begins && commands.iter().any(|command| line[at..].starts_with(command))
        })
    };
    let identified = || {
        let end = line.get(line.len().checked_sub(13)?..)?;
        Some(end.eq_ignore_ascii_case(b"identified by"))
    };
    let password = if line.ends_with(b" -p") {
        runs(&[b"sshpass", b"login", b"mysql", b"mariadb"])
    } else if line.ends_with(b" -a") {
        (spaced || quoted) && runs(&[b"redis-cli"])
    } else {
        quoted && identified() == Some(true)
    };
    password.then_some(Name {
        kind: Kind::Password,
        quoted,
        in_query: false,
        loose: false,
    })
}

/// Whether `-u user` ends here, after which a colon and a password stand.
fn follows_user_option(rest: &[u8]) -> bool {
    let user = rest
        .iter()
        .rev()
        .take(64)
        .take_while(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'"' | b'\''))
        .count();
    let before = &rest[..rest.len() - user];
    let before = match before {
        [before @ .., b'"' | b'\''] => before,
        before => before,
    };
    user > 0 && (before.ends_with(b" -u ") || before.ends_with(b" --user ") || before.ends_with(b" --user="))
}

/// Whether `PASS:` reports the outcome of a test, whose name follows: in capitals, alone, before a colon.
fn is_verdict(behind: &[u8], rest: &[u8], start: usize) -> bool {
    let name = rest.get(start..).unwrap_or_default().trim_ascii();
    let alone = name == b"PASS" || (rest.ends_with(b"- PASS") || rest.ends_with(b"\nPASS"));
    alone && behind.get(rest.len()) == Some(&b':')
}

fn blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn trim(bytes: &[u8], what: fn(u8) -> bool) -> &[u8] {
    let kept = bytes.iter().rev().take(8).take_while(|byte| what(**byte)).count();
    &bytes[..bytes.len() - kept]
}

/// What stands before `=`, `:`, `:=`, `=>`, `==`, `<tag>`, ` is` or ` to`; or all of it, if it ends with `--flag`. Where no such
/// sign stands: what stands before `(`, `,`, `||` or `??` and a value in quotes, or before a blank, if it is a word for passwords.
fn operator(bytes: &[u8], quoted: bool, spaced: bool) -> Option<(&[u8], Bond)> {
    let rest = match bytes {
        // `pToken->field` assigns nothing.
        [.., b'-', b'>'] => return None,
        [rest @ .., b':', b'='] | [rest @ .., b'=', b'>'] | [rest @ .., b'=', b'='] => rest,
        [rest @ .., b'=' | b':' | b'>'] => rest,
        [rest @ .., b' ', b'i', b's']
        | [rest @ .., b' ', b'w', b'a', b's']
        | [rest @ .., b' ', b't', b'o']
            if !is_verb(bytes, rest) =>
        {
            rest
        }
        [rest @ .., b' ', b'i' | b'e', b's', b't'] | [rest @ .., b' ', b'e', b's'] => rest,
        [rest @ .., b'"' | b'\'' | b'`', b','] | [rest @ .., b'('] if quoted => {
            return Some((rest, Bond::Place));
        }
        [rest @ .., b'|', b'|'] | [rest @ .., b'?', b'?'] if quoted => return Some((rest, Bond::Place)),
        rest if follows_flag(rest) => rest,
        rest if (spaced || quoted) && follows_password(rest) => {
            let bond = if sets_password(rest, quoted) {
                Bond::Sign
            } else {
                Bond::Place
            };
            return Some((rest, bond));
        }
        _ => return None,
    };
    Some((rest, Bond::Sign))
}

/// `flags to pass to …`
fn is_verb(all: &[u8], before: &[u8]) -> bool {
    all.ends_with(b" to") && before.ends_with(b" pass")
}

/// Whether the last word is one for passwords, after which a value may stand with nothing but a blank between:
/// `requirepass …`, `machine … password …`, `WITH PASSWORD '…'`, `ENV DB_PASSWORD …`.
pub(crate) fn follows_password(bytes: &[u8]) -> bool {
    const WORDS: [&[u8]; 7] = [
        b"pass",
        b"password",
        b"passwd",
        b"requirepass",
        b"pwd",
        b"passphrase",
        b"passcode",
    ];
    let (before, word) = last_letters(bytes);
    let alone = before
        .last()
        .is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b'/'));
    (alone || is_set(before)) && WORDS.iter().any(|listed| word.eq_ignore_ascii_case(listed))
}

fn last_letters(bytes: &[u8]) -> (&[u8], &[u8]) {
    let letters = bytes
        .iter()
        .rev()
        .take(12)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    bytes.split_at(bytes.len() - letters)
}

/// Whether the name that goes on after `before` is that of a variable which is set: `ENV`, Windows' `setx`, fish's `set -x`.
fn is_set(before: &[u8]) -> bool {
    const COMMANDS: [&[u8]; 4] = [b"ENV ", b"setx ", b"set -x ", b"set -gx "];
    let of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let begun = before.iter().rev().take(48).take_while(of_name).count();
    let before = &before[..before.len() - begun];
    COMMANDS.iter().any(|command| before.ends_with(command))
}

/// Whether nothing but a password can follow the word for one: `ENV DB_PASSWORD …`, and SQL's `WITH PASSWORD '…'`.
fn sets_password(bytes: &[u8], quoted: bool) -> bool {
    let (before, _) = last_letters(bytes);
    let with = before.len().checked_sub(5).and_then(|start| before.get(start..));
    is_set(before) || (quoted && with.is_some_and(|with| with.eq_ignore_ascii_case(b"with ")))
}

/// Whether the last word is an option of a command: `--api-key`.
pub(crate) fn follows_flag(bytes: &[u8]) -> bool {
    let of_flag = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let flag = bytes.iter().rev().take(48).take_while(of_flag).count();
    let (before, flag) = bytes.split_at(bytes.len() - flag);
    flag.starts_with(b"--") && !flag.starts_with(b"---") && !before.last().is_some_and(u8::is_ascii_graphic)
}

/// The last of up to four words and the one before it, `is`, `was` and `to` aside, and where the first begins. `apiKey`, `API_KEY`
/// and `api key` are two each.
fn last_words(bytes: &[u8]) -> ([&[u8]; 2], usize) {
    let mut words: [&[u8]; 2] = [&[]; 2];
    let mut count = 0;
    let mut end = bytes.len();
    let mut at = bytes.len();
    let reach = bytes.len().saturating_sub(64);
    let mut complete = |from: usize, end: usize| {
        let word = &bytes[from..end];
        if word.is_empty() {
            return count;
        }
        count += 1;
        let is = |verb: &[u8]| word.eq_ignore_ascii_case(verb);
        let verb = is(b"is") || is(b"was") || is(b"to");
        if let (false, Some(place)) = (verb, words.iter_mut().find(|word| word.is_empty())) {
            *place = word;
        }
        count
    };
    loop {
        let start = at - trailing(&bytes[reach.min(at)..at], is_alphanumeric);
        // `apiKey`: a word begins at a capital after a small letter. `APIKey`: or at the last of the capitals.
        let capital = |place: &usize| bytes[*place].is_ascii_uppercase();
        for place in (start + 1..at).rev().filter(capital) {
            let next = bytes[..at].get(place + 1);
            let before = bytes[place - 1];
            if before.is_ascii_lowercase()
                || (before.is_ascii_uppercase() && next.is_some_and(u8::is_ascii_lowercase))
            {
                complete(place, end);
                end = place;
            }
        }
        let count = complete(start, end);
        let before = (start > reach).then(|| bytes[start - 1]);
        if count >= 4 || !matches!(before, Some(b'_' | b'-' | b'.' | b' ')) {
            return (words, start);
        }
        (at, end) = (start - 1, start - 1);
    }
}

fn classify([last, before]: [&[u8]; 2]) -> Option<Kind> {
    let is = |word: &[u8], listed: &str| word.eq_ignore_ascii_case(listed.as_bytes());
    let any = |word: &[u8], list: &[&str]| list.iter().any(|listed| is(word, listed));
    if any(last, PASSWORDS) {
        return Some(Kind::Password);
    }
    // Rails' `SECRET_KEY_BASE`.
    if is(last, "base") && is(before, "key") {
        return Some(Kind::Secret);
    }
    let secret = if is(last, "token") || is(last, "tokens") {
        !any(before, BENIGN_TOKENS)
    } else if is(last, "key") || is(last, "keys") {
        any(before, SECRET_KEYS)
    } else {
        any(last, SECRETS)
    };
    secret.then_some(Kind::Secret)
}

#[rustfmt::skip]
const PASSWORDS: &[&str] = &[
    "password", "passwords", "passwd", "passwort", "pwd", "pass", "passphrase", "passcode", "pw",
    "userpassword", "dbpassword", "dbpass", "kennwort", "wachtwoord", "senha", "contrasena", "parola", "haslo",
    "salasana", "passe", "pgpassword", "requirepass", "losenord", "passord", "kodeord", "adgangskode", "heslo", "lozinka",
    "sandi", "sifre", "jelszo",
];

#[rustfmt::skip]
const SECRETS: &[&str] = &[
    "secret", "secrets", "apikey", "apikeys", "apisecret", "apitoken", "secretkey", "accesskey",
    "accesstoken", "authtoken", "privatekey", "clientsecret", "appsecret", "appkey", "masterkey",
    "encryptionkey", "signingkey", "credential", "credentials", "creds", "auth", "authkey", "bearer", "jwt",
    "pat",
];

/// Tokens that mark a place in a list, a form, or a text.
#[rustfmt::skip]
const BENIGN_TOKENS: &[&str] = &[
    "csrf", "xsrf", "next", "page", "pagination", "continuation", "continue", "sync", "cursor",
    "cancellation", "cancel", "max", "min", "bos", "eos", "pad", "unk", "sep", "cls", "mask", "special",
    "stop", "resume", "start", "end", "design", "per", "verification", "antiforgery", "idempotency",
    "dedup", "lock", "change", "forward", "backward", "starting", "action", "unit", "previous", "prev", "last", "first",
];

/// `key` alone is the key of a map, a table or a keyboard.
#[rustfmt::skip]
const SECRET_KEYS: &[&str] = &[
    "api", "access", "secret", "private", "auth", "authentication", "authorization", "encryption",
    "decryption", "signing", "master", "account", "shared", "service", "storage", "subscription", "admin",
    "app", "application", "client", "server", "deploy", "license", "licence", "sas", "hmac", "jwt",
    "session", "webhook", "root", "host", "function", "integration",
];

/// All words that make a name secret; `key` needs another before it.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    [
        PASSWORDS,
        SECRETS,
        &["token", "tokens", "key", "keys", "base", "sig"],
    ]
    .into_iter()
    .flatten()
    .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<Kind> {
        before(text.as_bytes()).map(|name| name.kind)
    }

    #[test]
    fn names_are_read_in_every_spelling() {
        for text in [
            "apiKey = \"",
            "API_KEY=",
            "\"api-key\": \"",
            "x-api-key: ",
            "config['api_key'] = '",
            "API key is ",
            "APIKey: ",
        ] {
            assert_eq!(kind(text), Some(Kind::Secret), "{text}");
        }
        for text in [
            "password=",
            "DB_PASSWORD: ",
            "\\\"password\\\":\\\"",
            "my password is ",
            "<password>",
            "pAsSwOrD=",
            "set the password to ",
            "mysqldump --password ",
            "**Password:** ",
        ] {
            assert_eq!(kind(text), Some(Kind::Password), "{text}");
        }
    }

    #[test]
    fn names_that_merely_contain_a_word_are_benign() {
        for text in [
            "monkey=",
            "keyboard: ",
            "public_key = ",
            "csrf_token: ",
            "max_tokens: ",
            "cache_key=",
            "key: ",
            "tokenizer = ",
            "PASS: ",
            "--- PASS: ",
            "the key to ",
            "pToken->",
            "a--password ",
        ] {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn a_parameter_of_a_url_is_recognised() {
        assert!(before(b"https://x.example/?token=").expect("a name").in_query);
        assert!(!before(b"token=").expect("a name").in_query);
    }
}
