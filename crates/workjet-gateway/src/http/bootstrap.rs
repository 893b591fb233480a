//! `POST /admin/v1/bootstrap`: the first start of a home without a command line.
//!
//! Whoever holds the bootstrap token is its operator. The first request makes the tenant `default`, its owner and their
//! API key, which is shown once, and every request issues a login link for an owner: so the token also lets somebody back
//! in who lost everything else. Take it out of the configuration, and the path does not exist.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use workjet_audit::Kind;

use super::admin::{admin, describe_link, login, settle_in_log};
use super::answer::answer;
use super::attempts::Attempt;
use super::event::event;
use super::form::optional_form;
use super::operations::bears;
use super::{App, links};
use crate::Refusal;
use crate::admin::first_owner;
use crate::core::default_tenant;
use crate::record::append;

/// A shorter token can be guessed, and an empty one is none.
const MIN_TOKEN_CHARS: usize = 16;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BootstrapForm {
    email: Option<String>,
}

/// With the bootstrap token as bearer, and `{"email": …}` or nothing. 201 the first time, with the key; 200 later.
pub(super) async fn bootstrap(State(app): State<App>, request: Request) -> Response {
    let Some(token) = &app.core.bootstrap_token else {
        let (request, _) = request.into_parts();
        return Refusal::not_found().for_request(&request);
    };
    answer(try_bootstrap(&app, token, request).await)
}

async fn try_bootstrap(app: &App, token: &SecretString, request: Request) -> Result<Response, Refusal> {
    let host = &app.host;
    let (request, body) = request.into_parts();
    let operator = &host.operator;
    let scope = operator.scope(&default_tenant());
    check(app, token, &request).await?;

    let form: BootstrapForm = optional_form(app, &request.headers, body).await?;
    let email = form.email.as_deref().map(login).transpose()?;
    let place = links::place(&request)?;

    let (admin, now) = (admin(host), host.clock.now());
    let owner = email.clone().unwrap_or_else(first_owner);
    let first = admin.bootstrap_for(operator, owner, now).await?;
    let user = match &first {
        Some(first) => first.user.clone(),
        None => admin.owner_to_let_in(operator, email.as_ref(), now).await?,
    };
    let issued = admin.issue_link(&*host.links, &scope, &user.id, now).await?;
    settle_in_log(host, &scope).await;

    let mut body = describe_link(&place, &issued);
    body["tenant"] = json!(user.tenant);
    body["created"] = json!(first.is_some());
    let status = match &first {
        Some(first) => {
            body["key"] = json!(first.key.expose());
            StatusCode::CREATED
        }
        None => StatusCode::OK,
    };
    Ok((status, Json(body)).into_response())
}

/// Counts the attempt, and refuses and logs a wrong token.
async fn check(app: &App, token: &SecretString, request: &Parts) -> Result<(), Refusal> {
    let host = &app.host;
    if token.expose_secret().chars().count() < MIN_TOKEN_CHARS {
        return Err(Refusal::misconfigured(
            "the bootstrap token is too short: use at least 16 characters that nobody can guess",
        ));
    }
    let attempt = Attempt::with_token(app, request);
    attempt.count(app).await?;
    if bears(app, request, "bootstrap token", token) {
        return Ok(());
    }
    let scope = host.operator.system_scope(&default_tenant());
    let entry = event(host, &scope, Kind::AuthLoginFailed, request)
        .status(401)
        .code("unauthenticated")
        .detail("by", "bootstrap token");
    append(host, &scope, attempt.describe(entry)).await?;
    app.core
        .metrics
        .request("login", "unauthenticated", Duration::ZERO);
    Err(Refusal::wrong_bootstrap_token())
}
