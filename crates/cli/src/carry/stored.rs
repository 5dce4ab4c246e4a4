//! A run read whole from the ledger.

use std::path::Path;

use purge_core::audit::AuditRecord;
use purge_core::plan::{self, CheckContext, Plan};
use purge_core::report::{Fold, Ordered, Report};
use purge_core::run::{ChunkRun, ChunkView, Order};
use purge_driver::ledger::{Ledger, LedgerError, OutboxRow, RunRow};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::{OpenError, SqliteLedger, newest_version};

/// Rows read at a time.
const PAGE: u32 = 1000;

/// Everything about one run.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The run.
    pub(crate) row: RunRow,
    /// The plan that the run was made from.
    pub(crate) plan: Plan,
    /// Its audit log.
    pub(crate) records: Vec<AuditRecord>,
    /// Its messages.
    pub(crate) outbox: Vec<OutboxRow>,
    /// The policies that were asked about its deletions, other than that of the plan.
    pub(crate) policies: Vec<String>,
}

impl Stored {
    /// Reads everything about a run.
    pub(crate) async fn read(ledger: &SqliteLedger, run_id: &str) -> Result<Self, Failure> {
        let row = run_row(ledger, run_id).await?;
        let plan = reopen(&row)?;
        let mut records = Vec::new();
        let mut after = 0;
        loop {
            let page = ledger.records(run_id, after, PAGE).await.map_err(ledger_failure)?;
            let Some(last) = page.last() else { break };
            after = last.position;
            records.extend(page.into_iter().map(|row| row.record));
        }
        let outbox = ledger.outbox(run_id).await.map_err(ledger_failure)?;
        let policies = ledger.policies(run_id).await.map_err(ledger_failure)?;
        Ok(Self { row, plan, records, outbox, policies })
    }

    /// The report that follows from the records.
    pub(crate) fn report(&self) -> Report {
        let ordered = Ordered::of(&self.row.order, &self.plan);
        Report::of(ordered, &self.records)
    }
}

/// The plan of a run, from the plan file in the ledger.
pub(crate) fn reopen(row: &RunRow) -> Result<Plan, Failure> {
    // Use the clock by which the run was entered, which has already confirmed that the plan's day had come. If that clock was ahead
    // and has been corrected since, the run must not go without evidence until that day.
    let context = CheckContext::at(row.created_at);
    let reopened = plan::reopen(&row.plan_file, &context);
    Ok(reopened.map_err(|findings| Failure { exit: Exit::Internal, findings })?.plan)
}

/// All chunks of a run as they stand.
pub(crate) async fn chunks(ledger: &SqliteLedger, run_id: &str) -> Result<Vec<ChunkRun>, Failure> {
    let mut chunks: Vec<ChunkRun> = Vec::new();
    loop {
        let after = chunks.last().map_or(0, |chunk| chunk.chunk().index);
        let page = ledger.chunks(run_id, after, PAGE).await.map_err(ledger_failure)?;
        if page.is_empty() {
            return Ok(chunks);
        }
        chunks.extend(page.into_iter().map(|row| row.run));
    }
}

/// The view of a chunk, with the numbers of all attempts together as in its report. Those of the last attempt alone would omit what
/// earlier attempts deleted.
pub(crate) fn chunk_view(ledger: &SqliteLedger, order: &Order, run: &ChunkRun) -> Result<ChunkView, Failure> {
    let view = run.view();
    // The view of a first attempt equals its records, unless it ended without a measurement.
    if view.attempt == 1 && (view.submits == 0 || view.outcome.is_none() || view.records_deleted.is_some()) {
        return Ok(view);
    }
    let chunks = [view.chunk];
    let mut fold = Fold::new(&chunks);
    for row in ledger.records_of(&order.run_id, view.chunk.index).map_err(ledger_failure)? {
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

/// The run whose id begins with `name`, if there is exactly one.
pub(crate) async fn find_run(ledger: &SqliteLedger, name: &str) -> Result<RunRow, Failure> {
    let matches = |id: &String| {
        let begins = id.starts_with(name) || id.strip_prefix("run-").is_some_and(|hex| hex.starts_with(name));
        // An empty name does not match: a variable that a script forgot to set must not select the only run.
        begins && !name.is_empty()
    };
    // Searched by id alone, so that a run that cannot be read does not stand in the way of the others.
    let mut found = ledger.run_ids().map_err(ledger_failure)?.into_iter().filter(matches);
    let not = |message: String, help: &str| Failure::new(Exit::BadInput, "run.unknown", "", message, help);
    match (found.next(), found.next()) {
        (Some(run_id), None) => run_row(ledger, &run_id).await,
        (Some(_), Some(_)) => Err(not(format!("several runs begin with `{name}`"), "give more letters of the id")),
        (None, _) => Err(not(format!("there is no run `{name}`"), "`genesys-purge status` lists the runs of a ledger")),
    }
}

/// The run of exactly that id, which existed a moment ago.
pub(crate) async fn run_row(ledger: &SqliteLedger, run_id: &str) -> Result<RunRow, Failure> {
    let row = ledger.run(run_id).await.map_err(ledger_failure)?;
    row.ok_or_else(|| ledger_failure(LedgerError::Corrupt(format!("run `{run_id}` is gone"))))
}

/// Why the ledger in that folder cannot be opened.
pub(crate) fn open_failure(folder: &Path) -> impl FnOnce(OpenError) -> Failure {
    move |error| match error {
        OpenError::Ledger(error) => ledger_failure(error),
        OpenError::Newer(version) => Failure::new(
            Exit::BadInput,
            "ledger.newer",
            folder.display().to_string(),
            format!(
                "the ledger in `{}` was written by a newer program: its format is version {version}, this program reads version {}",
                folder.display(),
                newest_version()
            ),
            "use the program that wrote it; the ledger is intact, and nothing was changed",
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

/// The failure for an error of the ledger.
#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
pub(crate) fn ledger_failure(error: LedgerError) -> Failure {
    let exit = match error {
        LedgerError::Unavailable(_) => Exit::Temporary,
        LedgerError::Refused(_) | LedgerError::Corrupt(_) | LedgerError::Conflict(_) => Exit::Internal,
    };
    let help = match error {
        LedgerError::Unavailable(_) => "what was written is safe; run the same command again",
        LedgerError::Refused(_) => "fix the problem it names, then run the same command again",
        LedgerError::Corrupt(_) => "keep the folder as it is and restore the ledger from a copy",
        LedgerError::Conflict(_) => "use another `--ledger` folder for this run",
    };
    Failure::new(exit, "ledger.failed", "", error.to_string(), help)
}
