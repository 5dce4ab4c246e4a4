//! `run`: deletes, verifies, and leaves evidence.

use purge_core::finding::{Finding, Severity};
use purge_core::plan::{Plan, document};
use purge_core::policy::{Limits, Policy};
use purge_core::run::Order;
use purge_driver::ledger::RunRow;
use purge_driver::{Clock, SystemClock};
use purge_sim::Scenario;

use super::begun::begun_runs;
use super::carried::{Manner, Task, carry_out};
use super::{remark, scenario};
use crate::approval::{self, ApprovalInput};
use crate::args::RunArgs;
use crate::carry::note::{self, Target};
use crate::carry::policy::PolicyFile;
use crate::carry::run::Surroundings;
use crate::carry::stored;
use crate::documents::{self, Prepared, TenantRegion};
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;
use crate::settings::{Environment, Settings};
use crate::terminal::{self, findings, hint, print_err, print_out};

/// Plans, gets approval, enters the run into the ledger, and carries it out.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(&Environment)?;
    let now = SystemClock.now();
    let context =
        documents::check_context(&settings, args.tenant_jurisdiction.as_deref(), TenantRegion::Required, now)?;
    let scenario = scenario::for_settings(&settings, args.scenario.as_deref())?;
    let policy = args.documents.policy.as_deref().map(PolicyFile::new).transpose()?;
    let prepared = documents::prepare(&args.request, args.documents.policy.as_deref(), &context)?;
    let remarks: Vec<Finding> = settings.remarks.iter().cloned().chain(no_policy_warning(args, &prepared)).collect();
    show_findings(args.json, &remarks, &prepared);
    let Some(plan) = &prepared.checked.plan else {
        begun_run_warnings(args, &settings, scenario, &prepared).iter().for_each(|finding| remark(args.json, finding));
        let exit = Failure::of_findings(prepared.checked.findings).exit;
        return Err(Failure { exit, findings: Vec::new() });
    };
    let target = Target::new(&settings, scenario, plan.request());
    let ledger = SqliteLedger::open(&args.ledger.ledger).map_err(stored::open_failure(&args.ledger.ledger))?;
    on_this_thread(async {
        let around = Surroundings {
            folder: args.ledger.ledger.clone(),
            evidence: args.evidence.clone(),
            scenario: target.scenario.clone(),
            policy,
        };
        let row = find_or_create_run(args, &ledger, plan, &prepared, &target, &around).await?;
        carry_out(&ledger, &settings, &around, Manner { json: args.json, task: Task::Chunks }, row).await
    })
}

/// Warnings about runs of this request that have begun under another policy: they go on although this command is refused.
fn begun_run_warnings(
    args: &RunArgs,
    settings: &Settings,
    scenario: Option<Scenario>,
    prepared: &Prepared,
) -> Vec<Finding> {
    let Some(request) = &prepared.request else { return Vec::new() };
    let target = Target::new(settings, scenario, request);
    // A ledger that cannot be read must not hide what is wrong with the plan.
    begun_runs(&args.ledger.ledger, request, &target).unwrap_or_else(|failure| failure.findings)
}

/// The run in the ledger: the existing one, or a new one once it is approved.
async fn find_or_create_run(
    args: &RunArgs,
    ledger: &SqliteLedger,
    plan: &Plan,
    prepared: &Prepared,
    target: &Target,
    around: &Surroundings,
) -> Result<RunRow, Failure> {
    if let Some(row) = earlier_run(args, ledger, plan, prepared, target).await? {
        return resume_run(args, plan, row);
    }
    let now = SystemClock.now();
    if !args.json {
        terminal::plan::plan(plan, &target.name).iter().for_each(|line| print_err(line));
    }
    let input = ApprovalInput {
        digest: args.approve.as_deref(),
        approver: args.approver.as_deref(),
        needed: !target.simulated(),
        may_ask: ApprovalInput::at_terminal() && !args.json,
    };
    let approval = approval::obtain(plan, input, now)?;
    let mut order = note::order(plan, &approval, target)?;
    apply_flags(&mut order.limits, plan.policy(), args);
    let place = around.evidence_of(ledger, &order.run_id)?;
    note::create_run((ledger, &around.folder), &place, plan, prepared.planned_at, order, now).await
}

/// The run that this command goes on with: that of the plan, or, if rules end elsewhere by now, that of the same request and
/// policy.
async fn earlier_run(
    args: &RunArgs,
    ledger: &SqliteLedger,
    plan: &Plan,
    prepared: &Prepared,
    target: &Target,
) -> Result<Option<RunRow>, Failure> {
    if let Some(row) = note::existing_run(ledger, plan, target).await? {
        return Ok(Some(row));
    }
    let runs = note::unfinished_runs(ledger, plan.request(), target).await?;
    let (same, other): (Vec<_>, Vec<_>) = runs.into_iter().partition(|row| {
        prepared.from_request && row.order.policy_digest == plan.policy_digest() && row.order.tenant == target.name
    });
    if same.is_empty() {
        other.iter().for_each(|row| remark(args.json, &open_run_warning(args, &row.order)));
    }
    Ok(same.into_iter().next())
}

/// Goes on with an existing run, which keeps the plan and the approval that it began with.
fn resume_run(args: &RunArgs, plan: &Plan, row: RunRow) -> Result<RunRow, Failure> {
    let Order { run_id, plan_digest, approved_by, approved_at, .. } = &row.order;
    if let Some(digest) = args.approve.as_ref().filter(|digest| *digest != plan_digest) {
        let message =
            format!("the approval is for `{digest}`, but run `{run_id}`, which has begun, carries out `{plan_digest}`");
        let help = "omit `--approve` to go on with it, or end it with `genesys-purge cancel` first";
        return Err(approval::refused("approval.mismatch", message, help));
    }
    if plan_digest != plan.digest() {
        let message = format!(
            "this continues run `{run_id}`, approved at {approved_at}: retention rules end elsewhere today, so a new plan would differ"
        );
        let help = "once that run has ended, the same command plans anew";
        remark(args.json, &Finding::new(Severity::Warning, "run.goesOn", "", message, help));
    }
    if let Some(other) = args.approver.as_ref().filter(|approver| *approver != approved_by) {
        let message = format!(
            "the run was approved by `{approved_by}` at {approved_at}, and that stands: `{other}` is not recorded"
        );
        let help = "omit `--approver` to go on with a run";
        remark(args.json, &Finding::new(Severity::Warning, "approval.earlier", "--approver", message, help));
    }
    late_flag_warnings(args, plan, &row.order).iter().for_each(|finding| remark(args.json, finding));
    Ok(row)
}

/// Warns of flags that would have counted only when the run began, and differ from what it began with.
fn late_flag_warnings(args: &RunArgs, plan: &Plan, order: &Order) -> Vec<Finding> {
    let mut wanted = plan.policy().limits.clone();
    apply_flags(&mut wanted, plan.policy(), args);
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

/// Warns of an open run of the same request: another plan may delete what that run still has to delete.
fn open_run_warning(args: &RunArgs, order: &Order) -> Finding {
    let message = format!(
        "run `{}` of the same request, with another policy or plan, has not ended, and goes on under its own",
        order.run_id
    );
    let cancel = hint::cancel(&args.ledger.ledger, &order.run_id);
    let help = format!("if both would delete the same data, end it first with `{cancel}`");
    Finding::new(Severity::Warning, "run.open", "", message, help)
}

/// Applies flags to the limits. Flags may stay below the policy but never exceed it; without a policy they are free.
fn apply_flags(limits: &mut Limits, policy: &Policy, args: &RunArgs) {
    let free = *policy == Policy::default();
    if let Some(concurrency) = args.concurrency {
        limits.concurrency = if free { concurrency } else { concurrency.min(limits.concurrency) };
    }
    if let Some(seconds) = args.chunk_deadline {
        limits.chunk_deadline_seconds = if free { seconds } else { seconds.min(limits.chunk_deadline_seconds) };
    }
}

/// Warns that a plan file without `--policy` knows no holds newer than its plan.
fn no_policy_warning(args: &RunArgs, prepared: &Prepared) -> Option<Finding> {
    (!prepared.from_request && args.documents.policy.is_none()).then(|| {
        let message = "no policy is given: holds newer than the plan are not known";
        let help = "give the policy that applies now; it is read again right before each deletion";
        Finding::new(Severity::Warning, "policy.notInForce", "--policy", message, help)
    })
}

/// Shows the plan and all findings before anything is done.
fn show_findings(json: bool, remarks: &[Finding], prepared: &Prepared) {
    remarks.iter().for_each(|finding| remark(json, finding));
    if json {
        print_out(&events::plan(&document(&prepared.checked)));
        return;
    }
    for finding in prepared.checked.findings.iter().filter(|f| f.severity != Severity::Note) {
        print_err(&findings::finding(&prepared.names.locate(finding)));
    }
    if prepared.checked.plan.is_none() {
        terminal::plan::kept(&prepared.checked.parts).iter().for_each(|line| print_err(line));
        print_err(&format!("no plan: {}; this command has sent nothing", findings::count(&prepared.checked.findings)));
    }
}
