//! Logging in and out, and changing the password.
//!
//! A login gives the same answer for an unknown user as for a wrong password, after the same work. Attempts are counted
//! per account and per address, under keyed pseudonyms. What happens is in the log before the client learns of it.

use std::num::NonZeroU64;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE};
use http::request::Parts;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use workjet_audit::{Entry, Kind};
use workjet_auth::{LoginName, LoginRecord, NewSession, Password, SessionToken, User, cookie, same_origin};
use workjet_tenant::{Actor, Charge, Decision, LimitKey, Quota, RequestId, Scope, SessionId, TenantId};

use super::App;
use crate::core::DEFAULT_TENANT;
use crate::host::RemoteAddress;
use crate::pipeline::{Authenticated, authenticate};
use crate::receive::receive;
use crate::record::append;
use crate::{Host, Refusal};

/// How long a session may rest, and how long it lives.
const IDLE: Duration = Duration::from_secs(8 * 3600);
const ABSOLUTE: Duration = Duration::from_secs(72 * 3600);

/// A login form is short.
const MAX_FORM: usize = 16 * 1024;

/// Ten at once, then one a minute: enough for a forgetful person, too little for guessing.
const PER_ACCOUNT: Quota = quota(60, 3600, 10);
/// Many people may share an address.
const PER_ADDRESS: Quota = quota(600, 3600, 60);

const fn quota(limit: u64, per_seconds: u64, burst: u64) -> Quota {
    let (Some(limit), Some(burst)) = (NonZeroU64::new(limit), NonZeroU64::new(burst)) else {
        panic!("a quota is not zero");
    };
    Quota {
        limit,
        per: Duration::from_secs(per_seconds),
        burst,
    }
}

#[derive(Deserialize)]
struct LoginForm {
    email: String,
    password: String,
}

#[derive(Deserialize)]
struct PasswordForm {
    current: String,
    new: String,
}

/// `POST /auth/login` with `{"email": …, "password": …}`: sets the session cookie and says who it is.
pub(super) async fn login(State(app): State<App>, request: Request) -> Response {
    answer(try_login(&app, request).await)
}

/// `POST /auth/logout`: ends the session that the cookie names.
pub(super) async fn logout(State(app): State<App>, request: Parts) -> Response {
    answer(try_logout(&app, &request).await)
}

/// `POST /auth/password` with `{"current": …, "new": …}`: ends all sessions of the user and begins a new one.
pub(super) async fn password(State(app): State<App>, request: Request) -> Response {
    answer(try_password(&app, request).await)
}

/// `GET /auth/me`: who the credential belongs to.
pub(super) async fn me(State(app): State<App>, request: Parts) -> Response {
    answer(try_me(&app, &request).await)
}

fn answer(result: Result<Response, Refusal>) -> Response {
    result
        .unwrap_or_else(|refusal| refusal.to_response(workjet_router::Inbound::OpenAiChat, HeaderMap::new()))
}

async fn try_login(app: &App, request: Request) -> Result<Response, Refusal> {
    let (core, host) = (&app.core, &app.host);
    let (parts, body) = request.into_parts();
    from_own_page(&parts.headers)?;
    let address = parts.extensions.get::<RemoteAddress>().copied();
    let request = parts.extensions.get::<RequestId>().cloned();
    let form: LoginForm = form(app, &parts.headers, body).await?;
    let password = Password::attempt(form.password);

    // An address that is none is counted and refused like one that nobody has.
    let login: Result<LoginName, _> = form.email.parse();
    let account = login.as_ref().map_or(form.email.as_str(), LoginName::as_str);
    let account = pseudonym(app, "login account", account.as_bytes());
    count_attempt(app, Some(&account), address, request.as_ref()).await?;

    let record = match &login {
        Ok(login) => host
            .users
            .find_by_login(login)
            .await
            .map_err(|_| Refusal::unavailable())?,
        Err(_) => None,
    };
    let hash = record.as_ref().and_then(|record| record.password.clone());
    let is_right = host
        .passwords
        .verify(password, hash)
        .await
        .map_err(|_| Refusal::unavailable())?;
    match record {
        Some(LoginRecord {
            user,
            tenant_disabled: false,
            ..
        }) if is_right && !user.disabled => {
            begin_session(app, &user, Kind::AuthLogin, request.as_ref()).await
        }
        record => {
            let tenant = record
                .as_ref()
                .map_or_else(default_tenant, |record| record.user.tenant.clone());
            let scope = host.operator.system_scope(&tenant);
            let now = host.clock.now();
            let mut entry = event(
                host,
                now,
                &scope,
                scope.actor().clone(),
                Kind::AuthLoginFailed,
                request.as_ref(),
            )
            .status(401)
            .code("unauthenticated")
            .detail("account", account);
            if let Some(record) = &record {
                entry = entry.subject(&record.user.id);
            }
            if let Some(address) = address {
                entry = entry.detail(
                    "address",
                    pseudonym(app, "login address", address.0.to_string().as_bytes()),
                );
            }
            append(host, &scope, entry).await?;
            core.metrics.request("login", "unauthenticated", Duration::ZERO);
            Err(Refusal::wrong_login())
        }
    }
}

/// Logs the login, makes the session, sets the cookie: in this order, so that no session is unlogged.
async fn begin_session(
    app: &App,
    user: &User,
    kind: Kind,
    request: Option<&RequestId>,
) -> Result<Response, Refusal> {
    let host = &app.host;
    let scope = host.operator.system_scope(&user.tenant);
    let (token, session) = new_session(host, user);
    let actor = Actor::Session {
        user: user.id.clone(),
        session: session.id.clone(),
    };
    if kind == Kind::AuthLogin {
        let entry = event(host, session.created, &scope, actor, kind, request)
            .status(200)
            .code("ok")
            .subject(&user.id);
        append(host, &scope, entry).await?;
    }
    host.sessions
        .create(&scope, &session)
        .await
        .map_err(|_| Refusal::unavailable())?;
    let cookie = HeaderValue::try_from(cookie::set(&token, ABSOLUTE)).map_err(|_| Refusal::internal())?;
    Ok(([(SET_COOKIE, cookie)], Json(describe(user))).into_response())
}

fn new_session(host: &Host, user: &User) -> (SessionToken, NewSession) {
    let (mut secret, mut id) = ([0; 32], [0; 10]);
    host.entropy.fill(&mut secret);
    host.entropy.fill(&mut id);
    let token = SessionToken::generate(secret);
    let created = host.clock.now();
    let session = NewSession {
        id: SessionToken::new_id(id),
        user: user.id.clone(),
        hash: token.hash(),
        created,
        expires: created.saturating_add(ABSOLUTE).unwrap_or(Timestamp::MAX),
        idle_timeout: IDLE,
    };
    (token, session)
}

async fn try_logout(app: &App, request: &Parts) -> Result<Response, Refusal> {
    let host = &app.host;
    let caller = authenticate(host, &request.headers, true).await?;
    let session = session_of(&caller)?;
    let (scope, now) = (caller.scope(), host.clock.now());
    let id = request.extensions.get::<RequestId>();
    let entry = event(host, now, scope, scope.actor().clone(), Kind::AuthLogout, id)
        .status(204)
        .code("ok");
    append(host, scope, entry).await?;
    host.sessions
        .revoke(scope, session, now)
        .await
        .map_err(|_| Refusal::unavailable())?;
    let cookie = HeaderValue::try_from(cookie::clear()).map_err(|_| Refusal::internal())?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}

async fn try_password(app: &App, request: Request) -> Result<Response, Refusal> {
    let host = &app.host;
    let (parts, body) = request.into_parts();
    let caller = authenticate(host, &parts.headers, true).await?;
    session_of(&caller)?;
    let address = parts.extensions.get::<RemoteAddress>().copied();
    let request = parts.extensions.get::<RequestId>().cloned();
    let form: PasswordForm = form(app, &parts.headers, body).await?;

    let scope = caller.scope();
    let user = scope.user().ok_or_else(Refusal::unauthenticated)?;
    let record = host
        .users
        .login_record(scope, user)
        .await
        .map_err(|_| Refusal::unavailable())?;
    let record = record.ok_or_else(Refusal::unauthenticated)?;
    let account = pseudonym(app, "login account", record.user.login.as_str().as_bytes());
    count_attempt(app, Some(&account), address, request.as_ref()).await?;

    let current = Password::attempt(form.current);
    if !host
        .passwords
        .verify(current, record.password)
        .await
        .map_err(|_| Refusal::unavailable())?
    {
        return Err(Refusal::forbidden("the current password is wrong"));
    }
    let new = Password::parse(form.new).map_err(|reason| Refusal::invalid(reason.to_string()).at("new"))?;
    let hash = host
        .passwords
        .hash(new)
        .await
        .map_err(|_| Refusal::unavailable())?;
    let now = host.clock.now();
    let entry = event(
        host,
        now,
        scope,
        scope.actor().clone(),
        Kind::AuthPasswordChanged,
        request.as_ref(),
    )
    .subject(user)
    .status(200)
    .code("ok");
    let changed = host
        .users
        .set_password(scope, user, &hash, now, &entry.to_outbox())
        .await;
    if !changed.map_err(|_| Refusal::unavailable())? {
        return Err(Refusal::unauthenticated());
    }
    begin_session(app, &record.user, Kind::AuthPasswordChanged, request.as_ref()).await
}

async fn try_me(app: &App, request: &Parts) -> Result<Response, Refusal> {
    let caller = authenticate(&app.host, &request.headers, false).await?;
    let scope = caller.scope();
    let user = scope.user().ok_or_else(Refusal::unauthenticated)?;
    let user = app
        .host
        .users
        .user(scope, user)
        .await
        .map_err(|_| Refusal::unavailable())?;
    Ok(Json(describe(&user.ok_or_else(Refusal::unauthenticated)?)).into_response())
}

fn describe(user: &User) -> serde_json::Value {
    json!({ "user": { "id": user.id, "email": user.login.as_str(), "role": user.role, "tenant": user.tenant } })
}

/// The session behind the caller. An API key has none to end, and must not be able to change its owner's password.
fn session_of(caller: &Authenticated) -> Result<&SessionId, Refusal> {
    match caller.scope().actor() {
        Actor::Session { session, .. } => Ok(session),
        _ => Err(Refusal::forbidden(
            "this needs a session: log in instead of using an API key",
        )),
    }
}

/// Takes one attempt from the quotas of the account and the address.
async fn count_attempt(
    app: &App,
    account: Option<&str>,
    address: Option<RemoteAddress>,
    request: Option<&RequestId>,
) -> Result<(), Refusal> {
    let host = &app.host;
    // Who it is nobody knows yet, so attempts are counted in one place for all tenants.
    let scope = host.operator.system_scope(&default_tenant());
    let address = address.map(|address| pseudonym(app, "login address", address.0.to_string().as_bytes()));
    let charge = |key: &str, quota| Charge {
        key: LimitKey::login_attempts(key),
        quota,
        amount: 1,
    };
    let charges: Vec<Charge> = (account.map(|key| charge(key, PER_ACCOUNT)).into_iter())
        .chain(address.as_deref().map(|key| charge(key, PER_ADDRESS)))
        .collect();
    let id = request.cloned().unwrap_or_else(|| crate::admit::request_id(host));
    let now = host.clock.now();
    let decision = host
        .rates
        .reserve(&scope, &id, &charges, now, Duration::from_secs(60))
        .await;
    match decision.map_err(|_| Refusal::unavailable())? {
        Decision::Allow(_) => {
            let spent = vec![1; charges.len()];
            let _ = host.rates.settle(&scope, &id, &spent, now).await;
            Ok(())
        }
        Decision::Deny { retry_after, .. } => Err(Refusal::rate_limited(retry_after)),
    }
}

/// A keyed stand-in for something guessable: the first 128 bits, in hex.
fn pseudonym(app: &App, purpose: &str, text: &[u8]) -> String {
    let hash = app.core.keyed_hash(purpose).add(text).finish();
    let (_, hex) = hash.split_once(':').expect("a keyed hash names its algorithm");
    hex[..32].to_owned()
}

async fn form<T: for<'de> Deserialize<'de>>(
    app: &App,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Result<T, Refusal> {
    let is_json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value
                .split(';')
                .next()
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        });
    if !is_json {
        // A foreign page's form cannot send JSON without asking first.
        return Err(Refusal::invalid(
            "send JSON, with `content-type: application/json`",
        ));
    }
    let body = receive(&app.core, &app.host, body, MAX_FORM).await?;
    // The parser's words could quote a password.
    serde_json::from_slice(&body).map_err(|_| Refusal::invalid("the body lacks a field, or is not JSON"))
}

fn from_own_page(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    same_origin(text("sec-fetch-site"), text(ORIGIN.as_str()), text(HOST.as_str()))
        .map_err(|_| Refusal::forbidden("a page of another origin may not log you in"))
}

fn event(
    host: &Host,
    now: Timestamp,
    scope: &Scope,
    actor: Actor,
    kind: Kind,
    request: Option<&RequestId>,
) -> Entry {
    let mut random = [0; 8];
    host.entropy.fill(&mut random);
    let id = format!("ent_{:012x}{}", now.as_millisecond(), hex::encode(random));
    let entry = Entry::new(id, now, scope.tenant().clone(), actor, kind);
    match request {
        Some(request) => entry.request(request),
        None => entry,
    }
}

fn default_tenant() -> TenantId {
    DEFAULT_TENANT.parse().expect("`default` is a valid tenant id")
}
