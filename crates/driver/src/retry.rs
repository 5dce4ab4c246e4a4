//! Another attempt at chunks of a run: at which ones, and what stands against it. One rule for the command line, the page and the
//! planner.

use purge_core::chunk::Chunk;
use purge_core::time::Timestamp;

use crate::ledger::{Ledger, LedgerError, RunRow};
use crate::redrive::{Redriven, redrive};

/// Chunks read at a time.
const PAGE: u32 = 1_000;

/// What a retry would touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Positions of the chunks that are queued again: they ended other than verified.
    pub chunks: Vec<u32>,
    /// What is deleted from then on: those, and whatever has not ended. Of recordings in their cool-off the deletion has been sent:
    /// whoever goes on with them is told what stands against it by now.
    pub ahead: Vec<Chunk>,
    /// When the last of the chunks that are queued again had ended: whatever ends later has been tried again already.
    pub ended_by: Timestamp,
    /// The cancellation that is taken back.
    cancel_asked: Option<Timestamp>,
}

/// Why these chunks cannot be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The run has no such chunk.
    NoChunk {
        /// The position that was named.
        index: u32,
        /// How many there are.
        chunks: u32,
    },
    /// None of those that were named ended other than verified.
    NothingToRetry,
    /// The run is cancelled, and others have not heard of it: to take it back for some would take it back for them.
    Cancelling {
        /// How many have not.
        unaware: u32,
    },
    /// Somebody has cancelled the run after whoever wants the retry had looked at it.
    Cancelled,
}

impl Obstacle {
    /// The code of its finding.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoChunk { .. } => "run.noChunk",
            Self::NothingToRetry => "run.nothingToRetry",
            Self::Cancelling { .. } => "run.cancelling",
            Self::Cancelled => "run.cancelled",
        }
    }

    /// What is wrong, for whoever named the chunks.
    #[must_use]
    pub fn message(self, run_id: &str) -> String {
        match self {
            Self::NoChunk { index, chunks } => format!("run `{run_id}` has {chunks} chunks, and no chunk {index}"),
            Self::NothingToRetry => {
                format!("none of these chunks of run `{run_id}` ended other than verified; nothing was changed")
            }
            Self::Cancelling { unaware } => {
                format!("run `{run_id}` is cancelled, and {unaware} chunks that were not named have yet to end for it")
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

/// What came of [`Retry::queue`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queued {
    /// Chunks that are queued again.
    pub queued: u32,
    /// Chunks that somebody else works on.
    pub busy: u32,
}

impl Retry {
    /// All chunks that ended other than verified, or those of them that are named. What is taken back is the cancellation that is in
    /// `row`, as whoever asks has seen it.
    ///
    /// # Errors
    /// When these chunks cannot be tried again, or the ledger fails.
    pub async fn choose<L: Ledger>(ledger: &L, row: &RunRow, only: Option<&[u32]>) -> Result<Self, NoRetry> {
        let (run_id, chunks) = (row.order.run_id.as_str(), row.order.chunks);
        if let Some(index) = only.unwrap_or_default().iter().copied().find(|index| *index == 0 || *index > chunks) {
            return Err(Obstacle::NoChunk { index, chunks }.into());
        }
        let mut again =
            Self { chunks: Vec::new(), ahead: Vec::new(), ended_by: Timestamp::EPOCH, cancel_asked: row.cancel_asked };
        let (mut unaware, mut after) = (0_u32, 0);
        loop {
            let page = ledger.chunks(run_id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.index;
            for row in page {
                let (index, chunk, ended_at) = (row.index, row.run.chunk(), row.run.view().ended_at);
                let (open, cools_off) = (row.run.outcome().is_none(), row.run.cools_off());
                unaware += u32::from(open && !row.run.cancel_asked());
                let chosen = only.is_none_or(|only| only.contains(&index)) && row.run.retried().is_some();
                if chosen {
                    again.chunks.push(index);
                    again.ended_by = again.ended_by.max(ended_at.unwrap_or(again.ended_by));
                }
                if chosen || open && !cools_off {
                    again.ahead.push(chunk);
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

    /// Forgets that somebody wanted the run cancelled: for whoever queues the chunks one by one, before the first. Whoever has wanted
    /// it since wants nothing of this retry.
    ///
    /// # Errors
    /// [`Obstacle::Cancelled`] when the run has been cancelled since, or when the ledger fails.
    pub async fn take_back<L: Ledger>(&self, ledger: &L, run_id: &str, now: Timestamp) -> Result<(), NoRetry> {
        let goes_on = match self.cancel_asked {
            Some(asked_at) => ledger.withdraw_cancel(run_id, asked_at, now).await?,
            None => ledger.cancel_asked(run_id).await?.is_none(),
        };
        if goes_on { Ok(()) } else { Err(Obstacle::Cancelled.into()) }
    }

    /// Queues the chunks again, and forgets that somebody wanted the run cancelled; nothing of it if somebody has wanted it since.
    ///
    /// # Errors
    /// [`Obstacle::Cancelled`] when the run has been cancelled since, or when the ledger fails.
    pub async fn queue<L: Ledger>(
        &self,
        ledger: &L,
        run_id: &str,
        owner: &str,
        now: Timestamp,
    ) -> Result<Queued, NoRetry> {
        self.take_back(ledger, run_id, now).await?;
        let mut all = Queued::default();
        all.add(ledger, run_id, &self.chunks, owner, || now).await?;
        Ok(all)
    }
}

impl Queued {
    /// Queues these chunks of a run again, too.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn add<L: Ledger>(
        &mut self,
        ledger: &L,
        run_id: &str,
        chunks: &[u32],
        owner: &str,
        now: impl Fn() -> Timestamp,
    ) -> Result<(), LedgerError> {
        for index in chunks {
            match redrive(ledger, run_id, *index, owner, now()).await? {
                Redriven::Queued => self.queued += 1,
                Redriven::Busy => self.busy += 1,
                Redriven::NotNeeded | Redriven::Absent => {}
            }
        }
        Ok(())
    }
}
