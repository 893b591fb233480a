//! Who answers: providers, their keys, and the tiers that list them.

use std::net::IpAddr;
use std::path::PathBuf;

use toml::Spanned;
use url::{Host, Url};
use workjet_router::Target;

use super::error::{ConfigError, Source};
use super::raw;

/// One provider that the file names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// The name before the colon in `provider:model`.
    pub name: String,
    /// Which API it speaks.
    pub kind: ProviderKind,
    /// Where it answers, without a slash at the end; empty for the demo provider.
    pub base_url: String,
    /// Where its key comes from; local providers need none.
    pub api_key: Option<SecretSource>,
    /// Whether it stands in because the file names no provider at all.
    pub built_in: bool,
}

/// Which API a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderKind {
    /// OpenAI's, and the many that copy it.
    OpenAi,
    /// Anthropic's Messages.
    Anthropic,
    /// Google's Gemini.
    Google,
    /// Ollama's own.
    Ollama,
    /// Built in: replies with what a provider would have received.
    Demo,
}

impl ProviderKind {
    const ALL: [Self; 5] = [
        Self::OpenAi,
        Self::Anthropic,
        Self::Google,
        Self::Ollama,
        Self::Demo,
    ];

    /// The kind's name in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::Ollama => "ollama",
            Self::Demo => "demo",
        }
    }

    /// Where such a provider answers unless the file says otherwise.
    pub const fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com",
            Self::Google => "https://generativelanguage.googleapis.com",
            Self::Ollama => "http://127.0.0.1:11434",
            Self::Demo => "",
        }
    }
}

/// Where the host finds a secret. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretSource {
    /// An environment variable; on Workers, a secret binding.
    Env(String),
    /// A file that holds it, and perhaps a line end.
    File(PathBuf),
}

/// A list of targets, tried in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tier {
    /// What clients write as `model`.
    pub name: String,
    /// Never empty, and every provider is one of the configuration's.
    pub targets: Vec<Target>,
}

pub(super) fn providers(
    source: &Source<'_>,
    raw: &[Spanned<raw::Provider>],
) -> Result<Vec<ProviderConfig>, ConfigError> {
    if raw.is_empty() {
        let kind = ProviderKind::Demo;
        return Ok(vec![ProviderConfig {
            name: kind.as_str().into(),
            kind,
            base_url: String::new(),
            api_key: None,
            built_in: true,
        }]);
    }
    let mut providers: Vec<ProviderConfig> = Vec::with_capacity(raw.len());
    for spanned in raw {
        let provider = provider(source, spanned)?;
        if providers.iter().any(|other| other.name == provider.name) {
            let name = &spanned.get_ref().name;
            return Err(source.at(
                name.span(),
                format!("there is a provider {:?} already", provider.name),
            ));
        }
        providers.push(provider);
    }
    Ok(providers)
}

fn provider(source: &Source<'_>, spanned: &Spanned<raw::Provider>) -> Result<ProviderConfig, ConfigError> {
    let raw = spanned.get_ref();
    let name = raw.name.get_ref();
    if !is_name(name) {
        return Err(source.at(
            raw.name.span(),
            "a provider's name is 1 to 64 of a-z, 0-9, '-' and '_'",
        ));
    }
    let kind = ProviderKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == raw.kind.get_ref())
        .ok_or_else(|| {
            let kind = raw.kind.get_ref();
            source.at(
                raw.kind.span(),
                format!(
                    "unknown kind {kind:?}: use \"openai\", \"anthropic\", \"google\", \"ollama\" or \"demo\""
                ),
            )
        })?;
    if kind == ProviderKind::Demo {
        if let Some(url) = &raw.base_url {
            return Err(source.at(url.span(), "the demo provider has no address"));
        }
        if let Some(key) = &raw.api_key {
            return Err(source.at(key.span(), "the demo provider takes no key"));
        }
    }
    let api_key = raw.api_key.as_ref().map(|key| secret(source, key)).transpose()?;
    let needs_key = matches!(
        kind,
        ProviderKind::OpenAi | ProviderKind::Anthropic | ProviderKind::Google
    );
    if needs_key && raw.base_url.is_none() && api_key.is_none() {
        let reason = format!("the provider {name:?} needs a key, as in api_key = {{ env = \"…\" }}");
        return Err(source.at(spanned.span(), reason));
    }
    let base_url = match &raw.base_url {
        Some(url) => base_url(url.get_ref()).map_err(|reason| source.at(url.span(), reason))?,
        None => kind.default_base_url().to_owned(),
    };
    Ok(ProviderConfig {
        name: name.clone(),
        kind,
        base_url,
        api_key,
        built_in: false,
    })
}

pub(super) fn secret(
    source: &Source<'_>,
    spanned: &Spanned<raw::Secret>,
) -> Result<SecretSource, ConfigError> {
    match spanned.get_ref() {
        raw::Secret {
            env: Some(name),
            file: None,
        } if is_variable(name) => Ok(SecretSource::Env(name.clone())),
        raw::Secret {
            env: None,
            file: Some(path),
        } => Ok(SecretSource::File(path.clone())),
        _ => Err(source.at(
            spanned.span(),
            "a secret does not stand here, but where it is found: write { env = \"NAME\" } or { file = \"path\" }",
        )),
    }
}

/// Letters, digits and `_`, as the names of environment variables are. Most keys hold something else, so a key in the
/// wrong place is not taken for a name and shown.
fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// An address that no path or model name can bend to another host.
fn base_url(text: &str) -> Result<String, String> {
    // The text is not repeated: it may hold a password.
    let url = Url::parse(text).map_err(|error| format!("base_url is no URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a base_url holds no user or password: use api_key".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a base_url has neither query nor fragment".into());
    }
    match url.scheme() {
        "https" if url.host().is_some() => {}
        "http" if is_near(url.host()) => {}
        "http" => {
            return Err(
                "http:// only for a loopback or private address, such as http://127.0.0.1:11434: use https://".into()
            );
        }
        scheme => return Err(format!("unknown scheme {scheme:?}: use https://")),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether unencrypted bytes to `host` stay on this machine or in its private network. A name could be pointed
/// anywhere, so only addresses count, and `localhost`.
fn is_near(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(Host::Ipv6(ip)) => match ip.to_canonical() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
        },
        None => false,
    }
}

pub(super) fn tiers(
    source: &Source<'_>,
    raw: &[Spanned<raw::Tier>],
    providers: &[ProviderConfig],
) -> Result<Vec<Tier>, ConfigError> {
    let mut tiers: Vec<Tier> = Vec::with_capacity(raw.len());
    for spanned in raw {
        let raw::Tier { name, targets } = spanned.get_ref();
        let text = name.get_ref();
        if text.is_empty() || text.contains(':') || text.chars().any(char::is_control) {
            return Err(source.at(name.span(), "a tier needs a name without a colon"));
        }
        if tiers.iter().any(|tier| tier.name == *text) {
            return Err(source.at(name.span(), format!("there is a tier {text:?} already")));
        }
        if targets.get_ref().is_empty() {
            return Err(source.at(targets.span(), format!("the tier {text:?} has no targets")));
        }
        let mut checked = Vec::with_capacity(targets.get_ref().len());
        for spanned in targets.get_ref() {
            let wrong = |reason| source.at(spanned.span(), format!("in the tier {text:?}: {reason}"));
            let target = target(spanned.get_ref(), providers).map_err(wrong)?;
            if checked.contains(&target) {
                return Err(wrong(format!("{target} stands there twice")));
            }
            checked.push(target);
        }
        tiers.push(Tier {
            name: text.clone(),
            targets: checked,
        });
    }
    Ok(tiers)
}

/// Parses `provider:model`, for a provider that there is.
pub(super) fn target(text: &str, providers: &[ProviderConfig]) -> Result<Target, String> {
    let target: Target = text
        .parse()
        .map_err(|error| format!("{text:?} is no target: {error}"))?;
    if providers.iter().any(|known| known.name == target.provider) {
        Ok(target)
    } else {
        Err(format!("there is no provider {:?}", target.provider))
    }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}
