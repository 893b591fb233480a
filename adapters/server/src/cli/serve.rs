//! `workjet serve`: runs the gateway.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use tokio::signal::unix::{SignalKind, signal};
use workjet_auth::Password;
use workjet_gateway::Config;

use super::Place;
use super::logging::{self, LogFormat};
use super::output::{Failure, print_line};
use super::place::read_config;
use crate::Server;

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    place: Place,
    /// Where to listen, as host:port; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// How to say that the gateway is ready.
    #[arg(long, value_enum, default_value = "text")]
    announce: Announce,
    /// How log lines look. What is logged, WORKJET_LOG says (`debug`, `warn`, `workjet_server=debug`).
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum Announce {
    /// For people.
    Text,
    /// One line with a JSON object.
    Json,
}

impl Serve {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        logging::start("info", self.log_format);
        let mut config = match &self.place.config {
            Some(file) => read_config(file)?,
            None => Config::default(),
        };
        if let Some(data) = &self.place.data {
            config.data = data.clone();
        }
        if let Some(listen) = &self.listen {
            config
                .set_listen(listen)
                .map_err(|reason| Failure::about("--listen", reason))?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            // Before anything is written: a signal in the middle of the start must not cut it.
            let stop = stop()?;
            let server = Server::builder(config).start().await?;
            print_line(match self.announce {
                Announce::Text => for_people(&server),
                Announce::Json => as_json(&server),
            })?;
            server.run(stop).await?;
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// Completes with the first SIGINT or SIGTERM; the second ends the process at once.
fn stop() -> Result<impl Future<Output = ()>, Failure> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (first, stop) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut next = async || tokio::select! { _ = interrupt.recv() => 130, _ = terminate.recv() => 143 };
        next().await;
        tracing::info!("stopping once the replies on their way are out; another signal stops at once");
        // The receiver is gone if the start failed; then there is nothing to stop.
        let _ = first.send(());
        std::process::exit(next().await);
    });
    Ok(async {
        // The sender lives as long as the process.
        let _ = stop.await;
    })
}

fn as_json(server: &Server) -> String {
    let mut line = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line.insert(name.to_owned(), Value::String(value));
        }
    };
    let first = server.first_start();
    put("url", Some(server.url().to_owned()));
    put("key", first.map(|first| first.key.expose().to_owned()));
    put("user", Some(server.owner().to_owned()));
    let password = first.and_then(|first| first.password.as_ref());
    put("password", password.map(|password| password.expose().to_owned()));
    put("pin", server.pin());
    put("ca", server.ca_file().map(|file| file.display().to_string()));
    put("tenant", Some(workjet_gateway::DEFAULT_TENANT.to_owned()));
    Value::Object(line).to_string()
}

fn for_people(server: &Server) -> String {
    let mut text = format!("Workjet is ready at {}\n", server.url());
    if let Some(pin) = server.pin() {
        text += &format!("Pin of its certificate: {pin}\n");
    }
    let Some(first) = server.first_start() else {
        return text;
    };
    text += &format!(
        "\nThis is the first start. What follows is shown once and kept nowhere; store it safely.\n\n    \
         user      {}\n    password  {}\n\n    export WORKJET_API_KEY={}\n",
        first.user.login.as_str(),
        first.password.as_ref().map_or("(none)", Password::expose),
        first.key.expose(),
    );
    if let Some(model) = server.example_model() {
        let ca = server
            .ca_file()
            .map(|ca| format!(" --cacert {}", quoted(&ca)))
            .unwrap_or_default();
        text += &format!(
            "\nTry it: the card number does not get past the gateway.\n\n    \
             curl{ca} {}/v1/chat/completions \\\n      \
             -H \"authorization: Bearer $WORKJET_API_KEY\" -H 'content-type: application/json' \\\n      \
             -d '{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"My card is 4111 1111 1111 1111.\"}}]}}'\n",
            server.url(),
        );
    }
    text
}

/// A path as a shell takes it.
fn quoted(path: &std::path::Path) -> String {
    let path = path.display().to_string();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+,@%".contains(&b);
    if path.bytes().all(plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
