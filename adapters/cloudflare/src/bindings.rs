//! What is bound to the Worker: by wrangler.toml, and by `wrangler secret put`.
//!
//! A binding that is not there, or holds something that cannot be used, is an error that names it. Which bindings there
//! are, and what each is for, stands in wrangler.toml.

use worker::kv::KvStore;
use worker::{Bucket, D1Database, Env, ObjectNamespace};
use workjet_auth::{LocalKeys, SecretString};
use workjet_gateway::config::SecretSource;
use workjet_gateway::secrets::{SecretPlaces, parse_key};
use workjet_gateway::{Config, ConfigError};

/// Why this Worker cannot serve, in words for whoever set it up. Holds no secret.
#[derive(Debug)]
pub(crate) struct Misconfigured(pub(crate) String);

impl From<ConfigError> for Misconfigured {
    fn from(error: ConfigError) -> Self {
        // The reason may repeat what somebody wrote into the wrong line. Clients learn where that is.
        tracing::error!(%error, "WORKJET_CONFIG cannot be honoured");
        Self(format!(
            "line {} of {} cannot be honoured: the Worker's log says why (`wrangler tail`)",
            error.line, error.file
        ))
    }
}

/// Where requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limits {
    /// In a Durable Object for each tenant.
    Exact,
    /// In KV.
    Eventual,
}

/// Finds bindings by their names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bindings<'e>(pub(crate) &'e Env);

impl Bindings<'_> {
    pub(crate) fn database(self) -> Result<D1Database, Misconfigured> {
        self.0.d1("DB").map_err(|_| missing("a D1 database", "DB"))
    }

    pub(crate) fn cache(self) -> Result<KvStore, Misconfigured> {
        self.0.kv("KV").map_err(|_| missing("a KV namespace", "KV"))
    }

    pub(crate) fn bucket(self) -> Result<Bucket, Misconfigured> {
        self.0
            .bucket("AUDIT")
            .map_err(|_| missing("an R2 bucket", "AUDIT"))
    }

    pub(crate) fn logs(self) -> Result<ObjectNamespace, Misconfigured> {
        self.0
            .durable_object("LOGS")
            .map_err(|_| missing("a class of Durable Objects, AuditLog,", "LOGS"))
    }

    pub(crate) fn rates(self) -> Result<ObjectNamespace, Misconfigured> {
        self.0
            .durable_object("RATES")
            .map_err(|_| missing("a class of Durable Objects, RateLimits,", "RATES"))
    }

    /// The configuration, checked. An absent one is an empty one.
    pub(crate) fn config(self) -> Result<Config, Misconfigured> {
        Ok(Config::from_toml(
            &self.text("WORKJET_CONFIG").unwrap_or_default(),
            "WORKJET_CONFIG",
        )?)
    }

    pub(crate) fn limits(self) -> Result<Limits, Misconfigured> {
        match self.text("WORKJET_LIMITS").as_deref() {
            None | Some("exact") => Ok(Limits::Exact),
            Some("eventual") => Ok(Limits::Eventual),
            Some(_) => Err(Misconfigured(
                "the variable WORKJET_LIMITS says neither \"exact\" nor \"eventual\"".to_owned(),
            )),
        }
    }

    /// The key that provider keys are sealed under.
    pub(crate) fn key_encryption_keys(self) -> Result<LocalKeys, Misconfigured> {
        Ok(LocalKeys::new("WORKJET_KEK", self.key("WORKJET_KEK")?))
    }

    /// The key of commitments and pseudonyms in the log.
    pub(crate) fn log_key(self) -> Result<[u8; 32], Misconfigured> {
        self.key("WORKJET_LOG_KEY")
    }

    pub(crate) fn bootstrap_token(self) -> Option<SecretString> {
        // A token that was pasted with its line end is meant without.
        self.text("BOOTSTRAP_TOKEN")
            .map(|token| SecretString::from(token.trim()))
    }

    fn key(self, name: &str) -> Result<[u8; 32], Misconfigured> {
        let text = self.text(name).ok_or_else(|| {
            Misconfigured(format!(
                "the secret {name} is not set: `openssl rand -hex 32 | wrangler secret put {name}`"
            ))
        })?;
        parse_key(&SecretString::from(text))
            .map_err(|error| Misconfigured(format!("the secret {name} is {error}")))
    }

    /// A text binding or secret; none if it is not there, or empty.
    fn text(self, name: &str) -> Option<String> {
        let text = self.0.var(name).ok()?.to_string();
        (!text.trim().is_empty()).then_some(text)
    }
}

impl SecretPlaces for Bindings<'_> {
    fn read(&self, source: &SecretSource) -> Result<Option<SecretString>, String> {
        match source {
            SecretSource::Env(name) => Ok(self.text(name).map(SecretString::from)),
            _ => Err("a Worker has no files: use { env = … } and `wrangler secret put`".to_owned()),
        }
    }

    fn how_to_fill(&self, source: &SecretSource) -> String {
        match source {
            SecretSource::Env(name) => format!("set it with `wrangler secret put {name}`"),
            _ => "use { env = … } and `wrangler secret put`".to_owned(),
        }
    }
}

fn missing(what: &str, name: &str) -> Misconfigured {
    Misconfigured(format!(
        "{what} is not bound as {name}: see wrangler.toml, which names every binding"
    ))
}
