//! How a request ended: the entry that every intent gets exactly one of.

use std::time::Duration;

use workjet_audit::{Kind, Quality, Tokens};
use workjet_router::{CostQuality, Usage};

use super::{Recorded, append, describe, entry};
use crate::admit::Purpose;
use crate::dispatch::{Ended, Served};
use crate::inspect::Inspected;
use crate::outlet::Outlet;
use crate::time::millis;
use crate::{Core, Host, Refusal};

/// Logs how a request ended. When this returns, the entry is durable and the end of the reply may go out.
pub(crate) async fn record_outcome(
    core: &Core,
    host: &Host,
    recorded: &Recorded<Inspected>,
    served: &Served,
    ended: &Ended,
    outlet: &Outlet,
) -> Result<(), Refusal> {
    let inspected = recorded.get();
    let now = host.clock.now();
    let (code, status) = match ended {
        Ended::Streamed(_) | Ended::Whole(_) => ("ok", Some(200)),
        Ended::ClientGone => ("client_gone", outlet.has_begun().then_some(200)),
        Ended::Refused(refusal) => (
            refusal.code,
            Some(if outlet.has_begun() { 200 } else { refusal.status }),
        ),
    };
    let latency_ms = millis(inspected.ticket().started, now);
    let mut entry = describe(
        entry(inspected.ticket(), inspected.scope(), Kind::AiOutcome, now),
        inspected,
    )
    .code(code)
    .latency_ms(latency_ms);
    entry.status = status;
    entry.attempts.clone_from(&served.attempts);
    entry = served.findings.log(entry);

    if let Some(answered) = &served.answered {
        entry = entry.model_answered(&answered.target.provider, answered.model.clone());
        let tokens = tokens(&answered.usage);
        if tokens != Tokens::default() {
            entry = entry.tokens(tokens);
        }
        if inspected.ticket().purpose == Purpose::Chat {
            let model = answered.model.as_deref().unwrap_or(&answered.target.model);
            let (usage, is_counted) = answered.usage_or_guess(inspected.chat().estimated_input_tokens());
            if let Some(cost) = core
                .prices
                .cost(answered.outbound, &answered.base_url, model, &usage, now)
            {
                let quality = match cost.quality {
                    CostQuality::Exact if is_counted => Quality::Exact,
                    _ => Quality::Estimated,
                };
                entry = entry.cost(cost.nano_usd, core.prices.hash(), quality);
                core.metrics.cost(cost.nano_usd);
            }
        }
        count(core, &tokens);
    }
    if let Some(commitment) = &served.commitment {
        entry = entry.commit_request(commitment);
    }
    let rest = match ended {
        Ended::Streamed(last) | Ended::Whole(last) => Some(&last.0),
        Ended::ClientGone | Ended::Refused(_) => None,
    };
    if rest.is_some() || outlet.has_begun() {
        entry = entry.commit_response(outlet.commitment(rest));
    }
    inspected.findings().count(&core.metrics);
    served.findings.count(&core.metrics);
    let written = append(host, inspected.scope(), entry).await;
    let code = written
        .as_ref()
        .map_or_else(|unwritten| unwritten.code, |()| code);
    let surface = inspected.ticket().dialect();
    core.metrics
        .request(surface, code, Duration::from_millis(latency_ms));
    written
}

fn tokens(usage: &Usage) -> Tokens {
    Tokens {
        input: usage.input,
        cache_read: usage.cache_read,
        cache_write_5m: usage.cache_write_5m,
        cache_write_1h: usage.cache_write_1h,
        output: usage.output,
        reasoning: usage.reasoning,
    }
}

fn count(core: &Core, tokens: &Tokens) {
    let classes = [
        ("input", tokens.input),
        ("cache_read", tokens.cache_read),
        ("cache_write_5m", tokens.cache_write_5m),
        ("cache_write_1h", tokens.cache_write_1h),
        ("output", tokens.output),
        ("reasoning", tokens.reasoning),
    ];
    for (class, count) in classes {
        core.metrics.tokens(class, count.unwrap_or_default());
    }
}
