//! What a home brings: stores, a way to reach providers, a clock, chance, and somewhere to run detached work.
//!
//! The pipeline touches the world through these traits alone, so it does not know whether it runs in a server process
//! or in a Worker. A [`Host`] is cheap to make and to clone: one per process on a server, one per request on Workers,
//! where handles belong to the request that opened them. What is expensive to make lives in [`Core`](crate::Core).

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::HeaderMap;
use jiff::Timestamp;
use workjet_audit::AuditSink;
use workjet_auth::{
    ApiKeyStore, LoginLinkStore, Operator, Password, PasswordHash, SecretStore, SessionStore, UserStore,
};
use workjet_tenant::{OperatorStore, RateStore, StoreError, TenantStore};

use crate::record::{ProviderCall, Recorded};

/// The time, and waiting.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Completes after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// Unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` from a cryptographically secure source.
    fn fill(&self, bytes: &mut [u8]);
}

/// Work that goes on without the request that began it.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs detached work: `tokio::spawn` on a server, `ctx.wait_until` on Workers.
pub trait Spawner: Send + Sync {
    /// Runs `task` to its end, even if nobody waits for it any more. A shutdown waits for it too.
    fn spawn(&self, task: Task);

    /// Runs `work`, which computes for long and waits for nothing, where it holds up no other request: on a thread of
    /// its own, if the home has threads. Unless a home says otherwise, here and now.
    fn compute(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

/// Sends requests to providers.
///
/// # Contract
/// - It takes a [`Recorded`] call and nothing else: nothing that was not inspected and logged can be sent.
/// - Redirects are not followed and certificates are checked; an address that is not HTTPS was accepted by the
///   configuration only for a private or loopback host.
/// - The reply is handed over when its head is there; the body streams. Every status is a reply, not an error.
/// - Dropping the future or the body ends the exchange.
/// - It does not time out by itself, apart from connecting: the pipeline watches the clock.
#[async_trait]
pub trait Upstream: Send + Sync {
    /// Sends `call` and waits for the head of the reply.
    async fn send(&self, call: Recorded<ProviderCall>) -> Result<UpstreamReply, UpstreamError>;
}

/// A provider's reply, with its body still on the way.
pub struct UpstreamReply {
    /// The HTTP status.
    pub status: u16,
    /// All headers, as they came. The pipeline passes few of them on.
    pub headers: HeaderMap,
    /// The body in the pieces in which it arrives.
    pub body: BoxStream<'static, Result<Bytes, UpstreamError>>,
}

impl fmt::Debug for UpstreamReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamReply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Why there was no reply, or no rest of it. Never holds an address, a key or a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// No connection: name not found, refused, TLS not agreed.
    #[error("the provider could not be reached")]
    Connect,
    /// It took too long.
    #[error("the provider did not answer in time")]
    Timeout,
    /// The connection ended before the reply did.
    #[error("the provider closed the connection early")]
    Closed,
    /// The reply is not HTTP, or breaks a limit.
    #[error("the provider's reply is not valid HTTP")]
    Protocol,
}

/// Hashes and checks passwords; a hook of its own because each costs tens of milliseconds of CPU by design, which a
/// server spends on a thread for blocking work.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Whether this home has passwords at all. Where it has none, users log in by one-time links.
    fn is_available(&self) -> bool {
        true
    }

    /// A salted, slow hash of `password`.
    ///
    /// # Errors
    /// If this home has no passwords.
    async fn hash(&self, password: Password) -> Result<PasswordHash, StoreError>;

    /// Whether `password` is the one behind `hash`. `None` does the same work for a user who does not exist and
    /// answers false.
    ///
    /// # Errors
    /// If this home has no passwords.
    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, StoreError>;
}

/// For a home that cannot afford a slow hash: nobody has a password, and none is right.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPasswords;

#[async_trait]
impl PasswordHasher for NoPasswords {
    fn is_available(&self) -> bool {
        false
    }

    async fn hash(&self, _: Password) -> Result<PasswordHash, StoreError> {
        Err(StoreError::unavailable(
            "this gateway has no passwords: its users log in by a one-time link",
        ))
    }

    async fn verify(&self, _: Password, _: Option<PasswordHash>) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// Whether this home can serve.
#[async_trait]
pub trait Health: Send + Sync {
    /// Whether every store answers.
    async fn ready(&self) -> bool;
}

/// The address that a request came from, which the home puts into the request's extensions. Used for limits on login,
/// and only as a keyed pseudonym.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteAddress(pub IpAddr);

/// Everything a home brings.
#[derive(Clone)]
pub struct Host {
    /// API keys.
    pub keys: Arc<dyn ApiKeyStore>,
    /// Sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// Users and their passwords.
    pub users: Arc<dyn UserStore>,
    /// Login links that wait to be used.
    pub links: Arc<dyn LoginLinkStore>,
    /// Which tenants there are, for the bootstrap alone.
    pub operators: Arc<dyn OperatorStore>,
    /// Tenants and their documents.
    pub tenants: Arc<dyn TenantStore>,
    /// Sealed secrets.
    pub secrets: Arc<dyn SecretStore>,
    /// What each caller has spent.
    pub rates: Arc<dyn RateStore>,
    /// The audit log.
    pub audit: Arc<dyn AuditSink>,
    /// The way to providers.
    pub upstream: Arc<dyn Upstream>,
    /// Detached work.
    pub spawner: Arc<dyn Spawner>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Password work.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Readiness.
    pub health: Arc<dyn Health>,
    /// Lets Workjet itself count and record login attempts, which come before there is a caller, and lets the holder of
    /// the bootstrap token act as the operator. Made by the adapter, used by [`/auth/login`, `/auth/link` and
    /// `/admin/v1/bootstrap`](crate::router) alone.
    pub operator: Operator,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// Runs `work` detached and waits for what it returns. If the caller is dropped meanwhile, the work still ends:
    /// an append or a refund that has begun is never cut in half. `None` if the home dropped the work, or it panicked.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, result) = futures_channel::oneshot::channel();
        self.spawner.spawn(Box::pin(async move {
            // The caller may be gone; the work is done all the same.
            let _ = done.send(work.await);
        }));
        result.await.ok()
    }

    /// Runs `work` where it holds up no other request, and waits for what it returns. `None` if it panicked.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = futures_channel::oneshot::channel();
        self.spawner.compute(Box::new(move || {
            if let Ok(output) = catch_unwind(AssertUnwindSafe(work)) {
                let _ = done.send(output);
            }
        }));
        result.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryHost;

    struct Here;

    impl Spawner for Here {
        fn spawn(&self, task: Task) {
            tokio::spawn(task);
        }
    }

    #[async_trait]
    impl Clock for Here {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        async fn sleep(&self, duration: Duration) {
            tokio::time::sleep(duration).await;
        }
    }

    fn host() -> Host {
        MemoryHost::new(Operator::dangerously_claim(), Arc::new(Here), Arc::new(Here)).host()
    }

    #[tokio::test]
    async fn panic_in_a_computation_is_an_answer_and_takes_nobody_along() {
        let host = host();
        assert_eq!(host.compute(|| 6 * 7).await, Some(42));
        assert_eq!(host.compute::<u8>(|| panic!("a defect")).await, None);
        assert_eq!(host.finish::<u8>(async { panic!("a defect") }).await, None);
        assert_eq!(host.compute(|| 6 * 7).await, Some(42));
    }
}
