//! The long run: text after text, each with an engine and a policy of its own, each cut in several ways.
//!
//! Everything about text number `n` follows from the seed and `n`, whatever runs beside it, so that a failure can be had again.

use super::case::{Case, Mistake};
use super::cuts::cuts;
use super::dice::Dice;
use super::grammar;
use super::setting::Setting;

/// Ways in which each text is cut.
pub const CUTS_PER_TEXT: usize = 16;

/// Engines that take turns: compiling patterns takes longer than scanning a text.
const SETTINGS: usize = 200;

/// The engines of a run.
#[derive(Debug)]
pub struct Run {
    seed: u64,
    settings: Vec<Setting>,
}

impl Run {
    /// Compiles the engines.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let settings = (0..SETTINGS).map(|index| match index % 4 {
            0 => Setting::standard(),
            1 => Setting::full(),
            _ => Setting::random(&mut dice(seed, index as u64)),
        });
        Self {
            seed,
            settings: settings.collect(),
        }
    }

    /// Checks text number `index`, cut in [`CUTS_PER_TEXT`] ways, and returns how many matches it has.
    ///
    /// # Errors
    /// The first thing that is wrong, with the text and the cuts made as small as is easily done.
    pub fn check(&self, index: u64) -> Result<usize, Mistake> {
        let mut dice = dice(!self.seed, index);
        let setting = &self.settings[dice.below(SETTINGS)];
        let text = grammar::text(&mut dice, &setting.patterns);
        let policy = setting.policy(&mut dice);
        let case = Case::new(setting, &text, &policy);
        // Every fourth text: it costs as much as the rest.
        let case = if index.is_multiple_of(4) {
            case.with_minimality()?
        } else {
            case
        };
        case.check_whole()?;
        for _ in 0..CUTS_PER_TEXT {
            case.check_cut(&cuts(&mut dice, text.len()))
                .map_err(|mistake| mistake.smaller(setting, &policy))?;
        }
        Ok(case.decided.matches.len())
    }
}

fn dice(seed: u64, index: u64) -> Dice<'static> {
    Dice::seeded(seed ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17))
}
