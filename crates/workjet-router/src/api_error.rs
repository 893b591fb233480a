//! An error as a client is told it: one meaning, in the shape of the client's dialect.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Frame, Inbound};

/// An error as a client is told it, in whichever dialect it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// A code that programs can match on, such as `rate_limited`.
    pub code: &'static str,
    /// What happened and what to do, for people. Never holds a value from the request or the provider.
    pub message: String,
    /// How long to wait before the next try: the `Retry-After` header.
    pub retry_after: Option<Duration>,
    /// The field that is at fault, as a path of dialect keys.
    pub param: Option<String>,
}

impl ApiError {
    pub(crate) fn provider_failed(message: String) -> Self {
        Self {
            status: 502,
            code: "provider_error",
            message,
            retry_after: None,
            param: None,
        }
    }
}

impl Inbound {
    /// The body of an error reply.
    pub fn error_body(self, error: &ApiError) -> Value {
        match self {
            Self::OpenAiChat => json!({"error": {
                "message": error.message,
                "type": openai_error_type(error.status),
                "param": error.param,
                "code": error.code,
            }}),
            Self::AnthropicMessages => json!({
                "type": "error",
                "error": {
                    "type": anthropic_error_type(error.status),
                    "message": error.message,
                    "code": error.code,
                },
            }),
        }
    }

    /// An error inside a stream. No terminator follows, so that SDKs do not take the reply for complete.
    pub fn error_frame(self, error: &ApiError) -> Frame {
        let body = self.error_body(error);
        match self {
            Self::OpenAiChat => Frame::json(body),
            Self::AnthropicMessages => Frame::named("error", body),
        }
    }
}

const fn openai_error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

const fn anthropic_error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}
