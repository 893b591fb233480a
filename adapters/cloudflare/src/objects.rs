//! The two Durable Object classes: one writes a tenant's log, one counts a tenant's requests.
//!
//! An object is named by its tenant and there is one of each name in the world, which makes it the single writer that
//! both need. What it holds in memory lives as long as the object and is shared by its events, which may take turns in
//! the middle of each other; the runtime lets an event come to its end also when its caller has gone.
#![allow(
    missing_docs,
    reason = "the macro `durable_object` makes methods for JavaScript, and writes no documentation"
)]
#![allow(
    missing_debug_implementations,
    reason = "made and held by JavaScript, which prints nothing of them"
)]

use std::cell::Cell;
use std::sync::Arc;

use futures_util::lock::Mutex;
use jiff::Timestamp;
use worker::{DurableObject, Env, Request, Response, State, Storage, durable_object};
use workjet_audit::{Log, remote};
use workjet_auth::Operator;
use workjet_gateway::upkeep::Upkeep;
use workjet_gateway::{Clock as _, Timeouts};
use workjet_sql::{SqlLog, SqlRates, SqlStore};
use workjet_tenant::remote::serve_rates;
use workjet_tenant::{Scope, StoreError};

use crate::bindings::{Bindings, Misconfigured};
use crate::console;
use crate::d1::D1;
use crate::error::message;
use crate::object_storage::ObjectStorage;
use crate::r2::R2;
use crate::runtime::SystemClock;

/// Where an object keeps the name of its tenant.
const TENANT: &str = "tenant";

type LogStore = SqlLog<ObjectStorage, R2>;

/// Writes the log of the tenant that it is named by: the journal and the head in the object's own database, full
/// bundles in R2.
#[durable_object(alarm)]
pub struct AuditLog {
    state: State,
    env: Env,
    log: Mutex<Option<Upkeep<LogStore>>>,
    is_alarm_set: Cell<bool>,
}

impl DurableObject for AuditLog {
    fn new(state: State, env: Env) -> Self {
        console::start();
        let (log, is_alarm_set) = (Mutex::new(None), Cell::new(false));
        Self {
            state,
            env,
            log,
            is_alarm_set,
        }
    }

    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        reply(self.answer(request).await)
    }

    async fn alarm(&self) -> worker::Result<Response> {
        // A request that comes from here on sets an alarm of its own.
        self.is_alarm_set.set(false);
        let tended = async {
            let scope = scope_of(&self.remembered_tenant().await?)?;
            Ok(self.opened().await?.tend(&scope, SystemClock.now()).await)
        };
        match tended.await {
            Ok(None) => {}
            Ok(Some(next)) => set_alarm(&self.state.storage(), next).await?,
            // Thrown, it makes the runtime ring again, later and later.
            Err(Unable(reason)) => return Err(worker::Error::RustError(reason)),
        }
        Response::empty()
    }
}

impl AuditLog {
    async fn answer(&self, mut request: Request) -> Result<Vec<u8>, Unable> {
        let tenant = tenant_of(&self.state, &request)?;
        let scope = scope_of(&tenant)?;
        let upkeep = self.opened().await?;
        if !self.is_alarm_set.replace(true) {
            let storage = self.state.storage();
            let set = async {
                storage.put(TENANT, &tenant).await?;
                match storage.get_alarm().await? {
                    Some(_) => Ok(()),
                    None => set_alarm(&storage, upkeep.first_wake(SystemClock.now())).await,
                }
            };
            if let Err(error) = set.await {
                self.is_alarm_set.set(false);
                return Err(error.into());
            }
        }
        Ok(remote::serve(upkeep.log(), &scope, &request.bytes().await?).await)
    }

    /// The tenant that an alarm is for. An object that an alarm wakes up is not always told its name.
    async fn remembered_tenant(&self) -> Result<String, Unable> {
        let tenant = self.state.storage().get(TENANT).await?;
        tenant.ok_or_else(|| Unable("an alarm rang in an object that no tenant has called".to_owned()))
    }

    /// The log, opened by the first event that needs it.
    async fn opened(&self) -> Result<Upkeep<LogStore>, Unable> {
        let mut opened = self.log.lock().await;
        if let Some(upkeep) = &*opened {
            return Ok(upkeep.clone());
        }
        let bindings = Bindings(&self.env);
        let outbox = SqlStore::assume_migrated(D1::new(bindings.database()?));
        let database = ObjectStorage::new(self.state.storage());
        let store = SqlLog::open(database, R2::new(bindings.bucket()?)).await?;
        let log = Log::new(store)
            .with_outbox(Arc::new(outbox))
            .with_remote_callers()
            .with_read_back();
        let timeouts = Timeouts::from_config(&bindings.config()?.timeouts);
        let upkeep = Upkeep::new(Arc::new(log), Operator::dangerously_claim(), &timeouts);
        Ok(opened.insert(upkeep).clone())
    }
}

/// Counts the requests of the tenant that it is named by, in the object's own database.
#[durable_object(fetch)]
pub struct RateLimits {
    state: State,
    rates: Mutex<Option<Arc<SqlRates<ObjectStorage>>>>,
}

impl DurableObject for RateLimits {
    fn new(state: State, _: Env) -> Self {
        console::start();
        let rates = Mutex::new(None);
        Self { state, rates }
    }

    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        reply(self.answer(request).await)
    }
}

impl RateLimits {
    async fn answer(&self, mut request: Request) -> Result<Vec<u8>, Unable> {
        let scope = scope_of(&tenant_of(&self.state, &request)?)?;
        let rates = self.opened().await?;
        Ok(serve_rates(&*rates, &scope, &request.bytes().await?).await)
    }

    async fn opened(&self) -> Result<Arc<SqlRates<ObjectStorage>>, Unable> {
        let mut opened = self.rates.lock().await;
        if let Some(rates) = &*opened {
            return Ok(rates.clone());
        }
        let rates = SqlRates::open(ObjectStorage::new(self.state.storage())).await?;
        Ok(opened.insert(Arc::new(rates)).clone())
    }
}

/// Why an object has no answer.
struct Unable(String);

impl From<Misconfigured> for Unable {
    fn from(Misconfigured(reason): Misconfigured) -> Self {
        Self(reason)
    }
}

impl From<StoreError> for Unable {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<worker::Error> for Unable {
    fn from(error: worker::Error) -> Self {
        Self(message(error))
    }
}

fn reply(answer: Result<Vec<u8>, Unable>) -> worker::Result<Response> {
    match answer {
        Ok(bytes) => Response::from_bytes(bytes),
        Err(Unable(reason)) => Response::error(reason, 503),
    }
}

/// The tenant that the object is named by, if the request is for it.
fn tenant_of(state: &State, request: &Request) -> Result<String, Unable> {
    let named = state
        .id()
        .name()
        .ok_or_else(|| Unable("this object is not named by a tenant".to_owned()))?;
    if request.path().strip_prefix('/') == Some(&*named) {
        return Ok(named);
    }
    Err(Unable(
        "a call for one tenant reached the object of another".to_owned(),
    ))
}

fn scope_of(tenant: &str) -> Result<Scope, Unable> {
    let tenant = tenant
        .parse()
        .map_err(|_| Unable("this object is not named by a tenant".to_owned()))?;
    Ok(Operator::dangerously_claim().system_scope(&tenant))
}

async fn set_alarm(storage: &Storage, at: Timestamp) -> worker::Result<()> {
    // From now on, in milliseconds.
    storage
        .set_alarm(at.as_millisecond() - SystemClock.now().as_millisecond())
        .await
}
