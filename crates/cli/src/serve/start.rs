//! The one way in for a plan: the plan file, its whole digest, its short code as a person typed it, and who approves.

use std::sync::Arc;

use purge_core::plan::{self, Plan};
use purge_core::run::Approval;
use purge_core::time::Timestamp;
use purge_driver::ledger::RunRow;
use purge_driver::{Clock, SystemClock};
use serde::Deserialize;

use super::desk::wait;
use super::{Server, Setup};
use crate::approval::refused;
use crate::carry::note::{self, Target};
use crate::documents::{self, Need};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// What is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Ask {
    /// The plan file's text.
    plan_file: String,
    /// The digest that was approved, whole.
    digest: String,
    /// The short code, typed by whoever approves.
    short_code: String,
    /// Who approves.
    approver: String,
}

/// The run as the ledger has it now, and whether it is new.
pub(crate) async fn start(server: &Arc<Server>, ask: Ask) -> Result<(RunRow, bool), Failure> {
    let setup = Arc::clone(&server.setup);
    server.desk.ask(move |ledger| wait(noted(&setup, ledger, &ask))).await
}

async fn noted(setup: &Setup, ledger: &SqliteLedger, ask: &Ask) -> Result<(RunRow, bool), Failure> {
    let now = SystemClock.now();
    let context = documents::context(&setup.settings, setup.tenant_jurisdiction.as_deref(), Need::Tenant, now)?;
    let reopened = plan::reopen(&ask.plan_file, &context).map_err(Failure::of_findings)?;
    let (plan, planned_at) = (reopened.plan, reopened.planned_at);
    let approval = approval(&plan, ask, now)?;
    allowed(setup, &plan)?;
    let target = Target::new(&setup.settings, setup.scenario.clone(), plan.request());
    // Also when the run is there already: whoever may not approve it may not carry it on by approving it.
    let order = note::order(&plan, &approval, &target)?;
    if let Some(row) = note::earlier(ledger, &plan, &target).await? {
        return Ok((row, false));
    }
    let evidence = setup.around.evidence_of(ledger, &order.run_id)?;
    let row = note::note((ledger, &setup.around.folder), &evidence, &plan, planned_at, order, now).await?;
    Ok((row, true))
}

fn approval(plan: &Plan, ask: &Ask, now: Timestamp) -> Result<Approval, Failure> {
    if ask.digest != plan.digest() {
        let message = format!("the approval is for another plan than `{}`", plan.digest());
        return Err(refused("approval.mismatch", message, "look at the plan again and approve what it is now"));
    }
    if ask.short_code.trim() != plan.short_code() {
        let message = "that is not the plan's code; nothing was sent".to_owned();
        return Err(refused("approval.mismatch", message, "type the code that stands beside the plan"));
    }
    let approver = ask.approver.trim();
    if approver.is_empty() {
        let message = "the approval does not say who gave it".to_owned();
        return Err(refused("approval.nobody", message, "name the approver"));
    }
    Ok(Approval { digest: ask.digest.clone(), approved_by: approver.to_owned(), approved_at: now })
}

/// The policy must be one of those that the server was started with, if it was started with any.
pub(crate) fn allowed(setup: &Setup, plan: &Plan) -> Result<(), Failure> {
    if setup.policies.is_empty() || setup.policy_of(plan.policy_digest()).is_some() {
        return Ok(());
    }
    let names: Vec<String> = setup.policies.iter().map(|allowed| format!("`{}`", allowed.name)).collect();
    let message = "the plan was made with another policy than this server allows".to_owned();
    let names = names.join(" or ");
    let help =
        format!("plan again with {names}; a file that was changed since is read when the server is started again");
    Err(Failure::new(Exit::Blocked, "policy.notAllowed", "#/policy", message, help))
}
