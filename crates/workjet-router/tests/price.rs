//! What a reply costs: the errors that other gateways make, and the honest answer where nobody knows.
#![allow(
    clippy::disallowed_methods,
    reason = "compares with the price data of the crate"
)]
#![cfg(feature = "bundled-prices")]

use jiff::Timestamp;
use workjet_router::{Cost, CostQuality, Outbound, Prices, Usage};

const OPENAI: (Outbound, &str) = (Outbound::OpenAi, "https://api.openai.com/v1");
const ANTHROPIC: (Outbound, &str) = (Outbound::Anthropic, "https://api.anthropic.com");
const GOOGLE: (Outbound, &str) = (Outbound::Google, "https://generativelanguage.googleapis.com");

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn usage(input: u64, output: u64) -> Usage {
    let mut usage = Usage::default();
    usage.input = Some(input);
    usage.output = Some(output);
    usage
}

fn cost((outbound, base_url): (Outbound, &str), model: &str, usage: &Usage) -> Option<Cost> {
    Prices::bundled().cost(outbound, base_url, model, usage, at("2026-11-01T00:00:00Z"))
}

fn exact(nano_usd: u64) -> Option<Cost> {
    Some(Cost {
        nano_usd,
        quality: CostQuality::Exact,
    })
}

fn estimated(nano_usd: u64) -> Option<Cost> {
    Some(Cost {
        nano_usd,
        quality: CostQuality::Estimated,
    })
}

#[test]
fn plain_tokens_cost_what_the_list_says() {
    // $0.25 in, $2.00 out per million
    assert_eq!(
        cost(OPENAI, "gpt-5-mini", &usage(1_000_000, 1_000_000)),
        exact(2_250_000_000)
    );
    assert_eq!(
        cost(OPENAI, "gpt-5-mini-2025-08-07", &usage(4, 0)),
        exact(1_000),
        "a dated name is the same model"
    );
    assert_eq!(
        cost(OPENAI, "gpt-5-mini", &usage(0, 0)),
        exact(0),
        "nothing used is a cost of nothing"
    );
    // $3 in, $15 out
    assert_eq!(
        cost(ANTHROPIC, "claude-sonnet-4-5-20250929", &usage(1_000, 1_000)),
        exact(18_000_000)
    );
}

#[test]
fn cache_reads_are_charged_at_their_own_rate_and_only_once() {
    let mut used = usage(1_000, 0);
    used.cache_read = Some(9_000);
    // 1,000 at $0.25, 9,000 at $0.025
    assert_eq!(cost(OPENAI, "gpt-5-mini", &used), exact(250_000 + 225_000));
}

#[test]
fn cache_writes_are_charged_once_and_by_how_long_they_live() {
    let mut used = usage(100, 0);
    used.cache_read = Some(1_000);
    used.cache_write_5m = Some(2_000);
    used.cache_write_1h = Some(3_000);
    // 100 at $3, 1,000 at $0.30, 2,000 at $3.75, 3,000 at $6
    assert_eq!(
        cost(ANTHROPIC, "claude-sonnet-4-5", &used),
        exact(300_000 + 300_000 + 7_500_000 + 18_000_000)
    );
}

#[test]
fn reasoning_is_a_part_of_the_output_and_not_charged_again() {
    let mut used = usage(0, 1_000);
    used.reasoning = Some(900);
    assert_eq!(cost(OPENAI, "gpt-5-mini", &used), exact(2_000_000));
    used.reasoning = Some(5_000);
    assert_eq!(
        cost(OPENAI, "gpt-5-mini", &used),
        exact(2_000_000),
        "more reasoning than output is a miscount"
    );
}

#[test]
fn long_prompts_pay_the_long_rate_and_cached_tokens_make_a_prompt_long() {
    // up to 200,000 tokens $1.25, above that $2.50 for all of them
    assert_eq!(
        cost(GOOGLE, "gemini-2.5-pro", &usage(200_000, 0)),
        exact(250_000_000)
    );
    assert_eq!(
        cost(GOOGLE, "gemini-2.5-pro", &usage(200_001, 0)),
        exact(500_002_500)
    );
    let mut used = usage(1, 0);
    used.cache_read = Some(200_000);
    assert_eq!(cost(GOOGLE, "gemini-2.5-pro", &used), exact(2_500 + 50_000_000));
}

#[test]
fn service_tier_is_the_one_that_the_reply_names() {
    let mut used = usage(1_000_000, 0);
    for (tier, nano_usd) in [
        ("default", 250_000_000),
        ("flex", 125_000_000),
        ("priority", 450_000_000),
    ] {
        used.service_tier = Some(tier.to_owned());
        assert_eq!(cost(OPENAI, "gpt-5-mini", &used), exact(nano_usd), "{tier}");
    }
    used.service_tier = Some("auto".to_owned());
    assert_eq!(
        cost(OPENAI, "gpt-5-mini", &used),
        estimated(250_000_000),
        "no rate of this name"
    );
    used.service_tier = Some("standard".to_owned());
    assert_eq!(
        cost(ANTHROPIC, "claude-sonnet-4-5", &usage(1_000, 0)),
        exact(3_000_000)
    );
}

#[test]
fn price_is_the_one_of_the_day() {
    let prices = Prices::bundled();
    let (outbound, base_url) = OPENAI;
    let on = |day| {
        prices
            .cost(outbound, base_url, "o3", &usage(1_000_000, 0), at(day))
            .map(|cost| cost.nano_usd)
    };
    assert_eq!(on("2025-06-09T23:59:59Z"), Some(10_000_000_000));
    assert_eq!(on("2025-06-10T00:00:00Z"), Some(2_000_000_000));
}

#[test]
fn missing_counts_make_an_estimate_and_no_counts_make_none() {
    let mut used = Usage::default();
    assert_eq!(
        cost(OPENAI, "gpt-5-mini", &used),
        None,
        "usage lost is not a cost of nothing"
    );
    used.output = Some(1_000);
    assert_eq!(cost(OPENAI, "gpt-5-mini", &used), estimated(2_000_000));
    used.input = Some(0);
    assert_eq!(
        cost(OPENAI, "gpt-5-mini", &used),
        exact(2_000_000),
        "zero is a count"
    );
}

#[test]
fn class_without_a_rate_of_its_own_makes_an_estimate() {
    // The table has no rate for cache writes of this model, so they cost what plain input costs.
    let mut used = usage(0, 0);
    used.cache_write_5m = Some(1_000);
    assert_eq!(cost(OPENAI, "gpt-5-mini", &used), estimated(250_000));
}

#[test]
fn unknown_models_local_ones_and_the_demo_have_no_price() {
    assert_eq!(cost((Outbound::OpenAi, ""), "gpt-5-mini", &usage(1, 1)), None);
    assert_eq!(cost(OPENAI, "gpt-17-imaginary", &usage(1, 1)), None);
    assert_eq!(
        cost(
            (Outbound::Ollama, "http://127.0.0.1:11434"),
            "llama3.2:3b",
            &usage(1, 1)
        ),
        None
    );
}

#[test]
fn address_says_who_answered_and_an_unknown_one_makes_an_estimate() {
    let groq = (Outbound::OpenAi, "https://api.groq.com/openai/v1");
    let there = cost(groq, "openai/gpt-oss-20b", &usage(1_000_000, 0)).expect("groq's own price");
    assert_eq!(there.quality, CostQuality::Exact);
    assert_eq!(
        cost(groq, "gpt-5-mini", &usage(1, 1)),
        None,
        "which groq does not sell"
    );
    let proxy = (Outbound::OpenAi, "https://llm.example.com/v1");
    assert_eq!(
        cost(proxy, "gpt-5-mini", &usage(1_000_000, 0)),
        estimated(250_000_000)
    );
}

#[test]
fn explicit_zero_is_a_price() {
    let table = r#"{"format": 1}
{"provider": "acme", "url": "https://api\\.acme\\.example"}
[{"match": {"equals": "free"}, "prices": [{"input": 0, "output": 0}]}, {"match": {"equals": "unpriced"}, "prices": []}, {"match": {"equals": "half"}, "prices": [{"input": 1000000}]}]
"#;
    let prices: Prices = table.parse().expect("a table");
    let cost = |model, usage: &Usage| {
        prices.cost(
            Outbound::OpenAi,
            "https://api.acme.example/v1",
            model,
            usage,
            at("2026-11-01T00:00:00Z"),
        )
    };
    assert_eq!(cost("free", &usage(10, 10)), exact(0));
    assert_eq!(cost("unpriced", &usage(10, 10)), None);
    assert_eq!(cost("half", &usage(10, 10)), None, "half a price is none");
    assert_eq!(cost("half", &usage(10, 0)), exact(10_000));
    assert_eq!(prices.hash().len(), "sha256:".len() + 64);
    assert_ne!(prices.hash(), Prices::bundled().hash());
}

#[test]
fn what_is_no_table_is_refused_whole() {
    let head = r#"{"provider": "acme", "url": "https://acme\\.example"}"#;
    for broken in [
        String::new(),
        "[{".to_owned(),
        r#"{"format": 2}"#.to_owned(),
        format!("{{\"format\": 1}}\n{head}\n"),
        format!("{{\"format\": 1}}\n{head}\n[{{\"match\": {{\"likes\": \"x\"}}, \"prices\": []}}]\n"),
        format!("{{\"format\": 1}}\n{head}\n[{{\"match\": {{\"regex\": \"(\"}}, \"prices\": []}}]\n"),
        format!(
            "{{\"format\": 1}}\n{head}\n[{{\"match\": {{\"equals\": \"x\"}}, \"prices\": [{{\"input\": -1}}]}}]\n"
        ),
    ] {
        broken.parse::<Prices>().expect_err(&broken);
    }
}
