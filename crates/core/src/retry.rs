//! When to try again, as data. There is no random source: jitter is derived from what is retried, so the schedule is the same
//! everywhere.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// Tries of one call while nothing has been deleted yet, so that giving up harms nothing.
pub const GIVE_UP_BEFORE: u32 = 8;

/// Tries of one call while a deletion is under way, which has to be watched even when it cannot be seen for a while.
pub const GIVE_UP_WATCHING: u32 = 40;

/// Submits of one chunk in one attempt.
pub const MAX_SUBMITS: u64 = 5;

const FIRST_BACKOFF_MS: u64 = 500;
const LONGEST_BACKOFF_MS: u64 = 60_000;

/// The pause between try number `attempt` and the next: exponential from half a second to a minute, less up to half of it as
/// jitter.
#[must_use]
pub fn backoff(key: &str, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let whole = FIRST_BACKOFF_MS.saturating_mul(1 << doublings).min(LONGEST_BACKOFF_MS);
    jittered(key, u64::from(attempt), Duration::from_millis(whole), 50)
}

/// The duration `whole`, less at most `percent` per cent of itself, decided by the key and the number.
#[must_use]
pub fn jittered(key: &str, number: u64, whole: Duration, percent: u64) -> Duration {
    let mut hash = Sha256::new();
    hash.update(key.as_bytes());
    hash.update(number.to_be_bytes());
    let fraction = hash.finalize().iter().take(2).fold(0_u64, |sum, byte| sum * 256 + u64::from(*byte));
    let millis = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX / 100);
    let span = millis.saturating_mul(percent.min(100)) / 100;
    Duration::from_millis(millis.saturating_sub(span.saturating_mul(fraction) / 65_535))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_is_capped_and_repeats_itself() {
        for attempt in 1..40 {
            let pause = backoff("run/1", attempt);
            let whole = (500_u64 << (attempt - 1).min(16)).min(60_000);
            assert!(pause.as_millis() >= u128::from(whole / 2) && pause.as_millis() <= u128::from(whole), "{attempt}");
            assert_eq!(pause, backoff("run/1", attempt));
        }
        assert_ne!(backoff("run/1", 5), backoff("run/2", 5), "two chunks do not march in step");
    }
}
