//! Engines and policies that texts are checked with: with packs and without, with patterns of all kinds, with every action.

use super::custom_live::CustomLive;
use super::dice::Dice;
use super::patterns::{Pattern, pattern};
use crate::{Action, Allow, Detector, Engine, Policy, Preset};

/// An engine, and what the grammar and the reference must know about it.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The engine, which does not see through disguises: the reference does not.
    pub engine: Engine,
    /// The same, but for that.
    pub seeing: Engine,
    /// Its custom patterns.
    pub patterns: Vec<Pattern>,
    /// Whether [`ALLOWED`] pass.
    allows: bool,
    /// What says whether the patterns can still match.
    pub(super) customs: Vec<CustomLive>,
    /// Placeholders, with zeros for hexadecimal digits.
    pub(super) placeholders: Vec<String>,
}

const PRESETS: [Preset; 3] = [Preset::Standard, Preset::Health, Preset::European];

/// What some engines let pass: a prefix, a suffix, a value.
const ALLOWED: [&str; 3] = ["EMP-", "@example.com", "4111 1111 1111 1111"];

impl Setting {
    /// All built-in rules with all packs, and patterns that get in their way.
    #[must_use]
    pub fn full() -> Self {
        let patterns = vec![
            Pattern::written(r"\bEMP-[0-9]{6}\b", None, &["EMP-123456", "EMP-12345"]),
            Pattern::written(r"TCK-[0-9]+$", Some(12), &["TCK-1", "TCK-12345678901"]),
            Pattern::written("[A-Z]{8}", None, &["ABCDEFGH"]),
            Pattern::written(r"(?i)f(?:oo|oo bar)??[a-z]\w{0,5}é", None, &["foo barxé", "fooé"]),
        ];
        Self::build(&PRESETS, patterns, false)
    }

    /// The six detectors of [`Engine::standard`].
    #[must_use]
    pub fn standard() -> Self {
        Self::build(&[Preset::Standard], Vec::new(), false)
    }

    /// Any presets, up to three patterns, now and then values that are allowed.
    #[must_use]
    pub fn random(dice: &mut Dice<'_>) -> Self {
        let presets: Vec<Preset> = PRESETS.into_iter().filter(|_| !dice.one_in(3)).collect();
        let patterns = (0..dice.below(4)).map(|_| pattern(dice)).collect();
        Self::build(&presets, patterns, dice.one_in(4))
    }

    fn build(presets: &[Preset], patterns: Vec<Pattern>, allows: bool) -> Self {
        let mut builder = Engine::builder().see_through(false);
        for preset in presets {
            builder = builder.preset(*preset);
        }
        for (index, pattern) in patterns.iter().enumerate() {
            builder = builder.custom(pattern.custom(&format!("custom{index}")));
        }
        if allows {
            let [prefix, suffix, exact] = ALLOWED;
            builder = builder.allow(Allow::prefix(prefix));
            builder = builder.allow(Allow::suffix(suffix));
            builder = builder.allow(Allow::exact(exact));
        }
        let built = "every pattern is bounded and has its own name";
        let seeing = builder.clone().see_through(true).build().expect(built);
        let engine = builder.build().expect(built);
        let forms = |detector: &Detector| {
            [
                format!("[REDACTED:{detector}]"),
                format!("[HASH:{detector}:0000000000000000]"),
                format!("[{}:000000]", detector.as_str().to_ascii_uppercase()),
            ]
        };
        let placeholders = engine.detectors().flat_map(forms).collect();
        Self {
            engine,
            seeing,
            customs: patterns.iter().map(CustomLive::new).collect(),
            patterns,
            allows,
            placeholders,
        }
    }

    /// Whether a value is allowed. Of one that goes on, the beginning is all that is known.
    pub(crate) fn allows(&self, value: &[u8], goes_on: bool) -> bool {
        let [prefix, suffix, exact] = ALLOWED.map(str::as_bytes);
        self.allows
            && (value.starts_with(prefix) || (!goes_on && (value.ends_with(suffix) || value == exact)))
    }

    /// One policy that redacts all, or one with any action for any detector. A detector that is off hides nothing, so a rule that
    /// waits for more text shows that another should have.
    #[must_use]
    pub fn policy(&self, dice: &mut Dice<'_>) -> Policy {
        if dice.one_in(3) {
            return Policy::redact_all();
        }
        let detectors: Vec<&Detector> = self.engine.detectors().collect();
        let mut policy = Policy::all(action(dice));
        for detector in &detectors {
            if dice.one_in(2) {
                policy = policy.with(detector, action(dice));
            }
        }
        if dice.one_in(4) {
            // One detector alone.
            let alone = detectors.get(dice.below(detectors.len().max(1)));
            policy = alone.iter().fold(Policy::all(Action::Off), |policy, alone| {
                policy.with(alone, action(dice))
            });
        }
        if dice.one_in(2) {
            policy = policy.hash_key([7; 32]);
        }
        policy
    }
}

/// Block is rare: nothing is left to check after it.
fn action(dice: &mut Dice<'_>) -> Action {
    dice.pick(&[
        Action::Redact,
        Action::Redact,
        Action::Redact,
        Action::Mask,
        Action::Hash,
        Action::Tokenize,
        Action::Warn,
        Action::Off,
        Action::Off,
        Action::Redact,
        Action::Block,
    ])
}
