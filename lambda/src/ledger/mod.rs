//! The ledger in one DynamoDB table.
//!
//! | partition | sort | what |
//! |---|---|---|
//! | `runs` | time and run id | the list of runs |
//! | `unfinished` | run id | the runs that somebody has to look after: not ended, or not all done that follows |
//! | `firings#K` | time | which run a firing of the schedule was, for the standing request of that key |
//! | `run#R` | `run` | what the chunks of a run share; whether it is cancelled |
//! | `run#R` | `tally#N` | which chunks have ended, and when one last changed, for every N-th chunk |
//! | `run#R` | `sequence` | the position given out last |
//! | `run#R` | `gone` | the receiver of the messages that wants no more, by the digest of its address |
//! | `run#R#plan#D` | page | the windows of the chunks |
//! | `run#R#state` | chunk | the state of a chunk that has begun, its version and lease |
//! | `run#R#records` | position | the audit log |
//! | `run#R#outbox` | message id | messages; those to be sent are in the index `byDue` |
//! | `slots#T` | `slots` | who holds the job slots of a tenant |
//! | `budget#T` | `budget` | what has been sent to a tenant in the last minute, and its version |
//! | `text#H` | part | a text too long for the item that it belongs to, by its digest |
//!
//! A chunk that nobody has touched is not an item of its own: its state follows from the order and its window. So creating a run
//! of a hundred thousand chunks writes some hundreds of items. What changes with every commit (the tallies) is spread, so that
//! workers do not meet; what must be read together is under one partition, and every read is consistent.

mod budget;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
pub(crate) mod canned;
mod chunks;
mod commit;
mod error;
mod firings;
mod item;
mod keys;
mod outbox;
mod policies;
mod records;
mod runs;
mod slots;
mod text;
mod unfinished;
mod windows;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use aws_sdk_dynamodb::Client;
use purge_core::rate::RateBudget;
use purge_core::run::{InForce, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::{
    ChunkRow, Claim, Claimed, Commit, Committed, Created, Ledger, LedgerError, MessageState, NewRun, OutboxRow,
    RecordRow, RunRow, Slot, Swapped, Unfinished,
};

use crate::clients::Lazy;
use crate::store::{Firing, Store};

pub use keys::{BY_DUE, DUE, PARTITION, SORT};

/// The ledger in a DynamoDB table with the keys [`PARTITION`] and [`SORT`], both text, and the local index [`BY_DUE`] on the number
/// [`DUE`].
#[derive(Debug)]
pub struct DynamoLedger {
    client: Lazy<Client>,
    table: String,
    /// Orders never change, and every step needs one.
    orders: RefCell<BTreeMap<String, Rc<Order>>>,
}

impl DynamoLedger {
    /// The ledger in that table.
    #[must_use]
    pub fn new(client: impl Into<Lazy<Client>>, table: impl Into<String>) -> Self {
        Self { client: client.into(), table: table.into(), orders: RefCell::default() }
    }
}

impl Store for DynamoLedger {
    async fn order(&self, run_id: &str) -> Result<Option<Rc<Order>>, LedgerError> {
        let known = self.orders.borrow().get(run_id).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(head) = self.read_head(run_id).await? else { return Ok(None) };
        let order = Rc::new(self.read_order(&head).await?);
        self.orders.borrow_mut().insert(run_id.to_owned(), Rc::clone(&order));
        Ok(Some(order))
    }

    async fn fired(&self, firing: &Firing) -> Result<Option<String>, LedgerError> {
        self.read_firing(firing).await
    }

    async fn create_fired(
        &self,
        firing: &Firing,
        run: &NewRun,
        now: Timestamp,
    ) -> Result<(String, Created), LedgerError> {
        self.create_run_of(firing, run, now).await
    }

    async fn message(&self, run_id: &str, id: &str) -> Result<Option<OutboxRow>, LedgerError> {
        self.read_message(run_id, id).await
    }

    async fn stands_by(&self, run_id: &str, index: u32, at: Timestamp, message: &str) -> Result<bool, LedgerError> {
        self.note_stand_by(run_id, index, at, message).await
    }

    async fn note_gone(&self, run_id: &str, receiver: &str) -> Result<(), LedgerError> {
        self.put_gone(run_id, receiver).await
    }

    async fn gone(&self, run_id: &str) -> Result<Option<String>, LedgerError> {
        self.read_gone(run_id).await
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>, LedgerError> {
        self.list_unfinished().await
    }

    async fn unfinished_run(&self, run_id: &str) -> Result<Option<Unfinished>, LedgerError> {
        self.read_unfinished(run_id).await
    }

    async fn look_after(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        self.open_again(run_id, now).await
    }

    async fn note_woken(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        self.note_woken_at(run_id, now).await
    }

    async fn finish(&self, seen: &Unfinished) -> Result<bool, LedgerError> {
        self.take_off(seen).await
    }
}

impl Ledger for DynamoLedger {
    async fn create(&self, run: &NewRun, now: Timestamp) -> Result<Created, LedgerError> {
        self.create_run(run, now, None).await
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
        self.read_run(run_id).await
    }

    async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        self.list_runs().await
    }

    async fn ask_cancel(&self, run_id: &str, now: Timestamp) -> Result<bool, LedgerError> {
        self.note_cancel(run_id, now).await
    }

    async fn withdraw_cancel(&self, run_id: &str, asked_at: Timestamp, now: Timestamp) -> Result<bool, LedgerError> {
        self.forget_cancel(run_id, asked_at, now).await
    }

    async fn cancel_asked(&self, run_id: &str) -> Result<Option<Timestamp>, LedgerError> {
        self.read_cancel(run_id).await
    }

    async fn keep_policy(&self, run_id: &str, policy: &InForce) -> Result<(), LedgerError> {
        self.put_policy(run_id, policy).await
    }

    async fn policies(&self, run_id: &str) -> Result<Vec<String>, LedgerError> {
        self.list_policies(run_id).await
    }

    async fn chunk(&self, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
        self.read_chunk(run_id, index).await
    }

    async fn chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<ChunkRow>, LedgerError> {
        self.read_chunks(run_id, after, limit).await
    }

    async fn open_chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<u32>, LedgerError> {
        self.list_open(run_id, after, limit).await
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, LedgerError> {
        self.claim_chunk(claim).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, LedgerError> {
        self.commit_chunk(commit).await
    }

    async fn records(&self, run_id: &str, after: u64, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        self.read_records(run_id, after, limit).await
    }

    async fn take_slot(&self, slot: Slot<'_>, limit: u32) -> Result<bool, LedgerError> {
        self.take(slot, limit).await
    }

    async fn release_slot(&self, slot: Slot<'_>) -> Result<(), LedgerError> {
        self.give_back(slot).await
    }

    async fn swap_budget(&self, tenant: &str, expected: u64, budget: &RateBudget) -> Result<Swapped, LedgerError> {
        self.swap(tenant, expected, budget).await
    }

    async fn outbox(&self, run_id: &str) -> Result<Vec<OutboxRow>, LedgerError> {
        self.list_messages(run_id).await
    }

    async fn outbox_pending(&self, run_id: &str, limit: u32) -> Result<Vec<OutboxRow>, LedgerError> {
        self.list_pending(run_id, limit).await
    }

    async fn outbox_settle(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
    ) -> Result<bool, LedgerError> {
        self.settle_message(run_id, id, attempts, state).await
    }
}
