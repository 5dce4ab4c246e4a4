//! `status`: shows what a ledger holds.

use std::collections::BTreeMap;
use std::path::Path;

use anstyle::Style;
use purge_core::finding::{Finding, Severity};
use purge_core::run::Outcome;
use purge_driver::ledger::RunRow;

use super::{no_ledger, one_run};
use crate::args::{DEFAULT_LEDGER, StatusArgs};
use crate::carry::lock::RunLock;
use crate::carry::standing::Standing;
use crate::carry::stored;
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::{SqliteLedger, Unreadable};
use crate::runtime::on_this_thread;
use crate::terminal::table::{Align, Cell, Table};
use crate::terminal::words::grouped;
use crate::terminal::{BAD, CARE, GOOD, print_out};

/// Lists the runs, or the chunks of one run with the results of all attempts together.
pub(crate) fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    let folder = &args.ledger.ledger;
    let Some(ledger) = SqliteLedger::open_for_reading(folder).map_err(stored::open_failure(folder))? else {
        // The default folder does not exist before the first run. A folder that was named, or that should have the named run, must
        // exist.
        if args.run.is_some() || folder != Path::new(DEFAULT_LEDGER) {
            return Err(no_ledger(folder));
        }
        if !args.json {
            print_out(&format!("there is no ledger in `{}`", folder.display()));
        }
        return Ok(Exit::Fine);
    };
    on_this_thread(async {
        match &args.run {
            None => {
                let (runs, unreadable) = ledger.list_runs().map_err(stored::ledger_failure)?;
                for row in runs.iter().filter(|_| args.json) {
                    print_out(&run_line(&ledger, row)?);
                }
                if !args.json {
                    show_runs(args, &ledger, &runs)?;
                }
                if !unreadable.is_empty() {
                    return Err(unreadable_failure(&unreadable));
                }
            }
            Some(name) => {
                let row = stored::find_run(&ledger, name).await?;
                let chunks = stored::chunks(&ledger, &row.order.run_id).await?;
                let views: Result<Vec<_>, _> =
                    chunks.iter().map(|run| stored::chunk_view(&ledger, &row.order, run)).collect();
                if args.json {
                    print_out(&run_line(&ledger, &row)?);
                    views?.iter().for_each(|view| print_out(&events::chunk(view, row.order.simulated)));
                } else {
                    show_runs(args, &ledger, std::slice::from_ref(&row))?;
                    print_out("");
                    one_run::show_chunks(&views?);
                    one_run::show_facts(&ledger, folder, &row).await?;
                }
            }
        }
        Ok(Exit::Fine)
    })
}

/// The failure for runs that cannot be read, reported after the others are listed.
fn unreadable_failure(unreadable: &[Unreadable]) -> Failure {
    let help = "keep the folder as it is; a newer version may read it, or restore the ledger from a copy";
    let finding = |run: &Unreadable| Finding::new(Severity::Error, "ledger.unreadable", "", run.to_string(), help);
    Failure { exit: Exit::Internal, findings: unreadable.iter().map(finding).collect() }
}

fn run_line(ledger: &SqliteLedger, row: &RunRow) -> Result<String, Failure> {
    let order = &row.order;
    let ended: BTreeMap<&str, u64> = outcomes(ledger, row)?.into_iter().map(|(o, n)| (o.as_str(), n)).collect();
    let fields = serde_json::json!({
        "runId": order.run_id, "name": order.request.name, "planDigest": order.plan_digest, "tenant": order.tenant,
        "simulated": order.simulated, "chunks": order.chunks, "open": row.open, "ended": ended,
        "cancelAsked": row.cancel_asked.as_ref().map(|asked| asked.at),
        "cancelAskedBy": row.cancel_asked.as_ref().map(|asked| &asked.by), "approvedBy": order.approved_by, "approvedAt": order.approved_at,
        "createdAt": row.created_at, "updatedAt": row.updated_at, "undelivered": undelivered(ledger, row)?,
    });
    Ok(events::line("run", &fields))
}

fn outcomes(ledger: &SqliteLedger, row: &RunRow) -> Result<BTreeMap<Outcome, u64>, Failure> {
    ledger.outcomes(&row.order.run_id).map_err(stored::ledger_failure)
}

/// The number of messages that the governance system does not have.
fn undelivered(ledger: &SqliteLedger, row: &RunRow) -> Result<u64, Failure> {
    ledger.undelivered(&row.order.run_id).map_err(stored::ledger_failure)
}

fn show_runs(args: &StatusArgs, ledger: &SqliteLedger, runs: &[RunRow]) -> Result<(), Failure> {
    let mut table = Table::new(&[
        ("run", Align::Left),
        ("state", Align::Left),
        ("chunks", Align::Right),
        ("ended", Align::Left),
        ("messages", Align::Left),
        ("last change", Align::Left),
        ("tenant", Align::Left),
        ("name", Align::Left),
    ]);
    for row in runs {
        let order = &row.order;
        let style = if order.simulated { CARE } else { Style::new() };
        table.push(vec![
            order.run_id.clone().into(),
            state_cell(args, row)?,
            order.chunks.to_string().into(),
            ended_cell(&outcomes(ledger, row)?),
            undelivered_cell(undelivered(ledger, row)?),
            row.updated_at.to_string().into(),
            Cell::styled(style, order.tenant.clone()),
            order.request.name.clone().into(),
        ]);
    }
    table.lines().iter().for_each(|line| print_out(line));
    Ok(())
}

/// `12 verified, 1 failed`, in the colour of the worst.
fn ended_cell(outcomes: &BTreeMap<Outcome, u64>) -> Cell {
    let said: Vec<String> = outcomes.iter().map(|(outcome, n)| format!("{n} {}", outcome.as_str())).collect();
    let all_well = outcomes.keys().all(|outcome| *outcome == Outcome::Verified);
    Cell::styled(if all_well { GOOD } else { BAD }, said.join(", "))
}

/// `2 not delivered`, or nothing.
fn undelivered_cell(messages: u64) -> Cell {
    let said = if messages == 0 { String::new() } else { format!("{} not delivered", grouped(messages)) };
    Cell::styled(CARE, said)
}

fn state_cell(args: &StatusArgs, row: &RunRow) -> Result<Cell, Failure> {
    let standing = Standing::of(row, RunLock::is_taken(&args.ledger.ledger, &row.order.run_id)?);
    let style = if standing == Standing::Ended { Style::new() } else { CARE };
    Ok(Cell::styled(style, standing.word()))
}
