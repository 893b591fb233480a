//! What is recorded.
//!
//! An [`Entry`] is one thing that happened, as flat as can be, and its canonical JSON is what the log stores and
//! hashes. It holds names, numbers and places; never a prompt, a secret, or the bare hash of something guessable.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use workjet_tenant::{Actor, OutboxRecord, RequestId, TenantId};

use crate::{Kind, canonical};

/// The most bytes an entry's canonical JSON has: what a C2SP log's 16-bit length prefix can say.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// How many findings are listed one by one; the rest are counted in [`Entry::findings_more`].
pub const MAX_FINDINGS: usize = 64;

// Bounds for what comes from outside (a client names the model, a provider its errors), so that no entry exceeds
// MAX_ENTRY_BYTES: without findings, everything at its bound and each byte escaped makes less than 50,000.
const MAX_TEXT_BYTES: usize = 200;
const MAX_WORD_BYTES: usize = 64;
const MAX_PATH_BYTES: usize = 256;
const MAX_LIST: usize = 16;

/// One thing that happened.
///
/// ```
/// use workjet_audit::{Entry, Kind};
/// use workjet_tenant::Actor;
///
/// let now = "2026-11-23T09:30:00Z".parse()?;
/// let entry = Entry::new("e-1", now, "acme".parse()?, Actor::System, Kind::SystemStarted).code("ok");
/// assert_eq!(
///     entry.to_canonical_json(),
///     r#"{"actor":{"type":"system"},"code":"ok","id":"e-1","kind":"system.started","tenant":"acme","time":"2026-11-23T09:30:00.000Z","v":1}"#,
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// The schema's version: 1.
    pub v: u8,
    /// Names the entry, wherever copies of it go.
    pub id: String,
    /// When it happened; milliseconds.
    #[serde(serialize_with = "serialize_time")]
    pub time: Timestamp,
    /// Whose log it belongs to.
    pub tenant: TenantId,
    /// Who did it.
    pub actor: Actor,
    /// What it was.
    pub kind: Kind,
    /// The request it belongs to: an intent and its outcome share one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<RequestId>,
    /// What the client speaks: `openai.chat`, `anthropic.messages`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dialect: Option<String>,
    /// The tier that the model name led to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tier: Option<String>,
    /// The model asked for, and the one that answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<Model>,
    /// Every `provider:model` that may be tried, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub targets: Vec<String>,
    /// Every attempt that was made, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub attempts: Vec<Attempt>,
    /// Tokens by class, as far as the provider reported them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<Tokens>,
    /// What it cost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost: Option<Cost>,
    /// How long it took, from the request's arrival to its end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_ms: Option<u64>,
    /// The HTTP status the client got.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// How it ended: `ok`, `client_gone`, `unknown`, or the error code the client got.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// Sensitive text that was found, never the text itself.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub findings: Vec<Finding>,
    /// Findings beyond those listed.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub findings_more: u64,
    /// Parts that could not be scanned.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unscannable: Vec<Unscannable>,
    /// Keyed commitments to the bodies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub commitments: Option<Commitments>,
    /// The user, key or tenant that an administrative entry is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// Anything else worth knowing, reviewed to hold no secret.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub detail: BTreeMap<String, String>,
}

/// The model asked for, and the one that answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The name the client used.
    pub asked: String,
    /// The provider that answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// The model that answered, in the provider's own words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answered: Option<String>,
}

/// One try at one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// `provider:model`.
    pub target: String,
    /// The provider's HTTP status, if it answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// What went wrong: an error code of Workjet's own, never the provider's text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// How long it took.
    pub latency_ms: u64,
}

/// Tokens by class. A class that the provider did not report is absent; 0 is a report of none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Input that was neither read from nor written to a cache.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input: Option<u64>,
    /// Input read from a cache.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache_read: Option<u64>,
    /// Input written to a cache for five minutes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache_write_5m: Option<u64>,
    /// Input written to a cache for an hour.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache_write_1h: Option<u64>,
    /// Output, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output: Option<u64>,
    /// The part of the output that was reasoning.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reasoning: Option<u64>,
}

/// What a request cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Billionths of a US dollar.
    pub nano_usd: u64,
    /// The hash of the price table: `sha256:<hex>`.
    pub prices: String,
    /// Whether every token class was known and priced.
    pub quality: Quality,
}

/// How far a [`Cost`] can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Provider and model were priced by name, and the provider reported the usage.
    Exact,
    /// Something was assumed.
    Estimated,
}

/// Sensitive text that was found: what and where, never the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which detector found it: `credit_card`.
    pub detector: String,
    /// What kind of its find: the card's brand, the secret's issuer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subtype: Option<String>,
    /// What was done: `redact`, `block`, `warn`.
    pub action: String,
    /// Which way the text was going.
    pub direction: Direction,
    /// How many there were of it at `path`.
    pub count: u64,
    /// Where in the body, with a caller's own keys as `*`: `messages[0].content`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
}

/// Which way a text was going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the client to the provider.
    Request,
    /// From the provider to the client.
    Response,
}

/// A part that could not be scanned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unscannable {
    /// Where in the body, with a caller's own keys as `*`.
    pub path: String,
    /// Why: `image`, `signed`.
    pub reason: String,
    /// What was done: `block` or `allow`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
}

/// Keyed commitments to the bodies, as `hmac-sha256:<hex>`: whoever holds body and key can show that they match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commitments {
    /// To the request as the provider got it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<String>,
    /// To the reply as the client got it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response: Option<String>,
}

impl Entry {
    /// An entry that says who did what, and when. `time` is cut to milliseconds.
    pub fn new(id: impl Into<String>, time: Timestamp, tenant: TenantId, actor: Actor, kind: Kind) -> Self {
        Self {
            v: 1,
            id: id.into(),
            time: Timestamp::from_millisecond(time.as_millisecond())
                .expect("a timestamp's own milliseconds are in range"),
            tenant,
            actor,
            kind,
            request: None,
            dialect: None,
            tier: None,
            model: None,
            targets: Vec::new(),
            attempts: Vec::new(),
            tokens: None,
            cost: None,
            latency_ms: None,
            status: None,
            code: None,
            findings: Vec::new(),
            findings_more: 0,
            unscannable: Vec::new(),
            commitments: None,
            subject: None,
            detail: BTreeMap::new(),
        }
    }

    /// Ties the entry to a request.
    #[must_use]
    pub fn request(mut self, request: &RequestId) -> Self {
        self.request = Some(request.clone());
        self
    }

    /// Says what the client speaks.
    #[must_use]
    pub fn dialect(mut self, dialect: impl Into<String>) -> Self {
        self.dialect = Some(dialect.into());
        self
    }

    /// Says which tier the model name led to.
    #[must_use]
    pub fn tier(mut self, tier: impl Into<String>) -> Self {
        self.tier = Some(tier.into());
        self
    }

    /// Says which model was asked for.
    #[must_use]
    pub fn model_asked(mut self, model: impl Into<String>) -> Self {
        self.model.get_or_insert_default().asked = model.into();
        self
    }

    /// Says who answered.
    #[must_use]
    pub fn model_answered(mut self, provider: impl Into<String>, model: Option<String>) -> Self {
        let entry = self.model.get_or_insert_default();
        entry.provider = Some(provider.into());
        entry.answered = model;
        self
    }

    /// Lists the targets that may be tried.
    #[must_use]
    pub fn targets<T: fmt::Display>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.targets = targets.into_iter().map(|target| target.to_string()).collect();
        self
    }

    /// Adds an attempt that was made.
    #[must_use]
    pub fn attempt(mut self, attempt: Attempt) -> Self {
        self.attempts.push(attempt);
        self
    }

    /// Says what was used.
    #[must_use]
    pub fn tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Says what it cost.
    #[must_use]
    pub fn cost(mut self, nano_usd: u64, prices: impl Into<String>, quality: Quality) -> Self {
        self.cost = Some(Cost {
            nano_usd,
            prices: prices.into(),
            quality,
        });
        self
    }

    /// Says how long it took.
    #[must_use]
    pub const fn latency_ms(mut self, latency_ms: u64) -> Self {
        self.latency_ms = Some(latency_ms);
        self
    }

    /// Says which HTTP status the client got.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Says how it ended.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds findings. Alike ones (all but the count) become one.
    #[must_use]
    pub fn findings(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        for finding in findings {
            let alike = |other: &&mut Finding| {
                (
                    &other.detector,
                    &other.subtype,
                    &other.action,
                    other.direction,
                    &other.path,
                ) == (
                    &finding.detector,
                    &finding.subtype,
                    &finding.action,
                    finding.direction,
                    &finding.path,
                )
            };
            if let Some(other) = self.findings.iter_mut().find(alike) {
                other.count = other.count.saturating_add(finding.count);
            } else if self.findings.len() < MAX_FINDINGS {
                self.findings.push(finding);
            } else {
                self.findings_more = self.findings_more.saturating_add(finding.count);
            }
        }
        self
    }

    /// Adds parts that could not be scanned.
    #[must_use]
    pub fn unscannable(mut self, parts: impl IntoIterator<Item = Unscannable>) -> Self {
        self.unscannable.extend(parts);
        self
    }

    /// Commits to the request's body as the provider got it.
    #[must_use]
    pub fn commit_request(mut self, commitment: impl Into<String>) -> Self {
        self.commitments.get_or_insert_default().request = Some(commitment.into());
        self
    }

    /// Commits to the reply's body as the client got it.
    #[must_use]
    pub fn commit_response(mut self, commitment: impl Into<String>) -> Self {
        self.commitments.get_or_insert_default().response = Some(commitment.into());
        self
    }

    /// Says whom or what an administrative entry is about.
    #[must_use]
    pub fn subject(mut self, subject: impl fmt::Display) -> Self {
        self.subject = Some(subject.to_string());
        self
    }

    /// Adds a detail that was reviewed to hold no secret.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.detail.insert(name.into(), value.to_string());
        self
    }

    /// The bytes that the log stores and hashes: JSON by [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785), at most
    /// [`MAX_ENTRY_BYTES`] long.
    ///
    /// What exceeds the schema's bounds does not break it: a text is cut and marked with `…`, findings beyond the first
    /// [`MAX_FINDINGS`] (or beyond the size) are counted instead of listed, every other list ends after its 16th item,
    /// control characters become `U+FFFD`, and integers stop at 2⁵³ − 1.
    pub fn to_canonical_json(&self) -> String {
        let mut entry = self.bounded();
        let findings = std::mem::take(&mut entry.findings);
        let bare = entry.write().len();
        // Room for the key, its brackets, and a findings_more that may have to appear.
        let mut room = MAX_ENTRY_BYTES.saturating_sub(bare + 64);
        for finding in findings {
            let size = canonical::to_string(&finding).len() + 1;
            if entry.findings.len() < MAX_FINDINGS && size <= room {
                room -= size;
                entry.findings.push(finding);
            } else {
                entry.findings_more = entry.findings_more.saturating_add(finding.count);
            }
        }
        let json = entry.write();
        assert!(
            json.len() <= MAX_ENTRY_BYTES,
            "the schema's bounds keep an entry below its limit"
        );
        json
    }

    /// Reads what [`to_canonical_json`](Self::to_canonical_json) wrote. Fields this version does not know are ignored.
    ///
    /// # Errors
    /// If it is not an entry, or of a version or kind that this version of Workjet does not know.
    pub fn from_json(json: &str) -> Result<Self, InvalidEntry> {
        let entry: Self = serde_json::from_str(json).map_err(|_| InvalidEntry)?;
        if entry.v == 1 {
            Ok(entry)
        } else {
            Err(InvalidEntry)
        }
    }

    /// The entry as a record to commit together with the change that it describes.
    pub fn to_outbox(&self) -> OutboxRecord {
        OutboxRecord::new(self.to_canonical_json())
    }

    fn write(&self) -> String {
        canonical::to_string(self)
    }

    fn bounded(&self) -> Self {
        let mut entry = self.clone();
        cut(&mut entry.id, MAX_TEXT_BYTES);
        cut_option(&mut entry.dialect, MAX_WORD_BYTES);
        cut_option(&mut entry.tier, MAX_TEXT_BYTES);
        cut_option(&mut entry.code, MAX_WORD_BYTES);
        cut_option(&mut entry.subject, MAX_TEXT_BYTES);
        if let Some(model) = &mut entry.model {
            cut(&mut model.asked, MAX_TEXT_BYTES);
            cut_option(&mut model.provider, MAX_TEXT_BYTES);
            cut_option(&mut model.answered, MAX_TEXT_BYTES);
        }
        entry.targets.truncate(MAX_LIST);
        entry
            .targets
            .iter_mut()
            .for_each(|target| cut(target, MAX_TEXT_BYTES));
        entry.attempts.truncate(MAX_LIST);
        for attempt in &mut entry.attempts {
            cut(&mut attempt.target, MAX_TEXT_BYTES);
            cut_option(&mut attempt.error, MAX_WORD_BYTES);
        }
        if let Some(cost) = &mut entry.cost {
            cut(&mut cost.prices, MAX_TEXT_BYTES);
        }
        for finding in &mut entry.findings {
            cut(&mut finding.detector, MAX_WORD_BYTES);
            cut_option(&mut finding.subtype, MAX_WORD_BYTES);
            cut(&mut finding.action, MAX_WORD_BYTES);
            cut_option(&mut finding.path, MAX_PATH_BYTES);
        }
        entry.unscannable.truncate(MAX_LIST);
        for part in &mut entry.unscannable {
            cut(&mut part.path, MAX_PATH_BYTES);
            cut(&mut part.reason, MAX_WORD_BYTES);
            cut_option(&mut part.action, MAX_WORD_BYTES);
        }
        if let Some(commitments) = &mut entry.commitments {
            cut_option(&mut commitments.request, MAX_TEXT_BYTES);
            cut_option(&mut commitments.response, MAX_TEXT_BYTES);
        }
        entry.detail = std::mem::take(&mut entry.detail)
            .into_iter()
            .take(MAX_LIST)
            .map(|(mut name, mut value)| {
                cut(&mut name, MAX_WORD_BYTES);
                cut(&mut value, MAX_TEXT_BYTES);
                (name, value)
            })
            .collect();
        entry
    }
}

/// The text is not an entry that this version of Workjet can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an audit entry of a version that this Workjet reads: use the version that wrote it, or a newer one"
)]
pub struct InvalidEntry;

fn cut(text: &mut String, max_bytes: usize) {
    // An escaped control character takes six bytes, which no bound above allows for.
    if text.contains(char::is_control) {
        *text = text.replace(char::is_control, "\u{fffd}");
    }
    if text.len() > max_bytes {
        let end = (0..=max_bytes - '…'.len_utf8())
            .rev()
            .find(|&at| text.is_char_boundary(at));
        text.truncate(end.expect("0 is a boundary"));
        text.push('…');
    }
}

fn cut_option(text: &mut Option<String>, max_bytes: usize) {
    if let Some(text) = text {
        cut(text, max_bytes);
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references; silent on 32 bits"
)]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn serialize_time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}
