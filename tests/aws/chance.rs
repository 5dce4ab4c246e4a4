//! Reproducible chance: a seeded generator (splitmix64).

use std::sync::Mutex;

/// The seed of all generators; another with `PURGE_SEED=n`.
#[must_use]
pub fn seed() -> u64 {
    std::env::var("PURGE_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(20_230_101)
}

/// A generator that several tasks may share.
#[derive(Debug)]
pub struct Chance(Mutex<u64>);

impl Chance {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n - 1`.
    pub fn below(&self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// True with a probability of `often` in a thousand.
    pub fn in_a_thousand(&self, often: u64) -> bool {
        self.below(1000) < often
    }
}
