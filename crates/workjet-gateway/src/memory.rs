//! A whole home in memory, for tests and demonstrations.
//!
//! [`MemoryHost`] has real stores and a real audit log, all in memory, and an [`Upstream`] that follows a
//! [`Script`]. Time and detached work come from the caller, since they belong to a runtime.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use workjet_audit::{
    AuditError, AuditSink, Checkpoint, Entry, ErrorKind, Kind, Log, Logged, MemoryLogStore, Receipt,
};
use workjet_auth::{
    ApiKey, ApiKeyStore, LoginName, MemoryAuth, NewKey, Operator, Password, PasswordHash, User, UserStore,
    dummy_hash,
};
use workjet_tenant::{
    Actor, MemoryRates, OperatorStore, OutboxRecord, Role, Scope, StoreError, Tenant, TenantId, UserId,
};

use crate::host::{
    Clock, Entropy, Health, Host, PasswordHasher, Spawner, Upstream, UpstreamError, UpstreamReply,
};
use crate::ids::entry_id;
use crate::record::{ProviderCall, Recorded};

/// A home in memory. Clones share everything.
#[derive(Clone)]
pub struct MemoryHost {
    /// Keys, sessions, users, tenants and secrets.
    pub auth: MemoryAuth,
    /// What was spent.
    pub rates: Arc<MemoryRates>,
    /// The log.
    pub audit: Arc<MemoryAudit>,
    /// The providers.
    pub upstream: Arc<ScriptedUpstream>,
    operator: Operator,
    clock: Arc<dyn Clock>,
    spawner: Arc<dyn Spawner>,
    entropy: Arc<Counted>,
}

impl fmt::Debug for MemoryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHost").finish_non_exhaustive()
    }
}

impl MemoryHost {
    /// An empty home. `operator` is the caller's claim to run it.
    pub fn new(operator: Operator, clock: Arc<dyn Clock>, spawner: Arc<dyn Spawner>) -> Self {
        let auth = MemoryAuth::new();
        let log = Log::new(MemoryLogStore::new()).with_outbox(Arc::new(auth.clone()));
        Self {
            auth,
            rates: Arc::new(MemoryRates::default()),
            audit: Arc::new(MemoryAudit {
                log,
                refused: Mutex::default(),
            }),
            upstream: Arc::new(ScriptedUpstream {
                clock: clock.clone(),
                state: Mutex::default(),
            }),
            operator,
            clock,
            spawner,
            entropy: Arc::default(),
        }
    }

    /// The home as the pipeline takes it.
    pub fn host(&self) -> Host {
        Host {
            keys: Arc::new(self.auth.clone()),
            sessions: Arc::new(self.auth.clone()),
            users: Arc::new(self.auth.clone()),
            links: Arc::new(self.auth.clone()),
            operators: Arc::new(self.auth.clone()),
            tenants: Arc::new(self.auth.clone()),
            secrets: Arc::new(self.auth.clone()),
            rates: self.rates.clone(),
            audit: self.audit.clone(),
            upstream: self.upstream.clone(),
            spawner: self.spawner.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            passwords: Arc::new(InPlace),
            health: Arc::new(Healthy),
            operator: self.operator.clone(),
        }
    }

    /// Adds a tenant, unless it exists.
    ///
    /// # Errors
    /// If its name is no id.
    pub async fn tenant(&self, name: &str) -> Result<TenantId, StoreError> {
        let id: TenantId = name.parse().map_err(invalid)?;
        let tenant = Tenant::new(id.clone(), name, self.clock.now());
        match self
            .auth
            .create_tenant(&tenant, &self.record(&id, Kind::AdminTenantCreated))
            .await
        {
            Err(error) if error.kind() != workjet_tenant::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(id),
        }
    }

    /// Adds a user to a tenant, with a password if one is given.
    ///
    /// # Errors
    /// If the tenant does not exist, the user does, or the address is none.
    pub async fn user(
        &self,
        tenant: &TenantId,
        email: &str,
        role: Role,
        password: Option<Password>,
    ) -> Result<User, StoreError> {
        let login: LoginName = email.parse().map_err(invalid)?;
        let id: UserId = format!("{tenant}-{}", email.split('@').next().unwrap_or_default())
            .parse()
            .map_err(invalid)?;
        let user = User {
            id,
            tenant: tenant.clone(),
            login,
            role,
            disabled: false,
            created: self.clock.now(),
        };
        let hash = password.map(|password| workjet_auth::hash(&password, [7; 16]));
        let record = self.record(tenant, Kind::AdminUserCreated);
        UserStore::create(&self.auth, &self.scope(tenant), &user, hash.as_ref(), &record).await?;
        Ok(user)
    }

    /// Adds a key of a user's.
    ///
    /// # Errors
    /// If the user does not exist.
    pub async fn key(&self, user: &User) -> Result<ApiKey, StoreError> {
        let (mut secret, mut id) = ([0; 32], [0; 10]);
        self.entropy.fill(&mut secret);
        self.entropy.fill(&mut id);
        let id = ApiKey::new_id(id);
        let key = ApiKey::generate("test", &id, secret);
        let new = NewKey {
            id,
            user: user.id.clone(),
            name: "test".to_owned(),
            hash: key.hash(),
            created: self.clock.now(),
            expires: None,
        };
        let record = self.record(&user.tenant, Kind::AdminKeyCreated);
        ApiKeyStore::create(&self.auth, &self.scope(&user.tenant), &new, &record).await?;
        Ok(key)
    }

    /// Everything in a tenant's log.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub async fn entries(&self, tenant: &TenantId) -> Result<Vec<Entry>, AuditError> {
        let scope = self.scope(tenant);
        let mut entries = Vec::new();
        loop {
            let more = self.audit.read(&scope, entries.len() as u64, 256).await?;
            if more.is_empty() {
                return Ok(entries);
            }
            entries.extend(more.into_iter().map(|logged| logged.entry));
        }
    }

    /// The operator's scope in a tenant.
    pub fn scope(&self, tenant: &TenantId) -> Scope {
        self.operator.scope(tenant)
    }

    /// An audit record for a change that is made by hand.
    pub fn record(&self, tenant: &TenantId, kind: Kind) -> OutboxRecord {
        let now = self.clock.now();
        let id = entry_id(&*self.entropy, now);
        Entry::new(id, now, tenant.clone(), Actor::Operator, kind).to_outbox()
    }
}

fn invalid(error: impl fmt::Display) -> StoreError {
    StoreError::new(workjet_tenant::ErrorKind::Corrupt, error.to_string())
}

/// A real log over memory, which refuses entries on demand.
pub struct MemoryAudit {
    log: Log<MemoryLogStore>,
    refused: Mutex<Vec<Kind>>,
}

impl fmt::Debug for MemoryAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryAudit").finish_non_exhaustive()
    }
}

impl MemoryAudit {
    /// From now on, entries of `kind` cannot be written.
    pub fn refuse(&self, kind: Kind) {
        lock(&self.refused).push(kind);
    }

    /// From now on, everything can be written again.
    pub fn recover(&self) {
        lock(&self.refused).clear();
    }
}

#[async_trait]
impl AuditSink for MemoryAudit {
    async fn append(&self, scope: &Scope, entry: Entry) -> Result<Receipt, AuditError> {
        if lock(&self.refused).contains(&entry.kind) {
            return Err(AuditError::new(
                ErrorKind::Unavailable,
                "told to refuse this kind of entry",
            ));
        }
        self.log.append(scope, entry).await
    }

    async fn checkpoint(&self, scope: &Scope) -> Result<Checkpoint, AuditError> {
        self.log.checkpoint(scope).await
    }

    async fn read(&self, scope: &Scope, from: u64, limit: usize) -> Result<Vec<Logged>, AuditError> {
        self.log.read(scope, from, limit).await
    }
}

/// How the providers answer one call.
#[derive(Debug, Clone)]
pub enum Script {
    /// With a reply.
    Reply {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Vec<(&'static str, String)>,
        /// Its body, piece by piece.
        pieces: Vec<Piece>,
    },
    /// Not at all.
    Fail(UpstreamError),
    /// Never.
    Hang,
    /// By a defect of the home.
    Panic,
}

/// A piece of a scripted body.
#[derive(Debug, Clone)]
pub enum Piece {
    /// These bytes.
    Bytes(Bytes),
    /// The same, after a while.
    Late(Duration, Bytes),
    /// The end, too early.
    Fail(UpstreamError),
    /// Nothing more, and no end.
    Hang,
}

impl Script {
    /// A reply with a whole body.
    pub fn whole(status: u16, body: impl Into<Bytes>) -> Self {
        Self::Reply {
            status,
            headers: Vec::new(),
            pieces: vec![Piece::Bytes(body.into())],
        }
    }

    /// A stream of these pieces.
    pub fn stream<T: Into<Bytes>>(pieces: impl IntoIterator<Item = T>) -> Self {
        let pieces = pieces
            .into_iter()
            .map(|piece| Piece::Bytes(piece.into()))
            .collect();
        Self::Reply {
            status: 200,
            headers: Vec::new(),
            pieces,
        }
    }

    /// The same reply, and then another piece.
    #[must_use]
    pub fn then(mut self, piece: Piece) -> Self {
        if let Self::Reply { pieces, .. } = &mut self {
            pieces.push(piece);
        }
        self
    }

    /// The same reply with a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Reply { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

/// Providers that answer as scripted, and remember what they were sent.
pub struct ScriptedUpstream {
    clock: Arc<dyn Clock>,
    state: Mutex<Scripted>,
}

#[derive(Default)]
struct Scripted {
    replies: VecDeque<Script>,
    calls: Vec<ProviderCall>,
}

impl fmt::Debug for ScriptedUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedUpstream").finish_non_exhaustive()
    }
}

impl ScriptedUpstream {
    /// Answers the next call that has no script yet with `script`. A call without a script cannot connect.
    pub fn script(&self, script: Script) {
        lock(&self.state).replies.push_back(script);
    }

    /// Where each call went, in order.
    pub fn urls(&self) -> Vec<String> {
        lock(&self.state)
            .calls
            .iter()
            .map(|call| call.url.clone())
            .collect()
    }

    /// The headers of each call, in order.
    pub fn headers(&self) -> Vec<HeaderMap> {
        lock(&self.state)
            .calls
            .iter()
            .map(|call| call.headers.clone())
            .collect()
    }

    /// The body of each call, in order.
    pub fn bodies(&self) -> Vec<String> {
        let text = |call: &ProviderCall| String::from_utf8_lossy(&call.body).into_owned();
        lock(&self.state).calls.iter().map(text).collect()
    }
}

#[async_trait]
impl Upstream for ScriptedUpstream {
    async fn send(&self, call: Recorded<ProviderCall>) -> Result<UpstreamReply, UpstreamError> {
        let script = {
            let mut state = lock(&self.state);
            state.calls.push(call.into_inner());
            state.replies.pop_front()
        };
        match script {
            None => Err(UpstreamError::Connect),
            Some(Script::Fail(error)) => Err(error),
            Some(Script::Hang) => std::future::pending().await,
            Some(Script::Panic) => panic!("scripted"),
            Some(Script::Reply {
                status,
                headers,
                pieces,
            }) => {
                let clock = self.clock.clone();
                let body = stream::iter(pieces)
                    .then(move |piece| play(clock.clone(), piece))
                    .boxed();
                let headers = headers
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
                    .collect();
                Ok(UpstreamReply {
                    status,
                    headers,
                    body,
                })
            }
        }
    }
}

async fn play(clock: Arc<dyn Clock>, piece: Piece) -> Result<Bytes, UpstreamError> {
    match piece {
        Piece::Bytes(bytes) => Ok(bytes),
        Piece::Late(wait, bytes) => {
            clock.sleep(wait).await;
            Ok(bytes)
        }
        Piece::Fail(error) => Err(error),
        Piece::Hang => std::future::pending().await,
    }
}

/// Bytes that never repeat, and are the same in every run.
#[derive(Debug, Default)]
struct Counted(Mutex<u64>);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut state = lock(&self.0);
            // SplitMix64 (Steele, Lea, Flood 2014).
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Hashes where it stands.
#[derive(Debug)]
struct InPlace;

#[async_trait]
impl PasswordHasher for InPlace {
    async fn hash(&self, password: Password) -> Result<PasswordHash, StoreError> {
        Ok(workjet_auth::hash(&password, [7; 16]))
    }

    async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, StoreError> {
        let is_known = hash.is_some();
        Ok(workjet_auth::verify(&password, &hash.unwrap_or_else(dummy_hash)) && is_known)
    }
}

#[derive(Debug)]
struct Healthy;

#[async_trait]
impl Health for Healthy {
    async fn ready(&self) -> bool {
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
