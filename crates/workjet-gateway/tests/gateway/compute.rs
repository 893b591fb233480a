//! Long scans, which a home with threads does elsewhere.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use http::StatusCode;
use workjet_gateway::{Core, CoreOptions, Host, Settings, Spawner, Task};

use super::support::{Gateway, Tokio};

/// Computes on threads of their own, and remembers which.
#[derive(Default)]
struct Threads(Arc<Mutex<Vec<ThreadId>>>);

impl Spawner for Threads {
    fn spawn(&self, task: Task) {
        Tokio.spawn(task);
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) {
        let computed = self.0.clone();
        tokio::task::spawn_blocking(move || {
            computed.lock().expect("no panic").push(thread::current().id());
            work();
        });
    }
}

/// Takes work and never does it, like a home that is short of memory.
#[derive(Default)]
struct Forgetful(AtomicUsize);

impl Spawner for Forgetful {
    fn spawn(&self, task: Task) {
        Tokio.spawn(task);
    }

    fn compute(&self, _: Box<dyn FnOnce() + Send>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

async fn demo(spawner: Arc<dyn Spawner>) -> Gateway {
    let core = Core::new(CoreOptions::new(Settings::demo(), [3; 32]));
    Gateway::with_host(core, |host| Host { spawner, ..host }).await
}

fn long(text: &str) -> String {
    format!("{}{text}", "lorem ipsum ".repeat(10_000))
}

#[tokio::test]
async fn large_body_is_scanned_on_another_thread_and_a_small_one_here() {
    let threads = Threads::default();
    let computed = threads.0.clone();
    let gateway = demo(Arc::new(threads)).await;
    let card = "4111 1111 1111 1111";

    let answer = gateway.chat(card).await;
    assert_eq!(answer.header("x-workjet-dlp"), "request=credit_card:redact*1");
    assert!(computed.lock().expect("no panic").is_empty());

    let answer = gateway.chat(&long(card)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("x-workjet-dlp"), "request=credit_card:redact*1");
    assert!(!answer.body.contains(card));
    let computed = computed.lock().expect("no panic");
    assert_eq!(computed.len(), 1);
    assert_ne!(computed[0], thread::current().id());
}

#[tokio::test]
async fn body_whose_scan_was_never_done_is_refused_and_the_refusal_logged() {
    let spawner = Arc::new(Forgetful::default());
    let gateway = demo(spawner.clone()).await;
    let answer = gateway.chat(&long("hello")).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal")
    );
    assert_eq!(spawner.0.load(Ordering::Relaxed), 1);
    let entries = gateway.memory.entries(&gateway.tenant).await.expect("a log");
    let last = entries.last().expect("an entry");
    assert_eq!(
        (last.kind.as_str(), last.code.as_deref()),
        ("ai.refused", Some("internal"))
    );
}
