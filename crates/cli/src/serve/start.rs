//! The only way to start a plan: with the plan file, its whole digest, its short code as a person typed it, and the approver's
//! name.

use std::sync::Arc;

use purge_core::plan::{self, Plan};
use purge_core::run::Approval;
use purge_core::time::Timestamp;
use purge_driver::ledger::RunRow;
use purge_driver::{Clock, SystemClock};
use serde::Deserialize;

use super::pool::wait;
use super::{Server, Setup};
use crate::approval::refused;
use crate::carry::note::{self, Target};
use crate::documents::{self, TenantRegion};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;

/// What the page sends to start a plan.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Ask {
    /// The plan file's text.
    plan_file: String,
    /// The whole digest that was approved.
    digest: String,
    /// The short code, typed by the approver.
    short_code: String,
    /// The approver's name.
    approver: String,
}

/// Enters the plan's run into the ledger. Returns it as it stands now, and whether it is new.
pub(crate) async fn start(server: &Arc<Server>, ask: Ask) -> Result<(RunRow, bool), Failure> {
    let setup = Arc::clone(&server.setup);
    server.ledgers.ask(move |ledger| wait(find_or_create_run(&setup, ledger, &ask))).await
}

async fn find_or_create_run(setup: &Setup, ledger: &SqliteLedger, ask: &Ask) -> Result<(RunRow, bool), Failure> {
    let now = SystemClock.now();
    let context =
        documents::check_context(&setup.settings, setup.tenant_jurisdiction.as_deref(), TenantRegion::Required, now)?;
    let reopened = plan::reopen(&ask.plan_file, &context).map_err(Failure::of_findings)?;
    let (plan, planned_at) = (reopened.plan, reopened.planned_at);
    let approval = approval(&plan, ask, now)?;
    check_allowed(setup, &plan)?;
    let target = Target::new(&setup.settings, setup.scenario.clone(), plan.request());
    // Checked even if the run exists: whoever may not approve it may not carry it on by approving it.
    let order = note::order(&plan, &approval, &target)?;
    if let Some(row) = note::existing_run(ledger, &plan, &target).await? {
        return Ok((row, false));
    }
    let evidence = setup.around.evidence_of(ledger, &order.run_id)?;
    let row = note::create_run((ledger, &setup.around.folder), &evidence, &plan, planned_at, order, now).await?;
    Ok((row, true))
}

fn approval(plan: &Plan, ask: &Ask, now: Timestamp) -> Result<Approval, Failure> {
    if ask.digest != plan.digest() {
        let message = format!("the approval is for another plan than `{}`", plan.digest());
        return Err(refused("approval.mismatch", message, "look at the plan again and approve its current version"));
    }
    if ask.short_code.trim() != plan.short_code() {
        let message = "that is not the plan's code; nothing was sent".to_owned();
        return Err(refused("approval.mismatch", message, "type the code shown beside the plan"));
    }
    let approver = ask.approver.trim();
    if approver.is_empty() {
        let message = "the approval does not say who gave it".to_owned();
        return Err(refused("approval.nobody", message, "name the approver"));
    }
    Ok(Approval { digest: ask.digest.clone(), approved_by: approver.to_owned(), approved_at: now })
}

/// Refuses unless the plan's policy is one of those that the server was started with, if there were any.
pub(crate) fn check_allowed(setup: &Setup, plan: &Plan) -> Result<(), Failure> {
    if setup.policies.is_empty() || setup.policy_of(plan.policy_digest()).is_some() {
        return Ok(());
    }
    let names: Vec<String> = setup.policies.iter().map(|allowed| format!("`{}`", allowed.name)).collect();
    let message = "the plan was made with a policy that this server does not allow".to_owned();
    let names = names.join(" or ");
    let help = format!("plan again with {names}; a file that was changed since is read when the server starts again");
    Err(Failure::new(Exit::Blocked, "policy.notAllowed", "#/policy", message, help))
}
