//! A provider's whole reply, turned into what the client expects.

use serde_json::Value;

use crate::chat::Usage;
use crate::wire;
use crate::{ChatRequest, Inbound, Outbound, ProviderError, ReplyError, Stamp};

/// Turns whole replies of one provider into the client's dialect.
#[derive(Debug)]
pub struct ReplyTranslator {
    outbound: Outbound,
    inbound: Inbound,
    stamp: Stamp,
    estimated_input: u64,
}

/// A reply in the client's dialect, and what accounting needs of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The body for the client.
    pub body: Value,
    /// What it cost.
    pub usage: Usage,
    /// The model that the provider says answered.
    pub model: Option<String>,
}

impl ReplyTranslator {
    /// A translator for the reply to `request`. `stamp` fills what the provider's dialect does not have.
    pub fn new(outbound: Outbound, inbound: Inbound, request: &ChatRequest, stamp: Stamp) -> Self {
        Self {
            outbound,
            inbound,
            stamp,
            estimated_input: request.estimated_input_tokens(),
        }
    }

    /// Translates the body of a successful reply. In the same dialect it passes as the provider wrote it.
    ///
    /// # Errors
    /// [`ReplyError::Garbage`] if it is not what the dialect promises, [`ReplyError::Provider`] if it is an error in
    /// spite of its status.
    pub fn reply(&self, body: &[u8]) -> Result<Translated, ReplyError> {
        let body: Value = serde_json::from_slice(body).map_err(|_| ReplyError::Garbage)?;
        if body.get("error").is_some_and(|error| !error.is_null()) {
            return Err(ReplyError::Provider(wire::provider_error(
                self.outbound,
                0,
                &body,
            )));
        }
        if self.inbound.is_same_as(self.outbound) {
            let (usage, model) = wire::usage_and_model(self.inbound, &body).ok_or(ReplyError::Garbage)?;
            return Ok(Translated { body, usage, model });
        }
        let reply = wire::read_reply(self.outbound, body)?;
        let (usage, model) = (reply.usage.clone(), reply.model.clone());
        let body = wire::write_reply(self.inbound, reply, &self.stamp, self.estimated_input);
        Ok(Translated { body, usage, model })
    }

    /// Sorts an error reply into its class; the provider's prose is left behind.
    pub fn error(&self, status: u16, body: &[u8]) -> ProviderError {
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        wire::provider_error(self.outbound, status, &body)
    }
}
