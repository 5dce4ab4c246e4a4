//! Time that passes only when nothing else is left to do, so that the same loop goes through hours in milliseconds.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use purge_core::time::Timestamp;

use crate::clock::Clock;

/// A clock that [`run`] moves. Clones show the same time.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    world: Rc<World>,
    /// How far this clock has been set back.
    behind: Rc<Cell<Duration>>,
}

#[derive(Debug)]
struct World {
    now: Cell<Timestamp>,
    next_id: Cell<u64>,
    /// In order of time, then of falling asleep, so that the same run always takes the same course.
    sleepers: RefCell<BTreeMap<(Timestamp, u64), Waker>>,
}

impl VirtualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        let world = World { now: Cell::new(start), next_id: Cell::new(0), sleepers: RefCell::default() };
        Self { world: Rc::new(world), behind: Rc::default() }
    }

    /// The clock of another machine in the same world. It shows the same time until one of the two is set back.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self { world: Rc::clone(&self.world), behind: Rc::new(Cell::new(self.behind.get())) }
    }

    /// Sets this clock and its clones back, as when somebody corrects a clock. Steady time goes on.
    pub fn set_back(&self, by: Duration) {
        self.behind.set(self.behind.get().saturating_add(by));
    }

    /// Moves the time to that of the next sleeper and wakes all sleepers that are due. `false` if there are none.
    fn jump_to_next_sleeper(&self) -> bool {
        let mut sleepers = self.world.sleepers.borrow_mut();
        let Some((&(at, _), _)) = sleepers.first_key_value() else {
            return false;
        };
        self.world.now.set(self.world.now.get().max(at));
        while let Some(entry) = sleepers.first_entry()
            && entry.key().0 <= at
        {
            entry.remove().wake();
        }
        true
    }

    /// Completes at this time of the world, whatever this clock shows.
    async fn sleep_until_world_time(&self, at: Timestamp) {
        let id = self.world.next_id.get();
        self.world.next_id.set(id.wrapping_add(1));
        let sleeper = Sleeper { world: &self.world, key: (at, id) };
        poll_fn(|cx| {
            if self.world.now.get() >= at {
                return Poll::Ready(());
            }
            self.world.sleepers.borrow_mut().insert(sleeper.key, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.world.now.get().minus(self.behind.get())
    }

    async fn sleep_until(&self, at: Timestamp) {
        while self.now() < at {
            self.sleep_until_world_time(at.plus(self.behind.get())).await;
        }
    }

    fn steady(&self) -> Duration {
        self.world.now.get().since(Timestamp::EPOCH)
    }

    async fn sleep(&self, time: Duration) {
        self.sleep_until_world_time(self.world.now.get().plus(time)).await;
    }
}

/// Removes its sleeper when dropped early: the clock must not jump to a time that nothing waits for any more.
struct Sleeper<'a> {
    world: &'a World,
    key: (Timestamp, u64),
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.world.sleepers.borrow_mut().remove(&self.key);
    }
}

/// Everything waits, and nothing waits for the clock, so it would wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("everything waits and nothing is due")]
pub struct Stalled;

/// Runs a future to its end on this thread. Whenever nothing else can be done, the clock moves to the next sleeper.
///
/// # Errors
/// [`Stalled`] if the future waits for something other than this clock.
pub fn run<F: Future>(clock: &VirtualClock, future: F) -> Result<F::Output, Stalled> {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        while woken.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Ok(output);
            }
        }
        if !clock.jump_to_next_sleeper() {
            return Err(Stalled);
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::{LocalBoxFuture, join, join_all, select};

    use super::*;

    #[test]
    fn sleepers_wake_in_the_order_of_their_time() {
        let clock = VirtualClock::new(Timestamp::EPOCH);
        let woken = RefCell::new(Vec::new());
        let sleep = async |seconds: u64| {
            clock.sleep_until(Timestamp::EPOCH.plus(Duration::from_secs(seconds))).await;
            woken.borrow_mut().push((seconds, clock.now().millis()));
        };
        run(&clock, join_all([30, 10, 20, 10].map(sleep))).unwrap();
        assert_eq!(*woken.borrow(), [(10, 10_000), (10, 10_000), (20, 20_000), (30, 30_000)]);
    }

    #[test]
    fn nobody_jumps_to_a_dropped_sleep() {
        let clock = VirtualClock::new(Timestamp::EPOCH);
        let at = |seconds| Timestamp::EPOCH.plus(Duration::from_secs(seconds));
        run(&clock, async {
            {
                let (short, long) = (pin!(clock.sleep_until(at(1))), pin!(clock.sleep_until(at(100))));
                select(short, long).await;
            }
            clock.sleep_until(at(200)).await;
        })
        .unwrap();
        assert_eq!(clock.now(), at(200));
        assert!(clock.world.sleepers.borrow().is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_lets_its_sleepers_sleep_longer_and_its_steady_time_alone() {
        let clock = VirtualClock::new(Timestamp::EPOCH);
        let (other, at) = (clock.elsewhere(), |seconds| Timestamp::EPOCH.plus(Duration::from_secs(seconds)));
        let woken = RefCell::new(Vec::new());
        let sleeper = async |name: &'static str, sleep: LocalBoxFuture<'_, ()>| {
            sleep.await;
            woken.borrow_mut().push((name, clock.steady().as_secs()));
        };
        run(&clock, async {
            let setting = async {
                clock.sleep_until(at(5)).await;
                other.set_back(Duration::from_secs(100));
            };
            let sleepers = [
                sleeper("here", clock.sleep_until(at(10)).boxed_local()),
                sleeper("elsewhere", other.sleep_until(at(10)).boxed_local()),
                sleeper("steady", other.sleep(Duration::from_secs(10)).boxed_local()),
            ];
            join(setting, join_all(sleepers)).await;
        })
        .unwrap();
        assert_eq!(*woken.borrow(), [("here", 10), ("steady", 10), ("elsewhere", 110)]);
        assert_eq!((clock.now(), other.now()), (at(110), at(10)));
    }

    #[test]
    fn waiting_for_nothing_is_told_apart_from_waiting_for_time() {
        let clock = VirtualClock::new(Timestamp::EPOCH);
        let sleep = clock.sleep_until(Timestamp::EPOCH.plus(Duration::from_secs(1)));
        assert_eq!(run(&clock, join(sleep, std::future::pending::<()>())), Err(Stalled));
    }
}
