//! What the table must show, so that a new error or kind of entry does not stay untested.

/// Error codes, of replies or of entries.
const CODES: &[&str] = &[
    "unauthenticated",
    "forbidden",
    "invalid_request",
    "dlp_blocked",
    "not_found",
    "method_not_allowed",
    "model_not_found",
    "too_large",
    "rate_limited",
    "request_timeout",
    "provider_error",
    "provider_unavailable",
    "provider_timeout",
    "provider_overloaded",
    "provider_credentials",
    "provider_refused",
    "unsupported_field",
    "context_length_exceeded",
    "already_exists",
    // `audit_unavailable`, `unavailable` and `internal` need a store or a gateway that is broken, which no home lets
    // its clients do; the gateway's own tests show them.
];

/// Kinds of entries.
const KINDS: &[&str] = &[
    "ai.intent",
    "ai.outcome",
    "ai.refused",
    "admin.user.created",
    "admin.user.changed",
    "admin.key.created",
    "admin.key.revoked",
    "admin.key.rotated",
    "auth.link.issued",
    "auth.login",
    "auth.login_failed",
    "auth.logout",
    "system.exported",
    // The others: `admin.tenant.*`, `admin.secret.sealed` and `system.*` are made before a client can ask for anything,
    // and `auth.password_changed` by the server alone.
];

/// What none of the transcripts' lines shows.
pub(crate) fn missing(lines: &[String]) -> Vec<String> {
    let shown = |text: String| lines.iter().any(|line| line.contains(&text));
    let codes = CODES
        .iter()
        .filter(|code| !shown(format!("\"code\":\"{code}\"")))
        .map(|code| format!("the error {code}"));
    let kinds = KINDS
        .iter()
        .filter(|kind| !shown(format!("\"kind\":\"{kind}\"")))
        .map(|kind| format!("an entry {kind}"));
    codes.chain(kinds).collect()
}
