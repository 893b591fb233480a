//! What tokens cost.
//!
//! Prices come from the table of [genai-prices](https://docs.rs/genai-prices), which knows dates, context tiers, cache
//! classes and service tiers. A cost is a whole number of nano-USD, says whether anything in it was assumed, and is
//! stamped with the hash of the table, so that a bill can be explained years later.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use genai_prices::{Calculator, ErrorKind, PriceRequest, UsageKey};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

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
pub struct Prices {
    table: Table,
    hash: Arc<str>,
}

#[derive(Clone)]
enum Table {
    #[cfg(feature = "bundled-prices")]
    Bundled,
    Loaded(Arc<Calculator>),
}

/// The text is not a price table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a price table that genai-prices reads (version 2): {reason}")]
pub struct InvalidPrices {
    reason: String,
}

/// SHA-256 of `data/prices.json` in genai-prices 0.2.1, which the manifest asks for to the letter. The crate does not hand
/// out its data; a test compares the file.
#[cfg(feature = "bundled-prices")]
const BUNDLED_HASH: &str = "sha256:36b2d46ee3f339666e58962d6e4d9ecb175adf2a0456ad029ea0cbafd9baf75c";

impl Prices {
    /// The table inside this release. It is decoded on first use, which takes tens of milliseconds.
    #[cfg(feature = "bundled-prices")]
    pub fn bundled() -> Self {
        Self {
            table: Table::Bundled,
            hash: BUNDLED_HASH.into(),
        }
    }

    /// A table in genai-prices' own format, version 2.
    ///
    /// # Errors
    /// [`InvalidPrices`] if it is not one.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidPrices> {
        let calculator = Calculator::from_json(json).map_err(|error| InvalidPrices {
            reason: error.to_string(),
        })?;
        let hash = format!("sha256:{}", hex::encode(Sha256::digest(json)));
        Ok(Self {
            table: Table::Loaded(Arc::new(calculator)),
            hash: hash.into(),
        })
    }

    /// The table's hash, as `sha256:<hex>`.
    pub fn hash(&self) -> &str {
        &self.hash
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
        let calculator = self.calculator();
        let (provider, is_known) = provider(calculator, outbound, base_url)?;
        let quote = Quote {
            calculator,
            provider: &provider,
            model,
            at: SystemTime::try_from(at).ok()?,
        };

        let input = usage.total_input();
        if input.is_none() && usage.output.is_none() {
            return None;
        }
        // Without a rate for a whole direction a sum would be made up.
        if (input.is_some_and(|tokens| tokens > 0) && !quote.prices_input())
            || (usage.output.is_some_and(|tokens| tokens > 0) && !quote.prices_output())
            || !(quote.prices_input() || quote.prices_output())
        {
            return None;
        }
        let tier = usage.service_tier.as_deref().filter(|tier| !is_standard(tier));
        let counted = count(usage);
        let nano_usd = quote.nano_usd(&counted, tier)?;
        let tier_is_known = tier.is_none_or(|tier| quote.has_tier(tier));
        let is_exact = is_known && usage.is_complete() && quote.prices_every_class(usage) && tier_is_known;
        let quality = if is_exact {
            CostQuality::Exact
        } else {
            CostQuality::Estimated
        };
        Some(Cost { nano_usd, quality })
    }

    fn calculator(&self) -> &Calculator {
        match &self.table {
            #[cfg(feature = "bundled-prices")]
            Table::Bundled => Calculator::bundled(),
            Table::Loaded(calculator) => calculator,
        }
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// The provider's id in the table, and whether it is known rather than assumed.
fn provider(calculator: &Calculator, outbound: Outbound, base_url: &str) -> Option<(String, bool)> {
    if base_url.is_empty() {
        return None;
    }
    if let Ok(Some(found)) = calculator.find_provider(None, Some(base_url)) {
        return Some((found.id().to_owned(), true));
    }
    let own = match outbound {
        Outbound::OpenAi => "openai",
        Outbound::Anthropic => "anthropic",
        Outbound::Google => "google",
        // It runs on the operator's own machine. There is no price list for that.
        Outbound::Ollama => return None,
    };
    Some((own.to_owned(), false))
}

/// What providers call the tier that everybody gets.
fn is_standard(tier: &str) -> bool {
    matches!(tier, "" | "default" | "standard" | "on_demand")
}

/// The usage as the table counts it: `input_tokens` is all input, and each class below it is a part of it.
///
/// The table's five-minute rate is its general rate for cache writes, so only the one-hour part is named apart.
fn count(usage: &Usage) -> genai_prices::Usage {
    let mut counted = genai_prices::Usage::new();
    let mut put = |key: UsageKey, tokens: Option<u64>| {
        if let Some(tokens) = tokens {
            counted.insert(key, tokens as f64);
        }
    };
    let writes = [usage.cache_write_5m, usage.cache_write_1h]
        .into_iter()
        .flatten()
        .reduce(u64::saturating_add);
    put(UsageKey::INPUT_TOKENS, Some(usage.total_input().unwrap_or(0)));
    put(UsageKey::CACHE_READ_TOKENS, usage.cache_read);
    put(UsageKey::CACHE_WRITE_TOKENS, writes);
    put(UsageKey::CACHE_WRITE_1H_TOKENS, usage.cache_write_1h);
    put(UsageKey::OUTPUT_TOKENS, Some(usage.output.unwrap_or(0)));
    // A provider that reports more reasoning than output must not cost us the whole price.
    put(
        UsageKey::OUTPUT_REASONING_TOKENS,
        usage
            .reasoning
            .map(|tokens| tokens.min(usage.output.unwrap_or(0))),
    );
    counted
}

struct Quote<'a> {
    calculator: &'a Calculator,
    provider: &'a str,
    model: &'a str,
    at: SystemTime,
}

impl Quote<'_> {
    fn nano_usd(&self, usage: &genai_prices::Usage, tier: Option<&str>) -> Option<u64> {
        let usd = self.ask(usage, tier).ok()?;
        let nano_usd = (usd * 1e9).round();
        // A cost beyond what a double counts exactly (9 million dollars) is not the cost of one reply.
        (nano_usd <= 9_007_199_254_740_991.0).then_some(nano_usd as u64)
    }

    fn prices_input(&self) -> bool {
        self.distinguishes(&[(UsageKey::CACHE_READ_TOKENS, 1.0)])
    }

    fn prices_output(&self) -> bool {
        self.distinguishes(&[(UsageKey::OUTPUT_REASONING_TOKENS, 1.0)])
    }

    /// Whether each class of tokens that was used has a rate of its own. Else the table falls back to the class above it,
    /// such as plain input for a cache read.
    fn prices_every_class(&self, usage: &Usage) -> bool {
        let used = |tokens: Option<u64>| tokens.is_some_and(|tokens| tokens > 0);
        let input = |tokens| (UsageKey::INPUT_TOKENS, tokens);
        (!used(usage.cache_read) || self.distinguishes(&[input(0.0), (UsageKey::CACHE_READ_TOKENS, 1.0)]))
            && (!used(usage.cache_write_5m) && !used(usage.cache_write_1h)
                || self.distinguishes(&[input(0.0), (UsageKey::CACHE_WRITE_TOKENS, 1.0)]))
            && (!used(usage.cache_write_1h)
                || self.distinguishes(&[
                    input(1.0),
                    (UsageKey::CACHE_WRITE_TOKENS, 0.0),
                    (UsageKey::CACHE_WRITE_1H_TOKENS, 1.0),
                ]))
    }

    fn has_tier(&self, tier: &str) -> bool {
        let probe =
            genai_prices::Usage::from([(UsageKey::INPUT_TOKENS, 1e6), (UsageKey::OUTPUT_TOKENS, 1e6)]);
        matches!((self.ask(&probe, None), self.ask(&probe, Some(tier))), (Ok(standard), Ok(tiered)) if standard != tiered)
    }

    /// Whether the table has a rate that a contradictory usage touches: a part without, or larger than, its whole is refused
    /// only if the rates tell the two apart. It is how one sees, through the crate's interface, an absent rate from a rate
    /// of zero.
    fn distinguishes(&self, contradiction: &[(UsageKey, f64)]) -> bool {
        let usage = contradiction.iter().cloned().collect();
        matches!(self.ask(&usage, None), Err(error) if error.kind() == ErrorKind::InvalidUsage)
    }

    fn ask(&self, usage: &genai_prices::Usage, tier: Option<&str>) -> genai_prices::Result<f64> {
        let mut request = PriceRequest::new(self.model, usage)
            .with_provider_id(self.provider)
            .with_timestamp(self.at);
        if let Some(tier) = tier {
            request = request.with_price_context("service_tier", tier);
        }
        self.calculator.calculate(&request).map(|price| price.total_price)
    }
}
