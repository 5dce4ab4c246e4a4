//! Whole runs of the driver's own loop against the simulated tenant, in virtual time, with faults on the connection and processes
//! that die at every commit, send and reply. Some runs are cancelled, and some are retried after their end. Whatever happens: at
//! most one executed deletion per chunk and attempt that may have left something, no held record deleted, none after a cancel,
//! every run ends, the report adds up, the audit log verifies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

mod kept;
mod ledger;
mod policy;
mod rng;
mod scenario;

use std::time::Duration;

use futures_util::future::join;
use ledger::FusedLedger;
use policy::{Kept, UNDER_WAY, accepted, comes_too_late};
use purge_core::audit::{Event, Verifier};
use purge_core::plan::{self, CheckContext, Plan, PlanFile};
use purge_core::report::{Ordered, Report};
use purge_core::request::DeletionApi;
use purge_core::run::{Approval, Asked, ChunkRun, Order, Outcome};
use purge_core::time::Timestamp;
use purge_core::url::{base_url, webhook_url};
use purge_core::webhook::Secrets;
use purge_core::window::Window;
use purge_driver::ledger::NewRun;
use purge_driver::{
    Clock as _, Credentials, Ledger as _, MemoryLedger, Postman, RunEnd, Runner, Sender, Signal, Tenant, Unwatched,
    VirtualClock, Worker, redrive, virtual_time,
};
use purge_tests::world::{Fuse, TENANT, WEBHOOK, Wire};
use rng::Rng;
use scenario::Case;
use serde_json::Value;

/// How often the processes of a run die before they are left in peace.
const DEATHS: u64 = 6;

/// How many schedules there are for each deletion API; more with `PURGE_SCHEDULES=n`.
fn schedules() -> u64 {
    std::env::var("PURGE_SCHEDULES").ok().and_then(|n| n.parse().ok()).unwrap_or(5_000)
}

#[test]
fn deletions_survive_faults_and_deaths() {
    all(DeletionApi::DataDeletion);
}

#[test]
fn recording_jobs_survive_faults_and_deaths() {
    all(DeletionApi::RecordingJobs);
}

fn all(api: DeletionApi) {
    let mut outcomes = std::collections::BTreeMap::<&str, u64>::new();
    let (mut deaths, mut points) = (0, 0);
    for seed in 0..schedules() {
        let told = std::panic::catch_unwind(|| one(api, seed));
        let Ok(end) = told else {
            panic!("schedule {seed} of {} went wrong; see above", api.as_str());
        };
        deaths += end.deaths;
        points += end.points;
        for outcome in end.outcomes {
            *outcomes.entry(outcome.as_str()).or_default() += 1;
        }
    }
    println!("{}: {} schedules, {deaths} deaths, {points} points, {outcomes:?}", api.as_str(), schedules());
    let verified = outcomes.get("verified").copied().unwrap_or(0);
    let cancelled = outcomes.get("cancelled").copied().unwrap_or(0);
    let total: u64 = outcomes.values().sum();
    assert!(verified * 2 > total - cancelled, "most chunks are verified in spite of everything: {outcomes:?}");
    assert!(cancelled > 0, "people do cancel: {outcomes:?}");
    assert!(deaths > schedules(), "processes do die: {deaths}");
}

struct End {
    outcomes: Vec<Outcome>,
    deaths: u64,
    points: u64,
}

fn one(api: DeletionApi, seed: u64) -> End {
    let mut rng = Rng::new(seed ^ 0x9e37_79b9);
    let case = Case::random(api, seed, &mut rng);
    let clock = VirtualClock::new(Timestamp::parse("2024-03-01T12:00:00Z").unwrap());
    let Some(plan) = planned(&case, clock.now()) else {
        return End { outcomes: Vec::new(), deaths: 0, points: 0 };
    };
    let (fuse, memory) = (Fuse::default(), MemoryLedger::new());
    let wire = Wire::new(&case.scenario, &clock, &fuse);
    let order = approved(&plan, clock.now());
    let before = wire.tenant.borrow().clone();
    let policy = Kept { case: &case, clock: &clock };

    let mut disturbed = Disturbed::default();
    if rng.chance(150) {
        let longest = if rng.chance(500) { 30_000 } else { 300_000 };
        disturbed.cancelled = Some(clock.now().plus(Duration::from_millis(rng.below(longest))));
    }
    let (mut deaths, mut asked) = (0, false);
    loop {
        match deaths < DEATHS {
            true => fuse.set(rng.below(if deaths == 0 { 200 } else { 60 })),
            false => fuse.unset(),
        }
        let ledger = FusedLedger { inner: &memory, fuse: &fuse };
        let owner = format!("process-{deaths}");
        let life = live(&plan, &order, &ledger, &wire, &policy, &owner, rng.chance(300));
        // The cancel comes from another process, which does not die.
        let cancel = async {
            if let Some(at) = disturbed.cancelled.filter(|_| !asked) {
                clock.sleep_until(at).await;
                memory.ask_cancel(&order.run_id, &somebody(at)).await.unwrap();
            }
        };
        let both = async { join(life, cancel).await.0 };
        let ended = virtual_time::run(&clock, fuse.until_blown(both)).unwrap_or_else(|stalled| panic!("{stalled}"));
        asked |= disturbed.cancelled.is_some_and(|at| at <= clock.now());
        if let Some(end) = ended {
            assert_eq!(end, RunEnd::Ended);
            if disturbed.retried.is_some() || !rng.chance(200) {
                break;
            }
            disturbed.retried = Some(clock.now());
            virtual_time::run(&clock, async {
                if let Some(asked) = memory.run(&order.run_id).await.unwrap().unwrap().cancel_asked {
                    assert!(memory.withdraw_cancel(&order.run_id, asked.at, clock.now()).await.unwrap());
                }
                for chunk in plan.chunks() {
                    redrive(&memory, &order, chunk.index, "again", &somebody(clock.now()), clock.now()).await.unwrap();
                }
            })
            .unwrap();
            continue;
        }
        deaths += 1;
        // The process is started again, sometimes long after the leases are over.
        let longest = if rng.chance(500) { 5_000 } else { 100_000 };
        let pause = Duration::from_millis(rng.below(longest));
        let again = clock.now().plus(pause);
        virtual_time::run(&clock, clock.sleep_until(again)).unwrap();
    }
    let outcomes = check(&case, &plan, &order, &memory, &wire, &clock, &before, &disturbed);
    End { outcomes, deaths, points: fuse.burnt() }
}

/// What people did to a run.
#[derive(Debug, Default)]
struct Disturbed {
    /// When somebody asked to cancel the run, if it had not ended by then.
    cancelled: Option<Timestamp>,
    /// When everything that was not verified was queued again, and the cancel withdrawn.
    retried: Option<Timestamp>,
}

fn planned(case: &Case, now: Timestamp) -> Option<Plan> {
    let context = CheckContext { now, tenant_jurisdiction: Some("us-east-1".to_owned()), default_jurisdiction: None };
    let checked = plan::check(&case.request.to_string(), Some(&case.policy.to_string()), &context);
    let stopped = checked.findings.iter().find(|f| f.severity == purge_core::finding::Severity::Error);
    assert!(stopped.is_none(), "the generated request is at fault: {stopped:?}");
    checked.plan
}

fn approved(plan: &Plan, now: Timestamp) -> Order {
    let approval =
        Approval { digest: plan.digest().to_owned(), approved_by: "b@example.com".to_owned(), approved_at: now };
    Order::new(plan, &approval, TENANT, true).unwrap()
}

/// One life of the process: everything that the command line does for a run.
async fn live(
    plan: &Plan,
    order: &Order,
    ledger: &FusedLedger<'_>,
    wire: &Wire<'_>,
    policy: &Kept<'_>,
    owner: &str,
    alone: bool,
) -> RunEnd {
    let clock = policy.clock;
    let chunks = plan.chunks().iter().map(|chunk| ChunkRun::new(order, *chunk)).collect();
    let plan_file = serde_json::to_string(&PlanFile::new(plan, clock.now())).unwrap();
    ledger.create(&NewRun { order: order.clone(), plan_file, chunks }, clock.now()).await.unwrap();
    let (api, login) = (base_url(TENANT).unwrap(), base_url(TENANT).unwrap());
    let tenant = Tenant { api, login, deletion_api: order.request.api, credentials: Credentials::new("sim", "sim") };
    let sender = Sender::new(wire, clock, &tenant, order.limits.requests_per_minute);
    let stop = Signal::new();
    let worker = Worker {
        ledger,
        sender: &sender,
        clock,
        watch: &Unwatched,
        owner,
        assume_dead_owners: alone,
        policy: Some(policy),
        sends_messages: true,
        stop: &stop,
        patience: None,
    };
    let (url, secrets) = (webhook_url(WEBHOOK).unwrap(), Secrets::parse(scenario::SECRET).unwrap());
    let postman = Postman { ledger, http: wire, clock, url: &url, secrets: Some(&secrets) };
    Runner { worker, postman: Some(postman) }.run(&order.run_id).await.unwrap()
}

#[expect(clippy::too_many_arguments, reason = "everything that there is")]
fn check(
    case: &Case,
    plan: &Plan,
    order: &Order,
    memory: &MemoryLedger,
    wire: &Wire<'_>,
    clock: &VirtualClock,
    before: &purge_sim::Tenant,
    disturbed: &Disturbed,
) -> Vec<Outcome> {
    let records = virtual_time::run(clock, memory.records(&order.run_id, 0, u32::MAX)).unwrap().unwrap();
    let records: Vec<_> = records.into_iter().map(|row| row.record).collect();

    let mut verifier = Verifier::of(&order.run_id, &order.plan_digest);
    records.iter().for_each(|record| drop(verifier.line(&record.line())));
    let verdict = verifier.finish(None);
    assert!(verdict.is_good(), "{verdict:?}");

    let report = Report::of(Ordered::of(order, plan), &records);
    assert!(report.problems.is_empty(), "the report does not add up: {:#?}", report.problems);
    assert_eq!(report.chunks.len(), plan.chunks().len());
    let outcomes: Vec<_> = report.chunks.iter().map(|chunk| chunk.outcome.expect("every chunk has ended")).collect();

    if std::env::var_os("PURGE_CAUSES").is_some() {
        report.chunks.iter().filter_map(|c| c.cause.as_ref()).for_each(|c| println!("cause {} {}", c.code, c.message));
    }

    // Look long after everything is over, so that nothing is still under way.
    let later = clock.now().plus(Duration::from_secs(7 * 86_400));
    let tenant = wire.tenant.borrow();
    let truth = tenant.truth(later);
    assert_eq!(truth.held_deleted, 0, "a held record was deleted");
    assert!(truth.most_jobs_at_once <= 2, "more than two jobs at once");

    for chunk in plan.chunks() {
        let window = chunk.window;
        let accepted = accepted(order, *chunk, &truth);
        let executed = accepted.len();
        let ends =
            records.iter().filter(|record| record.chunk == chunk.index).filter_map(|record| match &record.event {
                Event::Finished { outcome, .. } => Some(*outcome),
                _ => None,
            });
        // Another attempt deletes anew only if the one before may have left something.
        let ends: Vec<_> = ends.collect();
        let earlier = ends.split_last().map_or(&[][..], |(_, earlier)| earlier);
        let left =
            earlier.iter().filter(|end| matches!(end, Outcome::Residual | Outcome::Unknown | Outcome::Held)).count();
        assert!(executed <= 1 + left, "chunk {} was executed {executed} times: {ends:?}", chunk.index);
        if let Some(cancelled) = disturbed.cancelled {
            let lifted = disturbed.retried.unwrap_or(Timestamp::LATEST);
            let after = accepted.iter().find(|at| **at > cancelled.plus(UNDER_WAY) && **at < lifted);
            assert!(after.is_none(), "chunk {} was deleted at {after:?}, cancelled at {cancelled}", chunk.index);
        }
        let late = comes_too_late(case, order, *chunk, &truth);
        assert!(late.is_none(), "chunk {} was deleted at {late:?}, long after a hold had come", chunk.index);
        let outcome = outcomes.get(chunk.index as usize - 1).copied().unwrap();
        let kinds = case.kinds();
        match (order.request.api, outcome) {
            (_, Outcome::Held | Outcome::Rejected | Outcome::TimedOut | Outcome::Cancelled) if !earlier.is_empty() => {}
            (DeletionApi::DataDeletion, Outcome::Verified) => {
                assert_eq!(tenant.records_in(window, &kinds, later).left, 0, "verified, but something is left");
            }
            (DeletionApi::DataDeletion, Outcome::Held | Outcome::Rejected | Outcome::TimedOut | Outcome::Cancelled) => {
                let (was, is) = (before.records_in(window, &kinds, later), tenant.records_in(window, &kinds, later));
                assert_eq!(was.left, is.left, "{outcome:?}, but something was deleted");
            }
            (
                DeletionApi::RecordingJobs,
                Outcome::Held | Outcome::Rejected | Outcome::TimedOut | Outcome::Cancelled,
            ) => {
                // A job that skips everything, because the platform's holds keep it, has been executed as well.
                let deleted = tenant.recordings_of_started(window, later).deleted;
                assert!(executed == 0 || deleted == 0, "{outcome:?}, but {deleted} recordings were deleted");
            }
            _ => {}
        }
    }
    outside_is_untouched(case, plan, &tenant, before, later);

    let told = wire.sink.borrow();
    let rows = virtual_time::run(clock, memory.outbox(&order.run_id)).unwrap().unwrap();
    let ends = records.iter().filter(|record| matches!(record.event, Event::Finished { .. })).count();
    assert_eq!(rows.len(), ends, "one message per chunk and attempt, whatever happened");
    assert!(disturbed.retried.is_some() || ends == outcomes.len());
    for row in rows {
        if matches!(row.state, purge_driver::ledger::MessageState::Delivered { .. }) {
            assert!(told.deliveries().iter().any(|d| d.id == row.id && d.accepted > 0 && d.same_body));
        }
    }
    outcomes
}

/// Nothing outside the chunks is ever deleted, whether before, after or between them, and nothing on hold anywhere.
fn outside_is_untouched(
    case: &Case,
    plan: &Plan,
    tenant: &purge_sim::Tenant,
    before: &purge_sim::Tenant,
    later: Timestamp,
) {
    let mut at = Timestamp::parse("2022-01-01T00:00:00Z").unwrap();
    let end_of_time = Timestamp::parse("2025-01-01T00:00:00Z").unwrap();
    for window in plan.chunks().iter().map(|c| Some(c.window)).chain([None]) {
        let until = window.map_or(end_of_time, Window::start);
        if let Some(gap) = Window::new(at, until) {
            let all = purge_sim::RecordKind::ALL;
            let (was, is) = (before.records_in(gap, &all, later), tenant.records_in(gap, &all, later));
            assert_eq!(was, is, "records outside the chunks were deleted: {gap}");
            let (was, is) = (before.recordings_of_started(gap, later), tenant.recordings_of_started(gap, later));
            assert_eq!(was, is, "recordings outside the chunks were deleted: {gap}");
        }
        at = window.map_or(until, Window::end);
    }
    for hold in case.policy["holds"].as_array().unwrap() {
        if let Some(range) = hold.get("range") {
            let held: Window = serde_json::from_value(range.clone()).unwrap();
            assert_eq!(tenant.recordings_in(held, later).deleted, 0, "a recording made in a held window is gone");
        }
        for id in hold.get("conversationIds").and_then(Value::as_array).into_iter().flatten() {
            let id = id.as_str().unwrap();
            assert_eq!(
                tenant.of_conversation(id, later).deleted,
                0,
                "something of the held conversation `{id}` is gone"
            );
        }
    }
}

/// The word of a person who asks for something at this time.
fn somebody(at: Timestamp) -> Asked {
    Asked { by: "c@example.com".to_owned(), at }
}
