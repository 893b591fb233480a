//! The configuration file: one TOML text in, a [`Config`] that can be honoured out, or a reason with file and line.
//!
//! The one idea: what cannot be honoured is refused when it is loaded, so it is checked by *building* it. Patterns are
//! compiled, targets are split and looked up, addresses and sizes are parsed; nothing of the file's text survives as
//! text that could still be wrong.
//!
//! It reads no file and no environment: a secret stays a [`SecretSource`], the place where the host finds it.

mod dlp;
mod error;
mod listen;
mod provider;
mod raw;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use workjet_tenant::Quota;

pub use self::dlp::{Dlp, Unscannable};
pub use self::error::ConfigError;
use self::error::Source;
pub use self::listen::{Listen, Tls};
pub use self::provider::{ProviderConfig, ProviderKind, SecretSource, Tier};

/// Everything that the file says, checked, with the defaults filled in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Where the server listens.
    pub listen: Listen,
    /// The server's data folder; relative to the working folder.
    pub data: PathBuf,
    /// The longest request body that is read, in bytes.
    pub max_body_bytes: usize,
    /// How many connections the server keeps open at once.
    pub max_connections: usize,
    /// Where the server's certificate comes from.
    pub tls: Tls,
    /// Never empty: without a `[[provider]]` it is the built-in demo provider.
    pub providers: Vec<ProviderConfig>,
    /// Lists of targets, tried in order.
    pub tiers: Vec<Tier>,
    /// A client's model name → a tier, or a target as `provider:model`.
    pub aliases: BTreeMap<String, String>,
    /// What is looked for, and what happens to it.
    pub dlp: Dlp,
    /// How much each user may ask; `None` is without a limit.
    pub user_requests: Option<Quota>,
    /// Where the token for `GET /metrics` comes from; without one the path answers 404.
    pub metrics_token: Option<SecretSource>,
    /// How long the gateway waits for what.
    pub timeouts: Timeouts,
}

/// How long the gateway waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For a connection to a provider, TLS included.
    pub connect: Duration,
    /// For the head of a provider's reply.
    pub first_byte: Duration,
    /// For the next bytes of a reply that has begun.
    pub idle: Duration,
    /// For one request as a whole, all attempts included. The log closes an intent that is older as `unknown`.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(300),
            idle: Duration::from_secs(120),
            request: Duration::from_secs(900),
        }
    }
}

impl Default for Config {
    /// What an empty file means: the demo provider on `127.0.0.1:8787`, six detectors redacting both ways.
    fn default() -> Self {
        Self::from_toml("", "defaults").expect("an empty configuration is valid")
    }
}

impl Config {
    /// Reads the whole of `text`; `file` is the name that errors show.
    ///
    /// # Errors
    /// The first thing in the file that cannot be honoured, with its line.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, ConfigError> {
        let source = Source { text, file };
        let raw = raw::File::parse(&source)?;

        let listen = match &raw.listen {
            Some(listen) => listen
                .get_ref()
                .parse()
                .map_err(|reason| source.at(listen.span(), reason))?,
            None => Listen::default(),
        };
        let tls = listen::tls(&source, raw.tls.as_ref())?;
        if let Err(reason) = listen::check(&listen, &tls) {
            let span = raw
                .tls
                .as_ref()
                .map(toml::Spanned::span)
                .or(raw.listen.as_ref().map(toml::Spanned::span));
            return Err(source.at(span.unwrap_or(0..0), reason));
        }
        let providers = provider::providers(&source, &raw.provider)?;
        let tiers = provider::tiers(&source, &raw.tier, &providers)?;
        let aliases = aliases(&source, &raw.alias, &tiers, &providers)?;

        Ok(Self {
            listen,
            data: raw.data.unwrap_or_else(|| PathBuf::from("workjet-data")),
            max_body_bytes: match &raw.max_body {
                Some(size) => units::size(size.get_ref()).map_err(|reason| source.at(size.span(), reason))?,
                None => 32 << 20,
            },
            max_connections: raw
                .max_connections
                .map_or(4096, |n| usize::try_from(n.get()).unwrap_or(usize::MAX)),
            tls,
            providers,
            tiers,
            aliases,
            dlp: dlp::dlp(&source, raw.dlp)?,
            user_requests: raw.limits.user.map(|user| quota(&source, &user)).transpose()?,
            metrics_token: raw
                .metrics
                .map(|metrics| provider::secret(&source, &metrics.token))
                .transpose()?,
            timeouts: timeouts(&source, raw.timeouts)?,
        })
    }

    /// Listens on `listen` instead, as `--listen` asks.
    ///
    /// # Errors
    /// In words, if the address is no address, or the `[tls]` of this configuration does not allow it.
    pub fn set_listen(&mut self, listen: &str) -> Result<(), String> {
        let listen = listen.parse()?;
        listen::check(&listen, &self.tls)?;
        self.listen = listen;
        Ok(())
    }

    /// Whether the built-in demo provider alone answers, under any model name, since the file names no provider.
    pub fn is_demo(&self) -> bool {
        matches!(self.providers.as_slice(), [only] if only.built_in)
    }
}

fn aliases(
    source: &Source<'_>,
    raw: &BTreeMap<toml::Spanned<String>, toml::Spanned<String>>,
    tiers: &[Tier],
    providers: &[ProviderConfig],
) -> Result<BTreeMap<String, String>, ConfigError> {
    let tier_names: BTreeSet<&str> = tiers.iter().map(|tier| tier.name.as_str()).collect();
    let mut aliases = BTreeMap::new();
    for (name, target) in raw {
        let (alias, to) = (name.get_ref(), target.get_ref());
        if alias.is_empty() {
            return Err(source.at(name.span(), "an alias needs a name"));
        }
        if tier_names.contains(alias.as_str()) {
            return Err(source.at(name.span(), format!("the alias {alias:?} has the name of a tier")));
        }
        if provider::target(alias, providers).is_ok() {
            return Err(source.at(
                name.span(),
                format!("the alias {alias:?} would hide a provider's model"),
            ));
        }
        if !tier_names.contains(to.as_str()) {
            provider::target(to, providers).map_err(|reason| {
                source.at(
                    target.span(),
                    format!("{to:?} is neither a tier nor a target: {reason}"),
                )
            })?;
        }
        aliases.insert(alias.clone(), to.clone());
    }
    Ok(aliases)
}

fn quota(source: &Source<'_>, raw: &raw::UserLimit) -> Result<Quota, ConfigError> {
    let per = match &raw.per {
        Some(per) => units::duration(per.get_ref()).map_err(|reason| source.at(per.span(), reason))?,
        None => Duration::from_secs(60),
    };
    let positive = |number: &toml::Spanned<u64>| {
        NonZeroU64::new(*number.get_ref()).ok_or_else(|| source.at(number.span(), "must be at least 1"))
    };
    let limit = positive(&raw.requests)?;
    let burst = raw.burst.as_ref().map_or(Ok(limit), positive)?;
    Ok(Quota { limit, per, burst })
}

fn timeouts(source: &Source<'_>, raw: raw::Timeouts) -> Result<Timeouts, ConfigError> {
    let default = Timeouts::default();
    let or = |value: Option<toml::Spanned<String>>, default| match value {
        Some(text) => units::duration(text.get_ref()).map_err(|reason| source.at(text.span(), reason)),
        None => Ok(default),
    };
    Ok(Timeouts {
        connect: or(raw.connect, default.connect)?,
        first_byte: or(raw.first_byte, default.first_byte)?,
        idle: or(raw.idle, default.idle)?,
        request: or(raw.request, default.request)?,
    })
}

#[cfg(test)]
mod tests;
