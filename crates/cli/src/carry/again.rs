//! Another attempt at chunks that did not end well, under the same approval.

use std::path::Path;

use purge_core::chunk::Chunk;
use purge_core::finding::stops;
use purge_core::plan::{self, CheckContext};
use purge_core::run::{ChunkRun, Outcome};
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::{Clock, Redriven, SystemClock, redrive};

use super::lock::RunLock;
use super::stored;
use crate::documents::{Names, read_text};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// Queues the chunks again, those of the list or all that did not end verified, and forgets that somebody wanted the run
/// cancelled. The lock says that nobody carries the run out meanwhile.
pub(crate) async fn queue_again(
    ledger: &SqliteLedger,
    row: &RunRow,
    only: &[u32],
    policy: Option<&Path>,
    _lock: &RunLock,
) -> Result<(), Failure> {
    let run_id = row.order.run_id.as_str();
    if let Some(beyond) = only.iter().find(|index| **index == 0 || **index > row.order.chunks) {
        let message = format!("run `{run_id}` has {} chunks, and no chunk {beyond}", row.order.chunks);
        return Err(Failure::new(Exit::BadInput, "run.noChunk", "--chunk", message, ""));
    }
    let now = SystemClock.now();
    let chunks = stored::chunks(ledger, run_id).await?;
    let named = |chunk: &ChunkRun| only.is_empty() || only.contains(&chunk.chunk().index);
    let ended_badly = |chunk: &ChunkRun| chunk.outcome().is_some_and(|outcome| outcome != Outcome::Verified);
    let again: Vec<u32> =
        chunks.iter().filter(|chunk| named(chunk) && ended_badly(chunk)).map(|chunk| chunk.chunk().index).collect();
    let cancelled = ledger.cancel_asked(run_id).await.map_err(stored::failed)?;
    if !only.is_empty() {
        one_by_one(run_id, &chunks, &again, cancelled)?;
    }
    if let Some(policy) = policy {
        let ahead = chunks.iter().filter(|chunk| chunk.outcome().is_none() || again.contains(&chunk.chunk().index));
        may_still(row, &ahead.map(ChunkRun::chunk).collect::<Vec<_>>(), policy)?;
    }
    if cancelled {
        ledger.withdraw_cancel(run_id, now).await.map_err(stored::failed)?;
    }
    for index in again {
        // Whoever had the chunk is gone, for the run's lock is ours; a lease that is left over runs out within a minute.
        match redrive(ledger, run_id, index, "retry", now).await.map_err(stored::failed)? {
            Redriven::Queued | Redriven::NotNeeded => {}
            Redriven::Busy | Redriven::Absent => return Err(under_way(run_id)),
        }
    }
    Ok(())
}

/// Whether some chunks can be tried again without the others: there are such, and to take a cancellation back for them takes it
/// back for none that has not heard of it.
fn one_by_one(run_id: &str, chunks: &[ChunkRun], again: &[u32], cancelled: bool) -> Result<(), Failure> {
    if again.is_empty() {
        let message = format!("none of these chunks of run `{run_id}` ended other than verified; nothing was changed");
        let help = "`genesys-purge status` shows how each chunk stands";
        return Err(Failure::new(Exit::BadInput, "run.nothingToRetry", "--chunk", message, help));
    }
    let unaware = chunks.iter().filter(|chunk| chunk.outcome().is_none() && !chunk.cancel_asked()).count();
    if cancelled && unaware > 0 {
        let message =
            format!("run `{run_id}` is cancelled, and {unaware} chunks that were not named have yet to end for it");
        let help = "give the run's command again, which ends them, and then retry these chunks; or leave `--chunk` away to go on with all";
        return Err(Failure::new(Exit::BadInput, "run.cancelling", "--chunk", message, help));
    }
    Ok(())
}

/// Refuses if the policy that applies now keeps what these chunks would delete.
fn may_still(row: &RunRow, ahead: &[Chunk], policy: &Path) -> Result<(), Failure> {
    let now = SystemClock.now();
    let plan = stored::reopen(row, now)?;
    let context = CheckContext { now, tenant_jurisdiction: None, default_jurisdiction: None };
    let against = plan::since(&plan, ahead, &read_text(policy)?, &context);
    if !stops(&against) {
        return Ok(());
    }
    let names = Names { request: row.order.run_id.clone(), policy: Some(policy.display().to_string()) };
    Err(Failure::of_findings(against.iter().map(|finding| names.locate(finding)).collect()))
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
