//! `run`: delete, verify, leave evidence.

use purge_core::finding::{Finding, Severity};
use purge_core::plan::{Plan, document};
use purge_core::policy::Policy;
use purge_core::run::{Approval, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::RunRow;
use purge_driver::{Clock, SystemClock};

use super::carried::{Manner, carry_out};
use super::{on_this_thread, remark, scenario};
use crate::approval::{self, Said};
use crate::args::RunArgs;
use crate::carry::note::{self, Target};
use crate::carry::policy::PolicyFile;
use crate::carry::run::Surroundings;
use crate::carry::{place, stored};
use crate::documents::{self, Need, Prepared};
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::settings::{Environment, Settings};
use crate::terminal::{self, findings, say, tell};

/// Plans, has it approved, notes the run, carries it out.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(&Environment)?;
    let now = SystemClock.now();
    let context = documents::context(&settings, args.tenant_jurisdiction.as_deref(), Need::Tenant, now)?;
    let scenario = match (&settings.tenant, &args.scenario) {
        (None, path) => Some(scenario::read(path.as_deref())?),
        (Some(_), None) => None,
        (Some(_), Some(path)) => return Err(scenario::on_real_tenant(path)),
    };
    let policy = args.documents.policy.as_deref().map(PolicyFile::new).transpose()?;
    let prepared = documents::prepare(&args.request, args.documents.policy.as_deref(), &context)?;
    let remarks: Vec<Finding> = settings.remarks.iter().cloned().chain(unguarded(args, &prepared, now)).collect();
    show_findings(args.json, &remarks, &prepared);
    let Some(plan) = &prepared.checked.plan else {
        let exit = Failure::of_findings(prepared.checked.findings).exit;
        return Err(Failure { exit, findings: Vec::new() });
    };
    let target = Target::new(&settings, scenario, plan);
    let ledger = SqliteLedger::open(&args.ledger.ledger).map_err(stored::unopened(&args.ledger.ledger))?;
    on_this_thread(async {
        let row = noted(args, &ledger, plan, &prepared, &target).await?;
        let around = Surroundings {
            folder: args.ledger.ledger.clone(),
            evidence: args.evidence.clone(),
            scenario: target.scenario,
            policy,
        };
        carry_out(&ledger, &settings, &around, Manner { json: args.json, deliver: false }, row).await
    })
}

/// The run as the ledger has it: there from before, or new and approved.
async fn noted(
    args: &RunArgs,
    ledger: &SqliteLedger,
    plan: &Plan,
    prepared: &Prepared,
    target: &Target,
) -> Result<RunRow, Failure> {
    let now = SystemClock.now();
    let before = note::earlier(ledger, plan, target).await?;
    if before.is_none() && !args.json {
        terminal::plan::plan(plan, &target.name).iter().for_each(|line| tell(line));
    }
    let said = Said {
        digest: args.approve.as_deref(),
        approver: args.approver.as_deref().or(before.as_ref().map(|row| row.order.approved_by.as_str())),
        needed: !target.simulated() && before.is_none(),
        may_ask: Said::at_terminal() && !args.json,
    };
    let approval = approval::approval(plan, said, now)?;
    if let Some(row) = before {
        if approval.approved_by != row.order.approved_by {
            remark(args.json, &approved_before(&row.order, &approval));
        }
        return Ok(row);
    }
    let mut order = note::order(plan, &approval, target)?;
    narrow(&mut order, plan.policy(), args);
    let evidence = place::evidence(&args.ledger.ledger, args.evidence.as_deref(), &order.run_id);
    note::note(ledger, &evidence, plan, prepared.planned_at, order, now).await
}

/// What has begun keeps the approval that it began with.
fn approved_before(order: &Order, approval: &Approval) -> Finding {
    let Approval { approved_by, .. } = approval;
    let message = format!(
        "the run was approved by `{}` at {}, and that stands: `{approved_by}` appears nowhere",
        order.approved_by, order.approved_at
    );
    Finding::new(
        Severity::Warning,
        "approval.earlier",
        "--approver",
        message,
        "leave `--approver` away to go on with a run",
    )
}

/// Flags may stay below a policy, never go beyond it. Without a policy there is nothing to go beyond.
fn narrow(order: &mut Order, policy: &Policy, args: &RunArgs) {
    let free = *policy == Policy::default();
    let limits = &mut order.limits;
    if let Some(concurrency) = args.concurrency {
        limits.concurrency = if free { concurrency } else { concurrency.min(limits.concurrency) };
    }
    if let Some(seconds) = args.chunk_deadline {
        limits.chunk_deadline_seconds = if free { seconds } else { seconds.min(limits.chunk_deadline_seconds) };
    }
}

/// A plan file is as old as its plan, and so are the holds in it.
fn unguarded(args: &RunArgs, prepared: &Prepared, now: Timestamp) -> Option<Finding> {
    (prepared.planned_at != now && args.documents.policy.is_none()).then(|| {
        let message = "no policy is given: what has been put on hold since the plan was made is not known";
        let help = "give the policy that applies now; it is read again right before each deletion";
        Finding::new(Severity::Warning, "policy.notInForce", "--policy", message, help)
    })
}

/// The plan with all findings, before anything is done.
fn show_findings(json: bool, remarks: &[Finding], prepared: &Prepared) {
    remarks.iter().for_each(|finding| remark(json, finding));
    if json {
        say(&events::plan(&document(&prepared.checked)));
        return;
    }
    for finding in prepared.checked.findings.iter().filter(|f| f.severity != Severity::Note) {
        tell(&findings::finding(&prepared.names.locate(finding)));
    }
    if prepared.checked.plan.is_none() {
        terminal::plan::kept(&prepared.checked.parts).iter().for_each(|line| tell(line));
        tell(&format!("no plan: {}; nothing was sent", findings::count(&prepared.checked.findings)));
    }
}
