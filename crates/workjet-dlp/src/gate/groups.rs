//! Shares the leads out among the kinds of the sieve, so that little else fits. Writes `arranged.rs`.
//!
//! A kind is a product of sets of half-bytes, so leads of one kind let through what none of them asked for: how much depends on
//! who shares a kind, and on which four bytes of a prefix were chosen. The search for a good arrangement takes seconds, so
//! its result is kept: any arrangement is correct, and a test says when the kept one is not that of the leads any more.
//! `UPDATE_ARRANGED=1 cargo test --release -p workjet-dlp arranged` makes it anew.

#![allow(
    clippy::disallowed_methods,
    reason = "a test reads and writes files of the project"
)]

use super::leads::STANDARD_LEADS;
use super::sieve::{KINDS, PAIRS, Shape, WIDTH, pairs};

/// Kinds for the standard leads: all but the one that is told apart.
const TOGETHER: usize = KINDS - 1;

/// Trials of the search, with costs that are quick to compute and then with those of real text.
const TRIALS: [u64; 2] = [60_000, 8_000];

/// Searches that begin with other random numbers.
const SEARCHES: u64 = 6;

/// For each lead, which of its alternatives is looked for and the kind that it is of.
type Arrangement = Vec<(usize, usize)>;

/// The best of several searches, and how often it lets something through in a thousand bytes of text.
fn arrange(shapes: &[Vec<Shape>]) -> (Arrangement, f64) {
    let text = Text::new();
    let searches = (1..=SEARCHES).map(|seed| arrange_once(shapes, &text, seed));
    let best = searches.min_by(|some, other| some.1.total_cmp(&other.1));
    best.expect("there is a search")
}

fn arrange_once(shapes: &[Vec<Shape>], text: &Text, seed: u64) -> (Arrangement, f64) {
    let guess = Guess::new();
    let leads: Vec<Vec<Halves>> = shapes
        .iter()
        .map(|alternatives| alternatives.iter().map(Halves::of).collect())
        .collect();
    let guess = Search {
        leads: &leads,
        cost: &|halves| guess.cost(halves),
    };
    // What is met most often first: what comes later then finds its like.
    let alone = |lead: usize| leads[lead].iter().map(guess.cost).fold(f64::MAX, f64::min);
    let mut order: Vec<usize> = (0..leads.len()).collect();
    order.sort_by(|some, other| alone(*other).total_cmp(&alone(*some)));
    // Most tokens have a mark within, which hardly any word has, and others are of capitals: these begin as kinds of their own.
    let mut taken: Vec<Option<(usize, usize)>> = shapes
        .iter()
        .zip(&leads)
        .map(|(shapes, halves)| {
            let cheapest_of = |fits: &dyn Fn(&Shape) -> bool| {
                let which = (0..shapes.len()).filter(|which| fits(&shapes[*which]));
                which.min_by(|some, other| {
                    (guess.cost)(&halves[*some]).total_cmp(&(guess.cost)(&halves[*other]))
                })
            };
            let marked = cheapest_of(&|shape| shape[3].iter().all(|byte| matches!(byte, b'_' | b'-')));
            let capitals = || {
                let capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
                cheapest_of(&|shape| shape[1..].iter().all(|set| set.iter().all(capital)))
            };
            marked.map(|which| (which, 0)).or_else(|| Some((capitals()?, 1)))
        })
        .collect();
    let rest: Vec<usize> = order.into_iter().filter(|lead| taken[*lead].is_none()).collect();
    guess.put_in(&mut taken, &rest);
    let taken = guess.improve(taken, &rest, TRIALS[0], seed);
    let real = Search {
        leads: &leads,
        // Not all texts are like those that were counted.
        cost: &|halves| text.cost(halves) + (guess.cost)(halves) / 4.0,
    };
    let mut taken = real.improve(taken, &rest, TRIALS[1], seed);
    let text = Search {
        leads: &leads,
        cost: &|halves| text.cost(halves),
    };
    let cost = text.put_in(&mut taken, &[]);
    let taken = taken.into_iter().map(|taken| taken.expect("all were put in"));
    (taken.collect(), 1000.0 * cost)
}

struct Search<'a> {
    leads: &'a [Vec<Halves>],
    cost: &'a dyn Fn(&Halves) -> f64,
}

impl Search<'_> {
    /// Puts leads in, each where it adds least, and returns the cost of all.
    fn put_in(&self, taken: &mut [Option<(usize, usize)>], order: &[usize]) -> f64 {
        let mut kinds = [Halves::NONE; TOGETHER];
        for (alternatives, taken) in self.leads.iter().zip(&*taken) {
            if let Some((which, kind)) = taken {
                kinds[*kind] = kinds[*kind].union(&alternatives[*which]);
            }
        }
        let mut costs = kinds.map(|kind| (self.cost)(&kind));
        for &lead in order {
            let choices =
                (0..TOGETHER).flat_map(|kind| (0..self.leads[lead].len()).map(move |which| (which, kind)));
            let added = choices.map(|(which, kind)| {
                let cost = (self.cost)(&kinds[kind].union(&self.leads[lead][which]));
                (cost - costs[kind], which, kind)
            });
            let (cost, which, kind) = added
                .min_by(|some, other| some.0.total_cmp(&other.0))
                .expect("every lead has an alternative");
            kinds[kind] = kinds[kind].union(&self.leads[lead][which]);
            costs[kind] += cost;
            taken[lead] = Some((which, kind));
        }
        costs.iter().sum()
    }

    /// Takes some of `rest` out and puts them in again, and keeps what comes of it if less fits then, or hardly more, less and
    /// less so.
    fn improve(
        &self,
        mut taken: Vec<Option<(usize, usize)>>,
        rest: &[usize],
        trials: u64,
        seed: u64,
    ) -> Vec<Option<(usize, usize)>> {
        let mut state = 0x2545_F491_4F6C_DD1D_u64.wrapping_mul(seed);
        let mut below = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as usize % limit
        };
        let mut cost = self.put_in(&mut taken, &[]);
        let mut best = (cost, taken.clone());
        for trial in 0..trials {
            let mut other = taken.clone();
            let mut out: Vec<usize> = Vec::new();
            for _ in 0..1 + below(10) {
                // Those that are met often matter most.
                let most = below(rest.len());
                let lead = rest[below(1 + most)];
                if !out.contains(&lead) {
                    out.push(lead);
                    other[lead] = None;
                }
            }
            let other_cost = self.put_in(&mut other, &out);
            let patience = 0.1 * ((trials - trial) as f64 / trials as f64).powi(2);
            if other_cost <= cost * (1.0 + patience * below(1000) as f64 / 1000.0) {
                (cost, taken) = (other_cost, other);
            }
            if cost < best.0 {
                best = (cost, taken.clone());
            }
        }
        best.1
    }
}

/// For each place of a shape, its bytes' low and high halves, and for each pair of places their low halves together: a bit for
/// each half-byte. All bytes made of these pass.
#[derive(Clone, Copy)]
struct Halves {
    places: [[u16; 2]; WIDTH],
    pairs: [u16; PAIRS.len()],
}

impl Halves {
    const NONE: Self = Self {
        places: [[0; 2]; WIDTH],
        pairs: [0; PAIRS.len()],
    };

    fn of(shape: &Shape) -> Self {
        let halves = |set: super::sieve::ByteSet| {
            set.iter().fold([0, 0], |[low, high]: [u16; 2], byte| {
                [low | 1 << (byte & 15), high | 1 << (byte >> 4)]
            })
        };
        Self {
            places: shape.map(halves),
            pairs: pairs(shape),
        }
    }

    fn fit(&self, four: &[u8; WIDTH]) -> bool {
        let of_place = |(place, [low, high]): (usize, &[u16; 2])| {
            low >> (four[place] & 15) & high >> (four[place] >> 4) & 1 == 1
        };
        let of_pair = |(pair, [first, second]): (&u16, [usize; 2])| {
            pair >> ((four[first] ^ four[second]) & 15) & 1 == 1
        };
        self.places.iter().enumerate().all(of_place) && self.pairs.iter().zip(PAIRS).all(of_pair)
    }

    fn union(&self, other: &Self) -> Self {
        Self {
            places: std::array::from_fn(|place| {
                std::array::from_fn(|half| self.places[place][half] | other.places[place][half])
            }),
            pairs: std::array::from_fn(|pair| self.pairs[pair] | other.pairs[pair]),
        }
    }
}

/// How often something fits the most frequent four bytes of text: the project's own, documents and sources in equal parts.
struct Text {
    fours: Vec<([u8; WIDTH], f64)>,
}

impl Text {
    /// More than these are hardly ever met.
    const MOST: usize = 6_000;

    fn new() -> Self {
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let mut counts = std::collections::BTreeMap::<[u8; WIDTH], f64>::new();
        for (ending, folders) in [
            ("md", &["", "docs", "benches", "crates/workjet-dlp"][..]),
            (
                "rs",
                &[
                    "crates/workjet-gateway/src",
                    "crates/workjet-audit/src",
                    "crates/workjet-router/src",
                ],
            ),
        ] {
            let files = folders.iter().flat_map(|folder| {
                let mut files: Vec<_> = std::fs::read_dir(root.join(folder))
                    .expect("a folder of the project")
                    .map(|entry| entry.expect("a file of the project").path())
                    .filter(|path| path.extension().is_some_and(|extension| extension == ending))
                    .collect();
                files.sort();
                files
            });
            let texts: Vec<Vec<u8>> = files
                .map(|path| std::fs::read(path).expect("a file of the project"))
                .collect();
            let length: usize = texts.iter().map(Vec::len).sum();
            for four in texts.iter().flat_map(|text| text.windows(WIDTH)) {
                *counts
                    .entry(four.try_into().expect("a window is as wide"))
                    .or_default() += 0.5 / length as f64;
            }
        }
        let mut fours: Vec<_> = counts.into_iter().collect();
        fours.sort_by(|some, other| other.1.total_cmp(&some.1));
        fours.truncate(Self::MOST);
        Self { fours }
    }

    fn cost(&self, halves: &Halves) -> f64 {
        let fit = self.fours.iter().filter(|(four, _)| halves.fit(four));
        fit.map(|(_, share)| share).sum()
    }
}

/// How often something fits if bytes came one by one.
struct Guess {
    /// For each high half and each half of a set of low halves.
    sums: Vec<[[f64; 256]; 2]>,
}

impl Guess {
    fn new() -> Self {
        let sums = (0..16_u8).map(|high| {
            [0, 8].map(|part| {
                std::array::from_fn(|lows| {
                    let lows = (0..8_u8).filter(|low| lows >> low & 1 == 1);
                    lows.map(|low| frequency(high << 4 | part | low)).sum()
                })
            })
        });
        Self { sums: sums.collect() }
    }

    fn cost(&self, halves: &Halves) -> f64 {
        let places = halves.places.iter().map(|[low, high]| {
            let of = (0..16).filter(|nth| high >> nth & 1 == 1);
            of.map(|nth| self.sums[nth][0][usize::from(low & 255)] + self.sums[nth][1][usize::from(low >> 8)])
                .sum::<f64>()
        });
        let pairs = halves
            .pairs
            .iter()
            .map(|pair| f64::from(pair.count_ones()) / 16.0);
        places.product::<f64>() * pairs.product::<f64>()
    }
}

const LETTERS: [u16; 26] = [
    130, 26, 50, 68, 204, 36, 32, 98, 112, 4, 14, 64, 40, 112, 120, 30, 2, 96, 102, 146, 44, 16, 38, 4, 32, 2,
];

/// The share of a byte in text, roughly: English, code, and a little of everything.
fn frequency(byte: u8) -> f64 {
    let in_two_thousand = match byte {
        b'a'..=b'z' => LETTERS[usize::from(byte - b'a')],
        b' ' => 340,
        b'.' | b',' | b'\n' | b'0'..=b'9' => 20,
        b'-' | b'_' | b'/' | b'"' => 12,
        0..128 => 6,
        _ => 3,
    };
    f64::from(in_two_thousand) / 2000.0
}

/// A number that says which leads were arranged.
fn digest(leads: &[Vec<Shape>]) -> u32 {
    let bytes: Vec<u8> = leads
        .iter()
        .flat_map(|alternatives| {
            let shapes = alternatives.iter().flatten();
            let sets = shapes.flat_map(|set| set.iter().chain([set.len() as u8]));
            sets.chain([alternatives.len() as u8]).collect::<Vec<u8>>()
        })
        .collect();
    crate::checksum::crc32(&bytes)
}

#[test]
fn the_leads_are_arranged() {
    let leads: Vec<Vec<Shape>> = STANDARD_LEADS
        .iter()
        .map(|alternatives| alternatives.iter().map(|(shape, _)| *shape).collect())
        .collect();
    let header = format!(
        "//! Which stretch of each lead is looked for, and the kind that it is of: in the order of the leads, whose digest is \
         {:08x}.\n//! Made by `groups`.\n\n",
        digest(&leads)
    );
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gate/arranged.rs");
    if std::env::var_os("UPDATE_ARRANGED").is_none() {
        let kept = std::fs::read_to_string(path).expect("it is beside this file");
        assert!(
            kept.starts_with(&header),
            "run `UPDATE_ARRANGED=1 cargo test --release -p workjet-dlp arranged`"
        );
        return;
    }
    let mut text = header + "#[rustfmt::skip]\npub(super) static ARRANGED: &[(u8, u8)] = &[\n";
    let (arranged, marked) = arrange(&leads);
    println!("{marked:.1} places in a thousand are looked at once more");
    for line in arranged.chunks(16) {
        let line: Vec<String> = line
            .iter()
            .map(|(which, kind)| format!("({which}, {kind})"))
            .collect();
        text += &format!("    {},\n", line.join(", "));
    }
    std::fs::write(path, text + "];\n").expect("the sources can be written");
}
