//! Where choices come from: a seed, or the bytes of a fuzzer.

/// Makes choices. The same seed or bytes, the same choices.
#[derive(Clone, Debug)]
pub struct Dice<'d> {
    /// What a fuzzer or a shrinker varies. When all are used up, every choice is the first one, so that texts end.
    bytes: Option<&'d [u8]>,
    state: u64,
}

impl<'d> Dice<'d> {
    /// Choices without end.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            bytes: None,
            state: seed,
        }
    }

    /// Choices that the bytes make.
    #[must_use]
    pub fn of_bytes(bytes: &'d [u8]) -> Self {
        Self {
            bytes: Some(bytes),
            state: 0,
        }
    }

    /// Choices without end whose seed is one choice: for what a fuzzer gains nothing from varying byte by byte.
    pub(crate) fn fork(&mut self) -> Dice<'static> {
        let seed = self.below(1 << 16) as u64;
        Dice::seeded(seed)
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        debug_assert!(count > 0);
        let Some(bytes) = self.bytes else {
            return ((u128::from(self.next()) * count as u128) >> 64) as usize;
        };
        let wanted = if count <= 256 { 1 } else { 3 };
        let (used, rest) = bytes.split_at(bytes.len().min(wanted));
        self.bytes = Some(rest);
        used.iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte))
            % count
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// `true` once in `count` times; never when a fuzzer's bytes are used up.
    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
