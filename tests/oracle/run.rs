//! Carries a case out with the driver's own loop, in virtual time. Processes die and are started again, and people cancel and
//! retry.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join, join3, ready};
use purge_core::audit::AuditRecord;
use purge_core::finding::Severity;
use purge_core::plan::{self, Plan, PlanFile};
use purge_core::report::{Ordered, Report};
use purge_core::run::{Approval, Asked, ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_core::url::{base_url, webhook_url};
use purge_core::webhook::Secrets;
use purge_driver::ledger::{NewRun, OutboxRow};
use purge_driver::{
    Clock as _, Credentials, Ledger as _, MemoryLedger, NoRetry, PolicyInForce, Postman, Retry, RunEnd, Runner, Sender,
    Signal, Tenant, Unwatched, VirtualClock, Worker, virtual_time,
};
use purge_tests::world::{Fuse, TENANT, WEBHOOK, Wire};
use serde_json::Value;

use crate::case::{Case, context};
use crate::ledger::FusedLedger;
use crate::lies::Lying;
use crate::rng::Rng;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the run leaves for the judge.
pub(crate) struct Done {
    pub(crate) plan: Plan,
    pub(crate) order: Order,
    pub(crate) plan_file: String,
    pub(crate) records: Vec<AuditRecord>,
    pub(crate) report: Report,
    pub(crate) outbox: Vec<OutboxRow>,
    pub(crate) policies: Vec<String>,
    pub(crate) tenant: purge_sim::Tenant,
    pub(crate) ended: Timestamp,
    /// How often a process was started.
    pub(crate) lives: u64,
    /// When a cancel was asked for.
    pub(crate) cancelled: Option<Timestamp>,
    /// When it was retried for the first time.
    pub(crate) retried: Option<Timestamp>,
}

/// Carries the case out; `None` if nothing may be deleted.
pub(crate) fn carry_out(case: &Case) -> Option<Done> {
    let checked = plan::check(&case.request.to_string(), Some(&case.policy.to_string()), &context(case.now));
    let error = checked.findings.iter().find(|finding| finding.severity == Severity::Error);
    assert!(error.is_none(), "the generated request is at fault: {error:?}");
    let plan = checked.plan?;
    let digest = plan.digest().to_owned();
    let approval = Approval { digest, approved_by: "b@example.com".to_owned(), approved_at: case.now };
    let order = Order::new(&plan, &approval, TENANT, true).unwrap();
    let plan_file = PlanFile::new(&plan, case.now).text();

    let clock = VirtualClock::new(case.now);
    let (fuse, memory) = (Fuse::default(), MemoryLedger::new());
    let scenario = serde_json::from_value(case.scenario.clone()).unwrap();
    let wire = Wire::new(&scenario, &clock, &fuse);
    let world = World {
        case,
        order: &order,
        new: NewRun {
            order: order.clone(),
            plan_file: plan_file.clone(),
            chunks: plan.chunks().iter().map(|chunk| ChunkRun::new(&order, *chunk)).collect(),
        },
        clock: &clock,
        clocks: [clock.elsewhere(), clock.elsewhere()],
        fuse: &fuse,
        memory: &memory,
        http: Lying { wire: &wire, per_mille: case.lies, rng: RefCell::new(Rng::new(case.seed ^ 77)) },
        cancelled: Cell::new(None),
        set_back: Cell::new(false),
    };
    let (lives, retried) = world.whole_run();
    let cancelled = world.cancelled.get();

    let ended = clock.now();
    let rows = virtual_time::run(&clock, memory.records(&order.run_id, 0, u32::MAX)).unwrap().unwrap();
    let records: Vec<_> = rows.into_iter().map(|row| row.record).collect();
    let report = Report::of(Ordered::of(&order, &plan), &records);
    let outbox = virtual_time::run(&clock, memory.outbox(&order.run_id)).unwrap().unwrap();
    let tenant = wire.tenant.into_inner();
    let policies = virtual_time::run(&clock, memory.policies(&order.run_id)).unwrap().unwrap();
    Some(Done { plan, order, plan_file, records, report, outbox, policies, tenant, ended, lives, cancelled, retried })
}

/// Everything around a run.
struct World<'a> {
    case: &'a Case,
    order: &'a Order,
    new: NewRun,
    /// The correct time, which the tenant uses.
    clock: &'a VirtualClock,
    /// The clocks of the two processes.
    clocks: [VirtualClock; 2],
    fuse: &'a Fuse,
    memory: &'a MemoryLedger,
    http: Lying<'a>,
    cancelled: Cell<Option<Timestamp>>,
    set_back: Cell<bool>,
}

impl World<'_> {
    /// Runs from the first start to the end of the last retry. Returns the number of lives, and when the first retry came.
    fn whole_run(&self) -> (u64, Option<Timestamp>) {
        let rng = &mut Rng::new(self.case.seed ^ 0xdead);
        let (mut deaths, mut lives, mut retries, mut retried) = (0, 0, 0, None);
        loop {
            match deaths < self.case.deaths {
                true => self.fuse.set(rng.below(if deaths == 0 { 250 } else { 80 })),
                false => self.fuse.unset(),
            }
            lives += 1;
            let everybody = async { join3(self.processes(lives), self.cancel(), self.set_back()).await.0 };
            match virtual_time::run(self.clock, self.fuse.until_blown(everybody)).unwrap() {
                None => {
                    deaths += 1;
                    self.pause(if rng.chance(500) { 5_000 } else { 100_000 }, rng);
                }
                Some(ends) => {
                    assert_eq!(ends, (RunEnd::Ended, RunEnd::Ended), "life {lives} of the case");
                    if retries == self.case.retries {
                        return (lives, retried);
                    }
                    retries += 1;
                    self.pause(if rng.chance(500) { 60_000 } else { 86_400_000 }, rng);
                    retried.get_or_insert(self.clock.now());
                    virtual_time::run(self.clock, self.retry()).unwrap();
                }
            }
        }
    }

    fn pause(&self, longest_ms: u64, rng: &mut Rng) {
        let pause = Duration::from_millis(rng.below(longest_ms));
        virtual_time::run(self.clock, self.clock.sleep(pause)).unwrap();
    }

    async fn processes(&self, life: u64) -> (RunEnd, RunEnd) {
        let second = async {
            if !self.case.two {
                return RunEnd::Ended;
            }
            self.clock.sleep(Duration::from_millis(700)).await;
            self.live(&self.clocks[1], &format!("b-{life}")).await
        };
        join(self.live(&self.clocks[0], &format!("a-{life}")), second).await
    }

    /// Asks to cancel, from another process that does not die.
    async fn cancel(&self) {
        if let (Some(after), None) = (self.case.cancel_ms, self.cancelled.get()) {
            let at = self.case.now.plus(Duration::from_millis(after));
            self.clock.sleep_until(at).await;
            if self.memory.run(&self.order.run_id).await.unwrap().is_some() {
                let now = self.clock.now();
                self.memory.ask_cancel(&self.order.run_id, &asked(now)).await.unwrap();
                self.cancelled.set(Some(now));
            }
        }
    }

    async fn set_back(&self) {
        if let (Some((after, by)), false) = (self.case.set_back_ms, self.set_back.get()) {
            self.clock.sleep_until(self.case.now.plus(Duration::from_millis(after))).await;
            self.clocks[0].set_back(Duration::from_millis(by));
            self.set_back.set(true);
        }
    }

    async fn retry(&self) {
        let run = self.memory.run(&self.order.run_id).await.unwrap().unwrap();
        match Retry::choose(self.memory, &run, None).await {
            Ok(retry) => {
                let now = self.clocks[0].now();
                retry.queue(self.memory, self.order, "again", &asked(now)).await.unwrap();
            }
            Err(NoRetry::Obstacle(_)) => {}
            Err(NoRetry::Ledger(error)) => panic!("{error}"),
        }
    }

    /// One life of a process: everything that the command line does for a run.
    async fn live(&self, clock: &VirtualClock, owner: &str) -> RunEnd {
        let (order, ledger) = (self.order, &FusedLedger { inner: self.memory, fuse: self.fuse });
        ledger.create(&self.new, clock.now()).await.unwrap();
        let (api, login) = (base_url(TENANT).unwrap(), base_url(TENANT).unwrap());
        let tenant =
            Tenant { api, login, deletion_api: order.request.api, credentials: Credentials::new("sim", "sim") };
        let policy = Kept { case: self.case, clock: self.clock };
        let worker = Worker {
            ledger,
            sender: &Sender::new(&self.http, clock, &tenant, order.limits.requests_per_minute),
            clock,
            watch: &Unwatched,
            owner,
            assume_dead_owners: false,
            policy: Some(&policy),
            sends_messages: true,
            stop: &Signal::new(),
            patience: None,
        };
        let (url, secrets) = (webhook_url(WEBHOOK).unwrap(), Secrets::parse(SECRET).unwrap());
        let postman = Postman { ledger, http: &self.http, clock, url: &url, secrets: Some(&secrets) };
        Runner { worker, postman: Some(postman) }.run(&order.run_id).await.unwrap()
    }
}

/// The policy port of the case.
struct Kept<'a> {
    case: &'a Case,
    clock: &'a VirtualClock,
}

impl fmt::Debug for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl PolicyInForce for Kept<'_> {
    fn read(&self) -> LocalBoxFuture<'_, Result<String, String>> {
        let policy = self.case.in_force(self.clock.now()).map(Value::to_string);
        ready(policy.ok_or_else(|| "gone".to_owned())).boxed_local()
    }
}

/// The word of a person who asks for something at this time.
fn asked(at: Timestamp) -> Asked {
    Asked { by: "c@example.com".to_owned(), at }
}
