//! A log that somebody else writes: in another process, or in the object that sequences a tenant's entries.
//!
//! One call is one request and one reply, both versioned JSON; a [`LogTransport`] carries them and understands neither.
//! Here a [`RemoteSink`] asks, there [`serve`] answers out of a [`Log`].
//!
//! ```text
//! {"v":1,"tenant":"acme","call":"append","entry":{…}}         {"v":1,"appended":7}
//! {"v":1,"tenant":"acme","call":"checkpoint"}                 {"v":1,"checkpoint":"8 4f…"}
//! {"v":1,"tenant":"acme","call":"read","from":0,"limit":256}  {"v":1,"entries":[{"index":0,"entry":{…}},…]}
//!                                                             {"v":1,"error":{"kind":"stopped","message":"…"}}
//! ```
//! A reply that is lost leaves open whether the entry was logged. The sink then asks once more, since an entry that is there
//! already gets the place that it has ([`Log`] says how long that holds); if that fails too, it fails like any other sink.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use workjet_tenant::{Scope, StoreError, TenantId};

use crate::{AuditError, AuditSink, Checkpoint, Entry, ErrorKind, Log, LogStore, Logged, Receipt};

/// The version of the messages.
const VERSION: u8 = 1;

/// How many entries one reply holds at most: what a sink promises to hand out at once.
const MAX_READ: usize = 256;

/// Carries a request to whoever writes the scope's log, and the reply back.
///
/// # Contract
/// - The scope's tenant decides who is asked.
/// - A request may arrive twice, but not long after it was sent: a transport may retry, and stops when its caller does.
///
/// # Errors
/// If there is no reply. Whether the request arrived is then unknown.
#[async_trait]
pub trait LogTransport: Send + Sync {
    /// Sends `request` and waits for the reply.
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError>;
}

#[async_trait]
impl<T: LogTransport + ?Sized> LogTransport for Arc<T> {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        (**self).call(scope, request).await
    }
}

/// The log at the other end of a transport.
///
/// ```
/// # futures_executor::block_on(async {
/// use workjet_audit::remote::{LogTransport, RemoteSink, serve};
/// use workjet_audit::{AuditSink, Entry, Kind, Log, MemoryLogStore};
/// use workjet_tenant::{Scope, StoreError};
///
/// /// A wire of length zero. Others lead through a socket, or to a Durable Object.
/// struct Wire(Log<MemoryLogStore>);
///
/// #[async_trait::async_trait]
/// impl LogTransport for Wire {
///     async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
///         Ok(serve(&self.0, scope, &request).await)
///     }
/// }
///
/// // Requests go on when this log is opened anew, so opening it closes none.
/// let log = Log::new(MemoryLogStore::new()).with_remote_callers();
/// let sink = RemoteSink::new(Wire(log));
/// let scope = workjet_auth::Operator::dangerously_claim().scope(&"acme".parse()?);
/// let now = "2026-11-23T09:30:00Z".parse()?;
/// let entry = Entry::new("e-1", now, scope.tenant().clone(), scope.actor().clone(), Kind::AuthLogin);
/// assert_eq!(sink.append(&scope, entry).await?.index, 0);
/// assert_eq!(sink.checkpoint(&scope).await?.size, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct RemoteSink<T> {
    transport: T,
}

impl<T> fmt::Debug for RemoteSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSink").finish_non_exhaustive()
    }
}

impl<T: LogTransport> RemoteSink<T> {
    /// The log that `transport` leads to.
    pub const fn new(transport: T) -> Self {
        Self { transport }
    }

    async fn call(&self, scope: &Scope, call: Call) -> Result<Answer, AuditError> {
        let request = Message {
            v: VERSION,
            content: Request {
                tenant: scope.tenant().clone(),
                call,
            },
        };
        let request = serde_json::to_vec(&request).expect("a request has text keys alone");
        let reply = match self.transport.call(scope, request.clone()).await {
            // An object that was just replaced by its next version answers from then on.
            Err(error) if error.is_retryable() => self.transport.call(scope, request).await,
            reply => reply,
        };
        let reply = reply.map_err(|error| unavailable(format!("the audit log does not answer: {error}")))?;
        let Message { v: VERSION, content } =
            serde_json::from_slice::<Message<Answer>>(&reply).map_err(|_| misunderstood())?
        else {
            return Err(misunderstood());
        };
        match content {
            Answer::Error(Failure { kind, message }) => Err(AuditError::new(kind.into(), message)),
            answer => Ok(answer),
        }
    }
}

#[async_trait]
impl<T: LogTransport> AuditSink for RemoteSink<T> {
    async fn append(&self, scope: &Scope, entry: Entry) -> Result<Receipt, AuditError> {
        let entry = Box::new(entry);
        match self.call(scope, Call::Append { entry }).await? {
            Answer::Appended(index) => Ok(Receipt {
                log: scope.tenant().clone(),
                index,
            }),
            _ => Err(misunderstood()),
        }
    }

    async fn checkpoint(&self, scope: &Scope) -> Result<Checkpoint, AuditError> {
        match self.call(scope, Call::Checkpoint).await? {
            Answer::Checkpoint(text) => text.parse().map_err(|_| misunderstood()),
            _ => Err(misunderstood()),
        }
    }

    async fn read(&self, scope: &Scope, from: u64, limit: usize) -> Result<Vec<Logged>, AuditError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        match self.call(scope, Call::Read { from, limit }).await? {
            Answer::Entries(entries) => Ok(entries
                .into_iter()
                .map(|Place { index, entry }| Logged { index, entry })
                .collect()),
            _ => Err(misunderstood()),
        }
    }
}

/// Answers a [`RemoteSink`]'s request for the scope's log. What goes wrong is in the reply.
pub async fn serve<S: LogStore>(log: &Log<S>, scope: &Scope, request: &[u8]) -> Vec<u8> {
    let content = answer(log, scope, request).await.unwrap_or_else(|error| {
        Answer::Error(Failure {
            kind: error.kind().into(),
            message: error.to_string(),
        })
    });
    let reply = Message { v: VERSION, content };
    serde_json::to_vec(&reply).expect("a reply has text keys alone")
}

async fn answer<S: LogStore>(log: &Log<S>, scope: &Scope, request: &[u8]) -> Result<Answer, AuditError> {
    let invalid = |message: &str| AuditError::new(ErrorKind::Invalid, message);
    // Two versions run beside each other while a deployment spreads. Nothing is logged that is not understood in full.
    let Ok(Message { v: VERSION, content }) = serde_json::from_slice::<Message<Request>>(request) else {
        return Err(invalid(
            "the audit log does not understand this gateway: deploy both from the same version of Workjet",
        ));
    };
    if content.tenant != *scope.tenant() {
        return Err(invalid("a request for one tenant's log reached another's"));
    }
    Ok(match content.call {
        Call::Append { entry } => Answer::Appended(log.append(scope, *entry).await?.index),
        Call::Checkpoint => Answer::Checkpoint(log.checkpoint(scope).await?.to_string()),
        Call::Read { from, limit } => {
            let limit = usize::try_from(limit).map_or(MAX_READ, |limit| limit.min(MAX_READ));
            let entries = log.read(scope, from, limit).await?;
            let place = |Logged { index, entry }| Place { index, entry };
            Answer::Entries(entries.into_iter().map(place).collect())
        }
    })
}

/// The reply is none, or of another version: what happened to the request is unknown.
fn misunderstood() -> AuditError {
    unavailable("the audit log's reply is not understood: deploy both ends from the same version of Workjet")
}

fn unavailable(message: impl Into<String>) -> AuditError {
    AuditError::new(ErrorKind::Unavailable, message)
}

#[derive(Serialize, Deserialize)]
struct Message<T> {
    v: u8,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize, Deserialize)]
struct Request {
    /// Named once more, so that a request that went astray is not answered.
    tenant: TenantId,
    #[serde(flatten)]
    call: Call,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "lowercase")]
enum Call {
    Append { entry: Box<Entry> },
    Checkpoint,
    Read { from: u64, limit: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Appended(u64),
    Checkpoint(String),
    Entries(Vec<Place>),
    Error(Failure),
}

#[derive(Serialize, Deserialize)]
struct Place {
    index: u64,
    entry: Entry,
}

#[derive(Serialize, Deserialize)]
struct Failure {
    kind: FailureKind,
    message: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FailureKind {
    Unavailable,
    Stopped,
    Corrupt,
    Invalid,
    Closed,
}

impl From<ErrorKind> for FailureKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Stopped => Self::Stopped,
            ErrorKind::Corrupt => Self::Corrupt,
            ErrorKind::Invalid => Self::Invalid,
            ErrorKind::Closed => Self::Closed,
        }
    }
}

impl From<FailureKind> for ErrorKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unavailable => Self::Unavailable,
            FailureKind::Stopped => Self::Stopped,
            FailureKind::Corrupt => Self::Corrupt,
            FailureKind::Invalid => Self::Invalid,
            FailureKind::Closed => Self::Closed,
        }
    }
}
