//! Logging in and out, and changing the password.
//!
//! A login gives the same answer for an unknown user as for a wrong password, after the same work. What happens is in
//! the log before the client learns of it.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use workjet_audit::Kind;
use workjet_auth::{LoginName, LoginRecord, NewSession, Password, SessionToken, User, cookie};
use workjet_tenant::{Actor, SessionId};

use super::App;
use super::answer::answer;
use super::attempts::Attempt;
use super::event::event;
use super::form::form;
use crate::authenticate::from_own_page;
use crate::core::default_tenant;
use crate::pipeline::{Authenticated, authenticate};
use crate::record::append;
use crate::time::later;
use crate::{Host, Refusal};

/// How long a session may rest, and how long it lives.
const IDLE: Duration = Duration::from_secs(8 * 3600);
const ABSOLUTE: Duration = Duration::from_secs(72 * 3600);

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

/// `GET /auth/me`: whose credential it is.
pub(super) async fn me(State(app): State<App>, request: Parts) -> Response {
    answer(try_me(&app, &request).await)
}

async fn try_login(app: &App, request: Request) -> Result<Response, Refusal> {
    let host = &app.host;
    let (request, body) = request.into_parts();
    from_own_page(&request.headers, "a page of another origin may not log you in")?;
    has_passwords(host)?;
    let form: LoginForm = form(app, &request.headers, body).await?;

    // An address that is none is counted and refused like one that nobody has.
    let login: Result<LoginName, _> = form.email.parse();
    let attempt = Attempt::at_account(
        app,
        login.as_ref().map_or(&form.email, LoginName::as_str),
        &request,
    );
    attempt.count(app).await?;

    let record = match &login {
        Ok(login) => host.users.find_by_login(login).await?,
        Err(_) => None,
    };
    let hash = record.as_ref().and_then(|record| record.password.clone());
    let is_right = host
        .passwords
        .verify(Password::attempt(form.password), hash)
        .await?;
    match record {
        Some(LoginRecord {
            user,
            tenant_disabled: false,
            ..
        }) if is_right && !user.disabled => begin_session(app, &user, &request, By::Password).await,
        record => {
            let user = record.map(|record| record.user);
            let tenant = user
                .as_ref()
                .map_or_else(default_tenant, |user| user.tenant.clone());
            let scope = host.operator.system_scope(&tenant);
            let entry = event(host, &scope, Kind::AuthLoginFailed, &request)
                .status(401)
                .code("unauthenticated");
            let entry = attempt.describe(entry);
            let entry = match &user {
                Some(user) => entry.subject(&user.id),
                None => entry,
            };
            append(host, &scope, entry).await?;
            app.core
                .metrics
                .request("login", "unauthenticated", Duration::ZERO);
            Err(Refusal::wrong_login())
        }
    }
}

fn has_passwords(host: &Host) -> Result<(), Refusal> {
    if host.passwords.is_available() {
        return Ok(());
    }
    Err(Refusal::invalid(
        "this gateway has no passwords: log in by a one-time link",
    ))
}

async fn try_logout(app: &App, request: &Parts) -> Result<Response, Refusal> {
    let host = &app.host;
    let caller = authenticate(host, &request.headers, true).await?;
    let (scope, session) = (caller.scope(), session_of(&caller)?);
    let entry = event(host, scope, Kind::AuthLogout, request)
        .status(204)
        .code("ok");
    append(host, scope, entry).await?;
    host.sessions.revoke(scope, session, host.clock.now()).await?;
    Ok((
        StatusCode::NO_CONTENT,
        [(SET_COOKIE, set_cookie(cookie::clear())?)],
    )
        .into_response())
}

async fn try_password(app: &App, request: Request) -> Result<Response, Refusal> {
    let host = &app.host;
    let (request, body) = request.into_parts();
    let caller = authenticate(host, &request.headers, true).await?;
    session_of(&caller)?;
    has_passwords(host)?;
    let form: PasswordForm = form(app, &request.headers, body).await?;

    let scope = caller.scope();
    let user = scope.user().ok_or_else(Refusal::unauthenticated)?;
    let record = host
        .users
        .login_record(scope, user)
        .await?
        .ok_or_else(Refusal::unauthenticated)?;
    let attempt = Attempt::at_account(app, record.user.login.as_str(), &request);
    attempt.count(app).await?;
    if !host
        .passwords
        .verify(Password::attempt(form.current), record.password)
        .await?
    {
        // Somebody at an unlocked screen may be guessing.
        let entry = event(host, scope, Kind::AuthLoginFailed, &request)
            .subject(user)
            .status(403)
            .code("forbidden");
        append(host, scope, attempt.describe(entry)).await?;
        return Err(Refusal::forbidden("the current password is wrong"));
    }
    let new = Password::parse(form.new).map_err(|reason| Refusal::invalid(reason.to_string()).at("new"))?;
    let hash = host.passwords.hash(new).await?;
    let entry = event(host, scope, Kind::AuthPasswordChanged, &request)
        .subject(user)
        .status(200)
        .code("ok");
    let is_changed = host
        .users
        .set_password(scope, user, &hash, host.clock.now(), &entry.to_outbox())
        .await?;
    if !is_changed {
        return Err(Refusal::unauthenticated());
    }
    // The change is in the log, and with it the end of every session. The new one belongs to it.
    begin_session(app, &record.user, &request, By::NewPassword).await
}

async fn try_me(app: &App, request: &Parts) -> Result<Response, Refusal> {
    let caller = authenticate(&app.host, &request.headers, false).await?;
    let user = caller.scope().user().ok_or_else(Refusal::unauthenticated)?;
    let user = app
        .host
        .users
        .user(caller.scope(), user)
        .await?
        .ok_or_else(Refusal::unauthenticated)?;
    Ok(Json(describe(&user)).into_response())
}

/// What began a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A login with a password.
    Password,
    /// A login by a link.
    Link,
    /// A change of password, which is logged by itself.
    NewPassword,
}

/// Logs the login, makes the session, sets the cookie: in this order, so that no session is unlogged.
pub(super) async fn begin_session(
    app: &App,
    user: &User,
    request: &Parts,
    by: By,
) -> Result<Response, Refusal> {
    let host = &app.host;
    let scope = host.operator.system_scope(&user.tenant);
    let (token, session) = new_session(host, user);
    if by != By::NewPassword {
        let mut entry = event(host, &scope, Kind::AuthLogin, request)
            .status(200)
            .code("ok")
            .subject(&user.id);
        entry.actor = Actor::Session {
            user: user.id.clone(),
            session: session.id.clone(),
        };
        if by == By::Link {
            entry = entry.detail("by", "link");
        }
        append(host, &scope, entry).await?;
    }
    host.sessions.create(&scope, &session).await?;
    let cookie = set_cookie(cookie::set(&token, ABSOLUTE))?;
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
        expires: later(created, ABSOLUTE),
        idle_timeout: IDLE,
    };
    (token, session)
}

fn describe(user: &User) -> Value {
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

fn set_cookie(text: String) -> Result<HeaderValue, Refusal> {
    let mut value = HeaderValue::try_from(text).map_err(|_| Refusal::internal())?;
    value.set_sensitive(true);
    Ok(value)
}
