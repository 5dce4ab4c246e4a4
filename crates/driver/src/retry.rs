//! Decides which chunks of a run a retry takes up, and what stands against it. The command line, the page and the planner share
//! this rule.

use purge_core::chunk::Chunk;
use purge_core::run::{Asked, Order};
use purge_core::time::Timestamp;

use crate::ledger::{Ledger, LedgerError, RunRow};
use crate::redrive::{Redriven, redrive};

/// Chunks read at a time.
const PAGE: u32 = 1_000;

/// What a retry affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Indexes of the chunks to queue again: those that ended other than verified.
    pub chunks: Vec<u32>,
    /// What will be deleted from then on: those chunks, and all that have not ended. Not those in their cool-off, whose deletion
    /// has been sent: what stands against them is checked when they are carried on.
    pub chunks_to_delete: Vec<Chunk>,
    /// When the last of the chunks to queue again ended. A chunk that ends later has already been retried.
    pub ended_by: Timestamp,
    /// The cancellation that the retry takes back.
    cancel_asked: Option<Timestamp>,
}

/// Why chunks cannot be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The run has no such chunk.
    NoChunk {
        /// The index that was named.
        index: u32,
        /// How many chunks the run has.
        chunks: u32,
    },
    /// None of the named chunks ended other than verified.
    NothingToRetry,
    /// The run is cancelled, and some chunks that were not named have not been told yet. Taking the cancel back for the named ones
    /// would take it back for those, too.
    Cancelling {
        /// How many chunks have not been told.
        unaware: u32,
    },
    /// The run was cancelled after the requester of the retry had looked at it.
    Cancelled,
}

impl Obstacle {
    /// The code of the finding about it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoChunk { .. } => "run.noChunk",
            Self::NothingToRetry => "run.nothingToRetry",
            Self::Cancelling { .. } => "run.cancelling",
            Self::Cancelled => "run.cancelled",
        }
    }

    /// What is wrong, for the person who named the chunks.
    #[must_use]
    pub fn message(self, run_id: &str) -> String {
        match self {
            Self::NoChunk { index, chunks } => format!("run `{run_id}` has {chunks} chunks, and no chunk {index}"),
            Self::NothingToRetry => {
                format!("none of these chunks of run `{run_id}` ended other than verified; nothing was changed")
            }
            Self::Cancelling { unaware } => {
                format!(
                    "run `{run_id}` is cancelled, and {unaware} of its other chunks have neither ended nor learned of that yet"
                )
            }
            Self::Cancelled => {
                format!("run `{run_id}` was cancelled after this retry had been asked for; nothing was changed")
            }
        }
    }
}

/// Why a retry is not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRetry {
    /// What was asked for cannot be done: an answer for the person who asked.
    Obstacle(Obstacle),
    /// The ledger failed.
    Ledger(LedgerError),
}

impl From<Obstacle> for NoRetry {
    fn from(obstacle: Obstacle) -> Self {
        Self::Obstacle(obstacle)
    }
}

impl From<LedgerError> for NoRetry {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// The result of [`Retry::queue`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queued {
    /// How many chunks are queued again.
    pub queued: u32,
    /// How many chunks another worker has.
    pub busy: u32,
}

impl Retry {
    /// Chooses all chunks that ended other than verified, or those of them that `only` names. The retry takes back the cancellation
    /// in `row`, which is the one that its requester has seen.
    ///
    /// # Errors
    /// If these chunks cannot be tried again, or the ledger fails.
    pub async fn choose<L: Ledger>(ledger: &L, row: &RunRow, only: Option<&[u32]>) -> Result<Self, NoRetry> {
        let (run_id, chunks) = (row.order.run_id.as_str(), row.order.chunks);
        if let Some(index) = only.unwrap_or_default().iter().copied().find(|index| *index == 0 || *index > chunks) {
            return Err(Obstacle::NoChunk { index, chunks }.into());
        }
        let mut again = Self {
            chunks: Vec::new(),
            chunks_to_delete: Vec::new(),
            ended_by: Timestamp::EPOCH,
            cancel_asked: row.cancel_asked.as_ref().map(|asked| asked.at),
        };
        let (mut unaware, mut after) = (0_u32, 0);
        loop {
            let page = ledger.chunks(run_id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.index;
            for row in page {
                let (index, chunk, ended_at) = (row.index, row.run.chunk(), row.run.view().ended_at);
                let (open, cools_off) = (row.run.outcome().is_none(), row.run.cools_off());
                unaware += u32::from(open && !row.run.cancel_asked());
                let chosen = only.is_none_or(|only| only.contains(&index)) && row.run.may_be_retried();
                if chosen {
                    again.chunks.push(index);
                    again.ended_by = again.ended_by.max(ended_at.unwrap_or(again.ended_by));
                }
                if chosen || open && !cools_off {
                    again.chunks_to_delete.push(chunk);
                }
            }
        }
        if only.is_some() && again.chunks.is_empty() {
            return Err(Obstacle::NothingToRetry.into());
        }
        if only.is_some() && again.cancel_asked.is_some() && unaware > 0 {
            return Err(Obstacle::Cancelling { unaware }.into());
        }
        Ok(again)
    }

    /// Withdraws the cancellation that the requester had seen. A caller that queues the chunks one by one does this before the
    /// first. A later cancellation stands against the retry.
    ///
    /// # Errors
    /// [`Obstacle::Cancelled`] if the run has been cancelled since, or an error if the ledger fails.
    pub async fn withdraw_cancel<L: Ledger>(&self, ledger: &L, run_id: &str, now: Timestamp) -> Result<(), NoRetry> {
        let goes_on = match self.cancel_asked {
            Some(asked_at) => ledger.withdraw_cancel(run_id, asked_at, now).await?,
            None => ledger.cancel_asked(run_id).await?.is_none(),
        };
        if goes_on { Ok(()) } else { Err(Obstacle::Cancelled.into()) }
    }

    /// Withdraws the cancellation and queues the chunks again, as this person asked. If the run has been cancelled since, nothing is
    /// changed.
    ///
    /// # Errors
    /// [`Obstacle::Cancelled`] if the run has been cancelled since, or an error if the ledger fails.
    pub async fn queue<L: Ledger>(
        &self,
        ledger: &L,
        order: &Order,
        owner: &str,
        asked: &Asked,
    ) -> Result<Queued, NoRetry> {
        self.withdraw_cancel(ledger, &order.run_id, asked.at).await?;
        let mut all = Queued::default();
        all.add(ledger, order, &self.chunks, owner, asked, || asked.at).await?;
        Ok(all)
    }
}

impl Queued {
    /// Queues these chunks of a run again, as this person asked, and adds them to the counts.
    ///
    /// # Errors
    /// If the ledger fails.
    pub async fn add<L: Ledger>(
        &mut self,
        ledger: &L,
        order: &Order,
        chunks: &[u32],
        owner: &str,
        asked: &Asked,
        now: impl Fn() -> Timestamp,
    ) -> Result<(), LedgerError> {
        for index in chunks {
            match redrive(ledger, order, *index, owner, asked, now()).await? {
                Redriven::Queued => self.queued += 1,
                Redriven::Busy => self.busy += 1,
                Redriven::NotNeeded | Redriven::Absent => {}
            }
        }
        Ok(())
    }
}
