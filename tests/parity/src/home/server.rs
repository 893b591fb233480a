//! The binary `workjet`, as its users start it, but for TLS.

use std::fs;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::{COMMITMENT_KEY, PROVIDER_KEYS, Places, Process, Running, Started};

pub(super) async fn start(places: &Places, configuration: &str) -> Result<Started> {
    let program = places.programs.join("workjet");
    let folder = tempfile::tempdir()?;
    let (data, config, log) = (
        folder.path().join("data"),
        folder.path().join("workjet.toml"),
        folder.path().join("stderr.txt"),
    );
    fs::write(&config, format!("{configuration}\n[tls]\nmode = \"off\"\n"))?;
    fs::create_dir_all(data.join("keys"))?;
    let key: String = COMMITMENT_KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(data.join("keys/commitment"), key)?;

    let mut child = Command::new(&program)
        .arg("serve")
        .arg("--config")
        .arg(&config)
        .arg("--data")
        .arg(&data)
        .args(["--listen", "127.0.0.1:0", "--announce", "json"])
        .envs(PROVIDER_KEYS.iter().copied())
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log)?)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
    let line = lines.next_line().await?;
    let errors = || fs::read_to_string(&log).unwrap_or_default();
    let announced: Value = line
        .as_deref()
        .and_then(|line| serde_json::from_str(line).ok())
        .with_context(|| format!("no announcement but {line:?}: {}", errors()))?;
    let said = |name: &str| announced[name].as_str().map(str::to_owned);
    let url = said("url").context("a URL")?;
    Ok(Started {
        authority: url.trim_start_matches("http://").trim_end_matches('/').to_owned(),
        owner: said("key").context("a key")?,
        running: Running::Process(Box::new(Process {
            _stdin: None,
            _child: child,
            _folder: folder,
        })),
    })
}
