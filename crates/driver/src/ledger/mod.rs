//! The ledger port: the durable, conditional store of runs, chunk runs, audit records, job slots, request budgets and outgoing
//! messages.
//!
//! Every write is all or nothing, and durable when the call returns. A worker that changes a chunk must hold the version that it
//! read. Every claim gives a new version, so that an earlier holder can no longer commit. All implementations pass the same
//! conformance suite.

pub mod conformance;
mod memory;

use std::future::Future;

use purge_core::audit::AuditRecord;
use purge_core::rate::RateBudget;
use purge_core::run::{Asked, ChunkRun, InForce, Order};
use purge_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use memory::MemoryLedger;
pub use purge_core::webhook::{MessageState, OutboxRow};

/// Why the ledger cannot answer. The messages name what and where, for the person who has to repair it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The ledger cannot be reached or written now. Nothing is known to be wrong with its contents.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
    /// The ledger refuses the operation and always will, until a person changes something.
    #[error("the ledger refuses this: {0}")]
    Refused(String),
    /// The ledger contains something that this program cannot read.
    #[error("the ledger holds something unreadable: {0}")]
    Corrupt(String),
    /// The ledger contains something else under the same name.
    #[error("the ledger contradicts this run: {0}")]
    Conflict(String),
}

/// A run to be created with all its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// What all its chunks share.
    pub order: Order,
    /// The plan file that the run was approved from, as text. The ledger does not look inside.
    pub plan_file: String,
    /// All chunks, queued, in order of their index.
    pub chunks: Vec<ChunkRun>,
}

/// Whether [`Ledger::create`] made a run or found one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The run is new.
    New,
    /// The same run was there already. Nothing was changed.
    Existing,
}

/// A run as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// What all its chunks share.
    pub order: Order,
    /// The plan file that the run was approved from.
    pub plan_file: String,
    /// How many chunks have not ended.
    pub open: u32,
    /// Who last asked to cancel the run, and when; `None` if no cancellation stands.
    pub cancel_asked: Option<Asked>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When one of its chunks last changed. Some ledgers also count a cancel that was asked for or withdrawn.
    pub updated_at: Timestamp,
}

/// A run that needs looking after: some of its chunks are open, or not all that follows the end of a run has been done. Only
/// ledgers whose runs no single process carries out keep these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Which run.
    pub run_id: String,
    /// When the run was created, or when one of its chunks was last queued again.
    pub since: Timestamp,
    /// How often that has happened. Together with `since` it shows whether the run has been opened again since an earlier look.
    pub opened: u64,
    /// When stalled chunks of the run were last woken.
    pub woken: Option<Timestamp>,
}

impl Unfinished {
    /// Whether the run has not been opened again between the two looks.
    #[must_use]
    pub fn is_still(&self, seen: &Self) -> bool {
        (&self.run_id, self.since, self.opened) == (&seen.run_id, seen.since, seen.opened)
    }
}

/// The right to work on a chunk for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The worker that has the chunk.
    pub owner: String,
    /// From this time on, any other worker may take over.
    pub until: Timestamp,
}

/// A chunk as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkRow {
    /// From 1.
    pub index: u32,
    /// Its state.
    pub run: ChunkRun,
    /// Grows with every claim and every commit.
    pub version: u64,
    /// The current lease, if any.
    pub lease: Option<Lease>,
}

/// A request for the right to work on a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Which run.
    pub run_id: &'a str,
    /// Which chunk.
    pub index: u32,
    /// The lease to write: for whom, and until when.
    pub lease: Lease,
    /// The time now. A lease that ends now or earlier is over.
    pub now: Timestamp,
    /// Whether to ignore a lease of another owner that is not over. For callers that know the owner to be gone.
    pub take_over: bool,
}

/// The answer to a [`Claim`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The claim succeeded. The chunk is in this state, under a new version.
    Granted(Box<ChunkRow>),
    /// Another worker has the chunk.
    Busy {
        /// When its lease ends, unless the worker renews it.
        until: Timestamp,
    },
    /// There is no such chunk.
    Absent,
}

/// One change of one chunk, with everything that must become durable together with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit<'a> {
    /// Which run.
    pub run_id: &'a str,
    /// Which chunk.
    pub index: u32,
    /// The version that the change was made from.
    pub expected_version: u64,
    /// The new state.
    pub run: &'a ChunkRun,
    /// Records to append to the audit log.
    pub records: &'a [AuditRecord],
    /// Messages to put into the outbox.
    pub outbox: &'a [OutboxMessage],
    /// The lease from now on; `None` releases the chunk.
    pub lease: Option<Lease>,
    /// A job slot to release.
    pub release_slot: Option<Slot<'a>>,
    /// The time now.
    pub now: Timestamp,
}

impl<'a> Commit<'a> {
    /// A commit of a chunk's state alone, made from that version: no records, no messages, no lease, no slot to release.
    #[must_use]
    pub fn of(run_id: &'a str, expected_version: u64, run: &'a ChunkRun, now: Timestamp) -> Self {
        let index = run.chunk().index;
        Self { run_id, index, expected_version, run, records: &[], outbox: &[], lease: None, release_slot: None, now }
    }

    /// Whether the commit queues the chunk: it has not ended, does not wait, and has no lease, so that any worker may take it up.
    /// This is how a chunk that had ended is opened again.
    #[must_use]
    pub fn queues(&self) -> bool {
        self.lease.is_none() && self.run.outcome().is_none() && self.run.due().is_none()
    }
}

/// The answer to a [`Commit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The commit was written, under this version.
    Version(u64),
    /// The chunk has been changed since. Nothing was written.
    Lost,
}

/// One of a tenant's job slots, and its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot<'a> {
    /// [`Order::tenant`]: slots are counted over all runs of an organisation that use the same OAuth client.
    pub tenant: &'a str,
    /// Names the chunk uniquely among the chunks of all runs.
    pub holder: &'a str,
}

/// The request budget of a tenant as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBudget {
    /// Grows with every change; 0 if the ledger has no budget.
    pub version: u64,
    /// What has been spent, and until when nothing may leave.
    pub budget: RateBudget,
}

/// The answer to [`Ledger::swap_budget`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The budget was written, under this version.
    Version(u64),
    /// The budget has been changed since, and this is the new one. Nothing was written.
    Behind(StoredBudget),
}

/// One record of the audit log, and its place in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// Grows with every appended record, possibly with gaps.
    pub position: u64,
    /// The record.
    pub record: AuditRecord,
}

/// A message that must be sent at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboxMessage {
    /// The same in every attempt, so that the receiver can tell repeats.
    pub id: String,
    /// The body, exactly as it is sent and signed.
    pub body: String,
    /// When to send it for the first time.
    pub due: Timestamp,
}

/// The durable store. All methods are safe to call from several processes at once.
///
/// # Errors
/// Every method returns [`LedgerError::Unavailable`] if the store does not answer, [`LedgerError::Corrupt`] if it contains
/// something unreadable and [`LedgerError::Refused`] if it will never do what is asked. [`LedgerError::Conflict`] is named where it
/// occurs.
pub trait Ledger {
    /// Creates a run with all its chunks, unless there is already one of that id.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] if the existing run has another plan digest.
    fn create(&self, run: &NewRun, now: Timestamp) -> impl Future<Output = Result<Created, LedgerError>>;

    /// One run.
    fn run(&self, run_id: &str) -> impl Future<Output = Result<Option<RunRow>, LedgerError>>;

    /// All runs, newest first.
    fn runs(&self) -> impl Future<Output = Result<Vec<RunRow>, LedgerError>>;

    /// Notes a request to cancel the run; the latest one counts. `false` if there is no such run.
    fn ask_cancel(&self, run_id: &str, asked: &Asked) -> impl Future<Output = Result<bool, LedgerError>>;

    /// Withdraws the cancellation that was requested at `asked_at`, so that the run's chunks can be retried. A later request
    /// stands. Returns whether no cancellation stands now; `false` also if there is no such run.
    fn withdraw_cancel(
        &self,
        run_id: &str,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, LedgerError>>;

    /// Who last asked to cancel the run, and when; `None` if no cancellation stands. Called before every step, so it must be cheap.
    fn cancel_asked(&self, run_id: &str) -> impl Future<Output = Result<Option<Asked>, LedgerError>>;

    /// Keeps the text of a policy that is asked about a deletion of that run, under its digest: records name it by that digest, and
    /// the evidence contains the text. A policy that is already kept stays as it is.
    fn keep_policy(&self, run_id: &str, policy: &InForce) -> impl Future<Output = Result<(), LedgerError>>;

    /// The texts of all policies kept for a run, ordered by digest.
    fn policies(&self, run_id: &str) -> impl Future<Output = Result<Vec<String>, LedgerError>>;

    /// One chunk.
    fn chunk(&self, run_id: &str, index: u32) -> impl Future<Output = Result<Option<ChunkRow>, LedgerError>>;

    /// At most `limit` chunks with an index above `after`, in order of index.
    fn chunks(&self, run_id: &str, after: u32, limit: u32) -> impl Future<Output = Result<Vec<ChunkRow>, LedgerError>>;

    /// The indexes of at most `limit` open chunks above `after`, in order.
    fn open_chunks(&self, run_id: &str, after: u32, limit: u32) -> impl Future<Output = Result<Vec<u32>, LedgerError>>;

    /// Takes the right to work on a chunk if no other worker has it. The same owner may claim it again.
    fn claim(&self, claim: Claim<'_>) -> impl Future<Output = Result<Claimed, LedgerError>>;

    /// Writes one change of one chunk and everything that belongs to it, or nothing. A message whose id is already in the outbox is
    /// not added again.
    fn commit(&self, commit: Commit<'_>) -> impl Future<Output = Result<Committed, LedgerError>>;

    /// At most `limit` records of a run after a position, in the order in which they were appended.
    fn records(
        &self,
        run_id: &str,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<RecordRow>, LedgerError>>;

    /// Takes one of the tenant's `limit` slots. `true` if the holder has one now, even if it had it before.
    fn take_slot(&self, slot: Slot<'_>, limit: u32) -> impl Future<Output = Result<bool, LedgerError>>;

    /// Releases a slot. Releasing a slot that is not held changes nothing.
    fn release_slot(&self, slot: Slot<'_>) -> impl Future<Output = Result<(), LedgerError>>;

    /// Replaces a tenant's request budget if its version is still `expected`, the one that the new budget was made from; 0 if there
    /// was none.
    fn swap_budget(
        &self,
        tenant: &str,
        expected: u64,
        budget: &RateBudget,
    ) -> impl Future<Output = Result<Swapped, LedgerError>>;

    /// All messages of a run, in the order in which they were added.
    fn outbox(&self, run_id: &str) -> impl Future<Output = Result<Vec<OutboxRow>, LedgerError>>;

    /// At most `limit` messages of a run that are still to be sent, ordered by when they are due.
    fn outbox_pending(&self, run_id: &str, limit: u32) -> impl Future<Output = Result<Vec<OutboxRow>, LedgerError>>;

    /// Notes an attempt at a message and its result, if exactly `attempts` attempts were noted before. Otherwise another process
    /// was quicker: nothing is written, and the result is `false`.
    fn outbox_settle(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
    ) -> impl Future<Output = Result<bool, LedgerError>>;
}
