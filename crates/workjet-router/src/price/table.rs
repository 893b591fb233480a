//! A price table: who is behind an address, which model a name means, and what its tokens cost when.
//!
//! It is text, one JSON value a line: what the table is, and then for each provider a line with its name and address and
//! a line with its models. A provider's models are read when it is first asked about, since most never are.

use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::util::syntax;
use serde::Deserialize;

use super::InvalidPrices;

/// The format that this version reads.
const FORMAT: u32 = 1;

/// A rate in pico-USD a token, which every list price is a whole multiple of: $0.000001 per million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Rate {
    Flat(u64),
    /// Up to the first number of input tokens, then from each `(tokens, rate)` on for requests that have more.
    Stepped(u64, Vec<(u64, u64)>),
}

impl Rate {
    pub(super) fn at(&self, input_tokens: u64) -> u64 {
        match self {
            Self::Flat(rate) => *rate,
            Self::Stepped(base, steps) => {
                let reached = steps.iter().rev().find(|(start, _)| input_tokens > *start);
                reached.map_or(*base, |(_, rate)| *rate)
            }
        }
    }
}

/// What a model's tokens cost. A class without a rate costs what the class around it costs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Rates {
    pub(super) input: Option<Rate>,
    pub(super) cache_read: Option<Rate>,
    pub(super) cache_write: Option<Rate>,
    pub(super) cache_write_1h: Option<Rate>,
    pub(super) output: Option<Rate>,
    pub(super) reasoning: Option<Rate>,
    pub(super) request: Option<Rate>,
    since: Option<Timestamp>,
    /// The seconds of a day, in UTC, from and before which the rates hold.
    daily: Option<(u32, u32)>,
    tier: Option<String>,
}

impl Rates {
    fn holds(&self, at: Timestamp) -> bool {
        let second = at.as_second().rem_euclid(86_400) as u32;
        self.since.is_none_or(|since| at >= since)
            && self.daily.is_none_or(|(start, end)| {
                if end < start {
                    second >= start || second < end
                } else {
                    (start..end).contains(&second)
                }
            })
    }

    /// Takes the rates that `tier` has, except where an earlier one set them.
    fn overlay(&mut self, tier: &Self, set: &mut Self) {
        let classes = [
            (&mut self.input, &tier.input, &mut set.input),
            (&mut self.cache_read, &tier.cache_read, &mut set.cache_read),
            (&mut self.cache_write, &tier.cache_write, &mut set.cache_write),
            (
                &mut self.cache_write_1h,
                &tier.cache_write_1h,
                &mut set.cache_write_1h,
            ),
            (&mut self.output, &tier.output, &mut set.output),
            (&mut self.reasoning, &tier.reasoning, &mut set.reasoning),
            (&mut self.request, &tier.request, &mut set.request),
        ];
        for (rate, of_tier, set) in classes {
            if of_tier.is_some() && set.is_none() {
                rate.clone_from(of_tier);
                set.clone_from(of_tier);
            }
        }
    }
}

/// Which names mean a model.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Regex(Pattern),
    Not(Box<Rule>),
    And(Vec<Rule>),
    Or(Vec<Rule>),
}

impl Rule {
    fn matches(&self, model: &str) -> bool {
        match self {
            Self::Equals(text) => model == text,
            Self::StartsWith(text) => model.starts_with(text.as_str()),
            Self::EndsWith(text) => model.ends_with(text.as_str()),
            Self::Contains(text) => model.contains(text.as_str()),
            Self::Regex(pattern) => pattern.is_match(model),
            Self::Not(rule) => !rule.matches(model),
            Self::And(rules) => rules.iter().all(|rule| rule.matches(model)),
            Self::Or(rules) => rules.iter().any(|rule| rule.matches(model)),
        }
    }
}

/// A regular expression over ASCII. Names and addresses need no more, and Unicode's tables are large.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Pattern(Box<PikeVM>);

impl Pattern {
    fn is_match(&self, text: &str) -> bool {
        self.0.is_match(&mut self.0.create_cache(), text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = InvalidPrices;

    fn try_from(pattern: String) -> Result<Self, InvalidPrices> {
        let ascii = syntax::Config::new().unicode(false).utf8(false);
        PikeVM::builder()
            .syntax(ascii)
            .thompson(regex_automata::nfa::thompson::Config::new().utf8(false))
            .build(&pattern)
            .map(|vm| Self(Box::new(vm)))
            .map_err(InvalidPrices::new)
    }
}

#[derive(Debug, Deserialize)]
struct Model {
    #[serde(rename = "match")]
    rule: Rule,
    prices: Vec<Rates>,
    #[serde(default)]
    tiers: Vec<Rates>,
}

impl Model {
    /// The rates at `at`: of several that hold the last, and else the first.
    fn rates(&self, at: Timestamp) -> Rates {
        let current = self.prices.iter().rev().find(|rates| rates.holds(at));
        current.or(self.prices.first()).cloned().unwrap_or_default()
    }

    fn rates_of_tier(&self, tier: &str, at: Timestamp) -> Rates {
        let (mut rates, mut set) = (self.rates(at), Rates::default());
        for of_tier in &self.tiers {
            if of_tier.tier.as_deref() == Some(tier) && of_tier.holds(at) {
                rates.overlay(of_tier, &mut set);
            }
        }
        rates
    }
}

#[derive(Debug, Deserialize)]
struct Header {
    format: u32,
}

#[derive(Debug, Deserialize)]
struct Head {
    provider: String,
    url: Pattern,
    /// Whose models it also sells.
    #[serde(default)]
    fallback: Vec<String>,
}

#[derive(Debug)]
struct Provider {
    head: Head,
    source: Box<str>,
    models: OnceLock<Vec<Model>>,
}

impl Provider {
    fn models(&self) -> &[Model] {
        self.models.get_or_init(|| {
            // `from_str` read them once to see that they can be read.
            serde_json::from_str(&self.source).unwrap_or_default()
        })
    }
}

/// A price table.
#[derive(Debug)]
pub(super) struct Table(Vec<Provider>);

/// A model of the table, with the rates of one moment.
#[derive(Debug)]
pub(super) struct Found<'a> {
    model: &'a Model,
    /// Whether the provider's own table has it. Tiers are not lent.
    is_own: bool,
    at: Timestamp,
}

impl Found<'_> {
    pub(super) fn rates(&self, tier: Option<&str>) -> Rates {
        match tier {
            Some(tier) if self.is_own => self.model.rates_of_tier(tier, self.at),
            _ => self.model.rates(self.at),
        }
    }
}

impl Table {
    /// Reads the providers alone, trusting that their models can be read: of a table that was read in full before.
    pub(super) fn trusted(text: &str) -> Result<Arc<Self>, InvalidPrices> {
        let mut lines = text.lines();
        let header: Header = read(lines.next().unwrap_or_default())?;
        if header.format != FORMAT {
            return Err(InvalidPrices::new(format!(
                "its format is {}, not {FORMAT}",
                header.format
            )));
        }
        let mut providers = Vec::new();
        while let Some(head) = lines.next() {
            let models = lines
                .next()
                .ok_or_else(|| InvalidPrices::new("a provider without models"))?;
            providers.push(Provider {
                head: read(head)?,
                source: models.into(),
                models: OnceLock::new(),
            });
        }
        Ok(Arc::new(Self(providers)))
    }

    /// The place of the provider behind an address.
    pub(super) fn provider_at(&self, url: &str) -> Option<usize> {
        self.0.iter().position(|provider| provider.head.url.is_match(url))
    }

    /// The place of the provider with this name.
    pub(super) fn provider(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|provider| provider.head.provider == name)
    }

    /// What `model` means to a provider.
    pub(super) fn find(&self, provider: usize, model: &str, at: Timestamp) -> Option<Found<'_>> {
        let model = model.to_lowercase();
        let found = self.find_as_written(provider, &model).or_else(|| {
            let dashed = with_dashed_dates(&model);
            (dashed != model).then(|| self.find_as_written(provider, &dashed))?
        });
        found.map(|(model, is_own)| Found { model, is_own, at })
    }

    fn find_as_written(&self, provider: usize, model: &str) -> Option<(&Model, bool)> {
        let of = |provider: &'_ Provider| -> Option<usize> {
            provider
                .models()
                .iter()
                .position(|known| known.rule.matches(model))
        };
        let own = &self.0[provider];
        if let Some(place) = of(own) {
            return Some((&own.models()[place], true));
        }
        own.head.fallback.iter().find_map(|name| {
            let lender = &self.0[self.provider(name)?];
            of(lender).map(|place| (&lender.models()[place], false))
        })
    }
}

/// Reads everything, so that nothing can fail later.
impl FromStr for Table {
    type Err = InvalidPrices;

    fn from_str(text: &str) -> Result<Self, InvalidPrices> {
        let table = Self::trusted(text)?;
        for provider in &table.0 {
            read::<Vec<Model>>(&provider.source)?;
        }
        Ok(Arc::into_inner(table).expect("nobody else has it yet"))
    }
}

fn read<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, InvalidPrices> {
    serde_json::from_str(line).map_err(InvalidPrices::new)
}

/// Providers write a model's date as `-20251211` or as `-2025-12-11`; the table knows one of them.
fn with_dashed_dates(model: &str) -> String {
    let parts: Vec<&str> = model.split_inclusive(['-', ':']).collect();
    let mut dashed = String::with_capacity(model.len() + 2);
    for (place, part) in parts.iter().enumerate() {
        let digits = part.trim_end_matches(['-', ':']);
        let is_after_dash = place > 0 && parts[place - 1].ends_with('-');
        if is_after_dash && is_compact_date(digits) {
            dashed.push_str(&format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]));
            dashed.push_str(&part[digits.len()..]);
        } else {
            dashed.push_str(part);
        }
    }
    dashed
}

/// Whether it is a day of this century as eight digits.
fn is_compact_date(digits: &str) -> bool {
    if digits.len() != 8 || !digits.starts_with("20") || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let number = |range: std::ops::Range<usize>| digits[range].parse().unwrap_or(0_i16);
    let (year, month, day) = (number(0..4), number(4..6) as i8, number(6..8) as i8);
    jiff::civil::Date::new(year, month, day).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_get_dashes_only_if_they_are_dates() {
        for (model, dashed) in [
            ("gpt-5.2-20251211", "gpt-5.2-2025-12-11"),
            ("model-20251211:free", "model-2025-12-11:free"),
            ("a-20251211-20240229", "a-2025-12-11-2024-02-29"),
            ("model-20250230", "model-20250230"),
            ("model-202512110", "model-202512110"),
            ("20251211-model", "20251211-model"),
            ("model", "model"),
        ] {
            assert_eq!(with_dashed_dates(model), dashed);
        }
    }

    #[test]
    fn rates_hold_from_a_day_on_and_for_a_part_of_each_day() {
        let at = |time: &str| time.parse::<Timestamp>().expect("a time");
        let rates: Rates = serde_json::from_str(r#"{"since": "2026-01-01T00:00:00Z"}"#).expect("rates");
        assert!(!rates.holds(at("2025-12-31T23:59:59Z")) && rates.holds(at("2026-01-01T00:00:00Z")));
        let over_night: Rates = serde_json::from_str(r#"{"daily": [79200, 3600]}"#).expect("rates");
        assert!(over_night.holds(at("2026-01-01T22:00:00Z")) && over_night.holds(at("2026-01-01T00:59:59Z")));
        assert!(
            !over_night.holds(at("2026-01-01T01:00:00Z")) && !over_night.holds(at("2026-01-01T21:59:59Z"))
        );
    }
}
