//! `retry`: another attempt at chunks that did not end well, under the same approval.

use purge_core::run::Outcome;
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::{Clock, Redriven, SystemClock, redrive};

use super::{no_ledger, on_this_thread};
use crate::args::RetryArgs;
use crate::carry::lock::RunLock;
use crate::carry::run::{Surroundings, carry_out};
use crate::carry::stored;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::{Environment, Settings};

/// Queues the chunks again and carries the run on.
pub(crate) fn run(args: &RetryArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(&Environment)?;
    let folder = &args.ledger.ledger;
    let ledger = SqliteLedger::open_existing(folder).map_err(stored::failed)?.ok_or_else(|| no_ledger(folder))?;
    on_this_thread(async {
        let row = stored::find(&ledger, &args.run).await?;
        let run_id = row.order.run_id.clone();
        {
            let Some(_lock) = RunLock::take(folder, &run_id)? else { return Err(under_way(&run_id)) };
            queue_again(&ledger, &row, &args.chunks).await?;
        }
        let row = stored::find(&ledger, &run_id).await?;
        let around = Surroundings {
            folder: folder.clone(),
            evidence: args.evidence.clone(),
            json: args.json,
            deliver: true,
            scenario: None,
        };
        carry_out(&ledger, &settings, &around, row).await
    })
}

async fn queue_again(ledger: &SqliteLedger, row: &RunRow, only: &[u32]) -> Result<(), Failure> {
    let run_id = row.order.run_id.as_str();
    if let Some(beyond) = only.iter().find(|index| **index > row.order.chunks) {
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

fn under_way(run_id: &str) -> Failure {
    Failure::new(
        Exit::Temporary,
        "run.underWay",
        "",
        format!("another process carries out run `{run_id}`"),
        "wait for it, or stop it with `genesys-purge cancel`",
    )
}
