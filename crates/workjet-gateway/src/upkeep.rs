//! What a gateway does for its log without being asked: opens it, logs what others changed, and closes what was left open.
//!
//! *When* is the home's business. A process has timers and goes through all tenants: [`start`](Upkeep::start), then
//! [`drain`](Upkeep::drain) every second or so and [`close_overdue`](Upkeep::close_overdue) every minute. An object that writes one
//! tenant's log and sleeps between requests has an alarm instead, and is an [`AlarmedLog`].

mod alarmed;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use workjet_audit::{AuditError, AuditSink, Entry, Kind, Log, LogStore};
use workjet_auth::Operator;
use workjet_tenant::{Actor, OperatorStore, Scope, StoreError, TenantStore};

pub use self::alarmed::{Alarm, AlarmedLog};
use crate::core::{Timeouts, default_tenant};
use crate::host::{Entropy, Health};
use crate::ids::entry_id;
use crate::time::later;

/// What passes between the last instant at which a request may write its outcome and its being given up: clocks of two machines
/// differ, and an append may wait.
const MARGIN: Duration = Duration::from_secs(60);

/// How soon an object tries again after its log did not answer.
const RETRY: Duration = Duration::from_secs(60);

/// When an object tries again whose log could not be tended, or not even opened.
pub fn retry(now: Timestamp) -> Timestamp {
    later(now, RETRY)
}

/// The audit log, and what has to be done to it. Clones share the log.
pub struct Upkeep<S> {
    log: Arc<Log<S>>,
    operator: Operator,
    deadline: Duration,
}

impl<S> Clone for Upkeep<S> {
    fn clone(&self) -> Self {
        Self {
            log: self.log.clone(),
            operator: self.operator.clone(),
            deadline: self.deadline,
        }
    }
}

impl<S> fmt::Debug for Upkeep<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upkeep")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl<S: LogStore> Upkeep<S> {
    /// The upkeep of `log`, for a gateway whose requests end within `timeouts`.
    pub const fn new(log: Arc<Log<S>>, operator: Operator, timeouts: &Timeouts) -> Self {
        // No request lives longer, whatever its provider and its client do.
        let deadline = timeouts
            .total
            .saturating_add(timeouts.drain)
            .saturating_add(MARGIN);
        Self {
            log,
            operator,
            deadline,
        }
    }

    /// The log.
    pub const fn log(&self) -> &Arc<Log<S>> {
        &self.log
    }

    /// How old an intent without an outcome becomes before it is closed as `unknown`.
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Every tenant's scope, as Workjet itself has it.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn scopes(&self, tenants: &dyn OperatorStore) -> Result<Vec<Scope>, StoreError> {
        let tenants = tenants.tenants().await?;
        Ok(tenants
            .iter()
            .map(|tenant| self.operator.system_scope(&tenant.id))
            .collect())
    }

    /// Opens each log, and closes what an earlier process left open.
    ///
    /// # Errors
    /// The first log's that does not open. Then the gateway must not start.
    pub async fn start(&self, scopes: &[Scope], now: Timestamp) -> Result<(), AuditError> {
        for scope in scopes {
            let started = self.log.start(scope, now).await?;
            if started.closed > 0 {
                tracing::warn!(
                    tenant = %scope.tenant(),
                    requests = started.closed,
                    "requests were cut off when the gateway last stopped; they are logged with the outcome `unknown`"
                );
            }
        }
        Ok(())
    }

    /// Logs what other processes changed. What cannot be logged now is tried again the next time.
    pub async fn drain(&self, scopes: &[Scope]) {
        for scope in scopes {
            if let Err(error) = self.log.drain_outbox(scope).await {
                tracing::error!(tenant = %scope.tenant(), %error, "administrative changes cannot be logged");
            }
        }
    }

    /// Closes what no request can end any more. A request whose task failed leaves such an intent.
    pub async fn close_overdue(&self, scopes: &[Scope], now: Timestamp) {
        for scope in scopes {
            self.close(scope, now).await;
        }
    }

    /// Logs something that Workjet itself did, in the log of the tenant `default`.
    ///
    /// # Errors
    /// If it cannot be logged.
    pub async fn record(
        &self,
        kind: Kind,
        version: &str,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<(), AuditError> {
        let tenant = default_tenant();
        let id = entry_id(entropy, now);
        let entry = Entry::new(id, now, tenant.clone(), Actor::System, kind).detail("version", version);
        self.log
            .append(&self.operator.system_scope(&tenant), entry)
            .await?;
        Ok(())
    }

    /// Does what is due for one tenant's log, and says when to wake for the next; none if nothing is open.
    pub async fn tend(&self, scope: &Scope, now: Timestamp) -> Option<Timestamp> {
        if !self.close(scope, now).await {
            return Some(retry(now));
        }
        match self.log.due(scope, self.deadline).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(tenant = %scope.tenant(), %error, "the audit log does not say what is open");
                Some(retry(now))
            }
        }
    }

    /// Whether it could be done.
    async fn close(&self, scope: &Scope, now: Timestamp) -> bool {
        match self.log.close_overdue(scope, now, self.deadline).await {
            Ok(0) => true,
            Ok(requests) => {
                tracing::warn!(
                    tenant = %scope.tenant(),
                    requests,
                    "requests ended without an outcome; it is logged as `unknown`"
                );
                true
            }
            Err(error) => {
                tracing::error!(tenant = %scope.tenant(), %error, "open requests cannot be closed in the log");
                false
            }
        }
    }
}

/// Ready is who gets answers: from the store of tenants, and from the log of the tenant `default`.
#[derive(Clone)]
pub struct Answering {
    /// Lies in the same database as users, keys and sessions.
    pub tenants: Arc<dyn TenantStore>,
    /// The audit log.
    pub audit: Arc<dyn AuditSink>,
    /// The adapter's claim to run the gateway.
    pub operator: Operator,
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").finish_non_exhaustive()
    }
}

#[async_trait]
impl Health for Answering {
    async fn ready(&self) -> bool {
        let scope = self.operator.system_scope(&default_tenant());
        self.tenants.tenant(&scope).await.is_ok() && self.audit.checkpoint(&scope).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use workjet_audit::MemoryLogStore;
    use workjet_auth::MemoryAuth;
    use workjet_tenant::Tenant;

    use super::*;

    pub(super) struct Home {
        auth: MemoryAuth,
        pub(super) store: MemoryLogStore,
        pub(super) scope: Scope,
    }

    impl Home {
        pub(super) async fn new() -> Self {
            let auth = MemoryAuth::new();
            let operator = Operator::dangerously_claim();
            let scope = operator.system_scope(&default_tenant());
            let record = entry("e-1", Kind::AdminTenantCreated, at(0)).to_outbox();
            auth.create_tenant(&Tenant::new(default_tenant(), "Default", at(0)), &record)
                .await
                .expect("a tenant");
            Self {
                auth,
                store: MemoryLogStore::new(),
                scope,
            }
        }

        /// The upkeep of an object that was just woken.
        pub(super) fn wake(&self) -> Upkeep<MemoryLogStore> {
            let log = Log::new(self.store.clone())
                .with_outbox(Arc::new(self.auth.clone()))
                .with_remote_callers();
            let timeouts = Timeouts {
                total: Duration::from_secs(900),
                drain: Duration::from_secs(20),
                ..Timeouts::default()
            };
            Upkeep::new(Arc::new(log), Operator::dangerously_claim(), &timeouts)
        }

        pub(super) async fn ids(&self) -> Vec<String> {
            let log = Log::new(self.store.clone()).with_remote_callers();
            let logged = log.read(&self.scope, 0, 100).await.expect("reads");
            logged.into_iter().map(|logged| logged.entry.id).collect()
        }
    }

    pub(super) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    fn entry(id: &str, kind: Kind, time: Timestamp) -> Entry {
        Entry::new(id, time, default_tenant(), Actor::System, kind)
    }

    pub(super) fn intent(request: &str, time: Timestamp) -> Entry {
        entry(&format!("{request}-intent"), Kind::AiIntent, time).request(&request.parse().expect("an id"))
    }

    pub(super) fn outcome(request: &str, time: Timestamp) -> Entry {
        entry(&format!("{request}-outcome"), Kind::AiOutcome, time)
            .request(&request.parse().expect("an id"))
            .code("ok")
    }

    #[tokio::test]
    async fn alarm_closes_what_is_overdue_and_rings_again_for_the_next() {
        let home = Home::new().await;
        let upkeep = home.wake();
        for (request, time) in [("r-1", 0), ("r-2", 100)] {
            upkeep
                .log()
                .append(&home.scope, intent(request, at(time)))
                .await
                .expect("is logged");
        }
        // Woken anew, which closes nothing by itself.
        let upkeep = home.wake();
        assert_eq!(upkeep.tend(&home.scope, at(500)).await, Some(at(980)));
        assert_eq!(upkeep.tend(&home.scope, at(980)).await, Some(at(1080)));
        assert_eq!(upkeep.tend(&home.scope, at(1080)).await, None);
        assert_eq!(
            home.ids().await,
            ["e-1", "r-1-intent", "r-2-intent", "r-1-unknown", "r-2-unknown"]
        );
    }

    #[tokio::test]
    async fn alarm_logs_what_waits_in_the_outbox() {
        let home = Home::new().await;
        assert_eq!(home.wake().tend(&home.scope, at(0)).await, None);
        assert_eq!(home.ids().await, ["e-1"]);
    }

    #[tokio::test]
    async fn alarm_rings_again_soon_if_the_log_does_not_answer() {
        let home = Home::new().await;
        home.store.fail_at(0, workjet_audit::Fault::Before);
        assert_eq!(home.wake().tend(&home.scope, at(0)).await, Some(at(60)));
    }

    #[tokio::test]
    async fn home_is_ready_while_its_stores_answer() {
        let home = Home::new().await;
        let log = home.wake().log().clone();
        let health = Answering {
            tenants: Arc::new(home.auth.clone()),
            audit: log,
            operator: Operator::dangerously_claim(),
        };
        assert!(health.ready().await);
        let record = entry("e-2", Kind::AdminTenantChanged, at(1)).to_outbox();
        home.auth
            .set_tenant_disabled(&default_tenant(), true, &record)
            .await
            .expect("changed");
        // The change has to be logged, and cannot be.
        home.store.fail_at(0, workjet_audit::Fault::Before);
        assert!(!health.ready().await);
    }
}
