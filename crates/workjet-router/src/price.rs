//! What tokens cost.
//!
//! A cost is a whole number of nano-USD, says whether anything in it was assumed, and is stamped with the hash of the price
//! table, so that a bill can be explained years later. The bundled table is made from the data of
//! [genai-prices](https://github.com/pydantic/genai-prices), which knows dates, context steps, cache classes and service
//! tiers; the arithmetic is in integers, and a test compares it with that library for every model.

mod table;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use self::table::{Found, Rate, Rates, Table};
use crate::{Outbound, Usage};

/// What a reply cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cost {
    /// Billionths of a US dollar. Zero means that it was free, not that nobody knows.
    pub nano_usd: u64,
    /// Whether anything was assumed.
    pub quality: CostQuality,
}

/// How far a [`Cost`] can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CostQuality {
    /// The provider counted the tokens, and the table prices this provider's model, each class of tokens that was used,
    /// and the service tier.
    Exact,
    /// Something of that is missing and was filled with the nearest thing known.
    Estimated,
}

/// A price table.
///
/// ```
/// # #[cfg(feature = "bundled-prices")] {
/// use workjet_router::{CostQuality, Outbound, Prices, Usage};
///
/// let prices = Prices::bundled();
/// let mut usage = Usage::default();
/// usage.input = Some(1_000);
/// usage.output = Some(100);
/// let at = "2026-10-01T00:00:00Z".parse().expect("a timestamp");
/// let cost = prices.cost(Outbound::OpenAi, "https://api.openai.com/v1", "gpt-5-mini", &usage, at).expect("a price");
/// // 1,000 tokens at $0.25 and 100 at $2.00 per million
/// assert_eq!((cost.nano_usd, cost.quality), (450_000, CostQuality::Exact));
/// # }
/// ```
#[derive(Clone)]
pub struct Prices(Arc<Inner>);

struct Inner {
    table: Arc<Table>,
    hash: String,
    /// Who is behind each address that was asked about. Addresses come from the configuration, so they are few.
    seen: Mutex<Vec<(String, Option<usize>)>>,
}

/// The text is not a price table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a price table: {reason}")]
pub struct InvalidPrices {
    reason: String,
}

impl InvalidPrices {
    fn new(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
        }
    }
}

#[cfg(feature = "bundled-prices")]
const BUNDLED: &str = include_str!("../data/prices.jsonl");

impl Prices {
    /// The table inside this release.
    #[cfg(feature = "bundled-prices")]
    pub fn bundled() -> Self {
        static READ: OnceLock<Prices> = OnceLock::new();
        let read = || {
            let table = Table::trusted(BUNDLED).expect("a test reads the bundled table in full");
            Self::new(table, BUNDLED)
        };
        READ.get_or_init(read).clone()
    }

    fn new(table: Arc<Table>, text: &str) -> Self {
        Self(Arc::new(Inner {
            table,
            hash: format!("sha256:{}", hex::encode(Sha256::digest(text))),
            seen: Mutex::default(),
        }))
    }

    /// The hash of the table's text, as `sha256:<hex>`.
    pub fn hash(&self) -> &str {
        &self.0.hash
    }

    /// What `usage` cost at `at` for `model`, in the words of the provider that answered. `base_url` says who that is,
    /// since many speak one dialect; if the table knows nobody there, the dialect's own provider is assumed and the cost is
    /// an estimate.
    ///
    /// `None` if the table has no price for the model, the provider counted nothing, or there is no provider (an empty
    /// `base_url`, as the demo has).
    pub fn cost(
        &self,
        outbound: Outbound,
        base_url: &str,
        model: &str,
        usage: &Usage,
        at: Timestamp,
    ) -> Option<Cost> {
        let (provider, is_known) = self.provider(outbound, base_url)?;
        let found = self.0.table.find(provider, model, at)?;
        let tier = usage.service_tier.as_deref().filter(|tier| !is_standard(tier));
        let rates = found.rates(tier);

        let input = usage.total_input();
        if input.is_none() && usage.output.is_none() {
            return None;
        }
        // Without a rate for a whole direction a sum would be made up.
        let is_used = |tokens: Option<u64>| tokens.is_some_and(|tokens| tokens > 0);
        if (is_used(input) && rates.input.is_none())
            || (is_used(usage.output) && rates.output.is_none())
            || (rates.input.is_none() && rates.output.is_none())
        {
            return None;
        }
        let nano_usd = nano_usd(&rates, usage)?;
        let tier_is_known = tier.is_none_or(|_| has_rates_of_its_own(&found, &rates));
        let is_exact = is_known && usage.is_complete() && prices_every_class(&rates, usage) && tier_is_known;
        let quality = if is_exact {
            CostQuality::Exact
        } else {
            CostQuality::Estimated
        };
        Some(Cost { nano_usd, quality })
    }

    /// The provider's place in the table, and whether it is known rather than assumed.
    fn provider(&self, outbound: Outbound, base_url: &str) -> Option<(usize, bool)> {
        if base_url.is_empty() {
            return None;
        }
        let at_address = {
            let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let known = seen
                .iter()
                .find(|(url, _)| url == base_url)
                .map(|(_, place)| *place);
            known.unwrap_or_else(|| {
                let place = self.0.table.provider_at(base_url);
                seen.push((base_url.to_owned(), place));
                place
            })
        };
        if let Some(place) = at_address {
            return Some((place, true));
        }
        let own = match outbound {
            Outbound::OpenAi => "openai",
            Outbound::Anthropic => "anthropic",
            Outbound::Google => "google",
            // It runs on the operator's own machine. There is no price list for that.
            Outbound::Ollama => return None,
        };
        Some((self.0.table.provider(own)?, false))
    }
}

/// Reads a table in the form that `cargo xtask prices` writes.
impl FromStr for Prices {
    type Err = InvalidPrices;

    fn from_str(text: &str) -> Result<Self, InvalidPrices> {
        Ok(Self::new(Arc::new(text.parse()?), text))
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices")
            .field("hash", &self.hash())
            .finish_non_exhaustive()
    }
}

/// What providers call the tier that everybody gets.
fn is_standard(tier: &str) -> bool {
    matches!(tier, "" | "default" | "standard" | "on_demand")
}

/// The sum over all classes, each token in the narrowest class that has a rate; rounded half up. `None` beyond what a log
/// entry holds exactly, nine million dollars, which is not the cost of one reply.
fn nano_usd(rates: &Rates, usage: &Usage) -> Option<u64> {
    let input_tokens = usage.total_input().unwrap_or(0);
    let output = usage.output.unwrap_or(0);
    // A provider that reports more reasoning than output must not cost us the whole price.
    let reasoning = usage.reasoning.unwrap_or(0).min(output);
    let writes_1h = usage.cache_write_1h.unwrap_or(0);
    // The five-minute rate is the general rate for cache writes.
    let writes = usage.cache_write_5m.unwrap_or(0).saturating_add(writes_1h);

    let of_class = |rate: &Option<Rate>, tokens: u64| if rate.is_some() { tokens } else { 0 };
    let reads = of_class(&rates.cache_read, usage.cache_read.unwrap_or(0));
    let writes_1h = of_class(&rates.cache_write_1h, writes_1h);
    let writes = of_class(&rates.cache_write, writes.saturating_sub(writes_1h));
    let reasoning = of_class(&rates.reasoning, reasoning);
    let plain = input_tokens
        .saturating_sub(reads)
        .saturating_sub(writes)
        .saturating_sub(writes_1h);

    let classes = [
        (&rates.input, plain),
        (&rates.cache_read, reads),
        (&rates.cache_write, writes),
        (&rates.cache_write_1h, writes_1h),
        (&rates.output, output - reasoning),
        (&rates.reasoning, reasoning),
        (&rates.request, 1),
    ];
    let pico_usd: u128 = classes
        .into_iter()
        .map(|(rate, tokens)| {
            let rate = rate.as_ref().map_or(0, |rate| rate.at(input_tokens));
            u128::from(rate) * u128::from(tokens)
        })
        .sum();
    u64::try_from((pico_usd + 500) / 1000)
        .ok()
        .filter(|&nano_usd| nano_usd <= 1 << 53)
}

/// Whether each class of tokens that was used has a rate of its own. Else it costs what the class around it costs, such as
/// plain input for a cache read.
fn prices_every_class(rates: &Rates, usage: &Usage) -> bool {
    let is_unused = |tokens: Option<u64>| tokens.is_none_or(|tokens| tokens == 0);
    (is_unused(usage.cache_read) || rates.cache_read.is_some())
        && (is_unused(usage.cache_write_5m) && is_unused(usage.cache_write_1h) || rates.cache_write.is_some())
        && (is_unused(usage.cache_write_1h) || rates.cache_write_1h.is_some())
}

/// Whether a service tier's rates are others than everybody's.
fn has_rates_of_its_own(found: &Found<'_>, rates: &Rates) -> bool {
    let mut probe = Usage::default();
    (probe.input, probe.output) = (Some(1_000_000), Some(1_000_000));
    nano_usd(&found.rates(None), &probe) != nano_usd(rates, &probe)
}
