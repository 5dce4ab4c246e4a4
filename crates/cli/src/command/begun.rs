//! Warns of runs that have already begun, when a command for the same request is refused.

use std::path::Path;

use purge_core::finding::{Finding, Severity};
use purge_core::request::PurgeRequest;

use crate::carry::lock::RunLock;
use crate::carry::note::{self, Target};
use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;
use crate::terminal::hint;

/// A warning for every run of that request on that tenant that has open chunks.
pub(super) fn begun_runs(folder: &Path, request: &PurgeRequest, target: &Target) -> Result<Vec<Finding>, Failure> {
    let Some(ledger) = SqliteLedger::open_for_reading(folder).map_err(stored::open_failure(folder))? else {
        return Ok(Vec::new());
    };
    let runs = on_this_thread(note::unfinished_runs(&ledger, request, target))?;
    let said = runs.into_iter().map(|row| {
        let (run_id, open, chunks) = (row.order.run_id.as_str(), row.open, row.order.chunks);
        let cancel = hint::cancel(folder, run_id);
        let (how, help) = if RunLock::is_taken(folder, run_id)? {
            ("goes on without this policy", format!("`{cancel}` stops it"))
        } else {
            let help = format!("its submitted deletions may go on; `{cancel}` ends it");
            ("is not being carried out", help)
        };
        let message =
            format!("run `{run_id}` of this request has begun and {how}; {open} of its {chunks} chunks are open");
        Ok(Finding::new(Severity::Warning, "run.begun", "", message, help))
    });
    said.collect()
}
