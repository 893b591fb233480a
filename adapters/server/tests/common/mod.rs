//! Runs the built binary as its users do, and speaks to it over HTTPS.

#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

pub const CARD: &str = "4111 1111 1111 1111";

pub fn workjet(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workjet"));
    command.args(args).env_remove("WORKJET_LOG").env("NO_PROXY", "*");
    command
}

/// Runs a command to its end.
pub fn run(args: &[&str]) -> Output {
    workjet(args)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

/// Runs a command to its end with `input`.
pub fn run_with(args: &[&str], input: &[u8]) -> Output {
    let mut child = workjet(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("an end");
    let _ = writer.join();
    output
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

pub fn stdout_of(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A running gateway.
pub struct Gateway {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub announcement: Value,
    pub log: PathBuf,
}

impl Gateway {
    /// Starts on a free port over `folder`, with `config` if there is one, and waits until it is ready.
    pub fn start(folder: &Path, config: Option<&str>) -> Self {
        let (data, file) = (folder.join("data"), folder.join("workjet.toml"));
        let mut args = vec![
            "serve",
            "--data",
            path(&data),
            "--listen",
            "127.0.0.1:0",
            "--announce",
            "json",
        ];
        if let Some(config) = config {
            std::fs::write(&file, config).expect("written");
            args.extend(["--config", path(&file)]);
        }
        Self::spawn(workjet(&args), &folder.join("stderr.log"))
    }

    pub fn spawn(mut command: Command, log: &Path) -> Self {
        let stderr = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log file");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the binary runs");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let log = log.to_owned();
        let announcement = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!(
                "no announcement but {line:?}; {}",
                std::fs::read_to_string(&log).unwrap_or_default()
            )
        });
        Self {
            child,
            stdout,
            announcement,
            log,
        }
    }

    pub fn said(&self, name: &str) -> &str {
        self.announcement[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {}", self.announcement))
    }

    pub fn client(&self) -> HttpsClient {
        HttpsClient::new(self.said("url"), Path::new(self.said("ca")))
    }

    pub fn port(&self) -> u16 {
        self.said("url")
            .rsplit(':')
            .next()
            .expect("a port")
            .parse()
            .expect("a number")
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("an end");
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.stdout, &mut rest).expect("the end of its output");
        assert_eq!(rest, "", "one line is announced and nothing else");
        status
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert!(
            status.success(),
            "{status}; {}",
            std::fs::read_to_string(&self.log).unwrap_or_default()
        );
    }

    /// As a power failure would, as far as the process can tell.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("an end");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The text of a whole Chat Completions reply.
    pub fn content(&self) -> String {
        self.json()["choices"][0]["message"]["content"]
            .as_str()
            .unwrap_or_else(|| panic!("{self:?}"))
            .to_owned()
    }
}

/// A client that trusts one CA and speaks TLS 1.3.
#[derive(Clone)]
pub struct HttpsClient {
    url: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpsClient {
    pub fn new(url: &str, ca: &Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(ca).expect("the CA in PEM"))
            .expect("a CA");
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .expect("ring has TLS 1.3")
                .with_root_certificates(roots)
                .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_all_versions()
            .build();
        Self {
            url: url.to_owned(),
            client: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    pub async fn get(&self, path: &str, key: Option<&str>) -> Reply {
        let request = Request::get(format!("{}{path}", self.url));
        self.send(bearer(request, key).body(Full::default()).expect("a request"))
            .await
    }

    pub async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Reply {
        read(self.begin(path, key, body).await).await
    }

    /// The reply with its body still on the way.
    pub async fn begin(&self, path: &str, key: Option<&str>, body: &Value) -> http::Response<Incoming> {
        let request = Request::post(format!("{}{path}", self.url)).header("content-type", "application/json");
        let request = bearer(request, key)
            .body(Full::from(body.to_string()))
            .expect("a request");
        self.client.request(request).await.expect("a reply")
    }

    /// Asks a model for `text`.
    pub async fn chat(&self, key: &str, text: &str) -> Reply {
        self.post("/v1/chat/completions", Some(key), &chat(text, false))
            .await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        read(self.client.request(request).await.expect("a reply")).await
    }
}

pub fn chat(text: &str, stream: bool) -> Value {
    json!({"model": "demo", "stream": stream, "messages": [{"role": "user", "content": text}]})
}

fn bearer(request: http::request::Builder, key: Option<&str>) -> http::request::Builder {
    match key {
        Some(key) => request.header("authorization", format!("Bearer {key}")),
        None => request,
    }
}

pub async fn read(reply: http::Response<Incoming>) -> Reply {
    let (head, body) = reply.into_parts();
    let body = body.collect().await.expect("the whole body").to_bytes();
    Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        body: text(&body),
    }
}

/// The tenant's log as `audit export` shows it.
pub fn exported(data: &Path) -> Vec<Value> {
    let lines = stdout_of(&["audit", "export", "--data", path(data), "--format", "jsonl"]);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

pub fn kinds(entries: &[Value]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry["kind"].as_str().expect("a kind"))
        .collect()
}

/// Tries again until `done`, for what happens within a second or two.
pub async fn eventually(mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not happen");
}
