//! The ledger: the durable, conditional store of runs, chunk runs, audit records, job slots, request budgets and messages to
//! send.
//!
//! Every write is all or nothing, and durable when the call returns. Whoever changes a chunk must hold the version that it read:
//! a claim gives a new version, so that whoever had it before can no longer commit. Implementations pass the same conformance
//! suite.

pub mod conformance;
mod memory;

use std::future::Future;

use purge_core::audit::AuditRecord;
use purge_core::rate::RateBudget;
use purge_core::run::{ChunkRun, InForce, Order};
use purge_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use memory::MemoryLedger;
pub use purge_core::webhook::{MessageState, OutboxRow};

/// Why the ledger cannot answer. The texts name what and where, for the person who has to repair it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be reached or written now; nothing is known to be wrong with what it holds.
    #[error("the ledger is not available: {0}")]
    Unavailable(String),
    /// It refuses this, whenever it is asked: only a person will change that.
    #[error("the ledger refuses this: {0}")]
    Refused(String),
    /// It holds something that this program cannot read.
    #[error("the ledger holds something unreadable: {0}")]
    Corrupt(String),
    /// It holds something else under the same name.
    #[error("the ledger contradicts this run: {0}")]
    Conflict(String),
}

/// A run to be created, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// What all its chunks share.
    pub order: Order,
    /// The plan file that it was approved from, as text; the ledger does not look inside.
    pub plan_file: String,
    /// Its chunks, queued, in the order of their index.
    pub chunks: Vec<ChunkRun>,
}

/// Whether creating made a run or found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New,
    /// The same run was there already; nothing was changed.
    Existing,
}

/// A run as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// What all its chunks share.
    pub order: Order,
    /// The plan file that it was approved from.
    pub plan_file: String,
    /// Chunks that have not ended.
    pub open: u32,
    /// When somebody last asked to cancel it.
    pub cancel_asked: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When one of its chunks last changed.
    pub updated_at: Timestamp,
}

/// A run that somebody has to look after: chunks of it are open, or what follows the end of a run has not all been done. Kept by
/// ledgers whose runs are carried out by nobody in particular.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Which run.
    pub run_id: String,
    /// When it was created, or when one of its chunks was last queued again.
    pub since: Timestamp,
    /// How often that has happened; together with `since` it says whether the run is still as it was when somebody looked.
    pub opened: u64,
    /// When somebody last set going what had stood still.
    pub woken: Option<Timestamp>,
}

impl Unfinished {
    /// Whether nobody opened the run between the two looks at it.
    #[must_use]
    pub fn is_still(&self, seen: &Self) -> bool {
        (&self.run_id, self.since, self.opened) == (&seen.run_id, seen.since, seen.opened)
    }
}

/// The right to work on a chunk, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Who works on it.
    pub owner: String,
    /// After this time, anybody may take over.
    pub until: Timestamp,
}

/// A chunk as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkRow {
    /// From 1.
    pub index: u32,
    /// Its state.
    pub run: ChunkRun,
    /// Grows with every claim and commit.
    pub version: u64,
    /// Who works on it.
    pub lease: Option<Lease>,
}

/// Asks for the right to work on a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Which run.
    pub run_id: &'a str,
    /// Which chunk.
    pub index: u32,
    /// For whom and how long.
    pub lease: Lease,
    /// The time: a lease until then or earlier is over.
    pub now: Timestamp,
    /// Whether to take it although somebody else's lease is not over: for a caller who knows that they are gone.
    pub take_over: bool,
}

/// The answer to a [`Claim`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is yours, in this state, under a new version.
    Granted(Box<ChunkRow>),
    /// Somebody else works on it.
    Busy {
        /// Until when at most, if they do not renew.
        until: Timestamp,
    },
    /// There is no such chunk.
    Absent,
}

/// One change of one chunk with everything that must become durable together with it.
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
    /// What to append to the audit log.
    pub records: &'a [AuditRecord],
    /// Messages to send.
    pub outbox: &'a [OutboxMessage],
    /// The lease from now on; `None` lets it go.
    pub lease: Option<Lease>,
    /// A job slot to give back.
    pub release_slot: Option<Slot<'a>>,
    /// The time.
    pub now: Timestamp,
}

impl Commit<'_> {
    /// Whether it leaves the chunk to whoever is woken first: it is queued, and nobody has it. So a chunk that had ended is open again.
    #[must_use]
    pub fn queues(&self) -> bool {
        self.lease.is_none() && self.run.outcome().is_none() && self.run.due().is_none()
    }
}

/// The answer to a [`Commit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Done, under this version.
    Version(u64),
    /// Somebody else has changed the chunk since; nothing was written.
    Lost,
}

/// One of a tenant's job slots and who holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot<'a> {
    /// [`Order::tenant`]: slots are counted over all runs of an organisation that use the same OAuth client.
    pub tenant: &'a str,
    /// Identifies the chunk among all runs.
    pub holder: &'a str,
}

/// The request budget of a tenant as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBudget {
    /// Grows with every change; 0 while there is none.
    pub version: u64,
    /// What has been spent, and until when nothing may leave.
    pub budget: RateBudget,
}

/// The answer to [`Ledger::swap_budget`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// Done, under this version.
    Version(u64),
    /// Somebody else was quicker: this is the budget now. Nothing was written.
    Behind(StoredBudget),
}

/// One line of the audit log, where it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// Grows with every appended record; need not be without gaps.
    pub position: u64,
    /// The record.
    pub record: AuditRecord,
}

/// A message that must be sent at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboxMessage {
    /// The same over all attempts; the receiver tells repeats by it.
    pub id: String,
    /// The body, exactly as it is sent and signed.
    pub body: String,
    /// When to send it first.
    pub due: Timestamp,
}

/// The durable store. All methods are safe to call from several processes at once.
///
/// # Errors
/// Every method gives [`LedgerError::Unavailable`] when the store does not answer and [`LedgerError::Corrupt`] when it holds
/// something unreadable; [`LedgerError::Refused`] when it will never do it; [`LedgerError::Conflict`] where said.
pub trait Ledger {
    /// Creates a run with all its chunks, unless there is one of that id.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] when the run of that id has another plan digest.
    fn create(&self, run: &NewRun, now: Timestamp) -> impl Future<Output = Result<Created, LedgerError>>;

    /// One run.
    fn run(&self, run_id: &str) -> impl Future<Output = Result<Option<RunRow>, LedgerError>>;

    /// All runs, the youngest first.
    fn runs(&self) -> impl Future<Output = Result<Vec<RunRow>, LedgerError>>;

    /// Notes that somebody wants the run cancelled; the last time counts. `false` when there is no such run.
    fn ask_cancel(&self, run_id: &str, now: Timestamp) -> impl Future<Output = Result<bool, LedgerError>>;

    /// Forgets that somebody wanted the run cancelled at that time, so that its chunks can be tried again; if somebody has wanted it
    /// at another time since, that stands. Whether nobody wants it now; `false` when there is no such run, too.
    fn withdraw_cancel(
        &self,
        run_id: &str,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, LedgerError>>;

    /// When somebody last asked to cancel the run; `None` when nobody wants it cancelled. Asked before every step, so it must be cheap.
    fn cancel_asked(&self, run_id: &str) -> impl Future<Output = Result<Option<Timestamp>, LedgerError>>;

    /// Keeps a policy that is asked about a deletion of that run, by its digest: records name it by that, and evidence has its text.
    /// One that is kept already stays as it is.
    fn keep_policy(&self, run_id: &str, policy: &InForce) -> impl Future<Output = Result<(), LedgerError>>;

    /// The texts of all policies that were kept for a run, in the order of their digests.
    fn policies(&self, run_id: &str) -> impl Future<Output = Result<Vec<String>, LedgerError>>;

    /// One chunk.
    fn chunk(&self, run_id: &str, index: u32) -> impl Future<Output = Result<Option<ChunkRow>, LedgerError>>;

    /// At most `limit` chunks with an index above `after`, in order.
    fn chunks(&self, run_id: &str, after: u32, limit: u32) -> impl Future<Output = Result<Vec<ChunkRow>, LedgerError>>;

    /// The indexes of at most `limit` chunks above `after` that have not ended, in order.
    fn open_chunks(&self, run_id: &str, after: u32, limit: u32) -> impl Future<Output = Result<Vec<u32>, LedgerError>>;

    /// Takes the right to work on a chunk if nobody else has it. The same owner may claim again.
    fn claim(&self, claim: Claim<'_>) -> impl Future<Output = Result<Claimed, LedgerError>>;

    /// Writes one change of one chunk and everything that goes with it, or nothing. A message whose id the outbox already has is
    /// not put in again.
    fn commit(&self, commit: Commit<'_>) -> impl Future<Output = Result<Committed, LedgerError>>;

    /// At most `limit` records of a run above a position, in the order in which they were appended.
    fn records(
        &self,
        run_id: &str,
        after: u64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<RecordRow>, LedgerError>>;

    /// Takes one of the tenant's `limit` slots. `true` when the holder has one now, also when it had it before.
    fn take_slot(&self, slot: Slot<'_>, limit: u32) -> impl Future<Output = Result<bool, LedgerError>>;

    /// Gives a slot back. Giving back what is not held changes nothing.
    fn release_slot(&self, slot: Slot<'_>) -> impl Future<Output = Result<(), LedgerError>>;

    /// Replaces a tenant's request budget, if it still has the version that the new one was made from; 0 when there was none.
    fn swap_budget(
        &self,
        tenant: &str,
        expected: u64,
        budget: &RateBudget,
    ) -> impl Future<Output = Result<Swapped, LedgerError>>;

    /// All messages of a run, in the order in which they were put in.
    fn outbox(&self, run_id: &str) -> impl Future<Output = Result<Vec<OutboxRow>, LedgerError>>;

    /// At most `limit` messages of a run that are still to be sent, ordered by when they are due.
    fn outbox_pending(&self, run_id: &str, limit: u32) -> impl Future<Output = Result<Vec<OutboxRow>, LedgerError>>;

    /// Notes an attempt at a message and what came of it. `false`, and nothing written, unless exactly `attempts` attempts had
    /// been noted before: another process was quicker.
    fn outbox_settle(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
    ) -> impl Future<Output = Result<bool, LedgerError>>;
}
