//! The `[dlp]` table, compiled: one engine and a policy for each direction.

use toml::Spanned;
use workjet_dlp::{Action, Allow, CustomPattern, Detector, Engine, EngineBuilder, Policy, Preset};

use super::error::{ConfigError, Source};
use super::raw;

/// What is looked for, and what happens to it. Every detector that the file does not mention redacts: leaving one out
/// by mistake protects too much rather than too little, and `off` says it aloud.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Dlp {
    /// The detectors, built in and custom, and what they let pass.
    pub engine: Engine,
    /// What happens to a finding on its way to a provider.
    pub request: Policy,
    /// What happens to a finding on its way back. Never tokenises: only what the client sent can be put back.
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

/// The packs, by their names in `packs = […]`.
const PACKS: [(&str, Preset); 2] = [("health", Preset::Health), ("european", Preset::European)];

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

    let packs = packs(source, &raw.packs)?;
    let presets = || std::iter::once(Preset::Standard).chain(packs.iter().copied());
    let mut builder = presets().fold(Engine::builder(), EngineBuilder::preset);
    let mut known = Known {
        built_in: presets().flat_map(Preset::detectors).cloned().collect(),
        custom: Vec::new(),
    };
    let mut request = Policy::redact_all();
    let mut response = Policy::redact_all();
    for rule in &raw.custom {
        builder = builder.custom(custom(source, rule, &mut known)?);
        if let Some(said) = &rule.request {
            request = request.with(rule.name.get_ref(), action(source, said)?);
        }
        if let Some(said) = &rule.response {
            response = response.with(rule.name.get_ref(), response_action(source, said)?);
        }
    }
    for (detector, said) in &raw.request {
        request = request.with(known.built_in(source, detector)?, action(source, said)?);
    }
    for (detector, said) in &raw.response {
        response = response.with(known.built_in(source, detector)?, response_action(source, said)?);
    }
    for entry in &raw.allow {
        builder = builder.allow(allow(source, entry, &known)?);
    }

    Ok(Dlp {
        engine: builder.build().map_err(|error| {
            let span = raw.custom.first().map_or(0..0, |rule| rule.pattern.span());
            source.at(span, error.to_string())
        })?,
        request,
        response,
        unscannable: unscannable(source, raw.unscannable.as_ref())?,
    })
}

/// The detectors that are on.
struct Known {
    built_in: Vec<Detector>,
    custom: Vec<Detector>,
}

impl Known {
    fn all(&self) -> impl Iterator<Item = &Detector> {
        self.built_in.iter().chain(&self.custom)
    }

    /// The detector that is called so.
    fn find(&self, source: &Source<'_>, name: &Spanned<String>) -> Result<&Detector, ConfigError> {
        let text = name.get_ref().as_str();
        if let Some(known) = self.all().find(|known| *known == text) {
            return Ok(known);
        }
        let of_pack =
            |(_, preset): &&(&str, Preset)| preset.detectors().iter().any(|detector| detector == text);
        let reason = match PACKS.iter().find(of_pack) {
            Some((pack, _)) => format!(
                "the detector {text:?} belongs to the pack {pack:?}, which is not on: write packs = [{pack:?}] in [dlp]"
            ),
            None => {
                let known: Vec<&str> = self.all().map(Detector::as_str).collect();
                format!("unknown detector {text:?}: use {}", known.join(", "))
            }
        };
        Err(source.at(name.span(), reason))
    }

    /// The detector of a line in a table of actions, where custom ones have no place.
    fn built_in(&self, source: &Source<'_>, name: &Spanned<String>) -> Result<&Detector, ConfigError> {
        let found = self.find(source, name)?;
        if self.custom.contains(found) {
            let reason =
                format!("\"{found}\" is a custom detector: its action stands in its own [[dlp.custom]]");
            return Err(source.at(name.span(), reason));
        }
        Ok(found)
    }
}

fn packs(source: &Source<'_>, raw: &[Spanned<String>]) -> Result<Vec<Preset>, ConfigError> {
    let mut packs = Vec::new();
    for name in raw {
        let text = name.get_ref();
        let Some((_, preset)) = PACKS.iter().find(|(known, _)| known == text) else {
            let known = PACKS.map(|(known, _)| format!("{known:?}")).join(" or ");
            return Err(source.at(name.span(), format!("unknown pack {text:?}: use {known}")));
        };
        if packs.contains(preset) {
            return Err(source.at(name.span(), format!("the pack {text:?} is listed twice")));
        }
        packs.push(*preset);
    }
    Ok(packs)
}

/// A pattern of the operator's own, compiled alone, so that the reason stands beside the pattern that is at fault.
fn custom(source: &Source<'_>, rule: &raw::Custom, known: &mut Known) -> Result<CustomPattern, ConfigError> {
    let name = rule.name.get_ref().as_str();
    if known.all().any(|detector| detector == name) {
        return Err(source.at(rule.name.span(), format!("there is a detector {name:?} already")));
    }
    let at_fault = |error: workjet_dlp::Error| source.at(rule.pattern.span(), error.to_string());
    let mut pattern = CustomPattern::new(name, rule.pattern.get_ref()).map_err(at_fault)?;
    if let Some(max_len) = rule.max_len {
        pattern = pattern.max_len(usize::try_from(max_len.get()).unwrap_or(usize::MAX));
    }
    let alone = Engine::builder()
        .custom(pattern.clone())
        .build()
        .map_err(at_fault)?;
    known.custom.extend(alone.detectors().cloned());
    Ok(pattern)
}

/// The value itself is never repeated in an error: it may be nobody else's business.
fn allow(source: &Source<'_>, entry: &Spanned<raw::Allow>, known: &Known) -> Result<Allow, ConfigError> {
    let raw = entry.get_ref();
    let (value, allow): (_, fn(&str) -> Allow) = match (&raw.exact, &raw.prefix, &raw.suffix) {
        (Some(value), None, None) => (value, Allow::exact),
        (None, Some(value), None) => (value, Allow::prefix),
        (None, None, Some(value)) => (value, Allow::suffix),
        _ => {
            let reason = "say what passes by one of `exact`, `prefix` and `suffix`";
            return Err(source.at(entry.span(), reason));
        }
    };
    if value.get_ref().is_empty() {
        return Err(source.at(
            value.span(),
            "every value begins and ends with nothing: say what passes",
        ));
    }
    let allow = allow(value.get_ref());
    let Some(only) = &raw.detector else {
        return Ok(allow);
    };
    Ok(allow.only(known.find(source, only)?))
}

fn unscannable(source: &Source<'_>, said: Option<&Spanned<String>>) -> Result<Unscannable, ConfigError> {
    let Some(said) = said else {
        return Ok(Unscannable::default());
    };
    match said.get_ref().as_str() {
        "block" => Ok(Unscannable::Block),
        "allow" => Ok(Unscannable::Allow),
        other => {
            let reason = format!("unknown value {other:?}: use \"block\" or \"allow\"");
            Err(source.at(said.span(), reason))
        }
    }
}

fn action(source: &Source<'_>, said: &Spanned<String>) -> Result<Action, ConfigError> {
    let text = said.get_ref();
    text.parse().map_err(|_| {
        let reason = format!(
            "unknown action {text:?}: use \"redact\", \"mask\", \"hash\", \"tokenize\", \"block\", \"warn\" or \"off\""
        );
        source.at(said.span(), reason)
    })
}

fn response_action(source: &Source<'_>, said: &Spanned<String>) -> Result<Action, ConfigError> {
    let action = action(source, said)?;
    if action == Action::Tokenize {
        let reason = "\"tokenize\" is for requests: a token stands for a value that the client sent, and is \
                      exchanged for it in the reply; use \"redact\", \"mask\" or \"hash\" for what a model says";
        return Err(source.at(said.span(), reason));
    }
    Ok(action)
}
