//! The `[dlp]` table, compiled: one engine and a policy for each direction.

use std::collections::BTreeMap;

use toml::Spanned;
use workjet_dlp::{Action, CustomPattern, Detector, Engine, Policy, Preset};

use super::error::{ConfigError, Source};
use super::raw;

/// What is looked for, and what happens to it. Every detector that the file does not mention redacts: leaving one out
/// by mistake protects too much rather than too little, and `off` says it aloud.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Dlp {
    /// The detectors, built in and custom.
    pub engine: Engine,
    /// What happens to a finding on its way to a provider.
    pub request: Policy,
    /// What happens to a finding on its way back.
    pub response: Policy,
    /// What happens to what cannot be looked into.
    pub unscannable: Unscannable,
}

/// What happens to images, files, and signed thinking that carries a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unscannable {
    /// The request is refused.
    #[default]
    Block,
    /// It passes, and the audit log says so.
    Allow,
}

impl Dlp {
    /// Reads a policy on its own: a file with a `[dlp]` table (a whole configuration will do), or the inside of one.
    ///
    /// # Errors
    /// As [`Config::from_toml`](super::Config::from_toml).
    pub fn from_toml(text: &str, file: &str) -> Result<Self, ConfigError> {
        let source = Source { text, file };
        let raw = raw::Dlp::parse(&source)?;
        dlp(&source, raw)
    }
}

impl Default for Dlp {
    fn default() -> Self {
        Self {
            engine: Engine::standard(),
            request: Policy::redact_all(),
            response: Policy::redact_all(),
            unscannable: Unscannable::default(),
        }
    }
}

pub(super) fn dlp(source: &Source<'_>, raw: Option<raw::Dlp>) -> Result<Dlp, ConfigError> {
    let Some(raw) = raw else { return Ok(Dlp::default()) };

    let mut builder = Engine::builder().preset(Preset::Standard);
    let mut request = Policy::redact_all();
    let mut response = Policy::redact_all();
    let mut custom: Vec<&str> = Vec::new();
    for rule in &raw.custom {
        let name = rule.name.get_ref();
        if is_built_in(name) || custom.contains(&name.as_str()) {
            return Err(source.at(rule.name.span(), format!("there is a detector {name:?} already")));
        }
        let mut pattern = CustomPattern::new(name, rule.pattern.get_ref())
            .map_err(|error| source.at(rule.pattern.span(), error.to_string()))?;
        if let Some(max_len) = rule.max_len {
            pattern = pattern.max_len(usize::try_from(max_len.get()).unwrap_or(usize::MAX));
        }
        // Alone first, so that the reason stands beside the pattern that is at fault.
        Engine::builder()
            .custom(pattern.clone())
            .build()
            .map_err(|error| source.at(rule.pattern.span(), error.to_string()))?;
        builder = builder.custom(pattern);
        for (policy, said) in [(&mut request, &rule.request), (&mut response, &rule.response)] {
            if let Some(said) = said {
                *policy = policy.clone().with(name, action(source, said)?);
            }
        }
        custom.push(name);
    }
    for (policy, table) in [(&mut request, &raw.request), (&mut response, &raw.response)] {
        *policy = with_table(source, policy.clone(), table, &custom)?;
    }

    Ok(Dlp {
        engine: builder.build().map_err(|error| {
            let span = raw.custom.first().map_or(0..0, |rule| rule.pattern.span());
            source.at(span, error.to_string())
        })?,
        request,
        response,
        unscannable: match raw
            .unscannable
            .as_ref()
            .map(|said| (said.get_ref().as_str(), said.span()))
        {
            None | Some(("block", _)) => Unscannable::Block,
            Some(("allow", _)) => Unscannable::Allow,
            Some((other, span)) => {
                return Err(source.at(
                    span,
                    format!("unknown value {other:?}: use \"block\" or \"allow\""),
                ));
            }
        },
    })
}

fn with_table(
    source: &Source<'_>,
    mut policy: Policy,
    table: &BTreeMap<Spanned<String>, Spanned<String>>,
    custom: &[&str],
) -> Result<Policy, ConfigError> {
    for (detector, said) in table {
        let name = detector.get_ref();
        if custom.contains(&name.as_str()) {
            let reason =
                format!("{name:?} is a custom detector: its action stands in its own [[dlp.custom]]");
            return Err(source.at(detector.span(), reason));
        }
        if !is_built_in(name) {
            let known: Vec<&str> = Detector::BUILT_IN.iter().map(Detector::as_str).collect();
            let reason = format!("unknown detector {name:?}: use {}", known.join(", "));
            return Err(source.at(detector.span(), reason));
        }
        policy = policy.with(name, action(source, said)?);
    }
    Ok(policy)
}

fn is_built_in(name: &str) -> bool {
    Detector::BUILT_IN
        .iter()
        .any(|detector| detector.as_str() == name)
}

fn action(source: &Source<'_>, said: &Spanned<String>) -> Result<Action, ConfigError> {
    let text = said.get_ref();
    text.parse().map_err(|_| {
        source.at(
            said.span(),
            format!("unknown action {text:?}: use \"redact\", \"block\", \"warn\" or \"off\""),
        )
    })
}
