//! Is there anything in it that must not leave?
//!
//! The third stage. Every string of the body is looked at in its place ([`coverage`](crate::coverage)): what the policy
//! redacts is rewritten, what it blocks, or what cannot be rewritten, refuses the request. Only then is the body read
//! as a chat request, so everything downstream works on the inspected text and nothing else exists any more.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderMap;
use workjet_audit::Direction;
use workjet_dlp::{Finding, ScannedJson, Vault, Verdict};
use workjet_router::{ApiError, ChatRequest, Inbound, RequestError, Resolved, Written};
use workjet_tenant::{Scope, Standing};

use crate::Refusal;
use crate::admit::{Admitted, Parts, Purpose, Ticket};
use crate::config::Unscannable;
use crate::core::Settings;
use crate::coverage;
use crate::findings::Findings;

/// A request whose every string was looked at. Only [`inspect`] makes one.
#[derive(Debug)]
pub struct Inspected {
    scope: Scope,
    ticket: Ticket,
    settings: Arc<Settings>,
    standings: Vec<Standing>,
    asked: String,
    resolved: Resolved,
    chat: ChatRequest,
    headers: HeaderMap,
    findings: Findings,
    vault: Option<Arc<Vault>>,
}

impl Inspected {
    pub(crate) const fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(crate) const fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    pub(crate) const fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    pub(crate) fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// The model's name in the client's words. Safe to log: it was inspected too.
    pub(crate) fn asked(&self) -> &str {
        &self.asked
    }

    pub(crate) const fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// What may be sent, in the client's dialect.
    pub(crate) const fn chat(&self) -> &ChatRequest {
        &self.chat
    }

    /// The client's headers that a provider of the same dialect gets.
    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(crate) const fn findings(&self) -> &Findings {
        &self.findings
    }

    /// The values that left as tokens and go back into the reply; `None` if there are none.
    pub(crate) const fn vault(&self) -> Option<&Arc<Vault>> {
        self.vault.as_ref()
    }

    /// Whether the client asked for text that is a JSON document.
    pub(crate) fn wants_json(&self) -> bool {
        let body = self.chat.body();
        match self.chat.inbound() {
            Inbound::AnthropicMessages => {
                let config = body.get("output_config").and_then(|config| config.get("format"));
                config
                    .or(body.get("output_format"))
                    .is_some_and(|format| !format.is_null())
            }
            _ => body.get("response_format").is_some_and(|format| {
                format["type"]
                    .as_str()
                    .is_some_and(|kind| kind.starts_with("json"))
            }),
        }
    }
}

/// Scans and rewrites the body.
///
/// # Errors
/// 400 `dlp_blocked` for what the policy forbids, for a finding in a name or key that cannot be rewritten, and for parts
/// that cannot be scanned if the policy says so; 400 for a body that is no request of its dialect.
pub fn inspect(admitted: Admitted) -> Result<Inspected, Refusal> {
    let Parts {
        scope,
        ticket,
        settings,
        standings,
        preview,
        resolved,
        headers,
        body,
        mut vault,
        ..
    } = admitted.into_parts();
    let mut findings = Findings::default();
    let refuse = |refusal: Refusal, findings: Findings| {
        let mut refusal = refusal.standing(standings.clone());
        refusal.findings = Box::new(findings);
        Err(refusal)
    };

    let (engine, shape) = (&settings.engine, coverage::request(ticket.inbound));
    let scanned = match &mut vault {
        Some(vault) => engine.scan_json_with_vault(&body, shape, &settings.request, vault),
        None => engine.scan_json(&body, shape, &settings.request),
    };
    let ScannedJson { json, report } = match scanned {
        Ok(scanned) => scanned,
        Err(invalid) => {
            return refuse(
                Refusal::invalid(format!("the request body is {invalid}")),
                findings,
            );
        }
    };
    let vault = vault.filter(|vault| !vault.is_empty()).map(Arc::new);
    findings.add(Direction::Request, &report.findings);
    findings.add_unscannable(&report.unscannable, settings.unscannable);
    match &report.verdict {
        Verdict::Pass => {}
        Verdict::Blocked(finding) => return refuse(blocked(finding), findings),
        Verdict::Refused(finding) => return refuse(cannot_rewrite(finding), findings),
    }
    if let (Unscannable::Block, Some(part)) = (settings.unscannable, report.unscannable.first()) {
        return refuse(unscannable(part.path()), findings);
    }
    for value in headers.values() {
        let text = value.to_str().unwrap_or("\u{fffd}");
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.,; ".contains(&byte))
            || settings.engine.find_iter(text).next().is_some()
        {
            return refuse(
                Refusal::invalid("a header that would be passed on holds more than names"),
                findings,
            );
        }
    }
    let json = match json {
        Cow::Borrowed(_) => Vec::from(body),
        Cow::Owned(json) => json,
    };
    let chat = match read(&ticket, json) {
        Ok(chat) => chat,
        Err(error) => return refuse(ApiError::from(error).into(), findings),
    };
    let may_change = settings.response.can_change_text() || settings.response.can_block() || vault.is_some();
    if chat.wants_logprobs() && may_change {
        let refusal = Refusal::invalid(
            "logprobs repeat the reply token by token, which cannot be redacted: leave `logprobs` out, or ask for a \
             policy that leaves replies alone",
        );
        return refuse(refusal.at("logprobs"), findings);
    }
    Ok(Inspected {
        scope,
        ticket,
        settings,
        standings,
        asked: preview.model,
        resolved,
        chat,
        headers,
        findings,
        vault,
    })
}

/// Reads what was scanned as a request of its dialect.
fn read(ticket: &Ticket, json: Vec<u8>) -> Result<ChatRequest, RequestError> {
    if ticket.purpose == Purpose::CountTokens
        && let Ok(mut written) = Written::read(&json)
        && written.get("max_tokens").is_none()
    {
        // The one field that a count lacks and a chat needs. It is taken out again before it is sent.
        written.set("max_tokens", b"1");
        return ticket.inbound.parse_json(written.to_vec());
    }
    ticket.inbound.parse_json(json)
}

fn blocked(finding: &Finding) -> Refusal {
    let (detector, path) = (finding.detector().as_str(), finding.path().unwrap_or("the body"));
    let message =
        format!("the request holds {detector} at {path}, which your organisation's policy does not let out");
    Refusal::dlp_blocked(message).at(path)
}

fn cannot_rewrite(finding: &Finding) -> Refusal {
    let (detector, path) = (finding.detector().as_str(), finding.path().unwrap_or("the body"));
    let message = format!(
        "the request holds {detector} at {path}, in a name, key or address that must stay as it is and so cannot be \
         redacted: change it"
    );
    Refusal::dlp_blocked(message).at(path)
}

fn unscannable(path: &str) -> Refusal {
    let message = format!(
        "the request holds a part at {path} that cannot be scanned, and your organisation's policy \
         (unscannable = \"block\") does not let it out"
    );
    Refusal::dlp_blocked(message).at(path)
}
