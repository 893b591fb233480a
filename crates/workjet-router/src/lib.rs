//! AI dialects, translated into each other.
//!
//! Clients speak OpenAI's Chat Completions or Anthropic's Messages ([`Inbound`]); providers speak OpenAI's, Anthropic's,
//! Google's or Ollama's dialect ([`Outbound`]). This crate turns a client's request into a provider's, and the provider's
//! reply, whole or streamed, into what the client's SDK expects. It does no input or output and reads no clock: bytes
//! come in as slices, and everything that would need a clock or a random number is an argument.

mod channels;
mod chat;
pub mod demo;
mod dialect;
mod error;
mod place;
mod plan;
mod price;
mod reply;
mod request;
mod sse;
mod stream;
mod tier;
mod wire;

pub use channels::{Channel, ChannelKind, Closes};
pub use chat::{StopReason, Usage};
pub use dialect::{Inbound, Outbound, auth_header};
pub use error::{
    ApiError, ErrorClass, ProviderError, ReplyError, RequestError, RequestErrorKind, StreamError,
};
pub use plan::{AttemptEnd, BreakerPolicy, Breakers, GiveUp, Plan, RetryPolicy, Step, retry_after};
pub use price::{Cost, CostQuality, InvalidPrices, Prices};
pub use reply::{ReplyTranslator, Translated};
pub use request::{ChatRequest, Preview, ProviderRequest};
pub use sse::{NdjsonDecoder, SseDecoder, SseEvent, TooLarge};
pub use stream::{Data, Frame, Stamp, StreamTranslator};
pub use tier::{InvalidTarget, Listed, ListedKind, ModelNotFound, Resolved, RouteError, Routes, Target};
