//! The gateway as its users start, stop and lose it.

mod common;

use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use common::{CARD, Gateway, chat, exported, folder, kinds, path, run, stdout_of, text};
use http_body_util::BodyExt as _;
use serde_json::Value;

#[tokio::test]
async fn first_start_announces_what_a_client_needs_and_redacts() {
    let dir = folder();
    let gateway = Gateway::start(dir.path(), None);
    let names: Vec<&String> = gateway
        .announcement
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert_eq!(names, ["url", "key", "user", "password", "pin", "ca", "tenant"]);
    assert_eq!(gateway.said("tenant"), "default");
    assert!(gateway.said("pin").starts_with("sha256/"));
    assert!(Path::new(gateway.said("ca")).is_absolute());

    let reply = gateway
        .client()
        .chat(gateway.said("key"), &format!("My card is {CARD}."))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.content(), "My card is [REDACTED:credit_card].");
    assert!(reply.headers.contains_key("x-workjet-request-id"));

    let client = gateway.client();
    assert_eq!(client.get("/healthz", None).await.status, 200);
    assert_eq!(client.get("/readyz", None).await.status, 200);
    assert_eq!(client.chat("wj_live_nobody", "hello").await.status, 401);
    gateway.stop();
}

#[tokio::test]
async fn plain_workjet_serves_and_prints_each_secret_once() {
    let dir = folder();
    let data = dir.path().join("data");
    let mut child = common::workjet(&["--data", path(&data), "--listen", "127.0.0.1:0"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut out = child.stdout.take().expect("piped");
    let mut said = String::new();
    // Ready once the example is printed.
    while !said.contains("4111") {
        let mut chunk = [0; 4096];
        let length = out.read(&mut chunk).expect("its output");
        assert_ne!(length, 0, "{said}");
        said += &text(&chunk[..length]);
    }
    child.kill().expect("killed");
    child.wait().expect("an end");
    let key = said
        .split_once("WORKJET_API_KEY=")
        .expect("a key")
        .1
        .lines()
        .next()
        .expect("a line");
    assert!(key.starts_with("wj_live_"));
    assert_eq!(said.matches(key).count(), 1, "{said}");
    assert!(said.contains("--cacert"));
}

#[test]
fn restart_prints_no_secrets_and_keeps_the_pin() {
    let dir = folder();
    let first = Gateway::start(dir.path(), None);
    let (pin, user) = (first.said("pin").to_owned(), first.said("user").to_owned());
    first.stop();
    let second = Gateway::start(dir.path(), None);
    assert_eq!(second.said("pin"), pin);
    assert_eq!(second.said("user"), user);
    assert_eq!(second.announcement.get("key"), None);
    assert_eq!(second.announcement.get("password"), None);
    second.stop();
}

#[test]
fn tls_1_2_is_refused() {
    let dir = folder();
    let gateway = Gateway::start(dir.path(), None);
    let (port, ca) = (gateway.port(), Path::new(gateway.said("ca")));
    handshake(port, ca, &rustls::version::TLS13).expect("TLS 1.3 is spoken");
    let refused = handshake(port, ca, &rustls::version::TLS12)
        .expect_err("TLS 1.2 is not")
        .to_string();
    assert!(refused.contains("ProtocolVersion"), "{refused}");
}

#[tokio::test]
async fn replaced_certificate_files_are_served_without_a_restart() {
    let (one, two, dir) = (folder(), folder(), folder());
    // Two gateways that make certificates of their own lend theirs.
    let pins = [&one, &two].map(|dir| {
        let lender = Gateway::start(dir.path(), None);
        let pin = lender.said("pin").to_owned();
        lender.stop();
        pin
    });
    let tls = |dir: &tempfile::TempDir, name: &str| dir.path().join("data/tls").join(name);
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let install = |dir: &tempfile::TempDir| {
        std::fs::copy(tls(dir, "server.pem"), &cert).expect("copied");
        std::fs::copy(tls(dir, "server.key"), &key).expect("copied");
    };
    install(&one);
    let config = format!(
        "[tls]\nmode = \"files\"\ncert = {:?}\nkey = {:?}\n",
        path(&cert),
        path(&key)
    );
    let gateway = Gateway::start(dir.path(), Some(&config));
    assert_eq!(gateway.said("pin"), pins[0]);
    assert_eq!(gateway.announcement.get("ca"), None, "somebody else issued it");
    let speaks = |dir: &tempfile::TempDir| {
        handshake(gateway.port(), &tls(dir, "ca.pem"), &rustls::version::TLS13).is_ok()
    };
    assert!(speaks(&one) && !speaks(&two));

    std::fs::write(&cert, "half of a cert").expect("written");
    install(&two);
    common::eventually(async || speaks(&two)).await;
    gateway.stop();
}

/// Agrees on TLS with the gateway as `localhost`, trusting `ca`.
fn handshake(
    port: u16,
    ca: &Path,
    version: &'static rustls::SupportedProtocolVersion,
) -> std::io::Result<()> {
    use rustls_pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls_pki_types::CertificateDer::from_pem_file(ca).expect("PEM"))
        .expect("a CA");
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .expect("ring has it")
            .with_root_certificates(roots)
            .with_no_client_auth();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let name = "localhost".try_into().expect("a name");
    let mut tls = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn data_folder_and_keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = folder();
    let gateway = Gateway::start(dir.path(), None);
    let mode = |name: &str| {
        let path = dir.path().join("data").join(name);
        std::fs::metadata(&path)
            .unwrap_or_else(|_| panic!("{name}"))
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for key in ["keys/kek", "keys/commitment", "tls/ca.key", "tls/server.key"] {
        assert_eq!(mode(key), 0o600, "{key}");
    }
    gateway.stop();
}

#[test]
fn wrong_configuration_is_refused_with_file_and_line() {
    let dir = folder();
    let file = dir.path().join("wrong.toml");
    for (config, line, word) in [
        ("listen = \"127.0.0.1:0\"\ncolour = 3\n", 2, "colour"),
        (
            "[[tier]]\nname = \"fast\"\ntargets = [\"openai:x\"]\n",
            3,
            "openai",
        ),
        ("[[dlp.custom]]\nname = \"a\"\npattern = '('\n", 3, ""),
    ] {
        std::fs::write(&file, config).expect("written");
        let output = run(&[
            "serve",
            "--config",
            path(&file),
            "--data",
            path(&dir.path().join("data")),
        ]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(
            said.contains(&format!("wrong.toml:{line}: ")) && said.contains(word),
            "{said}"
        );
        assert!(
            !dir.path().join("data").exists(),
            "nothing is made of a wrong configuration"
        );
    }
}

#[test]
fn missing_provider_key_is_refused_before_secrets_are_made() {
    let dir = folder();
    let config = "[[provider]]\nname = \"openai\"\nkind = \"openai\"\napi_key = { env = \"NO_SUCH_KEY\" }\n";
    let (file, data) = (dir.path().join("w.toml"), dir.path().join("data"));
    std::fs::write(&file, config).expect("written");
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        path(&file),
        "--data",
        path(&data),
    ];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("NO_SUCH_KEY"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn provider_keys_are_sealed_once_and_serve_when_their_variable_is_gone() {
    let dir = folder();
    let secret = ["sk", "-proj-", "4f9a8b7c6d5e4f3a2b1c"].concat();
    let config = "[[provider]]\nname = \"openai\"\nkind = \"openai\"\napi_key = { env = \"SOME_KEY\" }\n";
    let (file, data) = (dir.path().join("w.toml"), dir.path().join("data"));
    std::fs::write(&file, config).expect("written");
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        path(&file),
        "--data",
        path(&data),
        "--announce",
        "json",
    ];
    for with_key in [true, true, false] {
        let mut command = common::workjet(&args);
        if with_key {
            command.env("SOME_KEY", &secret);
        }
        Gateway::spawn(command, &dir.path().join("stderr.log")).stop();
    }
    let entries = exported(&data);
    assert_eq!(
        kinds(&entries)
            .iter()
            .filter(|kind| **kind == "admin.secret.sealed")
            .count(),
        1
    );
    for file in files(&data) {
        let bytes = std::fs::read(&file).expect("a file");
        assert!(
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes()),
            "{}",
            file.display()
        );
    }
}

#[test]
fn second_gateway_on_the_same_folder_is_refused() {
    let dir = folder();
    let gateway = Gateway::start(dir.path(), None);
    let data = dir.path().join("data");
    let output = run(&["serve", "--data", path(&data), "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("another gateway"),
        "{}",
        text(&output.stderr)
    );
    gateway.stop();
}

#[tokio::test]
async fn flipped_byte_in_the_log_is_found() {
    let dir = folder();
    let (data, gateway) = (dir.path().join("data"), Gateway::start(dir.path(), None));
    for _ in 0..3 {
        assert_eq!(
            gateway.client().chat(gateway.said("key"), "hello").await.status,
            200
        );
    }
    gateway.stop();
    let log = data.join("audit/default");
    let sound = stdout_of(&["audit", "verify", path(&log)]);
    assert!(sound.starts_with("sound: "), "{sound}");

    let journal = log.join("journal");
    let mut bytes = std::fs::read(&journal).expect("the journal");
    let at = text(&bytes).rfind("\"ok\"").expect("an outcome") + 1;
    bytes[at] ^= 1;
    std::fs::write(&journal, &bytes).expect("written");
    let output = run(&["audit", "verify", path(&log)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).starts_with("tampered: "),
        "{}",
        text(&output.stdout)
    );

    let serve = run(&["serve", "--data", path(&data), "--listen", "127.0.0.1:0"]);
    assert_eq!(serve.status.code(), Some(2), "a gateway does not write on");
    assert_eq!(
        run(&["audit", "verify", path(dir.path())]).status.code(),
        Some(2),
        "no log at all"
    );
}

/// A provider that streams one word, waits until it is told, and streams the rest.
struct SlowProvider {
    config: String,
    go_on: Arc<tokio::sync::Notify>,
}

impl SlowProvider {
    async fn start() -> Self {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = socket.local_addr().expect("an address").port();
        let go_on = Arc::new(tokio::sync::Notify::new());
        let told = go_on.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = socket.accept().await {
                let told = told.clone();
                tokio::spawn(async move {
                    let mut request = vec![0; 64 << 10];
                    let _ = stream.read(&mut request).await;
                    let chunk = |content: &str, finish: Value| {
                        let delta = serde_json::json!({
                            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "slow",
                            "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}],
                        });
                        format!("data: {delta}\n\n")
                    };
                    let head =
                        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
                    let _ = stream
                        .write_all(format!("{head}{}", chunk("first ", Value::Null)).as_bytes())
                        .await;
                    told.notified().await;
                    let rest = format!("{}data: [DONE]\n\n", chunk("last", "stop".into()));
                    let _ = stream.write_all(rest.as_bytes()).await;
                });
            }
        });
        let config = format!(
            "[[provider]]\nname = \"slow\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:{port}/v1\"\n\
             [alias]\ndemo = \"slow:any\"\n"
        );
        Self { config, go_on }
    }
}

#[tokio::test]
async fn sigterm_finishes_a_stream_before_the_process_ends() {
    let dir = folder();
    let provider = SlowProvider::start().await;
    let mut gateway = Gateway::start(dir.path(), Some(&provider.config));
    let (client, key) = (gateway.client(), gateway.said("key").to_owned());
    let mut reply = client
        .begin("/v1/chat/completions", Some(&key), &chat("hello", true))
        .await;
    assert_eq!(reply.status(), 200);
    let first = reply.body_mut().frame().await.expect("a frame").expect("data");
    let mut received = text(first.data_ref().expect("data"));

    gateway.signal("TERM");
    // It takes no new connection from here on.
    let port = gateway.port();
    common::eventually(async || TcpStream::connect(("127.0.0.1", port)).is_err()).await;
    // Longer than the process would live if it did not wait.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    provider.go_on.notify_one();
    while let Some(frame) = reply.body_mut().frame().await {
        received += &text(frame.expect("no break").data_ref().expect("data"));
    }
    assert!(
        received.contains("last") && received.contains("[DONE]"),
        "{received}"
    );
    drop((reply, client));
    assert!(gateway.wait().success());

    let entries = exported(&dir.path().join("data"));
    let outcome = entries
        .iter()
        .find(|entry| entry["kind"] == "ai.outcome")
        .expect("an outcome");
    assert_eq!(outcome["code"], "ok");
}

#[tokio::test]
async fn after_a_kill_every_intent_gets_an_outcome_and_the_log_is_sound() {
    let dir = folder();
    let provider = SlowProvider::start().await;
    let gateway = Gateway::start(dir.path(), Some(&provider.config));
    let (client, key) = (gateway.client(), gateway.said("key").to_owned());
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(
            client
                .begin("/v1/chat/completions", Some(&key), &chat("hello", true))
                .await,
        );
    }
    gateway.kill();

    // By the export itself, which finds no gateway running and closes what was left open.
    let data = dir.path().join("data");
    let entries = exported(&data);
    let of = |kind: &str| {
        let mut requests: Vec<&str> = entries
            .iter()
            .filter(|entry| entry["kind"] == kind)
            .map(|entry| entry["request"].as_str().expect("a request"))
            .collect();
        requests.sort_unstable();
        requests
    };
    assert_eq!(of("ai.intent").len(), 5);
    assert_eq!(of("ai.intent"), of("ai.outcome"));
    assert!(
        entries
            .iter()
            .filter(|entry| entry["kind"] == "ai.outcome")
            .all(|entry| entry["code"] == "unknown")
    );
    assert!(stdout_of(&["audit", "verify", path(&data.join("audit/default"))]).starts_with("sound: "));
    Gateway::start(dir.path(), Some(&provider.config)).stop();
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}
