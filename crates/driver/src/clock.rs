//! The time, and waiting for it.
//!
//! There are two: wall time, which others share and which can be set back, and steady time, which only this process knows and which
//! only grows. What is written down or compared with others' is wall time; how long something may still take is measured in both.

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::select;
use purge_core::time::Timestamp;

/// Wall time, UTC.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Ends once [`Self::now`] is at `at` or later. May be dropped at any time.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()>;

    /// Time since some moment in this process's life. It never goes back, whatever becomes of [`Self::now`]; it may stand still while
    /// the machine is suspended.
    fn steady(&self) -> Duration;

    /// Ends once so much time has passed, by either way of telling. May be dropped at any time.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
}

/// The clock of this machine; sleeps on tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The longest uninterrupted sleep: wall time can jump (suspended machine, corrected clock), so a long wait looks again.
const LONGEST_NAP: Duration = Duration::from_secs(15);

/// From when steady time counts.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

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

    fn steady(&self) -> Duration {
        BEGINNING.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        let (wall, steady) = (pin!(self.sleep_until(self.now().plus(time))), pin!(tokio::time::sleep(time)));
        select(wall, steady).await;
    }
}
