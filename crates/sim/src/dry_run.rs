//! A rehearsal: a whole run against the simulated tenant, one happening after the other, in virtual time.
//!
//! The same machine ([`ChunkRun::step`]), the same request budget and the same slots as a real run, but without a driver:
//! nothing here is asynchronous, so a page can stop between any two happenings, look, place a hold, and go on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use purge_core::audit::AuditRecord;
use purge_core::chunk::Chunk;
use purge_core::http::{Auth, HttpRequest, HttpResponse, NoResponse};
use purge_core::oauth::{AccessToken, Freshness, LoginStyle, TokenError, read_token, token_request};
use purge_core::order::Order;
use purge_core::outcome::{Outcome, WaitReason};
use purge_core::plan::{Part, Plan};
use purge_core::rate::RateBudget;
use purge_core::reply::retry_after;
use purge_core::report::{Ordered, Report};
use purge_core::request::DeletionApi;
use purge_core::run::{ChunkRun, ChunkView, Context, Input, Next, Pace, Step};
use purge_core::sorted::{SortedMap, SortedSet};
use purge_core::time::Timestamp;
use purge_core::window::Window;
use serde::Serialize;

use crate::fault::Fault;
use crate::http::{Delivery, TenantRequest};
use crate::login::base64;
use crate::scenario::Scenario;
use crate::tenant::Tenant;
use crate::world::Effect;

/// How long an answer is waited for, as in a real run.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long everybody pauses after a 429 that does not say how long, as in a real run.
const UNSAID_PAUSE: Duration = Duration::from_secs(1);

/// A token younger than this counts as renewed.
const JUST_RENEWED: Duration = Duration::from_secs(60);

/// Recording jobs that an organisation may have under way at once (limit of the API).
const JOB_SLOTS: usize = 2;

/// Nothing that is to happen happens at once: so that time always passes.
const TICK: Duration = Duration::from_millis(1);

/// One thing that happened to one chunk.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    /// When, in virtual time.
    pub at: Timestamp,
    /// Which chunk, from 1.
    pub chunk: u32,
    /// The chunk after it, with what it waits for.
    pub view: ChunkView,
    /// The request that leaves now, if one does: `POST /api/v2/…`.
    pub request: Option<String>,
    /// The audit records it left, each as the line that the log gets.
    pub lines: Vec<String>,
}

/// Where a rehearsal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Virtual time.
    pub now: Timestamp,
    /// Chunks that have ended.
    pub ended: u32,
    /// All chunks.
    pub chunks: u32,
    /// Whether nothing is left to happen.
    pub over: bool,
}

/// What is to happen to a chunk.
#[derive(Clone, Debug)]
enum Due {
    Feed(Input),
    /// The request may leave, once there is a token and room in the budget.
    Leave(HttpRequest),
}

#[derive(Clone, Debug)]
struct Token {
    access: AccessToken,
    freshness: Freshness,
    asked: Timestamp,
    arrives: Timestamp,
}

/// A run of a plan against a simulated tenant. The same plan, scenario and interventions give the same happenings.
#[derive(Clone, Debug)]
pub struct DryRun {
    order: Order,
    chunks: Vec<Chunk>,
    parts: Vec<Part>,
    tenant: Tenant,
    now: Timestamp,
    /// What is to happen, by time, then by the order in which it was decided.
    agenda: SortedMap<(Timestamp, u64), (usize, Due)>,
    decided: u64,
    /// Each chunk's place in the agenda.
    next_of: Vec<Option<(Timestamp, u64)>>,
    /// `None` only while it takes its step.
    runs: Vec<Option<ChunkRun>>,
    /// Chunks that have no place yet.
    queue: VecDeque<usize>,
    free_places: usize,
    /// Chunks that gave their place back for their cool-off.
    cooled: SortedSet<usize>,
    slots: SortedSet<usize>,
    budget: RateBudget,
    token: Option<Token>,
    pace: Pace,
    cancelled: bool,
    ended: usize,
    records: Vec<AuditRecord>,
    happened: Vec<Happened>,
}

impl DryRun {
    /// The rehearsal of a plan under its order, at the beginning, on a tenant that nobody has touched yet.
    #[must_use]
    pub fn new(plan: &Plan, order: Order, scenario: Scenario, start: Timestamp) -> Self {
        let chunks = plan.chunks().to_vec();
        let places = usize::try_from(order.limits.concurrency_for(order.request.api)).unwrap_or(usize::MAX);
        let mut dry_run = Self {
            runs: chunks.iter().map(|chunk| Some(ChunkRun::new(&order, *chunk))).collect(),
            queue: (0..chunks.len()).collect(),
            budget: RateBudget::new(order.limits.requests_per_minute),
            order,
            chunks,
            parts: plan.parts().to_vec(),
            tenant: Tenant::for_rehearsal(scenario),
            now: start,
            agenda: SortedMap::default(),
            decided: 0,
            next_of: vec![None; plan.chunks().len()],
            free_places: places,
            cooled: SortedSet::default(),
            slots: SortedSet::default(),
            token: None,
            pace: Pace::default(),
            cancelled: false,
            ended: 0,
            records: Vec::new(),
            happened: Vec::new(),
        };
        dry_run.start_more();
        dry_run
    }

    /// Lets the next thing happen. `false` when nothing is left to happen.
    pub fn step(&mut self) -> bool {
        let Some(((at, _), (place, due))) = self.agenda.pop_first() else {
            return false;
        };
        if let Some(next) = self.next_of.get_mut(place) {
            *next = None;
        }
        self.now = self.now.max(at);
        match due {
            Due::Feed(input) => self.feed(place, input),
            Due::Leave(request) => self.leave(place, request),
        }
        true
    }

    /// Lets everything happen that happens until `at`, but at most `most` things. Whether all of it happened.
    pub fn run_until(&mut self, at: Timestamp, most: u32) -> bool {
        for _ in 0..most {
            if self.agenda.first().is_none_or(|(key, _)| key.0 > at) {
                if !self.agenda.is_empty() {
                    self.now = self.now.max(at);
                }
                return true;
            }
            self.step();
        }
        false
    }

    /// When the next thing happens; `None` at the end.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.agenda.first().map(|(key, _)| key.0)
    }

    /// Somebody else protects, now, every conversation that started in the window.
    pub fn place_hold(&mut self, window: Window) {
        let now = self.now.millis();
        self.tenant.advance(now);
        let conversations =
            self.tenant.world.population.started(window.start().millis(), window.end().millis()).collect();
        self.tenant.apply(now, Effect::Protect { conversations, on: true });
    }

    /// From now on this goes wrong, too; with a limit of 1 and nothing else, the next call of its kind.
    pub fn add_fault(&mut self, fault: Fault) {
        Arc::make_mut(&mut self.tenant.scenario).faults.push(fault);
    }

    /// Somebody asks to stop the run, now.
    pub fn cancel(&mut self) {
        if self.cancelled {
            return;
        }
        self.cancelled = true;
        let due = self.next_of.iter().enumerate().filter(|(_, next)| next.is_some());
        let waiting: Vec<usize> = due.map(|(place, _)| place).filter(|place| self.may_hear_cancel(*place)).collect();
        for place in waiting {
            self.schedule(place, self.now, Due::Feed(Input::Cancel));
        }
    }

    /// Where the rehearsal stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            now: self.now,
            ended: u32::try_from(self.ended).unwrap_or(u32::MAX),
            chunks: u32::try_from(self.chunks.len()).unwrap_or(u32::MAX),
            over: self.agenda.is_empty(),
        }
    }

    /// What has happened since this was asked last.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// The audit log so far.
    #[must_use]
    pub fn records(&self) -> &[AuditRecord] {
        &self.records
    }

    /// What the records amount to so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let ordered = Ordered { order: &self.order, chunks: &self.chunks, parts: &self.parts };
        Report::of(ordered, &self.records)
    }

    fn start_more(&mut self) {
        while self.free_places > 0
            && let Some(place) = self.queue.pop_front()
        {
            self.free_places -= 1;
            self.schedule(place, self.now, Due::Feed(Input::Start));
        }
    }

    fn schedule(&mut self, place: usize, at: Timestamp, due: Due) {
        let key = (at.max(self.now), self.decided);
        self.decided += 1;
        if let Some(old) = self.next_of.get_mut(place).and_then(|next| next.replace(key)) {
            self.agenda.remove(&old);
        }
        self.agenda.insert(key, (place, due));
    }

    fn run(&self, place: usize) -> Option<&ChunkRun> {
        self.runs.get(place)?.as_ref()
    }

    fn may_hear_cancel(&self, place: usize) -> bool {
        self.run(place)
            .is_some_and(|run| !run.cancel_asked() && run.in_flight_since().is_none() && run.outcome().is_none())
    }

    /// One input, and whatever follows from it without waiting.
    fn feed(&mut self, place: usize, mut input: Input) {
        loop {
            if self.cancelled && self.may_hear_cancel(place) {
                input = Input::Cancel;
            }
            let Some(run) = self.runs.get_mut(place).and_then(Option::take) else { return };
            let context = Context { order: &self.order, pace: self.pace, now: self.now };
            let Step { run, records, next } = run.step(context, input);
            if !run.wants_slot() && !matches!(next, Next::TakeSlot) {
                self.slots.remove(&place);
            }
            self.note(&run, records, &next);
            if let Some(kept) = self.runs.get_mut(place) {
                *kept = Some(run);
            }
            match next {
                Next::Send(request) => return self.schedule(place, self.now, Due::Leave(request)),
                Next::TakeSlot => input = Input::Slot { granted: self.take_slot(place) },
                Next::WaitUntil { at, reason } => {
                    if reason == WaitReason::CoolOff && self.cooled.insert(place) {
                        self.free_places += 1;
                        self.start_more();
                    }
                    return self.schedule(place, at.max(self.now.plus(TICK)), Due::Feed(Input::Tick));
                }
                Next::Done(outcome) => return self.done(place, outcome),
            }
        }
    }

    fn note(&mut self, run: &ChunkRun, records: Vec<AuditRecord>, next: &Next) {
        let request = match next {
            Next::Send(request) => Some(format!("{} {}", request.method.as_str(), request.path)),
            Next::TakeSlot | Next::WaitUntil { .. } | Next::Done(_) => None,
        };
        self.happened.push(Happened {
            at: self.now,
            chunk: run.chunk().index,
            view: run.view(),
            request,
            lines: records.iter().map(AuditRecord::line).collect(),
        });
        self.records.extend(records);
    }

    fn take_slot(&mut self, place: usize) -> bool {
        self.slots.contains(&place) || (self.slots.len() < JOB_SLOTS && self.slots.insert(place))
    }

    fn done(&mut self, place: usize, _: Outcome) {
        if let Some(seen) = self.run(place).and_then(ChunkRun::observed_pace) {
            self.pace = self.pace.and(seen);
        }
        self.ended += 1;
        self.free_places += usize::from(!self.cooled.contains(&place));
        self.start_more();
    }

    /// Sends a request as soon as there is a token and room for it, and feeds the answer back when it arrives.
    fn leave(&mut self, place: usize, request: HttpRequest) {
        let token = match self.token(request.auth == Auth::BearerRenewed) {
            Ok(token) if token.arrives > self.now => {
                return self.schedule(place, token.arrives, Due::Leave(request));
            }
            Ok(token) => token,
            Err(no_token) => return self.schedule(place, self.now.plus(TICK), Due::Feed(no_token)),
        };
        if let Err(at) = self.budget.take(self.now) {
            return self.schedule(place, at.max(self.now.plus(TICK)), Due::Leave(request));
        }
        let bearer = format!("Bearer {}", token.access.expose());
        let (after, answer) = self.exchange(&request, bearer);
        let arrives = self.now.plus(after);
        if let Ok(response) = &answer {
            self.budget.observe(response, arrives);
            match response.status {
                401 => self.token = None,
                429 => self.budget.pause(arrives.plus(retry_after(response, arrives).unwrap_or(UNSAID_PAUSE))),
                _ => {}
            }
        }
        let input = answer.map_or_else(Input::NoResponse, Input::Response);
        self.schedule(place, arrives, Due::Feed(input));
    }

    /// The token in use, or a new one. Without one: what the request that needed it is told.
    fn token(&mut self, renewed: bool) -> Result<Token, Input> {
        if let Some(token) = &self.token
            && token.freshness.is_fresh(self.now)
            && !(renewed && self.now.since(token.asked) > JUST_RENEWED)
        {
            return Ok(token.clone());
        }
        let style = match self.order.request.api {
            DeletionApi::DataDeletion => LoginStyle::DataDeletion,
            DeletionApi::RecordingJobs => LoginStyle::Standard,
        };
        let asked = self.now;
        let client = self.tenant.scenario().login.clients.first();
        let pair = client.map(|client| format!("{}:{}", client.id, client.secret)).unwrap_or_default();
        let basic = format!("Basic {}", base64(pair.as_bytes()));
        let (after, answer) = self.exchange(&token_request(style), basic);
        let response = answer.map_err(|why| Input::no_token(TokenError::no_answer(why), None))?;
        let grant = read_token(&response, asked).map_err(|error| {
            let pause = retry_after(&response, self.now).filter(|_| response.status == 429);
            Input::no_token(error, pause)
        })?;
        let token = Token { access: grant.access_token, freshness: grant.freshness, asked, arrives: asked.plus(after) };
        self.token = Some(token.clone());
        Ok(token)
    }

    /// What the tenant answers, and after how long.
    fn exchange(
        &mut self,
        request: &HttpRequest,
        authorization: String,
    ) -> (Duration, Result<HttpResponse, NoResponse>) {
        let mut headers = vec![("authorization".to_owned(), authorization)];
        headers.extend(request.content_type.iter().map(|kind| ("content-type".to_owned(), kind.clone())));
        let received = TenantRequest {
            method: request.method,
            path: request.path.clone(),
            headers,
            body: request.body.clone().unwrap_or_default(),
        };
        let reply = self.tenant.handle(&received, self.now);
        if reply.after >= TIMEOUT {
            return (TIMEOUT, Err(NoResponse::TimedOut));
        }
        let answer = match reply.delivery {
            Delivery::Answer(response) => Ok(response),
            Delivery::Dropped | Delivery::Truncated(..) => Err(NoResponse::Dropped),
        };
        (reply.after.max(TICK), answer)
    }
}
