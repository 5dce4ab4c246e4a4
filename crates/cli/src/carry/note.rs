//! Enters a run into the ledger. From then on any process can carry it out without asking for approval again.

use std::path::Path;

use purge_core::order::{address_of, run_id};
use purge_core::plan::{Plan, PlanFile};
use purge_core::request::PurgeRequest;
use purge_core::run::{Approval, ApprovalError, ChunkRun, NameError, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::{Ledger, NewRun, RunRow};
use purge_sim::Scenario;

use super::lock::RunLock;
use super::{place, stored};
use crate::approval;
use crate::evidence;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::Settings;

/// The tenant that a run deletes from.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The tenant's name in records: the API's address and client, or the simulated tenant's name.
    pub(crate) name: String,
    /// The scenario of a simulated tenant; `None` for a real one.
    pub(crate) scenario: Option<Scenario>,
}

impl Target {
    /// The tenant of the settings, or a simulated one, which lies in the jurisdiction of the request.
    pub(crate) fn new(settings: &Settings, scenario: Option<Scenario>, request: &PurgeRequest) -> Self {
        let scenario = scenario.map(|s| Scenario { jurisdiction: request.jurisdiction.clone(), ..s });
        let name = match (&settings.tenant, &scenario) {
            (Some(tenant), _) => tenant.name(),
            (None, Some(scenario)) => place::simulated_name(scenario),
            (None, None) => String::new(),
        };
        Self { name, scenario }
    }

    /// Whether the tenant is simulated, so that nothing real is deleted.
    pub(crate) fn simulated(&self) -> bool {
        self.scenario.is_some()
    }
}

/// The run of that plan on that tenant, if the ledger has it.
pub(crate) async fn existing_run(
    ledger: &SqliteLedger,
    plan: &Plan,
    target: &Target,
) -> Result<Option<RunRow>, Failure> {
    ledger.run(&run_id(plan.digest(), &target.name)).await.map_err(stored::ledger_failure)
}

/// Runs of the same request at the same tenant address that have open chunks, newest first. Includes those of an OAuth client that
/// has been replaced.
pub(crate) async fn unfinished_runs(
    ledger: &SqliteLedger,
    request: &PurgeRequest,
    target: &Target,
) -> Result<Vec<RunRow>, Failure> {
    let address = address_of(&target.name);
    let mut runs = ledger.runs().await.map_err(stored::ledger_failure)?;
    runs.retain(|row| row.open > 0 && address_of(&row.order.tenant) == address && row.order.request == *request);
    Ok(runs)
}

/// The order for an approved plan, or why the approval is not accepted.
pub(crate) fn order(plan: &Plan, approval: &Approval, target: &Target) -> Result<Order, Failure> {
    Order::new(plan, approval, &target.name, target.simulated()).map_err(not_approved)
}

/// Refuses a run that the ledger does not know although it was carried out from the ledger's folder before. The ledger file was
/// then emptied or replaced, and it is no longer known what was submitted.
async fn refuse_forgotten(ledger: &SqliteLedger, folder: &Path, run_id: &str) -> Result<(), Failure> {
    let Some(lock) = RunLock::existing_file(folder, run_id) else { return Ok(()) };
    // Ask only now: another process may be entering the run at this moment, and does so before it takes the lock.
    if ledger.run(run_id).await.map_err(stored::ledger_failure)?.is_some() {
        return Ok(());
    }
    let (lock, folder) = (lock.display(), folder.display());
    let message =
        format!("run `{run_id}` was carried out from `{folder}` before, but the ledger there does not know it");
    let help = format!(
        "restore the ledger that knew it, with its -wal file; or check the tenant, and if nothing of the run was submitted, remove `{lock}`"
    );
    Err(Failure::new(Exit::BadInput, "ledger.forgotten", lock.to_string(), message, help))
}

/// Enters a new run into the ledger in that folder. Refuses if its evidence or its lock already exists.
pub(crate) async fn create_run(
    (ledger, folder): (&SqliteLedger, &Path),
    evidence: &Path,
    plan: &Plan,
    planned_at: Timestamp,
    order: Order,
    now: Timestamp,
) -> Result<RunRow, Failure> {
    // Evidence is checked first, because it says more than a lock file.
    evidence::refuse_foreign(evidence, &order.run_id)?;
    evidence::refuse_earlier(evidence)?;
    refuse_forgotten(ledger, folder, &order.run_id).await?;
    let chunks = plan.chunks().iter().map(|chunk| ChunkRun::new(&order, *chunk)).collect();
    let new = NewRun { order, plan_file: PlanFile::new(plan, planned_at).text(), chunks };
    ledger.create(&new, now).await.map_err(stored::ledger_failure)?;
    let row = ledger.run(&new.order.run_id).await.map_err(stored::ledger_failure)?;
    row.ok_or_else(|| Failure::machine("note the run", "it is not in the ledger"))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn not_approved(error: ApprovalError) -> Failure {
    let (code, help) = match error {
        ApprovalError::DigestMismatch { .. } => ("approval.mismatch", "look at the plan again"),
        ApprovalError::SamePerson(_) => ("approval.samePerson", "have somebody else look at the plan and approve it"),
        ApprovalError::Approver(NameError::Nobody) => ("approval.nobody", "name the approver with `--approver`"),
        ApprovalError::Approver(NameError::Unreadable) => ("approval.name", "write the name plainly"),
    };
    approval::refused(code, error.to_string(), help)
}
