//! Which string of a message is what: one map of every position of both client dialects.
//!
//! The map is data, not code: a [`Shape`] per document (request, whole reply, stream frame) and dialect, which
//! [`Engine::scan_json`](workjet_dlp::Engine::scan_json) walks in the bytes of a request, and
//! [`Engine::redact_json`](workjet_dlp::Engine::redact_json) in what a provider says. It follows one rule: **a position is
//! scanned unless it holds a word that the dialect lists.** What the map does not name is scanned too, its key included, so
//! that a field invented next week is covered today.
//!
//! | a position is | because | a finding there |
//! |---|---|---|
//! | `Text` | nothing else depends on it | is rewritten |
//! | `Json` | it is a string that holds a document (tool arguments) | is rewritten inside the document |
//! | `Name` | it must match something elsewhere: tool names, call ids, the model | refuses |
//! | `Constant` | the dialect lists its words; any other word is a `Name` | refuses |
//! | `Number` | the dialect says so: limits, counts, sampling | is not looked for; a string there is `Text` |
//! | `Opaque` | it is binary: images, audio, files | is unscannable, the policy decides |
//! | `Signed` | its provider checks a signature over it: thinking, encrypted results | is unscannable, the policy decides |
//! | anything else | it is unknown, or belongs to the caller: schemas, metadata, tool input | is rewritten; in a key refuses |
//!
//! # Decisions
//!
//! - **Ids of replies** (`id`, `system_fingerprint`, `model`) are `Text`: nobody sends them back, and a reply is too
//!   costly to refuse for them. **Ids and names of tool calls** are `Name` in both directions: the next turn repeats
//!   them, and a placeholder is not a valid id.
//! - **Addresses of images** in requests are `Url`: a `data:` address is the image itself and so opaque, any other is a
//!   `Name`, for a rewritten address points elsewhere. **Addresses in replies** (citations, search results) are `Text`.
//! - **`user`, `metadata`, `safety_identifier`, `prompt_cache_key`** are text: providers only count by them.
//! - **`logit_bias`** is unknown to the map on purpose: its keys are the caller's.
//! - **Token probabilities** (`logprobs`) spell the text token by token, where no detector can see it.
//!   [`release`](crate::release) takes them out.

mod anthropic;
mod openai;

use workjet_dlp::Shape;
use workjet_router::Inbound;

/// A dialect that has no map yet: every string is scanned, and none is taken for granted.
static UNMAPPED: Shape = Shape::Any;

/// The positions of a client's request.
#[must_use]
pub fn request(inbound: Inbound) -> &'static Shape {
    match inbound {
        Inbound::OpenAiChat => &openai::REQUEST,
        Inbound::AnthropicMessages => &anthropic::REQUEST,
        _ => &UNMAPPED,
    }
}

/// The positions of a whole reply in the client's dialect.
#[must_use]
pub fn reply(inbound: Inbound) -> &'static Shape {
    match inbound {
        Inbound::OpenAiChat => &openai::REPLY,
        Inbound::AnthropicMessages => &anthropic::REPLY,
        _ => &UNMAPPED,
    }
}

/// The positions of one frame of a streamed reply in the client's dialect.
///
/// The text of channels (`delta.content` and its kin) appears here as if each frame stood alone.
/// [`release`](crate::release) takes channel text out of a frame before it walks the rest with this shape, so nothing
/// depends on the two agreeing: text that no channel took is scanned by its frame.
#[must_use]
pub fn frame(inbound: Inbound) -> &'static Shape {
    match inbound {
        Inbound::OpenAiChat => &openai::FRAME,
        Inbound::AnthropicMessages => &anthropic::FRAME,
        _ => &UNMAPPED,
    }
}
