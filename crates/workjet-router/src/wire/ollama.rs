//! Ollama's own `/api/chat`, as a provider.
//!
//! Shapes follow <https://docs.ollama.com/api>. Streams are newline-delimited JSON.

mod read;
mod write;

pub(crate) use read::{StreamReader, read_reply};
pub(crate) use write::write;

use crate::ProviderError;

/// Ollama says `{"error": "prose"}`: only the status is worth reading.
pub(crate) fn error(status: u16) -> ProviderError {
    ProviderError::new(if status == 0 { 500 } else { status }, None, None)
}
