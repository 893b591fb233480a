//! A gateway in one process, from its data folder to its socket.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use workjet_audit::{Kind, Log};
use workjet_auth::Operator;
use workjet_gateway::admin::{FIRST_OWNER, FirstStart};
use workjet_gateway::config::{Config, Tls};
use workjet_gateway::secrets::{Given, Vault};
use workjet_gateway::upkeep::{Answering, Upkeep as LogUpkeep};
use workjet_gateway::{Clock as _, Core, CoreOptions, Host, Upstream, default_tenant};
use workjet_tenant::{MemoryRates, RateStore, Role};

use crate::data::DataFolder;
use crate::error::StartError;
use crate::host::{Passwords, SystemClock, SystemEntropy, Tasks};
use crate::listener::{self, Listener};
use crate::places::Machine;
use crate::tls::Certificate;
use crate::upkeep::Upkeep;
use crate::upstream::HyperUpstream;

/// Puts a gateway together. Made by [`Server::builder`].
pub struct ServerBuilder {
    config: Config,
    rates: Option<Arc<dyn RateStore>>,
    upstream: Option<Arc<dyn Upstream>>,
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl ServerBuilder {
    /// Counts requests in `rates` instead of this process's memory: Redis, for instance, when several gateways share
    /// their limits.
    #[must_use]
    pub fn rates(mut self, rates: Arc<dyn RateStore>) -> Self {
        self.rates = Some(rates);
        self
    }

    /// Reaches providers through `upstream` instead of hyper: a proxy, or a recording for tests.
    #[must_use]
    pub fn upstream(mut self, upstream: Arc<dyn Upstream>) -> Self {
        self.upstream = Some(upstream);
        self
    }

    /// Binds the socket, opens the data folder, and on the very first start makes the first owner and key. Requests are
    /// accepted from then on and answered once [`Server::run`] runs.
    ///
    /// # Errors
    /// In words: the address is taken, the folder cannot be written, another gateway uses it, a key is missing, the log
    /// was changed.
    pub async fn start(self) -> Result<Server, StartError> {
        let Self {
            config,
            rates,
            upstream,
        } = self;
        // Secrets are shown once, so whatever can fail should fail before they are made.
        let socket = TcpListener::bind((config.listen.host(), config.listen.port()))
            .await
            .map_err(|error| {
                StartError::new(format!(
                    "cannot listen on {}: {error}: choose another with --listen",
                    config.listen
                ))
            })?;
        let address = socket
            .local_addr()
            .map_err(|error| StartError::new(error.to_string()))?;
        let data = DataFolder::create(&config.data).await?;
        let log = Arc::new(Log::new(data.log_files().await?).with_outbox(data.store().clone()));
        let certificate = certificate(&config, &data)?;

        let operator = Operator::dangerously_claim();
        let admin = data.admin();
        let vault = Vault {
            admin: &admin,
            secrets: data.store().as_ref(),
            // Made now even if nothing is sealed yet, so that a backup of the first day has them.
            keys: &data.key_encryption_keys()?,
            operator: &operator,
            now: SystemClock.now(),
        };
        let given = Given::read(&config, &Machine)?;
        given.check(vault).await?;
        let first_start = admin.bootstrap(&operator, SystemClock.now()).await?;
        let secrets = given.seal(vault).await?;
        let options = CoreOptions::from_config(&config, secrets, data.commitment_key()?)
            .map_err(|error| StartError::new(error.to_string()))?;
        let upkeep = Upkeep {
            log: LogUpkeep::new(log.clone(), operator.clone(), &options.timeouts),
            data: data.clone(),
            certificate,
        };
        upkeep.start().await?;

        let tasks = Arc::new(Tasks::new());
        let upstream = upstream.unwrap_or_else(|| Arc::new(HyperUpstream::new(config.timeouts.connect)));
        let store = data.store().clone();
        let health = Answering {
            tenants: store.clone(),
            audit: log.clone(),
            operator: operator.clone(),
        };
        let host = Host {
            keys: store.clone(),
            sessions: store.clone(),
            users: store.clone(),
            links: store.clone(),
            operators: store.clone(),
            tenants: store.clone(),
            secrets: store.clone(),
            rates: rates.unwrap_or_else(|| Arc::new(MemoryRates::default())),
            audit: log.clone(),
            upstream,
            spawner: tasks.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            passwords: Arc::new(Passwords::default()),
            health: Arc::new(health),
            operator: operator.clone(),
        };
        if config.is_demo() {
            tracing::info!("no provider is configured: the built-in demo replies with what it was sent");
        }
        upkeep.record(Kind::SystemStarted).await?;
        Ok(Server {
            url: url(&config, address),
            model: model(&config),
            owner: owner(&data, &operator).await?,
            first_start,
            address,
            listener: socket,
            max_connections: config.max_connections,
            core: Arc::new(Core::new(options)),
            host,
            upkeep,
            tasks,
        })
    }
}

/// A gateway that is ready to serve.
pub struct Server {
    url: String,
    model: Option<String>,
    owner: String,
    first_start: Option<FirstStart>,
    address: SocketAddr,
    listener: TcpListener,
    max_connections: usize,
    core: Arc<Core>,
    host: Host,
    upkeep: Upkeep,
    tasks: Arc<Tasks>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A gateway as `config` describes it.
    pub fn builder(config: Config) -> ServerBuilder {
        ServerBuilder {
            config,
            rates: None,
            upstream: None,
        }
    }

    /// Where clients reach it: the name they should use, and the port that it really has.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address that it is bound to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was made on the very first start, and exists nowhere else; none on any other.
    pub const fn first_start(&self) -> Option<&FirstStart> {
        self.first_start.as_ref()
    }

    /// The login name of the first owner.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The pin of the certificate: `sha256/<base64>`; none without TLS.
    pub fn pin(&self) -> Option<String> {
        self.upkeep
            .certificate
            .as_ref()
            .map(|certificate| certificate.pin())
    }

    /// The file with the local CA, as an absolute path; none if somebody else issued the certificate.
    pub fn ca_file(&self) -> Option<PathBuf> {
        let file = self.upkeep.certificate.as_ref()?.ca_file()?;
        Some(file.canonicalize().unwrap_or(file))
    }

    /// A model name that is sure to mean something here.
    pub fn example_model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The HTTP surface, to serve it in another way than [`run`](Self::run) does.
    pub fn router(&self) -> axum::Router {
        workjet_gateway::router(self.core.clone(), self.host.clone())
    }

    /// Serves until `shutdown` completes. Replies on their way are then finished, within 30 seconds, and the log is
    /// closed.
    ///
    /// # Errors
    /// If the log could not be closed in order.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), StartError> {
        let router = self.router();
        // Its secrets were shown by now, or never will be.
        drop(self.first_start);
        let upkeep = self.upkeep.clone();
        let kept = tokio::spawn(async move { upkeep.run().await });
        let tls = self
            .upkeep
            .certificate
            .as_ref()
            .map(|certificate| Arc::new(certificate.server_config()));
        let listener = Listener {
            socket: self.listener,
            tls,
            max_connections: self.max_connections,
        };
        listener.serve(router, shutdown).await;

        // A client that hung up leaves its request's outcome still to be written.
        if tokio::time::timeout(listener::GRACE, self.tasks.finished())
            .await
            .is_err()
        {
            tracing::warn!(
                "some requests did not end in time; the next start logs their outcome as `unknown`"
            );
        }
        kept.abort();
        // Ended or aborted, either is right.
        let _ = kept.await;
        self.upkeep.finish().await
    }
}

fn certificate(config: &Config, data: &DataFolder) -> Result<Option<Arc<Certificate>>, StartError> {
    let certificate = match &config.tls {
        Tls::SelfSigned { names } => {
            let host = (!config.listen.is_wildcard()).then(|| config.listen.host().to_owned());
            let names: Vec<String> = names.iter().cloned().chain(host).collect();
            Certificate::self_signed(&data.tls(), &names, SystemClock.now())?
        }
        Tls::Files { cert, key } => Certificate::from_files(cert, key)?,
        _ => return Ok(None),
    };
    Ok(Some(Arc::new(certificate)))
}

/// The first owner, whatever they are called by now.
async fn owner(data: &DataFolder, operator: &Operator) -> Result<String, StartError> {
    let users = data.admin().users(&operator.scope(&default_tenant())).await?;
    let mut owners: Vec<_> = users
        .into_iter()
        .filter(|user| user.role == Role::Owner)
        .collect();
    owners.sort_by_key(|user| (user.disabled, user.created));
    Ok(owners
        .first()
        .map_or_else(|| FIRST_OWNER.to_owned(), |user| user.login.as_str().to_owned()))
}

fn url(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.tls == Tls::Off { "http" } else { "https" };
    let name = match &config.tls {
        Tls::SelfSigned { names } => names.first().cloned(),
        _ => None,
    };
    let host = if config.listen.is_wildcard() {
        name.unwrap_or_else(|| "localhost".into())
    } else {
        config.listen.host().to_owned()
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    format!("{scheme}://{host}:{}", address.port())
}

fn model(config: &Config) -> Option<String> {
    if config.is_demo() {
        return Some("demo".into());
    }
    config
        .tiers
        .first()
        .map(|tier| tier.name.clone())
        .or_else(|| config.aliases.keys().next().cloned())
}
