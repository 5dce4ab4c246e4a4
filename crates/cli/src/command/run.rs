//! `run`: delete, verify, leave evidence.

use std::path::Path;

use purge_core::finding::{Finding, Severity};
use purge_core::plan::{Plan, PlanFile, document};
use purge_core::policy::Policy;
use purge_core::run::{ApprovalError, ChunkRun, Order};
use purge_driver::ledger::{Ledger, NewRun, RunRow};
use purge_driver::{Clock, SystemClock};
use purge_sim::Scenario;

use super::{on_this_thread, scenario};
use crate::approval::{self, Said};
use crate::args::RunArgs;
use crate::carry::place;
use crate::carry::run::{Surroundings, carry_out};
use crate::carry::stored;
use crate::documents::{self, Need, Prepared};
use crate::events;
use crate::evidence;
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
        (Some(_), Some(path)) => return Err(scenario_on_real_tenant(path)),
    };
    let prepared = documents::prepare(&args.request, args.documents.policy.as_deref(), &context)?;
    show_findings(args.json, &settings.remarks, &prepared);
    let Some(plan) = &prepared.checked.plan else {
        let exit = Failure::of_findings(prepared.checked.findings).exit;
        return Err(Failure { exit, findings: Vec::new() });
    };
    // The simulated tenant lies wherever the request supposes.
    let scenario = scenario.map(|s| Scenario { jurisdiction: plan.request().jurisdiction.clone(), ..s });
    let target = Target::new(&settings, scenario);
    let ledger = SqliteLedger::open(&args.ledger.ledger).map_err(stored::failed)?;
    on_this_thread(async {
        let row = noted(args, &ledger, plan, &prepared, &target).await?;
        let around = Surroundings {
            folder: args.ledger.ledger.clone(),
            evidence: args.evidence.clone(),
            json: args.json,
            deliver: false,
            scenario: target.scenario,
        };
        carry_out(&ledger, &settings, &around, row).await
    })
}

/// Which tenant, as records name it.
struct Target {
    name: String,
    scenario: Option<Scenario>,
}

impl Target {
    fn new(settings: &Settings, scenario: Option<Scenario>) -> Self {
        let name = match (&settings.tenant, &scenario) {
            (Some(tenant), _) => tenant.base.to_string(),
            (None, Some(scenario)) => place::simulated_name(scenario),
            (None, None) => String::new(),
        };
        Self { name, scenario }
    }
}

/// The run as the ledger has it: there from before, or new and approved.
async fn noted(
    args: &RunArgs,
    ledger: &SqliteLedger,
    plan: &Plan,
    prepared: &Prepared,
    target: &Target,
) -> Result<RunRow, Failure> {
    let simulated = target.scenario.is_some();
    let now = SystemClock.now();
    let runs = ledger.runs().await.map_err(stored::failed)?;
    let same = |row: &RunRow| row.order.plan_digest == plan.digest() && row.order.tenant == target.name;
    let before = runs.into_iter().find(same);
    if before.is_none() && !args.json {
        terminal::plan::plan(plan, &target.name).iter().for_each(|line| tell(line));
    }
    let said = Said {
        digest: args.approve.as_deref(),
        approver: args.approver.as_deref().or(before.as_ref().map(|row| row.order.approved_by.as_str())),
        needed: !simulated && before.is_none(),
        may_ask: Said::at_terminal() && !args.json,
    };
    let approval = approval::approval(plan, said, now)?;
    if let Some(row) = before {
        return Ok(row);
    }
    let mut order = Order::new(plan, &approval, &target.name, simulated).map_err(not_approved)?;
    narrow(&mut order, plan.policy(), args);
    evidence::refuse_earlier(&place::evidence(&args.ledger.ledger, args.evidence.as_deref(), &order.run_id))?;
    let chunks = plan.chunks().iter().map(|chunk| ChunkRun::new(&order, *chunk)).collect();
    let plan_file = serde_json::to_string_pretty(&PlanFile::new(plan, prepared.planned_at))
        .map_err(|why| Failure::machine("write the plan file", why))?;
    let new = NewRun { order, plan_file: format!("{plan_file}\n"), chunks };
    ledger.create(&new, now).await.map_err(stored::failed)?;
    let row = ledger.run(&new.order.run_id).await.map_err(stored::failed)?;
    row.ok_or_else(|| Failure::machine("note the run", "it is not in the ledger"))
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

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn not_approved(error: ApprovalError) -> Failure {
    let (code, help) = match error {
        ApprovalError::DigestMismatch { .. } => ("approval.mismatch", "look at the plan again"),
        ApprovalError::SamePerson(_) => ("approval.samePerson", "have somebody else look at the plan and approve it"),
        ApprovalError::Nobody => ("approval.nobody", "name the approver with `--approver`"),
    };
    approval::refused(code, error.to_string(), help)
}

/// The plan with all findings, before anything is done.
fn show_findings(json: bool, remarks: &[Finding], prepared: &Prepared) {
    if json {
        remarks.iter().for_each(|remark| say(&events::problem(remark)));
        say(&events::plan(&document(&prepared.checked)));
        return;
    }
    for remark in remarks {
        tell(&findings::finding(remark));
    }
    for finding in prepared.checked.findings.iter().filter(|f| f.severity != Severity::Note) {
        tell(&findings::finding(&prepared.names.locate(finding)));
    }
    if prepared.checked.plan.is_none() {
        terminal::plan::kept(&prepared.checked.parts).iter().for_each(|line| tell(line));
        tell(&format!("no plan: {}; nothing was sent", findings::count(&prepared.checked.findings)));
    }
}

fn scenario_on_real_tenant(path: &Path) -> Failure {
    Failure::new(
        Exit::BadInput,
        "scenario.realTenant",
        "--scenario",
        format!("`{}` is a scenario of the simulated tenant, but the settings name a real one", path.display()),
        "leave `--scenario` away, or unset the GENESYS_ settings",
    )
}
