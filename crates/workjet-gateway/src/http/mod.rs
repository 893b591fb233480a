//! The HTTP surface that both homes serve: one [`axum::Router`], so that paths, bodies, errors and headers are the same
//! by construction.
//!
//! | request | |
//! |---|---|
//! | `POST /v1/chat/completions`, `GET /v1/models[/{id}]` | OpenAI's API |
//! | `POST /v1/messages`, `POST /v1/messages/count_tokens`, `GET /v1/models` with `anthropic-version` | Anthropic's API |
//! | `POST /auth/login`, `/auth/logout`, `/auth/password`, `GET /auth/me` | sessions |
//! | `GET`, `POST /auth/link` | logging in by a link that works once |
//! | `POST /admin/v1/bootstrap` | the first start of a home without a command line |
//! | `/admin/v1/users`, `/admin/v1/keys` | the users and API keys of the caller's own tenant |
//! | `GET /audit/v1/entries`, `/audit/v1/checkpoint` | the log of the caller's own tenant |
//! | `GET /healthz`, `/readyz`, `/metrics` | operations |
//!
//! Every request makes one line in the process's log; every reply carries `x-workjet-request-id` and is not to be stored.
//! Errors have the shape of the dialect that was called.

mod admin;
mod answer;
mod attempts;
mod audit;
mod bootstrap;
mod event;
mod form;
mod links;
mod log;
mod models;
mod operations;
mod session;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, patch, post};
use http::header::{CACHE_CONTROL, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use workjet_router::Inbound;
use workjet_tenant::RequestId;

pub(crate) use self::answer::reply_headers;

use crate::ids::request_id;
use crate::pipeline::{Purpose, Ticket, serve};
use crate::{Core, Host, Refusal};

/// What every handler has.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) core: Arc<Core>,
    pub(crate) host: Host,
}

/// The whole surface, for a `host` that serves requests out of `core`.
pub fn router(core: Arc<Core>, host: Host) -> axum::Router {
    let app = App { core, host };
    axum::Router::new()
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route("/auth/login", post(session::login))
        .route("/auth/logout", post(session::logout))
        .route("/auth/password", post(session::password))
        .route("/auth/link", get(links::page).post(links::redeem))
        .route("/auth/me", get(session::me))
        .route("/admin/v1/bootstrap", post(bootstrap::bootstrap))
        .route("/admin/v1/users", get(admin::users).post(admin::create_user))
        .route("/admin/v1/users/{id}", patch(admin::change_user))
        .route("/admin/v1/users/{id}/login-link", post(admin::login_link))
        .route("/admin/v1/keys", get(admin::keys).post(admin::create_key))
        .route("/admin/v1/keys/{id}", delete(admin::revoke_key))
        .route("/admin/v1/keys/{id}/rotate", post(admin::rotate_key))
        .route("/audit/v1/entries", get(audit::entries))
        .route("/audit/v1/checkpoint", get(audit::checkpoint))
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .fallback(async |request: Parts| Refusal::not_found().for_request(&request))
        .method_not_allowed_fallback(async |request: Parts| {
            Refusal::method_not_allowed().for_request(&request)
        })
        .layer(from_fn_with_state(app.clone(), frame))
        .layer(from_fn_with_state(app.clone(), log::log_request))
        .with_state(app)
}

/// What is true of every request and reply.
async fn frame(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = request_id(&app.host);
    request.extensions_mut().insert(id.clone());
    if let (None, Some(authority)) = (request.headers().get(HOST), request.uri().authority()) {
        // HTTP/2 names the host in the URI alone.
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            request.headers_mut().insert(HOST, host);
        }
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let id = HeaderValue::from_str(id.as_str()).expect("a request id is plain ASCII");
    headers.insert("x-workjet-request-id", id);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn chat_completions(State(app): State<App>, request: Request) -> Response {
    model_request(&app, Inbound::OpenAiChat, Purpose::Chat, request).await
}

async fn messages(State(app): State<App>, request: Request) -> Response {
    model_request(&app, Inbound::AnthropicMessages, Purpose::Chat, request).await
}

async fn count_tokens(State(app): State<App>, request: Request) -> Response {
    model_request(&app, Inbound::AnthropicMessages, Purpose::CountTokens, request).await
}

async fn model_request(app: &App, inbound: Inbound, purpose: Purpose, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let id = parts
        .extensions
        .get::<RequestId>()
        .cloned()
        .unwrap_or_else(|| request_id(&app.host));
    let ticket = Ticket::new(&app.host, id, inbound, purpose);
    match serve(&app.core, &app.host, ticket.clone(), &parts.headers, body).await {
        Ok(response) => response,
        Err(refusal) => {
            app.core
                .metrics
                .request(ticket.dialect(), refusal.code, ticket.age(&app.host));
            refusal.to_response(inbound, http::HeaderMap::new())
        }
    }
}
