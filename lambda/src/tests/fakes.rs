//! Fakes, in memory, of everything around the functions.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use purge_core::http::{HttpResponse, NoResponse};
use purge_core::plan::{self, CheckContext, PlanFile};
use purge_core::run::{Approval, Asked, ChunkRun, Order};
use purge_core::time::Timestamp;
use purge_driver::ledger::{Created, LedgerError, NewRun, OutboxRow, Unfinished};
use purge_driver::{Clock as _, Http, Ledger, MemoryLedger, VirtualClock, WireRequest, virtual_time};
use serde_json::{Value, json};

use crate::bucket::{Bucket, BucketError};
use crate::evidence::LATEST;
use crate::functions::{Functions, Invocation, Tenants, is_pending};
use crate::login::Webhook;
use crate::metrics::WRITTEN;
use crate::queue::{Delayed, Queue, QueueError, TRACEPARENT};
use crate::settings::{BASE_URL, COURIER_MEGABYTES, LOGIN_URL, Place, REGION, SIMULATED, Settings, WEBHOOK};
use crate::store::{Firing, Messages, Store};

pub(super) const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

impl Store for MemoryLedger {
    async fn order(&self, run_id: &str) -> Result<Option<Rc<Order>>, LedgerError> {
        Ok(self.run(run_id).await?.map(|row| Rc::new(row.order)))
    }

    async fn fired(&self, firing: &Firing) -> Result<Option<String>, LedgerError> {
        Ok(self.fired(&firing.request_key, firing.scheduled_at))
    }

    async fn create_fired(
        &self,
        firing: &Firing,
        run: &NewRun,
        now: Timestamp,
    ) -> Result<(String, Created), LedgerError> {
        if let Some(run_id) = Store::fired(self, firing).await? {
            return Ok((run_id, Created::Existing));
        }
        let created = self.create(run, now).await?;
        self.note_fired(&firing.request_key, firing.scheduled_at, &run.order.run_id);
        Ok((run.order.run_id.clone(), created))
    }

    async fn message(&self, run_id: &str, id: &str) -> Result<Option<OutboxRow>, LedgerError> {
        Ok(self.outbox(run_id).await?.into_iter().find(|row| row.id == id))
    }

    async fn count_messages(&self, run_id: &str) -> Result<Messages, LedgerError> {
        let outbox = self.outbox(run_id).await?;
        let pending = outbox.iter().filter(|row| is_pending(&row.state)).count();
        let count = |n: usize| u64::try_from(n).unwrap();
        Ok(Messages { all: count(outbox.len()), pending: count(pending) })
    }

    async fn stands_by(&self, run_id: &str, index: u32, at: Timestamp, message: &str) -> Result<bool, LedgerError> {
        Ok(self.stands_by(run_id, index, at, message))
    }

    async fn note_gone(&self, run_id: &str, receiver: &str) -> Result<(), LedgerError> {
        self.note_gone(run_id, receiver);
        Ok(())
    }

    async fn gone(&self, run_id: &str) -> Result<Option<String>, LedgerError> {
        Ok(self.gone(run_id))
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>, LedgerError> {
        Ok(self.unfinished())
    }

    async fn unfinished_run(&self, run_id: &str) -> Result<Option<Unfinished>, LedgerError> {
        Ok(self.unfinished().into_iter().find(|run| run.run_id == run_id))
    }

    async fn look_after(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        self.look_after(run_id, now);
        Ok(())
    }

    async fn note_woken(&self, run_id: &str, now: Timestamp) -> Result<(), LedgerError> {
        self.note_woken(run_id, now);
        Ok(())
    }

    async fn finish(&self, seen: &Unfinished) -> Result<bool, LedgerError> {
        Ok(self.finish(seen))
    }
}

/// One message that was sent to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) body: String,
    pub(super) delay_seconds: i32,
    pub(super) traceparent: Option<String>,
}

/// A queue that accepts messages one by one, can be slow, and can break in the middle of a call.
#[derive(Debug)]
pub(super) struct FakeQueue {
    clock: VirtualClock,
    /// How long a call to send takes.
    pub(super) takes: Cell<Duration>,
    /// How many messages it still accepts before it breaks; `None` if it does not break.
    pub(super) breaks_after: Cell<Option<usize>>,
    /// Its answer to the question how many messages wait.
    pub(super) waits: Cell<u64>,
    pub(super) sent: RefCell<Vec<Sent>>,
}

impl FakeQueue {
    fn new(clock: &VirtualClock) -> Self {
        let (takes, breaks_after) = (Cell::new(Duration::ZERO), Cell::new(None));
        Self { clock: clock.clone(), takes, breaks_after, waits: Cell::new(0), sent: RefCell::default() }
    }

    /// The messages that were sent since the last call.
    pub(super) fn take(&self) -> Vec<Sent> {
        self.sent.take()
    }
}

impl Queue for &FakeQueue {
    async fn send(&self, messages: Vec<Delayed>, traceparent: Option<&str>) -> Result<(), QueueError> {
        self.clock.sleep_until(self.clock.now().plus(self.takes.get())).await;
        for Delayed { body, delay_seconds } in messages {
            match self.breaks_after.get() {
                Some(0) => return Err(QueueError("it is broken".to_owned())),
                Some(left) => self.breaks_after.set(Some(left - 1)),
                None => {}
            }
            let traceparent = traceparent.map(str::to_owned);
            self.sent.borrow_mut().push(Sent { body, delay_seconds, traceparent });
        }
        Ok(())
    }

    async fn waiting(&self) -> Result<u64, QueueError> {
        Ok(self.waits.get())
    }
}

/// A bucket. Like a bucket with an object lock, it panics if evidence is overwritten with other bytes; only the pointers may
/// change.
#[derive(Debug)]
pub(super) struct FakeBucket {
    clock: VirtualClock,
    /// How long a write takes.
    pub(super) takes: Cell<Duration>,
    /// How many reads there were.
    pub(super) reads: Cell<usize>,
    pub(super) kept: RefCell<BTreeMap<String, String>>,
    /// The files that people have put there, by key and text; the id of a version is its place here.
    versions: RefCell<Vec<(String, String)>>,
    /// The keys in the order in which they were written.
    pub(super) written: RefCell<Vec<String>>,
    /// How many texts it still accepts before it breaks; `None` if it does not break.
    pub(super) breaks_after: Cell<Option<usize>>,
}

impl FakeBucket {
    fn new(clock: &VirtualClock) -> Self {
        let (takes, reads, breaks_after) = (Cell::new(Duration::ZERO), Cell::new(0), Cell::new(None));
        let (kept, versions, written) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { clock: clock.clone(), takes, reads, kept, versions, written, breaks_after }
    }

    /// Puts a file there as a person does, and returns the id of its version.
    pub(super) fn put(&self, key: &str, text: &str) -> String {
        self.kept.borrow_mut().insert(key.to_owned(), text.to_owned());
        let mut versions = self.versions.borrow_mut();
        versions.push((key.to_owned(), text.to_owned()));
        (versions.len() - 1).to_string()
    }
}

impl Bucket for &FakeBucket {
    async fn read(&self, key: &str) -> Result<Option<String>, BucketError> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.kept.borrow().get(key).cloned())
    }

    async fn read_version(&self, key: &str, version: &str) -> Result<Option<String>, BucketError> {
        let versions = self.versions.borrow();
        let found = version.parse().ok().and_then(|place: usize| versions.get(place));
        Ok(found.filter(|(of, _)| of == key).map(|(_, text)| text.clone()))
    }

    async fn write(&self, key: &str, text: String) -> Result<(), BucketError> {
        match self.breaks_after.get() {
            Some(0) => return Err(BucketError { key: key.to_owned(), why: "it is broken".to_owned() }),
            Some(left) => self.breaks_after.set(Some(left - 1)),
            None => {}
        }
        self.clock.sleep(self.takes.get()).await;
        let locked = key.starts_with("run-") && !key.ends_with(LATEST);
        let before = self.kept.borrow_mut().insert(key.to_owned(), text.clone());
        assert!(!locked || before.is_none_or(|before| before == text), "`{key}` was overwritten by something else");
        self.written.borrow_mut().push(key.to_owned());
        Ok(())
    }
}

/// A tenant, and a receiver of webhooks, that accepts every login and gives every other call the same answer.
#[derive(Debug)]
pub(super) struct FakeTenant {
    pub(super) answer: RefCell<HttpResponse>,
    /// The addresses that were called, without logins.
    pub(super) called: RefCell<Vec<String>>,
}

impl Http for FakeTenant {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        let login = request.url.contains("/token");
        let token = json!({"access_token": "token", "token_type": "bearer", "expires_in": 3600});
        if login {
            return Ok(HttpResponse::json(200, &token));
        }
        self.called.borrow_mut().push(request.url);
        Ok(self.answer.borrow().clone())
    }
}

pub(super) type FunctionsOver<'a, L> = Functions<'a, L, FakeTenant, VirtualClock, &'a FakeQueue, &'a FakeBucket>;
pub(super) type FakeFunctions<'a> = FunctionsOver<'a, MemoryLedger>;

/// All fakes of one test.
pub(super) struct World {
    pub(super) clock: VirtualClock,
    pub(super) ledger: MemoryLedger,
    pub(super) chunks: FakeQueue,
    pub(super) errands: FakeQueue,
    pub(super) webhooks: FakeQueue,
    pub(super) plans: FakeBucket,
    pub(super) evidence: FakeBucket,
    pub(super) http: FakeTenant,
    place: Place,
    tenants: Tenants,
    /// The memory of the courier according to its settings.
    pub(super) courier_megabytes: Cell<u32>,
}

impl World {
    pub(super) fn new() -> Self {
        let clock = VirtualClock::new(Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        let get = |name: &str| match name {
            SIMULATED => Some("true".to_owned()),
            COURIER_MEGABYTES => Some("1024".to_owned()),
            REGION => Some("us-east-1".to_owned()),
            BASE_URL => Some("http://127.0.0.1:8080".to_owned()),
            LOGIN_URL | WEBHOOK => None,
            _ => Some("5".to_owned()),
        };
        let Settings { place, courier_megabytes, .. } = Settings::read(get).unwrap();
        let plans = FakeBucket::new(&clock);
        plans.kept.borrow_mut().insert("policy.json".to_owned(), policy().to_string());
        let body = json!({"status": 503, "code": "service.unavailable", "message": "busy", "contextId": "ctx-1"});
        Self {
            chunks: FakeQueue::new(&clock),
            errands: FakeQueue::new(&clock),
            webhooks: FakeQueue::new(&clock),
            ledger: MemoryLedger::new(),
            plans,
            evidence: FakeBucket::new(&clock),
            http: FakeTenant { answer: RefCell::new(HttpResponse::json(503, &body)), called: RefCell::default() },
            tenants: Tenants::of(&place),
            place,
            courier_megabytes: Cell::new(courier_megabytes),
            clock,
        }
    }

    pub(super) fn functions(&self) -> FakeFunctions<'_> {
        self.functions_over(&self.ledger)
    }

    /// The functions with another ledger.
    pub(super) fn functions_over<'a, L>(&'a self, ledger: &'a L) -> FunctionsOver<'a, L> {
        Functions {
            ledger,
            http: &self.http,
            clock: &self.clock,
            tenants: &self.tenants,
            place: &self.place,
            chunks: &self.chunks,
            errands: &self.errands,
            webhooks: &self.webhooks,
            plans: &self.plans,
            policy_key: "policy.json",
            evidence: &self.evidence,
            sends_messages: true,
            courier_megabytes: self.courier_megabytes.get(),
            senders: RefCell::default(),
            paces: RefCell::default(),
        }
    }

    /// The errands that were sent since the last call: first deliveries to the governance system, then all others.
    pub(super) fn for_couriers(&self) -> Vec<Sent> {
        let mut errands = self.webhooks.take();
        errands.extend(self.errands.take());
        errands
    }

    /// An invocation with this much time.
    pub(super) fn invocation(&self, time: Duration) -> Invocation {
        let traceparent = Some(TRACE.to_owned());
        Invocation { id: "invocation".to_owned(), deadline: self.clock.now().plus(time), traceparent }
    }

    /// The event that starts a run with one chunk for each of `hours` hours, approved as the planner shows it.
    pub(super) async fn approved(&self, hours: u32) -> Value {
        let (request, policy) = (request(hours), policy());
        let preview = json!({"action": "preview", "request": request, "policy": policy});
        let shown = self.functions().plan(&preview, &self.invocation(Duration::from_secs(120))).await.unwrap();
        let approval = json!({"digest": shown["plan"]["planDigest"], "approvedBy": "b@example.com"});
        json!({"action": "run", "request": request, "policy": policy, "approval": approval})
    }

    /// Stores a run with one chunk for each of `hours` hours, and returns its id.
    pub(super) async fn run(&self, hours: u32) -> String {
        self.run_under(hours, &policy()).await
    }

    /// The same, planned under this policy.
    pub(super) async fn run_under(&self, hours: u32, policy: &Value) -> String {
        let run_id = self.run_of(&request(hours), policy).await;
        assert_eq!(self.ledger.run(&run_id).await.unwrap().unwrap().open, hours);
        run_id
    }

    /// Stores a run of this request, planned under this policy, and returns its id.
    pub(super) async fn run_of(&self, request: &Value, policy: &Value) -> String {
        let context = CheckContext {
            now: self.clock.now(),
            tenant_jurisdiction: Some("us-east-1".to_owned()),
            default_jurisdiction: None,
        };
        let checked = plan::check(&request.to_string(), Some(&policy.to_string()), &context);
        let plan = checked.plan.unwrap_or_else(|| panic!("{:?}", checked.findings));
        let digest = plan.digest().to_owned();
        let approval = Approval { digest, approved_by: "b@example.com".to_owned(), approved_at: self.clock.now() };
        let order = Order::new(&plan, &approval, &self.place.name(), true).unwrap();
        let chunks: Vec<_> = plan.chunks().iter().map(|chunk| ChunkRun::new(&order, *chunk)).collect();
        let plan_file = serde_json::to_string(&PlanFile::new(&plan, self.clock.now())).unwrap();
        let run_id = order.run_id.clone();
        self.ledger.create(&NewRun { order, plan_file, chunks }, self.clock.now()).await.unwrap();
        run_id
    }
}

/// The event with which S3 reports that this principal has put this version of a file there.
pub(super) fn upload_event(key: &str, version: Option<&str>, principal: &str) -> Value {
    let object = json!({"key": key, "versionId": version});
    json!({"Records": [{"s3": {"object": object}, "userIdentity": {"principalId": principal}}]})
}

/// A request to delete the first hours of 2022, in one chunk for each hour.
pub(super) fn request(hours: u32) -> Value {
    let start = Timestamp::parse("2022-01-01T00:00:00Z").unwrap();
    let end = start.plus(Duration::from_secs(u64::from(hours) * 3600));
    json!({
        "version": 1, "name": "test", "api": "dataDeletion", "recordTypes": ["conversation", "interaction", "message"],
        "range": { "start": start, "end": end }, "jurisdiction": "us-east-1", "query": null, "chunking": { "hours": 1 },
        "reason": "test", "requestedBy": "a@example.com"
    })
}

pub(super) fn policy() -> Value {
    json!({ "version": 1 })
}

/// The event of the messages' first delivery.
pub(super) fn event(messages: &[Sent]) -> Value {
    delivered(messages, 1)
}

/// The event of a delivery of the messages; `times` counts it and the ones before.
pub(super) fn delivered(messages: &[Sent], times: u32) -> Value {
    let record = |(place, sent): (usize, &Sent)| {
        let attributes = sent.traceparent.as_ref().map(|trace| json!({TRACEPARENT: {"stringValue": trace}}));
        json!({
            "messageId": format!("m{place}"), "body": sent.body, "messageAttributes": attributes.unwrap_or_default(),
            "attributes": {"ApproximateReceiveCount": times.to_string()}
        })
    };
    json!({"Records": messages.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// The lines with this metric that were written since the last call, which forgets all others.
pub(super) fn take_metrics(name: &str) -> Vec<Value> {
    let lines = WRITTEN.take().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    lines.filter(|line| line.get(name).is_some()).collect()
}

/// There is no governance system.
pub(super) async fn no_webhook() -> Result<Option<Webhook>, String> {
    Ok(None)
}

/// A message with this text, as if it had been sent without a delay.
pub(super) fn sent(body: impl Into<String>) -> Sent {
    Sent { body: body.into(), delay_seconds: 0, traceparent: Some(TRACE.to_owned()) }
}

pub(super) fn in_virtual_time<T>(test: impl AsyncFnOnce(&World) -> T) -> T {
    let world = World::new();
    virtual_time::run(&world.clock, test(&world)).unwrap()
}

/// The word of a person who asks for something at this time.
pub(super) fn asked(at: Timestamp) -> Asked {
    Asked { by: "a@example.com".to_owned(), at }
}

/// The planner's answer to an event about a run. Where it is recorded who asks, it names somebody.
pub(super) async fn ask(world: &World, action: &str, run_id: &str) -> Value {
    let mut event = json!({"action": action, "runId": run_id});
    if ["cancel", "retry"].contains(&action) {
        event["askedBy"] = json!("a@example.com");
    }
    world.functions().plan(&event, &world.invocation(Duration::from_secs(120))).await.unwrap()
}
