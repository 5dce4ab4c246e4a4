//! `cancel`: the kill switch.

use std::path::Path;

use purge_core::finding::{Finding, Severity};
use purge_core::run::{Asked, Order};
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::{Clock, SystemClock};

use super::carried::{Manner, Task, carry_out};
use super::{no_ledger, remark};
use crate::args::CancelArgs;
use crate::carry::lock::RunLock;
use crate::carry::run::{Surroundings, settings_match};
use crate::carry::stored;
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;
use crate::settings::{Environment, Settings};
use crate::terminal::{hint, print_out};
use crate::who::asked_on_command_line;

/// Notes the request to cancel in the ledger, which needs no settings. The process that carries out the run sees it before its next
/// step. If there is none, the command ends the run itself: no other command of the run may be possible any more, since the policy
/// or the request can have changed.
pub(crate) fn run(args: &CancelArgs) -> Result<Exit, Failure> {
    let folder = &args.ledger.ledger;
    let ledger =
        SqliteLedger::open_existing(folder).map_err(stored::open_failure(folder))?.ok_or_else(|| no_ledger(folder))?;
    on_this_thread(async {
        let asked = asked_on_command_line(args.by.as_deref(), SystemClock.now())?;
        let row = stored::find_run(&ledger, &args.run).await?;
        let run_id = &row.order.run_id;
        if row.open > 0 {
            ledger.ask_cancel(run_id, &asked).await.map_err(stored::ledger_failure)?;
        }
        let under_way = RunLock::is_taken(folder, run_id)?;
        if args.json {
            let fields = serde_json::json!({ "runId": run_id, "open": row.open, "underWay": under_way });
            print_out(&events::line("cancel", &fields));
        } else if row.open == 0 {
            print_out(&format!("run {run_id} has ended; there is nothing to cancel"));
        } else if under_way {
            print_out(&format!(
                "run {run_id} stops: {} of {} chunks are open; if the process at work leaves any, the same command ends them",
                row.open, row.order.chunks
            ));
        } else {
            print_out(&format!("run {run_id} will not submit anything more"));
        }
        if row.open == 0 || under_way {
            return Ok(Exit::Fine);
        }
        end_run(&ledger, args, asked, row).await
    })
}

/// Cancels the open chunks, watches what was submitted, and writes the evidence. Without the settings of the run's tenant that has to
/// wait; the cancel stands all the same.
async fn end_run(ledger: &SqliteLedger, args: &CancelArgs, asked: Asked, row: RunRow) -> Result<Exit, Failure> {
    let folder = args.ledger.ledger.clone();
    let settings = match Settings::read(&Environment) {
        Ok(settings) if settings_match(&settings, &row.order) => settings,
        unfit => {
            // The cancel stands, so nothing of this makes the command fail.
            unfit
                .err()
                .into_iter()
                .flat_map(|failure| failure.findings)
                .for_each(|finding| remark(args.json, &finding));
            remark(args.json, &left_open(&folder, &row.order));
            return Ok(Exit::Fine);
        }
    };
    // Nothing more is deleted, so no policy has to be asked.
    let around = Surroundings { folder, evidence: args.evidence.clone(), scenario: None, policy: None };
    carry_out(ledger, &settings, &around, Manner { json: args.json, task: Task::Cancel(asked) }, row).await
}

/// Warns that the run is cancelled, and that its open chunks are not ended yet.
fn left_open(folder: &Path, order: &Order) -> Finding {
    let message = format!("its open chunks are not ended yet, since the settings are not those of {}", order.tenant);
    let help = format!("with them, `{}` ends them and writes the evidence", hint::cancel(folder, &order.run_id));
    Finding::new(Severity::Warning, "cancel.open", "", message, help)
}
