//! Carries out a whole run on one machine: several chunks at once, their webhook messages, and an end that leaves everything
//! durable.

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

/// How often to look for a request to cancel.
const CANCEL_LOOK: Duration = Duration::from_secs(1);

/// Chunk indexes read from the ledger at a time.
const PAGE: u32 = 1_000;

/// How long to wait after losing a chunk to another worker.
const AFTER_LOST: Duration = Duration::from_secs(1);

/// How carrying out a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// Every chunk has ended.
    Ended,
    /// The run was stopped. Everything is durable, and running it again goes on from there.
    Stopped,
}

/// Carries out a run on this machine.
#[derive(Debug)]
pub struct Runner<'a, L, H, C, W> {
    /// Carries the chunks. Raising its `stop` ends the run early, after every chunk has finished its current step. The runner
    /// raises it, too, if the ledger fails.
    pub worker: Worker<'a, L, H, C, W>,
    /// Delivers the webhook messages, if there is a webhook.
    pub postman: Option<Postman<'a, L, H, C>>,
}

/// What the chunks of a run share while it is carried out.
struct Shared<'a> {
    order: &'a Order,
    pace: Cell<Pace>,
    cancelled: Signal,
    done: Signal,
}

/// How far a chunk has come when its future completes.
struct Progress {
    index: u32,
    /// Whether the chunk used one of the concurrency places.
    has_place: bool,
    ended: bool,
    /// The chunk has begun its cool-off: it gives its place back and goes on without one.
    cool_off: Option<CoolOff>,
}

/// A cool-off that has begun.
struct CoolOff {
    until: Timestamp,
    told_cancelled: bool,
}

impl<L: Ledger, H: Http, C: Clock, W: Watch> Runner<'_, L, H, C, W> {
    /// Carries out a run that the ledger holds, with as many chunks at once as its order allows.
    ///
    /// # Errors
    /// If the ledger fails or does not know the run. The other chunks finish their current step first.
    pub async fn run(&self, run_id: &str) -> Result<RunEnd, LedgerError> {
        let Some(row) = self.worker.ledger.run(run_id).await? else {
            return Err(LedgerError::Conflict(format!("there is no run `{run_id}`")));
        };
        let order = &row.order;
        let pace = Cell::new(remembered_pace(self.worker.ledger, order).await?.unwrap_or_default());
        let shared = Shared { order, pace, cancelled: Signal::new(), done: Signal::new() };
        let chunks = async {
            let end = self.carry_chunks(&shared).await;
            shared.done.raise();
            end
        };
        let (end, (looked, posted)) =
            join(chunks, join(self.watch_for_cancel(&shared), self.deliver_messages(&shared))).await;
        looked.and(posted).and(end)
    }

    /// Carries all open chunks, in order, as many at once as the order allows. A waiting chunk keeps its place, except in its
    /// cool-off: those are days without work, after the job is over.
    async fn carry_chunks(&self, shared: &Shared<'_>) -> Result<RunEnd, LedgerError> {
        let order = shared.order;
        let places = usize::try_from(order.limits.concurrency_for(order.request.api)).unwrap_or(usize::MAX);
        let mut queue = VecDeque::new();
        let (mut read_to, mut more) = (0, true);
        let mut busy = FuturesUnordered::new();
        let mut free = places;
        let mut failure = None;
        let mut unfinished = false;
        loop {
            while free > 0 && !self.is_stopping() {
                if queue.is_empty() && more {
                    match self.worker.ledger.open_chunks(&order.run_id, read_to, PAGE).await {
                        Ok(page) => queue.extend(page),
                        Err(error) => self.keep_failure(&mut failure, error),
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
                busy.push(self.carry_chunk(shared, index, None));
            }
            match busy.next().await {
                Some(Ok(Progress { index, has_place, ended, cool_off })) => {
                    free = free.saturating_add(usize::from(has_place));
                    match cool_off {
                        Some(cool_off) => busy.push(self.carry_chunk(shared, index, Some(cool_off))),
                        None => unfinished |= !ended,
                    }
                }
                Some(Err(error)) => self.keep_failure(&mut failure, error),
                None => break,
            }
        }
        match failure {
            Some(error) => Err(error),
            None if unfinished || more || !queue.is_empty() => Ok(RunEnd::Stopped),
            None => Ok(RunEnd::Ended),
        }
    }

    /// Carries one chunk until it ends, enters its cool-off, or the run is stopped. After its cool-off a chunk goes on without a
    /// place.
    async fn carry_chunk(
        &self,
        shared: &Shared<'_>,
        index: u32,
        cool_off: Option<CoolOff>,
    ) -> Result<Progress, LedgerError> {
        let has_place = cool_off.is_none();
        let progress = |ended, cool_off| Progress { index, has_place, ended, cool_off };
        let mut told_cancelled = false;
        if let Some(cool_off) = cool_off {
            told_cancelled = cool_off.told_cancelled;
            self.wait(shared, cool_off.until, told_cancelled).await;
        }
        while !self.is_stopping() {
            told_cancelled |= shared.cancelled.is_raised();
            let until = match self.worker.advance(shared.order, index, shared.pace.get()).await? {
                Advance::Waiting { at: until, reason: WaitReason::CoolOff } if has_place => {
                    return Ok(progress(false, Some(CoolOff { until, told_cancelled })));
                }
                Advance::Waiting { at, .. } => at,
                Advance::Busy { until } => until,
                Advance::Lost => self.worker.clock.now().plus(AFTER_LOST),
                Advance::Done(_) => {
                    self.update_pace(shared, index).await?;
                    return Ok(progress(true, None));
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
        Ok(progress(false, None))
    }

    /// Waits until `until`, a stop, or a cancel that the chunk has not been told of. The length of the wait is fixed now, even if
    /// the clock is changed later: advancing a chunk too early is harmless.
    async fn wait(&self, shared: &Shared<'_>, until: Timestamp, told_cancelled: bool) {
        let clock = self.worker.clock;
        let sleep = pin!(clock.sleep(until.since(clock.now())));
        let interruption = pin!(async {
            let stop = pin!(self.worker.stop.raised());
            if told_cancelled {
                stop.await;
            } else {
                select(stop, pin!(shared.cancelled.raised())).await;
            }
        });
        select(sleep, interruption).await;
    }

    /// Adds what the chunk's job has shown to the run's pace.
    async fn update_pace(&self, shared: &Shared<'_>, index: u32) -> Result<(), LedgerError> {
        let row = self.worker.ledger.chunk(&shared.order.run_id, index).await?;
        if let Some(seen) = row.and_then(|row| row.run.observed_pace()) {
            shared.pace.set(shared.pace.get().and(seen));
        }
        Ok(())
    }

    /// Raises `cancelled` once this or another process has asked to cancel the run.
    async fn watch_for_cancel(&self, shared: &Shared<'_>) -> Result<(), LedgerError> {
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

    async fn deliver_messages(&self, shared: &Shared<'_>) -> Result<(), LedgerError> {
        let Some(postman) = &self.postman else {
            return Ok(());
        };
        let posted = postman.deliver(&shared.order.run_id, &shared.done, self.worker.stop).await;
        if posted.is_err() {
            self.worker.stop.raise();
        }
        posted
    }

    fn is_stopping(&self) -> bool {
        self.worker.stop.is_raised()
    }

    /// Keeps the first failure and stops the run, so that the other chunks finish their current step.
    fn keep_failure(&self, failure: &mut Option<LedgerError>, error: LedgerError) {
        self.worker.stop.raise();
        failure.get_or_insert(error);
    }
}
