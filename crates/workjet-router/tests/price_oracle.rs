//! Every price of the bundled table, beside the price that the library it was made from calculates.
#![cfg(feature = "bundled-prices")]

use std::collections::BTreeSet;
use std::time::SystemTime;

use genai_prices::{Calculator, PriceRequest, UsageKey};
use jiff::Timestamp;
use serde_json::Value;
use workjet_router::{Outbound, Prices, Usage};

const TABLE: &str = include_str!("../data/prices.jsonl");

/// Days before and after prices changed, and hours of peak and rest.
const TIMES: [&str; 5] = [
    "2025-01-15T12:00:00Z",
    "2025-06-10T00:00:00Z",
    "2026-03-01T02:30:00Z",
    "2026-11-01T00:00:00Z",
    "2026-11-01T17:00:00Z",
];

const TIERS: [Option<&str>; 4] = [None, Some("flex"), Some("priority"), Some("fast")];

#[test]
fn bundled_table_is_read_in_full_and_made_from_the_pinned_release() {
    let prices: Prices = TABLE.parse().expect("every model can be read");
    assert_eq!(prices.hash(), Prices::bundled().hash());
    let lock = include_str!("../../../Cargo.lock");
    let (_, version) = lock
        .split_once("name = \"genai-prices\"\nversion = \"")
        .expect("a dependency");
    let (version, _) = version.split_once('"').expect("a version");
    let header = TABLE.lines().next().expect("a header");
    assert!(
        header.contains(&format!("genai-prices {version},")),
        "run `cargo xtask prices`: {header} is not of {version}"
    );
}

#[test]
fn every_model_costs_what_the_library_says() {
    let prices = Prices::bundled();
    let oracle = Calculator::bundled();
    let times: Vec<Timestamp> = TIMES.iter().map(|time| time.parse().expect("a time")).collect();
    let (mut compared, mut priced, mut sellers) = (0_u32, 0_u32, 0);
    for (provider, url, models) in providers() {
        let base_url = example(&url);
        if oracle
            .find_provider(None, Some(&base_url))
            .ok()
            .flatten()
            .map(genai_prices::ProviderInfo::id)
            != Some(&provider)
        {
            // An address that an earlier provider of the table claims too, or a pattern too rich for `example`.
            continue;
        }
        sellers += 1;
        for model in models {
            for (&at, tier) in times.iter().flat_map(|at| TIERS.map(|tier| (at, tier))) {
                for usage in usages(tier) {
                    let ours = prices
                        .cost(Outbound::OpenAi, &base_url, &model, &usage, at)
                        .map(|cost| cost.nano_usd);
                    let theirs = ask(oracle, &provider, &model, &usage, tier, at);
                    compared += 1;
                    priced += u32::from(ours.is_some());
                    match (ours, theirs) {
                        // Binary fractions may round the other way.
                        (Some(ours), Some(theirs)) => assert!(
                            ours.abs_diff(theirs) <= 1,
                            "{provider} {model} {tier:?} {at} {usage:?}: {ours}, but the library says {theirs}"
                        ),
                        (None, None) => {}
                        // A direction without a price is no price for us, and nothing to pay for the library.
                        (None, _) if lacks_a_direction(oracle, &provider, &model, &usage, at, tier) => {}
                        (ours, theirs) => panic!(
                            "{provider} {model} {tier:?} {at} {usage:?}: {ours:?}, but the library says {theirs:?}"
                        ),
                    }
                }
            }
        }
    }
    assert!(
        sellers >= 40 && priced > 150_000 && priced * 10 > compared * 7,
        "{sellers} providers; {priced} of {compared} had a price"
    );
}

/// Each provider's name, pattern of addresses, and names that its models go by.
fn providers() -> Vec<(String, String, BTreeSet<String>)> {
    let lines: Vec<Value> = TABLE
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let of = |pair: &[Value]| {
        let text = |field: &str| pair[0][field].as_str().expect("text").to_owned();
        let mut names = BTreeSet::from(["no-such-model".to_owned(), "GPT-5-Mini-20250807".to_owned()]);
        for model in pair[1].as_array().expect("models") {
            collect(&model["match"], &mut names);
        }
        (text("provider"), text("url"), names)
    };
    lines.chunks(2).map(of).collect()
}

fn collect(rule: &Value, names: &mut BTreeSet<String>) {
    for (operation, argument) in rule.as_object().expect("a rule") {
        match (operation.as_str(), argument) {
            ("and" | "or", Value::Array(rules)) => rules.iter().for_each(|rule| collect(rule, names)),
            ("not", rule) => collect(rule, names),
            ("regex", Value::String(pattern)) => {
                let dated = pattern
                    .replace(r"\d{4}-\d{2}-\d{2}", "2026-02-03")
                    .replace(r"\d{8}", "20260203");
                names.insert(dated.replace(['^', '$', '\\'], "").replace("[-@]", "@"));
            }
            (_, Value::String(text)) => {
                names.insert(text.clone());
                match operation.as_str() {
                    "starts_with" => names.insert(format!("{text}-20260203")),
                    "contains" => names.insert(format!("eu/{text}:free")),
                    "ends_with" => names.insert(format!("eu/{text}")),
                    _ => true,
                };
            }
            _ => panic!("an unknown rule: {rule}"),
        }
    }
}

/// An address that the pattern matches, for the kinds of patterns that there are.
fn example(pattern: &str) -> String {
    let mut url = pattern
        .replace("(?:/|$)", "/")
        .replace("(/|$)", "/")
        .replace(r"\.", ".");
    for (from, to) in [
        (
            "(https?://)?([^.]*.)?(?:openai.azure.com|azure-api.net|cognitiveservices.azure.com|services.ai.azure.com)",
            "https://x.openai.azure.com",
        ),
        ("[a-z0-9-]+", "eu-1"),
        ("[^/]+", "x"),
        (
            "(?:cloud.databricks.com|azuredatabricks.net|gcp.databricks.com)",
            "cloud.databricks.com",
        ),
        ("(?:serving-endpoints|ai-gateway)", "ai-gateway"),
        ("(?:(?:us|eu.residency|in.residency|sg.residency).)?", ""),
        ("(?:ai|com)", "ai"),
        ("(?:com|io)", "io"),
        ("(?:run|direct)", "run"),
        ("(.*.)?", "x."),
        ("(api.)?", ""),
        ("(i)?", ""),
    ] {
        url = url.replace(from, to);
    }
    url
}

fn usages(tier: Option<&str>) -> Vec<Usage> {
    let usage = |input, cache_read, write_5m, write_1h, output, reasoning| {
        let mut usage = Usage::default();
        (usage.input, usage.cache_read) = (input, cache_read);
        (usage.cache_write_5m, usage.cache_write_1h) = (write_5m, write_1h);
        (usage.output, usage.reasoning) = (output, reasoning);
        usage.service_tier = tier.map(str::to_owned);
        usage
    };
    vec![
        usage(Some(1_001), None, None, None, Some(507), None),
        usage(
            Some(150_000),
            Some(149_999),
            Some(31),
            Some(17),
            Some(40_961),
            Some(40_000),
        ),
        usage(Some(400_000), Some(3), None, Some(5), Some(1), Some(1)),
    ]
}

fn ask(
    oracle: &Calculator,
    provider: &str,
    model: &str,
    usage: &Usage,
    tier: Option<&str>,
    at: Timestamp,
) -> Option<u64> {
    let writes = [usage.cache_write_5m, usage.cache_write_1h]
        .into_iter()
        .flatten()
        .reduce(|a, b| a + b);
    let mut counted = genai_prices::Usage::new();
    for (key, tokens) in [
        (UsageKey::INPUT_TOKENS, usage.total_input()),
        (UsageKey::CACHE_READ_TOKENS, usage.cache_read),
        (UsageKey::CACHE_WRITE_TOKENS, writes),
        (UsageKey::CACHE_WRITE_1H_TOKENS, usage.cache_write_1h),
        (UsageKey::OUTPUT_TOKENS, usage.output),
        (UsageKey::OUTPUT_REASONING_TOKENS, usage.reasoning),
    ] {
        if let Some(tokens) = tokens {
            counted.insert(key, tokens as f64);
        }
    }
    total(oracle, provider, model, &counted, tier, at)
}

fn total(
    oracle: &Calculator,
    provider: &str,
    model: &str,
    counted: &genai_prices::Usage,
    tier: Option<&str>,
    at: Timestamp,
) -> Option<u64> {
    let mut request = PriceRequest::new(model, counted)
        .with_provider_id(provider)
        .with_timestamp(SystemTime::try_from(at).expect("in range"));
    if let Some(tier) = tier {
        request = request.with_price_context("service_tier", tier);
    }
    let usd = oracle.calculate(&request).ok()?.total_price;
    Some((usd * 1e9).round() as u64)
}

/// Whether the library has no rate for plain input or plain output: a part without its whole is then no contradiction.
fn lacks_a_direction(
    oracle: &Calculator,
    provider: &str,
    model: &str,
    usage: &Usage,
    at: Timestamp,
    tier: Option<&str>,
) -> bool {
    let has = |part: UsageKey| {
        let part = genai_prices::Usage::from([(part, 1.0)]);
        total(oracle, provider, model, &part, tier, at).is_none()
    };
    (usage.total_input() > Some(0) && !has(UsageKey::CACHE_READ_TOKENS))
        || (usage.output > Some(0) && !has(UsageKey::OUTPUT_REASONING_TOKENS))
}
