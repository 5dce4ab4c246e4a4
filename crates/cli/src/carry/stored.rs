//! A run as the ledger has it, read whole.

use std::path::Path;

use purge_core::audit::AuditRecord;
use purge_core::plan::{self, CheckContext, Plan};
use purge_core::report::{Fold, Ordered, Report};
use purge_core::run::{ChunkRun, ChunkView, Order};
use purge_driver::ledger::{Ledger, LedgerError, OutboxRow, RunRow};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::{OpenError, SqliteLedger, newest};

/// Rows read at a time.
const PAGE: u32 = 1000;

/// Everything about one run.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The run.
    pub(crate) row: RunRow,
    /// The plan that it was made from.
    pub(crate) plan: Plan,
    /// Its audit log.
    pub(crate) records: Vec<AuditRecord>,
    /// Its messages.
    pub(crate) outbox: Vec<OutboxRow>,
    /// The policies that were asked about its deletions, other than that of the plan.
    pub(crate) policies: Vec<String>,
}

impl Stored {
    /// Reads it.
    pub(crate) async fn read(ledger: &SqliteLedger, run_id: &str) -> Result<Self, Failure> {
        let row = exact(ledger, run_id).await?;
        let plan = reopen(&row)?;
        let mut records = Vec::new();
        let mut after = 0;
        loop {
            let page = ledger.records(run_id, after, PAGE).await.map_err(failed)?;
            let Some(last) = page.last() else { break };
            after = last.position;
            records.extend(page.into_iter().map(|row| row.record));
        }
        let outbox = ledger.outbox(run_id).await.map_err(failed)?;
        let policies = ledger.policies(run_id).await.map_err(failed)?;
        Ok(Self { row, plan, records, outbox, policies })
    }

    /// What its records amount to.
    pub(crate) fn report(&self) -> Report {
        let ordered = Ordered::of(&self.row.order, &self.plan);
        Report::of(ordered, &self.records)
    }
}

/// The plan of a run, from the plan file that it keeps.
pub(crate) fn reopen(row: &RunRow) -> Result<Plan, Failure> {
    // By the clock that it was noted by, which was asked then whether the plan's day has come: one that was ahead and has been set
    // right since must not leave the run without evidence until that day.
    let context = CheckContext::at(row.created_at);
    let reopened = plan::reopen(&row.plan_file, &context);
    Ok(reopened.map_err(|findings| Failure { exit: Exit::Internal, findings })?.plan)
}

/// All chunks of a run as they stand.
pub(crate) async fn chunks(ledger: &SqliteLedger, run_id: &str) -> Result<Vec<ChunkRun>, Failure> {
    let mut chunks: Vec<ChunkRun> = Vec::new();
    loop {
        let after = chunks.last().map_or(0, |chunk| chunk.chunk().index);
        let page = ledger.chunks(run_id, after, PAGE).await.map_err(failed)?;
        if page.is_empty() {
            return Ok(chunks);
        }
        chunks.extend(page.into_iter().map(|row| row.run));
    }
}

/// A chunk as it stands, with the numbers of all attempts together, as its report has them: those of the last one alone would deny what the
/// ones before have deleted.
pub(crate) fn view(ledger: &SqliteLedger, order: &Order, run: &ChunkRun) -> Result<ChunkView, Failure> {
    let view = run.view();
    // A first attempt tells the same as its records, unless it ended without having measured anything.
    if view.attempt == 1 && (view.submits == 0 || view.outcome.is_none() || view.records_deleted.is_some()) {
        return Ok(view);
    }
    let chunks = [view.chunk];
    let mut fold = Fold::new(&chunks);
    for row in ledger.records_of(&order.run_id, view.chunk.index).map_err(failed)? {
        fold.record(order, &row.record);
    }
    let report = Report::from_fold(Ordered { order, chunks: &chunks, parts: &[] }, fold);
    let Some(all) = report.chunks.into_iter().next() else { return Ok(view) };
    Ok(ChunkView {
        submits: all.submits,
        before: all.before,
        records_deleted: all.records_deleted,
        remaining: all.remaining,
        protected: all.protected,
        ..view
    })
}

/// The run whose id begins like that, if there is exactly one.
pub(crate) async fn find(ledger: &SqliteLedger, name: &str) -> Result<RunRow, Failure> {
    let matches = |id: &String| {
        let begins = id.starts_with(name) || id.strip_prefix("run-").is_some_and(|hex| hex.starts_with(name));
        // A variable that a script forgot to set must not mean the only run there is.
        begins && !name.is_empty()
    };
    // By their ids alone: a run that cannot be read must not stand in the way of the others.
    let mut found = ledger.run_ids().map_err(failed)?.into_iter().filter(matches);
    let not = |message: String, help: &str| Failure::new(Exit::BadInput, "run.unknown", "", message, help);
    match (found.next(), found.next()) {
        (Some(run_id), None) => exact(ledger, &run_id).await,
        (Some(_), Some(_)) => Err(not(format!("several runs begin with `{name}`"), "give more letters of the id")),
        (None, _) => Err(not(format!("there is no run `{name}`"), "`genesys-purge status` lists the runs of a ledger")),
    }
}

/// The run of exactly that id, which was there a moment ago.
pub(crate) async fn exact(ledger: &SqliteLedger, run_id: &str) -> Result<RunRow, Failure> {
    let row = ledger.run(run_id).await.map_err(failed)?;
    row.ok_or_else(|| failed(LedgerError::Corrupt(format!("run `{run_id}` is gone"))))
}

/// The ledger in that folder cannot be opened.
pub(crate) fn unopened(folder: &Path) -> impl FnOnce(OpenError) -> Failure {
    move |error| match error {
        OpenError::Ledger(error) => failed(error),
        OpenError::Newer(version) => Failure::new(
            Exit::BadInput,
            "ledger.newer",
            folder.display().to_string(),
            format!(
                "the ledger in `{}` was written by a newer program: its format is version {version}, this program knows version {}",
                folder.display(),
                newest()
            ),
            "use the program that wrote it; the ledger is as it should be, and nothing was changed",
        ),
        OpenError::Network(network) => Failure::new(
            Exit::BadInput,
            "ledger.network",
            folder.display().to_string(),
            format!(
                "the ledger in `{}` is on {network}, where two machines could carry out the same run",
                folder.display()
            ),
            "name a folder on a disk of this machine with `--ledger`; a ledger that is there already is copied, with its -wal and -shm, \
             while nothing runs on any machine. Evidence may stay there",
        ),
        OpenError::Folder(why) => Failure::new(
            Exit::BadInput,
            "ledger.folder",
            folder.display().to_string(),
            format!("the ledger in `{}` cannot be used: {why}", folder.display()),
            "check `--ledger` and the permissions of its folder",
        ),
    }
}

/// The ledger did not do what it was asked.
#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
pub(crate) fn failed(error: LedgerError) -> Failure {
    let exit = match error {
        LedgerError::Unavailable(_) => Exit::Temporary,
        LedgerError::Refused(_) | LedgerError::Corrupt(_) | LedgerError::Conflict(_) => Exit::Internal,
    };
    let help = match error {
        LedgerError::Unavailable(_) => "whatever was written is safe; give the same command again",
        LedgerError::Refused(_) => "mend what it says, then give the same command again",
        LedgerError::Corrupt(_) => "keep the folder as it is and restore the ledger from a copy",
        LedgerError::Conflict(_) => "use another `--ledger` folder for this run",
    };
    Failure::new(exit, "ledger.failed", "", error.to_string(), help)
}
