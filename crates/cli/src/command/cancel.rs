//! `cancel`: the kill switch.

use purge_driver::ledger::Ledger;
use purge_driver::{Clock, SystemClock};

use super::no_ledger;
use crate::args::CancelArgs;
use crate::carry::lock::RunLock;
use crate::carry::stored;
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;
use crate::terminal::print_out;

/// Notes the request to cancel in the ledger. The process that carries out the run sees it before its next step.
pub(crate) fn run(args: &CancelArgs) -> Result<Exit, Failure> {
    let folder = &args.ledger.ledger;
    let ledger =
        SqliteLedger::open_existing(folder).map_err(stored::open_failure(folder))?.ok_or_else(|| no_ledger(folder))?;
    on_this_thread(async {
        let row = stored::find_run(&ledger, &args.run).await?;
        let run_id = &row.order.run_id;
        if row.open > 0 {
            ledger.ask_cancel(run_id, SystemClock.now()).await.map_err(stored::ledger_failure)?;
        }
        let under_way = RunLock::is_taken(folder, run_id)?;
        if args.json {
            let fields = serde_json::json!({ "runId": run_id, "open": row.open, "underWay": under_way });
            print_out(&events::line("cancel", &fields));
        } else if row.open == 0 {
            print_out(&format!("run {run_id} has ended; there is nothing to cancel"));
        } else if under_way {
            print_out(&format!("run {run_id} stops: {} of {} chunks are open", row.open, row.order.chunks));
        } else {
            print_out(&format!("run {run_id} will not submit anything more"));
            print_out(
                "no process carries it out now; run its command again to cancel its open chunks and write the evidence",
            );
        }
        Ok(Exit::Fine)
    })
}
