//! When to look at a chunk during its cool-off. Until the delete date comes, a person can still take the dates back, so a new hold
//! should be noticed.

use purge_core::time::Timestamp;

/// Time between two looks at one chunk, in milliseconds.
const APART: i64 = 3_600_000;

/// How much later the look at the next chunk is, in milliseconds, so that the policy is not read for all chunks at once.
const STEP: i64 = 37_000;

/// When to look next at a chunk in its cool-off: once an hour, each chunk at its own minute. All callers that ask before a look get
/// the same time, so several wake-ups become one. The state of the chunk does not contain this time; there, the wait ends at the
/// delete date.
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

    /// Otherwise every superfluous wake-up would start a chain of its own that lasts until the delete date.
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
