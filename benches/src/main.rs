//! What the gateway adds to a request, measured from outside.
//!
//! In one run, in turns, the same requests go to a mock provider that answers at once: directly over plain HTTP, through
//! a raw proxy that only copies bytes behind the same TLS, and through the gateway with its defaults (every detector on
//! in both directions, each request recorded durably before it is sent and again before its reply ends).
//!
//! `cargo xtask load` builds what this needs and starts it.

mod client;
mod process;
mod proxy;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use workjet_mock_providers::{Mock, Part, Script};

use crate::client::{Client, Target};
use crate::process::Running;

const USAGE: &str = "workjet-load --gateway PATH [--requests N] [--streams N] [--data DIR]";

/// A request of about this many bytes is what a chat sends.
const REQUEST_BYTES: usize = 2 << 10;
const ROUNDS: usize = 10;

#[derive(Debug)]
struct Options {
    gateway: PathBuf,
    requests: usize,
    streams: usize,
    data: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("workjet-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut arguments = env::args().skip(1).peekable();
    if arguments.next_if(|first| first == "raw-proxy").is_some() {
        let upstream = arguments.next().context("raw-proxy needs an address")?;
        let folder = arguments
            .next()
            .context("raw-proxy needs a folder for its certificate")?;
        return proxy::serve(&upstream, Path::new(&folder)).await;
    }
    measure(&parse(arguments)?).await
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        gateway: PathBuf::new(),
        requests: 2000,
        streams: 500,
        // On a disk, not in memory: the gateway's fsync is part of what is measured.
        data: env::current_exe()?
            .parent()
            .context("a program lies in a folder")?
            .to_owned(),
    };
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{name} needs a value\n{USAGE}"))?;
        match name.as_str() {
            "--gateway" => options.gateway = value.into(),
            "--requests" => options.requests = value.parse().context(USAGE)?,
            "--streams" => options.streams = value.parse().context(USAGE)?,
            "--data" => options.data = value.into(),
            _ => bail!("no option {name:?}\n{USAGE}"),
        }
    }
    if options.gateway.as_os_str().is_empty() {
        bail!("{USAGE}");
    }
    Ok(options)
}

/// One way to the provider, and what was measured on it.
struct Lane {
    name: &'static str,
    client: Client,
    process: Option<Running>,
    idle_rss_kib: u64,
    whole: Vec<Duration>,
    first: Vec<Duration>,
    cpu: Duration,
    asked: usize,
}

impl Lane {
    async fn new(name: &'static str, target: Target, process: Option<Running>) -> Result<Self> {
        let idle_rss_kib = process.as_ref().map_or(Ok(0), Running::rss_kib)?;
        let client = Client::connect(target)
            .await
            .with_context(|| format!("cannot connect to {name}"))?;
        Ok(Self {
            name,
            client,
            process,
            idle_rss_kib,
            whole: vec![],
            first: vec![],
            cpu: Duration::ZERO,
            asked: 0,
        })
    }

    fn cpu_now(&self) -> Result<Duration> {
        self.process.as_ref().map_or(Ok(Duration::ZERO), Running::cpu)
    }

    async fn ask(&mut self, whole: &[u8], count: usize) -> Result<()> {
        let before = self.cpu_now()?;
        for _ in 0..count {
            let start = Instant::now();
            self.client.whole(whole).await?;
            self.whole.push(start.elapsed());
        }
        self.cpu += self.cpu_now()?.saturating_sub(before);
        self.asked += count;
        Ok(())
    }

    async fn stream(&mut self, streamed: &[u8], count: usize) -> Result<()> {
        for _ in 0..count {
            self.first.push(self.client.first_text(streamed).await?);
        }
        Ok(())
    }
}

async fn measure(options: &Options) -> Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("workjet-load-")
        .tempdir_in(&options.data)?;
    let mock = Mock::start("127.0.0.1:0").await?;
    // The gateway alone takes the provider's name off.
    for model in ["speaks", "openai:speaks"] {
        mock.script(model, [answer()]);
    }

    let certificates = folder.path().to_string_lossy();
    let proxy = Running::start(
        &env::current_exe()?,
        &["raw-proxy", mock.url(), &certificates],
        &folder.path().join("raw-proxy.log"),
    )?;
    let gateway = gateway(options, folder.path(), mock.url())?;
    // What a start leaves behind should not count as idle memory of the first request.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let direct = Target {
        url: mock.url().to_owned(),
        ca: None,
        key: None,
    };
    let mut lanes = [
        Lane::new("provider itself, plain HTTP", direct, None).await?,
        Lane::new("raw proxy, TLS 1.3", proxy.target(), Some(proxy)).await?,
        Lane::new("Workjet, TLS 1.3", gateway.target(), Some(gateway)).await?,
    ];

    let (whole, streamed) = (request(false), request(true));
    for lane in &mut lanes {
        lane.ask(&whole, options.requests / 10).await?;
        lane.stream(&streamed, options.streams / 10).await?;
        (lane.whole, lane.first, lane.cpu, lane.asked) = (vec![], vec![], Duration::ZERO, 0);
    }
    // In turns, so that a busy moment of the machine falls on all of them.
    for _ in 0..ROUNDS {
        for lane in &mut lanes {
            lane.ask(&whole, options.requests / ROUNDS).await?;
        }
        for lane in &mut lanes {
            lane.stream(&streamed, options.streams / ROUNDS).await?;
        }
    }
    let flush = flush(folder.path())?;
    println!("{}", report(&mut lanes, options, whole.len(), flush)?);
    Ok(())
}

/// A short answer in fragments of four characters, as a model would send it.
fn answer() -> Script {
    let mut script = Script::default();
    script
        .reply
        .parts
        .push(Part::Text(PROSE.chars().take(200).collect()));
    script.reply.every = 4;
    script
}

const PROSE: &str = "In 2024 the harbour was rebuilt, and most of the old cranes went to a museum further up the river. \
    Nobody expected the ferries to stay, yet they still leave at seven, ten and four. ";

fn request(stream: bool) -> Vec<u8> {
    let text: String = PROSE.chars().cycle().take(REQUEST_BYTES - 110).collect();
    let request = json!({
        "model": "openai:speaks", "stream": stream,
        "messages": [{"role": "user", "content": text}],
    });
    request.to_string().into_bytes()
}

fn gateway(options: &Options, folder: &Path, mock: &str) -> Result<Running> {
    let config = folder.join("workjet.toml");
    let text = format!("[[provider]]\nname = \"openai\"\nkind = \"openai\"\nbase_url = \"{mock}/v1\"\n");
    fs::write(&config, text)?;
    let data = folder.join("data");
    let arguments = [
        "serve",
        "--config",
        &config.to_string_lossy(),
        "--data",
        &data.to_string_lossy(),
        "--listen",
    ]
    .into_iter()
    .chain(["127.0.0.1:0", "--announce", "json"])
    .map(str::to_owned)
    .collect::<Vec<_>>();
    Running::start(&options.gateway, &arguments, &folder.join("gateway.log"))
}

/// How long this disk takes to make 4 KB durable: two of these are part of every recorded request.
fn flush(folder: &Path) -> Result<Duration> {
    use std::io::Write as _;

    let mut file = fs::File::create(folder.join("flush"))?;
    let mut took = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        took.push(start.elapsed());
    }
    Ok(quantile(&mut took, 0.5))
}

fn quantile(of: &mut [Duration], q: f64) -> Duration {
    of.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let at = ((of.len() - 1) as f64 * q).round() as usize;
    of[at]
}

fn report(lanes: &mut [Lane; 3], options: &Options, bytes: usize, flush: Duration) -> Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "\n{} · {} cores · {} · durable write of 4 KB: {}",
        process::cpu_model(),
        process::cores(),
        process::kernel(),
        us(flush)
    )?;
    writeln!(
        text,
        "{} requests of {bytes} bytes and {} streams on each way, one at a time, connection kept open.\n\
         DLP and audit on: each request is recorded, durably, before it is sent and before its reply ends.\n",
        options.requests, options.streams,
    )?;
    writeln!(
        text,
        "| way | whole p50 | whole p99 | first text p50 | first text p99 | CPU per request | idle memory | memory after |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|"
    )?;
    let mut figures = Vec::new();
    for lane in lanes.iter_mut() {
        let times = [
            quantile(&mut lane.whole, 0.5),
            quantile(&mut lane.whole, 0.99),
            quantile(&mut lane.first, 0.5),
            quantile(&mut lane.first, 0.99),
        ];
        let cpu = lane.cpu / u32::try_from(lane.asked.max(1))?;
        let (cpu_text, idle, after) = match &lane.process {
            Some(process) => (us(cpu), mib(lane.idle_rss_kib), mib(process.rss_kib()?)),
            None => ("".into(), "".into(), "".into()),
        };
        let [a, b, c, d] = times.map(us);
        writeln!(
            text,
            "| {} | {a} | {b} | {c} | {d} | {cpu_text} | {idle} | {after} |",
            lane.name
        )?;
        figures.push((times, cpu));
    }
    let [direct, proxy, gateway] = [figures[0], figures[1], figures[2]];
    let added = |of: &([Duration; 4], Duration)| -> [Duration; 4] {
        std::array::from_fn(|at| of.0[at].saturating_sub(direct.0[at]))
    };
    let (by_proxy, by_gateway) = (added(&proxy), added(&gateway));
    for (name, times) in [
        ("added by the raw proxy", by_proxy),
        ("added by Workjet", by_gateway),
    ] {
        let [a, b, c, d] = times.map(us);
        writeln!(text, "| {name} | {a} | {b} | {c} | {d} | | | |")?;
    }
    let ratio = |at: usize| {
        format!(
            "{:.1} ×",
            by_gateway[at].as_secs_f64() / by_proxy[at].as_secs_f64().max(1e-9)
        )
    };
    writeln!(
        text,
        "| Workjet's addition ÷ the raw proxy's | {} | {} | {} | {} | {:.1} × | | |",
        ratio(0),
        ratio(1),
        ratio(2),
        ratio(3),
        gateway.1.as_secs_f64() / proxy.1.as_secs_f64().max(1e-9),
    )?;
    Ok(text)
}

fn us(duration: Duration) -> String {
    format!("{:.0} µs", duration.as_secs_f64() * 1e6)
}

fn mib(kib: u64) -> String {
    format!(
        "{:.1} MiB",
        f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
    )
}
