//! A log at the other end of a wire, and wires that fail.

mod common;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::{Records, Slow, entry, ids, intent, outcome, scope};
use futures_executor::block_on;
use workjet_audit::remote::{LogTransport, RemoteSink, serve};
use workjet_audit::{AuditSink, ErrorKind, Fault, Kind, Log, LogStore, MemoryLogStore};
use workjet_auth::Operator;
use workjet_tenant::{Scope, StoreError};

/// Leads to a log in the same process.
struct Wire<S>(Log<S>);

#[async_trait]
impl<S: LogStore> LogTransport for Wire<S> {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(serve(&self.0, scope, &request).await)
    }
}

fn wire(store: &MemoryLogStore) -> Wire<MemoryLogStore> {
    Wire(Log::new(store.clone()).with_remote_callers())
}

/// Loses what is written, before or after it arrives.
struct Lossy {
    wire: Wire<MemoryLogStore>,
    /// For the next calls: whether the request arrives, whose reply then does not.
    losses: Mutex<Vec<bool>>,
}

#[async_trait]
impl LogTransport for Lossy {
    async fn call(&self, scope: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let loss = self.losses.lock().expect("no panic").pop();
        if loss != Some(false) {
            let reply = self.wire.call(scope, request).await?;
            if loss.is_none() {
                return Ok(reply);
            }
        }
        Err(StoreError::unavailable("the wire was cut"))
    }
}

/// Says the same whatever it is asked.
struct Parrot(&'static str);

#[async_trait]
impl LogTransport for Parrot {
    async fn call(&self, _: &Scope, _: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        Ok(self.0.as_bytes().to_vec())
    }
}

/// Leads everybody to the log of another tenant.
struct Crossed(Wire<MemoryLogStore>);

#[async_trait]
impl LogTransport for Crossed {
    async fn call(&self, _: &Scope, request: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let other = Operator::dangerously_claim().scope(&"other".parse().expect("an id"));
        self.0.call(&other, request).await
    }
}

#[test]
fn log_at_the_other_end_keeps_the_contract_of_a_sink() {
    let log = Log::new(Slow(MemoryLogStore::new())).with_remote_callers();
    block_on(workjet_conformance::audit_sink(&RemoteSink::new(Wire(log))));
}

#[test]
fn entry_crosses_as_it_is() {
    let store = MemoryLogStore::new();
    let sink = RemoteSink::new(wire(&store));
    let sent = intent(1)
        .model_asked("ünïcode \u{1F600} \"quoted\"")
        .targets(["openai:gpt-5"])
        .detail("n", 1);
    block_on(async {
        sink.append(&scope(), sent.clone()).await.expect("is logged");
        let read = sink.read(&scope(), 0, usize::MAX).await.expect("an answer");
        assert_eq!(read[0].entry, sent);
    });
}

#[test]
fn lost_reply_is_asked_for_again_and_nothing_is_logged_twice() {
    let store = MemoryLogStore::new();
    let lossy = Lossy {
        wire: wire(&store),
        losses: Mutex::default(),
    };
    let lossy = Arc::new(lossy);
    let sink = RemoteSink::new(lossy.clone());
    block_on(async {
        for (n, arrived) in [(0, true), (2, false), (4, true)] {
            for (index, entry) in [(n, intent(n)), (n + 1, outcome(n))] {
                lossy.losses.lock().expect("no panic").push(arrived);
                let receipt = sink.append(&scope(), entry).await;
                assert_eq!(receipt.expect("is logged").index, index);
            }
        }
    });
    assert_eq!(ids(&store), ["i-0", "o-0", "i-2", "o-2", "i-4", "o-4"]);
}

#[test]
fn wire_that_stays_cut_is_a_log_that_does_not_answer() {
    let store = MemoryLogStore::new();
    let lossy = Lossy {
        wire: wire(&store),
        losses: Mutex::new(vec![false; 4]),
    };
    let sink = RemoteSink::new(lossy);
    block_on(async {
        for _ in 0..2 {
            let error = sink.append(&scope(), intent(1)).await.expect_err("no answer");
            assert!(error.is_retryable() && error.to_string().contains("the wire was cut"));
        }
        sink.append(&scope(), intent(1)).await.expect("is logged");
    });
    assert_eq!(ids(&store), ["i-1"]);
}

#[test]
fn refusals_keep_their_kind_and_their_words() {
    let scope = scope();
    block_on(async {
        let store = MemoryLogStore::new();
        let (here, there) = (Log::new(store.clone()), RemoteSink::new(wire(&store)));
        let both = async |entry: workjet_audit::Entry| {
            let here = here.append(&scope, entry.clone()).await.expect_err("is refused");
            let there = there.append(&scope, entry).await.expect_err("is refused");
            assert_eq!((here.kind(), here.to_string()), (there.kind(), there.to_string()));
            there.kind()
        };
        assert_eq!(both(outcome(1)).await, ErrorKind::Invalid);

        let mut stored = store.stored(scope.tenant());
        stored.head = Some(b"nonsense".to_vec());
        store.tamper(scope.tenant(), stored);
        let sink = RemoteSink::new(wire(&store));
        let error = sink.checkpoint(&scope).await.expect_err("the head is damaged");
        assert_eq!(error.kind(), ErrorKind::Corrupt);

        let store = MemoryLogStore::new();
        let sink = RemoteSink::new(wire(&store));
        store.fail_at(0, Fault::Before);
        for _ in 0..2 {
            let error = sink.append(&scope, intent(1)).await.expect_err("a write failed");
            assert_eq!(error.kind(), ErrorKind::Stopped);
        }

        let log = Arc::new(wire(&MemoryLogStore::new()));
        let sink = RemoteSink::new(log.clone());
        sink.checkpoint(&scope).await.expect("opens");
        log.0.close().await.expect("closes");
        let error = sink.append(&scope, intent(1)).await.expect_err("is closed");
        assert_eq!(error.kind(), ErrorKind::Closed);
    });
}

#[test]
fn reply_that_is_not_understood_leaves_open_what_happened() {
    for reply in [
        "",
        "nonsense",
        r#"{"v":2,"appended":1}"#,
        r#"{"appended":1}"#,
        r#"{"v":1,"checkpoint":"1 00"}"#,
        r#"{"v":1,"entries":[]}"#,
        r#"{"v":1,"error":{"kind":"later","message":"…"}}"#,
    ] {
        let sink = RemoteSink::new(Parrot(reply));
        let error = block_on(sink.append(&scope(), intent(1))).expect_err("no receipt");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{reply}");
        assert!(block_on(sink.checkpoint(&scope())).is_err(), "{reply}");
    }
}

#[test]
fn request_that_is_not_understood_or_went_astray_is_refused_and_logged_nowhere() {
    let store = MemoryLogStore::new();
    block_on(async {
        let log = Log::new(store.clone()).with_remote_callers();
        for request in [
            "",
            "nonsense",
            r#"{"v":1,"tenant":"acme","call":"delete"}"#,
            r#"{"v":2,"tenant":"acme","call":"drain"}"#,
            r#"{"v":1,"tenant":"other","call":"checkpoint"}"#,
            r#"{"v":1,"tenant":"acme","call":"append","entry":{"kind":"from.the.future"}}"#,
        ] {
            let reply = serve(&log, &scope(), request.as_bytes()).await;
            let reply = String::from_utf8(reply).expect("text");
            assert!(
                reply.starts_with(r#"{"v":1,"error":{"kind":"invalid""#),
                "{reply}"
            );
        }
        let astray = RemoteSink::new(Crossed(wire(&store)));
        let error = astray.append(&scope(), intent(1)).await.expect_err("went astray");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    });
    assert_eq!(store.stored(scope().tenant()).journal, None);
}

#[test]
fn change_is_logged_when_it_is_asked_for() {
    let store = MemoryLogStore::new();
    let outbox = Arc::new(Records::default());
    let log = Log::new(store.clone())
        .with_outbox(outbox.clone())
        .with_remote_callers();
    let sink = RemoteSink::new(Wire(log));
    outbox.put(&entry("key", Kind::AdminKeyCreated));
    block_on(sink.checkpoint(&scope())).expect("an answer");
    assert_eq!(ids(&store), ["key"]);
}
