//! What the pipeline is given here: a core for each isolate, and a host for each request.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use worker::{Context, Env};
use workjet_audit::remote::RemoteSink;
use workjet_auth::{CachedSessions, Operator};
use workjet_gateway::admin::{Admin, AdminErrorKind};
use workjet_gateway::secrets::{Given, Vault};
use workjet_gateway::upkeep::Answering;
use workjet_gateway::{Clock as _, Core, CoreOptions, Host, NoPasswords};
use workjet_sql::SqlStore;
use workjet_tenant::kv::KvRates;
use workjet_tenant::remote::RemoteRates;
use workjet_tenant::{Consistency, ErrorKind, RateStore, StoreError};

use crate::bindings::{Bindings, Limits, Misconfigured};
use crate::d1::D1;
use crate::fetch::FetchUpstream;
use crate::kv::Kv;
use crate::runtime::{Detached, SystemClock, SystemEntropy};
use crate::transport::Objects;

/// How long KV may serve an old value.
const KV_BOUND: Duration = Duration::from_secs(60);

/// How long the runtime lets work go on for a client that has gone.
const GRACE: Duration = Duration::from_secs(30);

/// Made by the first request of an isolate that finds everything in place. Nothing in it belongs to that request.
static CORE: OnceLock<Arc<Core>> = OnceLock::new();

/// The core of this isolate.
pub(crate) async fn core(env: &Env, host: &Host) -> Result<Arc<Core>, Misconfigured> {
    if let Some(core) = CORE.get() {
        return Ok(core.clone());
    }
    let bindings = Bindings(env);
    bindings.bucket()?;
    let config = bindings.config()?;
    let given = Given::read(&config, &bindings).map_err(|error| Misconfigured(error.to_string()))?;
    let (keys, log_key) = (bindings.key_encryption_keys()?, bindings.log_key()?);
    SqlStore::open_migrated(D1::new(bindings.database()?))
        .await
        .map_err(|error| store(&error))?;

    let admin = Admin {
        operators: host.operators.clone(),
        users: host.users.clone(),
        keys: host.keys.clone(),
        entropy: host.entropy.clone(),
        passwords: host.passwords.clone(),
    };
    let vault = Vault {
        admin: &admin,
        secrets: &*host.secrets,
        keys: &keys,
        operator: &host.operator,
        now: host.clock.now(),
    };
    let secrets = given.seal(vault).await.map_err(|error| match error.kind() {
        AdminErrorKind::Store(kind) => store(&StoreError::new(kind, error.to_string())),
        _ => Misconfigured(error.to_string()),
    })?;
    let mut options = CoreOptions::from_config(&config, secrets, log_key)
        .map_err(|error| Misconfigured(error.to_string()))?;
    options.bootstrap_token = bindings.bootstrap_token();
    options.timeouts = options.timeouts.within(GRACE);
    // Two requests may have come this far at once; either core is right.
    Ok(CORE.get_or_init(|| Arc::new(Core::new(options))).clone())
}

/// What the request that came with `context` reaches the world through.
pub(crate) fn host(env: &Env, context: Context) -> Result<Host, Misconfigured> {
    let bindings = Bindings(env);
    let store = Arc::new(SqlStore::assume_migrated(D1::new(bindings.database()?)));
    let kv = Kv::new(bindings.cache()?);
    let sessions = CachedSessions::new(store.clone(), kv.clone(), bindings.log_key()?, SystemClock.now());
    let rates: Arc<dyn RateStore> = match bindings.limits()? {
        Limits::Exact => {
            let objects = Objects::new(bindings.rates()?, "the object that counts requests");
            Arc::new(RemoteRates::new(objects, Consistency::Strict))
        }
        Limits::Eventual => Arc::new(KvRates::new(kv, KV_BOUND)),
    };
    let audit = Objects::new(bindings.logs()?, "the object that writes the audit log");
    let audit = Arc::new(RemoteSink::new(audit));
    let operator = Operator::dangerously_claim();
    let health = Answering {
        tenants: store.clone(),
        audit: audit.clone(),
        operator: operator.clone(),
    };
    Ok(Host {
        keys: store.clone(),
        sessions: Arc::new(sessions),
        users: store.clone(),
        links: store.clone(),
        operators: store.clone(),
        tenants: store.clone(),
        secrets: store,
        rates,
        audit,
        upstream: Arc::new(FetchUpstream),
        spawner: Arc::new(Detached::new(context)),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        passwords: Arc::new(NoPasswords),
        health: Arc::new(health),
        operator,
    })
}

/// Of what the store says, the caller learns what to do about the schema, and no more.
fn store(error: &StoreError) -> Misconfigured {
    Misconfigured(match error.kind() {
        ErrorKind::Unavailable => {
            tracing::error!(%error, "D1 does not answer");
            "the D1 database that is bound as DB does not answer".to_owned()
        }
        ErrorKind::NotFound => {
            format!("{error}: run `wrangler d1 migrations apply DB --remote`")
        }
        _ => error.to_string(),
    })
}
