//! When recordings that wait for their delete date are looked at meanwhile: somebody may have second thoughts, and until then the
//! dates can be taken back.

use purge_core::time::Timestamp;

/// Between two looks at a chunk, in milliseconds.
const APART: i64 = 3_600_000;

/// How much later the next chunk is looked at, so that the policy is not asked about all of them at once; in milliseconds.
const STEP: i64 = 37_000;

/// When to look next at a chunk in its cool-off: the same time for all who ask before it, so that several wake-ups become one. Once an
/// hour, each chunk at its own minute; the state of the chunk knows nothing of it, for there its wait ends at the date.
#[must_use]
pub fn next_look(index: u32, now: Timestamp) -> Timestamp {
    let offset = i64::from(index) * STEP % APART;
    let looks = (now.millis() - offset).div_euclid(APART);
    Timestamp::from_millis((looks + 1) * APART + offset)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Otherwise every wake-up that is one too many would begin a chain of its own, until the date comes.
    #[test]
    fn whoever_looks_at_a_cool_off_comes_back_at_the_same_time() {
        let start = Timestamp::parse("2026-01-01T09:58:00Z").unwrap();
        for index in [1, 2, 97, 98, 200_000] {
            let mut looks: Vec<_> =
                (0..7_200).map(|seconds| next_look(index, start.plus(Duration::from_secs(seconds)))).collect();
            assert!(looks.iter().zip(0..).all(|(look, seconds)| *look > start.plus(Duration::from_secs(seconds))));
            looks.dedup();
            assert!(looks.len() <= 3, "chunk {index} is looked at once an hour: {looks:?}");
            assert!(looks.windows(2).all(|two| two[1].since(two[0]) == Duration::from_secs(3_600)));
        }
        assert_ne!(next_look(1, start), next_look(2, start), "not at all of them at once");
    }
}
