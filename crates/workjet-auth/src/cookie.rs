//! The cookie that carries a session's token.
//!
//! The `__Host-` prefix makes browsers insist on `Secure`, `Path=/` and no `Domain`, so neither a sibling host nor a
//! plain-HTTP page can plant one
//! ([RFC 6265bis §4.1.3.2](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.3.2)).

use std::time::Duration;

use crate::SessionToken;

/// The cookie's name.
pub const NAME: &str = "__Host-workjet";

/// The `Set-Cookie` value that logs in, for at most `max_age` (whole seconds). It holds the token: mark it sensitive.
pub fn set(token: &SessionToken, max_age: Duration) -> String {
    format!(
        "{NAME}={}; Max-Age={}; Path=/; Secure; HttpOnly; SameSite=Lax",
        token.expose(),
        max_age.as_secs()
    )
}

/// The `Set-Cookie` value that logs out.
pub fn clear() -> String {
    format!("{NAME}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// The session token in a `Cookie` header; none if it is absent, malformed, or there are two of that name.
pub fn find(cookie_header: &str) -> Option<SessionToken> {
    let mut values = cookie_header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .map(|(_, value)| value);
    let value = values.next()?;
    // Two cookies of one name cannot come from us. Which is the right one? Neither is safe to guess.
    if values.next().is_some() {
        return None;
    }
    SessionToken::parse(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> SessionToken {
        SessionToken::generate([5; 32])
    }

    #[test]
    fn cookie_is_bound_to_the_host_and_hidden_from_scripts() {
        let cookie = set(&token(), Duration::from_secs(3600));
        assert!(cookie.starts_with("__Host-workjet=wjs_"));
        for attribute in [
            "; Secure",
            "; HttpOnly",
            "; SameSite=Lax",
            "; Path=/",
            "; Max-Age=3600",
        ] {
            assert!(cookie.contains(attribute), "{attribute} is missing");
        }
        assert!(!cookie.contains("Domain"));
        assert!(clear().contains("Max-Age=0"));
    }

    #[test]
    fn cookie_is_found_among_others() {
        let header = format!("theme=dark; {NAME}={} ;x=1", token().expose());
        assert_eq!(find(&header).map(|t| t.hash()), Some(token().hash()));
    }

    #[test]
    fn doubled_damaged_or_missing_cookie_is_no_session() {
        let one = format!("{NAME}={}", token().expose());
        assert!(find(&format!("{one}; {one}")).is_none());
        assert!(find(&one[..one.len() - 1]).is_none());
        assert!(find("theme=dark").is_none());
        assert!(find(&one.to_lowercase()).is_none());
    }
}
