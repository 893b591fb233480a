//! What is known about a reply: for the log, the headers and the end.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use workjet_audit::Attempt;
use workjet_router::{Outbound, Target, Usage};

use crate::Refusal;
use crate::core::{Provider, dialect};
use crate::findings::Findings;
use crate::inspect::Inspected;
use crate::outlet::Encoded;

/// What was learned on the way, kept even if the way ends in a defect.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) answered: Option<Answered>,
    /// What the last body sent commits to.
    pub(crate) commitment: Option<String>,
    /// What was found in the reply.
    pub(crate) findings: Findings,
}

/// The target that answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) target: Target,
    pub(crate) outbound: Outbound,
    pub(crate) base_url: String,
    /// The model in the provider's own words.
    pub(crate) model: Option<String>,
    /// What the provider counted.
    pub(crate) usage: Usage,
    /// The text that came, in bytes, to guess by if the count did not.
    pub(crate) said_bytes: u64,
    dropped: Vec<String>,
    passed: HeaderMap,
}

/// How the request ended. What is still to be sent goes out once the outcome is written.
#[derive(Debug)]
pub(crate) enum Ended {
    /// A stream came to its end; this is its terminator.
    Streamed(Last),
    /// A whole reply.
    Whole(Last),
    /// Nobody listens any more.
    ClientGone,
    /// There is no reply, or no more of it.
    Refused(Refusal),
}

/// The last piece of a reply.
#[derive(Debug)]
pub(crate) struct Last(pub(crate) Encoded);

impl Answered {
    pub(super) fn new(target: Target, provider: &Provider, dropped: Vec<String>, passed: HeaderMap) -> Self {
        Self {
            target,
            outbound: dialect(provider.kind),
            base_url: provider.base_url.clone(),
            model: None,
            usage: Usage::default(),
            said_bytes: 0,
            dropped,
            passed,
        }
    }

    /// What the reply used, and whether the provider counted it all. What it did not count, such as a reply that broke
    /// off, is guessed from the length of the text: a client that hangs up still pays.
    pub(crate) fn usage_or_guess(&self, input: u64) -> (Usage, bool) {
        let mut usage = self.usage.clone();
        let is_counted = usage.is_complete();
        if usage.total_input().is_none() {
            usage.input = Some(input);
        }
        usage.output.get_or_insert_with(|| self.said_bytes.div_ceil(4));
        (usage, is_counted)
    }
}

impl Served {
    /// Adds what the client is told about the reply to `headers`: of a whole reply all of it, of a stream what is known
    /// before it begins.
    pub(crate) fn headers(&self, mut headers: HeaderMap, inspected: &Inspected, is_whole: bool) -> HeaderMap {
        let mut add = |name: &'static str, text: String| {
            // A model's name may hold what a header cannot.
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        let reply = if is_whole { self.findings.to_header() } else { None };
        let found = [inspected.findings().to_header(), reply]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ");
        if !found.is_empty() {
            add("x-workjet-dlp", found);
        }
        if let Some(answered) = &self.answered {
            add("x-workjet-model", answered.target.to_string());
            if !answered.dropped.is_empty() {
                add("x-workjet-dropped", answered.dropped.join(", "));
            }
            headers.extend(answered.passed.clone());
        }
        headers
    }
}

/// The headers of a provider that reach the client, if they hold nothing but a plain word.
const PASSED: [&str; 2] = ["openai-processing-ms", "openai-version"];

pub(super) fn passed(headers: &HeaderMap) -> HeaderMap {
    let is_plain = |value: &HeaderValue| {
        value.len() <= 64
            && value
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte))
    };
    let pass = |name: &'static str| {
        let value = headers.get(name).filter(|value| is_plain(value))?;
        Some((HeaderName::from_static(name), value.clone()))
    };
    PASSED.into_iter().filter_map(pass).collect()
}
