//! Telling our own pages' requests from other sites'.

use crate::error::CrossOrigin;

/// Lets a state-changing request through unless a browser says that another site's page sent it.
///
/// Takes the headers `Sec-Fetch-Site`, `Origin` and `Host` (or `:authority`). `Sec-Fetch-Site` decides if it is there:
/// browsers set it and pages cannot. Else `Origin` must name `Host`; over plain HTTP only on a loopback host, since
/// Workjet serves nothing else without TLS. With neither header no browser of this decade sent the request, and what is
/// no browser carries no cookie it did not mean to send.
///
/// # Errors
/// [`CrossOrigin`]: answer 403, and do nothing.
pub fn same_origin(
    fetch_site: Option<&str>,
    origin: Option<&str>,
    host: Option<&str>,
) -> Result<(), CrossOrigin> {
    match (fetch_site, origin) {
        (Some("same-origin" | "none"), _) | (None, None) => Ok(()),
        (Some(_), _) => Err(CrossOrigin),
        (None, Some(origin)) => {
            let host = host.ok_or(CrossOrigin)?;
            if names_host(origin, host) {
                Ok(())
            } else {
                Err(CrossOrigin)
            }
        }
    }
}

fn names_host(origin: &str, host: &str) -> bool {
    let (authority, default_port) = if let Some(authority) = origin.strip_prefix("https://") {
        (authority, ":443")
    } else if let Some(authority) = origin.strip_prefix("http://").filter(|_| is_loopback(host)) {
        (authority, ":80")
    } else {
        return false; // "null", extensions, other schemes
    };
    let bare = |text: &str| {
        text.strip_suffix(default_port)
            .unwrap_or(text)
            .to_ascii_lowercase()
    };
    bare(authority) == bare(host)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetch_metadata_decides_when_present() {
        assert!(same_origin(Some("same-origin"), None, Some("gate.example")).is_ok());
        assert!(same_origin(Some("none"), None, None).is_ok());
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
            assert!(
                same_origin(Some(site), Some("https://gate.example"), Some("gate.example")).is_err(),
                "{site}"
            );
        }
    }

    #[test]
    fn origin_must_name_the_host() {
        let check = |origin, host| same_origin(None, Some(origin), Some(host)).is_ok();
        assert!(check("https://gate.example", "gate.example"));
        assert!(check("https://Gate.example:443", "gate.example"));
        assert!(check("https://gate.example:8787", "gate.example:8787"));
        assert!(!check("https://gate.example:8787", "gate.example"));
        assert!(!check("https://evil.example", "gate.example"));
        assert!(!check("https://gate.example.evil.example", "gate.example"));
        assert!(!check("null", "gate.example"));
        assert!(same_origin(None, Some("https://gate.example"), None).is_err());
    }

    #[test]
    fn plain_http_origin_counts_on_loopback_only() {
        let check = |origin, host| same_origin(None, Some(origin), Some(host)).is_ok();
        assert!(check("http://127.0.0.1:8787", "127.0.0.1:8787"));
        assert!(check("http://localhost:8787", "localhost:8787"));
        assert!(check("http://[::1]:8787", "[::1]:8787"));
        assert!(!check("http://gate.example", "gate.example"));
        assert!(!check("http://localhost.evil.example", "localhost.evil.example"));
    }

    #[test]
    fn clients_that_are_no_browsers_pass() {
        assert!(same_origin(None, None, Some("gate.example")).is_ok());
    }
}
