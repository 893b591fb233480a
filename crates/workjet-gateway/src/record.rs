//! Writes down what is about to happen, before it does, and how it ended, before the client learns.
//!
//! The fourth stage. A [`Recorded`] value is the proof that its content was inspected and that the intent to send it is
//! durable in the tenant's log. [`Upstream`](crate::Upstream) takes nothing else. It can only be made here: the intent
//! from an [`Inspected`] request, and each provider call from a recorded intent.

mod outcome;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use url::Url;
use workjet_audit::{Entry, Kind};
use workjet_router::{ApiError, ProviderRequest, Target, Written, auth_header};
use workjet_tenant::Scope;

pub(crate) use self::outcome::record_outcome;
use crate::admit::{Purpose, Ticket};
use crate::config::ProviderKind;
use crate::core::{Provider, dialect};
use crate::inspect::Inspected;
use crate::time::millis;
use crate::{Core, Host, Refusal};

/// Something that was inspected and logged.
///
/// ```compile_fail
/// // There is no way to make one by hand.
/// let forged = workjet_gateway::Recorded(());
/// ```
#[derive(Debug)]
pub struct Recorded<T>(T);

impl<T> Recorded<T> {
    /// What was recorded.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// What was recorded, to send it.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// One HTTP request to a provider. Its fields are for whoever implements [`Upstream`](crate::Upstream).
pub struct ProviderCall {
    /// Where to: the provider's `base_url` and a path that cannot leave its host.
    pub url: String,
    /// Every header there is, the provider's key included, which is marked as sensitive.
    pub headers: HeaderMap,
    /// The body: JSON.
    pub body: Bytes,
}

impl fmt::Debug for ProviderCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderCall").finish_non_exhaustive()
    }
}

/// A call that is ready to be sent, and what the pipeline must know about it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) call: Recorded<ProviderCall>,
    /// Fields that the provider's dialect has no place for and that change nothing.
    pub(crate) dropped: Vec<String>,
    /// A keyed hash of the body.
    pub(crate) commitment: String,
}

/// Logs the intent to send `inspected` to its targets. When this returns, the entry is durable.
///
/// # Errors
/// 503 `audit_unavailable`; then nothing may be sent.
pub async fn record_intent(host: &Host, inspected: Inspected) -> Result<Recorded<Inspected>, Refusal> {
    let entry = entry(
        inspected.ticket(),
        inspected.scope(),
        Kind::AiIntent,
        host.clock.now(),
    );
    let entry = describe(entry, &inspected);
    // The intent is durable from here. If we crash before dispatch the log shows an attempt that never ran: noisy, but
    // never a silent one.
    append(host, inspected.scope(), entry).await?;
    Ok(Recorded(inspected))
}

impl Recorded<Inspected> {
    /// Writes the request in the dialect of `target`.
    ///
    /// # Errors
    /// 400 naming a field that the provider has no counterpart for.
    pub(crate) fn call(
        &self,
        core: &Core,
        provider: &Provider,
        target: &Target,
    ) -> Result<Prepared, Refusal> {
        let request = self.write(provider, target)?;
        let url = join(&provider.base_url, &request.path)?;
        let (inspected, outbound) = (&self.0, dialect(provider.kind));
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if inspected.chat().inbound().is_same_as(outbound) {
            for (name, value) in inspected.headers() {
                headers.insert(name.clone(), value.clone());
            }
        }
        if let Some((name, value)) = key_header(provider)? {
            headers.insert(name, value);
        }
        let commitment = core.keyed_hash("request body").add(&request.body).finish();
        let call = ProviderCall {
            url,
            headers,
            body: request.body.into(),
        };
        Ok(Prepared {
            call: Recorded(call),
            dropped: request.dropped,
            commitment,
        })
    }

    /// Whether [`call`](Self::call) can be made. In the provider's own dialect a body passes as it is, so that nothing
    /// needs to be written to know.
    ///
    /// # Errors
    /// What [`call`](Self::call) would say.
    pub(crate) fn fits(&self, provider: &Provider, target: &Target) -> Result<(), Refusal> {
        key_header(provider)?;
        if self.0.chat().inbound().is_same_as(dialect(provider.kind)) {
            return self.offers(provider);
        }
        let request = self.write(provider, target)?;
        join(&provider.base_url, &request.path).map(drop)
    }

    fn write(&self, provider: &Provider, target: &Target) -> Result<ProviderRequest, Refusal> {
        self.offers(provider)?;
        let mut request = self
            .0
            .chat()
            .encode(dialect(provider.kind), &target.model)
            .map_err(|error| Refusal::from(ApiError::from(error)))?;
        if self.counts() {
            request.path.push_str("/count_tokens");
            request.body = without_limits(&request.body);
        }
        Ok(request)
    }

    fn offers(&self, provider: &Provider) -> Result<(), Refusal> {
        if self.counts() && provider.kind != ProviderKind::Anthropic {
            return Err(Refusal::not_offered());
        }
        Ok(())
    }

    fn counts(&self) -> bool {
        self.0.ticket().purpose == Purpose::CountTokens
    }
}

/// The one place where a provider's key meets a request.
fn key_header(provider: &Provider) -> Result<Option<(HeaderName, HeaderValue)>, Refusal> {
    let Some(key) = &provider.key else {
        return Ok(None);
    };
    let (name, value) = auth_header(dialect(provider.kind), key.expose_secret());
    // A key with a line break in it: the configuration's fault, and never to be shown.
    let mut value = HeaderValue::try_from(value).map_err(|_| Refusal::internal())?;
    value.set_sensitive(true);
    Ok(Some((HeaderName::from_static(name), value)))
}

/// A `count_tokens` body has no limits and does not stream.
fn without_limits(body: &[u8]) -> Vec<u8> {
    let mut body = Written::read(body).expect("a body that was just written is a JSON object");
    body.remove("max_tokens");
    body.remove("stream");
    body.to_vec()
}

/// Puts `path` behind `base`, and makes sure that it still leads to the same host and below the same folder: a model name
/// is part of some providers' paths, and must not bend it elsewhere.
fn join(base: &str, path: &str) -> Result<String, Refusal> {
    if base.is_empty() {
        // The demo has no address.
        return Ok(String::new());
    }
    let refused = || Refusal::invalid("this model name cannot be part of an address").at("model");
    let base = Url::parse(base).map_err(|_| Refusal::internal())?;
    let folder = format!("{}/", base.path().trim_end_matches('/'));
    let text = format!(
        "{}/{}",
        base.as_str().trim_end_matches('/'),
        path.trim_start_matches('/')
    );
    let url = Url::parse(&text).map_err(|_| refused())?;
    let stays =
        url.origin() == base.origin() && url.username() == base.username() && url.path().starts_with(&folder);
    if stays && url.fragment().is_none() {
        Ok(url.into())
    } else {
        Err(refused())
    }
}

/// The entry that every kind of record about a request begins with.
pub(crate) fn entry(ticket: &Ticket, scope: &Scope, kind: Kind, now: Timestamp) -> Entry {
    let suffix = match kind {
        Kind::AiIntent => "intent",
        Kind::AiOutcome => "outcome",
        _ => "refused",
    };
    Entry::new(
        format!("{}-{suffix}", ticket.id),
        now,
        scope.tenant().clone(),
        scope.actor().clone(),
        kind,
    )
    .request(&ticket.id)
    .dialect(ticket.dialect())
}

/// Adds what is known since inspection.
pub(crate) fn describe(entry: Entry, inspected: &Inspected) -> Entry {
    let resolved = inspected.resolved();
    let entry = entry.model_asked(inspected.asked()).targets(&resolved.targets);
    let entry = match &resolved.tier {
        Some(tier) => entry.tier(tier.clone()),
        None => entry,
    };
    inspected.findings().log(entry)
}

/// Logs that a request was refused after authentication. Durable when it returns.
pub(crate) async fn record_refusal(
    host: &Host,
    ticket: &Ticket,
    scope: &Scope,
    refusal: &Refusal,
) -> Result<(), Refusal> {
    let now = host.clock.now();
    let entry = entry(ticket, scope, Kind::AiRefused, now)
        .status(refusal.status)
        .code(refusal.code)
        .latency_ms(millis(ticket.started, now));
    append(host, scope, refusal.findings.log(entry)).await
}

/// Appends, detached: a caller that goes away in the middle does not leave the log's writer half-way.
pub(crate) async fn append(host: &Host, scope: &Scope, entry: Entry) -> Result<(), Refusal> {
    let (audit, scope) = (host.audit.clone(), scope.clone());
    match host
        .finish(async move { audit.append(&scope, entry).await })
        .await
    {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => {
            tracing::error!(kind = ?error.kind(), %error, "the audit log cannot be written");
            Err(Refusal::audit_unavailable())
        }
        None => Err(Refusal::audit_unavailable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_stays_below_its_base() {
        let joined = |base: &str, path: &str| join(base, path).map_err(|refusal| refusal.code());
        let base = "https://api.test/v1";
        assert_eq!(
            joined(base, "chat/completions"),
            Ok("https://api.test/v1/chat/completions".to_owned())
        );
        assert_eq!(
            joined("https://api.test", "v1/messages"),
            Ok("https://api.test/v1/messages".to_owned())
        );
        assert_eq!(
            joined(
                "http://127.0.0.1:8080/",
                "/v1beta/models/m:streamGenerateContent?alt=sse"
            ),
            Ok("http://127.0.0.1:8080/v1beta/models/m:streamGenerateContent?alt=sse".to_owned())
        );
        for path in [
            "../secret",
            "a/../../b",
            "..%2f",
            "%2e%2e/x",
            "chat#x",
            "/../../",
            "..\\..\\x",
        ] {
            match joined(base, path) {
                Ok(url) => assert!(
                    url.starts_with("https://api.test/v1/") && !url.contains('#'),
                    "{path}: {url}"
                ),
                Err(code) => assert_eq!(code, "invalid_request", "{path}"),
            }
        }
        assert_eq!(joined(base, "../secret"), Err("invalid_request"));
        assert_eq!(
            joined("https://api.test/v1", "../v1-other/x"),
            Err("invalid_request")
        );
    }
}
