//! A Worker that runs the conformance suites where the stores will live: under `workerd`, over D1, KV, R2 and the
//! storage of Durable Objects.
//!
//! ```text
//! GET /suites            the names of all suites
//! GET /suite/d1/users    runs one: 200 if every contract holds
//! ```
//! A suite that fails panics, and a panic ends a Worker on the spot: the request gets an error, and the words of the
//! suite are on the console. `run.mjs` starts a Worker with empty stores for each suite and puts both together.
#![cfg(target_arch = "wasm32")]
#![allow(
    missing_docs,
    reason = "the macros of `worker` make functions for JavaScript, and document none"
)]
#![allow(
    missing_debug_implementations,
    reason = "made and held by JavaScript, which prints nothing of them"
)]

use std::sync::Once;
use std::time::Duration;

use worker::{Context, DurableObject, Env, Request, Response, State, console_error, durable_object, event};
use workjet_audit::remote::RemoteSink;
use workjet_auth::CachedSessions;
use workjet_cloudflare::d1::D1;
use workjet_cloudflare::kv::Kv;
use workjet_cloudflare::object_storage::ObjectStorage;
// The classes that wrangler.toml binds.
pub use workjet_cloudflare::objects::{AuditLog, RateLimits};
use workjet_cloudflare::r2::R2;
use workjet_cloudflare::runtime::SystemClock;
use workjet_cloudflare::transport::Objects;
use workjet_conformance::Stage;
use workjet_gateway::Clock as _;
use workjet_sql::{SqlLog, SqlRates, SqlStore};
use workjet_tenant::Consistency;
use workjet_tenant::kv::KvRates;
use workjet_tenant::remote::RemoteRates;

const SUITES: &[&str] = &[
    "d1/tenants",
    "d1/outbox",
    "d1/users",
    "d1/api_keys",
    "d1/sessions",
    "d1/login_links",
    "d1/secrets",
    "kv/sessions",
    "kv/rates",
    "kv/rates_in_turn",
    "objects/rates",
    "objects/audit_sink",
    "inside/rates",
    "inside/log_store",
];

/// A suite that fails on purpose, to show that a failure is one.
const BROKEN: &str = "broken";

#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> worker::Result<Response> {
    speak_of_panics();
    let path = request.path();
    if path == "/suites" {
        return Response::from_json(&SUITES);
    }
    let Some(suite) = path.strip_prefix("/suite/") else {
        return Response::error("there is nothing at this path", 404);
    };
    match suite.strip_prefix("inside/") {
        // Runs in the object, with the object's own storage.
        Some(suite) => {
            let stub = env.durable_object("INSIDE")?.get_by_name(suite)?;
            stub.fetch_with_str(&format!("https://object/{suite}")).await
        }
        None => run(suite, &env).await,
    }
}

async fn run(suite: &str, env: &Env) -> worker::Result<Response> {
    let store = SqlStore::assume_migrated(D1::new(env.d1("DB")?));
    let kv = Kv::new(env.kv("KV")?);
    let stage = Stage {
        operator: &store,
        users: &store,
        outbox: &store,
    };
    match suite {
        "d1/tenants" => workjet_conformance::tenant_store(&store, &store, &store).await,
        "d1/outbox" => workjet_conformance::outbox(&store, &store, &store).await,
        "d1/users" => workjet_conformance::user_store(&stage, &store).await,
        "d1/api_keys" => workjet_conformance::api_key_store(&stage, &store).await,
        "d1/sessions" => workjet_conformance::session_store(&stage, &store).await,
        "d1/login_links" => workjet_conformance::login_link_store(&stage, &store).await,
        "d1/secrets" => workjet_conformance::secret_store(&stage, &store).await,
        "kv/sessions" => {
            let sessions = CachedSessions::new(
                SqlStore::assume_migrated(D1::new(env.d1("DB")?)),
                kv,
                [7; 32],
                SystemClock.now(),
            );
            workjet_conformance::session_store(&stage, &sessions).await;
        }
        "kv/rates" => workjet_conformance::rate_store(&KvRates::new(kv, KV_BOUND)).await,
        "kv/rates_in_turn" => workjet_conformance::rate_store_in_turn(&KvRates::new(kv, KV_BOUND)).await,
        "objects/rates" => {
            let objects = Objects::new(env.durable_object("RATES")?, "the object that counts requests");
            let rates = RemoteRates::new(objects, Consistency::Strict);
            workjet_conformance::rate_store(&rates).await;
        }
        "objects/audit_sink" => {
            let objects = Objects::new(env.durable_object("LOGS")?, "the object that writes the log");
            workjet_conformance::audit_sink(&RemoteSink::new(objects)).await;
        }
        BROKEN => panic!("this suite fails on purpose"),
        _ => return Response::error("there is no such suite", 404),
    }
    Response::ok("every contract holds")
}

/// How long KV may serve an old value.
const KV_BOUND: Duration = Duration::from_secs(60);

/// Runs the suites of what lives inside a Durable Object.
#[durable_object(fetch)]
pub struct Inside {
    state: State,
    env: Env,
}

impl DurableObject for Inside {
    fn new(state: State, env: Env) -> Self {
        speak_of_panics();
        Self { state, env }
    }

    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        let database = ObjectStorage::new(self.state.storage());
        let failed = |error: workjet_tenant::StoreError| worker::Error::RustError(error.to_string());
        match &*request.path() {
            "/rates" => {
                let rates = SqlRates::open(database).await.map_err(failed)?;
                workjet_conformance::rate_store(&rates).await;
            }
            "/log_store" => {
                let objects = R2::new(self.env.bucket("AUDIT")?);
                let log = SqlLog::open(database, objects).await.map_err(failed)?;
                workjet_conformance::log_store(&log).await;
            }
            _ => return Response::error("there is no such suite", 404),
        }
        Response::ok("every contract holds")
    }
}

/// The words of a panic go to the console, since there is no reply any more that could hold them.
fn speak_of_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| console_error!("{PANIC}{panic}")));
    });
}

/// `run.mjs` looks for this.
const PANIC: &str = "conformance: ";
