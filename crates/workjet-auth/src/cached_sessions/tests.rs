use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use workjet_tenant::{ErrorKind, OperatorStore, OutboxRecord, Role, Tenant};

use super::*;
use crate::{MemoryAuth, Operator, SessionToken, User, UserStore};

/// A cache that does what it is told to.
#[derive(Default)]
struct FakeCache {
    values: Mutex<BTreeMap<String, String>>,
    /// Readers see these instead: what another place still shows.
    stale: Mutex<Option<BTreeMap<String, String>>>,
    is_down: Mutex<bool>,
    writes: AtomicUsize,
}

impl FakeCache {
    fn values(&self) -> BTreeMap<String, String> {
        self.values.lock().expect("no panic").clone()
    }

    fn set(&self, key: &str, value: &str) {
        let mut values = self.values.lock().expect("no panic");
        values.insert(key.to_owned(), value.to_owned());
    }

    /// From now on, reads show what is there now.
    fn stop_showing_writes(&self) {
        *self.stale.lock().expect("no panic") = Some(self.values());
    }

    fn break_down(&self, is_down: bool) {
        *self.is_down.lock().expect("no panic") = is_down;
    }

    fn check(&self) -> Result<(), StoreError> {
        match *self.is_down.lock().expect("no panic") {
            true => Err(StoreError::unavailable("the cache is down")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl SessionCache for FakeCache {
    async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.check()?;
        let shown = self
            .stale
            .lock()
            .expect("no panic")
            .clone()
            .unwrap_or_else(|| self.values());
        Ok(shown.get(key).cloned())
    }

    async fn put(&self, key: &str, value: &str, ttl: Duration) -> Result<(), StoreError> {
        assert!(
            ttl >= Duration::from_secs(60),
            "Workers KV refuses to forget sooner"
        );
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        self.set(key, value);
        Ok(())
    }
}

/// Passes everything on and counts the look-ups.
struct Truth {
    store: MemoryAuth,
    asked: AtomicUsize,
}

#[async_trait]
impl SessionStore for Truth {
    async fn find_by_hash(&self, hash: &SessionHash) -> Result<Option<StoredSession>, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.store.find_by_hash(hash).await
    }

    async fn create(&self, scope: &Scope, session: &NewSession) -> Result<(), StoreError> {
        SessionStore::create(&self.store, scope, session).await
    }

    async fn touch(&self, scope: &Scope, session: &SessionId, at: Timestamp) -> Result<(), StoreError> {
        SessionStore::touch(&self.store, scope, session, at).await
    }

    async fn revoke(
        &self,
        scope: &Scope,
        session: &SessionId,
        at: Timestamp,
    ) -> Result<Option<SessionHash>, StoreError> {
        SessionStore::revoke(&self.store, scope, session, at).await
    }

    async fn list(&self, scope: &Scope, user: &UserId) -> Result<Vec<StoredSession>, StoreError> {
        SessionStore::list(&self.store, scope, user).await
    }

    async fn revoke_user(
        &self,
        scope: &Scope,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Vec<SessionHash>, StoreError> {
        self.store.revoke_user(scope, user, at).await
    }
}

/// One user with one session, and a cache.
struct Scene {
    truth: Arc<Truth>,
    cache: Arc<FakeCache>,
    scope: Scope,
    user: UserId,
    token: SessionToken,
    session: SessionId,
}

type Request = CachedSessions<Arc<Truth>, Arc<FakeCache>>;

const IDLE: i64 = 1800;
const KEY: [u8; 32] = [9; 32];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

fn record() -> OutboxRecord {
    OutboxRecord::new("{}".into())
}

/// Nothing in memory ever waits, so one poll is enough.
fn done<T>(work: impl Future<Output = Result<T, StoreError>>) -> T {
    work.now_or_never()
        .expect("memory answers at once")
        .expect("an answer")
}

impl Scene {
    fn new() -> Self {
        let store = MemoryAuth::new();
        let tenant = Tenant::new("acme".parse().expect("an id"), "Acme", at(0));
        done(store.create_tenant(&tenant, &record()));
        let scope = Operator::dangerously_claim().scope(&tenant.id);
        let user: UserId = "ada".parse().expect("an id");
        let row = User {
            id: user.clone(),
            tenant: tenant.id,
            login: "ada@example.com".parse().expect("an address"),
            role: Role::Member,
            disabled: false,
            created: at(0),
        };
        done(UserStore::create(&store, &scope, &row, None, &record()));
        let (token, session) = (SessionToken::generate([7; 32]), SessionToken::new_id([7; 10]));
        let new = NewSession {
            id: session.clone(),
            user: user.clone(),
            hash: token.hash(),
            created: at(0),
            expires: at(100_000),
            idle_timeout: Duration::from_secs(IDLE as u64),
        };
        done(SessionStore::create(&store, &scope, &new));
        Self {
            truth: Arc::new(Truth {
                store,
                asked: AtomicUsize::new(0),
            }),
            cache: Arc::default(),
            scope,
            user,
            token,
            session,
        }
    }

    fn request(&self, seconds: i64) -> Request {
        CachedSessions::new(self.truth.clone(), self.cache.clone(), KEY, at(seconds))
    }

    /// Whether a request that comes at `seconds` lets the token's bearer in.
    fn lets_in(&self, seconds: i64) -> bool {
        let found = done(self.request(seconds).find_by_hash(&self.token.hash()));
        found.is_some_and(|session| session.verify(&self.token, at(seconds)).is_ok())
    }

    fn asked(&self) -> usize {
        self.truth.asked.load(Ordering::SeqCst)
    }

    fn key(&self) -> String {
        key(&self.token.hash())
    }
}

#[test]
fn second_look_up_does_not_ask_the_truth() {
    let scene = Scene::new();
    let first = done(scene.request(10).find_by_hash(&scene.token.hash()));
    let second = done(scene.request(40).find_by_hash(&scene.token.hash()));
    assert_eq!(first, second, "a copy says exactly what was read");
    assert_eq!(scene.asked(), 1);
}

#[test]
fn cache_holds_no_token() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    let values = scene.cache.values();
    assert_eq!(values.len(), 1);
    assert!(values.iter().all(|(key, value)| {
        let token = scene.token.expose();
        !key.contains(token) && !value.contains(token) && !value.contains("wjs_")
    }));
}

#[test]
fn copy_is_believed_for_55_seconds_and_no_longer() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    assert!(scene.lets_in(64));
    assert_eq!(scene.asked(), 1);
    assert!(scene.lets_in(65));
    assert_eq!(scene.asked(), 2);
}

#[test]
fn stamp_from_the_future_is_not_believed() {
    let scene = Scene::new();
    assert!(scene.lets_in(50));
    assert!(scene.lets_in(40), "the truth still lets in");
    assert_eq!(scene.asked(), 2);
}

#[test]
fn revoked_session_is_refused_at_once() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    let ended = done(scene.request(11).revoke(&scene.scope, &scene.session, at(11)));
    assert_eq!(ended, Some(scene.token.hash()));
    assert!(!scene.lets_in(12));
    assert!(!scene.lets_in(13));
    assert_eq!(
        scene.cache.values()[&scene.key()],
        TOMBSTONE,
        "no look-up replaces a tombstone"
    );
}

#[test]
fn tombstone_outlives_a_look_up_in_a_replica_that_lags_behind() {
    let scene = Scene::new();
    // The revocation has reached the cache, and not yet this truth.
    scene.cache.set(&scene.key(), TOMBSTONE);
    let request = scene.request(10);
    done(request.find_by_hash(&scene.token.hash()));
    done(request.touch(&scene.scope, &scene.session, at(11)));
    assert_eq!(scene.cache.values()[&scene.key()], TOMBSTONE);
}

#[test]
fn all_sessions_of_a_user_are_refused_at_once() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    let ended = done(scene.request(11).revoke_user(&scene.scope, &scene.user, at(11)));
    assert_eq!(ended.len(), 1);
    assert!(!scene.lets_in(12));
}

#[test]
fn slow_writer_who_puts_a_revoked_session_back_does_so_for_less_than_a_minute() {
    let scene = Scene::new();
    // It reads the truth at 10, and its write arrives only after the tombstone.
    assert!(scene.lets_in(10));
    let late = scene.cache.values()[&scene.key()].clone();
    done(scene.request(11).revoke(&scene.scope, &scene.session, at(11)));
    scene.cache.set(&scene.key(), &late);
    assert!(scene.lets_in(20), "which is why a minute is what is promised");
    assert!(!scene.lets_in(65));
    // Nor does it live on if it arrives much later.
    scene.cache.set(&scene.key(), &late);
    assert!(!scene.lets_in(300));
}

#[test]
fn cache_that_shows_no_tombstone_is_believed_for_less_than_a_minute() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    scene.cache.stop_showing_writes();
    done(scene.request(11).revoke(&scene.scope, &scene.session, at(11)));
    assert!(scene.lets_in(64));
    assert!(!scene.lets_in(65));
    assert!(!scene.lets_in(66));
}

#[test]
fn disabled_user_is_out_within_a_minute() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    let users = &scene.truth.store;
    assert!(done(users.set_disabled(
        &scene.scope,
        &scene.user,
        true,
        at(11),
        &record()
    )));
    assert!(!scene.lets_in(11 + 60));
}

#[test]
fn disabled_tenant_is_out_within_a_minute_and_its_sessions_are_not_cached() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    let store = &scene.truth.store;
    assert!(done(store.set_tenant_disabled(
        scene.scope.tenant(),
        true,
        &record()
    )));
    done(scene.truth.touch(&scene.scope, &scene.session, at(60)));
    let writes = scene.cache.writes.load(Ordering::SeqCst);
    assert!(!scene.lets_in(11 + 60));
    assert_eq!(scene.cache.writes.load(Ordering::SeqCst), writes);
}

#[test]
fn copy_never_refuses_what_the_truth_lets_in() {
    let scene = Scene::new();
    let before_the_end = IDLE - 10;
    let request = scene.request(before_the_end);
    let found = done(request.find_by_hash(&scene.token.hash())).expect("the session");
    let copy = Stamped {
        stamp: at(before_the_end),
        session: found,
    };
    scene.cache.set(&scene.key(), &copy.write(&KEY));
    done(
        scene
            .truth
            .touch(&scene.scope, &scene.session, at(before_the_end + 5)),
    );
    assert!(
        scene.lets_in(IDLE + 5),
        "by the copy it has rested too long, by the truth it has not"
    );
}

#[test]
fn touch_is_seen_by_the_next_request_and_makes_the_copy_no_younger() {
    let scene = Scene::new();
    let request = scene.request(100);
    done(request.find_by_hash(&scene.token.hash()));
    assert_eq!(
        scene.cache.values().len(),
        0,
        "a session that was not used for a while is cached when its use is noted: one write, not two"
    );
    done(request.touch(&scene.scope, &scene.session, at(101)));
    let next = done(scene.request(110).find_by_hash(&scene.token.hash())).expect("the session");
    assert_eq!(next.last_seen, at(101), "or every request would touch it again");
    assert_eq!(scene.asked(), 1);
    let later = scene.request(154);
    done(later.find_by_hash(&scene.token.hash()));
    done(later.touch(&scene.scope, &scene.session, at(154)));
    assert!(scene.lets_in(155));
    assert_eq!(
        scene.asked(),
        2,
        "55 seconds after the truth was read it is read again"
    );
}

#[test]
fn touch_of_a_request_that_logged_out_does_not_bring_the_session_back() {
    let scene = Scene::new();
    let request = scene.request(100);
    done(request.find_by_hash(&scene.token.hash()));
    done(request.revoke(&scene.scope, &scene.session, at(100)));
    // Noting the use runs beside the request, and may come last.
    done(request.touch(&scene.scope, &scene.session, at(100)));
    assert!(!scene.lets_in(101));
    assert_eq!(scene.cache.values()[&scene.key()], TOMBSTONE);
}

#[test]
fn touch_by_another_tenants_scope_changes_no_copy() {
    let scene = Scene::new();
    let request = scene.request(10);
    done(request.find_by_hash(&scene.token.hash()));
    let before = scene.cache.values();
    let stranger = Operator::dangerously_claim().scope(&"other".parse().expect("an id"));
    done(request.touch(&stranger, &scene.session, at(20)));
    assert_eq!(scene.cache.values(), before);
}

#[test]
fn cache_that_fails_is_as_good_as_none() {
    let scene = Scene::new();
    scene.cache.break_down(true);
    assert!(scene.lets_in(10));
    let request = scene.request(100);
    done(request.find_by_hash(&scene.token.hash()));
    done(request.touch(&scene.scope, &scene.session, at(100)));
    assert_eq!(
        done(request.revoke(&scene.scope, &scene.session, at(100))),
        Some(scene.token.hash()),
        "the truth has ended it"
    );
    assert!(!scene.lets_in(101));
}

#[test]
fn cache_that_fails_on_revocation_ends_its_copy_within_a_minute() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    scene.cache.break_down(true);
    done(scene.request(11).revoke(&scene.scope, &scene.session, at(11)));
    scene.cache.break_down(false);
    assert!(!scene.lets_in(11 + 60));
}

#[test]
fn truth_that_fails_is_not_replaced_by_an_old_copy() {
    struct Down;
    #[async_trait]
    impl SessionStore for Down {
        async fn find_by_hash(&self, _: &SessionHash) -> Result<Option<StoredSession>, StoreError> {
            Err(StoreError::unavailable("down"))
        }
        async fn create(&self, _: &Scope, _: &NewSession) -> Result<(), StoreError> {
            Err(StoreError::unavailable("down"))
        }
        async fn touch(&self, _: &Scope, _: &SessionId, _: Timestamp) -> Result<(), StoreError> {
            Err(StoreError::unavailable("down"))
        }
        async fn revoke(
            &self,
            _: &Scope,
            _: &SessionId,
            _: Timestamp,
        ) -> Result<Option<SessionHash>, StoreError> {
            Err(StoreError::unavailable("down"))
        }
        async fn list(&self, _: &Scope, _: &UserId) -> Result<Vec<StoredSession>, StoreError> {
            Err(StoreError::unavailable("down"))
        }
        async fn revoke_user(
            &self,
            _: &Scope,
            _: &UserId,
            _: Timestamp,
        ) -> Result<Vec<SessionHash>, StoreError> {
            Err(StoreError::unavailable("down"))
        }
    }
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    let request = CachedSessions::new(Down, scene.cache.clone(), KEY, at(65));
    let outcome = request
        .find_by_hash(&scene.token.hash())
        .now_or_never()
        .expect("memory answers at once");
    assert_eq!(outcome.expect_err("unknown").kind(), ErrorKind::Unavailable);
    // And an ending that is not known to have happened is not announced.
    let outcome = request
        .revoke(&scene.scope, &scene.session, at(65))
        .now_or_never();
    outcome.expect("memory answers at once").expect_err("unknown");
    assert_ne!(scene.cache.values()[&scene.key()], TOMBSTONE);
    let outcome = request.touch(&scene.scope, &scene.session, at(65)).now_or_never();
    outcome.expect("memory answers at once").expect_err("unknown");
}

#[test]
fn garbage_in_the_cache_is_as_good_as_nothing() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    let good = scene.cache.values()[&scene.key()].clone();
    let words: Vec<&str> = good.split(' ').collect();
    let mut bad: Vec<String> = vec![
        String::new(),
        "session-1".into(),
        "{}".into(),
        format!("{good} "),
        format!("{good} more"),
        good.replace("session-1", "session-2"),
        good.replace("member", "god"),
        good.replace("acme", "ACME"),
    ];
    // One word less, wherever it stood.
    bad.extend((0..words.len()).map(|place| {
        let mut fewer = words.clone();
        fewer.remove(place);
        fewer.join(" ")
    }));
    // One word that is none of its kind.
    bad.extend((0..words.len()).map(|place| {
        let mut other = words.clone();
        other[place] = "?";
        other.join(" ")
    }));
    for (n, value) in bad.iter().enumerate() {
        scene.cache.set(&scene.key(), value);
        assert!(scene.lets_in(20));
        assert_eq!(scene.asked(), n + 2, "believed: {value}");
    }
}

#[test]
fn copy_of_another_session_is_not_believed() {
    let scene = Scene::new();
    assert!(scene.lets_in(10));
    let value = scene.cache.values()[&scene.key()].clone();
    let other = SessionToken::generate([8; 32]);
    scene.cache.set(&key(&other.hash()), &value);
    assert_eq!(done(scene.request(20).find_by_hash(&other.hash())), None);
}

#[test]
fn what_is_unknown_is_not_cached() {
    let scene = Scene::new();
    let other = SessionToken::generate([8; 32]);
    assert_eq!(done(scene.request(20).find_by_hash(&other.hash())), None);
    assert_eq!(scene.cache.values().len(), 0);
}

#[test]
fn copy_that_somebody_else_wrote_or_changed_is_not_believed() {
    let scene = Scene::new();
    assert!(scene.lets_in(1));
    let copy = scene.cache.values()[&scene.key()].clone();
    let forger = CachedSessions::new(scene.truth.clone(), scene.cache.clone(), [8; 32], at(1));
    done(forger.find_by_hash(&scene.token.hash()));
    let forged = scene.cache.values()[&scene.key()].clone();
    assert_ne!(forged, copy, "another key makes another seal");
    let (body, _) = copy.rsplit_once(' ').expect("a seal");
    for planted in [
        forged,
        copy.replace(" member ", " owner "),
        copy.replace(" acme ", " rival "),
        body.to_owned(),
        format!("{body} "),
        format!("{body} {}", "00".repeat(32)),
    ] {
        scene.cache.set(&scene.key(), &planted);
        let asked = scene.asked();
        let found = done(scene.request(2).find_by_hash(&scene.token.hash())).expect("the truth has it");
        assert_eq!((found.role, found.tenant.as_str()), (Role::Member, "acme"));
        assert_eq!(scene.asked(), asked + 1, "{planted} was believed");
    }
}
