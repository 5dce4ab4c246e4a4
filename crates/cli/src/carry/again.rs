//! Another attempt at chunks that did not end well, under the same approval.

use purge_core::run::Outcome;
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::{Clock, Redriven, SystemClock, redrive};

use super::lock::RunLock;
use super::stored;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// Queues the chunks again, those of the list or all that did not end verified, and forgets that somebody wanted the run
/// cancelled. The lock says that nobody carries the run out meanwhile.
pub(crate) async fn queue_again(
    ledger: &SqliteLedger,
    row: &RunRow,
    only: &[u32],
    _lock: &RunLock,
) -> Result<(), Failure> {
    let run_id = row.order.run_id.as_str();
    if let Some(beyond) = only.iter().find(|index| **index == 0 || **index > row.order.chunks) {
        let message = format!("run `{run_id}` has {} chunks, and no chunk {beyond}", row.order.chunks);
        return Err(Failure::new(Exit::BadInput, "run.noChunk", "--chunk", message, ""));
    }
    let now = SystemClock.now();
    ledger.withdraw_cancel(run_id, now).await.map_err(stored::failed)?;
    for chunk in stored::chunks(ledger, run_id).await? {
        let index = chunk.chunk().index;
        let ended_badly = chunk.outcome().is_some_and(|outcome| outcome != Outcome::Verified);
        if !ended_badly || !(only.is_empty() || only.contains(&index)) {
            continue;
        }
        // Whoever had the chunk is gone, for the run's lock is ours; a lease that is left over runs out within a minute.
        match redrive(ledger, run_id, index, "retry", now).await.map_err(stored::failed)? {
            Redriven::Queued | Redriven::NotNeeded => {}
            Redriven::Busy | Redriven::Absent => return Err(under_way(run_id)),
        }
    }
    Ok(())
}

/// Somebody else carries the run out.
pub(crate) fn under_way(run_id: &str) -> Failure {
    Failure::new(
        Exit::Temporary,
        "run.underWay",
        "",
        format!("another process carries out run `{run_id}`"),
        "wait for it, or stop it with `genesys-purge cancel`",
    )
}
