//! A [`RateStore`] that lives elsewhere, behind one call.
//!
//! Counting exactly takes one place that counts, and callers are often somewhere else: a Worker asks a Durable Object.
//! [`RemoteRates`] puts each call into bytes and [`serve_rates`] answers them from a store on the other side, so that
//! whoever connects the two only moves bytes.
//!
//! The bytes are JSON with the version of this protocol. Both sides may run different versions for a while during an
//! upgrade: a version that is not known is an error, and callers are refused rather than let through.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Charge, Consistency, Decision, ErrorKind, RateStore, RequestId, Scope, StoreError, TenantId};

const VERSION: u32 = 1;

/// Carries one call to wherever [`serve_rates`] runs for the scope's tenant.
///
/// # Errors
/// [`Unavailable`](ErrorKind::Unavailable) if there is no answer. The call may then have been made all the same.
#[async_trait]
pub trait RateTransport: Send + Sync {
    /// Brings `request` to the store of the scope's tenant and returns what it answers.
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError>;
}

#[async_trait]
impl<T: RateTransport + ?Sized> RateTransport for Arc<T> {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        (**self).call(scope, request).await
    }
}

/// A [`RateStore`] whose numbers are at the other end of a [`RateTransport`].
#[derive(Debug, Clone)]
pub struct RemoteRates<T> {
    transport: T,
    consistency: Consistency,
}

impl<T: RateTransport> RemoteRates<T> {
    /// Asks through `transport`. `consistency` is that of the store at the other end.
    pub const fn new(transport: T, consistency: Consistency) -> Self {
        Self {
            transport,
            consistency,
        }
    }

    async fn call(&self, scope: &Scope, call: Call) -> Result<Answer, StoreError> {
        let request = Request {
            tenant: scope.tenant().clone(),
            call,
        };
        let request = write(&request);
        let reply = match self.transport.call(scope, request.clone()).await {
            // The call or its answer was lost, as when the other end is replaced by a new version. Asked again, a reservation
            // takes nothing more, and what is closed stays as it is.
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                self.transport.call(scope, request).await?
            }
            reply => reply?,
        };
        match read(&reply) {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(Failure { kind, message })) => Err(StoreError::new(kind, message)),
            None => Err(unreadable("answer")),
        }
    }
}

#[async_trait]
impl<T: RateTransport> RateStore for RemoteRates<T> {
    fn consistency(&self) -> Consistency {
        self.consistency
    }

    async fn reserve(
        &self,
        scope: &Scope,
        id: &RequestId,
        charges: &[Charge],
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Decision, StoreError> {
        let call = Call::Reserve {
            id: id.clone(),
            charges: charges.to_vec(),
            now,
            ttl,
        };
        match self.call(scope, call).await? {
            Answer::Decided(decision) => Ok(decision),
            Answer::Done => Err(unreadable("answer")),
        }
    }

    async fn settle(
        &self,
        scope: &Scope,
        id: &RequestId,
        actual: &[u64],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let call = Call::Settle {
            id: id.clone(),
            actual: actual.to_vec(),
            now,
        };
        self.call(scope, call).await.map(|_| ())
    }

    async fn release(&self, scope: &Scope, id: &RequestId, now: Timestamp) -> Result<(), StoreError> {
        let call = Call::Release { id: id.clone(), now };
        self.call(scope, call).await.map(|_| ())
    }
}

/// Answers one request of a [`RemoteRates`] for the scope's tenant. It always answers, also to what it cannot read.
///
/// The scope's tenant decides, never the bytes; a request that went astray to another tenant's store is refused.
pub async fn serve_rates(rates: &dyn RateStore, scope: &Scope, request: &[u8]) -> Vec<u8> {
    let answer = match read(request) {
        Some(Request { tenant, call }) if tenant == *scope.tenant() => answer(rates, scope, call).await,
        Some(_) => Err(StoreError::unavailable(
            "a call for one tenant reached the rate limits of another: the transport is wrong",
        )),
        None => Err(unreadable("call")),
    };
    write(&answer.map_err(|error| Failure {
        kind: error.kind(),
        message: error.to_string(),
    }))
}

async fn answer(rates: &dyn RateStore, scope: &Scope, call: Call) -> Result<Answer, StoreError> {
    match call {
        Call::Reserve {
            id,
            charges,
            now,
            ttl,
        } => {
            let decision = rates.reserve(scope, &id, &charges, now, ttl).await?;
            return Ok(Answer::Decided(decision));
        }
        Call::Settle { id, actual, now } => rates.settle(scope, &id, &actual, now).await?,
        Call::Release { id, now } => rates.release(scope, &id, now).await?,
    }
    Ok(Answer::Done)
}

#[derive(Serialize, Deserialize)]
struct Request {
    tenant: TenantId,
    call: Call,
}

/// A method of [`RateStore`] with its arguments.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Call {
    Reserve {
        id: RequestId,
        charges: Vec<Charge>,
        now: Timestamp,
        ttl: Duration,
    },
    Settle {
        id: RequestId,
        actual: Vec<u64>,
        now: Timestamp,
    },
    Release {
        id: RequestId,
        now: Timestamp,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Decided(Decision),
    Done,
}

#[derive(Serialize, Deserialize)]
struct Failure {
    kind: ErrorKind,
    message: String,
}

#[derive(Serialize, Deserialize)]
struct Message<T> {
    v: u32,
    body: T,
}

fn write<T: Serialize>(body: &T) -> Vec<u8> {
    // Nothing in a message can fail to be written; empty bytes would be refused at the other end.
    serde_json::to_vec(&Message { v: VERSION, body }).unwrap_or_default()
}

fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    let message: Message<T> = serde_json::from_slice(bytes).ok()?;
    (message.v == VERSION).then_some(message.body)
}

fn unreadable(what: &str) -> StoreError {
    StoreError::unavailable(format!(
        "the rate limits got no {what} that this version of Workjet understands: run one version everywhere"
    ))
}
