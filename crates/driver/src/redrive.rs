//! Queues another attempt at one chunk that did not end well.

use purge_core::run::{Asked, Context, Order, Pace};
use purge_core::time::Timestamp;

use crate::ledger::{Claim, Claimed, Commit, Committed, Lease, Ledger, LedgerError};
use crate::worker::LEASE;

/// The result of [`redrive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redriven {
    /// The chunk is queued again, under the same approved plan.
    Queued,
    /// There is nothing to retry: the chunk has not ended, or it is verified.
    NotNeeded,
    /// Another worker has the chunk.
    Busy,
    /// The ledger has no such chunk.
    Absent,
}

/// Queues a chunk again if it ended other than verified, and records who asked for that. The cancellation of a cancelled run must be
/// withdrawn first.
///
/// # Errors
/// If the ledger fails.
pub async fn redrive<L: Ledger>(
    ledger: &L,
    order: &Order,
    index: u32,
    owner: &str,
    asked: &Asked,
    now: Timestamp,
) -> Result<Redriven, LedgerError> {
    let run_id = order.run_id.as_str();
    let lease = Lease { owner: owner.to_owned(), until: now.plus(LEASE) };
    let row = match ledger.claim(Claim { run_id, index, lease, now, take_over: false }).await? {
        Claimed::Granted(row) => row,
        Claimed::Busy { .. } => return Ok(Redriven::Busy),
        Claimed::Absent => return Ok(Redriven::Absent),
    };
    let version = row.version;
    let queued = row.run.clone().retried(Context { order, pace: Pace::default(), now }, asked);
    let needed = queued.is_some();
    let (run, records) = queued.unwrap_or_else(|| (row.run, Vec::new()));
    let change = Commit { records: &records, ..Commit::of(run_id, version, &run, now) };
    Ok(match ledger.commit(change).await? {
        Committed::Lost => Redriven::Busy,
        Committed::Version(_) if needed => Redriven::Queued,
        Committed::Version(_) => Redriven::NotNeeded,
    })
}
