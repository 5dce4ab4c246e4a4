//! The tenant: time, the order of checks, and faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use purge_core::http::HttpResponse;
use purge_core::json::parse;
use purge_core::sorted::SortedSet;
use purge_core::time::Timestamp;
use serde_json::Value;

use crate::agenda::{Agenda, Event};
use crate::data_deletion::DeletionJob;
use crate::error::ApiError;
use crate::fault::{Act, Call, Tally};
use crate::http::{Delivery, MAX_BODY_BYTES, TenantReply, TenantRequest};
use crate::inquiry::Inquiry;
use crate::login::{Tokens, nth_id};
use crate::population::Population;
use crate::recording_jobs::RecordingJob;
use crate::route::Route;
use crate::scenario::{HoldMidRun, Scenario};
use crate::world::World;

/// The purpose of the number stream.
const CORRELATION_PURPOSE: u64 = 0x636f_7272;

/// A simulated organisation.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) world: World,
    pub(crate) state: State,
    other_operations: OtherOperations,
}

/// Carries out the operations that only other clients ask for.
type OtherOperations = fn(&mut Tenant, &Route, &TenantRequest, i64) -> Result<HttpResponse, ApiError>;

/// Everything that has happened. Together with the scenario it determines the tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The latest instant that the tenant was given.
    clock: i64,
    requests: u64,
    pub(crate) tally: Tally,
    pub(crate) tokens: Tokens,
    pub(crate) agenda: Agenda,
    pub(crate) deletions: BTreeMap<String, DeletionJob>,
    /// When each occupied place for a running deletion becomes free.
    pub(crate) busy_until: Vec<i64>,
    pub(crate) jobs: Vec<RecordingJob>,
    pub(crate) inquiries: Vec<Inquiry>,
    pub(crate) most_active_jobs: usize,
    /// The number of accepted deletion requests and created jobs.
    pub(crate) submitted: u64,
}

impl Tenant {
    /// The organisation at the beginning.
    #[must_use]
    pub fn new(scenario: Scenario) -> Self {
        Self::with(scenario, Self::operate_for_other_clients)
    }

    /// The same organisation for a rehearsal. It does not know the operations that this program never asks for, so the page need
    /// not load them.
    pub(crate) fn for_rehearsal(scenario: Scenario) -> Self {
        Self::with(scenario, |_, _, _, _| Err(ApiError::not_found()))
    }

    fn with(scenario: Scenario, other_operations: OtherOperations) -> Self {
        let world = initial_world(&scenario);
        let mut state = State::default();
        if let Some(at) = scenario.hold_mid_run.as_ref().and_then(|hold| hold.at) {
            state.agenda.add(at.millis(), Event::HoldPlaced);
        }
        Self { scenario: Arc::new(scenario), world, state, other_operations }
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Answers a request that arrives at `now`. If time runs backwards, it counts as standing still.
    pub fn handle(&mut self, request: &TenantRequest, now: Timestamp) -> TenantReply {
        self.advance(now.millis());
        let now = self.state.clock;
        self.state.requests += 1;
        let context_id = nth_id(self.scenario.seed, CORRELATION_PURPOSE, self.state.requests);
        let route = Route::of(request.method, &request.segments());
        let call = route.as_ref().map_or(Call::Other, Route::call);
        let scenario = Arc::clone(&self.scenario);
        let act = self.state.tally.count(call, &scenario.faults, scenario.seed);
        let mut reply = TenantReply { after: Duration::from_millis(scenario.latency_ms), delivery: Delivery::Dropped };
        if let Some(act) = &act {
            if matches!(act, Act::RevokeToken) {
                self.state.tokens.revoke_all();
            } else if let Some(delivery) = act.answer_instead(&context_id, now) {
                reply.delivery = delivery;
                return reply;
            }
        }
        let mut response = match route {
            Ok(Route::Token) => self.state.tokens.issue(&scenario, request, now),
            Ok(route) => self.check_and_operate(&route, request, &context_id, now),
            Err(refusal) => refusal.response(&context_id),
        };
        response.headers.push(("inin-correlation-id".to_owned(), context_id));
        reply.delivery = Delivery::Answer(response);
        if let Some(act) = act {
            self.spoil_job(&act, &reply);
            reply = act.spoil_answer(reply);
        }
        reply
    }

    /// Lets time pass: everything due happens, in order.
    pub(crate) fn advance(&mut self, now: i64) {
        self.state.clock = self.state.clock.max(now);
        while let Some((at, event)) = self.state.agenda.pop_due(self.state.clock) {
            match event {
                Event::HoldPlaced => self.place_hold(at),
                Event::DeletionEnds(id) => {
                    self.world.advance(at);
                    self.end_deletion(&id, at);
                }
                Event::JobReady(id) => {
                    self.world.advance(at);
                    self.job_ready(&id, at);
                }
                Event::JobEnds(id) => {
                    self.world.advance(at);
                    self.job_ends(&id, at);
                }
            }
        }
        self.world.advance(self.state.clock);
    }

    /// Notes that one more deletion is under way.
    pub(crate) fn note_submit(&mut self, now: i64) {
        self.state.submitted += 1;
        let after = self.scenario.hold_mid_run.as_ref().and_then(|hold| hold.after_submits);
        if after == Some(self.state.submitted) {
            self.place_hold(now);
        }
    }

    /// Refuses if a permission is missing.
    pub(crate) fn require(&self, permissions: &[&str]) -> Result<(), ApiError> {
        let missing = &self.scenario.login.missing_permissions;
        let missing: Vec<&str> = permissions.iter().copied().filter(|p| missing.iter().any(|m| m == p)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "Unable to perform the requested action. You are missing the following permission(s): {}",
            missing.join(", ")
        );
        Err(ApiError::new(403, "missing.permissions", message).param("permissions", &missing.join(",")))
    }

    /// The lag of the long-term store of analytics, in milliseconds.
    pub(crate) fn data_lake_lag_ms(&self) -> i64 {
        let hours = self.scenario.recording_jobs.data_lake_lag_hours;
        i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(3_600_000)
    }

    /// Checks the token, the budget, the size of the body and the permissions, and then carries out the operation.
    fn check_and_operate(
        &mut self,
        route: &Route,
        request: &TenantRequest,
        context_id: &str,
        now: i64,
    ) -> HttpResponse {
        let scenario = Arc::clone(&self.scenario);
        let token = match self.state.tokens.check(request, now) {
            Ok(token) => token,
            Err(refusal) => return refusal.response(context_id),
        };
        let taken = token.budget.take(&scenario.rate_limit, now);
        let (budget, caller) = (token.budget, token.client.clone());
        let handled = taken.and_then(|()| {
            if request.body.len() > MAX_BODY_BYTES {
                let message = format!("The request body is larger than {MAX_BODY_BYTES} bytes.");
                return Err(ApiError::new(413, "request.entity.too.large", message));
            }
            self.require(route.permissions())?;
            self.operate(route, &caller, request, now)
        });
        let mut response = handled.unwrap_or_else(|refusal| refusal.response(context_id));
        budget.describe(&scenario.rate_limit, now, &mut response);
        response
    }

    fn operate(
        &mut self,
        route: &Route,
        caller: &str,
        request: &TenantRequest,
        now: i64,
    ) -> Result<HttpResponse, ApiError> {
        match route {
            Route::Token => Err(ApiError::not_found()),
            Route::DeletionSubmit => self.submit_deletion(caller, request, now),
            Route::DeletionStatus(id) => self.deletion_status(id, now),
            Route::DetailsQuery => self.details_query(request, now),
            Route::DetailsByIds => self.details_by_ids(request, now),
            Route::JobCreate => self.create_job(caller, request, now),
            Route::JobList => self.list_jobs(caller, request, now),
            Route::JobGet(id) => self.get_job(id, now),
            Route::JobExecute(id) => self.execute_job(caller, id, request, now),
            Route::JobCancel(id) => self.cancel_job(id, now),
            Route::JobFailed(id) => self.failed_recordings(id, request),
            Route::Metadata(id) => self.metadata(id),
            Route::ProtectionRead => self.read_protection(request),
            Route::Inquire => self.inquire(request, now),
            Route::Inquiry(id) => self.inquiry(id, now),
            Route::InquiryResult(id) => self.inquiry_result(id, request, now),
            Route::RecordingUpdate(..) | Route::ProtectionWrite | Route::Organization => {
                (self.other_operations)(self, route, request, now)
            }
        }
    }

    fn operate_for_other_clients(
        &mut self,
        route: &Route,
        request: &TenantRequest,
        now: i64,
    ) -> Result<HttpResponse, ApiError> {
        match route {
            Route::RecordingUpdate(id, recording) => self.update_recording(id, recording, request, now),
            Route::ProtectionWrite => self.write_protection(request, now),
            Route::Organization => Ok(self.organization()),
            Route::Token
            | Route::DeletionSubmit
            | Route::DeletionStatus(_)
            | Route::DetailsQuery
            | Route::DetailsByIds
            | Route::Inquire
            | Route::Inquiry(_)
            | Route::InquiryResult(_)
            | Route::JobCreate
            | Route::JobList
            | Route::JobGet(_)
            | Route::JobExecute(_)
            | Route::JobCancel(_)
            | Route::JobFailed(_)
            | Route::Metadata(_)
            | Route::ProtectionRead => Err(ApiError::not_found()),
        }
    }

    fn place_hold(&mut self, at: i64) {
        let Some(hold) = self.scenario.hold_mid_run.clone() else { return };
        let conversations = conversations_of(&self.world.population, &hold);
        self.world.protect(at, &conversations, true);
    }

    /// Applies a fault to the job that an answer is about.
    fn spoil_job(&mut self, act: &Act, reply: &TenantReply) {
        let body = reply.answer().and_then(|answer| parse(&answer.body, usize::MAX).ok()).unwrap_or_default();
        let Some(id) = body.get("id").and_then(Value::as_str) else { return };
        let fails = matches!(act, Act::FailJob);
        if matches!(act, Act::Stuck) {
            for event in [Event::DeletionEnds, Event::JobReady, Event::JobEnds] {
                self.state.agenda.remove(&event(id.to_owned()));
            }
        }
        if let Some(job) = self.state.deletions.get_mut(id) {
            job.fails |= fails;
            if let Act::Leave { records } = act {
                job.leave = *records;
            }
        }
        if let Some(job) = self.state.jobs.iter_mut().find(|job| job.id == id) {
            job.fails |= fails;
        }
    }
}

/// The world before anything has happened.
fn initial_world(scenario: &Scenario) -> World {
    let population = Arc::new(Population::generate(scenario.seed, &scenario.population));
    let protected = initially_protected(&population, scenario);
    let lag = i64::try_from(scenario.recording_jobs.removal_lag_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    World::new(population, protected, lag)
}

fn initially_protected(population: &Population, scenario: &Scenario) -> SortedSet<usize> {
    let spec = &scenario.protected;
    let all = population.conversations.len();
    let count = spec.conversations.min(all);
    let mut protected: SortedSet<usize> =
        (0..count).filter_map(|nth| (nth * all + all / 2).checked_div(count)).collect();
    protected.extend(spec.conversation_ids.iter().filter_map(|id| population.find(id)));
    for window in &spec.windows {
        protected.extend(population.started(window.start().millis(), window.end().millis()));
    }
    protected
}

fn conversations_of(population: &Population, hold: &HoldMidRun) -> Vec<usize> {
    let mut held: Vec<usize> = hold.conversation_ids.iter().filter_map(|id| population.find(id)).collect();
    if let Some(window) = hold.window {
        held.extend(population.started(window.start().millis(), window.end().millis()));
    }
    held
}
