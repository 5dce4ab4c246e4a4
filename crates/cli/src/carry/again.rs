//! Another attempt at chunks that did not end well, under the same approval.

use std::path::Path;

use purge_core::chunk::Chunk;
use purge_core::finding::stops;
use purge_core::plan::{self, CheckContext};
use purge_core::run::Asked;
use purge_driver::ledger::RunRow;
use purge_driver::{Clock, NoRetry, Obstacle, Retry, SystemClock};

use super::lock::RunLock;
use super::stored;
use crate::documents::{Names, read_text};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::terminal::hint;

/// Queues the chunks in `only` again, or all that did not end verified if `only` is empty, as this person asked. Takes back the
/// cancellation in `row`. The lock shows that no other process carries out the run meanwhile.
pub(crate) async fn queue_again(
    ledger: &SqliteLedger,
    row: &RunRow,
    only: &[u32],
    policy: Option<&Path>,
    asked: &Asked,
    _lock: &RunLock,
) -> Result<(), Failure> {
    let run_id = row.order.run_id.as_str();
    let only = (!only.is_empty()).then_some(only);
    let again = Retry::choose(ledger, row, only).await.map_err(|why| not_begun(run_id, why))?;
    if let Some(policy) = policy {
        check_policy(row, &again.chunks_to_delete, policy)?;
    }
    let queued = again.queue(ledger, &row.order, "retry", asked).await;
    let done = queued.map_err(|why| not_begun(run_id, why))?;
    // The run's lock is ours, so the chunk's worker is gone. Its lease runs out within a minute.
    if done.busy > 0 { Err(under_way(run_id)) } else { Ok(()) }
}

fn not_begun(run_id: &str, why: NoRetry) -> Failure {
    match why {
        NoRetry::Obstacle(obstacle) => refused(run_id, obstacle),
        NoRetry::Ledger(error) => stored::ledger_failure(error),
    }
}

fn refused(run_id: &str, obstacle: Obstacle) -> Failure {
    let help = match obstacle {
        Obstacle::NoChunk { .. } => "",
        Obstacle::NothingToRetry => "`genesys-purge status` shows how each chunk stands",
        Obstacle::Cancelling { .. } => {
            "`genesys-purge cancel` ends them; then retry these chunks, or omit `--chunk` to retry all"
        }
        Obstacle::Cancelled => {
            "ask the person who cancelled it; another `genesys-purge retry` withdraws that cancel as well"
        }
    };
    Failure::new(Exit::BadInput, obstacle.code(), "--chunk", obstacle.message(run_id), help)
}

/// Refuses if the policy that applies now keeps what these chunks would delete.
fn check_policy(row: &RunRow, ahead: &[Chunk], policy: &Path) -> Result<(), Failure> {
    let plan = stored::reopen(row)?;
    let context = CheckContext::at(SystemClock.now());
    let against = plan::since(&plan, ahead, &read_text(policy)?, &context);
    if !stops(&against) {
        return Ok(());
    }
    let names = Names { request: row.order.run_id.clone(), policy: Some(policy.display().to_string()) };
    Err(Failure::of_findings(against.iter().map(|finding| names.locate(finding)).collect()))
}

/// Another process carries out the run and does not read the policy that is given here.
pub(crate) fn under_way_without_policy(folder: &Path, run_id: &str) -> Failure {
    let cancel = hint::cancel(folder, run_id);
    Failure::new(
        Exit::Temporary,
        "run.underWay",
        "",
        format!("run `{run_id}` is being carried out by another process, which may not know the policy given here"),
        format!("stop it where it was started, or with `{cancel}`; then do this again"),
    )
}

/// Another process carries out the run.
pub(crate) fn under_way(run_id: &str) -> Failure {
    Failure::new(
        Exit::Temporary,
        "run.underWay",
        "",
        format!("run `{run_id}` is being carried out"),
        "wait for it, or stop it with `genesys-purge cancel`",
    )
}
