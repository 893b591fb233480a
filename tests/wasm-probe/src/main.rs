//! The gateway as one WebAssembly module: it serves two requests from memory, and panics if anything is amiss.
//!
//! A library that builds for `wasm32-unknown-unknown` may still ask for what is not there. A C function becomes an
//! import that nobody provides; `Instant::now` builds and panics when it is called. So `cargo xtask test` builds this
//! program, checks that it imports nothing, and runs it. It runs natively, too: `cargo run -p workjet-wasm-probe`.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use workjet_audit::Kind;
use workjet_auth::Operator;
use workjet_gateway::memory::MemoryHost;
use workjet_gateway::{Clock, Core, CoreOptions, DEFAULT_TENANT, Settings, Spawner, Task};
use workjet_tenant::Role;

fn main() {
    let spawner = Arc::new(Detached::default());
    let serving = serve(MemoryHost::new(
        Operator::dangerously_claim(),
        Arc::new(Stopped),
        spawner.clone(),
    ));
    let mut serving = pin!(serving);
    let mut context = Context::from_waker(Waker::noop());
    // All that is waited for is memory, so going round a few thousand times is enough.
    for _ in 0..10_000 {
        if serving.as_mut().poll(&mut context).is_ready() {
            return;
        }
        spawner.advance();
    }
    panic!("the gateway waits for something that never comes");
}

async fn serve(memory: MemoryHost) {
    let tenant = memory
        .tenant(DEFAULT_TENANT)
        .await
        .expect("memory has room for a tenant");
    let user = memory
        .user(&tenant, "mira@example.com", Role::Member, None)
        .await
        .expect("a new user");
    let key = memory.key(&user).await.expect("a new key");
    let core = Arc::new(Core::new(CoreOptions::new(Settings::demo(), [7; 32])));
    let router = workjet_gateway::router(core, memory.host());

    for stream in [false, true] {
        let request = json!({
            "model": "demo", "stream": stream,
            "messages": [{"role": "user", "content": "Card 4111 1111 1111 1111, please."}],
        });
        let request = Request::post("/v1/chat/completions")
            .header("authorization", format!("Bearer {}", key.expose()))
            .header("content-type", "application/json")
            .body(Body::from(request.to_string()))
            .expect("a request");
        let reply = router
            .clone()
            .oneshot(request)
            .await
            .expect("a router cannot fail");
        let status = reply.status();
        let body = reply
            .into_body()
            .collect()
            .await
            .expect("a whole body")
            .to_bytes();
        let text = String::from_utf8_lossy(&body);
        assert_eq!(status, 200, "{text}");
        assert_eq!(said(&text, stream), "Card [REDACTED:credit_card], please.");
    }
    let kinds: Vec<Kind> = memory
        .entries(&tenant)
        .await
        .expect("a log")
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    let count = |kind| kinds.iter().filter(|&&of| of == kind).count();
    assert_eq!(
        (count(Kind::AiIntent), count(Kind::AiOutcome)),
        (2, 2),
        "{kinds:?}"
    );
}

/// What the model said in a reply, whole or streamed.
fn said(reply: &str, stream: bool) -> String {
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("replies are JSON");
    let content = |value: Value, field| {
        value["choices"][0][field]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    if !stream {
        return content(parse(reply), "message");
    }
    let events = reply
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]");
    events.map(|data| content(parse(data), "delta")).collect()
}

/// A clock that shows one moment for ever.
struct Stopped;

#[async_trait]
impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("a moment in range")
    }

    async fn sleep(&self, _: Duration) {
        pending::<()>().await;
    }
}

/// Detached tasks, which move when they are told to.
#[derive(Default)]
struct Detached(Mutex<Vec<Task>>);

impl Spawner for Detached {
    fn spawn(&self, task: Task) {
        self.0.lock().expect("there is one thread").push(task);
    }
}

impl Detached {
    fn advance(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().expect("there is one thread"));

        let mut context = Context::from_waker(Waker::noop());
        let still: Vec<Task> = tasks
            .into_iter()
            .filter_map(|mut task| match task.as_mut().poll(&mut context) {
                Poll::Ready(()) => None,
                Poll::Pending => Some(task),
            })
            .collect();
        self.0.lock().expect("there is one thread").extend(still);
    }
}
