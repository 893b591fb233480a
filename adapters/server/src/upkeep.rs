//! When the upkeep of the log is done, and what a server has to keep besides: its certificate.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};
use workjet_audit::Kind;
use workjet_gateway::Clock as _;
use workjet_tenant::Scope;

use crate::data::DataFolder;
use crate::error::StartError;
use crate::host::{SystemClock, SystemEntropy};
use crate::log_files::LogFiles;
use crate::tls::Certificate;

/// How often administrative changes of other processes are logged.
const DRAIN_EVERY: Duration = Duration::from_secs(1);

/// How often certificate files are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(5);

/// How often intents without an outcome are looked for.
const CLOSE_EVERY: Duration = Duration::from_secs(60);

/// The log and the certificate, and the folder that says which tenants there are.
#[derive(Clone)]
pub(crate) struct Upkeep {
    pub(crate) log: workjet_gateway::upkeep::Upkeep<LogFiles>,
    pub(crate) data: DataFolder,
    pub(crate) certificate: Option<Arc<Certificate>>,
}

impl Upkeep {
    /// Opens every tenant's log and closes what an earlier process left open.
    pub(crate) async fn start(&self) -> Result<(), StartError> {
        let scopes = self.log.scopes(self.data.store().as_ref()).await?;
        Ok(self.log.start(&scopes, SystemClock.now()).await?)
    }

    /// Goes on until it is aborted.
    pub(crate) async fn run(&self) {
        let (mut drain, mut certificate, mut close) =
            (every(DRAIN_EVERY), every(CERTIFICATE_EVERY), every(CLOSE_EVERY));
        let mut last_complaint = None;
        loop {
            tokio::select! {
                _ = drain.tick() => self.log.drain(&self.scopes().await).await,
                _ = close.tick() => self.log.close_overdue(&self.scopes().await, SystemClock.now()).await,
                _ = certificate.tick() => self.follow_certificate(&mut last_complaint),
            }
        }
    }

    /// Logs what is still to be logged, and closes the log.
    pub(crate) async fn finish(&self) -> Result<(), StartError> {
        self.log.drain(&self.scopes().await).await;
        self.record(Kind::SystemStopped).await?;
        Ok(self.log.log().close().await?)
    }

    /// Logs something that Workjet itself did.
    pub(crate) async fn record(&self, kind: Kind) -> Result<(), StartError> {
        let (version, now) = (env!("CARGO_PKG_VERSION"), SystemClock.now());
        Ok(self.log.record(kind, version, &SystemEntropy, now).await?)
    }

    async fn scopes(&self) -> Vec<Scope> {
        let scopes = self.log.scopes(self.data.store().as_ref()).await;
        scopes.unwrap_or_else(|error| {
            tracing::error!(%error, "the tenants cannot be listed");
            Vec::new()
        })
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
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
