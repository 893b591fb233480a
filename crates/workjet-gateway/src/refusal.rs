//! The answers that are not a model's: what a client is told, and what the log keeps of it.
//!
//! A [`Refusal`] is one of a fixed list of codes. Its message tells a person what to do and never holds a secret, a
//! matched text or a provider's own words about a key; each dialect dresses it in its own JSON.

use std::time::Duration;

use workjet_audit::AuditError;
use workjet_router::ApiError;
use workjet_tenant::{Standing, StoreError};

use crate::admin::{AdminError, AdminErrorKind};
use crate::findings::Findings;

/// Why a request was not served.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// A stable, documented word.
    pub(crate) code: &'static str,
    /// For a person.
    pub(crate) message: String,
    /// Which field of the request is to blame, as a JSON path.
    pub(crate) param: Option<String>,
    /// When trying again makes sense.
    pub(crate) retry_after: Option<Duration>,
    /// Where the caller's quotas stand, once they are known.
    pub(crate) standings: Vec<Standing>,
    /// What the scan found, for the log and the `x-workjet-dlp` header.
    pub(crate) findings: Box<Findings>,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            param: None,
            retry_after: None,
            standings: Vec::new(),
            findings: Box::default(),
        }
    }

    /// 401. The same words for every reason, so that nobody learns which keys exist.
    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            401,
            "unauthenticated",
            "no valid credential: send `Authorization: Bearer wj_…`, `x-api-key: wj_…` or a session cookie",
        )
    }

    /// 401 for a login that failed, whatever it was that was wrong.
    pub(crate) fn wrong_login() -> Self {
        Self::new(401, "unauthenticated", "wrong e-mail address or password")
    }

    /// 401 for a login link that does not let anybody in, whatever it is that is wrong with it.
    pub(crate) fn wrong_link() -> Self {
        Self::new(
            401,
            "unauthenticated",
            "this login link does not work, or does not work any more: ask for a new one",
        )
    }

    /// 401.
    pub(crate) fn wrong_bootstrap_token() -> Self {
        Self::new(401, "unauthenticated", "wrong bootstrap token")
    }

    /// 403.
    pub(crate) fn forbidden(message: &'static str) -> Self {
        Self::new(403, "forbidden", message)
    }

    /// 400 for a body that is not what the dialect says it should be.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", message)
    }

    /// 400 for what the policy forbids.
    pub(crate) fn dlp_blocked(message: impl Into<String>) -> Self {
        Self::new(400, "dlp_blocked", message)
    }

    /// 404 for a path that does not exist.
    pub(crate) fn not_found() -> Self {
        Self::new(404, "not_found", "there is nothing at this path")
    }

    /// 404 for an id: another tenant's, nobody's, or none at all.
    pub(crate) fn no_such(what: &str) -> Self {
        Self::new(404, "not_found", format!("there is no such {what}"))
    }

    /// 404 for a service that the chosen provider does not have.
    pub(crate) fn not_offered() -> Self {
        Self::new(
            404,
            "not_found",
            "the provider behind this model does not count tokens",
        )
    }

    /// 405.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(405, "method_not_allowed", "this path does not take this method")
    }

    /// 404 for a model that is no tier, alias or `provider:model` of the caller's tenant.
    pub(crate) fn model_not_found() -> Self {
        Self::new(
            404,
            "model_not_found",
            "no such model: use a tier, an alias or `provider:model`; GET /v1/models lists what you may use",
        )
        .at("model")
    }

    /// 413.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            413,
            "too_large",
            format!("the request body is larger than the limit of {limit} bytes"),
        )
    }

    /// 429.
    pub(crate) fn rate_limited(retry_after: Option<Duration>) -> Self {
        let message = match retry_after {
            Some(wait) => format!("rate limit reached: try again in {} s", whole_seconds(wait)),
            None => "this request asks for more than the limit ever allows".to_owned(),
        };
        Self {
            retry_after,
            ..Self::new(429, "rate_limited", message)
        }
    }

    /// 503 when the log cannot be written: nothing goes out unlogged.
    pub(crate) fn audit_unavailable() -> Self {
        Self::new(
            503,
            "audit_unavailable",
            "the audit log cannot be written, so the request was not served; tell whoever runs this gateway",
        )
    }

    /// 503 when the log cannot be read; why is for the operator alone.
    pub(crate) fn unreadable_log(error: AuditError) -> Self {
        tracing::error!(kind = ?error.kind(), %error, "the audit log cannot be read");
        Self::new(
            503,
            "audit_unavailable",
            "the audit log cannot be read; tell whoever runs this gateway",
        )
    }

    /// 503 when a store does not answer. What is unknown is refused.
    pub(crate) fn unavailable() -> Self {
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..Self::new(
                503,
                "unavailable",
                "a store of the gateway does not answer: try again in a moment",
            )
        }
    }

    /// 503 when this home was not set up as it must be. Only for what whoever set it up can do.
    pub(crate) fn misconfigured(message: impl Into<String>) -> Self {
        Self::new(503, "misconfigured", message)
    }

    /// 408 for a body that never ends.
    pub(crate) fn request_timeout() -> Self {
        Self::new(408, "request_timeout", "the request body did not arrive in time")
    }

    /// 502 for a provider that answered with what cannot be used.
    pub(crate) fn provider_error(message: impl Into<String>) -> Self {
        Self::new(502, "provider_error", message)
    }

    /// 503 when no provider can take the request now.
    pub(crate) fn provider_unavailable(message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..Self::new(503, "provider_unavailable", message)
        }
    }

    /// 504.
    pub(crate) fn provider_timeout() -> Self {
        Self::new(504, "provider_timeout", "the provider did not answer in time")
    }

    /// 500: a defect of the gateway.
    pub(crate) fn internal() -> Self {
        Self::new(
            500,
            "internal",
            "the gateway failed; the request id leads to the cause in its log",
        )
    }

    /// Adds what the caller has left.
    pub(crate) fn standing(mut self, standings: Vec<Standing>) -> Self {
        self.standings = standings;
        self
    }

    /// Names the field to blame.
    pub(crate) fn at(mut self, path: impl Into<String>) -> Self {
        self.param = Some(path.into());
        self
    }

    /// The stable word that programs match on, such as `rate_limited`.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The neutral error that a dialect can dress.
    pub(crate) fn to_api_error(&self) -> ApiError {
        ApiError {
            status: self.status,
            code: self.code,
            message: self.message.clone(),
            retry_after: self.retry_after,
            param: self.param.clone(),
        }
    }
}

/// An administrator is told why; but not what ails a store.
impl From<AdminError> for Refusal {
    fn from(error: AdminError) -> Self {
        let (status, code) = match error.kind() {
            AdminErrorKind::Forbidden => (403, "forbidden"),
            AdminErrorKind::NotFound => (404, "not_found"),
            AdminErrorKind::AlreadyExists => (409, "already_exists"),
            AdminErrorKind::Invalid => (400, "invalid_request"),
            AdminErrorKind::Store(kind) => {
                tracing::error!(?kind, %error, "a store failed");
                return Self::unavailable();
            }
        };
        Self::new(status, code, error.to_string())
    }
}

/// What is unknown is refused; why is for the operator alone.
impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(kind = ?error.kind(), %error, "a store failed");
        Self::unavailable()
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self {
            param: error.param,
            retry_after: error.retry_after,
            ..Self::new(error.status, error.code, error.message)
        }
    }
}

/// Seconds for `Retry-After`: rounded up, at least 1, since 0 invites a busy loop.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
