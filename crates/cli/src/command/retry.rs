//! `retry`: another attempt at chunks that did not end well, under the same approval, or at messages alone.

use purge_core::finding::{Finding, Severity};
use purge_core::run::Order;
use purge_driver::ledger::RunRow;
use purge_driver::{Clock as _, SystemClock};

use super::carried::{Manner, Task, carry_out, undelivered};
use super::{no_ledger, remark};
use crate::args::RetryArgs;
use crate::carry::again::{queue_again, under_way};
use crate::carry::lock::RunLock;
use crate::carry::policy::PolicyFile;
use crate::carry::run::{Surroundings, check_provable, other_tenant, settings_match};
use crate::carry::stored;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;
use crate::settings::{Environment, Settings};
use crate::who::asked_on_command_line;

/// Queues the chunks again and carries the run on, or sends its undelivered messages.
pub(crate) fn run(args: &RetryArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(&Environment)?;
    let policy = args.policy.as_deref().map(PolicyFile::new).transpose()?;
    let folder = &args.ledger.ledger;
    let ledger =
        SqliteLedger::open_existing(folder).map_err(stored::open_failure(folder))?.ok_or_else(|| no_ledger(folder))?;
    on_this_thread(async {
        let row = stored::find_run(&ledger, &args.run).await?;
        let run_id = row.order.run_id.clone();
        if args.policy.is_none() && !args.messages {
            remark(args.json, &no_policy_warning(&row.order));
        }
        let task = if args.messages { Task::Messages } else { Task::ChunksOrMessages };
        let manner = |task| Manner { json: args.json, task };
        let around = Surroundings { folder: folder.clone(), evidence: args.evidence.clone(), scenario: None, policy };
        if !settings_match(&settings, &row.order) {
            return show_ended_run(&ledger, &settings, &around, manner(Task::Chunks), row).await;
        }
        if args.messages {
            return carry_out(&ledger, &settings, &around, manner(task), row).await;
        }
        // Check before anything is queued.
        check_provable(&ledger, &around, &run_id)?;
        let asked = asked_on_command_line(args.by.as_deref(), SystemClock.now())?;
        {
            let Some(lock) = RunLock::take(folder, &run_id)? else { return Err(under_way(&run_id)) };
            queue_again(&ledger, &row, &args.chunks, args.policy.as_deref(), &asked, &lock).await?;
        }
        let row = stored::find_run(&ledger, &run_id).await?;
        carry_out(&ledger, &settings, &around, manner(task), row).await
    })
}

/// Handles settings for another tenant. A run never moves to another tenant, so nothing is retried; but the result of a run that
/// has ended is shown all the same.
async fn show_ended_run(
    ledger: &SqliteLedger,
    settings: &Settings,
    around: &Surroundings,
    manner: Manner,
    row: RunRow,
) -> Result<Exit, Failure> {
    let refused = other_tenant(&row.order, settings.tenant.is_none());
    if row.open > 0 {
        return Err(refused);
    }
    let untold = undelivered(ledger, &row.order).await?;
    let exit = carry_out(ledger, settings, around, manner, row).await?;
    if untold || exit.code() != Exit::Fine.code() { Err(refused) } else { Ok(exit) }
}

/// Warns that without `--policy`, holds newer than the plan are not known.
fn no_policy_warning(order: &Order) -> Finding {
    let message = format!(
        "no policy is given: the run goes on under the policy of its plan, {}, and newer holds are not known",
        order.policy_digest
    );
    let help = "give the policy that applies now: then nothing that has been put on hold since is deleted";
    Finding::new(Severity::Warning, "policy.notInForce", "--policy", message, help)
}
