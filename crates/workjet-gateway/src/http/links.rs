//! Logging in by a link that works once.
//!
//! ```text
//! https://gate.example/auth/link#wjl_…
//! ```
//! Browsers keep the fragment to themselves, so no proxy, log or `Referer` header learns the token. The page takes it out
//! of the address bar, and a press of its button sends it: whoever only opens the link, as scanners of mail do, spends
//! nothing.

use std::sync::LazyLock;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use http::header::{CONTENT_SECURITY_POLICY, HOST, HeaderMap, REFERRER_POLICY, X_FRAME_OPTIONS};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use workjet_audit::Kind;
use workjet_auth::LoginLink;

use super::App;
use super::answer::answer;
use super::attempts::Attempt;
use super::event::event;
use super::form::form;
use super::session::{By, begin_session};
use crate::Refusal;
use crate::authenticate::from_own_page;
use crate::core::default_tenant;
use crate::record::append;

const PAGE: &str = include_str!("link.html");

/// Nothing but the page's own script and style, and no request but to this gateway.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        source("script"),
        source("style")
    )
});

/// The page's only element of this kind, as a content security policy names it.
fn source(element: &str) -> String {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let text = PAGE
        .split_once(&begin)
        .and_then(|(_, rest)| rest.split_once(&end))
        .map_or("", |(text, _)| text);
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// `GET /auth/link`: a page with a button. Changes nothing, and is the same for everybody.
pub(super) async fn page() -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    (headers, Html(PAGE)).into_response()
}

#[derive(Deserialize)]
struct LinkForm {
    link: String,
}

/// `POST /auth/link` with `{"link": "wjl_…"}`: spends the link, sets the session cookie and says who it is.
pub(super) async fn redeem(State(app): State<App>, request: Request) -> Response {
    answer(try_redeem(&app, request).await)
}

async fn try_redeem(app: &App, request: Request) -> Result<Response, Refusal> {
    let host = &app.host;
    let (request, body) = request.into_parts();
    from_own_page(&request.headers, "a page of another origin may not log you in")?;
    let form: LinkForm = form(app, &request.headers, body).await?;
    let attempt = Attempt::with_token(app, &request);
    attempt.count(app).await?;

    let user = match LoginLink::parse(form.link.trim()) {
        Ok(link) => host.links.redeem(&link.hash(), host.clock.now()).await?,
        Err(_) => None,
    };
    if let Some(user) = user {
        return begin_session(app, &user, &request, By::Link).await;
    }
    // Whose link it was, if it ever was one, is not known any more.
    let scope = host.operator.system_scope(&default_tenant());
    let entry = event(host, &scope, Kind::AuthLoginFailed, &request)
        .status(401)
        .code("unauthenticated")
        .detail("by", "link");
    append(host, &scope, attempt.describe(entry)).await?;
    app.core
        .metrics
        .request("login", "unauthenticated", Duration::ZERO);
    Err(Refusal::wrong_link())
}

/// Where links are opened: at the host that `request` was sent to.
pub(super) fn place(request: &Parts) -> Result<String, Refusal> {
    let authority = authority(&request.headers).ok_or_else(|| {
        Refusal::invalid("the request names no host, so no login link can be made: send a `host` header")
    })?;
    // A server learns the scheme from nobody; what it serves without TLS is behind something that has it.
    let scheme = request.uri.scheme().unwrap_or(&Scheme::HTTPS);
    Ok(format!("{scheme}://{authority}/auth/link"))
}

fn authority(headers: &HeaderMap) -> Option<Authority> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let is_plain = !host.contains('@');
    host.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn policy_names_the_script_and_style_of_the_page() {
        let nothing = format!("'sha256-{}'", STANDARD.encode(Sha256::digest("")));
        assert!(!POLICY.contains(&nothing), "the page has a script and a style");
        assert_eq!(PAGE.matches("<script").count(), 1);
        assert_eq!(PAGE.matches("<style").count(), 1);
        assert!(
            !PAGE.contains("style=") && !PAGE.contains("onclick"),
            "the policy forbids these"
        );
    }

    #[test]
    fn link_leads_to_the_host_that_was_asked() {
        let made = |uri: &str, host: Option<&str>| {
            let mut request = Request::get(uri);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            place(&parts).map_err(|refusal| refusal.code())
        };
        let at = |begin: &str| Ok(format!("{begin}/auth/link"));
        assert_eq!(made("/x", Some("gate.example")), at("https://gate.example"));
        assert_eq!(
            made("/x", Some("gate.example:8787")),
            at("https://gate.example:8787")
        );
        assert_eq!(
            made("http://localhost:8787/x", Some("localhost:8787")),
            at("http://localhost:8787")
        );
        for host in [None, Some("a b"), Some("user@gate.example"), Some("")] {
            assert_eq!(made("/x", host), Err("invalid_request"), "{host:?}");
        }
    }
}
