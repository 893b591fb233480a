//! What may differ between homes: the one list, each with its reason. Everything else must be the same byte for byte.

use std::sync::LazyLock;

use http::HeaderMap;
use jiff::Timestamp;
use regex::{Captures, Regex};
use serde_json::Value;

/// Headers of replies that belong to the connection, not to the gateway.
const REPLY_HEADERS: &[(&str, &str)] = &[
    ("date", "the time"),
    (
        "connection",
        "whether the connection stays open is the HTTP server's business",
    ),
    ("keep-alive", "the same"),
    (
        "transfer-encoding",
        "how a body is framed is the HTTP server's business",
    ),
    ("content-length", "the same; the body itself is compared"),
];

/// Headers that a provider gets from the HTTP client, not from the gateway.
const PROVIDER_HEADERS: &[(&str, &str)] = &[
    ("host", "each home has mock providers at an address of their own"),
    ("connection", "the HTTP client's business"),
    (
        "content-length",
        "how a body is framed is the HTTP client's business",
    ),
    ("transfer-encoding", "the same"),
    ("accept", "`*/*` or nothing, which means the same"),
    (
        "accept-encoding",
        "workerd unpacks compressed replies by itself and asks for them",
    ),
    ("cf-worker", "Cloudflare tells every provider whose Worker asks"),
    (
        "user-agent",
        "the name of the HTTP client, which workerd leaves out",
    ),
];

/// What is made anew for each request, in each home: a pattern, what stands for it, and why.
const MADE: &[(&str, &str, &str)] = &[
    (r"req([-_])[0-9a-f]{32}", "req$1<id>", "request ids are random"),
    (
        r"call_[0-9a-f]{24}_",
        "call_<id>_",
        "Google and Ollama give tool calls no ids, so they are made from the request's",
    ),
    (r"\bent_[0-9a-f]{32}", "ent_<id>", "ids of entries are random"),
    (
        r"\b20[2-9][0-9]-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z",
        "<time>",
        "the time",
    ),
    (
        r#""latency_ms":[0-9]+"#,
        r#""latency_ms":<ms>"#,
        "how long it took",
    ),
    (
        r"\bwj_[a-z]+_[a-z0-9]+_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}",
        "<key>",
        "keys are random",
    ),
    (
        r"__Host-workjet=[0-9A-Za-z_.-]+",
        "__Host-workjet=<session>",
        "sessions are random",
    ),
    (r"\bwjl_[0-9A-Za-z_-]+", "<link>", "login links are random"),
    (
        r#""session":"[^"]+""#,
        r#""session":"<session id>""#,
        "ids of sessions are random",
    ),
    (
        r#""key":"[a-z0-9]{16}""#,
        r#""key":"<key id>""#,
        "ids of keys are random",
    ),
    (
        "https?://<home>",
        "<url>",
        "a Worker knows its scheme, a server behind a proxy does not; here both speak plain HTTP",
    ),
    (
        r#""next":"[0-9]+""#,
        r#""next":"<index>""#,
        "how long the log was before",
    ),
    (
        r"\[([A-Z_]+):[0-9a-f]{6}\]",
        "[$1:<token>]",
        "tokens are made from the request's id",
    ),
    (
        r#""response":"hmac-sha256:[0-9a-f]{64}""#,
        r#""response":"<commitment>""#,
        "commits to a reply, which may hold the request id; the commitment to the request is compared",
    ),
];

static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    MADE.iter()
        .map(|(pattern, stands, _)| (Regex::new(pattern).expect("a good pattern"), *stands))
        .collect()
});

/// A moment in seconds, as replies have it that no provider dated.
static CREATED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""created":([0-9]{10})\b"#).expect("a good pattern"));

/// Seconds that pass while a scenario is played: rounded up to whole minutes.
static SECONDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(;t=|try again in )([0-9]+)").expect("a good pattern"));

/// Replaces what is made anew by its name. `known` are values that this scenario saw being made, with their names.
pub(crate) fn text(text: &str, known: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (value, name) in known {
        text = text.replace(value, &format!("<{name}>"));
    }
    for (pattern, stands) in PATTERNS.iter() {
        text = pattern.replace_all(&text, *stands).into_owned();
    }
    let now = Timestamp::now().as_second();
    let text = CREATED.replace_all(&text, |found: &Captures<'_>| {
        let seconds: i64 = found[1].parse().unwrap_or_default();
        if (now - seconds).abs() < 3600 {
            r#""created":<now>"#.to_owned()
        } else {
            found[0].to_owned()
        }
    });
    SECONDS
        .replace_all(&text, |found: &Captures<'_>| {
            format!("{}{}", &found[1], minutes(&found[2]))
        })
        .into_owned()
}

/// The headers of a reply that are compared, in the order of their names.
pub(crate) fn reply_headers(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> = headers
        .iter()
        .filter(|(name, _)| REPLY_HEADERS.iter().all(|(other, _)| name != other))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            let value = if name == "retry-after" {
                minutes(&value)
            } else {
                value.into_owned()
            };
            format!("{name}: {value}")
        })
        .collect();
    lines.sort();
    lines
}

/// The entries that are compared. A new user gets a password in a home that has passwords, and elsewhere a login link,
/// which is an entry of its own. What commits to a request with tokens in it is as random as they are.
pub(crate) fn entries(mut entries: Vec<Value>) -> Vec<Value> {
    let mut made = None;
    entries.retain(|entry| {
        let follows = entry["kind"] == "auth.link.issued" && made.as_ref() == Some(&entry["subject"]);
        made = (entry["kind"] == "admin.user.created").then(|| entry["subject"].clone());
        !follows
    });
    for entry in &mut entries {
        let has_tokens = entry["findings"]
            .as_array()
            .is_some_and(|found| found.iter().any(|finding| finding["action"] == "tokenize"));
        if let Some(commitment) = entry.pointer_mut("/commitments/request").filter(|_| has_tokens) {
            *commitment = Value::from("<commitment>");
        }
    }
    entries
}

/// Whether a header that a provider got is compared.
pub(crate) fn is_for_the_provider(name: &str) -> bool {
    PROVIDER_HEADERS.iter().all(|(other, _)| name != *other)
}

fn minutes(seconds: &str) -> String {
    seconds.parse::<u64>().map_or_else(
        |_| seconds.to_owned(),
        |seconds| format!("<{} min>", seconds.div_ceil(60)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_made_anew_is_replaced() {
        let line = r#"{"request":"req_0123456789abcdef0123456789abcdef","latency_ms":17,"created":1700000000,"code":"ok"}"#;
        let expected = r#"{"request":"req_<id>","latency_ms":<ms>,"created":1700000000,"code":"ok"}"#;
        assert_eq!(text(line, &[]), expected);
        assert_eq!(
            text("of ada's", &[("ada".to_owned(), "user".to_owned())]),
            "of <user>'s"
        );
        assert_eq!(
            text(r#""requests";r=1;t=3597"#, &[]),
            r#""requests";r=1;t=<60 min>"#
        );
    }
}
