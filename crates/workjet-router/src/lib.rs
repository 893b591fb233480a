//! AI dialects, translated into each other.
//!
//! Clients speak OpenAI's Chat Completions or Anthropic's Messages ([`Inbound`]); providers speak OpenAI's, Anthropic's,
//! Google's or Ollama's dialect ([`Outbound`]). This crate turns a client's request into a provider's, and the
//! provider's reply, whole or streamed, into what the client's SDK expects. Around that it decides where a request goes:
//! [`Routes`] name the targets of a tier, a [`Plan`] walks through them, [`Prices`] say what it cost.
//!
//! It does no input or output and reads no clock: bytes come in as slices, and what needs a clock or dice is an
//! argument. It builds for `wasm32-unknown-unknown`.
//!
//! # A request
//!
//! ```
//! use serde_json::json;
//! use workjet_router::{Inbound, Outbound};
//!
//! let body = json!({
//!     "model": "fast",
//!     "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
//!     "user": "u-17",
//! });
//! let request = Inbound::OpenAiChat.parse(body)?;
//! let sent = request.encode(Outbound::Anthropic, "claude-sonnet-4-5")?;
//! assert_eq!(sent.url("https://api.anthropic.com"), "https://api.anthropic.com/v1/messages");
//! assert_eq!(
//!     String::from_utf8_lossy(&sent.body),
//!     r#"{"model":"claude-sonnet-4-5","max_tokens":16384,"system":"Be brief.","messages":[{"role":"user","content":"Hello"}]}"#,
//! );
//! // An advisory field without counterpart is dropped, and named.
//! assert_eq!(sent.dropped, ["user"]);
//!
//! // One that changes the meaning is refused.
//! let body = json!({"model": "fast", "messages": [], "n": 3});
//! let refused = Inbound::OpenAiChat.parse(body)?.encode(Outbound::Anthropic, "claude-sonnet-4-5").unwrap_err();
//! assert_eq!(refused.path(), "n");
//! # Ok::<(), workjet_router::RequestError>(())
//! ```
//! Where client and provider speak the same dialect, the body passes as the client wrote it, unknown fields included, but
//! for the model's name and what accounting needs.
//!
//! # A stream
//!
//! ```
//! use serde_json::json;
//! use workjet_router::{Inbound, Outbound, Stamp, StreamTranslator};
//!
//! let request = Inbound::OpenAiChat.parse(json!({"model": "m", "messages": [], "stream": true}))?;
//! let stamp = Stamp { id: "req-1".to_owned(), created: 1_763_900_000 };
//! let mut stream = StreamTranslator::new(Outbound::Ollama, Inbound::OpenAiChat, &request, stamp);
//!
//! // Chunks end anywhere.
//! let mut frames = stream.push(br#"{"model":"llama3.2","message":{"content":"Hel"#)?;
//! frames.extend(stream.push(b"lo\"},\"done\":false}\n")?);
//! frames.extend(stream.push(br#"{"message":{"content":""},"done":true,"prompt_eval_count":9,"eval_count":1}"#)?);
//! frames.extend(stream.finish()?);
//!
//! let mut sent = Vec::new();
//! frames.iter().for_each(|frame| frame.encode(&mut sent));
//! let sent = String::from_utf8(sent)?;
//! assert!(sent.contains(r#""delta":{"content":"Hello"}"#) && sent.ends_with("data: [DONE]\n\n"));
//! assert_eq!(stream.usage().output, Some(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! What a stream has said so far is counted with [`Inbound::said_bytes`].
//!
//! # What is not translated
//!
//! Between dialects, tools that a provider runs itself (web search, code execution), several choices (`n`), log
//! probabilities, audio replies, stored files and citations are refused. A provider's reasoning reaches clients of
//! another dialect as `reasoning_content` or as a thinking block; only Google's signatures come back from there, since
//! only Google refuses to go on without.
//!
//! # Features
//!
//! `bundled-prices` (default): the price table inside the binary. Without it, `Prices` are parsed from text.

mod api_error;
mod chat;
pub mod demo;
mod dialect;
mod error;
mod place;
mod plan;
mod price;
mod reply;
mod request;
mod said;
mod sse;
mod stream;
mod tier;
mod wire;
mod written;

pub use api_error::ApiError;
pub use chat::Usage;
pub use dialect::{Inbound, Outbound, auth_header};
pub use error::{ErrorClass, ProviderError, ReplyError, RequestError, RequestErrorKind, StreamError};
pub use plan::{AttemptEnd, BreakerPolicy, Breakers, GiveUp, Plan, RetryPolicy, Step, retry_after};
pub use price::{Cost, CostQuality, InvalidPrices, Prices};
pub use reply::{ReplyTranslator, Translated};
pub use request::{ChatRequest, Preview, ProviderRequest};
pub use sse::{NdjsonDecoder, SseDecoder, SseEvent, TooLarge};
pub use stream::{Data, Frame, Stamp, StreamTranslator};
pub use tier::{InvalidTarget, Listed, ListedKind, ModelNotFound, Resolved, RouteError, Routes, Target};
pub use written::Written;
