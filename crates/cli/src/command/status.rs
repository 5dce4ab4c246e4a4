//! `status`: what a ledger holds.

use std::collections::BTreeMap;
use std::path::Path;

use anstyle::Style;
use purge_core::finding::{Finding, Severity};
use purge_core::run::{ChunkView, Outcome};
use purge_driver::ledger::RunRow;
use purge_driver::{Clock as _, SystemClock};

use super::no_ledger;
use crate::args::{DEFAULT_LEDGER, StatusArgs};
use crate::carry::lock::RunLock;
use crate::carry::standing::Standing;
use crate::carry::{place, stored};
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::{SqliteLedger, Unreadable};
use crate::runtime::on_this_thread;
use crate::terminal::table::{Align, Cell, Table};
use crate::terminal::words::{count, grouped, window};
use crate::terminal::{BAD, CARE, DIM, GOOD, progress, result, say};

/// Lists the runs, or one run's chunks with what all attempts at them have come to.
pub(crate) fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    let folder = &args.ledger.ledger;
    let Some(ledger) = SqliteLedger::look_at(folder).map_err(stored::unopened(folder))? else {
        // Where nothing has been run yet there is none; a folder that somebody names has to be one.
        if args.run.is_some() || folder != Path::new(DEFAULT_LEDGER) {
            return Err(no_ledger(folder));
        }
        if !args.json {
            say(&format!("there is no ledger in `{}`", folder.display()));
        }
        return Ok(Exit::Fine);
    };
    on_this_thread(async {
        match &args.run {
            None => {
                let (runs, unreadable) = ledger.listed().map_err(stored::failed)?;
                for row in runs.iter().filter(|_| args.json) {
                    say(&run_line(&ledger, row)?);
                }
                if !args.json {
                    list(args, &ledger, &runs)?;
                }
                if !unreadable.is_empty() {
                    return Err(left_out(&unreadable));
                }
            }
            Some(name) => {
                let row = stored::find(&ledger, name).await?;
                let chunks = stored::chunks(&ledger, &row.order.run_id).await?;
                let views: Result<Vec<_>, _> =
                    chunks.iter().map(|run| stored::view(&ledger, &row.order, run)).collect();
                one(args, &ledger, &row, &views?)?;
            }
        }
        Ok(Exit::Fine)
    })
}

/// Said after the others.
fn left_out(unreadable: &[Unreadable]) -> Failure {
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
        "cancelAsked": row.cancel_asked, "approvedBy": order.approved_by, "approvedAt": order.approved_at,
        "createdAt": row.created_at, "updatedAt": row.updated_at, "undelivered": undelivered(ledger, row)?,
    });
    Ok(events::line("run", &fields))
}

fn outcomes(ledger: &SqliteLedger, row: &RunRow) -> Result<BTreeMap<Outcome, u64>, Failure> {
    ledger.outcomes(&row.order.run_id).map_err(stored::failed)
}

/// Messages that the governance system has not got.
fn undelivered(ledger: &SqliteLedger, row: &RunRow) -> Result<u64, Failure> {
    ledger.undelivered(&row.order.run_id).map_err(stored::failed)
}

fn list(args: &StatusArgs, ledger: &SqliteLedger, runs: &[RunRow]) -> Result<(), Failure> {
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
            state(args, row)?,
            order.chunks.to_string().into(),
            ended(&outcomes(ledger, row)?),
            untold(undelivered(ledger, row)?),
            row.updated_at.to_string().into(),
            Cell::styled(style, order.tenant.clone()),
            order.request.name.clone().into(),
        ]);
    }
    table.lines().iter().for_each(|line| say(line));
    Ok(())
}

/// `12 verified, 1 failed`, in the colour of the worst.
fn ended(outcomes: &BTreeMap<Outcome, u64>) -> Cell {
    let said: Vec<String> = outcomes.iter().map(|(outcome, n)| format!("{n} {}", outcome.as_str())).collect();
    let all_well = outcomes.keys().all(|outcome| *outcome == Outcome::Verified);
    Cell::styled(if all_well { GOOD } else { BAD }, said.join(", "))
}

/// `2 not delivered`, if it is any.
fn untold(messages: u64) -> Cell {
    let said = if messages == 0 { String::new() } else { format!("{} not delivered", grouped(messages)) };
    Cell::styled(CARE, said)
}

fn state(args: &StatusArgs, row: &RunRow) -> Result<Cell, Failure> {
    let standing = Standing::of(row, RunLock::is_taken(&args.ledger.ledger, &row.order.run_id)?);
    let style = if standing == Standing::Ended { Style::new() } else { CARE };
    Ok(Cell::styled(style, standing.word()))
}

fn one(args: &StatusArgs, ledger: &SqliteLedger, row: &RunRow, chunks: &[ChunkView]) -> Result<(), Failure> {
    let order = &row.order;
    if args.json {
        say(&run_line(ledger, row)?);
        chunks.iter().for_each(|view| say(&events::chunk(view, order.simulated)));
        return Ok(());
    }
    list(args, ledger, std::slice::from_ref(row))?;
    say("");
    let mut table = Table::new(&[
        ("chunk", Align::Right),
        ("window, end not included", Align::Left),
        ("state", Align::Left),
        ("deleted", Align::Right),
        ("left", Align::Right),
        ("request id", Align::Left),
    ]);
    let now = SystemClock.now();
    for view in chunks {
        let until = progress::due(view).filter(|due| *due > now).map(|due| format!(", until {due}"));
        let state = match view.outcome {
            Some(_) => result::outcome(view.outcome),
            None => Cell::styled(CARE, progress::state(view) + &until.unwrap_or_default()),
        };
        let number = |n: Option<u64>| n.map_or_else(|| Cell::styled(DIM, "?"), |n| count(Some(n)).into());
        table.push(vec![
            view.chunk.index.to_string().into(),
            window(view.chunk.window).into(),
            state,
            number(view.records_deleted),
            number(view.remaining),
            view.request_id.clone().unwrap_or_default().into(),
        ]);
    }
    table.lines().iter().for_each(|line| say(line));
    let evidence = place::evidence(ledger, &args.ledger.ledger, &order.run_id)?;
    if evidence.exists() {
        say(&result::labelled("evidence", &evidence.display().to_string()));
    }
    Ok(())
}
