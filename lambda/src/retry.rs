//! Another attempt at many chunks. Queueing each of them is a change of its own in the table. So the planner queues what it has
//! time for and leaves the rest to the courier, which sends another errand when its own time is over.

use purge_core::run::{Asked, Order};
use purge_driver::worker::LEASE;
use purge_driver::{Clock, Http, Queued, Redriven, redrive};

use crate::batch::Again;
use crate::bucket::Bucket;
use crate::functions::{Functions, Invocation};
use crate::queue::Queue;
use crate::store::Store;
use crate::wake::{Errand, ErrandKind, Retry};

/// Chunks that are queued again between two looks at the clock.
const PAGE: usize = 100;
/// Chunks that the planner queues again itself, at most: the caller waits for its answer.
const AT_ONCE: usize = 1_000;

/// How much of a retry the planner has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Chunks that are queued again, and chunks that another worker has.
    pub(crate) chunks: Queued,
    /// Chunks that are left to the courier.
    pub(crate) later: usize,
}

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Queues the first of these chunks again, as this person asked, and leaves the others to the courier. Wakes none.
    pub(crate) async fn queue_again(
        &self,
        order: &Order,
        again: &purge_driver::Retry,
        asked: &Asked,
        invocation: &Invocation,
        trace: Option<&str>,
    ) -> Result<Done, Again> {
        let (mut done, mut left) = (Done::default(), again.chunks.as_slice());
        let until = left.len().saturating_sub(AT_ONCE);
        while left.len() > until {
            let (page, rest) = left.split_at(left.len().min(PAGE));
            done.chunks.add(self.ledger, order, page, &invocation.id, asked, || self.clock.now()).await?;
            left = rest;
            if self.is_out_of_time(invocation.deadline) {
                break;
            }
        }
        done.later = left.len();
        for retry in Retry::of(left, again.ended_by, asked) {
            self.errand_at(Errand::new(&order.run_id, ErrandKind::Retry(retry)), self.clock.now(), trace).await?;
        }
        Ok(done)
    }

    /// Queues these chunks again and wakes them, as many as there is time for; the rest is for another errand. A second delivery of
    /// the same errand does not give a chunk a second attempt: it only wakes a chunk that is queued already, and leaves alone one
    /// that has ended since.
    pub(crate) async fn retry_chunks(
        &self,
        run_id: &str,
        retry: &Retry,
        invocation: &Invocation,
        owner: &str,
        trace: Option<&str>,
    ) -> Result<(), Again> {
        let order = self.ledger.order(run_id).await?;
        let order = order.ok_or_else(|| Again::Failed(format!("there is no run `{run_id}`")))?;
        let chunks: Vec<_> = retry.rows.iter().flat_map(|(first, last)| *first..=*last).collect();
        let (mut left, mut busy) = (chunks.as_slice(), Vec::new());
        while !left.is_empty() {
            // A cancel that comes after the retry was asked for ends the retry.
            if self.ledger.cancel_asked(run_id).await?.is_some() {
                tracing::info!(left = left.len(), "not tried again: the run has been cancelled since");
                return Ok(());
            }
            let (page, rest) = left.split_at(left.len().min(PAGE));
            let mut wake = Vec::new();
            for chunk in page {
                let Some(row) = self.ledger.chunk(run_id, *chunk).await? else { continue };
                match row.run.view().ended_at {
                    None => wake.push(*chunk),
                    Some(at) if at > retry.ended_by => {}
                    Some(_) => match redrive(self.ledger, &order, *chunk, owner, &retry.asked, self.clock.now()).await?
                    {
                        Redriven::Queued => wake.push(*chunk),
                        Redriven::Busy => busy.push(*chunk),
                        Redriven::NotNeeded | Redriven::Absent => {}
                    },
                }
            }
            self.wake_chunks(run_id, &wake, trace).await?;
            tracing::info!(queued = wake.len(), left = rest.len(), "queued again");
            left = rest;
            if self.is_out_of_time(invocation.deadline) {
                break;
            }
        }
        let now = self.clock.now();
        // No worker keeps a chunk that has ended for longer than a lease.
        for (chunks, at) in [(left, now), (&busy, now.plus(LEASE))] {
            for rest in Retry::of(chunks, retry.ended_by, &retry.asked) {
                self.errand_at(Errand::new(run_id, ErrandKind::Retry(rest)), at, trace).await?;
            }
        }
        Ok(())
    }
}
