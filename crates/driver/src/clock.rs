//! The clock port: wall time, steady time, and waiting for either.
//!
//! Wall time is shared with other machines and can be set back. Steady time is known only to this process and only grows. Times
//! that are written down or compared with those of others are wall time. How long something may still take is measured in both.

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::select;
use purge_core::time::Timestamp;

/// Tells wall time (UTC) and steady time, and sleeps.
pub trait Clock {
    /// Wall time now.
    fn now(&self) -> Timestamp;

    /// Completes once [`Self::now`] is `at` or later. The future may be dropped at any time.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()>;

    /// Steady time: time since some moment in the life of this process. It never goes back, even if [`Self::now`] does; it may
    /// stand still while the machine is suspended.
    fn steady(&self) -> Duration;

    /// Completes once `time` has passed by wall time or by steady time, whichever comes first. The future may be dropped at any
    /// time.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
}

/// The clock of this machine; sleeps on tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The longest uninterrupted sleep. Wall time can jump (suspended machine, corrected clock), so a long wait checks it again and
/// again.
const LONGEST_NAP: Duration = Duration::from_secs(15);

/// The moment from which steady time counts.
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
