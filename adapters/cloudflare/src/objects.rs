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

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::lock::Mutex;
use jiff::Timestamp;
use worker::send::{SendFuture, SendWrapper};
use worker::{DurableObject, Env, Request, Response, State, Storage, durable_object};
use workjet_audit::Log;
use workjet_auth::Operator;
use workjet_gateway::upkeep::{self, Alarm, AlarmedLog, Upkeep};
use workjet_gateway::{Clock as _, Timeouts};
use workjet_sql::{SqlLog, SqlRates, SqlStore};
use workjet_tenant::remote::serve_rates;
use workjet_tenant::{Scope, StoreError};

use crate::bindings::{Bindings, Misconfigured};
use crate::console;
use crate::d1::D1;
use crate::error::{message, unavailable};
use crate::object_storage::ObjectStorage;
use crate::r2::R2;
use crate::runtime::SystemClock;

/// Where an object keeps the name of its tenant.
const TENANT: &str = "tenant";

type TenantLog = AlarmedLog<SqlLog<ObjectStorage, R2>, ObjectAlarm>;

/// Writes the log of the tenant that it is named by: the journal and the head in the object's own database, full
/// bundles in R2.
#[durable_object(alarm)]
pub struct AuditLog {
    state: State,
    env: Env,
    log: Mutex<Option<Arc<TenantLog>>>,
}

impl DurableObject for AuditLog {
    fn new(state: State, env: Env) -> Self {
        console::start();
        let log = Mutex::new(None);
        Self { state, env, log }
    }

    async fn fetch(&self, request: Request) -> worker::Result<Response> {
        reply(self.answer(request).await)
    }

    async fn alarm(&self) -> worker::Result<Response> {
        match self.ring().await {
            Ok(()) => Response::empty(),
            Err(Unable(reason)) => {
                tracing::error!(
                    reason,
                    "the alarm of an audit log cannot do its work; it rings again"
                );
                // Thrown, the error would make the runtime ring again too, but six times at most.
                let alarm = ObjectAlarm(SendWrapper(self.state.storage()));
                match alarm.set(upkeep::retry(SystemClock.now())).await {
                    Ok(()) => Response::empty(),
                    Err(error) => Err(worker::Error::RustError(error.to_string())),
                }
            }
        }
    }
}

impl AuditLog {
    async fn answer(&self, mut request: Request) -> Result<Vec<u8>, Unable> {
        let tenant = tenant_of(&self.state, &request)?;
        let scope = scope_of(&tenant)?;
        let log = self.opened(Some(&tenant)).await?;
        let request = request.bytes().await?;
        Ok(log.answer(&scope, &request, SystemClock.now()).await?)
    }

    async fn ring(&self) -> Result<(), Unable> {
        // An object that an alarm wakes up is not always told its name.
        let tenant: Option<String> = self.state.storage().get(TENANT).await?;
        let tenant = tenant
            .ok_or_else(|| Unable("an alarm rang in an object that no tenant has called".to_owned()))?;
        let log = self.opened(None).await?;
        Ok(log.ring(&scope_of(&tenant)?, SystemClock.now()).await?)
    }

    /// The log, opened by the first event that needs it. A request leaves the name of its `tenant` for alarms.
    async fn opened(&self, tenant: Option<&str>) -> Result<Arc<TenantLog>, Unable> {
        let mut opened = self.log.lock().await;
        if let Some(log) = &*opened {
            return Ok(log.clone());
        }
        let storage = self.state.storage();
        if let Some(tenant) = tenant {
            storage.put(TENANT, tenant).await?;
        }
        let bindings = Bindings(&self.env);
        let outbox = SqlStore::assume_migrated(D1::new(bindings.database()?));
        let store = SqlLog::open(
            ObjectStorage::new(self.state.storage()),
            R2::new(bindings.bucket()?),
        )
        .await?;
        let log = Log::new(store)
            .with_outbox(Arc::new(outbox))
            .with_remote_callers()
            .with_read_back();
        let timeouts = Timeouts::from_config(&bindings.config()?.timeouts);
        let upkeep = Upkeep::new(Arc::new(log), Operator::dangerously_claim(), &timeouts);
        let log = AlarmedLog::new(upkeep, ObjectAlarm(SendWrapper(storage)));
        Ok(opened.insert(Arc::new(log)).clone())
    }
}

/// The object's own alarm.
struct ObjectAlarm(SendWrapper<Storage>);

#[async_trait]
impl Alarm for ObjectAlarm {
    async fn is_set(&self) -> Result<bool, StoreError> {
        let time = SendFuture::new(self.0.get_alarm()).await;
        Ok(time.map_err(|error| unavailable("the alarm", error))?.is_some())
    }

    async fn set(&self, at: Timestamp) -> Result<(), StoreError> {
        // From now on, in milliseconds.
        let wait = at.as_millisecond() - SystemClock.now().as_millisecond();
        let set = SendFuture::new(self.0.set_alarm(wait)).await;
        set.map_err(|error| unavailable("the alarm", error))
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
