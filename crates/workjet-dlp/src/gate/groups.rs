//! Shares shapes out among the kinds of the sieve, so that little else fits.
//!
//! A kind is the product of eight sets of half-bytes, so shapes of one kind let through what none of them asked for. Each
//! shape goes to the kind where it adds least, by how often bytes are met in text; of an item's alternatives, which are
//! as good as one another otherwise, the cheapest is taken.

use super::sieve::{Shape, WIDTH};

/// For each item, which of its alternatives was taken and the kind, below `kinds`, that it went to.
pub(super) fn share_out(items: &[Vec<Shape>], kinds: usize) -> Vec<(usize, usize)> {
    let costs = Costs::new();
    let halves: Vec<Vec<Halves>> = items
        .iter()
        .map(|alternatives| alternatives.iter().map(Halves::of).collect())
        .collect();
    let alone = |item: usize| halves[item].iter().map(|halves| costs.of(halves)).min();
    let mut order: Vec<usize> = (0..items.len()).collect();
    // What is met most often first: what comes later then finds its like.
    order.sort_by_key(|item| std::cmp::Reverse(alone(*item)));
    let mut unions = vec![Halves::NONE; kinds];
    let mut taken = vec![(0, 0); items.len()];
    let cheapest = |unions: &[Halves], item: usize| {
        let choices = (0..kinds).flat_map(|kind| (0..halves[item].len()).map(move |which| (which, kind)));
        let added = |(which, kind): &(usize, usize)| {
            costs.of(&unions[*kind].union(&halves[item][*which])) - costs.of(&unions[*kind])
        };
        choices.min_by_key(added).expect("every item has an alternative")
    };
    for &item in &order {
        let (which, kind) = cheapest(&unions, item);
        unions[kind] = unions[kind].union(&halves[item][which]);
        taken[item] = (which, kind);
    }
    // Then each moves to where it would add less, a few times.
    for _ in 0..ROUNDS {
        let before = taken.clone();
        for &item in &order {
            let kind = taken[item].1;
            let others = (0..items.len()).filter(|other| taken[*other].1 == kind && *other != item);
            unions[kind] = others.fold(Halves::NONE, |union, other| {
                union.union(&halves[other][taken[other].0])
            });
            let (which, kind) = cheapest(&unions, item);
            unions[kind] = unions[kind].union(&halves[item][which]);
            taken[item] = (which, kind);
        }
        if taken == before {
            break;
        }
    }
    taken
}

const ROUNDS: usize = 4;

/// For each place of a shape, its bytes' low and high halves: a bit for each half-byte. All bytes made of two of these pass.
#[derive(Clone, Copy)]
struct Halves([[u16; 2]; WIDTH]);

impl Halves {
    const NONE: Self = Self([[0; 2]; WIDTH]);

    fn of(shape: &Shape) -> Self {
        Self(shape.map(|set| {
            let bits = set.iter().map(|byte| [1 << (byte & 15), 1 << (byte >> 4)]);
            bits.fold([0, 0], |all: [u16; 2], bits: [u16; 2]| {
                [all[0] | bits[0], all[1] | bits[1]]
            })
        }))
    }

    fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|place| {
            std::array::from_fn(|half| self.0[place][half] | other.0[place][half])
        }))
    }
}

/// How often bytes are met in text, roughly, in two thousand.
struct Costs {
    /// For each high half and each half of a set of low halves.
    sums: Box<[[[u64; 256]; 2]; 8]>,
}

impl Costs {
    fn new() -> Self {
        let mut sums = Box::new([[[0; 256]; 2]; 8]);
        for (high, sums) in (0..).zip(sums.iter_mut()) {
            for (part, sums) in (0..).zip(sums.iter_mut()) {
                for lows in 1..256_usize {
                    // That of the set without its lowest element, and that.
                    let low = lows.trailing_zeros() as u8;
                    let byte = high << 4 | part << 3 | low;
                    sums[lows] = sums[lows & (lows - 1)] + frequency(byte);
                }
            }
        }
        Self { sums }
    }

    /// How often something fits.
    fn of(&self, halves: &Halves) -> u64 {
        let places = halves.0.iter().map(|[low, high]| {
            let of = (0..8).filter(|nth| high >> nth & 1 == 1);
            of.map(|nth| {
                self.sums[nth][0][usize::from(low & 255)] + self.sums[nth][1][usize::from(low >> 8)]
            })
            .sum::<u64>()
        });
        places.product()
    }
}

const LETTERS: [u64; 26] = [
    130, 26, 50, 68, 204, 36, 32, 98, 112, 4, 14, 64, 40, 112, 120, 30, 2, 96, 102, 146, 44, 16, 38, 4, 32, 2,
];

fn frequency(byte: u8) -> u64 {
    match byte {
        b'a'..=b'z' => LETTERS[usize::from(byte - b'a')],
        b' ' => 340,
        b'.' | b',' | b'\n' => 20,
        b'-' | b'_' | b'/' | b'"' | b'0'..=b'9' => 12,
        _ => 6,
    }
}
