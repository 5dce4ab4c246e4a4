//! Time that passes only when nobody has anything to do: the same loop, hours of it in milliseconds.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use purge_core::time::Timestamp;

use crate::clock::Clock;

/// A clock that [`run`] moves. Clones show the same time.
#[derive(Clone, Debug)]
pub struct VirtualClock(Rc<World>);

#[derive(Debug)]
struct World {
    now: Cell<Timestamp>,
    next_id: Cell<u64>,
    /// By time, then by the order in which they fell asleep: so that the same run always goes the same way.
    sleepers: RefCell<BTreeMap<(Timestamp, u64), Waker>>,
}

impl VirtualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Rc::new(World { now: Cell::new(start), next_id: Cell::new(0), sleepers: RefCell::default() }))
    }

    /// Moves to the next sleeper's time and wakes those whose time has come. `false` when nobody sleeps.
    fn jump(&self) -> bool {
        let mut sleepers = self.0.sleepers.borrow_mut();
        let Some((&(at, _), _)) = sleepers.first_key_value() else {
            return false;
        };
        self.0.now.set(self.0.now.get().max(at));
        while let Some(entry) = sleepers.first_entry()
            && entry.key().0 <= at
        {
            entry.remove().wake();
        }
        true
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.0.now.get()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let id = self.0.next_id.get();
        self.0.next_id.set(id.wrapping_add(1));
        let bed = Bed { world: &self.0, key: (at, id) };
        poll_fn(|cx| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            self.0.sleepers.borrow_mut().insert(bed.key, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Takes its sleeper out when it is dropped before its time: nobody must jump to a time that nobody waits for any more.
struct Bed<'a> {
    world: &'a World,
    key: (Timestamp, u64),
}

impl Drop for Bed<'_> {
    fn drop(&mut self) {
        self.world.sleepers.borrow_mut().remove(&self.key);
    }
}

/// Everything waits, and none of it for the time: it would wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("everything waits and nothing is due")]
pub struct Stalled;

/// Runs a future to its end on this thread, moving the clock to the next sleeper whenever nothing else is to be done.
///
/// # Errors
/// [`Stalled`] when the future waits for something other than this clock.
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
        if !clock.jump() {
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
    use std::time::Duration;

    use futures_util::future::{join, join_all, select};

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
        assert!(clock.0.sleepers.borrow().is_empty());
    }

    #[test]
    fn waiting_for_nothing_is_told_apart_from_waiting_for_time() {
        let clock = VirtualClock::new(Timestamp::EPOCH);
        let sleep = clock.sleep_until(Timestamp::EPOCH.plus(Duration::from_secs(1)));
        assert_eq!(run(&clock, join(sleep, std::future::pending::<()>())), Err(Stalled));
    }
}
