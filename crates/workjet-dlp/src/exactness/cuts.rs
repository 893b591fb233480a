//! Ways of cutting a text.

use super::dice::Dice;

/// Places between 0 and `length`, in order. Some may be the same, or an end: then a piece is empty.
#[must_use]
pub fn cuts(dice: &mut Dice<'_>, length: usize) -> Vec<usize> {
    match dice.below(8) {
        // Byte by byte.
        0 => (1..length).collect(),
        // Pieces of one size, as a slow line gives them, from any place on.
        1 | 2 => {
            let size = dice.between(1, 8);
            (dice.between(1, size)..length).step_by(size).collect()
        }
        // One cut, as at the end of a buffer.
        3 => vec![dice.below(length + 1)],
        // Few or many anywhere.
        _ => {
            let count = dice.between(1, 16);
            let mut cuts: Vec<usize> = (0..count).map(|_| dice.below(length + 1)).collect();
            cuts.sort_unstable();
            cuts
        }
    }
}

/// All ways of cutting at some of these places.
pub fn all_cuts(places: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    (0..1_u32 << places.len()).map(|mask| {
        let chosen = places.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
        chosen.map(|(_, place)| *place).collect()
    })
}
