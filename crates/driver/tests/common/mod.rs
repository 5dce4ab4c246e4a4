//! A small scripted tenant that offers `dataDeletion`, and a ledger that breaks at a chosen commit.
#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this one")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use purge_core::audit::AuditRecord;
use purge_core::chunk::{Age, Chunk};
use purge_core::http::{HttpResponse, Method, NoResponse};
use purge_core::policy::Limits;
use purge_core::rate::RateBudget;
use purge_core::request::{Chunking, DeletionApi, PurgeRequest, RecordType};
use purge_core::run::{Asked, Cause, ChunkRun, Context, InForce, Order, Outcome, Pace};
use purge_core::time::{DAY_MS, Timestamp};
use purge_core::url::base_url;
use purge_core::window::Window;
use purge_driver::ledger::{
    ChunkRow, Claim, Claimed, Commit, Committed, Created, Lease, MessageState, NewRun, OutboxRow, RecordRow, RunRow,
    Slot, Swapped,
};
use purge_driver::{Clock, Credentials, Http, Ledger, LedgerError, MemoryLedger, Tenant, VirtualClock, WireRequest};
use serde_json::{Value, json};

pub(crate) const RUN: &str = "run-1";
pub(crate) const WEBHOOK: &str = "https://governance.example.com/hook";
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) fn start() -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00Z").unwrap()
}

pub(crate) fn order(chunks: u32) -> Order {
    Order {
        version: 2,
        run_id: RUN.to_owned(),
        plan_digest: "sha256:plan".to_owned(),
        policy_digest: "sha256:policy".to_owned(),
        request: PurgeRequest {
            version: 1,
            name: "test".to_owned(),
            api: DeletionApi::DataDeletion,
            record_types: vec![RecordType::Conversation],
            range: days(0, chunks),
            jurisdiction: "us-east-1".to_owned(),
            query: None,
            chunking: Chunking::Days(1),
            reason: "test".to_owned(),
            requested_by: "test".to_owned(),
            retention_override: None,
            recordings: None,
        },
        limits: Limits::default(),
        held_conversations: Vec::new(),
        held_windows: Vec::new(),
        compliance_note: "no rules".to_owned(),
        chunks,
        approved_by: "test".to_owned(),
        approved_at: start(),
        tenant: "https://api.example.com".to_owned(),
        simulated: true,
    }
}

fn days(from: u32, to: u32) -> Window {
    let day = |n: u32| Timestamp::from_millis(1_672_531_200_000 + i64::from(n) * DAY_MS);
    Window::new(day(from), day(to)).unwrap()
}

pub(crate) async fn create(ledger: &impl Ledger, order: &Order) {
    let chunk = |index| Chunk { index, total: order.chunks, window: days(index - 1, index), age: Age::Recent };
    let chunks = (1..=order.chunks).map(|index| ChunkRun::new(order, chunk(index))).collect();
    let run = NewRun { order: order.clone(), plan_file: String::new(), chunks };
    ledger.create(&run, start()).await.unwrap();
}

pub(crate) fn tenant() -> Tenant {
    Tenant {
        api: base_url("https://api.example.com").unwrap(),
        login: base_url("https://login.example.com").unwrap(),
        deletion_api: DeletionApi::RecordingJobs,
        credentials: Credentials::new("id", "s3cret"),
    }
}

pub(crate) async fn outcomes(ledger: &impl Ledger) -> Vec<Option<Outcome>> {
    ledger.chunks(RUN, 0, 100_000).await.unwrap().into_iter().map(|row| row.run.outcome()).collect()
}

/// How the tenant mishandles a call.
#[derive(Clone, Debug)]
pub(crate) enum Mishap {
    Answer(HttpResponse),
    NotSent,
    DroppedBefore,
    DroppedAfter,
    Hangs,
}

pub(crate) fn status(status: u16) -> Mishap {
    Mishap::Answer(HttpResponse::json(status, &json!({})))
}

/// One call that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) at: Timestamp,
    pub(crate) name: &'static str,
    pub(crate) request: WireRequest,
}

pub(crate) struct FakeTenant {
    clock: VirtualClock,
    pub(crate) calls: RefCell<Vec<Call>>,
    mishaps: RefCell<BTreeMap<&'static str, VecDeque<Mishap>>>,
    /// When each deletion ends, by its id. In steady time, because the tenant has a clock of its own. `deleted_by` has the ids by
    /// window.
    jobs: RefCell<BTreeMap<String, Duration>>,
    deleted_by: RefCell<BTreeMap<String, Vec<String>>>,
    tokens: Cell<u64>,
    /// Tokens with this number or a lower one are refused.
    pub(crate) revoked: Cell<u64>,
}

impl FakeTenant {
    pub(crate) fn new(clock: &VirtualClock) -> Self {
        Self {
            clock: clock.clone(),
            calls: RefCell::default(),
            mishaps: RefCell::default(),
            jobs: RefCell::default(),
            deleted_by: RefCell::default(),
            tokens: Cell::new(0),
            revoked: Cell::new(0),
        }
    }

    /// Makes the next calls of that name go wrong in these ways, one after the other.
    pub(crate) fn will(&self, name: &'static str, mishaps: impl IntoIterator<Item = Mishap>) {
        self.mishaps.borrow_mut().entry(name).or_default().extend(mishaps);
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.calls.borrow().iter().filter(|call| call.name == name).count()
    }

    /// The largest number of deletions of one window.
    pub(crate) fn most_deletions(&self) -> usize {
        self.deleted_by.borrow().values().map(Vec::len).max().unwrap_or(0)
    }

    fn name_of(request: &WireRequest) -> &'static str {
        match (request.method, request.url.as_str()) {
            (Method::Post, url) if url.ends_with("/oauth/token") => "token",
            (Method::Post, WEBHOOK) => "webhook",
            (Method::Post, url) if url.ends_with("/deletion/requests") => "submit",
            (Method::Get, url) if url.contains("/deletion/requests/") => "status",
            (Method::Post, url) if url.ends_with("/details/query") => "count",
            (Method::Post, url) if url.ends_with("/recording/jobs") => "job",
            _ => "other",
        }
    }

    fn answer(&self, name: &str, request: &WireRequest) -> HttpResponse {
        let authorization = request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, v)| v.as_str());
        if let Some(number) = authorization.and_then(|value| value.strip_prefix("Bearer token-"))
            && number.parse::<u64>().unwrap() <= self.revoked.get()
        {
            return HttpResponse::json(401, &json!({"code": "bad.credentials", "message": "no", "status": 401}));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let window = body["filter"]["dateRange"]["start"].as_str().unwrap_or_default().to_owned();
        let now = self.clock.steady();
        match name {
            "token" => {
                self.tokens.set(self.tokens.get() + 1);
                let token = format!("token-{}", self.tokens.get());
                HttpResponse::json(200, &json!({"access_token": token, "expires_in": 3600}))
            }
            "submit" => {
                let mut jobs = self.jobs.borrow_mut();
                let id = format!("job-{}", jobs.len() + 1);
                jobs.insert(id.clone(), now + Duration::from_secs(2));
                self.deleted_by.borrow_mut().entry(window).or_default().push(id.clone());
                HttpResponse::json(202, &json!({"id": id}))
            }
            "status" => {
                let id = request.url.rsplit('/').next().unwrap();
                let done = self.jobs.borrow().get(id).is_some_and(|end| *end <= now);
                HttpResponse::json(200, &json!({"id": id, "status": if done { "completed" } else { "processing" }}))
            }
            "count" => {
                let deleted =
                    self.deleted_by.borrow().get(&window).is_some_and(|ids| {
                        ids.iter().any(|id| self.jobs.borrow().get(id).is_some_and(|end| *end <= now))
                    });
                HttpResponse::json(200, &json!({"results": [{"count": if deleted { 0 } else { 5 }}]}))
            }
            "webhook" => HttpResponse { status: 204, headers: Vec::new(), body: String::new() },
            _ => HttpResponse::json(400, &json!({"code": "bad.request", "message": "no", "status": 400})),
        }
    }
}

impl Http for FakeTenant {
    async fn send(&self, request: WireRequest) -> Result<HttpResponse, NoResponse> {
        let name = Self::name_of(&request);
        let mishap = self.mishaps.borrow_mut().get_mut(name).and_then(VecDeque::pop_front);
        if matches!(mishap, Some(Mishap::NotSent)) {
            return Err(NoResponse::NotSent);
        }
        self.calls.borrow_mut().push(Call { at: self.clock.now(), name, request: request.clone() });
        self.clock.sleep_until(self.clock.now().plus(Duration::from_millis(50))).await;
        match mishap {
            Some(Mishap::Answer(answer)) => Ok(answer),
            Some(Mishap::DroppedBefore) => Err(NoResponse::Dropped),
            Some(Mishap::DroppedAfter) => {
                self.answer(name, &request);
                Err(NoResponse::Dropped)
            }
            Some(Mishap::Hangs) => std::future::pending().await,
            Some(Mishap::NotSent) | None => Ok(self.answer(name, &request)),
        }
    }
}

/// What goes wrong at the chosen commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// The process dies before the commit is written.
    Before,
    /// The process dies right after the commit is written.
    After,
    /// Another worker takes the chunk over right before it.
    Stolen,
    /// Another worker ends the chunk right before it is claimed. `nth` does not matter.
    Ended,
}

/// A ledger that breaks at commit number `nth`, counted from 0.
pub(crate) struct BreakingLedger<'a> {
    pub(crate) inner: &'a MemoryLedger,
    pub(crate) nth: u32,
    pub(crate) how: Break,
    pub(crate) commits: Cell<u32>,
    http: &'a FakeTenant,
    /// How many calls had arrived when it broke.
    pub(crate) calls: Cell<Option<usize>>,
}

impl<'a> BreakingLedger<'a> {
    pub(crate) fn new(inner: &'a MemoryLedger, http: &'a FakeTenant, nth: u32, how: Break) -> Self {
        Self { inner, nth, how, commits: Cell::new(0), http, calls: Cell::new(None) }
    }

    pub(crate) fn has_broken(&self) -> bool {
        self.calls.get().is_some()
    }
}

impl Ledger for BreakingLedger<'_> {
    async fn create(&self, run: &NewRun, now: Timestamp) -> Result<Created, LedgerError> {
        self.inner.create(run, now).await
    }
    async fn run(&self, run_id: &str) -> Result<Option<RunRow>, LedgerError> {
        self.inner.run(run_id).await
    }
    async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        self.inner.runs().await
    }
    async fn ask_cancel(&self, run_id: &str, asked: &Asked) -> Result<bool, LedgerError> {
        self.inner.ask_cancel(run_id, asked).await
    }
    async fn withdraw_cancel(&self, run_id: &str, asked_at: Timestamp, now: Timestamp) -> Result<bool, LedgerError> {
        self.inner.withdraw_cancel(run_id, asked_at, now).await
    }
    async fn cancel_asked(&self, run_id: &str) -> Result<Option<Asked>, LedgerError> {
        self.inner.cancel_asked(run_id).await
    }
    async fn keep_policy(&self, run_id: &str, policy: &InForce) -> Result<(), LedgerError> {
        self.inner.keep_policy(run_id, policy).await
    }
    async fn policies(&self, run_id: &str) -> Result<Vec<String>, LedgerError> {
        self.inner.policies(run_id).await
    }
    async fn chunk(&self, run_id: &str, index: u32) -> Result<Option<ChunkRow>, LedgerError> {
        self.inner.chunk(run_id, index).await
    }
    async fn chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<ChunkRow>, LedgerError> {
        self.inner.chunks(run_id, after, limit).await
    }
    async fn open_chunks(&self, run_id: &str, after: u32, limit: u32) -> Result<Vec<u32>, LedgerError> {
        self.inner.open_chunks(run_id, after, limit).await
    }
    async fn claim(&self, claim: Claim<'_>) -> Result<Claimed, LedgerError> {
        if self.how == Break::Ended {
            let (run_id, index, now) = (claim.run_id, claim.index, claim.now);
            let lease = Lease { owner: "other".to_owned(), until: now.plus(Duration::from_secs(60)) };
            let claimed = self.inner.claim(Claim { run_id, index, lease, now, take_over: false }).await?;
            let Claimed::Granted(row) = claimed else { panic!("{claimed:?}") };
            let order = self.inner.run(run_id).await?.unwrap().order;
            let cx = Context { order: &order, pace: Pace::default(), now };
            let step = row.run.abandoned(cx, Cause::new("test", "somebody else ended it"));
            let commit = Commit {
                run_id,
                index,
                expected_version: row.version,
                run: &step.run,
                records: &step.records,
                outbox: &[],
                lease: None,
                release_slot: None,
                now,
            };
            self.inner.commit(commit).await?;
        }
        self.inner.claim(claim).await
    }
    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, LedgerError> {
        let number = self.commits.get();
        self.commits.set(number + 1);
        if number == self.nth {
            self.calls.set(Some(self.http.calls.borrow().len()));
        }
        let dead = || Err(LedgerError::Unavailable("the process is dead".to_owned()));
        match self.how {
            Break::Before if number >= self.nth => dead(),
            Break::After if number == self.nth => {
                self.inner.commit(commit).await?;
                dead()
            }
            Break::After if number > self.nth => dead(),
            Break::Stolen if number == self.nth => {
                let lease = Lease { owner: "thief".to_owned(), until: commit.now.plus(Duration::from_secs(60)) };
                let (run_id, index, now) = (commit.run_id, commit.index, commit.now);
                self.inner.claim(Claim { run_id, index, lease, now, take_over: true }).await?;
                self.inner.commit(commit).await
            }
            Break::Before | Break::After | Break::Stolen | Break::Ended => self.inner.commit(commit).await,
        }
    }
    async fn records(&self, run_id: &str, after: u64, limit: u32) -> Result<Vec<RecordRow>, LedgerError> {
        self.inner.records(run_id, after, limit).await
    }
    async fn take_slot(&self, slot: Slot<'_>, limit: u32) -> Result<bool, LedgerError> {
        self.inner.take_slot(slot, limit).await
    }
    async fn release_slot(&self, slot: Slot<'_>) -> Result<(), LedgerError> {
        self.inner.release_slot(slot).await
    }
    async fn swap_budget(&self, tenant: &str, expected: u64, budget: &RateBudget) -> Result<Swapped, LedgerError> {
        self.inner.swap_budget(tenant, expected, budget).await
    }

    async fn outbox(&self, run_id: &str) -> Result<Vec<OutboxRow>, LedgerError> {
        self.inner.outbox(run_id).await
    }
    async fn outbox_pending(&self, run_id: &str, limit: u32) -> Result<Vec<OutboxRow>, LedgerError> {
        self.inner.outbox_pending(run_id, limit).await
    }
    async fn outbox_settle(
        &self,
        run_id: &str,
        id: &str,
        attempts: u32,
        state: &MessageState,
    ) -> Result<bool, LedgerError> {
        self.inner.outbox_settle(run_id, id, attempts, state).await
    }
}

pub(crate) async fn records(ledger: &impl Ledger) -> Vec<AuditRecord> {
    ledger.records(RUN, 0, 1_000_000).await.unwrap().into_iter().map(|row| row.record).collect()
}
