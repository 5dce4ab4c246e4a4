//! Queues another attempt at one chunk that did not end well.

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

/// Queues a chunk again if it ended other than verified. The cancellation of a cancelled run must be withdrawn first.
///
/// # Errors
/// If the ledger fails.
pub async fn redrive<L: Ledger>(
    ledger: &L,
    run_id: &str,
    index: u32,
    owner: &str,
    now: Timestamp,
) -> Result<Redriven, LedgerError> {
    let lease = Lease { owner: owner.to_owned(), until: now.plus(LEASE) };
    let row = match ledger.claim(Claim { run_id, index, lease, now, take_over: false }).await? {
        Claimed::Granted(row) => row,
        Claimed::Busy { .. } => return Ok(Redriven::Busy),
        Claimed::Absent => return Ok(Redriven::Absent),
    };
    let queued = row.run.clone().retried();
    let committed = ledger.commit(Commit::of(run_id, row.version, queued.as_ref().unwrap_or(&row.run), now)).await?;
    Ok(match (committed, queued) {
        (Committed::Lost, _) => Redriven::Busy,
        (Committed::Version(_), Some(_)) => Redriven::Queued,
        (Committed::Version(_), None) => Redriven::NotNeeded,
    })
}
