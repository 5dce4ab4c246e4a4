//! Watches a run that another process carries out, and takes over if that process dies.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

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

/// Shows the run's progress. Returns the run's lock if the other process has gone and left chunks open, and `None` once all have
/// ended.
pub(crate) async fn follow(
    ledger: &SqliteLedger,
    folder: &Path,
    run_id: &str,
    watch: &impl Watch,
) -> Result<Option<RunLock>, Failure> {
    let looking = async {
        // What had ended before is not news.
        let before = stored::chunks(ledger, run_id).await?.into_iter().filter(|chunk| chunk.outcome().is_some());
        let mut seen: BTreeMap<_, _> = before.map(|chunk| (chunk.chunk().index, chunk)).collect();
        loop {
            for chunk in stored::chunks(ledger, run_id).await? {
                let index = chunk.chunk().index;
                if seen.get(&index) != Some(&chunk) {
                    watch.changed(&chunk);
                    seen.insert(index, chunk);
                }
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
