//! Makes the price table of `workjet-router` from the data of genai-prices: `cargo xtask prices`.
//!
//! The table keeps what a gateway for language models can use: rates per token and per request, when they hold, and what
//! models are called. It is a tenth of the size of the source, and its rates are whole numbers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::command::{Tools, output};

/// What the source calls a rate, and what the table calls it.
const RATES: [(&str, &str, f64); 7] = [
    ("input_mtok", "input", 1e6),
    ("cache_read_mtok", "cache_read", 1e6),
    ("cache_write_mtok", "cache_write", 1e6),
    ("cache_write_1h_mtok", "cache_write_1h", 1e6),
    ("output_mtok", "output", 1e6),
    ("output_reasoning_mtok", "reasoning", 1e6),
    // Dollars per thousand requests.
    ("requests_kcount", "request", 1e9),
];

pub(crate) fn run(tools: &Tools) -> Result<()> {
    let (version, source) = source(tools)?;
    let data = fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let providers: Vec<Value> = serde_json::from_slice(&data).context("the price data is not JSON")?;
    let mut table =
        json!({ "format": 1, "source": format!("genai-prices {version}, MIT license"), "unit": "pico-USD" })
            .to_string();
    table.push('\n');
    for provider in &providers {
        let id = provider["id"].as_str().context("a provider without an id")?;
        let (head, models) = convert(provider).with_context(|| format!("provider {id}"))?;
        table.push_str(&format!("{head}\n{}\n", Value::Array(models)));
    }
    let target = tools.root.join("crates/workjet-router/data/prices.jsonl");
    fs::write(&target, &table).with_context(|| format!("cannot write {}", target.display()))?;
    println!(
        "{}: {} providers, {} bytes",
        target.display(),
        providers.len(),
        table.len()
    );
    Ok(())
}

/// The version of genai-prices that Cargo.lock names, and its data file.
fn source(tools: &Tools) -> Result<(String, PathBuf)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = output(
        tools
            .program(cargo)
            .args(["metadata", "--format-version=1", "--locked"]),
    )
    .context("cargo metadata failed")?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata is not JSON")?;
    let package = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "genai-prices")
        .context("genai-prices is no dependency any more")?;
    let text = |field: &str| {
        package[field]
            .as_str()
            .map(str::to_owned)
            .context("cargo metadata lacks a field")
    };
    let manifest = text("manifest_path")?;
    Ok((
        text("version")?,
        Path::new(&manifest).with_file_name("data").join("prices.json"),
    ))
}

fn convert(provider: &Value) -> Result<(Value, Vec<Value>)> {
    let mut head = Map::new();
    head.insert("provider".into(), provider["id"].clone());
    let url = provider["api_pattern"].as_str().context("no api_pattern")?;
    ensure!(
        !url.contains("(?!") && !url.contains("(?="),
        "looks around in its address: {url}"
    );
    head.insert("url".into(), url.into());
    if let Some(fallback) = provider.get("fallback_model_providers") {
        head.insert("fallback".into(), fallback.clone());
    }
    let models = provider["models"].as_array().context("no models")?;
    let models = models
        .iter()
        .map(|source| model(source).with_context(|| format!("model {}", source["id"])))
        .collect::<Result<_>>()?;
    Ok((head.into(), models))
}

fn model(source: &Value) -> Result<Value> {
    let mut model = Map::new();
    model.insert("match".into(), rule(&source["match"])?);
    let prices = match &source["prices"] {
        Value::Array(prices) => prices.iter().map(conditional).collect::<Result<Vec<_>>>()?,
        Value::Object(_) => vec![rates(&source["prices"])?.into()],
        Value::Null => Vec::new(),
        other => bail!("prices are {other}"),
    };
    model.insert("prices".into(), prices.into());
    let mut tiers = Vec::new();
    for variant in source["price_variants"].as_array().into_iter().flatten() {
        // Other variants (batches, regions) depend on what a reply does not say.
        let (Some(tier), Some(1)) = (
            variant["when"]["service_tier"].as_str(),
            variant["when"].as_object().map(Map::len),
        ) else {
            continue;
        };
        let mut price = conditional(variant)?;
        price["tier"] = tier.into();
        tiers.push(price);
    }
    if !tiers.is_empty() {
        model.insert("tiers".into(), tiers.into());
    }
    Ok(model.into())
}

/// `{"prices": …, "constraint": …}` as rates with the time when they hold.
fn conditional(source: &Value) -> Result<Value> {
    let mut price = rates(&source["prices"])?;
    let constraint = &source["constraint"];
    if let Some(date) = constraint["start_date"].as_str() {
        price.insert("since".into(), format!("{date}T00:00:00Z").into());
    }
    if let (Some(start), Some(end)) = (constraint["start_time"].as_str(), constraint["end_time"].as_str()) {
        price.insert(
            "daily".into(),
            json!([second_of_day(start)?, second_of_day(end)?]),
        );
    }
    Ok(price.into())
}

/// The second of the day (UTC) of `hh:mm:ssZ`.
fn second_of_day(time: &str) -> Result<u32> {
    let utc = time
        .strip_suffix('Z')
        .with_context(|| format!("{time} is not in UTC"))?;
    let parts = utc
        .split(':')
        .map(str::parse::<u32>)
        .collect::<Result<Vec<_>, _>>();
    match parts.as_deref() {
        Ok([hour, minute, second]) => Ok(hour * 3600 + minute * 60 + second),
        _ => bail!("{time} is no time of a day"),
    }
}

fn rates(source: &Value) -> Result<Map<String, Value>> {
    let mut rates = Map::new();
    for (key, name, scale) in RATES {
        // A noise of binary fractions, such as 0.07999999999999999, is rounded away.
        let pico = |usd: &Value| {
            usd.as_f64()
                .map(|usd| (usd * scale).round() as u64)
                .context("a rate is no number")
        };
        let rate = match &source[key] {
            Value::Null => continue,
            Value::Object(tiered) => {
                let mut steps = tiered["tiers"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|tier| {
                        Ok((
                            tier["start"].as_u64().context("a step has no start")?,
                            pico(&tier["price"])?,
                        ))
                    })
                    .collect::<Result<Vec<_>>>()?;
                steps.sort_unstable();
                json!([pico(&tiered["base"])?, steps])
            }
            flat => pico(flat)?.into(),
        };
        rates.insert(name.to_owned(), rate);
    }
    Ok(rates)
}

fn rule(source: &Value) -> Result<Value> {
    let (operation, argument) = source
        .as_object()
        .and_then(|rule| rule.iter().find(|(_, argument)| !argument.is_null()))
        .context("a rule without an operation")?;
    Ok(match (operation.as_str(), argument) {
        ("and" | "or", Value::Array(rules)) => {
            json!({ operation: rules.iter().map(rule).collect::<Result<Vec<_>>>()? })
        }
        ("regex", Value::String(pattern)) => regex(pattern)?,
        ("equals" | "contains" | "starts_with" | "ends_with", Value::String(text)) => {
            json!({ operation: text.to_lowercase() })
        }
        _ => bail!("unknown rule {source}"),
    })
}

/// A pattern that begins by ruling something out becomes two that look at nothing but what they match.
fn regex(pattern: &str) -> Result<Value> {
    let Some(rest) = pattern.strip_prefix("^(?!") else {
        ensure!(
            !pattern.contains("(?!") && !pattern.contains("(?=") && !pattern.contains("(?<"),
            "looks around: {pattern}"
        );
        return Ok(json!({ "regex": pattern }));
    };
    let mut depth = 1_usize;
    let end = rest.find(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let (excluded, rest) = rest.split_at(end.context("unbalanced parentheses")?);
    let (excluded, required) = (regex(&format!("^{excluded}"))?, &rest[1..]);
    if required.is_empty() {
        return Ok(json!({ "not": excluded }));
    }
    Ok(json!({ "and": [{ "not": excluded }, regex(&format!("^(?:{required})"))?] }))
}
