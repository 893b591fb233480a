//! What is expensive to make: detection engines, policies, routes, prices, breakers and counters.
//!
//! One [`Core`] per process or isolate, shared by every request. It holds no handle to the world; those are in
//! [`Host`](crate::Host). Everything in it was parsed and checked before it got here, so making one cannot fail.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use workjet_dlp::{Action, Detector, Engine, Policy, Vault};
use workjet_router::{Breakers, Outbound, Prices, Resolved, RouteError, Routes, Target};
use workjet_tenant::{Quota, RequestId, TenantId};

use crate::config::{self, Config, ProviderConfig, ProviderKind, Unscannable};
use crate::metrics::Metrics;
use crate::secrets::Secrets;

/// Somewhere to send requests.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in `provider:model`.
    pub name: String,
    /// How it is spoken to.
    pub kind: ProviderKind,
    /// Where it is, such as `https://api.openai.com/v1`. Checked by whoever parsed it: HTTPS, or a private host.
    pub base_url: String,
    /// Its API key.
    pub key: Option<SecretString>,
}

/// What one tenant decided, or had decided for it.
#[derive(Clone)]
pub struct Settings {
    /// Finds sensitive text; holds the tenant's own patterns.
    pub engine: Engine,
    /// What happens to findings on the way to a provider.
    pub request: Policy,
    /// What happens to findings on the way back.
    pub response: Policy,
    /// What happens to what cannot be scanned.
    pub unscannable: Unscannable,
    /// Where requests may go.
    pub providers: Vec<Provider>,
    /// What the model names mean.
    pub routes: Routes,
    /// How many requests each user may send.
    pub user_requests: Option<Quota>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// What a tenant has before it decides anything: all six kinds of findings are redacted in both directions, and
    /// there is no provider, so every model name is unknown.
    pub fn standard() -> Self {
        Self {
            engine: Engine::standard(),
            request: Policy::redact_all(),
            response: Policy::redact_all(),
            unscannable: Unscannable::default(),
            providers: Vec::new(),
            routes: Routes::default(),
            user_requests: None,
        }
    }

    /// [`Settings::standard`] with the built-in demo provider, which answers under any model name.
    pub fn demo() -> Self {
        let demo = Provider {
            name: "demo".to_owned(),
            kind: ProviderKind::Demo,
            base_url: String::new(),
            key: None,
        };
        Self {
            providers: vec![demo],
            ..Self::standard()
        }
    }

    /// What a configuration file says. `key` finds the API key of the provider that it is given the name of; whoever
    /// loads the configuration has read and sealed it before.
    ///
    /// # Errors
    /// If its tiers and aliases do not make routes.
    pub fn from_config(
        config: &Config,
        key: impl Fn(&str) -> Option<SecretString>,
    ) -> Result<Self, RouteError> {
        let provider = |provider: &ProviderConfig| Provider {
            name: provider.name.clone(),
            kind: provider.kind,
            base_url: provider.base_url.clone(),
            key: key(&provider.name),
        };
        let names = config.providers.iter().map(|provider| provider.name.as_str());
        let tiers = config
            .tiers
            .iter()
            .map(|tier| (tier.name.as_str(), tier.targets.clone()));
        let aliases = config
            .aliases
            .iter()
            .map(|(name, target)| (name.as_str(), target.as_str()));
        Ok(Self {
            engine: config.dlp.engine.clone(),
            request: in_full(&config.dlp.engine, &config.dlp.request),
            response: in_full(&config.dlp.engine, &config.dlp.response),
            unscannable: config.dlp.unscannable,
            providers: config.providers.iter().map(provider).collect(),
            routes: Routes::new(names, tiers, aliases)?,
            user_requests: config.user_requests,
        })
    }

    /// Whether values of a request may leave as tokens.
    pub(crate) fn tokenizes(&self) -> bool {
        let tokenizes = |detector: &Detector| self.request.action(detector) == Action::Tokenize;
        self.engine.detectors().any(tokenizes)
    }

    /// The same, with the key that hashes are made by.
    fn hashing_by(self, key: [u8; 32]) -> Self {
        Self {
            request: self.request.hash_key(key),
            response: self.response.hash_key(key),
            ..self
        }
    }

    /// The provider called `name`.
    pub(crate) fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// The model names that a client can use.
    pub(crate) fn models(&self) -> Vec<String> {
        let mut names: Vec<String> = self.routes.list().into_iter().map(|listed| listed.id).collect();
        if names.is_empty()
            && self
                .providers
                .iter()
                .any(|provider| provider.kind == ProviderKind::Demo)
        {
            names.push("demo:echo".to_owned());
        }
        names
    }

    /// What a client's model name means, or `None` if it means nothing here.
    pub(crate) fn resolve(&self, model: &str) -> Option<Resolved> {
        if let Ok(resolved) = self.routes.resolve(model) {
            return Some(resolved);
        }
        // Only when nothing else is configured: a demo beside real providers must be asked for by name.
        match self.providers.as_slice() {
            [only] if only.kind == ProviderKind::Demo && !model.is_empty() => {
                let model = model.strip_prefix("demo:").unwrap_or(model);
                Some(Resolved {
                    tier: None,
                    targets: vec![Target::new(&only.name, model)],
                })
            }
            _ => None,
        }
    }
}

/// The same policy, with every detector of `engine` named and nothing said of others, so that a policy which turns all of
/// them off is known to change nothing.
fn in_full(engine: &Engine, policy: &Policy) -> Policy {
    let name = |full: Policy, detector: &Detector| full.with(detector.as_str(), policy.action(detector));
    engine.detectors().fold(Policy::all(Action::Off), name)
}

/// The dialect that is spoken to a kind of provider. The demo imitates OpenAI.
pub(crate) const fn dialect(kind: ProviderKind) -> Outbound {
    match kind {
        ProviderKind::OpenAi | ProviderKind::Demo => Outbound::OpenAi,
        ProviderKind::Anthropic => Outbound::Anthropic,
        ProviderKind::Google => Outbound::Google,
        ProviderKind::Ollama => Outbound::Ollama,
    }
}

/// How long the pipeline waits, for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the head of a provider's reply.
    pub head: Duration,
    /// For the next piece of a reply that has begun.
    pub idle: Duration,
    /// For a request as a whole, retries included. Intents older than this are closed as `unknown` after a crash.
    pub total: Duration,
    /// For the rest of a reply that nobody reads any more, to learn what it cost. At most 20 s: Workers end detached
    /// work about 30 s after the response.
    pub drain: Duration,
    /// For a client that does not read what is ready for it. Then it counts as gone, and nothing is drained.
    pub stall: Duration,
}

impl Timeouts {
    /// What a configuration file says.
    pub fn from_config(config: &config::Timeouts) -> Self {
        Self {
            head: config.first_byte,
            idle: config.idle,
            total: config.request,
            stall: config.idle,
            ..Self::default()
        }
    }

    /// The same, in a home that does not always say when a client has gone, and ends the work for it `grace` after that: a
    /// client that reads nothing for two thirds of it counts as gone, so that the outcome is written before.
    #[must_use]
    pub fn within(self, grace: Duration) -> Self {
        let limit = grace * 2 / 3;
        Self {
            drain: self.drain.min(limit),
            stall: self.stall.min(limit),
            ..self
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(300),
            idle: Duration::from_secs(120),
            total: Duration::from_secs(900),
            drain: Duration::from_secs(20),
            stall: Duration::from_secs(120),
        }
    }
}

/// What a [`Core`] is made of.
pub struct CoreOptions {
    /// The settings of the tenant `default`, as the configuration file has them.
    pub default_tenant: Settings,
    /// The largest request body that is read, in bytes.
    pub max_body: usize,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Keys the commitments to bodies in the log, and the pseudonyms of login names and addresses. Stays the same over
    /// restarts, or limits on login start anew.
    pub commitment_key: [u8; 32],
    /// Opens `/metrics`; without one, nobody can read them.
    pub metrics_token: Option<SecretString>,
    /// Opens `/admin/v1/bootstrap`, in a home without a command line; without one, the path does not exist.
    pub bootstrap_token: Option<SecretString>,
    /// What tokens cost.
    pub prices: Prices,
}

impl fmt::Debug for CoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreOptions")
            .field("default_tenant", &self.default_tenant)
            .finish_non_exhaustive()
    }
}

impl CoreOptions {
    /// What a configuration file says, with the secrets that it points to.
    ///
    /// # Errors
    /// If its tiers and aliases do not make routes.
    pub fn from_config(
        config: &Config,
        secrets: Secrets,
        commitment_key: [u8; 32],
    ) -> Result<Self, RouteError> {
        let settings =
            Settings::from_config(config, |provider| secrets.provider_keys.get(provider).cloned())?;
        Ok(Self {
            max_body: config.max_body_bytes,
            timeouts: Timeouts::from_config(&config.timeouts),
            metrics_token: secrets.metrics_token,
            ..Self::new(settings, commitment_key)
        })
    }

    /// Defaults for everything but the settings and the key.
    pub fn new(default_tenant: Settings, commitment_key: [u8; 32]) -> Self {
        Self {
            default_tenant,
            max_body: 32 * 1024 * 1024,
            timeouts: Timeouts::default(),
            commitment_key,
            metrics_token: None,
            bootstrap_token: None,
            prices: Prices::bundled(),
        }
    }
}

/// What requests share.
pub struct Core {
    tenants: BTreeMap<TenantId, Arc<Settings>>,
    standard: Arc<Settings>,
    breakers: Mutex<Breakers>,
    commitment_key: [u8; 32],
    pub(crate) max_body: usize,
    pub(crate) timeouts: Timeouts,
    pub(crate) metrics_token: Option<SecretString>,
    pub(crate) bootstrap_token: Option<SecretString>,
    pub(crate) prices: Prices,
    pub(crate) metrics: Metrics,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("tenants", &self.tenants.keys())
            .finish_non_exhaustive()
    }
}

/// The tenant that the configuration file owns.
pub const DEFAULT_TENANT: &str = "default";

/// [`DEFAULT_TENANT`], as an id.
pub fn default_tenant() -> TenantId {
    DEFAULT_TENANT.parse().expect("`default` is a valid tenant id")
}

impl Core {
    /// A core for the tenant `default` with the settings given, and [`Settings::standard`] for every other.
    pub fn new(options: CoreOptions) -> Self {
        let core = Self {
            tenants: BTreeMap::new(),
            standard: Arc::new(Settings::standard()),
            breakers: Mutex::new(Breakers::default()),
            commitment_key: options.commitment_key,
            max_body: options.max_body,
            timeouts: options.timeouts,
            metrics_token: options.metrics_token,
            bootstrap_token: options.bootstrap_token,
            prices: options.prices,
            metrics: Metrics::default(),
        };
        core.with_tenant(default_tenant(), options.default_tenant)
    }

    /// Gives `tenant` settings of its own. Where its policy says `hash`, equal values have equal hashes within this tenant
    /// for as long as the commitment key stays, and nobody else can tell what they stand for.
    #[must_use]
    pub fn with_tenant(mut self, tenant: TenantId, settings: Settings) -> Self {
        let key = self
            .keyed_hash("hashes of findings")
            .add(tenant.as_str().as_bytes())
            .into_bytes();
        self.tenants.insert(tenant, Arc::new(settings.hashing_by(key)));
        self
    }

    /// The settings that apply to `tenant`.
    pub(crate) fn settings(&self, tenant: &TenantId) -> &Arc<Settings> {
        self.tenants.get(tenant).unwrap_or(&self.standard)
    }

    /// Keeps the values of one request that leave as tokens. The seed follows from the request's id and the commitment key:
    /// nobody can guess it, and whoever holds the key and the client's words can tell what the log commits to.
    pub(crate) fn vault(&self, request: &RequestId) -> Vault {
        let seed = self.keyed_hash("tokens").add(request.as_str().as_bytes());
        Vault::new(seed.into_bytes())
    }

    /// The circuit breakers, locked. Held for an instant, never over an await.
    pub(crate) fn breakers(&self) -> MutexGuard<'_, Breakers> {
        // A panic elsewhere leaves a breaker's counters at worst stale, which costs one probe.
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a keyed hash: HMAC-SHA256 over the length of `purpose` (8 bytes, big-endian), `purpose`, and whatever is
    /// added. A hash for one purpose says nothing about another.
    pub(crate) fn keyed_hash(&self, purpose: &str) -> KeyedHash {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.commitment_key)
            .expect("HMAC takes a key of any length");
        KeyedHash(mac)
            .add(&(purpose.len() as u64).to_be_bytes())
            .add(purpose.as_bytes())
    }
}

/// A keyed hash in the making.
#[derive(Clone)]
pub(crate) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    pub(crate) fn add(mut self, bytes: &[u8]) -> Self {
        self.update(bytes);
        self
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash itself, to be used as a key.
    fn into_bytes(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }

    /// The hash as hex, behind the name of its algorithm.
    pub(crate) fn finish(self) -> String {
        format!("hmac-sha256:{}", hex::encode(self.0.finalize().into_bytes()))
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(..)")
    }
}
