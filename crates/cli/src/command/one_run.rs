//! One run of a ledger as `status` shows it: its chunks, what was approved, where the proof is, and what needs a person.

use std::path::Path;

use purge_core::run::{Asked, ChunkView};
use purge_driver::ledger::RunRow;
use purge_driver::{Clock as _, SystemClock};

use crate::carry::answers::Answers;
use crate::carry::lock::RunLock;
use crate::carry::messages::Messages;
use crate::carry::run::Surroundings;
use crate::carry::stored::Stored;
use crate::evidence::{self, Held};
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::terminal::result::labelled;
use crate::terminal::table::{Align, Cell, Table};
use crate::terminal::words::{count, window};
use crate::terminal::{BAD, CARE, DIM, hint, paint, print_out, progress, result};

/// Shows every chunk with the results of all its attempts together.
pub(super) fn show_chunks(chunks: &[ChunkView]) {
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
    table.lines().iter().for_each(|line| print_out(line));
}

/// Shows who approved what, where the proof is, and, as `run` does at its end, what needs a person.
pub(super) async fn show_facts(ledger: &SqliteLedger, folder: &Path, row: &RunRow) -> Result<(), Failure> {
    let order = &row.order;
    let around = Surroundings { folder: folder.to_owned(), evidence: None, scenario: None, policy: None };
    let place = around.evidence_of(ledger, &order.run_id)?;
    print_out("");
    print_out(&labelled("approved", &format!("by {} at {}", order.approved_by, order.approved_at)));
    if let Some(Asked { by, at }) = &row.cancel_asked {
        print_out(&labelled("cancelled", &format!("by {by} at {at}")));
    }
    print_out(&labelled("plan", &order.plan_digest));
    let stored = Stored::read(ledger, &order.run_id).await?;
    let report = stored.report();
    let (place, held) = evidence::held(&place, ledger, &stored, &report)?;
    print_out(&labelled("evidence", &place.display().to_string()));
    let how_to_write = if RunLock::is_taken(folder, &order.run_id)? {
        "the process that carries the run out writes it before it ends".to_owned()
    } else {
        format!("`{}` writes it and deletes nothing", hint::messages(&around, &order.run_id))
    };
    let manifest = match held {
        Held::Current(digest) => digest,
        Held::Nothing => paint(CARE, &format!("there is no evidence yet; {how_to_write}")),
        Held::Newer => paint(BAD, "the evidence there is newer than the ledger"),
        Held::Other => paint(CARE, &format!("the evidence there is not of this state; {how_to_write}")),
    };
    print_out(&labelled("manifest", &manifest));
    let (messages, answers) = (Messages::count(&stored.outbox), Answers::from_records(&stored.records));
    let needs = result::needs_attention(&report, &messages, &answers, "in `status --json`");
    needs.iter().for_each(|line| print_out(line));
    Ok(())
}
