//! Watches a run that another process carries out, and takes over if that process dies.

use std::path::Path;
use std::time::Duration;

use purge_core::run::ChunkRun;
use purge_driver::Watch;
use purge_driver::ledger::Ledger;

use super::interrupt;
use super::lock::RunLock;
use super::stored;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(300);

/// The most changes that are read at once.
const PAGE: u32 = 1_000;

/// Shows the run's progress. Returns the run's lock if the other process has gone and left chunks open, and `None` once all have
/// ended.
pub(crate) async fn follow(
    ledger: &SqliteLedger,
    folder: &Path,
    run_id: &str,
    watch: &impl Watch,
) -> Result<Option<RunLock>, Failure> {
    let looking = async {
        // What changed before is not news, except where it goes on.
        let mut seen = ledger.mark(run_id).map_err(stored::ledger_failure)?.map_or(0, |mark| mark.changes);
        let begun = |chunk: &&ChunkRun| chunk.outcome().is_none() && chunk.view().state != "queued";
        stored::chunks(ledger, run_id).await?.iter().filter(begun).for_each(|chunk| watch.changed(chunk));
        loop {
            loop {
                let changed = ledger.changed_chunks(run_id, seen, PAGE).map_err(stored::ledger_failure)?;
                changed.iter().for_each(|(_, chunk)| watch.changed(chunk));
                let Some((last, _)) = changed.last() else { break };
                seen = *last;
            }
            // Try the lock before reading the ledger: the other process holds it until everything that it did is in the ledger.
            let lock = RunLock::take(folder, run_id)?;
            let open = ledger.open_chunks(run_id, 0, 1).await.map_err(stored::ledger_failure)?;
            match lock {
                Some(_) if open.is_empty() => return Ok(None),
                Some(lock) => return Ok(Some(lock)),
                None => tokio::time::sleep(LOOK).await,
            }
        }
    };
    // There is no current step here to finish, so the first interrupt ends this process. The other process goes on.
    interrupt::with_interrupts(looking, || std::process::exit(i32::from(Exit::Temporary.code()))).await
}
