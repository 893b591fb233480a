//! What can go wrong, seen from the client's request, the provider's reply, and the error that a client is told.
//!
//! Messages are ours: they name fields of the dialects and never repeat what a client or a provider wrote.

use std::fmt;
use std::time::Duration;

use crate::{ApiError, Outbound};

/// What kind of fault a [`RequestError`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestErrorKind {
    /// A field holds something of another JSON type than the dialect has.
    WrongType,
    /// A field that the dialect needs is absent.
    Missing,
    /// A field whose meaning the chosen provider's dialect cannot express.
    Unsupported,
    /// A value that the chosen provider's dialect cannot carry, such as a model name that would bend a path.
    BadValue,
    /// The body is not JSON, or not JSON that everybody reads alike.
    BadJson,
}

/// A request that cannot be sent as it is. The client's to mend: HTTP 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    kind: RequestErrorKind,
    path: String,
    message: String,
}

impl RequestError {
    pub(crate) fn wrong_type(path: String, expected: &'static str) -> Self {
        let message = if path.is_empty() {
            format!("the body must be {expected}")
        } else {
            format!("{path} must be {expected}")
        };
        Self {
            kind: RequestErrorKind::WrongType,
            path,
            message,
        }
    }

    pub(crate) fn missing(path: String) -> Self {
        Self {
            kind: RequestErrorKind::Missing,
            message: format!("{path} is missing"),
            path,
        }
    }

    pub(crate) fn unsupported(path: impl Into<String>, outbound: Outbound) -> Self {
        let path = path.into();
        let message = format!(
            "{path} has no counterpart in the dialect of the chosen provider ({outbound}); leave it out or choose a model of another provider"
        );
        Self {
            kind: RequestErrorKind::Unsupported,
            path,
            message,
        }
    }

    pub(crate) fn bad_value(path: impl Into<String>, why: &str) -> Self {
        let path = path.into();
        Self {
            kind: RequestErrorKind::BadValue,
            message: format!("{path} {why}"),
            path,
        }
    }

    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        // Where, not what: the parser's own words could quote the text.
        let (line, column) = (error.line(), error.column());
        Self {
            kind: RequestErrorKind::BadJson,
            path: String::new(),
            message: format!("the request body is not valid JSON (line {line}, column {column})"),
        }
    }

    pub(crate) fn repeated() -> Self {
        Self {
            kind: RequestErrorKind::BadJson,
            path: String::new(),
            message:
                "a field at the top of the body stands there twice, and readers differ in which one counts"
                    .to_owned(),
        }
    }

    /// What kind of fault it is.
    pub const fn kind(&self) -> RequestErrorKind {
        self.kind
    }

    /// Where it is, such as `messages[1].content`; empty for the body as a whole. Holds keys of the dialect only.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RequestError {}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let code = match error.kind {
            RequestErrorKind::Unsupported => "unsupported_field",
            _ => "invalid_request",
        };
        let param = (!error.path.is_empty()).then_some(error.path);
        Self {
            status: 400,
            code,
            message: error.message,
            retry_after: None,
            param,
        }
    }
}

/// What a provider's refusal means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The request itself is at fault; another attempt fails alike.
    BadRequest,
    /// The gateway's own key was refused, or may not do this.
    Credentials,
    /// The model or the path does not exist there.
    NotFound,
    /// The request is larger than the provider takes.
    TooLarge,
    /// A quota is used up.
    RateLimited,
    /// The provider has too much to do; no quota signal.
    Overloaded,
    /// The provider gave up waiting.
    Timeout,
    /// A fault of the provider's own.
    Server,
}

/// A provider's error, without its prose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderError {
    pub(crate) status: u16,
    pub(crate) class: ErrorClass,
    pub(crate) error_type: Option<String>,
    pub(crate) error_code: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl ProviderError {
    /// The HTTP status; for an error inside a stream, the status that its type stands for.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// What it means for the next attempt.
    pub const fn class(&self) -> ErrorClass {
        self.class
    }

    /// The provider's own error type or status, such as `overloaded_error`, if it is a plain token of at most 64 bytes.
    pub fn error_type(&self) -> Option<&str> {
        self.error_type.as_deref()
    }

    /// The provider's own error code, such as `context_length_exceeded`, if it is a plain token of at most 64 bytes.
    pub fn error_code(&self) -> Option<&str> {
        self.error_code.as_deref()
    }

    /// How long the provider's *body* asks to wait (Google's `retryDelay`). The `Retry-After` header is the gateway's to
    /// read, and wins.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the client is told. The provider's own words stay behind, since they may repeat the request or name the
    /// gateway's account.
    pub fn to_api_error(&self) -> ApiError {
        let token = self.error_code().or(self.error_type());
        let detail = token.map_or_else(
            || self.status.to_string(),
            |token| format!("{}, {token}", self.status),
        );
        let (status, code, message) = match self.class {
            ErrorClass::BadRequest if self.error_code() == Some("context_length_exceeded") => (
                400,
                "context_length_exceeded",
                "The request is longer than the model's context",
            ),
            ErrorClass::BadRequest => (400, "provider_refused", "The provider refused the request"),
            ErrorClass::TooLarge => (413, "too_large", "The request is larger than the provider takes"),
            ErrorClass::NotFound => (404, "model_not_found", "The provider does not know this model"),
            ErrorClass::Credentials => (
                502,
                "provider_credentials",
                "The provider refused the gateway's key",
            ),
            ErrorClass::RateLimited => (429, "rate_limited", "The provider's rate limit is reached"),
            ErrorClass::Overloaded => (503, "provider_overloaded", "The provider is overloaded"),
            ErrorClass::Timeout => (504, "provider_timeout", "The provider did not answer in time"),
            ErrorClass::Server => (502, "provider_error", "The provider failed"),
        };
        ApiError {
            status,
            code,
            message: format!("{message} ({detail})."),
            retry_after: self.retry_after,
            param: None,
        }
    }

    /// The error for an HTTP status and what the body said.
    pub(crate) fn new(status: u16, error_type: Option<&str>, error_code: Option<&str>) -> Self {
        let error_type = error_type.and_then(token);
        let error_code = error_code.and_then(token);
        let class = classify(status, error_type.as_deref());
        Self {
            status,
            class,
            error_type,
            error_code,
            retry_after: None,
        }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_api_error().message)
    }
}

impl std::error::Error for ProviderError {}

fn classify(status: u16, error_type: Option<&str>) -> ErrorClass {
    match (status, error_type) {
        (529, _) | (503, _) | (_, Some("overloaded_error")) => ErrorClass::Overloaded,
        (401..=403, _) => ErrorClass::Credentials,
        (404, _) => ErrorClass::NotFound,
        (408 | 504, _) => ErrorClass::Timeout,
        (413, _) => ErrorClass::TooLarge,
        (429, _) => ErrorClass::RateLimited,
        (400..=499, _) => ErrorClass::BadRequest,
        _ => ErrorClass::Server,
    }
}

/// A provider's word that is safe to repeat: a bare identifier. Anything else may be prose that repeats the request.
fn token(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (!text.is_empty()
        && text.len() <= 64
        && text.bytes().all(plain)
        && !text.bytes().all(|byte| byte.is_ascii_digit()))
    .then(|| text.to_owned())
}

/// A whole reply that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The body is not what the provider's dialect promises.
    #[error("the provider's reply could not be understood")]
    Garbage,
    /// A success status over an error body.
    #[error(transparent)]
    Provider(ProviderError),
}

/// A stream that broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The stream ended before its terminator.
    #[error("the provider's stream ended before it was complete")]
    Cut,
    /// An event is not what the provider's dialect promises.
    #[error("the provider's stream could not be understood")]
    Garbage,
    /// An event is larger than the gateway buffers.
    #[error("an event in the provider's stream is too large")]
    TooLarge,
    /// The provider reported an error inside the stream.
    #[error(transparent)]
    Provider(ProviderError),
}

impl From<&StreamError> for ApiError {
    fn from(error: &StreamError) -> Self {
        match error {
            StreamError::Provider(error) => error.to_api_error(),
            other => Self::provider_failed(other.to_string()),
        }
    }
}

impl From<&ReplyError> for ApiError {
    fn from(error: &ReplyError) -> Self {
        match error {
            ReplyError::Provider(error) => error.to_api_error(),
            ReplyError::Garbage => Self::provider_failed(error.to_string()),
        }
    }
}
