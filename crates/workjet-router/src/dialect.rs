//! Which dialects there are, and how each carries its key.

use std::fmt;

/// A dialect that clients speak to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Inbound {
    /// `POST /v1/chat/completions`, as OpenAI's clients send it.
    OpenAiChat,
    /// `POST /v1/messages`, as Anthropic's clients send it.
    AnthropicMessages,
}

/// A dialect that the gateway speaks to providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outbound {
    /// OpenAI's Chat Completions, which many others serve too.
    OpenAi,
    /// Anthropic's Messages.
    Anthropic,
    /// Google's `generateContent`.
    Google,
    /// Ollama's own `/api/chat`.
    Ollama,
}

impl Inbound {
    /// The name that the audit log and metrics use: `openai` or `anthropic`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai",
            Self::AnthropicMessages => "anthropic",
        }
    }

    /// Whether `outbound` is the same dialect, so that bodies pass as they were written.
    pub const fn is_same_as(self, outbound: Outbound) -> bool {
        matches!(
            (self, outbound),
            (Self::OpenAiChat, Outbound::OpenAi) | (Self::AnthropicMessages, Outbound::Anthropic)
        )
    }
}

impl Outbound {
    /// The name that the configuration uses: `openai`, `anthropic`, `google` or `ollama`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::Ollama => "ollama",
        }
    }
}

impl fmt::Display for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the name (lower case) and value of the request header that carries a provider's key.
///
/// The value is a secret: whoever builds the header marks it as sensitive. A key with a line break in it makes a value
/// that HTTP libraries refuse.
pub fn auth_header(outbound: Outbound, key: &str) -> (&'static str, String) {
    match outbound {
        Outbound::OpenAi | Outbound::Ollama => ("authorization", format!("Bearer {key}")),
        Outbound::Anthropic => ("x-api-key", key.to_owned()),
        Outbound::Google => ("x-goog-api-key", key.to_owned()),
    }
}
