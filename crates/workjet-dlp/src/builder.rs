//! What an engine is made of: sets of detectors, patterns, and values that pass.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::allow::{Allow, Allowed};
use crate::custom::CustomPattern;
use crate::engine::Inner;
use crate::placeholder::RESERVED_NAMES;
use crate::search::Rules;
use crate::{Action, Detector, Engine, Error, ErrorKind};

/// Chooses what an [`Engine`] looks for.
#[derive(Clone, Debug)]
#[must_use]
pub struct EngineBuilder {
    presets: Vec<Preset>,
    customs: Vec<CustomPattern>,
    allowed: Vec<Allow>,
    see_through: bool,
    base64: bool,
}

impl EngineBuilder {
    pub(crate) fn new() -> Self {
        Self {
            presets: Vec::new(),
            customs: Vec::new(),
            allowed: Vec::new(),
            see_through: true,
            base64: false,
        }
    }

    /// Adds a set of built-in detectors. May be called for several.
    ///
    /// ```
    /// use workjet_dlp::{Engine, Policy, Preset};
    ///
    /// let engine = Engine::builder().preset(Preset::Standard).preset(Preset::European).build()?;
    /// let redacted = engine.redact("pay GB82 WEST 1234 5698 7654 32", &Policy::redact_all());
    /// assert_eq!(redacted.text, "pay [REDACTED:iban]");
    /// # Ok::<(), workjet_dlp::Error>(())
    /// ```
    pub fn preset(mut self, preset: Preset) -> Self {
        if !self.presets.contains(&preset) {
            self.presets.push(preset);
        }
        self
    }

    /// Adds a pattern. Where several match at one place, the one added first wins.
    pub fn custom(mut self, pattern: CustomPattern) -> Self {
        self.customs.push(pattern);
        self
    }

    /// Lets a value pass that a detector would find. May be called for many.
    pub fn allow(mut self, allow: Allow) -> Self {
        self.allowed.push(allow);
        self
    }

    /// Chooses whether values are found in disguise as well, which is the default: in digits of other scripts, full-width or
    /// mathematical letters, with other spaces and hyphens, with up to two characters between any two others that do not
    /// show, percent-encoded, and in the escapes of JSON. What is found is replaced as it stands; all else stays as it is.
    ///
    /// ```
    /// use workjet_dlp::{Engine, Policy, Preset};
    ///
    /// let engine = Engine::standard();
    /// let policy = Policy::redact_all();
    /// assert_eq!(engine.redact("？mail=bob%40example.com", &policy).text, "？mail=[REDACTED:email]");
    ///
    /// let plain = Engine::builder().preset(Preset::Standard).see_through(false).build()?;
    /// assert_eq!(plain.redact("？mail=bob%40example.com", &policy).text, "？mail=bob%40example.com");
    /// # Ok::<(), workjet_dlp::Error>(())
    /// ```
    pub fn see_through(mut self, disguises: bool) -> Self {
        self.see_through = disguises;
        self
    }

    /// Chooses whether whole texts are searched for values within base64 of 16 characters and more, in either alphabet and with
    /// ends of lines. Off by default; streams never look into it. What is found is replaced in groups of four characters,
    /// each of which stands for three bytes.
    ///
    /// ```
    /// use workjet_dlp::{Engine, Policy, Preset};
    ///
    /// let engine = Engine::builder().preset(Preset::Standard).base64(true).build()?;
    /// // user=bob&mail=bob@example.com
    /// let redacted = engine.redact("auth dXNlcj1ib2ImbWFpbD1ib2JAZXhhbXBsZS5jb20= ok", &Policy::redact_all());
    /// assert_eq!(redacted.text, "auth dXNlcj1ib2ImbWFp[REDACTED:email] ok");
    /// # Ok::<(), workjet_dlp::Error>(())
    /// ```
    pub fn base64(mut self, decoded: bool) -> Self {
        self.base64 = decoded;
        self
    }

    /// Compiles everything.
    ///
    /// # Errors
    /// [`ErrorKind::DuplicateName`], [`ErrorKind::Unbounded`] and [`ErrorKind::TooLarge`], with the pattern's name.
    pub fn build(self) -> Result<Engine, Error> {
        let taken = self.presets.iter().flat_map(|preset| preset.detectors());
        let mut names: BTreeSet<&str> = Detector::BUILT_IN
            .iter()
            .chain(taken)
            .map(Detector::as_str)
            .chain(RESERVED_NAMES)
            .collect();
        for pattern in &self.customs {
            if !names.insert(pattern.name()) {
                let message = format!("pattern `{}`: the name is taken, choose another", pattern.name());
                return Err(Error::new(ErrorKind::DuplicateName, message));
            }
        }
        let customs = self
            .customs
            .iter()
            .map(CustomPattern::compile)
            .collect::<Result<Vec<_>, _>>()?;
        let built_in = self.presets.iter().flat_map(|preset| preset.detectors());
        let detectors = built_in
            .chain(customs.iter().map(|(name, _)| name))
            .cloned()
            .collect();
        let allowed = Allowed::new(self.allowed);
        let rules = Rules::new(&self.presets, customs, allowed)
            .folding(self.see_through)
            .decoding(self.base64);
        Ok(Engine {
            inner: Arc::new(Inner {
                report: rules.actions(|_| Action::Warn),
                rules,
                detectors,
                packs: self.presets.iter().any(|preset| *preset != Preset::Standard),
            }),
        })
    }
}

/// A named set of detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// The six of [`Detector::BUILT_IN`].
    Standard,
    /// Patients, providers and prescribers in the United States: [`Detector::US_MBI`], [`US_NPI`](Detector::US_NPI),
    /// [`US_DEA`](Detector::US_DEA), [`MEDICAL_RECORD`](Detector::MEDICAL_RECORD).
    Health,
    /// Bank accounts and national identity numbers: [`Detector::IBAN`], [`NATIONAL_ID`](Detector::NATIONAL_ID).
    European,
}

impl Preset {
    /// Its detectors.
    #[must_use]
    pub fn detectors(self) -> &'static [Detector] {
        match self {
            Self::Standard => &Detector::BUILT_IN,
            Self::Health => &[
                Detector::US_MBI,
                Detector::US_NPI,
                Detector::US_DEA,
                Detector::MEDICAL_RECORD,
            ],
            Self::European => &[Detector::IBAN, Detector::NATIONAL_ID],
        }
    }
}
