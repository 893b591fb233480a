//! The Worker under `workerd`, with the starter that its own tests use: `adapters/cloudflare/node/start.mjs`.

use std::fs;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use super::{COMMITMENT_KEY, PROVIDER_KEYS, Places, Process, Running, Started};
use crate::client::{Sent, exchange};

const BOOTSTRAP_TOKEN: &str = "bootstrap-token-of-the-parity-tests";

pub(super) async fn start(places: &Places, configuration: &str) -> Result<Started> {
    let (program, arguments) = places
        .worker
        .as_deref()
        .and_then(<[String]>::split_first)
        .context(
            "the variable WORKJET_WORKER does not say how to start it: run `cargo xtask test --only parity`",
        )?;
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("stderr.txt");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log)?)
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let mut stdin = child.stdin.take().context("a pipe")?;
    let options = json!({"config": configuration, "state": folder.path().join("state"), "vars": secrets()});
    stdin.write_all(format!("{options}\n").as_bytes()).await?;
    let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
    let line = lines.next_line().await?;
    let announced: Value = line
        .as_deref()
        .and_then(|line| serde_json::from_str(line).ok())
        .with_context(|| {
            format!(
                "no address but {line:?}: {}",
                fs::read_to_string(&log).unwrap_or_default()
            )
        })?;
    let url = announced["url"].as_str().context("a URL")?;
    let authority = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let owner = bootstrap(&authority)
        .await
        .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
    Ok(Started {
        authority,
        owner,
        running: Running::Process(Box::new(Process {
            // The Worker ends with its starter's standard input.
            _stdin: Some(stdin),
            _child: child,
            _folder: folder,
        })),
    })
}

fn secrets() -> Map<String, Value> {
    let hex = |key: [u8; 32]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut secrets = Map::new();
    secrets.insert("WORKJET_KEK".to_owned(), hex([0x11; 32]).into());
    secrets.insert("WORKJET_LOG_KEY".to_owned(), hex(COMMITMENT_KEY).into());
    secrets.insert("BOOTSTRAP_TOKEN".to_owned(), BOOTSTRAP_TOKEN.into());
    for (name, key) in PROVIDER_KEYS {
        secrets.insert((*name).to_owned(), (*key).into());
    }
    secrets
}

/// The first owner's key.
async fn bootstrap(authority: &str) -> Result<String> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {BOOTSTRAP_TOKEN}").parse()?);
    headers.insert("content-type", "application/json".parse()?);
    let sent = Sent {
        method: Method::POST,
        path: "/admin/v1/bootstrap".to_owned(),
        headers,
        body: "{}".into(),
        stalls: false,
    };
    let reply = exchange(authority, sent).await?;
    ensure!(
        (200..300).contains(&reply.status),
        "bootstrap answers {}: {}",
        reply.status,
        String::from_utf8_lossy(&reply.body)
    );
    let key = reply.json()?["key"].as_str().map(str::to_owned);
    key.context("bootstrap gives a key")
}
