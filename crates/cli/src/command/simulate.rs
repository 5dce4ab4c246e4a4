//! `simulate`: rehearses in virtual time, with the same loop that carries out real runs.

use purge_core::finding::Severity;
use purge_core::plan::{Plan, PlanFile, document};
use purge_core::report::{Ordered, Report, exit_code};
use purge_core::run::{Approval, ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_core::url;
use purge_driver::ledger::{Ledger, NewRun};
use purge_driver::{
    Clock, Credentials, MemoryLedger, Runner, Sender, Signal, SystemClock, VirtualClock, Worker, virtual_time,
};
use purge_sim::Scenario;

use super::scenario;
use crate::approval;
use crate::args::SimulateArgs;
use crate::carry::answers::Answers;
use crate::carry::messages::Messages;
use crate::carry::{place, stored};
use crate::documents::{self, TenantRegion};
use crate::events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Environment, Settings};
use crate::simulated::direct::Direct;
use crate::simulated::world::World;
use crate::terminal::progress::Progress;
use crate::terminal::result::{self, ReportExtras};
use crate::terminal::{self, CARE, findings, paint, print_err, print_out};

/// Plans, rehearses and reports. Credentials are not used.
pub(crate) fn run(args: &SimulateArgs) -> Result<Exit, Failure> {
    let settings = Settings { tenant: None, webhook: None, ..Settings::read(&Environment)? };
    let now = SystemClock.now();
    let context = documents::check_context(&settings, None, TenantRegion::Optional, now)?;
    let scenario = scenario::read(args.scenario.as_deref())?;
    let prepared = documents::prepare(&args.request, args.documents.policy.as_deref(), &context)?;
    if args.json {
        print_out(&events::plan(&document(&prepared.checked)));
    } else {
        for finding in prepared.checked.findings.iter().filter(|f| f.severity != Severity::Note) {
            print_err(&findings::finding(&prepared.names.locate(finding)));
        }
    }
    let Some(plan) = &prepared.checked.plan else {
        let exit = Failure::of_findings(prepared.checked.findings).exit;
        return Err(Failure { exit, findings: Vec::new() });
    };
    let scenario = Scenario { jurisdiction: plan.request().jurisdiction.clone(), ..scenario };
    let file = PlanFile::new(plan, prepared.planned_at);
    let (report, answers) = rehearse(plan, &file, scenario, now, args.json)?;
    if args.json {
        print_out(&report.line());
    } else {
        terminal::plan::plan(plan, &report.tenant).iter().for_each(|line| print_out(line));
        print_out("");
        print_out(&paint(CARE, "SIMULATED in virtual time: nothing real was deleted, nothing was written"));
        let extras = ReportExtras {
            messages: &Messages::default(),
            simulated_receiver: true,
            answers: &answers,
            deliver: "",
            full_list: "with `--json`",
        };
        result::report(&report, extras).iter().for_each(|line| print_out(line));
    }
    Ok(Exit::Report(exit_code(&report)))
}

fn rehearse(
    plan: &Plan,
    file: &PlanFile,
    scenario: Scenario,
    now: Timestamp,
    json: bool,
) -> Result<(Report, Answers), Failure> {
    let approval = Approval {
        digest: plan.digest().to_owned(),
        approved_by: "nobody, in a simulation".to_owned(),
        approved_at: now,
    };
    let order = Order::new(plan, &approval, &place::simulated_name(&scenario), true)
        .map_err(|why| approval::refused("approval.mismatch", why.to_string(), ""))?;
    let client = scenario.client();
    let base = url::base_url("https://simulated.invalid").map_err(|why| Failure::machine("address the tenant", why))?;
    let tenant = purge_driver::Tenant {
        api: base.clone(),
        login: base,
        deletion_api: order.request.api,
        credentials: Credentials::new(client.id, client.secret),
    };
    let clock = VirtualClock::new(now);
    let http = Direct::new(World::new(purge_sim::Tenant::new(scenario), None, None), &clock);
    let ledger = MemoryLedger::new();
    let (progress, stop) = (Progress::unwatched(json), Signal::new());
    let sender = Sender::new(&http, &clock, &tenant, order.limits.requests_per_minute);
    let worker = Worker {
        ledger: &ledger,
        sender: &sender,
        clock: &clock,
        watch: &progress,
        owner: "simulation",
        assume_dead_owners: true,
        policy: None,
        sends_messages: false,
        stop: &stop,
        patience: None,
    };
    let runner = Runner { worker, postman: None };
    let chunks = plan.chunks().iter().map(|chunk| ChunkRun::new(&order, *chunk)).collect();
    let plan_file = serde_json::to_string(file).map_err(|why| Failure::machine("write the plan file", why))?;
    let new = NewRun { order, plan_file, chunks };
    let run_id = new.order.run_id.as_str();
    let rehearsal = async {
        ledger.create(&new, now).await?;
        runner.run(run_id).await?;
        ledger.records(run_id, 0, u32::MAX).await
    };
    let records = virtual_time::run(&clock, rehearsal)
        .map_err(|why| Failure::machine("go on with the simulation", why))?
        .map_err(stored::ledger_failure)?;
    let ordered = Ordered::of(&new.order, plan);
    let records = || records.iter().map(|row| &row.record);
    Ok((Report::of(ordered, records()), Answers::from_records(records())))
}
