//! The machine's frame: it takes an input, lets the current phase judge it, and answers with one next move.
//!
//! The methods of [`Machine`], here and in the neighbouring files, are named by what they do:
//!
//! * `ask_…` builds the request with which a phase asks its question. [`Machine::phase_request`] says which phase sends which
//!   request.
//! * `on_…` takes what happened, an input or the reply that a phase expects, and answers with the next move. [`Machine::on_reply`]
//!   says which phase expects which reply.
//! * `read_…` reads a reply into data. If that fails, its error is the next move.
//! * `record_…` and `note_…` write a record or the state, and move nothing.
//! * `enter…` changes the phase. `check_…`, `confirm_…`, `watch_…` and `verify` begin a part of the story that takes several
//!   phases.
//! * `pause`, `wait_…`, `look_again` and `retry_later` wait.
//! * `finish` ends the attempt. `call_off` and `end_…` lead there, by way of cancelling a job or measuring what is left where they
//!   must. `stop_if_…` does so if there is a reason to. `give_up` gives up the question of the phase.
//! * `is_…`, `has_…` and the like answer a question. A method that returns an `Option<Cause>` names what stands against going on,
//!   if anything does.

use std::time::Duration;

use super::guard::{all_ids, ask_protection};
use super::state::Phase;
use super::{Asked, Cause, ChunkRun, Context, Input, Next, Outcome, Step, WaitReason};
use crate::analytics;
use crate::api::{data_deletion, recording_jobs};
use crate::audit::{AuditRecord, Event, PROGRAM, seal};
use crate::http::{Auth, HttpRequest, HttpResponse};
use crate::json::digest;
use crate::policy::Limits;
use crate::reply::{Reply, TurnedAway};
use crate::request::DeletionApi;
use crate::time::Timestamp;

/// How long a request may be in flight before a tick looks at it again. The driver's own time-outs are shorter.
pub(super) const IN_FLIGHT_PATIENCE: Duration = Duration::from_secs(60);

/// After this many refused tries of a call, each with a cached and a new token, one more means that the API refuses every token.
const NEW_TOKENS_REFUSED: u32 = 2;

impl ChunkRun {
    /// One step: what just happened goes in; the new state, what to record, and exactly one next move come out.
    ///
    /// Total: it neither fails nor panics. A spurious or early [`Input::Tick`] returns the same wait, an unexpected answer is
    /// ignored, and after the end every input returns the outcome.
    #[must_use]
    pub fn step(self, cx: Context<'_>, input: Input) -> Step {
        let mut machine = Machine { run: self, cx, records: Vec::new(), http_status: 0 };
        let next = machine.handle(input);
        Step { run: machine.run, records: machine.records, next }
    }

    /// The next attempt at a chunk that ended other than verified, under the same plan, and the record of who asked for it. `None`
    /// while the chunk goes on and when it is verified.
    ///
    /// Where a deletion may still be under way, the new attempt goes on watching it instead of starting a second one. Where the
    /// deletion is known to be over, what it left is deleted anew.
    #[must_use]
    pub fn retried(self, cx: Context<'_>, asked: &Asked) -> Option<(Self, Vec<AuditRecord>)> {
        let run = self.next_attempt()?;
        let mut machine = Machine { run, cx, records: Vec::new(), http_status: 0 };
        machine.record(Event::Retried { asked_by: asked.by.clone(), asked_at: asked.at });
        Some((machine.run, machine.records))
    }

    /// Ends the attempt from outside, because nothing can carry it on any more. Claims no more than is known: `failed` only if
    /// nothing can have been deleted.
    #[must_use]
    pub fn abandoned(self, cx: Context<'_>, cause: Cause) -> Step {
        let mut machine = Machine { run: self, cx, records: Vec::new(), http_status: 0 };
        let next = match machine.run.outcome {
            Some(outcome) => Next::Done(outcome),
            None => machine.abandon(cause),
        };
        Step { run: machine.run, records: machine.records, next }
    }
}

/// A step in progress.
pub(super) struct Machine<'a> {
    pub(super) run: ChunkRun,
    pub(super) cx: Context<'a>,
    records: Vec<AuditRecord>,
    /// Status of the answer that is being judged; 0 if there is none.
    pub(super) http_status: u16,
}

impl Machine<'_> {
    /// Hands an input to the method that judges it. After the end, every input is answered with the outcome.
    fn handle(&mut self, input: Input) -> Next {
        if let Some(outcome) = self.run.outcome {
            return Next::Done(outcome);
        }
        match input {
            Input::Tick => self.resume(),
            Input::Cancel(asked) => {
                self.note_cancel(asked);
                if self.run.stage().is_harmless() || self.run.cools_off() {
                    self.run.wait = None;
                }
                self.resume()
            }
            Input::Slot { granted } if matches!(self.run.phase, Phase::Slot) => self.on_slot(granted),
            Input::Slot { .. } => self.resume(),
            Input::Response(response) => match self.run.in_flight.take() {
                Some(_) => self.on_response(&response),
                None => self.resume(),
            },
            Input::NoResponse(why) => match self.run.in_flight.take() {
                Some(sent) => self.on_no_response(why, sent),
                None => self.resume(),
            },
            Input::NotYet { at } => match self.run.in_flight.take() {
                Some(_) => self.on_not_yet(at),
                None => self.on_no_room(at),
            },
            Input::Unable { cause, retry_after, may_pass } => match self.run.in_flight.take() {
                Some(_) => self.on_unable(cause, retry_after, may_pass),
                None => self.resume(),
            },
            Input::Permitted { policy } => {
                if self.run.is_deleting() {
                    self.record(Event::PolicyAsked { policy });
                }
                self.resume()
            }
            Input::Objection(objection) => match self.run.in_flight.take() {
                Some(_) => self.on_objection(&objection),
                None => self.on_objection_in_cool_off(objection),
            },
        }
    }

    /// Goes on, unless a request is in flight or the chunk has to wait.
    pub(super) fn resume(&mut self) -> Next {
        if let Some(sent) = self.run.in_flight {
            return Next::WaitUntil { at: sent.plus(IN_FLIGHT_PATIENCE), reason: WaitReason::InFlight };
        }
        if let Some((at, reason)) = self.run.waits(self.cx.now) {
            return Next::WaitUntil { at, reason };
        }
        self.proceed()
    }

    /// Sends the request of the phase, unless something comes first, in this order: the beginning, which also a cancelled chunk has
    /// on record; a cancel; the deadline; guards that were asked too long ago; a query in the background that takes too long.
    pub(super) fn proceed(&mut self) -> Next {
        self.run.wait = None;
        if matches!(self.run.phase, Phase::Queued) {
            return self.begin();
        }
        if let Some(next) = self.stop_if_cancelled().or_else(|| self.stop_if_expired()) {
            return next;
        }
        if matches!(self.run.phase, Phase::LookBack) {
            return self.look_back();
        }
        if self.are_guards_stale() {
            return self.check_holds();
        }
        if self.is_inquiry_in_vain()
            && let Some(next) = self.skip_inquiry()
        {
            return next;
        }
        if matches!(self.run.phase, Phase::Submitted) && self.run.api == DeletionApi::RecordingJobs {
            if let Some(cause) = self.aged_since_plan() {
                return self.finish(Outcome::Rejected, Some(cause));
            }
            // Each try gets a new date: nothing came of the tries before it, and the cool-off is counted from this one. The date is
            // also what an unanswered submit is found again by.
            self.run.action_date = Some(self.cx.now.plus(self.cool_off()));
        }
        match self.phase_request() {
            Some(request) => self.send(request),
            None if matches!(self.run.phase, Phase::Slot) => Next::TakeSlot,
            // Only an ended chunk has nothing to ask, and `handle` has answered for that. A stored state that says otherwise is
            // damaged.
            None => self.finish(
                Outcome::Unknown,
                Some(Cause::new("state.damaged", "the stored state of this chunk is inconsistent")),
            ),
        }
    }

    /// Begins the attempt, or goes on with the deletion that the attempt before may have left under way.
    fn begin(&mut self) -> Next {
        if let Some(next) = self.stop_if_expired() {
            return next;
        }
        if self.run.queued_at.is_none() {
            self.run.queued_at = Some(self.cx.now);
            let (approved_by, approved_at) = (self.cx.order.approved_by.clone(), self.cx.order.approved_at);
            let program = PROGRAM.to_owned();
            self.record(Event::Started { chunk: self.run.chunk, approved_by, approved_at, program });
        }
        match self.run.api {
            DeletionApi::RecordingJobs if self.run.submits == 0 => self.enter(Phase::Slot),
            DeletionApi::RecordingJobs => {
                // A retry goes on watching the job of the attempt before, which still occupies the organisation.
                self.run.started_at = Some(self.cx.now);
                match self.run.request_id {
                    Some(_) => {
                        // The attempt before may have sent an execution and ended before that was known.
                        self.run.executed = true;
                        self.enter(Phase::Fulfilled { looks: 0 })
                    }
                    None => self.enter(Phase::SubmitInJobs { since: self.cx.now, looks: 0, page: 1 }),
                }
            }
            DeletionApi::DataDeletion => {
                self.run.started_at = Some(self.cx.now);
                match (self.run.submits, &self.run.request_id) {
                    (0, _) => self.check_holds(),
                    (_, Some(_)) => self.enter(Phase::Completed),
                    // What the attempt before saw disappear does not say whether anything still does.
                    (_, None) => self.watch_counts(self.cx.now, None),
                }
            }
        }
    }

    /// Forgets the failures and waits of the call before: another call begins.
    pub(super) fn reset_tries(&mut self) {
        (self.run.tries, self.run.waits) = (0, 0);
    }

    /// Enters a phase and goes on with it at once.
    pub(super) fn enter(&mut self, phase: Phase) -> Next {
        self.run.phase = phase;
        self.reset_tries();
        self.proceed()
    }

    /// Sends a request. One that changes something is recorded as about to leave.
    fn send(&mut self, mut request: HttpRequest) -> Next {
        if self.run.renewed {
            request.auth = Auth::BearerRenewed;
        }
        self.run.requests = self.run.requests.saturating_add(1);
        self.run.in_flight = Some(self.cx.now);
        if matches!(self.run.phase, Phase::CountAfter { entity: 0, .. }) {
            self.run.look_at = Some(self.cx.now);
        }
        if changes_something(&self.run.phase) {
            let body_sha256 = request.body.as_deref().map(|body| digest(body.as_bytes()));
            self.record(Event::Sending { call: call_of(&request), body_sha256 });
        }
        Next::Send(request)
    }

    /// The request of the phase; `None` where the phase asks nothing.
    fn phase_request(&self) -> Option<HttpRequest> {
        let (run, request, limits) = (&self.run, &self.cx.order.request, self.limits());
        let window = run.chunk.window;
        match &run.phase {
            Phase::Queued | Phase::Slot | Phase::LookBack | Phase::Ended => None,
            Phase::HeldConversations { from, .. } => Some(self.ask_held_conversations(*from)),
            Phase::Straddlers(search) => Some(self.ask_straddlers(search)),
            Phase::Protection { from, batch, touched, .. } => Some(ask_protection(&all_ids(touched), *from, *batch)),
            Phase::CountBefore { entity, .. }
            | Phase::CountAfter { entity, .. }
            | Phase::SubmitInCounts { entity, .. } => self.ask_count(*entity),
            Phase::Submitted => Some(match run.api {
                DeletionApi::DataDeletion => data_deletion::submit(request, window, limits.range_end),
                DeletionApi::RecordingJobs => recording_jobs::create(request, run.chunk, self.action_date()),
            }),
            Phase::SubmitInJobs { page, .. } => Some(recording_jobs::list(*page)),
            Phase::Completed => run.request_id.as_deref().map(data_deletion::status),
            Phase::Ready | Phase::Fulfilled { .. } | Phase::CancelConfirmed { .. } => {
                run.request_id.as_deref().map(recording_jobs::get)
            }
            Phase::Executed => run.request_id.as_deref().map(recording_jobs::execute),
            Phase::FailedRecordings { page } => {
                run.request_id.as_deref().map(|id| recording_jobs::failed_recordings(id, *page))
            }
            Phase::Choose(look) | Phase::Skips(look) => Some(self.ask_conversations(look)),
            Phase::Inquiry(_) => Some(self.ask_inquiry()),
            Phase::Inquired { id, .. } => Some(analytics::inquiry(id)),
            Phase::Informed { id, .. } => Some(analytics::inquiry_result(id, self.page_size())),
            Phase::Had { ids, at, .. } | Phase::Metadata { ids, at, .. } => {
                ids.get(*at).map(|id| recording_jobs::metadata(id))
            }
            Phase::Guarded { ids, from, batch, .. } => Some(ask_protection(ids, *from, *batch)),
            Phase::JobCancelled { .. } => run.request_id.as_deref().map(recording_jobs::cancel),
        }
    }

    /// Method and path of the phase's request, as they are recorded.
    pub(super) fn phase_call(&self) -> Option<String> {
        self.phase_request().as_ref().map(call_of)
    }

    /// Sorts the answer to the request in flight. One that was turned away had no effect, whatever it asked for.
    fn on_response(&mut self, response: &HttpResponse) -> Next {
        self.http_status = response.status;
        let renewed = std::mem::take(&mut self.run.renewed);
        match Reply::of(response, self.cx.now) {
            Ok(reply) => self.on_reply(reply),
            Err(TurnedAway::RateLimited { retry_after, cause }) => self.on_rate_limited(retry_after, &cause),
            Err(TurnedAway::Unauthorized(_)) if !renewed => {
                // Send the same request once more, with a new token.
                self.run.renewed = true;
                self.proceed()
            }
            Err(TurnedAway::Unauthorized(cause))
                if self.run.stage().is_harmless() && self.run.tries >= NEW_TOKENS_REFUSED =>
            {
                self.note_answer(&cause);
                let message = format!("the API refuses every new token: {}", cause.message);
                self.give_up(Cause { message, ..cause })
            }
            Err(TurnedAway::Unauthorized(cause)) => self.retry_later(cause, None),
        }
    }

    /// Hands a reply to the method that judges it in this phase.
    fn on_reply(&mut self, reply: Reply) -> Next {
        match self.run.phase.clone() {
            Phase::Queued | Phase::Slot | Phase::LookBack | Phase::Ended => self.resume(),
            Phase::HeldConversations { from, touched } => self.on_held_conversations(reply, from, touched),
            Phase::Straddlers(search) => self.on_straddlers(reply, search),
            Phase::Protection { from, batch, touched, protected } => {
                self.on_protection(reply, from, batch, touched, protected)
            }
            Phase::CountBefore { entity, sum } => self.on_count_before(reply, entity, sum),
            Phase::Submitted => match self.run.api {
                DeletionApi::DataDeletion => self.on_deletion_submitted(reply),
                DeletionApi::RecordingJobs => self.on_job_created(reply),
            },
            Phase::SubmitInCounts { since, watched_ms, entity, sum, baseline } => {
                self.on_submit_in_counts(reply, since, watched_ms, entity, sum, baseline)
            }
            Phase::SubmitInJobs { since, looks, page } => self.on_submit_in_jobs(reply, since, looks, page),
            Phase::Completed => self.on_deletion_status(reply),
            Phase::Ready => self.on_job_before_execution(reply),
            Phase::Choose(look) => self.on_candidates(reply, look),
            Phase::Inquiry(look) => self.on_inquiry_accepted(reply, look),
            Phase::Inquired { id, look } => self.on_inquiry_state(reply, id, look),
            Phase::Informed { look, .. } => self.on_inquiry_result(reply, look),
            Phase::Had { ids, at, look } => self.on_recordings_before(reply, ids, at, look),
            Phase::Executed => self.on_execution(reply),
            Phase::Fulfilled { looks } => self.on_job_after_execution(reply, looks),
            Phase::FailedRecordings { page } => self.on_failed_recordings(reply, page),
            Phase::CountAfter { entity, sum } => self.on_count_after(reply, entity, sum),
            Phase::Skips(look) => self.on_skip_candidates(reply, look),
            Phase::Metadata { ids, at, guarded, look } => self.on_recordings_after(reply, ids, at, guarded, look),
            Phase::Guarded { guards, ids, from, batch, look } => {
                self.on_protection_after(reply, guards, ids, from, batch, look)
            }
            Phase::JobCancelled { outcome, cause } => self.on_cancel(reply, outcome, cause),
            Phase::CancelConfirmed { outcome, cause, looks } => self.on_job_after_cancel(reply, outcome, cause, looks),
        }
    }

    /// Appends a record of the event to the chunk's chain.
    pub(super) fn record(&mut self, event: Event) {
        let (run, order) = (&mut self.run, self.cx.order);
        let status = run.outcome.map_or(run.phase.word(), Outcome::as_str);
        let record = AuditRecord {
            run_id: order.run_id.clone(),
            plan_digest: order.plan_digest.clone(),
            chunk: run.chunk.index,
            attempt: run.attempt,
            timestamp: self.cx.now,
            event,
            request_id: run.request_id.clone(),
            status: status.to_owned(),
            jurisdiction: order.request.jurisdiction.clone(),
            records_deleted: run.records_deleted(),
            duration_ms: run.duration_ms(self.cx.now),
            compliance_note: order.compliance_note.clone(),
            simulated: order.simulated,
            ..AuditRecord::blank()
        };
        self.records.push(seal(&mut run.head, record));
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.cx.order.limits
    }

    /// What jitter is derived from.
    pub(super) fn jitter_key(&self) -> String {
        format!("{}/{}/{}", self.cx.order.run_id, self.run.chunk.index, self.run.attempt)
    }

    /// The cool-off that the request asks for.
    pub(super) fn cool_off(&self) -> Duration {
        let days = self.cx.order.request.recordings.map_or(0, |options| options.cool_off_days);
        Duration::from_secs(u64::from(days) * 86_400)
    }

    /// The delete date that our job writes.
    fn action_date(&self) -> Timestamp {
        self.run.action_date.unwrap_or(self.cx.now)
    }
}

/// Method and path of a request without the query: `POST /api/v2/…`.
fn call_of(request: &HttpRequest) -> String {
    let path = request.path.split_once('?').map_or(request.path.as_str(), |(path, _)| path);
    format!("{} {path}", request.method.as_str())
}

/// Whether the phase's request changes something on the other side, so that its departure is recorded.
pub(super) fn changes_something(phase: &Phase) -> bool {
    matches!(phase, Phase::Submitted | Phase::Executed | Phase::JobCancelled { .. })
}
