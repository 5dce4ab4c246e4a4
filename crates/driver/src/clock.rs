//! The time, and waiting for it.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use purge_core::time::Timestamp;

/// Wall time, UTC.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Ends once [`Self::now`] is at `at` or later. May be dropped at any time.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()>;
}

/// The clock of this machine; sleeps on tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The longest uninterrupted sleep: wall time can jump (suspended machine, corrected clock), so a long wait looks again.
const LONGEST_NAP: Duration = Duration::from_secs(15);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_NAP)).await;
        }
    }
}
