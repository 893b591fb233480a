//! `GET /v1/models`: what the caller may ask for.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde_json::{Value, json};
use workjet_router::Inbound;

use super::App;
use super::answer::dialect_of;
use crate::Refusal;
use crate::pipeline::authenticate;

/// Every name, in the shape that the caller's dialect has for lists.
pub(super) async fn list(State(app): State<App>, request: Parts) -> Response {
    let inbound = dialect_of(&request);
    match names(&app, &request).await {
        Ok(names) => Json(whole_list(inbound, &names)).into_response(),
        Err(refusal) => refusal.for_request(&request),
    }
}

/// One name, if it means something. Unlike the list this knows every model of every provider.
pub(super) async fn one(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    request: Parts,
) -> Response {
    // What cannot be read is the name of nothing.
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let inbound = dialect_of(&request);
    let found = async {
        let caller = authenticate(&app.host, &request.headers, false).await?;
        let settings = app.core.settings(caller.scope().tenant());
        let is_known = caller.scope().role().may_use_models() && settings.resolve(&id).is_some();
        is_known
            .then(|| model(inbound, &id))
            .ok_or_else(Refusal::model_not_found)
    };
    match found.await {
        Ok(model) => Json(model).into_response(),
        Err(refusal) => refusal.for_request(&request),
    }
}

async fn names(app: &App, request: &Parts) -> Result<Vec<String>, Refusal> {
    let caller = authenticate(&app.host, &request.headers, false).await?;
    if !caller.scope().role().may_use_models() {
        return Ok(Vec::new());
    }
    Ok(app.core.settings(caller.scope().tenant()).models())
}

fn whole_list(inbound: Inbound, names: &[String]) -> Value {
    let data: Vec<Value> = names.iter().map(|name| model(inbound, name)).collect();
    match inbound {
        Inbound::AnthropicMessages => {
            json!({ "data": data, "has_more": false, "first_id": names.first(), "last_id": names.last() })
        }
        _ => json!({ "object": "list", "data": data }),
    }
}

fn model(inbound: Inbound, name: &str) -> Value {
    match inbound {
        // When a tier was made is nobody's business, yet SDKs want a date.
        Inbound::AnthropicMessages => {
            json!({ "type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z" })
        }
        _ => json!({ "id": name, "object": "model", "created": 0, "owned_by": "workjet" }),
    }
}
