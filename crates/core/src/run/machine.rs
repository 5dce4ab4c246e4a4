//! The machine's frame: takes an input, lets the phase judge it, and answers with one next move.
//!
//! What the single phases mean is told in the neighbouring files: [`super::guard`] before anything is deleted,
//! [`super::deletion`] and [`super::job`] for the two APIs, [`super::verify`] afterwards; and what they have in common in
//! [`super::waiting`], [`super::trouble`] and [`super::ending`].

use std::time::Duration;

use super::guard::{all_ids, ask_protection};
use super::state::Phase;
use super::{Cause, ChunkRun, Context, Input, Next, Outcome, Step, WaitReason};
use crate::analytics;
use crate::api::{data_deletion, recording_jobs};
use crate::audit::{AuditRecord, Event, PROGRAM, seal};
use crate::http::{Auth, HttpRequest, HttpResponse};
use crate::json::digest;
use crate::policy::Limits;
use crate::reply::{Reply, TurnedAway};
use crate::request::DeletionApi;
use crate::time::Timestamp;

/// How long a request may be under way before a tick looks at it again; the driver's own time-outs are shorter.
pub(super) const IN_FLIGHT_PATIENCE: Duration = Duration::from_secs(60);

/// Tries of a call with two tokens each, the second one new, that the API refuses, before it is believed that it refuses them all.
const NEW_TOKENS_REFUSED: u32 = 2;

impl ChunkRun {
    /// One step: what just happened goes in; the new state, what to record, and exactly one next move come out.
    ///
    /// Total: it neither fails nor panics. A spurious or early [`Input::Tick`] returns the same wait; an answer that nobody
    /// waits for is ignored; after the end every input returns the outcome.
    #[must_use]
    pub fn step(self, cx: Context<'_>, input: Input) -> Step {
        let mut machine = Machine { run: self, cx, records: Vec::new(), http_status: 0 };
        let next = machine.take(input);
        Step { run: machine.run, records: machine.records, next }
    }

    /// Ends the attempt from outside, because whoever should carry it on cannot. Claims no more than is known: `failed` only if
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

/// A step in the making.
pub(super) struct Machine<'a> {
    pub(super) run: ChunkRun,
    pub(super) cx: Context<'a>,
    records: Vec<AuditRecord>,
    pub(super) http_status: u16,
}

impl Machine<'_> {
    fn take(&mut self, input: Input) -> Next {
        if let Some(outcome) = self.run.outcome {
            return Next::Done(outcome);
        }
        match input {
            Input::Start | Input::Tick => self.resume(),
            Input::Cancel { asked_at } => {
                self.note_cancel(asked_at);
                if self.run.stage().is_harmless() || self.run.cools_off() {
                    self.run.wait = None;
                }
                self.resume()
            }
            Input::Slot { granted } if matches!(self.run.phase, Phase::Slot) => self.slot(granted),
            Input::Slot { .. } => self.resume(),
            Input::Response(response) => match self.run.in_flight.take() {
                Some(_) => self.answered(&response),
                None => self.resume(),
            },
            Input::NoResponse(why) => match self.run.in_flight.take() {
                Some(sent) => self.unanswered(why, sent),
                None => self.resume(),
            },
            Input::NotYet { at } => match self.run.in_flight.take() {
                Some(_) => self.not_yet(at),
                None => self.no_room(at),
            },
            Input::Unable { cause, retry_after, may_pass } => match self.run.in_flight.take() {
                Some(_) => self.unable(cause, retry_after, may_pass),
                None => self.resume(),
            },
            Input::Permitted { policy } => {
                if self.run.is_deleting() {
                    self.record(Event::PolicyAsked { policy });
                }
                self.resume()
            }
            Input::Objection(objection) => match self.run.in_flight.take() {
                Some(_) => self.objected(&objection),
                None => self.regretted(objection),
            },
        }
    }

    /// Goes on, unless there is a reason to wait.
    pub(super) fn resume(&mut self) -> Next {
        if let Some(sent) = self.run.in_flight {
            return Next::WaitUntil { at: sent.plus(IN_FLIGHT_PATIENCE), reason: WaitReason::InFlight };
        }
        if let Some((at, reason)) = self.run.waits(self.cx.now) {
            return Next::WaitUntil { at, reason };
        }
        self.go()
    }

    /// Sends what the phase wants to know, unless it is too late or somebody asked to stop.
    pub(super) fn go(&mut self) -> Next {
        self.run.wait = None;
        if matches!(self.run.phase, Phase::Queued) {
            return self.begin();
        }
        if let Some(next) = self.cancelled().or_else(|| self.expired()) {
            return next;
        }
        if matches!(self.run.phase, Phase::LookBack) {
            return self.look_back();
        }
        if self.is_stale() {
            return self.check_holds();
        }
        if self.is_in_vain()
            && let Some(next) = self.do_without()
        {
            return next;
        }
        if matches!(self.run.phase, Phase::Submitted) && self.run.api == DeletionApi::RecordingJobs {
            if let Some(cause) = self.outlived() {
                return self.finish(Outcome::Rejected, Some(cause));
            }
            // Anew for each try, for nothing came of those before, and the cool-off is counted from this one. It is also the mark by
            // which an unanswered submit is found again.
            self.run.action_date = Some(self.cx.now.plus(self.cool_off()));
        }
        match self.question() {
            Some(request) => self.send(request),
            None if matches!(self.run.phase, Phase::Slot) => Next::TakeSlot,
            // Only an ended chunk has nothing to ask, and that is answered above; a stored state that says otherwise is damaged.
            None => self.finish(
                Outcome::Unknown,
                Some(Cause::new("state.damaged", "the stored state of this chunk makes no sense")),
            ),
        }
    }

    fn begin(&mut self) -> Next {
        if let Some(next) = self.expired() {
            return next;
        }
        if self.run.queued_at.is_none() {
            self.run.queued_at = Some(self.cx.now);
            let (approved_by, approved_at) = (self.cx.order.approved_by.clone(), self.cx.order.approved_at);
            let program = PROGRAM.to_owned();
            self.record(Event::Started { chunk: self.run.chunk, approved_by, approved_at, program });
        }
        match self.run.api {
            DeletionApi::RecordingJobs if self.run.submits == 0 => self.to(Phase::Slot),
            DeletionApi::RecordingJobs => {
                // A retry goes on watching the job of the attempt before; that job still occupies the organisation.
                self.run.started_at = Some(self.cx.now);
                match self.run.request_id {
                    Some(_) => {
                        // Whoever ended that attempt may have sent an execution and not lived to say so.
                        self.run.executed = true;
                        self.to(Phase::Fulfilled { looks: 0 })
                    }
                    None => self.to(Phase::SubmitInJobs { since: self.cx.now, looks: 0, page: 1 }),
                }
            }
            DeletionApi::DataDeletion => {
                self.run.started_at = Some(self.cx.now);
                match (self.run.submits, &self.run.request_id) {
                    (0, _) => self.check_holds(),
                    (_, Some(_)) => self.to(Phase::Completed),
                    // What the attempt before has seen going says nothing about whether anything goes still.
                    (_, None) => self.watch_counts(self.cx.now, None),
                }
            }
        }
    }

    /// The call in hand is another one now: nothing has gone wrong with it, and nobody has been told to wait.
    pub(super) fn another_call(&mut self) {
        (self.run.tries, self.run.waits) = (0, 0);
    }

    /// Enters a phase and goes on with it.
    pub(super) fn to(&mut self, phase: Phase) -> Next {
        self.run.phase = phase;
        self.another_call();
        self.go()
    }

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

    /// The request that the phase waits to see answered.
    fn question(&self) -> Option<HttpRequest> {
        let (run, request, limits) = (&self.run, &self.cx.order.request, self.limits());
        let window = run.chunk.window;
        match &run.phase {
            Phase::Queued | Phase::Slot | Phase::LookBack | Phase::Ended => None,
            Phase::HeldConversations { from, .. } => Some(self.ask_held(*from)),
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
            Phase::Choose(look) | Phase::Skips(look) => Some(self.ask_page(look)),
            Phase::Inquiry(_) => Some(self.inquire()),
            Phase::Inquired { id, .. } => Some(analytics::inquiry(id)),
            Phase::Informed { id, .. } => Some(analytics::inquiry_result(id, self.page_size())),
            Phase::Had { ids, at, .. } | Phase::Metadata { ids, at, .. } => {
                ids.get(*at).map(|id| recording_jobs::metadata(id))
            }
            Phase::Guarded { ids, from, batch, .. } => Some(ask_protection(ids, *from, *batch)),
            Phase::JobCancelled { .. } => run.request_id.as_deref().map(recording_jobs::cancel),
        }
    }

    /// The call that the phase waits to see answered, as it is recorded.
    pub(super) fn call(&self) -> Option<String> {
        self.question().as_ref().map(call_of)
    }

    fn answered(&mut self, response: &HttpResponse) -> Next {
        self.http_status = response.status;
        let renewed = std::mem::take(&mut self.run.renewed);
        match Reply::of(response, self.cx.now) {
            Ok(reply) => self.judge(reply),
            Err(TurnedAway::RateLimited { retry_after, cause }) => self.rate_limited(retry_after, &cause),
            Err(TurnedAway::Unauthorized(_)) if !renewed => {
                // The same request once more, with a new token.
                self.run.renewed = true;
                self.go()
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

    fn judge(&mut self, reply: Reply) -> Next {
        match self.run.phase.clone() {
            Phase::Queued | Phase::Slot | Phase::LookBack | Phase::Ended => self.resume(),
            Phase::HeldConversations { from, touched } => self.held_conversations(reply, from, touched),
            Phase::Straddlers(search) => self.straddlers(reply, search),
            Phase::Protection { from, batch, touched, protected } => {
                self.protection(reply, from, batch, touched, protected)
            }
            Phase::CountBefore { entity, sum } => self.counted_before(reply, entity, sum),
            Phase::Submitted => match self.run.api {
                DeletionApi::DataDeletion => self.deletion_submitted(reply),
                DeletionApi::RecordingJobs => self.job_created(reply),
            },
            Phase::SubmitInCounts { since, watched_ms, entity, sum, baseline } => {
                self.submit_in_counts(reply, since, watched_ms, entity, sum, baseline)
            }
            Phase::SubmitInJobs { since, looks, page } => self.submit_in_jobs(reply, since, looks, page),
            Phase::Completed => self.deletion_status(reply),
            Phase::Ready => self.job_ready(reply),
            Phase::Choose(look) => self.chosen(reply, look),
            Phase::Inquiry(look) => self.inquiry(reply, look),
            Phase::Inquired { id, look } => self.inquired(reply, id, look),
            Phase::Informed { look, .. } => self.informed(reply, look),
            Phase::Had { ids, at, look } => self.had(reply, ids, at, look),
            Phase::Executed => self.job_executed(reply),
            Phase::Fulfilled { looks } => self.job_fulfilled(reply, looks),
            Phase::FailedRecordings { page } => self.failed_recordings(reply, page),
            Phase::CountAfter { entity, sum } => self.counted_after(reply, entity, sum),
            Phase::Skips(look) => self.skips(reply, look),
            Phase::Metadata { ids, at, guarded, look } => self.metadata(reply, ids, at, guarded, look),
            Phase::Guarded { guards, ids, from, batch, look } => self.guarded(reply, guards, ids, from, batch, look),
            Phase::JobCancelled { outcome, cause } => self.job_cancelled(reply, outcome, cause),
            Phase::CancelConfirmed { outcome, cause, looks } => self.cancel_confirmed(reply, outcome, cause, looks),
        }
    }

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
    pub(super) fn key(&self) -> String {
        format!("{}/{}/{}", self.cx.order.run_id, self.run.chunk.index, self.run.attempt)
    }

    pub(super) fn cool_off(&self) -> Duration {
        let days = self.cx.order.request.recordings.map_or(0, |options| options.cool_off_days);
        Duration::from_secs(u64::from(days) * 86_400)
    }

    /// The delete date that our job writes.
    fn action_date(&self) -> Timestamp {
        self.run.action_date.unwrap_or(self.cx.now)
    }
}

/// `POST /api/v2/…`, without the query.
fn call_of(request: &HttpRequest) -> String {
    let path = request.path.split_once('?').map_or(request.path.as_str(), |(path, _)| path);
    format!("{} {path}", request.method.as_str())
}

/// Whether the phase's request changes something at the other end, so that its departure is recorded.
pub(super) fn changes_something(phase: &Phase) -> bool {
    matches!(phase, Phase::Submitted | Phase::Executed | Phase::JobCancelled { .. })
}
