//! Three homes, all of them an address and the key of an owner.
//!
//! Whatever a scenario does goes over HTTP, so that one driver serves all homes. Providers are mocks, one server a home,
//! which the home reaches over real HTTP as well.

mod memory;
mod server;
mod worker;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use workjet_mock_providers::Mock;

use crate::client::{Reply, Sent, exchange};

/// Keys the commitments in the log, so that they can be compared.
const COMMITMENT_KEY: [u8; 32] = [0x5a; 32];

/// The keys of the mock providers, by the names that the configurations have for them.
const PROVIDER_KEYS: &[(&str, &str)] = &[
    ("MOCK_OPENAI_KEY", "mock-key-for-openai"),
    ("MOCK_ANTHROPIC_KEY", "mock-key-for-anthropic"),
    ("MOCK_GOOGLE_KEY", "mock-key-for-google"),
];

/// Which home.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Memory,
    Server,
    Worker,
}

/// What is needed to start one.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Where the built programs are.
    pub(crate) programs: PathBuf,
    /// The program that starts the Worker, with its arguments; see [`worker`].
    pub(crate) worker: Option<Vec<String>>,
}

/// A home that serves.
pub(crate) struct Home {
    /// `host:port`.
    pub(crate) authority: String,
    /// An owner's API key.
    pub(crate) owner: String,
    mock: Mock,
    /// Ends the home when it is dropped.
    _running: Running,
}

enum Running {
    Memory(#[allow(dead_code, reason = "it is there to be dropped")] memory::Running),
    Process(#[allow(dead_code, reason = "it is there to be dropped")] Box<Process>),
}

/// A process with a folder of its own; it ends when this is dropped, by its standard input or by being killed.
struct Process {
    _stdin: Option<tokio::process::ChildStdin>,
    _child: tokio::process::Child,
    _folder: tempfile::TempDir,
}

/// A home that has just begun to serve.
struct Started {
    authority: String,
    owner: String,
    running: Running,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Server, Self::Worker];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Server => "server",
            Self::Worker => "worker",
        }
    }

    /// Starts it with a configuration, in which `$mock` is the address of the mock providers.
    pub(crate) async fn start(self, places: &Places, configuration: &str) -> Result<Home> {
        let mock = Mock::start("127.0.0.1:0").await?;
        let configuration = configuration.replace("$mock", mock.url());
        let started = match self {
            Self::Memory => memory::start(&configuration).await,
            Self::Server => server::start(places, &configuration).await,
            Self::Worker => worker::start(places, &configuration).await,
        };
        let Started {
            authority,
            owner,
            running,
        } = started.with_context(|| format!("the home `{}` does not start", self.name()))?;
        Ok(Home {
            authority,
            owner,
            mock,
            _running: running,
        })
    }
}

impl Home {
    pub(crate) async fn send(&self, sent: Sent) -> Result<Reply> {
        exchange(&self.authority, sent).await
    }

    /// Tells the mock providers how `model` answers.
    pub(crate) async fn script(&self, model: &str, scripts: &Value) -> Result<()> {
        self.control("/__script", Some(json!({"model": model, "scripts": scripts})))
            .await
            .map(drop)
    }

    /// Lets `count` more chunks of `model`'s gated replies go.
    pub(crate) async fn release(&self, model: &str, count: usize) -> Result<()> {
        self.control("/__release", Some(json!({"model": model, "count": count})))
            .await
            .map(drop)
    }

    /// What the mock providers were sent since the request number `since`, and the number of the next one.
    pub(crate) async fn provided(&self, since: u64) -> Result<(Vec<Value>, u64)> {
        let answer = self.control(&format!("/__requests?since={since}"), None).await?;
        let requests = answer["requests"].as_array().cloned().unwrap_or_default();
        Ok((requests, answer["count"].as_u64().context("a count")?))
    }

    async fn control(&self, path: &str, body: Option<Value>) -> Result<Value> {
        let sent = Sent {
            method: if body.is_some() {
                http::Method::POST
            } else {
                http::Method::GET
            },
            path: path.to_owned(),
            headers: http::HeaderMap::new(),
            body: body.map(|body| body.to_string().into()).unwrap_or_default(),
            stalls: false,
        };
        let reply = exchange(self.mock.url().trim_start_matches("http://"), sent).await?;
        anyhow::ensure!(reply.status == 200, "the mock providers refuse {path}: {reply:?}");
        reply.json()
    }
}
