//! `run`: delete, verify, leave evidence.

use purge_core::finding::{Finding, Severity};
use purge_core::plan::{Plan, document};
use purge_core::policy::{Limits, Policy};
use purge_core::run::Order;
use purge_driver::ledger::RunRow;
use purge_driver::{Clock, SystemClock};
use purge_sim::Scenario;

use super::begun::begun;
use super::carried::{Errand, Manner, carry_out};
use super::{remark, scenario};
use crate::approval::{self, Said};
use crate::args::RunArgs;
use crate::carry::note::{self, Target};
use crate::carry::policy::PolicyFile;
use crate::carry::run::Surroundings;
use crate::carry::stored;
use crate::documents::{self, Need, Prepared};
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;
use crate::settings::{Environment, Settings};
use crate::terminal::{self, findings, hint, say, tell};

/// Plans, has it approved, notes the run, carries it out.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(&Environment)?;
    let now = SystemClock.now();
    let context = documents::context(&settings, args.tenant_jurisdiction.as_deref(), Need::Tenant, now)?;
    let scenario = scenario::of(&settings, args.scenario.as_deref())?;
    let policy = args.documents.policy.as_deref().map(PolicyFile::new).transpose()?;
    let prepared = documents::prepare(&args.request, args.documents.policy.as_deref(), &context)?;
    let remarks: Vec<Finding> = settings.remarks.iter().cloned().chain(unguarded(args, &prepared)).collect();
    show_findings(args.json, &remarks, &prepared);
    let Some(plan) = &prepared.checked.plan else {
        begun_before(args, &settings, scenario, &prepared).iter().for_each(|finding| remark(args.json, finding));
        let exit = Failure::of_findings(prepared.checked.findings).exit;
        return Err(Failure { exit, findings: Vec::new() });
    };
    let target = Target::new(&settings, scenario, plan.request());
    let ledger = SqliteLedger::open(&args.ledger.ledger).map_err(stored::unopened(&args.ledger.ledger))?;
    on_this_thread(async {
        let around = Surroundings {
            folder: args.ledger.ledger.clone(),
            evidence: args.evidence.clone(),
            scenario: target.scenario.clone(),
            policy,
        };
        let row = noted(args, &ledger, plan, &prepared, &target, &around).await?;
        carry_out(&ledger, &settings, &around, Manner { json: args.json, errand: Errand::Chunks }, row).await
    })
}

/// What is refused here may have begun under another policy, and goes on then.
fn begun_before(args: &RunArgs, settings: &Settings, scenario: Option<Scenario>, prepared: &Prepared) -> Vec<Finding> {
    let Some(request) = &prepared.request else { return Vec::new() };
    let target = Target::new(settings, scenario, request);
    // A ledger that cannot be asked must not hide what is wrong with the plan.
    begun(&args.ledger.ledger, request, &target).unwrap_or_else(|failure| failure.findings)
}

/// The run as the ledger has it: there from before, or new and approved.
async fn noted(
    args: &RunArgs,
    ledger: &SqliteLedger,
    plan: &Plan,
    prepared: &Prepared,
    target: &Target,
    around: &Surroundings,
) -> Result<RunRow, Failure> {
    if let Some(row) = earlier(args, ledger, plan, prepared, target).await? {
        return goes_on(args, plan, row);
    }
    let now = SystemClock.now();
    if !args.json {
        terminal::plan::plan(plan, &target.name).iter().for_each(|line| tell(line));
    }
    let said = Said {
        digest: args.approve.as_deref(),
        approver: args.approver.as_deref(),
        needed: !target.simulated(),
        may_ask: Said::at_terminal() && !args.json,
    };
    let approval = approval::approval(plan, said, now)?;
    let mut order = note::order(plan, &approval, target)?;
    narrow(&mut order.limits, plan.policy(), args);
    let place = around.evidence_of(ledger, &order.run_id)?;
    note::note((ledger, &around.folder), &place, plan, prepared.planned_at, order, now).await
}

/// The run that this command goes on with: that of the plan, or, if rules have moved since, that of the request and policy.
async fn earlier(
    args: &RunArgs,
    ledger: &SqliteLedger,
    plan: &Plan,
    prepared: &Prepared,
    target: &Target,
) -> Result<Option<RunRow>, Failure> {
    if let Some(row) = note::earlier(ledger, plan, target).await? {
        return Ok(Some(row));
    }
    let runs = note::unfinished(ledger, plan.request(), target).await?;
    let (same, other): (Vec<_>, Vec<_>) = runs.into_iter().partition(|row| {
        prepared.of_request && row.order.policy_digest == plan.policy_digest() && row.order.tenant == target.name
    });
    if same.is_empty() {
        other.iter().for_each(|row| remark(args.json, &still_open(args, &row.order)));
    }
    Ok(same.into_iter().next())
}

/// What has begun keeps the plan and the approval that it began with.
fn goes_on(args: &RunArgs, plan: &Plan, row: RunRow) -> Result<RunRow, Failure> {
    let Order { run_id, plan_digest, approved_by, approved_at, .. } = &row.order;
    if let Some(digest) = args.approve.as_ref().filter(|digest| *digest != plan_digest) {
        let message =
            format!("the approval is for `{digest}`, but run `{run_id}`, which has begun, carries out `{plan_digest}`");
        let help = "omit `--approve` to go on with it, or end it with `genesys-purge cancel` first";
        return Err(approval::refused("approval.mismatch", message, help));
    }
    if plan_digest != plan.digest() {
        let message = format!(
            "it goes on with run `{run_id}`, approved at {approved_at}: today rules end elsewhere, and the plan would be another"
        );
        let help = "once that run has ended, the same command plans anew";
        remark(args.json, &Finding::new(Severity::Warning, "run.goesOn", "", message, help));
    }
    if let Some(other) = args.approver.as_ref().filter(|approver| *approver != approved_by) {
        let message = format!(
            "the run was approved by `{approved_by}` at {approved_at}, and that stands: `{other}` appears nowhere"
        );
        let help = "omit `--approver` to go on with a run";
        remark(args.json, &Finding::new(Severity::Warning, "approval.earlier", "--approver", message, help));
    }
    too_late(args, plan, &row.order).iter().for_each(|finding| remark(args.json, finding));
    Ok(row)
}

/// Flags that would have counted when the run began, and are not what it began with.
fn too_late(args: &RunArgs, plan: &Plan, order: &Order) -> Vec<Finding> {
    let mut wanted = plan.policy().limits.clone();
    narrow(&mut wanted, plan.policy(), args);
    let flag = |flag: &str, is_given: bool, wanted: u64, began: u64| {
        let message = format!("run `{}` began with {began}, and that stands: `{flag}` changes nothing", order.run_id);
        let help = format!("omit `{flag}` to go on with a run");
        let differs = is_given && wanted != began;
        differs.then(|| Finding::new(Severity::Warning, "limits.earlier", flag, message, help))
    };
    let (began, deadline) = (&order.limits, args.chunk_deadline.is_some());
    let concurrency =
        flag("--concurrency", args.concurrency.is_some(), wanted.concurrency.into(), began.concurrency.into());
    let deadline = flag("--chunk-deadline", deadline, wanted.chunk_deadline_seconds, began.chunk_deadline_seconds);
    concurrency.into_iter().chain(deadline).collect()
}

/// Another plan of the same request may delete what that run still has to delete.
fn still_open(args: &RunArgs, order: &Order) -> Finding {
    let message = format!(
        "run `{}` of the same request, with another policy or plan, has not ended, and goes on under its own",
        order.run_id
    );
    let cancel = hint::cancel(&args.ledger.ledger, &order.run_id);
    let help = format!("end it first, with `{cancel}` and its own command, if both would delete the same");
    Finding::new(Severity::Warning, "run.open", "", message, help)
}

/// Flags may stay below a policy, never go beyond it. Without a policy there is nothing to go beyond.
fn narrow(limits: &mut Limits, policy: &Policy, args: &RunArgs) {
    let free = *policy == Policy::default();
    if let Some(concurrency) = args.concurrency {
        limits.concurrency = if free { concurrency } else { concurrency.min(limits.concurrency) };
    }
    if let Some(seconds) = args.chunk_deadline {
        limits.chunk_deadline_seconds = if free { seconds } else { seconds.min(limits.chunk_deadline_seconds) };
    }
}

/// A plan file is as old as its plan, and so are the holds in it.
fn unguarded(args: &RunArgs, prepared: &Prepared) -> Option<Finding> {
    (!prepared.of_request && args.documents.policy.is_none()).then(|| {
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
