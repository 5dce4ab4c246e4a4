//! Another attempt at a chunk that did not end well.

use purge_core::time::Timestamp;

use crate::ledger::{Claim, Claimed, Commit, Committed, Lease, Ledger, LedgerError};
use crate::worker::LEASE;

/// What came of [`redrive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redriven {
    /// The chunk is queued again, under the same approved plan.
    Queued,
    /// There is nothing to try again: it goes on, or it is verified.
    NotNeeded,
    /// Somebody else works on it.
    Busy,
    /// The ledger has no such chunk.
    Absent,
}

/// Queues a chunk again that ended other than verified. A cancelled run must have its cancellation withdrawn first.
///
/// # Errors
/// When the ledger fails.
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
    let committed = ledger
        .commit(Commit {
            run_id,
            index,
            expected_version: row.version,
            run: queued.as_ref().unwrap_or(&row.run),
            records: &[],
            outbox: &[],
            lease: None,
            release_slot: None,
            now,
        })
        .await?;
    Ok(match (committed, queued) {
        (Committed::Lost, _) => Redriven::Busy,
        (Committed::Version(_), Some(_)) => Redriven::Queued,
        (Committed::Version(_), None) => Redriven::NotNeeded,
    })
}
