//! What administrators need to see and change over HTTP: their own tenant's users and API keys.
//!
//! [`Admin`] decides who may do what and records each change with it; here are the forms. Ids of other tenants are
//! unknown here, and answered as such. A raw secret is in the answer to the request that made it, and nowhere else.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use workjet_auth::{ApiKey, LoginName, StoredKey, User};
use workjet_tenant::{KeyId, Role, Scope, UserId};

use super::answer::answer;
use super::form::{form, optional_form};
use super::{App, links};
use crate::admin::{Admin, AdminError, IssuedLink, may_grant};
use crate::pipeline::authenticate;
use crate::{Host, Refusal};

/// How long a key that was replaced goes on, in seconds, unless the request says otherwise: a day.
const GRACE: u64 = 86_400;

/// The id in a path, if it can be read.
type Id = Result<Path<String>, PathRejection>;

/// What cannot be read is no id either.
fn in_path(id: &Id) -> &str {
    id.as_ref().map_or("", |Path(id)| id)
}

/// The changes that this host's stores take.
pub(super) fn admin(host: &Host) -> Admin {
    Admin {
        operators: host.operators.clone(),
        users: host.users.clone(),
        keys: host.keys.clone(),
        entropy: host.entropy.clone(),
        passwords: host.passwords.clone(),
    }
}

/// Who asks, what they may change with, and when it is.
struct Desk {
    admin: Admin,
    scope: Scope,
    now: Timestamp,
}

impl Desk {
    /// For a request that only looks.
    async fn open(app: &App, request: &Parts) -> Result<Self, Refusal> {
        Self::at(app, request, false).await
    }

    /// For a request that changes something, which a cookie allows to our own pages alone.
    async fn to_change(app: &App, request: &Parts) -> Result<Self, Refusal> {
        Self::at(app, request, true).await
    }

    async fn at(app: &App, request: &Parts, changes_state: bool) -> Result<Self, Refusal> {
        let caller = authenticate(&app.host, &request.headers, changes_state).await?;
        let scope = caller.scope().clone();
        if !scope.role().may_administer() {
            return Err(Refusal::forbidden("this takes an admin or owner"));
        }
        Ok(Self {
            admin: admin(&app.host),
            scope,
            now: app.host.clock.now(),
        })
    }

    /// One of the tenant's users.
    async fn user(&self, id: &str) -> Result<User, Refusal> {
        let id: UserId = id.parse().map_err(|_| Refusal::no_such("user"))?;
        let user = self.admin.users.user(&self.scope, &id).await?;
        user.ok_or_else(|| Refusal::no_such("user"))
    }

    /// One of the tenant's keys.
    async fn key(&self, id: &KeyId) -> Result<StoredKey, Refusal> {
        let mut keys = self.admin.keys(&self.scope).await?.into_iter();
        keys.find(|key| key.id == *id)
            .ok_or_else(|| Refusal::no_such("API key"))
    }
}

/// Brings what was just recorded into the log. It is recorded for good either way; the log would find it later.
pub(super) async fn settle_in_log(host: &Host, scope: &Scope) {
    let (audit, scope) = (host.audit.clone(), scope.clone());
    // Detached: a caller that goes away in the middle does not leave the log's writer half-way.
    let settled = host.finish(async move { audit.checkpoint(&scope).await }).await;
    if let Some(Err(error)) = settled {
        tracing::warn!(kind = ?error.kind(), %error, "a change waits for the audit log");
    }
}

// Users

/// `GET /admin/v1/users`: everybody in the tenant, by id.
pub(super) async fn users(State(app): State<App>, request: Parts) -> Response {
    answer(
        async {
            let desk = Desk::open(&app, &request).await?;
            let users = desk.admin.users(&desk.scope).await?;
            Ok(list(users.iter().map(describe_user)))
        }
        .await,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUserForm {
    email: String,
    role: String,
}

/// `POST /admin/v1/users` with `{"email": …, "role": …}`: a new user, with a password in a home that has them and a login
/// link in one that has none.
pub(super) async fn create_user(State(app): State<App>, request: Request) -> Response {
    answer(try_create_user(&app, request).await)
}

async fn try_create_user(app: &App, request: Request) -> Result<Response, Refusal> {
    let (request, body) = request.into_parts();
    let desk = Desk::to_change(app, &request).await?;
    let form: NewUserForm = form(app, &request.headers, body).await?;
    let login = login(&form.email)?;
    let role = role(&form.role)?;
    let place = links::place(&request)?;
    let new = desk
        .admin
        .create_user(&desk.scope, login, role, None, desk.now)
        .await?;
    let answer = match new.password {
        Some(password) => json!({ "user": describe_user(&new.user), "password": password.expose() }),
        None => {
            let issued = issue(app, &desk, &new.user.id).await?;
            describe_link(&place, &issued)
        }
    };
    settle_in_log(&app.host, &desk.scope).await;
    Ok(created(answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserForm {
    role: Option<String>,
    disabled: Option<bool>,
}

/// `PATCH /admin/v1/users/{id}` with `{"role": …}`, `{"disabled": …}` or both: ends the user's sessions too. Nobody
/// changes themselves, so a tenant does not lose its last owner by a slip; if two owners end each other at the same moment, the
/// bootstrap token or the command line makes one again.
pub(super) async fn change_user(State(app): State<App>, id: Id, request: Request) -> Response {
    answer(try_change_user(&app, in_path(&id), request).await)
}

async fn try_change_user(app: &App, id: &str, request: Request) -> Result<Response, Refusal> {
    let (request, body) = request.into_parts();
    let desk = Desk::to_change(app, &request).await?;
    let Desk { admin, scope, now } = &desk;
    let form: UserForm = form(app, &request.headers, body).await?;
    let role = form.role.as_deref().map(role).transpose()?;
    if role.is_none() && form.disabled.is_none() {
        return Err(Refusal::invalid("say what to change: `role`, `disabled` or both"));
    }
    let user = desk.user(id).await?;
    if scope.user() == Some(&user.id) {
        return Err(Refusal::forbidden(
            "nobody changes their own role or state: ask another administrator",
        ));
    }
    // Refused now or not at all: half of a change would be neither what was asked for nor nothing.
    may_grant(scope, user.role)?;
    if let Some(role) = role {
        may_grant(scope, role)?;
    }
    // The step that takes something away comes first, so that nobody has more rights in between than before or after.
    let disable = async |disabled| admin.set_user_disabled(scope, &user.id, disabled, *now).await;
    let changed = async {
        // The change ends their sessions too, but not the copies of sessions that a home may keep.
        app.host.sessions.revoke_user(scope, &user.id, *now).await?;
        if form.disabled == Some(true) {
            disable(true).await?;
        }
        if let Some(role) = role {
            admin.set_role(scope, &user.id, role, *now).await?;
        }
        if form.disabled == Some(false) {
            disable(false).await?;
        }
        Ok::<_, AdminError>(())
    };
    let changed = changed.await;
    settle_in_log(&app.host, scope).await;
    changed?;
    let user = desk.user(id).await?;
    Ok(Json(json!({ "user": describe_user(&user) })).into_response())
}

/// `POST /admin/v1/users/{id}/login-link`: a link that logs the user in once.
pub(super) async fn login_link(State(app): State<App>, id: Id, request: Request) -> Response {
    answer(try_login_link(&app, in_path(&id), request).await)
}

async fn try_login_link(app: &App, id: &str, request: Request) -> Result<Response, Refusal> {
    let (request, _) = request.into_parts();
    let desk = Desk::to_change(app, &request).await?;
    let user = desk.user(id).await?;
    let place = links::place(&request)?;
    let issued = issue(app, &desk, &user.id).await?;
    settle_in_log(&app.host, &desk.scope).await;
    Ok(created(describe_link(&place, &issued)))
}

async fn issue(app: &App, desk: &Desk, user: &UserId) -> Result<IssuedLink, AdminError> {
    desk.admin
        .issue_link(&*app.host.links, &desk.scope, user, desk.now)
        .await
}

// Keys

/// `GET /admin/v1/keys`: every key of the tenant, by id, those that ended included.
pub(super) async fn keys(State(app): State<App>, request: Parts) -> Response {
    answer(
        async {
            let desk = Desk::open(&app, &request).await?;
            let keys = desk.admin.keys(&desk.scope).await?;
            Ok(list(keys.iter().map(describe_key)))
        }
        .await,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKeyForm {
    name: String,
    user: Option<String>,
    expires: Option<Timestamp>,
}

/// `POST /admin/v1/keys` with `{"name": …}` and, if it is not for the caller, `"user"`, and if it is to end, `"expires"`.
pub(super) async fn create_key(State(app): State<App>, request: Request) -> Response {
    answer(try_create_key(&app, request).await)
}

async fn try_create_key(app: &App, request: Request) -> Result<Response, Refusal> {
    let (request, body) = request.into_parts();
    let desk = Desk::to_change(app, &request).await?;
    let Desk { admin, scope, now } = &desk;
    let form: NewKeyForm = form(app, &request.headers, body).await?;
    if form.expires.is_some_and(|end| end <= *now) {
        return Err(Refusal::invalid("the key would have ended already").at("expires"));
    }
    let user = match &form.user {
        Some(id) => desk.user(id).await.map_err(|refusal| refusal.at("user"))?.id,
        None => scope.user().cloned().ok_or_else(Refusal::unauthenticated)?,
    };
    let key = admin
        .create_key(scope, &user, &form.name, form.expires, *now)
        .await?;
    answer_key(app, &desk, &key).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateForm {
    grace: Option<u64>,
}

/// `POST /admin/v1/keys/{id}/rotate`, with `{"grace": SECONDS}` or nothing: a new key in the place of an old one, which
/// goes on for the grace time.
pub(super) async fn rotate_key(State(app): State<App>, id: Id, request: Request) -> Response {
    answer(try_rotate_key(&app, in_path(&id), request).await)
}

async fn try_rotate_key(app: &App, id: &str, request: Request) -> Result<Response, Refusal> {
    let (request, body) = request.into_parts();
    let desk = Desk::to_change(app, &request).await?;
    let form: RotateForm = optional_form(app, &request.headers, body).await?;
    let id: KeyId = id.parse().map_err(|_| Refusal::no_such("API key"))?;
    desk.key(&id).await?;
    let grace = std::time::Duration::from_secs(form.grace.unwrap_or(GRACE));
    let key = desk.admin.rotate_key(&desk.scope, &id, grace, desk.now).await?;
    answer_key(app, &desk, &key).await
}

/// `DELETE /admin/v1/keys/{id}`: takes a key back, at once. It stays in the list.
pub(super) async fn revoke_key(State(app): State<App>, id: Id, request: Parts) -> Response {
    answer(
        async {
            let desk = Desk::to_change(&app, &request).await?;
            let id: KeyId = in_path(&id).parse().map_err(|_| Refusal::no_such("API key"))?;
            desk.key(&id).await?;
            desk.admin.revoke_key(&desk.scope, &id, desk.now).await?;
            settle_in_log(&app.host, &desk.scope).await;
            let key = desk.key(&id).await?;
            Ok(Json(json!({ "api_key": describe_key(&key) })).into_response())
        }
        .await,
    )
}

async fn answer_key(app: &App, desk: &Desk, key: &ApiKey) -> Result<Response, Refusal> {
    settle_in_log(&app.host, &desk.scope).await;
    let stored = desk.key(key.id()).await?;
    Ok(created(
        json!({ "api_key": describe_key(&stored), "key": key.expose() }),
    ))
}

// Shapes

fn list(things: impl Iterator<Item = Value>) -> Response {
    let data: Vec<Value> = things.collect();
    Json(json!({ "object": "list", "data": data })).into_response()
}

fn created(body: Value) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}

/// A user, as every answer here shows them.
pub(super) fn describe_user(user: &User) -> Value {
    json!({
        "object": "user",
        "id": user.id,
        "email": user.login.as_str(),
        "role": user.role,
        "tenant": user.tenant,
        "disabled": user.disabled,
        "created": time(user.created),
    })
}

/// A link, which is opened at `place`, and whom it lets in.
pub(super) fn describe_link(place: &str, issued: &IssuedLink) -> Value {
    json!({
        "user": describe_user(&issued.user),
        "login_link": format!("{place}#{}", issued.link.expose()),
        "expires": time(issued.expires),
    })
}

fn describe_key(key: &StoredKey) -> Value {
    json!({
        "object": "api_key",
        "id": key.id,
        "name": key.name,
        "user": key.user,
        "role": key.role,
        "created": time(key.created),
        "expires": key.expires.map(time),
        "revoked": key.revoked.map(time),
        "last_used": key.last_used.map(time),
    })
}

/// To the millisecond, as the log has it: stores differ in what they keep beyond that.
fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// The login name in a form.
pub(super) fn login(email: &str) -> Result<LoginName, Refusal> {
    let login = email.parse();
    login.map_err(|_| Refusal::invalid("an e-mail address is needed").at("email"))
}

fn role(text: &str) -> Result<Role, Refusal> {
    let role = text.parse();
    role.map_err(|_| Refusal::invalid("a role is `owner`, `admin`, `auditor` or `member`").at("role"))
}
