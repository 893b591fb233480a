//! What a gateway does without being asked: logs what other processes changed, closes what was left open, follows the
//! certificate, and says whether it is ready.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Interval, MissedTickBehavior, interval};
use workjet_audit::{AuditSink as _, Entry, Kind, Log};
use workjet_auth::Operator;
use workjet_gateway::{Clock as _, Health, default_tenant, entry_id};
use workjet_tenant::{Actor, OperatorStore as _, Scope};

use crate::data::DataFolder;
use crate::error::StartError;
use crate::host::{SystemClock, SystemEntropy};
use crate::log_files::LogFiles;
use crate::tls::Certificate;

/// How often administrative changes of other processes are logged.
const DRAIN_EVERY: Duration = Duration::from_secs(1);

/// How often certificate files are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(5);

/// How often intents without an outcome are looked for. A request whose task failed leaves one.
const CLOSE_EVERY: Duration = Duration::from_secs(60);

/// The log, and what has to be done to it and beside it.
#[derive(Clone)]
pub(crate) struct Upkeep {
    pub(crate) log: Arc<Log<LogFiles>>,
    pub(crate) data: DataFolder,
    pub(crate) operator: Operator,
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// Longer than any request lives.
    pub(crate) deadline: Duration,
}

impl Upkeep {
    /// Opens every tenant's log and closes what an earlier process left open.
    pub(crate) async fn start(&self) -> Result<(), StartError> {
        for scope in self.scopes().await? {
            let started = self.log.start(&scope, SystemClock.now()).await?;
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

    /// Goes on until it is aborted.
    pub(crate) async fn run(&self) {
        let (mut drain, mut certificate, mut close) =
            (every(DRAIN_EVERY), every(CERTIFICATE_EVERY), every(CLOSE_EVERY));
        let mut last_complaint = None;
        loop {
            tokio::select! {
                _ = drain.tick() => self.drain().await,
                _ = close.tick() => self.close_overdue().await,
                _ = certificate.tick() => self.follow_certificate(&mut last_complaint),
            }
        }
    }

    /// Logs what is still to be logged, and closes the log.
    pub(crate) async fn finish(&self) -> Result<(), StartError> {
        self.drain().await;
        self.record(Kind::SystemStopped).await?;
        Ok(self.log.close().await?)
    }

    /// Logs something that Workjet itself did, in the log of the tenant `default`.
    pub(crate) async fn record(&self, kind: Kind) -> Result<(), StartError> {
        let (tenant, now) = (default_tenant(), SystemClock.now());
        let id = entry_id(&SystemEntropy, now);
        let mut entry = Entry::new(id, now, tenant.clone(), Actor::System, kind);
        entry
            .detail
            .insert("version".into(), env!("CARGO_PKG_VERSION").into());
        self.log
            .append(&self.operator.system_scope(&tenant), entry)
            .await?;
        Ok(())
    }

    async fn drain(&self) {
        for scope in self.scopes_or_complain().await {
            if let Err(error) = self.log.drain_outbox(&scope).await {
                tracing::error!(tenant = %scope.tenant(), %error, "administrative changes cannot be logged");
            }
        }
    }

    async fn close_overdue(&self) {
        for scope in self.scopes_or_complain().await {
            match self
                .log
                .close_overdue(&scope, SystemClock.now(), self.deadline)
                .await
            {
                Ok(0) => {}
                Ok(requests) => tracing::warn!(
                    tenant = %scope.tenant(),
                    requests,
                    "requests ended without an outcome; it is logged as `unknown`"
                ),
                Err(error) => {
                    tracing::error!(tenant = %scope.tenant(), %error, "open requests cannot be closed in the log");
                }
            }
        }
    }

    fn follow_certificate(&self, last_complaint: &mut Option<String>) {
        let Some(certificate) = &self.certificate else {
            return;
        };
        match certificate.refresh(SystemClock.now()) {
            Ok(changed) => {
                *last_complaint = None;
                if changed {
                    tracing::info!(pin = certificate.pin(), "serving with a new certificate");
                }
            }
            // Files are replaced one after the other, so for a moment they need not match.
            Err(error) => {
                let error = error.to_string();
                if last_complaint.as_ref() != Some(&error) {
                    tracing::warn!(
                        error,
                        "the certificate cannot be renewed; the last good one stays in use"
                    );
                    *last_complaint = Some(error);
                }
            }
        }
    }

    async fn scopes(&self) -> Result<Vec<Scope>, StartError> {
        let tenants = self.data.store().tenants().await?;
        Ok(tenants
            .iter()
            .map(|tenant| self.operator.system_scope(&tenant.id))
            .collect())
    }

    async fn scopes_or_complain(&self) -> Vec<Scope> {
        self.scopes().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the tenants cannot be listed");
            Vec::new()
        })
    }
}

/// Ready while the database answers and the log takes entries.
#[async_trait]
impl Health for Upkeep {
    async fn ready(&self) -> bool {
        let scope = self.operator.system_scope(&default_tenant());
        self.data.store().ping().await.is_ok() && self.log.checkpoint(&scope).await.is_ok()
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
