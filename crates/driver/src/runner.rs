//! A whole run: several chunks at once, the messages about them, and an end that leaves everything durable.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{join, select};
use futures_util::stream::FuturesUnordered;
use purge_core::run::{Order, Pace, WaitReason};
use purge_core::time::Timestamp;

use crate::clock::Clock;
use crate::http::Http;
use crate::ledger::{Ledger, LedgerError};
use crate::pace::remembered_pace;
use crate::postman::Postman;
use crate::signal::Signal;
use crate::watch::Watch;
use crate::worker::{Advance, Worker};

/// How often to look whether somebody has asked to cancel.
const CANCEL_LOOK: Duration = Duration::from_secs(1);

/// Chunk indexes read from the ledger at a time.
const PAGE: u32 = 1_000;

/// How long to wait after another worker was quicker.
const AFTER_LOST: Duration = Duration::from_secs(1);

/// How carrying out a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// Every chunk has ended.
    Ended,
    /// It was stopped. Everything is durable; running it again goes on from there.
    Stopped,
}

/// Carries out a run on this machine.
#[derive(Debug)]
pub struct Runner<'a, L, H, C, W> {
    /// Carries the chunks. Its `stop` ends the run early: every chunk finishes the step in hand. The runner raises it too, when
    /// the ledger fails.
    pub worker: Worker<'a, L, H, C, W>,
    /// Delivers the messages, when there is a webhook.
    pub postman: Option<Postman<'a, L, H, C>>,
}

/// What the chunks of a run share while it is carried out.
struct Shared<'a> {
    order: &'a Order,
    pace: Cell<Pace>,
    cancelled: Signal,
    done: Signal,
}

/// How far a chunk was seen through.
struct Seen {
    index: u32,
    /// Whether it took one of the places.
    has_place: bool,
    ended: bool,
    /// It gives its place back and rests.
    cools_off: Option<Rest>,
}

/// A cool-off that has begun.
struct Rest {
    until: Timestamp,
    told_cancelled: bool,
}

impl<L: Ledger, H: Http, C: Clock, W: Watch> Runner<'_, L, H, C, W> {
    /// Carries out a run that the ledger holds, as many chunks at once as its order allows.
    ///
    /// # Errors
    /// When the ledger fails, or knows no such run. The other chunks finish the step in hand first.
    pub async fn run(&self, run_id: &str) -> Result<RunEnd, LedgerError> {
        let Some(row) = self.worker.ledger.run(run_id).await? else {
            return Err(LedgerError::Conflict(format!("there is no run `{run_id}`")));
        };
        let order = &row.order;
        let pace = Cell::new(remembered_pace(self.worker.ledger, order).await?.unwrap_or_default());
        let shared = Shared { order, pace, cancelled: Signal::new(), done: Signal::new() };
        let chunks = async {
            let end = self.chunks(&shared).await;
            shared.done.raise();
            end
        };
        let (end, (looked, posted)) = join(chunks, join(self.look_for_cancel(&shared), self.post(&shared))).await;
        looked.and(posted).and(end)
    }

    /// All open chunks, in order, each in one of the places that the order allows. A chunk that waits keeps its place, but for its
    /// cool-off: days in which there is nothing to do, after a job that is over.
    async fn chunks(&self, shared: &Shared<'_>) -> Result<RunEnd, LedgerError> {
        let order = shared.order;
        let places = usize::try_from(order.limits.concurrency_for(order.request.api)).unwrap_or(usize::MAX);
        let mut queue = VecDeque::new();
        let (mut read_to, mut more) = (0, true);
        let mut busy = FuturesUnordered::new();
        let mut free = places;
        let mut failure = None;
        let mut unfinished = false;
        loop {
            while free > 0 && !self.stopping() {
                if queue.is_empty() && more {
                    match self.worker.ledger.open_chunks(&order.run_id, read_to, PAGE).await {
                        Ok(page) => queue.extend(page),
                        Err(error) => self.fail(&mut failure, error),
                    }
                    match queue.back() {
                        Some(&last) => read_to = last,
                        None => more = false,
                    }
                }
                let Some(index) = queue.pop_front() else {
                    break;
                };
                free -= 1;
                busy.push(self.see_through(shared, index, None));
            }
            match busy.next().await {
                Some(Ok(Seen { index, has_place, ended, cools_off })) => {
                    free = free.saturating_add(usize::from(has_place));
                    match cools_off {
                        Some(rest) => busy.push(self.see_through(shared, index, Some(rest))),
                        None => unfinished |= !ended,
                    }
                }
                Some(Err(error)) => self.fail(&mut failure, error),
                None => break,
            }
        }
        match failure {
            Some(error) => Err(error),
            None if unfinished || more || !queue.is_empty() => Ok(RunEnd::Stopped),
            None => Ok(RunEnd::Ended),
        }
    }

    /// One chunk to its end, to its cool-off, after which it goes on without a place, or until the run is stopped.
    async fn see_through(&self, shared: &Shared<'_>, index: u32, rest: Option<Rest>) -> Result<Seen, LedgerError> {
        let has_place = rest.is_none();
        let seen = |ended, cools_off| Seen { index, has_place, ended, cools_off };
        let mut told_cancelled = false;
        if let Some(rest) = rest {
            told_cancelled = rest.told_cancelled;
            self.wait(shared, rest.until, told_cancelled).await;
        }
        while !self.stopping() {
            told_cancelled |= shared.cancelled.is_raised();
            let until = match self.worker.advance(shared.order, index, shared.pace.get()).await? {
                Advance::Waiting { at: until, reason: WaitReason::CoolOff } if has_place => {
                    return Ok(seen(false, Some(Rest { until, told_cancelled })));
                }
                Advance::Waiting { at, .. } => at,
                Advance::Busy { until } => until,
                Advance::Lost => self.worker.clock.now().plus(AFTER_LOST),
                Advance::Done(_) => {
                    self.learn(shared, index).await?;
                    return Ok(seen(true, None));
                }
                Advance::Absent => {
                    return Err(LedgerError::Corrupt(format!(
                        "chunk {index} of run `{}` is gone",
                        shared.order.run_id
                    )));
                }
            };
            self.wait(shared, until, told_cancelled).await;
        }
        Ok(seen(false, None))
    }

    /// Until then, or until the run is stopped, or cancelled and the chunk does not know yet. Not for longer than it is until then
    /// now, whatever becomes of the clock: whoever comes too early is told so.
    async fn wait(&self, shared: &Shared<'_>, until: Timestamp, told_cancelled: bool) {
        let clock = self.worker.clock;
        let sleep = pin!(clock.sleep(until.since(clock.now())));
        let news = pin!(async {
            let stop = pin!(self.worker.stop.raised());
            if told_cancelled {
                stop.await;
            } else {
                select(stop, pin!(shared.cancelled.raised())).await;
            }
        });
        select(sleep, news).await;
    }

    /// Adds what the chunk's job has shown to what is known about how long a job takes.
    async fn learn(&self, shared: &Shared<'_>, index: u32) -> Result<(), LedgerError> {
        let row = self.worker.ledger.chunk(&shared.order.run_id, index).await?;
        if let Some(seen) = row.and_then(|row| row.run.observed_pace()) {
            shared.pace.set(shared.pace.get().and(seen));
        }
        Ok(())
    }

    /// Raises `cancelled` once somebody, in this process or another, has asked for it.
    async fn look_for_cancel(&self, shared: &Shared<'_>) -> Result<(), LedgerError> {
        while !shared.done.is_raised() {
            match self.worker.ledger.cancel_asked(&shared.order.run_id).await {
                Ok(Some(_)) => {
                    shared.cancelled.raise();
                    return Ok(());
                }
                Ok(None) => {}
                Err(error) => {
                    self.worker.stop.raise();
                    return Err(error);
                }
            }
            select(pin!(self.worker.clock.sleep(CANCEL_LOOK)), pin!(shared.done.raised())).await;
        }
        Ok(())
    }

    async fn post(&self, shared: &Shared<'_>) -> Result<(), LedgerError> {
        let Some(postman) = &self.postman else {
            return Ok(());
        };
        let posted = postman.deliver(&shared.order.run_id, &shared.done, self.worker.stop).await;
        if posted.is_err() {
            self.worker.stop.raise();
        }
        posted
    }

    fn stopping(&self) -> bool {
        self.worker.stop.is_raised()
    }

    /// Keeps the first failure and lets everything else finish the step in hand.
    fn fail(&self, failure: &mut Option<LedgerError>, error: LedgerError) {
        self.worker.stop.raise();
        failure.get_or_insert(error);
    }
}
