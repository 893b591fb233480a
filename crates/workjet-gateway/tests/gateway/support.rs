//! A gateway in memory, with tokio's paused clock: waiting costs no time, and everything is in the same order in every
//! run.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;
use workjet_audit::{Entry, Kind};
use workjet_auth::{ApiKey, Operator, User};
use workjet_gateway::memory::MemoryHost;
use workjet_gateway::{
    Clock, Config, Core, CoreOptions, Host, NoPasswords, RemoteAddress, Settings, Spawner, Task,
};
use workjet_tenant::{Role, TenantId};

/// Tokio's clock, which tests pause.
#[derive(Debug)]
pub(crate) struct TestClock(tokio::time::Instant);

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let begin: Timestamp = "2026-11-23T09:30:00Z".parse().expect("a timestamp");
        begin + self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[derive(Debug)]
pub(crate) struct Tokio;

impl Spawner for Tokio {
    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}

/// A gateway with one tenant, one member, and the member's key.
pub(crate) struct Gateway {
    pub(crate) router: axum::Router,
    pub(crate) memory: MemoryHost,
    pub(crate) tenant: TenantId,
    pub(crate) user: User,
    pub(crate) key: String,
}

/// Somebody with a key.
pub(crate) struct Caller {
    pub(crate) user: User,
    key: ApiKey,
}

impl Caller {
    pub(crate) fn key(&self) -> &str {
        self.key.expose()
    }

    pub(crate) fn key_id(&self) -> &str {
        self.key.id().as_str()
    }
}

/// The cookie that an answer sets, as a browser sends it back.
pub(crate) fn cookie(answer: &Answer) -> String {
    answer
        .header("set-cookie")
        .split(';')
        .next()
        .expect("a pair")
        .to_owned()
}

/// What came back, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The error's code, in either dialect.
    pub(crate) fn code(&self) -> String {
        let error = &self.json()["error"];
        let code = if error["code"].is_string() {
            &error["code"]
        } else {
            &error["type"]
        };
        code.as_str().unwrap_or_default().to_owned()
    }
}

/// Settings out of a configuration; every provider has the key `provider-key`.
pub(crate) fn settings(toml: &str) -> Settings {
    let config = Config::from_toml(toml, "test.toml").expect("a good configuration");
    Settings::from_config(&config, |_| Some("provider-key".to_owned().into())).expect("good routes")
}

/// One OpenAI provider, and what `more` says.
pub(crate) fn openai(more: &str) -> Settings {
    settings(&format!(
        "{more}\n[[provider]]\nname = \"openai\"\nkind = \"openai\"\nbase_url = \"https://openai.test/v1\"\n"
    ))
}

impl Gateway {
    pub(crate) async fn demo() -> Self {
        Self::with(Settings::demo()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::with_options(CoreOptions::new(settings, [3; 32])).await
    }

    pub(crate) async fn with_options(options: CoreOptions) -> Self {
        Self::with_core(Core::new(options)).await
    }

    pub(crate) async fn with_core(core: Core) -> Self {
        Self::with_host(core, |host| host).await
    }

    /// A home where nobody has a password.
    pub(crate) async fn without_passwords(options: CoreOptions) -> Self {
        let without = |host| Host {
            passwords: Arc::new(NoPasswords),
            ..host
        };
        Self::with_host(Core::new(options), without).await
    }

    /// A home where nobody was ever, and nobody has a password. Its tenant, user and key are names alone.
    pub(crate) async fn empty(options: CoreOptions) -> Self {
        let peopled = Self::without_passwords(CoreOptions::new(Settings::demo(), [3; 32])).await;
        let memory = Self::memory();
        let host = Host {
            passwords: Arc::new(NoPasswords),
            ..memory.host()
        };
        let router = workjet_gateway::router(Arc::new(Core::new(options)), host);
        Self {
            router,
            memory,
            ..peopled
        }
    }

    fn memory() -> MemoryHost {
        let clock = Arc::new(TestClock(tokio::time::Instant::now()));
        MemoryHost::new(Operator::dangerously_claim(), clock, Arc::new(Tokio))
    }

    /// The same, over a home that is changed in some way.
    pub(crate) async fn with_host(core: Core, change: impl FnOnce(Host) -> Host) -> Self {
        let memory = Self::memory();
        let tenant = memory.tenant("default").await.expect("a tenant");
        let user = memory
            .user(&tenant, "ada@example.com", Role::Member, None)
            .await
            .expect("a user");
        let key = memory.key(&user).await.expect("a key").expose().to_owned();
        let router = workjet_gateway::router(Arc::new(core), change(memory.host()));
        Self {
            router,
            memory,
            tenant,
            user,
            key,
        }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> http::Response<Body> {
        self.router
            .clone()
            .oneshot(request)
            .await
            .expect("the router always answers")
    }

    /// Sends a request and reads all of the answer.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.send(request).await.into_parts();
        let body = body.collect().await.expect("bodies do not fail").to_bytes();
        let body = String::from_utf8(body.to_vec()).expect("bodies are UTF-8");
        // What is detached may still be at work.
        self.rest().await;
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(self.request(path, body.to_string())).await
    }

    pub(crate) async fn chat(&self, content: &str) -> Answer {
        self.post("/v1/chat/completions", &chat(content)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {}", self.key));
        self.ask(request.body(Body::empty()).expect("a request")).await
    }

    /// A request with the member's key.
    pub(crate) fn request(&self, path: &str, body: impl Into<Body>) -> Request<Body> {
        self.request_as(&self.key, path, body)
    }

    pub(crate) fn request_as(&self, key: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
        Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(AUTHORIZATION, format!("Bearer {key}"))
            .header(CONTENT_TYPE, "application/json")
            .body(body.into())
            .expect("a request")
    }

    /// Somebody else, in whichever tenant, and their key.
    pub(crate) async fn caller(&self, tenant: &str, email: &str, role: Role) -> Caller {
        let tenant = self.memory.tenant(tenant).await.expect("a tenant");
        let user = self.memory.user(&tenant, email, role, None).await;
        let user = user.expect("a user");
        let key = self.memory.key(&user).await.expect("a key");
        Caller { user, key }
    }

    /// A request to `https://gate.test` with these headers, from 192.0.2.7.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "gate.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let mut request = request.expect("a request");
        let address = RemoteAddress(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));
        request.extensions_mut().insert(address);
        self.ask(request).await
    }

    /// Asserts that no tenant's log says any of these.
    pub(crate) async fn assert_unlogged(&self, secrets: &[&str]) {
        let host = self.memory.host();
        for tenant in host.operators.tenants().await.expect("an answer") {
            for entry in self.memory.entries(&tenant.id).await.expect("a log") {
                let json = entry.to_canonical_json();
                for secret in secrets {
                    assert!(!json.contains(secret), "the log holds a secret: {json}");
                }
            }
        }
    }

    /// Lets detached work go on until it waits.
    pub(crate) async fn rest(&self) {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    }

    /// The log's entries about requests.
    pub(crate) async fn log(&self) -> Vec<Entry> {
        let is_about_ai =
            |entry: &Entry| matches!(entry.kind, Kind::AiIntent | Kind::AiOutcome | Kind::AiRefused);
        self.all_entries().await.into_iter().filter(is_about_ai).collect()
    }

    pub(crate) async fn all_entries(&self) -> Vec<Entry> {
        self.memory.entries(&self.tenant).await.expect("a log")
    }

    /// Kinds and codes of the log's entries about requests, as `ai.outcome ok`.
    pub(crate) async fn story(&self) -> Vec<String> {
        let line = |entry: Entry| match entry.code {
            Some(code) => format!("{} {code}", entry.kind),
            None => entry.kind.to_string(),
        };
        self.log().await.into_iter().map(line).collect()
    }
}

pub(crate) fn chat(content: &str) -> Value {
    json!({ "model": "openai:gpt-test", "messages": [{ "role": "user", "content": content }] })
}

pub(crate) fn streamed(content: &str) -> Value {
    let mut body = chat(content);
    body["stream"] = json!(true);
    body
}

/// A whole reply as OpenAI writes it.
pub(crate) fn openai_reply(content: &str) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-test-2026",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": content }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 }
    })
    .to_string()
}

/// A stream as OpenAI writes it, one frame a piece.
pub(crate) fn openai_stream(deltas: &[&str]) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-test-2026",
            "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let delta =
        |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
    let mut frames = vec![chunk(
        delta(json!({ "role": "assistant", "content": "" }), Value::Null),
        Value::Null,
    )];
    frames.extend(
        deltas
            .iter()
            .map(|text| chunk(delta(json!({ "content": text }), Value::Null), Value::Null)),
    );
    frames.push(chunk(delta(json!({}), json!("stop")), Value::Null));
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 });
    frames.push(chunk(json!([]), usage));
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}
