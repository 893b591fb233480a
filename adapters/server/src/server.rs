//! A gateway in one process, from its data folder to its socket.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpListener;
use workjet_audit::{AuditSink, Entry, Kind, Log};
use workjet_auth::{ApiKey, Operator, SecretString};
use workjet_gateway::admin::{FIRST_OWNER, FirstStart};
use workjet_gateway::config::{Config, SecretSource, Tls};
use workjet_gateway::{
    Clock as _, Core, CoreOptions, DEFAULT_TENANT, Entropy as _, Health, Host, Settings, Timeouts, Upstream,
};
use workjet_tenant::{Actor, MemoryRates, OperatorStore as _, RateStore, Role, TenantId};

use crate::data::DataFolder;
use crate::error::StartError;
use crate::host::{Passwords, SystemClock, SystemEntropy, Tasks};
use crate::listener::{self, Listener};
use crate::log_files::LogFiles;
use crate::tls::Certificate;
use crate::upstream::HyperUpstream;

/// How often administrative changes of other processes are logged.
const DRAIN_EVERY: Duration = Duration::from_secs(1);

/// How often certificate files are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(10);

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
        // Made now even if nothing is sealed yet, so that a backup of the first day has them.
        data.key_encryption_keys()?;
        let given = Given::read(&config, &data, &operator).await?;
        let admin = data.admin();
        let first_start = admin.bootstrap(&operator, SystemClock.now()).await?;
        let core = Core::new(core_options(&config, &data, &operator, given).await?);
        for tenant in admin.tenants().await? {
            let started = log
                .start(&operator.system_scope(&tenant.id), SystemClock.now())
                .await?;
            if started.closed > 0 {
                tracing::warn!(
                    tenant = %tenant.id,
                    requests = started.closed,
                    "requests were cut off when the gateway last stopped; they are logged with the outcome `unknown`"
                );
            }
        }

        let tasks = Arc::new(Tasks::new());
        let upstream = upstream.unwrap_or_else(|| Arc::new(HyperUpstream::new(config.timeouts.connect)));
        let store = data.store().clone();
        let host = Host {
            keys: store.clone(),
            sessions: store.clone(),
            users: store.clone(),
            tenants: store.clone(),
            secrets: store.clone(),
            rates: rates.unwrap_or_else(|| Arc::new(MemoryRates::default())),
            audit: log.clone(),
            upstream,
            spawner: tasks.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            passwords: Arc::new(Passwords::default()),
            health: Arc::new(Stores {
                data: data.clone(),
                log: log.clone(),
                operator: operator.clone(),
            }),
            operator: operator.clone(),
        };
        let server = Server {
            url: url(&config, address),
            model: model(&config),
            owner: owner(&data, &operator).await?,
            first_start,
            address,
            certificate,
            listener: socket,
            max_connections: config.max_connections,
            core: Arc::new(core),
            host,
            log,
            data,
            operator,
            tasks,
        };
        server.record(Kind::SystemStarted).await?;
        Ok(server)
    }
}

/// A gateway that is ready to serve.
pub struct Server {
    url: String,
    model: Option<String>,
    owner: String,
    first_start: Option<FirstStart>,
    address: SocketAddr,
    certificate: Option<Arc<Certificate>>,
    listener: TcpListener,
    max_connections: usize,
    core: Arc<Core>,
    host: Host,
    log: Arc<Log<LogFiles>>,
    data: DataFolder,
    operator: Operator,
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
        self.certificate.as_ref().map(|certificate| certificate.pin())
    }

    /// The file with the local CA, as an absolute path; none if somebody else issued the certificate.
    pub fn ca_file(&self) -> Option<PathBuf> {
        let file = self.certificate.as_ref()?.ca_file()?;
        Some(file.canonicalize().unwrap_or(file))
    }

    /// A model name that is sure to mean something here.
    pub fn example_model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The HTTP surface, to serve it in another way than [`run`](Self::run) does.
    pub fn router(&self) -> axum::Router {
        workjet_gateway::router(self.core.clone(), self.host.clone())
            .layer(axum::middleware::from_fn(listener::log_request))
    }

    /// Serves until `shutdown` completes. Replies on their way are then finished, within 30 seconds, and the log is
    /// closed.
    ///
    /// # Errors
    /// If the log could not be closed in order.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), StartError> {
        let router = self.router();
        let background = tokio::spawn(background(
            self.log.clone(),
            self.data.clone(),
            self.operator.clone(),
            self.certificate.clone(),
        ));
        let tls = self
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
        background.abort();
        // Ended or aborted, either is right.
        let _ = background.await;
        drain(&self.log, &self.data, &self.operator).await;
        record(&self.log, &self.operator, Kind::SystemStopped).await?;
        self.log.close().await?;
        Ok(())
    }

    async fn record(&self, kind: Kind) -> Result<(), StartError> {
        record(&self.log, &self.operator, kind).await
    }
}

async fn record(log: &Log<LogFiles>, operator: &Operator, kind: Kind) -> Result<(), StartError> {
    let mut id = [0; 10];
    SystemEntropy.fill(&mut id);
    let tenant = default_tenant();
    let mut entry = Entry::new(
        ApiKey::new_id(id).as_str(),
        SystemClock.now(),
        tenant.clone(),
        Actor::System,
        kind,
    );
    entry
        .detail
        .insert("version".into(), env!("CARGO_PKG_VERSION").into());
    log.append(&operator.system_scope(&tenant), entry).await?;
    Ok(())
}

/// Logs what other processes changed, and follows the certificate.
async fn background(
    log: Arc<Log<LogFiles>>,
    data: DataFolder,
    operator: Operator,
    certificate: Option<Arc<Certificate>>,
) {
    let mut drain_tick = tokio::time::interval(DRAIN_EVERY);
    let mut certificate_tick = tokio::time::interval(CERTIFICATE_EVERY);
    for tick in [&mut drain_tick, &mut certificate_tick] {
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    }
    let mut last_complaint = None;
    loop {
        tokio::select! {
            _ = drain_tick.tick() => drain(&log, &data, &operator).await,
            _ = certificate_tick.tick() => {
                let Some(certificate) = &certificate else { continue };
                match certificate.refresh(SystemClock.now()) {
                    Ok(true) => tracing::info!(pin = certificate.pin(), "serving with a new certificate"),
                    Ok(false) => last_complaint = None,
                    // Files are replaced one after the other, so for a moment they need not match.
                    Err(error) => {
                        let error = error.to_string();
                        if last_complaint.as_ref() != Some(&error) {
                            tracing::warn!(error, "the certificate cannot be renewed; the last good one stays in use");
                            last_complaint = Some(error);
                        }
                    }
                }
            }
        }
    }
}

async fn drain(log: &Log<LogFiles>, data: &DataFolder, operator: &Operator) {
    let tenants = match data.store().tenants().await {
        Ok(tenants) => tenants,
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            return;
        }
    };
    for tenant in tenants {
        if let Err(error) = log.drain_outbox(&operator.system_scope(&tenant.id)).await {
            tracing::error!(tenant = %tenant.id, %error, "administrative changes cannot be logged");
        }
    }
}

fn default_tenant() -> TenantId {
    DEFAULT_TENANT.parse().expect("`default` is a valid tenant id")
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

/// The secrets that the configuration points to, as their places hold them now.
struct Given {
    providers: Vec<(String, Option<SecretString>)>,
    metrics_token: Option<SecretString>,
}

impl Given {
    /// Reads every place, and fails if one is empty and the store has nothing sealed for it either.
    async fn read(config: &Config, data: &DataFolder, operator: &Operator) -> Result<Self, StartError> {
        let mut providers = Vec::new();
        for provider in &config.providers {
            let Some(source) = &provider.api_key else { continue };
            let given = secret(source)?;
            if given.is_none() {
                provider_key(data, operator, &provider.name, None)
                    .await
                    .map_err(|error| StartError::new(format!("{error}: {}", how_to_fill(source))))?;
                tracing::info!(
                    provider = provider.name,
                    "its API key is not there any more; the sealed one serves"
                );
            }
            providers.push((provider.name.clone(), given));
        }
        let metrics_token = match &config.metrics_token {
            Some(source) => Some(secret(source)?.ok_or_else(|| {
                StartError::new(format!(
                    "the token for /metrics is not there: {}",
                    how_to_fill(source)
                ))
            })?),
            None => None,
        };
        Ok(Self {
            providers,
            metrics_token,
        })
    }
}

async fn core_options(
    config: &Config,
    data: &DataFolder,
    operator: &Operator,
    given: Given,
) -> Result<CoreOptions, StartError> {
    let mut keys = BTreeMap::new();
    for (provider, given) in given.providers {
        let key = provider_key(data, operator, &provider, given).await?;
        keys.insert(provider, key);
    }
    let settings = Settings::from_config(config, |provider| keys.get(provider).cloned())
        .map_err(|error| StartError::new(error.to_string()))?;
    let mut options = CoreOptions::new(settings, data.commitment_key()?);
    options.max_body = config.max_body_bytes;
    options.timeouts = Timeouts {
        head: config.timeouts.first_byte,
        idle: config.timeouts.idle,
        total: config.timeouts.request,
        ..Timeouts::default()
    };
    options.metrics_token = given.metrics_token;
    Ok(options)
}

async fn provider_key(
    data: &DataFolder,
    operator: &Operator,
    provider: &str,
    given: Option<SecretString>,
) -> Result<SecretString, StartError> {
    let (scope, kek) = (
        operator.system_scope(&default_tenant()),
        data.key_encryption_keys()?,
    );
    let store = data.store().as_ref();
    Ok(data
        .admin()
        .provider_key(&scope, store, &kek, provider, given, SystemClock.now())
        .await?)
}

/// What is in `source` now; none if the variable or file is not there, or empty.
fn secret(source: &SecretSource) -> Result<Option<SecretString>, StartError> {
    let text = match source {
        SecretSource::Env(name) => match std::env::var(name) {
            Ok(text) => text,
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(StartError::new(format!(
                    "the environment variable {name} is not UTF-8"
                )));
            }
        },
        SecretSource::File(path) => match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StartError::file(path, error)),
        },
        _ => return Ok(None),
    };
    let text = text.trim();
    Ok((!text.is_empty()).then(|| SecretString::from(text)))
}

fn how_to_fill(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("set the environment variable {name}"),
        SecretSource::File(path) => format!("write it to {}", path.display()),
        _ => "its source is unknown".into(),
    }
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

/// Ready while the database answers and the log takes entries.
struct Stores {
    data: DataFolder,
    log: Arc<Log<LogFiles>>,
    operator: Operator,
}

#[async_trait]
impl Health for Stores {
    async fn ready(&self) -> bool {
        let scope = self.operator.system_scope(&default_tenant());
        self.data.store().ping().await.is_ok() && self.log.checkpoint(&scope).await.is_ok()
    }
}
