//! A flag that is raised once, and that futures on the same thread can wait for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// A flag that starts lowered and, once raised, stays raised.
#[derive(Debug, Default)]
pub struct Signal {
    raised: Cell<bool>,
    next_id: Cell<u64>,
    waiting: RefCell<BTreeMap<u64, Waker>>,
}

impl Signal {
    /// Makes a flag that is not raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag and wakes every future that waits for it.
    pub fn raise(&self) {
        self.raised.set(true);
        for waker in self.waiting.take().into_values() {
            waker.wake();
        }
    }

    /// Whether the flag has been raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.raised.get()
    }

    /// Completes once the flag has been raised. The future may be dropped at any time.
    pub async fn raised(&self) {
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1));
        let place = Place { signal: self, id };
        poll_fn(|cx| {
            if self.is_raised() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().insert(place.id, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Registration of one waiting future. Dropping it removes the future's waker.
struct Place<'a> {
    signal: &'a Signal,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.signal.waiting.borrow_mut().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use futures_util::future::{join, join_all, select};
    use purge_core::time::Timestamp;

    use super::*;
    use crate::clock::Clock as _;
    use crate::virtual_time::{VirtualClock, run};

    #[test]
    fn everybody_is_woken_and_nobody_is_remembered() {
        let (clock, signal) = (VirtualClock::new(Timestamp::EPOCH), Signal::new());
        let soon = || clock.sleep_until(Timestamp::EPOCH.plus(Duration::from_secs(1)));
        run(&clock, async {
            select(pin!(signal.raised()), pin!(soon())).await;
            assert!(signal.waiting.borrow().is_empty());
            let raise = async {
                assert_eq!(signal.waiting.borrow().len(), 9);
                signal.raise();
            };
            join(join_all((0..9).map(|_| signal.raised())), raise).await;
            signal.raised().await;
        })
        .unwrap();
        assert!(signal.waiting.borrow().is_empty());
    }
}
