//! The stores and the log of `workjet_gateway::memory`, served on a local socket.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;
use workjet_auth::Operator;
use workjet_gateway::memory::MemoryHost;
use workjet_gateway::secrets::Secrets;
use workjet_gateway::{Config, Core, CoreOptions, RemoteAddress, Spawner, Task};
use workjet_server::{HyperUpstream, SystemClock, SystemEntropy};
use workjet_tenant::Role;

use super::{COMMITMENT_KEY, PROVIDER_KEYS, Started};

/// Serves until it is dropped.
pub(super) struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Tokio;

impl Spawner for Tokio {
    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}

pub(super) async fn start(configuration: &str) -> Result<Started> {
    let config = Config::from_toml(configuration, "parity.toml")?;
    let home = MemoryHost::new(
        Operator::dangerously_claim(),
        Arc::new(SystemClock),
        Arc::new(Tokio),
    );
    let tenant = home.tenant("default").await?;
    let owner = home.user(&tenant, "owner@localhost", Role::Owner, None).await?;
    let key = home.key(&owner).await?.expose().to_owned();

    let mut host = home.host();
    host.upstream = Arc::new(HyperUpstream::new(Duration::from_secs(10)));
    host.entropy = Arc::new(SystemEntropy);
    let router = workjet_gateway::router(Arc::new(core(&config)?), host);

    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let authority = socket.local_addr()?.to_string();
    let serving = tokio::spawn(async move {
        while let Ok((stream, remote)) = socket.accept().await {
            let router = router.clone();
            let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(RemoteAddress(remote.ip()));
                router.clone().oneshot(request.map(Body::new))
            });
            tokio::spawn(async move {
                // Clients that leave are part of the play.
                drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    Ok(Started {
        authority,
        owner: key,
        running: super::Running::Memory(Running(serving)),
    })
}

fn core(config: &Config) -> Result<Core> {
    let provider = |name: &str| {
        name.trim_start_matches("MOCK_")
            .trim_end_matches("_KEY")
            .to_lowercase()
    };
    let secrets = Secrets {
        provider_keys: PROVIDER_KEYS
            .iter()
            .map(|(name, key)| (provider(name), (*key).to_owned().into()))
            .collect(),
        metrics_token: None,
    };
    Ok(Core::new(CoreOptions::from_config(
        config,
        secrets,
        COMMITMENT_KEY,
    )?))
}
