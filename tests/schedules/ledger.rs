//! A ledger whose process can die before and after every write.

use purge_core::rate::RateBudget;
use purge_core::run::{Asked, InForce};
use purge_core::time::Timestamp;
use purge_driver::ledger::{
    ChunkRow, Claim, Claimed, Commit, Committed, Created, LedgerError, MessageState, NewRun, OutboxRow, RecordRow,
    RunRow, Slot, Swapped,
};
use purge_driver::{Ledger, MemoryLedger};
use purge_tests::world::Fuse;

pub(crate) struct FusedLedger<'a> {
    pub(crate) inner: &'a MemoryLedger,
    pub(crate) fuse: &'a Fuse,
}

/// A write before and after which the process can die.
macro_rules! write {
    ($self:ident, $call:expr) => {{
        $self.fuse.point().await;
        let done = $call.await;
        $self.fuse.point().await;
        done
    }};
}

impl Ledger for FusedLedger<'_> {
    async fn create(&self, run: &NewRun, now: Timestamp) -> Result<Created, LedgerError> {
        write!(self, self.inner.create(run, now))
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
        self.inner.run(run_id).await
    }

    async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        self.inner.runs().await
    }

    async fn ask_cancel(&self, run_id: &str, asked: &Asked) -> Result<bool, LedgerError> {
        write!(self, self.inner.ask_cancel(run_id, asked))
    }

    async fn withdraw_cancel(&self, run_id: &str, asked_at: Timestamp, now: Timestamp) -> Result<bool, LedgerError> {
        write!(self, self.inner.withdraw_cancel(run_id, asked_at, now))
    }

    async fn cancel_asked(&self, run_id: &str) -> Result<Option<Asked>, LedgerError> {
        self.inner.cancel_asked(run_id).await
    }

    async fn keep_policy(&self, run_id: &str, policy: &InForce) -> Result<(), LedgerError> {
        write!(self, self.inner.keep_policy(run_id, policy))
    }

    async fn policies(&self, run_id: &str) -> Result<Vec<String>, LedgerError> {
        self.inner.policies(run_id).await
    }

    async fn chunk(&self, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
        self.inner.chunk(run_id, index).await
    }

    async fn chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<ChunkRow>, LedgerError> {
        self.inner.chunks(run_id, after, limit).await
    }

    async fn open_chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<u32>, LedgerError> {
        self.inner.open_chunks(run_id, after, limit).await
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, LedgerError> {
        write!(self, self.inner.claim(claim))
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, LedgerError> {
        write!(self, self.inner.commit(commit))
    }

    async fn records(&self, run_id: &str, after: u64, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        self.inner.records(run_id, after, limit).await
    }

    async fn take_slot(&self, slot: Slot<'_>, limit: u32) -> Result<bool, LedgerError> {
        write!(self, self.inner.take_slot(slot, limit))
    }

    async fn release_slot(&self, slot: Slot<'_>) -> Result<(), LedgerError> {
        write!(self, self.inner.release_slot(slot))
    }

    async fn swap_budget(&self, tenant: &str, expected: u64, budget: &RateBudget) -> Result<Swapped, LedgerError> {
        write!(self, self.inner.swap_budget(tenant, expected, budget))
    }

    async fn outbox(&self, run_id: &str) -> Result<Vec<OutboxRow>, LedgerError> {
        self.inner.outbox(run_id).await
    }

    async fn outbox_pending(&self, run_id: &str, limit: u32) -> Result<Vec<OutboxRow>, LedgerError> {
        self.inner.outbox_pending(run_id, limit).await
    }

    async fn outbox_settle(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
    ) -> Result<bool, LedgerError> {
        write!(self, self.inner.outbox_settle(run_id, id, attempts, state))
    }
}
