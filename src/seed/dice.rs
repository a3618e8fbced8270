//! Chance that falls the same way everywhere.

/// What is rolled. The numbers are part of the rows' ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Organization = 1,
    User = 2,
    Client = 3,
    Event = 4,
    LooseEvent = 5,
    Time = 6,
    Tie = 7,
    Life = 8,
}

/// `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): a counter and a mixer of
/// wrapping 64-bit arithmetic, so neither a platform nor a version of a crate
/// can change what comes out.
pub struct Dice(u64);

impl Dice {
    /// Dice that are no row's, for whoever wants chance that can be had again.
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The dice of one row. Each row has its own, so that one can be made
    /// without those before it.
    pub(super) fn of(kind: Kind, index: u64) -> Self {
        let mut dice = Self(index ^ ((kind as u64) << 56));
        // Neighbours begin far apart, or each would roll what the next one did.
        Self(dice.roll())
    }

    /// Any 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `bound` − 1. The remainder leans to the small numbers by
    /// less than one in 2³², for any bound below that.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// From `least` to `most`.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One of `choices`, which are some.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.position(choices.len())]
    }

    /// One of `choices`, the first ones more often, as names are spread.
    pub(super) fn pick_early<T: Copy>(&mut self, choices: &[T]) -> T {
        let (one, other) = (self.position(choices.len()), self.position(choices.len()));
        choices[one.min(other)]
    }

    fn position(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("less than a usize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs for seed 1234567, as other implementations give them.
    #[test]
    fn it_is_split_mix_64() {
        let mut dice = Dice(1_234_567);
        let rolled: [u64; 3] = std::array::from_fn(|_| dice.roll());
        assert_eq!(
            rolled,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }
}
