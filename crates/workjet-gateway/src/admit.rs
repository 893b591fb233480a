//! May this caller ask for this model, now?
//!
//! The second stage. Quota is reserved before the body is read, so that a caller over the limit costs neither a parse nor
//! a scan, only the entry of the refusal in the log. Then the body is read, and the model's name, which stands at its top,
//! is resolved within the caller's own tenant.
//! A request that is refused later has still cost one request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use workjet_dlp::Vault;
use workjet_router::{Inbound, Preview, Resolved};
use workjet_tenant::{Charge, Decision, LimitKey, RequestId, Scope, Standing};

use crate::core::Settings;
use crate::receive::receive;
use crate::time::until;
use crate::{Authenticated, Core, Host, Refusal};

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A model's reply.
    Chat,
    /// How many tokens a request has (Anthropic's `count_tokens`).
    CountTokens,
}

/// One request: its name, its dialect, and when it began.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub(crate) id: RequestId,
    pub(crate) inbound: Inbound,
    pub(crate) purpose: Purpose,
    pub(crate) started: Timestamp,
}

impl Ticket {
    /// A ticket for a request that came now.
    pub fn new(host: &Host, id: RequestId, inbound: Inbound, purpose: Purpose) -> Self {
        Self {
            id,
            inbound,
            purpose,
            started: host.clock.now(),
        }
    }

    /// How long ago the request came.
    pub(crate) fn age(&self, host: &Host) -> Duration {
        until(self.started, host.clock.now())
    }

    /// What the log calls the client's dialect.
    pub(crate) const fn dialect(&self) -> &'static str {
        match (self.inbound, self.purpose) {
            (_, Purpose::CountTokens) => "anthropic.count_tokens",
            (Inbound::AnthropicMessages, Purpose::Chat) => "anthropic.messages",
            (_, Purpose::Chat) => "openai.chat",
        }
    }
}

/// A request that may be served, not yet looked into. Only [`admit`] makes one.
#[derive(Debug)]
pub struct Admitted(Parts);

/// What an [`Admitted`] request is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) scope: Scope,
    pub(crate) ticket: Ticket,
    pub(crate) settings: Arc<Settings>,
    pub(crate) standings: Vec<Standing>,
    pub(crate) preview: Preview,
    pub(crate) resolved: Resolved,
    /// The headers that may be passed on, not yet looked into either.
    pub(crate) headers: HeaderMap,
    /// The body as the client wrote it, untrusted.
    pub(crate) body: Bytes,
    /// For the values that leave as tokens, if the policy makes any.
    pub(crate) vault: Option<Vault>,
}

impl Admitted {
    /// How long the body was.
    pub(crate) const fn body_bytes(&self) -> usize {
        self.0.body.len()
    }

    /// Takes it apart, for the scan.
    pub(crate) fn into_parts(self) -> Parts {
        self.0
    }
}

/// The headers of a client that reach a provider of the same dialect, once they were scanned. Everything else stays.
const PASSED: [&str; 2] = ["anthropic-beta", "anthropic-version"];

/// Reserves quota, reads the body, resolves the model.
///
/// # Errors
/// 403 for a role that may not use models, 429 over the limit, 413, 408 and 400 for the body, 404 for the model, 503 if
/// a store does not answer.
pub async fn admit(
    core: &Core,
    host: &Host,
    caller: Authenticated,
    ticket: Ticket,
    headers: &HeaderMap,
    body: Body,
) -> Result<Admitted, Refusal> {
    if !caller.scope().role().may_use_models() {
        return Err(Refusal::forbidden(
            "your role reads the audit log and usage; it may not use models",
        ));
    }
    let settings = Arc::clone(core.settings(caller.scope().tenant()));
    let standings = reserve(core, host, &settings, caller.scope(), &ticket).await?;
    match read(core, host, &settings, &ticket, body).await {
        Ok((body, preview, resolved)) => {
            let (scope, headers) = (caller.scope().clone(), passed(headers));
            let vault = settings.tokenizes().then(|| core.vault(&ticket.id));
            Ok(Admitted(Parts {
                scope,
                ticket,
                settings,
                standings,
                preview,
                resolved,
                headers,
                body,
                vault,
            }))
        }
        Err(refusal) => Err(refusal.standing(standings)),
    }
}

fn passed(headers: &HeaderMap) -> HeaderMap {
    let name = |name: &'static str| http::HeaderName::from_static(name);
    let every = |name: http::HeaderName| {
        headers
            .get_all(&name)
            .iter()
            .map(move |value| (name.clone(), value.clone()))
    };
    PASSED.into_iter().map(name).flat_map(every).collect()
}

/// Takes one request from the caller's quota.
async fn reserve(
    core: &Core,
    host: &Host,
    settings: &Settings,
    scope: &Scope,
    ticket: &Ticket,
) -> Result<Vec<Standing>, Refusal> {
    let (Some(quota), Some(user)) = (settings.user_requests, scope.user()) else {
        return Ok(Vec::new());
    };
    let charges = [Charge {
        key: LimitKey::user_requests(user),
        quota,
        amount: 1,
    }];
    // What a crash leaves open stays charged, and is forgotten some time after the request could still have lived.
    let ttl = core.timeouts.total + Duration::from_secs(60);
    let decision = host
        .rates
        .reserve(scope, &ticket.id, &charges, ticket.started, ttl)
        .await;
    match decision? {
        Decision::Allow(standings) => Ok(standings),
        Decision::Deny {
            retry_after,
            standings,
        } => Err(Refusal::rate_limited(retry_after).standing(standings)),
    }
}

async fn read(
    core: &Core,
    host: &Host,
    settings: &Settings,
    ticket: &Ticket,
    body: Body,
) -> Result<(Bytes, Preview, Resolved), Refusal> {
    let body = receive(core, host, body, core.max_body).await?;
    if std::str::from_utf8(&body).is_err() {
        return Err(Refusal::invalid("the request body is not UTF-8"));
    }
    let preview = ticket
        .inbound
        .preview_json(&body)
        .map_err(|error| Refusal::from(workjet_router::ApiError::from(error)))?;
    let resolved = settings
        .resolve(&preview.model)
        .ok_or_else(Refusal::model_not_found)?;
    Ok((body, preview, resolved))
}

/// Closes the reservation of a request that cost what it said: one request.
pub(crate) async fn settle(host: &Host, scope: &Scope, id: &RequestId) {
    // A store that does not answer keeps the charge until the reservation's end of life, which is the right amount.
    let _ = host.rates.settle(scope, id, &[1], host.clock.now()).await;
}

/// Gives back what was reserved for a request that the gateway could not serve through its own fault.
pub(crate) async fn refund(host: &Host, scope: &Scope, id: &RequestId) {
    let _ = host.rates.release(scope, id, host.clock.now()).await;
}
