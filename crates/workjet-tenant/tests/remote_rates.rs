//! What the conformance suite does not ask of a store behind a wire: damaged, foreign and later messages.
#![cfg(feature = "remote")]

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use jiff::Timestamp;
use workjet_tenant::remote::{RateTransport, RemoteRates, serve_rates};
use workjet_tenant::{
    Actor, Charge, Consistency, Decision, ErrorKind, LimitKey, MemoryRates, Quota, RateStore, RequestId,
    Role, Scope, StoreError,
};

/// Nothing in memory ever waits, so one poll is enough.
fn now_or_never<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("a store in memory answers at once")
}

fn scope(tenant: &str) -> Scope {
    Scope::dangerously_assume(tenant.parse().expect("an id"), Actor::System, Role::Member)
}

fn id() -> RequestId {
    "r".parse().expect("an id")
}

fn now() -> Timestamp {
    Timestamp::from_nanosecond(1_800_000_000_123_456_789).expect("in range")
}

fn charge() -> Charge {
    let some = |n| std::num::NonZeroU64::new(n).expect("not zero");
    Charge {
        key: LimitKey::user_requests(&"ada".parse().expect("an id")),
        quota: Quota {
            limit: some(7),
            per: Duration::from_nanos(1_000_000_001),
            burst: some(u64::MAX),
        },
        amount: u64::MAX / 2,
    }
}

/// Answers, with some damage.
struct Wire(Box<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>);

#[async_trait]
impl RateTransport for Wire {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let reply = serve_rates(&MemoryRates::new(), scope, &request).await;
        Ok((self.0)(reply))
    }
}

fn remote(damage: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> RemoteRates<Wire> {
    RemoteRates::new(Wire(Box::new(damage)), Consistency::Strict)
}

fn reserve(store: &dyn RateStore) -> Result<Decision, StoreError> {
    let ttl = Duration::from_nanos(300_000_000_001);
    now_or_never(store.reserve(&scope("acme"), &id(), &[charge()], now(), ttl))
}

#[test]
fn numbers_and_times_arrive_to_the_last_digit() {
    assert_eq!(
        reserve(&remote(|reply| reply)).expect("an answer"),
        reserve(&MemoryRates::new()).expect("an answer")
    );
}

#[test]
fn answer_that_cannot_be_read_is_no_admission() {
    let text = |reply: Vec<u8>| String::from_utf8(reply).expect("JSON is text");
    let answers: [fn(String) -> String; 5] = [
        |_| String::new(),
        |_| "null".into(),
        |reply| reply[..reply.len() - 1].into(),
        |reply| reply.replacen("\"v\":1", "\"v\":2", 1),
        |_| r#"{"v":1,"body":{"Ok":"done"}}"#.into(),
    ];
    for damage in answers {
        let store = remote(move |reply| damage(text(reply)).into_bytes());
        let error = reserve(&store).expect_err("what is unknown is refused");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}

/// What an error says when it has crossed the wire.
fn answered(scope: &Scope, request: &[u8]) -> String {
    let reply = now_or_never(serve_rates(&MemoryRates::new(), scope, request));
    String::from_utf8(reply).expect("JSON is text")
}

#[test]
fn request_that_cannot_be_read_or_went_astray_does_nothing() {
    let request =
        r#"{"v":1,"body":{"tenant":"acme","call":{"release":{"id":"r","now":"2026-11-23T09:30:00Z"}}}}"#;
    assert!(answered(&scope("acme"), request.as_bytes()).contains("Ok"));
    assert!(answered(&scope("other"), request.as_bytes()).contains("reached the rate limits of another"));
    let later = request.replace("\"v\":1", "\"v\":2");
    for unreadable in ["", "{}", &request[..40], &later] {
        assert!(answered(&scope("acme"), unreadable.as_bytes()).contains("run one version everywhere"));
    }
}

/// Fails in a way of its own.
struct Broken;

#[async_trait]
impl RateStore for Broken {
    fn consistency(&self) -> Consistency {
        Consistency::Strict
    }

    async fn reserve(
        &self,
        _: &Scope,
        _: &RequestId,
        _: &[Charge],
        _: Timestamp,
        _: Duration,
    ) -> Result<Decision, StoreError> {
        Err(StoreError::new(ErrorKind::Corrupt, "restore it from a backup"))
    }

    async fn settle(&self, _: &Scope, _: &RequestId, _: &[u64], _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::new(ErrorKind::Conflict, "somebody was faster"))
    }

    async fn release(&self, _: &Scope, _: &RequestId, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::unavailable("no answer"))
    }
}

struct ToBroken;

#[async_trait]
impl RateTransport for ToBroken {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(serve_rates(&Broken, scope, &request).await)
    }
}

#[test]
fn errors_keep_their_kind_and_their_words() {
    let store = RemoteRates::new(ToBroken, Consistency::Strict);
    let error = reserve(&store).expect_err("it is broken");
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Corrupt, "restore it from a backup")
    );
    let error = now_or_never(store.settle(&scope("acme"), &id(), &[1], now())).expect_err("it is broken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let error = now_or_never(store.release(&scope("acme"), &id(), now())).expect_err("it is broken");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// Does what it is asked, and loses the first answers.
struct Lossy {
    rates: MemoryRates,
    losses: std::sync::atomic::AtomicUsize,
}

#[async_trait]
impl RateTransport for Lossy {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        use std::sync::atomic::Ordering::SeqCst;
        let reply = serve_rates(&self.rates, scope, &request).await;
        let is_lost = self
            .losses
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if is_lost {
            return Err(StoreError::unavailable("the answer was lost"));
        }
        Ok(reply)
    }
}

#[test]
fn lost_answer_is_asked_for_once_more_and_takes_nothing_more() {
    let lossy = |losses| {
        let wire = Lossy {
            rates: MemoryRates::new(),
            losses: std::sync::atomic::AtomicUsize::new(losses),
        };
        RemoteRates::new(wire, Consistency::Strict)
    };
    assert_eq!(
        reserve(&lossy(1)).expect("an answer"),
        reserve(&MemoryRates::new()).expect("an answer")
    );
    assert_eq!(
        reserve(&lossy(2)).expect_err("not for ever").kind(),
        ErrorKind::Unavailable
    );
}
