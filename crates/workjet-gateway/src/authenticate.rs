//! Who is it, and which tenant do they belong to?
//!
//! The first stage, before the body is read. A credential is an API key (`Authorization: Bearer`, or `x-api-key` as
//! Anthropic's clients send it) or the session cookie; whatever is wrong with it, the answer is the same 401.

use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, ORIGIN};
use jiff::SignedDuration;
use workjet_auth::{ApiKey, Principal, SessionToken, StoredSession, cookie, same_origin};
use workjet_tenant::Scope;

use crate::{Host, Refusal};

/// A caller whose credential was verified. Only [`authenticate`] makes one.
#[derive(Debug)]
pub struct Authenticated {
    principal: Principal,
}

impl Authenticated {
    /// The caller's tenant, name and role.
    pub fn scope(&self) -> &Scope {
        self.principal.scope()
    }
}

/// What a caller showed.
enum Credential {
    Key(ApiKey),
    Session(SessionToken),
}

/// How old "last used" may be before it is written again: a write for every request would cost more than it tells.
const TOUCH_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// Verifies the credential in `headers`. `changes_state` is whether the request does more than read, which a cookie
/// allows only to pages of our own origin.
///
/// # Errors
/// 401 for no or a wrong credential, 403 for a cookie from a foreign page, 503 if the store does not answer.
pub async fn authenticate(
    host: &Host,
    headers: &HeaderMap,
    changes_state: bool,
) -> Result<Authenticated, Refusal> {
    match credential(headers)? {
        Credential::Key(key) => by_key(host, &key).await,
        Credential::Session(token) => {
            if changes_state {
                from_own_page(headers, FOREIGN_PAGE)?;
            }
            by_session(host, &token, host.sessions.find_by_hash(&token.hash()).await?)
        }
    }
}

/// The same for a request that changes who may do what: it is not decided by a copy of a session. Else somebody whose rights
/// were just taken away could give them to another.
///
/// # Errors
/// As for [`authenticate`].
pub(crate) async fn authenticate_to_administer(
    host: &Host,
    headers: &HeaderMap,
) -> Result<Authenticated, Refusal> {
    match credential(headers)? {
        Credential::Key(key) => by_key(host, &key).await,
        Credential::Session(token) => {
            from_own_page(headers, FOREIGN_PAGE)?;
            by_session(
                host,
                &token,
                host.sessions.find_latest_by_hash(&token.hash()).await?,
            )
        }
    }
}

const FOREIGN_PAGE: &str = "a page of another origin may not use your session";

/// Refuses what a page of another origin sent, in the words of `message`.
pub(crate) fn from_own_page(headers: &HeaderMap, message: &'static str) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    same_origin(text("sec-fetch-site"), text(ORIGIN.as_str()), text(HOST.as_str()))
        .map_err(|_| Refusal::forbidden(message))
}

fn credential(headers: &HeaderMap) -> Result<Credential, Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    // A client may send both: its own idea of a bearer token, and our key where Anthropic's clients put theirs.
    let keys = [bearer, text("x-api-key").map(str::trim)];
    let mut refused = false;
    for candidate in keys.into_iter().flatten() {
        match ApiKey::parse(candidate) {
            Ok(key) => return Ok(Credential::Key(key)),
            Err(_) => refused = true,
        }
    }
    if refused {
        // Never fall back to a cookie: whoever sent a key meant the key.
        return Err(Refusal::unauthenticated());
    }
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(cookie::find)
        .map(Credential::Session)
        .ok_or_else(Refusal::unauthenticated)
}

async fn by_key(host: &Host, key: &ApiKey) -> Result<Authenticated, Refusal> {
    let now = host.clock.now();
    let stored = host.keys.find_by_hash(&key.hash()).await?;
    let stored = stored.ok_or_else(Refusal::unauthenticated)?;
    let principal = stored.verify(key, now).map_err(|_| Refusal::unauthenticated())?;
    if stored
        .last_used
        .is_none_or(|last| now.duration_since(last) >= TOUCH_AFTER)
    {
        let (keys, scope, id) = (host.keys.clone(), principal.scope().clone(), stored.id.clone());
        // Nobody waits for it, and a failure only leaves "last used" a little older.
        host.spawner.spawn(Box::pin(async move {
            let _ = keys.touch(&scope, &[(id, now)]).await;
        }));
    }
    Ok(Authenticated { principal })
}

fn by_session(
    host: &Host,
    token: &SessionToken,
    stored: Option<StoredSession>,
) -> Result<Authenticated, Refusal> {
    let now = host.clock.now();
    let stored = stored.ok_or_else(Refusal::unauthenticated)?;
    let principal = stored
        .verify(token, now)
        .map_err(|_| Refusal::unauthenticated())?;
    if now.duration_since(stored.last_seen) >= TOUCH_AFTER {
        let (sessions, scope, id) = (
            host.sessions.clone(),
            principal.scope().clone(),
            stored.id.clone(),
        );
        host.spawner.spawn(Box::pin(async move {
            let _ = sessions.touch(&scope, &id, now).await;
        }));
    }
    Ok(Authenticated { principal })
}
