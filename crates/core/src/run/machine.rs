//! The machine's frame: takes an input, lets the phase judge it, and answers with one next move.
//!
//! What the single phases mean is told in the neighbouring files: [`super::guard`] before anything is deleted,
//! [`super::deletion`] and [`super::job`] for the two APIs, [`super::verify`] afterwards.

use std::time::Duration;

use serde_json::Value;

use super::state::{Phase, Stage, Wait};
use super::{Cause, ChunkRun, Context, Input, Next, Objection, Outcome, Step, WaitReason};
use crate::api::{data_deletion, recording_jobs};
use crate::audit::{AuditRecord, Draft, Event, seal};
use crate::bounds::AGED_AFTER_MONTHS;
use crate::chunk::Age;
use crate::http::{Auth, HttpRequest, HttpResponse, NoResponse};
use crate::json::digest;
use crate::pace::{until_next_look, until_next_look_at_recordings};
use crate::policy::Limits;
use crate::reply::Reply;
use crate::request::DeletionApi;
use crate::retry::{GIVE_UP_BEFORE, GIVE_UP_WATCHING, backoff, jittered};
use crate::time::Timestamp;

/// How long a request may be under way before a tick looks at it again; the driver's own time-outs are shorter.
pub(super) const IN_FLIGHT_PATIENCE: Duration = Duration::from_secs(60);

/// Seconds between two tries for a job slot, times the number of the try, at most half a minute.
const SLOT_PATIENCE: Duration = Duration::from_secs(2);

/// For how long it counts that nothing stood against a deletion: what the platform protects may change while it is put off.
const CLEARED_FOR: Duration = Duration::from_secs(300);

/// For how long at most, whatever the deletion waited for.
const CLEARED_AT_MOST: Duration = Duration::from_secs(3600);

/// Chunks that found no room in the request budget together come back within this time, one after the other.
const BUDGET_SPREAD: Duration = Duration::from_secs(10);

/// Those that have not begun leave the way to those that have: they come back within the time in which each chunk could ask once,
/// but within this.
const LONGEST_SPREAD: Duration = Duration::from_secs(900);

/// How long after its deadline a chunk may wait for the request budget, to cancel its job or to look once at what is left.
const LAST_PATIENCE: Duration = Duration::from_secs(3600);

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
    http_status: u16,
}

impl Machine<'_> {
    fn take(&mut self, input: Input) -> Next {
        if let Some(outcome) = self.run.outcome {
            return Next::Done(outcome);
        }
        match input {
            Input::Start | Input::Tick => self.resume(),
            Input::Cancel => {
                self.note_cancel();
                let cooling = self.run.wait.is_some_and(|wait| wait.reason == WaitReason::CoolOff);
                if self.run.stage().is_harmless() || cooling {
                    self.run.wait = None;
                }
                self.resume()
            }
            Input::Slot { granted } if self.run.phase == Phase::Slot => self.slot(granted),
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
            Input::Objection(objection) => match self.run.in_flight.take() {
                Some(_) => self.objected(objection),
                None => self.resume(),
            },
        }
    }

    /// Goes on, unless there is a reason to wait.
    fn resume(&mut self) -> Next {
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
        if self.run.phase == Phase::Queued {
            return self.begin();
        }
        if let Some(next) = self.cancelled().or_else(|| self.expired()) {
            return next;
        }
        if self.is_stale() {
            return self.check_holds();
        }
        if self.run.phase == Phase::Submitted && self.run.api == DeletionApi::RecordingJobs {
            if let Some(cause) = self.outlived() {
                return self.finish(Outcome::Rejected, Some(cause));
            }
            // Anew for each try, for nothing came of those before, and the cool-off is counted from this one. It is also the mark by
            // which an unanswered submit is found again.
            self.run.action_date = Some(self.cx.now.plus(self.cool_off()));
        }
        if self.still_to_come().is_none() {
            // Whatever the job was to delete has had its date.
            self.run.deleted = self.run.deleted.or(self.run.scheduled.take());
        }
        match self.question() {
            Some(request) => self.send(request),
            None if self.run.phase == Phase::Slot => Next::TakeSlot,
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
            self.record(Event::Started { chunk: self.run.chunk, approved_by: self.cx.order.approved_by.clone() });
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

    fn slot(&mut self, granted: bool) -> Next {
        if granted {
            self.run.slot = true;
            self.run.tries = 0;
            self.run.started_at = Some(self.cx.now);
            return self.to(Phase::Submitted);
        }
        let first = self.run.tries == 0;
        self.run.tries = self.run.tries.saturating_add(1);
        let whole = SLOT_PATIENCE * self.run.tries.min(15);
        // Those that wait come one after the other: in step, all would ask at once and then leave a free slot idle.
        let pause = jittered(&self.key(), u64::from(self.run.tries), whole, 50);
        self.pause(pause, WaitReason::SlotBusy, first)
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

    /// Enters a phase after a pause.
    pub(super) fn later(&mut self, phase: Phase, pause: Duration, reason: WaitReason) -> Next {
        self.run.phase = phase;
        self.another_call();
        self.pause(pause, reason, reason != (WaitReason::JobPending { percent: self.run.percent }))
    }

    /// Waits, never beyond the deadline.
    pub(super) fn pause(&mut self, pause: Duration, reason: WaitReason, worth_recording: bool) -> Next {
        let at = self.cx.now.plus(pause);
        let at = self.deadline().map_or(at, |deadline| at.min(deadline));
        self.wait(at, reason, worth_recording)
    }

    fn wait(&mut self, at: Timestamp, reason: WaitReason, worth_recording: bool) -> Next {
        self.run.wait = Some(Wait { at, reason });
        if worth_recording {
            self.record(Event::Waiting { reason, until: at });
        }
        Next::WaitUntil { at, reason }
    }

    /// The pause before the next look at the remote job.
    pub(super) fn look_again(&mut self) -> Next {
        let age = self.run.submitted_at.map_or(Duration::ZERO, |at| self.cx.now.since(at));
        let pause = match self.run.api {
            DeletionApi::DataDeletion => until_next_look(age, self.cx.pace),
            DeletionApi::RecordingJobs => until_next_look_at_recordings(age),
        };
        self.pause(pause, WaitReason::JobPending { percent: self.run.percent }, false)
    }

    fn send(&mut self, mut request: HttpRequest) -> Next {
        if self.run.renewed {
            request.auth = Auth::BearerRenewed;
        }
        self.run.requests = self.run.requests.saturating_add(1);
        self.run.in_flight = Some(self.cx.now);
        let first_page = matches!(&self.run.phase, Phase::Sample(look) if look.pages.is_empty());
        if first_page || matches!(self.run.phase, Phase::CountAfter { entity: 0, .. }) {
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
            Phase::Queued | Phase::Slot | Phase::Ended => None,
            Phase::HeldConversations { from, .. } => Some(self.ask_held(*from)),
            Phase::Straddlers { piece, ongoing, page, .. } => Some(self.ask_straddlers(*piece, *ongoing, *page)),
            Phase::Protection { from, touched, .. } => Some(self.ask_protection(*from, touched)),
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
            Phase::Sample(look) => Some(self.ask_sample(look)),
            Phase::Metadata { ids, at, .. } => ids.get(*at).map(|id| recording_jobs::metadata(id)),
            Phase::Skips { ids, .. } => Some(crate::api::protection::ask(ids)),
            Phase::JobCancelled { .. } => run.request_id.as_deref().map(recording_jobs::cancel),
        }
    }

    fn answered(&mut self, response: &HttpResponse) -> Next {
        self.http_status = response.status;
        let reply = Reply::of(response, self.cx.now);
        if matches!(reply, Reply::Unauthorized(_)) && !self.run.renewed {
            // Refused before anything happened: the same request once more, with a new token.
            self.run.renewed = true;
            return self.go();
        }
        self.run.renewed = false;
        if let Reply::Unauthorized(cause) = &reply
            && self.run.stage().is_harmless()
            && self.run.tries >= NEW_TOKENS_REFUSED
        {
            self.note_answer(cause);
            let message = format!("the API refuses every new token: {}", cause.message);
            return self.give_up(Cause { message, ..cause.clone() });
        }
        if let Reply::RateLimited { retry_after, cause } = &reply {
            return self.rate_limited(*retry_after, cause);
        }
        self.judge(reply)
    }

    fn judge(&mut self, reply: Reply) -> Next {
        match self.run.phase.clone() {
            Phase::Queued | Phase::Slot | Phase::Ended => self.resume(),
            Phase::HeldConversations { from, touched } => self.held_conversations(reply, from, touched),
            Phase::Straddlers { piece, ongoing, page, touched } => {
                self.straddlers(reply, piece, ongoing, page, touched)
            }
            Phase::Protection { from, touched, protected } => self.protection(reply, from, touched, protected),
            Phase::CountBefore { entity, sum } => self.counted_before(reply, entity, sum),
            Phase::Submitted => match self.run.api {
                DeletionApi::DataDeletion => self.deletion_submitted(reply),
                DeletionApi::RecordingJobs => self.job_created(reply),
            },
            Phase::SubmitInCounts { since, looks, entity, sum, baseline } => {
                self.submit_in_counts(reply, since, looks, entity, sum, baseline)
            }
            Phase::SubmitInJobs { since, looks, page } => self.submit_in_jobs(reply, since, looks, page),
            Phase::Completed => self.deletion_status(reply),
            Phase::Ready => self.job_ready(reply),
            Phase::Executed => self.job_executed(reply),
            Phase::Fulfilled { looks } => self.job_fulfilled(reply, looks),
            Phase::FailedRecordings { page } => self.failed_recordings(reply, page),
            Phase::CountAfter { entity, sum } => self.counted_after(reply, entity, sum),
            Phase::Sample(look) => self.sampled(reply, look),
            Phase::Metadata { ids, at, guarded, look } => self.metadata(reply, ids, at, guarded, look),
            Phase::Skips { guards, ids, look } => self.skips(reply, guards, &ids, look),
            Phase::JobCancelled { outcome, cause } => self.job_cancelled(reply, outcome, cause),
            Phase::CancelConfirmed { outcome, cause, looks } => self.cancel_confirmed(reply, outcome, cause, looks),
        }
    }

    /// The request has not left: that is no request, and having to wait for its turn is no failure.
    fn not_yet(&mut self, at: Timestamp) -> Next {
        self.run.requests = self.run.requests.saturating_sub(1);
        // A departure that has been recorded is taken back by the record of this wait.
        let departed = changes_something(&self.run.phase);
        if (self.run.requests, self.run.submits) == (0, 0) && self.run.api == DeletionApi::DataDeletion {
            // Nothing has begun: it still waits for its turn.
            self.run.phase = Phase::Queued;
            self.run.started_at = None;
        }
        self.wait_for_room(at, departed)
    }

    /// Whoever has waited for the request budget finds no room still, without having said that it leaves: this may be so many
    /// times, and the log must not grow with it.
    fn no_room(&mut self, at: Timestamp) -> Next {
        match self.run.wait {
            Some(wait) if wait.reason == WaitReason::RequestBudget && self.run.waits(self.cx.now).is_none() => {
                self.cancelled().or_else(|| self.expired()).unwrap_or_else(|| self.wait_for_room(at, false))
            }
            Some(_) | None => self.resume(),
        }
    }

    /// Waits for the request budget. That does not count against the deadline, as long as a chunk may wait for its turn; and what is
    /// asked after the deadline waits, too, though not for ever.
    fn wait_for_room(&mut self, at: Timestamp, worth_recording: bool) -> Next {
        let now = self.cx.now;
        let queued = self.run.phase == Phase::Queued;
        let spread = if queued { self.turn().clamp(BUDGET_SPREAD, LONGEST_SPREAD) } else { BUDGET_SPREAD };
        let at = at.max(now).plus(jittered(&self.key(), now.millis().unsigned_abs(), spread, 100));
        if self.run.started_at.is_some() {
            let allowed = self.limits().queue_deadline_seconds.saturating_mul(1000);
            let allowed = allowed.saturating_sub(self.run.uncounted_ms);
            self.run.uncounted_ms = self.run.uncounted_ms.saturating_add(millis(at.since(now)).min(allowed));
        }
        if self.deadline().is_some_and(|deadline| now >= deadline.plus(LAST_PATIENCE)) {
            self.run.waits = self.run.waits.saturating_add(1);
        }
        self.wait(at, WaitReason::RequestBudget, worth_recording)
    }

    /// The time in which every chunk could ask once.
    fn turn(&self) -> Duration {
        Duration::from_secs(60) * self.cx.order.chunks / self.limits().requests_per_minute.max(1)
    }

    /// The request has not left, because whoever should send it could not.
    fn unable(&mut self, cause: Cause, retry_after: Option<Duration>, may_pass: bool) -> Next {
        self.run.requests = self.run.requests.saturating_sub(1);
        if changes_something(&self.run.phase)
            && let Some(request) = self.question()
        {
            self.record(Event::Withheld { call: call_of(&request), cause: cause.clone() });
        }
        if !may_pass {
            // Once more from the beginning: another may have been let in meanwhile.
            return if std::mem::replace(&mut self.run.renewed, true) { self.give_up(cause) } else { self.go() };
        }
        match retry_after {
            // A pause that was asked for is no failure; the deadline ends them.
            Some(pause) => {
                self.run.trouble = Some(cause);
                self.run.waits = self.run.waits.saturating_add(1);
                let attempt = self.run.tries.saturating_add(self.run.waits);
                self.pause(pause, WaitReason::Backoff { attempt }, true)
            }
            None => self.retry_later(cause, None),
        }
    }

    /// The deletion has not left, and must not. A job that was made for it is cancelled.
    fn objected(&mut self, objection: Objection) -> Next {
        self.run.requests = self.run.requests.saturating_sub(1);
        let (outcome, cause) = match objection {
            Objection::Held(cause) => (Some(Outcome::Held), cause),
            Objection::Forbidden(cause) => (Some(Outcome::Rejected), cause),
            Objection::Unclear(cause) => (None, cause),
            Objection::Cancelled => (Some(Outcome::Cancelled), cancelled()),
        };
        if let Some(request) = self.question() {
            self.record(Event::Withheld { call: call_of(&request), cause: cause.clone() });
        }
        if outcome == Some(Outcome::Cancelled) {
            self.note_cancel();
        }
        match outcome {
            Some(outcome) => self.end_job(outcome, cause),
            None => self.retry_later(cause, None),
        }
    }

    fn note_cancel(&mut self) {
        if !self.run.cancel {
            self.run.cancel = true;
            self.record(Event::CancelAsked);
        }
    }

    fn unanswered(&mut self, why: NoResponse, sent: Timestamp) -> Next {
        if why == NoResponse::NotSent {
            // It did not leave, so it is not a request, and nothing can have come of it.
            self.run.requests = self.run.requests.saturating_sub(1);
            return self.retry_later(Cause::new("network.not-sent", why.phrase()), None);
        }
        if let Some(request) = self.question() {
            self.record(Event::NoAnswer { call: call_of(&request), why });
        }
        match (&self.run.phase, self.run.api) {
            (Phase::Submitted, DeletionApi::DataDeletion) => self.deletion_unsure(match why {
                // Whoever sent it may still be waiting for the answer.
                NoResponse::Interrupted => self.cx.now.max(sent.plus(IN_FLIGHT_PATIENCE)),
                NoResponse::NotSent | NoResponse::Dropped | NoResponse::TimedOut => self.cx.now,
            }),
            (Phase::Submitted, DeletionApi::RecordingJobs) => self.creation_unsure(),
            (Phase::Executed, _) => self.execution_unsure(),
            _ => self.retry_later(Cause::new("network.no-answer", why.phrase()), None),
        }
    }

    /// Reads an answer that only informs. When it does not, the question is asked again later.
    pub(super) fn read<T>(&mut self, reply: Reply, read: impl FnOnce(&Value) -> Option<T>) -> Result<T, Next> {
        let (retry_after, cause) = match reply {
            Reply::Json(value) => match read(&value) {
                Some(answer) => {
                    self.another_call();
                    return Ok(answer);
                }
                None => (None, Cause::new("reply.unreadable", "the answer lacks a field or has one of the wrong type")),
            },
            Reply::Empty => (None, Cause::new("reply.unreadable", "the answer has no body")),
            Reply::Unwell { retry_after, cause } | Reply::RateLimited { retry_after, cause } => (retry_after, cause),
            Reply::Refused(cause) => {
                self.note_answer(&cause);
                // It will be refused again: do not ask forty times.
                return Err(self.give_up(cause));
            }
            Reply::Unauthorized(cause) | Reply::Missing(cause) | Reply::Conflict(cause) | Reply::Unreadable(cause) => {
                (None, cause)
            }
        };
        Err(self.retry_later(cause, retry_after))
    }

    /// Like [`Self::read`], but a 404 is an answer too.
    pub(super) fn read_or<T>(
        &mut self,
        reply: Reply,
        missing: T,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, Next> {
        if matches!(reply, Reply::Missing(_)) { Ok(missing) } else { self.read(reply, read) }
    }

    pub(super) fn note_answer(&mut self, cause: &Cause) {
        self.run.trouble = Some(cause.clone());
        if let Some(request) = self.question() {
            let (call, http_status) = (call_of(&request), self.http_status);
            self.record(Event::Answered { call, http_status, cause: cause.clone() });
        }
    }

    pub(super) fn rate_limited(&mut self, retry_after: Option<Duration>, cause: &Cause) -> Next {
        self.note_answer(cause);
        self.run.waits = self.run.waits.saturating_add(1);
        let pause = retry_after.unwrap_or_else(|| backoff(&self.key(), self.run.waits));
        let retry_after_seconds = retry_after.map(|pause| pause.as_secs());
        self.pause(pause, WaitReason::RateLimited { retry_after_seconds }, true)
    }

    /// Asks the same again after a pause, up to the number of tries that the phase allows.
    pub(super) fn retry_later(&mut self, cause: Cause, retry_after: Option<Duration>) -> Next {
        self.run.tries = self.run.tries.saturating_add(1);
        match self.http_status {
            0 => self.run.trouble = Some(cause.clone()),
            _ => self.note_answer(&cause),
        }
        let limit = if self.run.stage().is_harmless() { GIVE_UP_BEFORE } else { GIVE_UP_WATCHING };
        if self.run.tries >= limit {
            return self.give_up(cause);
        }
        let pause = retry_after.unwrap_or_else(|| backoff(&self.key(), self.run.tries));
        self.pause(pause, WaitReason::Backoff { attempt: self.run.tries }, true)
    }

    /// The question of this phase cannot be answered.
    pub(super) fn give_up(&mut self, cause: Cause) -> Next {
        match self.run.stage() {
            Stage::Before => {
                let message = format!("gave up before anything was deleted: {}", cause.message);
                self.end_job(Outcome::Failed, Cause { message, ..cause })
            }
            Stage::Cancelling => self.leave_job(),
            Stage::Searching => self.finish(Outcome::Unknown, Some(cause)),
            Stage::Deleting => self.doubt(cause),
            Stage::Collecting => self.finish(Outcome::Residual, Some(cause)),
            Stage::Verifying | Stage::Ended => self.finish(self.left_or(Outcome::Unknown), Some(cause)),
        }
    }

    /// Ends it where it stands, asking nothing more. What went wrong last may be why nobody could carry it on.
    fn abandon(&mut self, cause: Cause) -> Next {
        let cause = self.with_trouble(cause);
        let sent = self.run.in_flight.take();
        match (&self.run.phase, sent) {
            // The answer will never be known: another attempt must look for what came of it.
            (Phase::Submitted, Some(at)) => {
                self.run.submits = self.run.submits.saturating_add(1);
                self.run.submitted_at.get_or_insert(at);
                return self.finish(Outcome::Unknown, Some(cause));
            }
            (Phase::Executed, Some(_)) => return self.finish(Outcome::Unknown, Some(cause)),
            _ => {}
        }
        let outcome = match self.run.stage() {
            Stage::Before => Outcome::Failed,
            Stage::Collecting => Outcome::Residual,
            Stage::Searching | Stage::Cancelling | Stage::Deleting => Outcome::Unknown,
            Stage::Verifying | Stage::Ended => self.left_or(Outcome::Unknown),
        };
        self.finish(outcome, Some(cause))
    }

    /// The cause, with what went wrong last: that is why it came to it.
    pub(super) fn with_trouble(&mut self, cause: Cause) -> Cause {
        match self.run.trouble.take() {
            Some(last) => Cause {
                message: format!("{}; what went wrong last was `{}`: {}", cause.message, last.code, last.message),
                context_id: last.context_id,
                correlation_id: last.correlation_id,
                ..cause
            },
            None => cause,
        }
    }

    /// A job that cannot be cancelled stays behind unexecuted, which deletes nothing.
    fn leave_job(&mut self) -> Next {
        let Phase::JobCancelled { outcome, cause, .. } = self.run.phase.clone() else {
            return self.resume();
        };
        self.finish(outcome, Some(cause))
    }

    /// Whatever the counts will say, this is not success: measure what is left, then end.
    pub(super) fn doubt(&mut self, cause: Cause) -> Next {
        self.run.doubt.get_or_insert(cause);
        self.verify()
    }

    /// Stops here if somebody asked to and nothing has been deleted. A job that may exist is found first, then cancelled.
    fn cancelled(&mut self) -> Option<Next> {
        if !self.run.cancel {
            return None;
        }
        if matches!(self.run.phase, Phase::Sample(_)) {
            return self.still_to_come().map(|at| self.left_scheduled(at));
        }
        self.run.is_before().then(|| self.end_job(Outcome::Cancelled, cancelled()))
    }

    /// Whether the deletion, having been put off by the other side, is about to leave on the word of guards that were asked too long
    /// ago. Waits of our own making, for the request budget, count much later: the guards would wait for it, too, and so for ever.
    fn is_stale(&self) -> bool {
        let ago = self.run.cleared_at.map_or(Duration::ZERO, |at| self.cx.now.since(at));
        self.run.asks_for_deletion() && ago > if self.run.waits > 0 { CLEARED_FOR } else { CLEARED_AT_MOST }
    }

    /// Conversations that have become older than five years since the plan was made are selected in another way, and a job for
    /// recent ones would find none and call that done.
    fn outlived(&self) -> Option<Cause> {
        let aged_from = self.cx.now.minus_months(AGED_AFTER_MONTHS);
        let outlived = self.run.chunk.age == Age::Recent && self.run.chunk.window.start() < aged_from;
        outlived.then(|| {
            let message = "a part of it has become older than five years since the plan was made, and jobs select such conversations in another way: plan again";
            Cause::new("chunk.fiveYears", message)
        })
    }

    /// The delete date of the recordings, while it has not come.
    pub(super) fn still_to_come(&self) -> Option<Timestamp> {
        self.run.action_date.filter(|at| *at > self.cx.now)
    }

    /// Cancelled in the cool-off. Only the job could be cancelled, and it is over: its delete dates stand.
    pub(super) fn left_scheduled(&mut self, at: Timestamp) -> Next {
        let message = format!(
            "cancelled in the cool-off: the job has run, and its recordings go at {at} unless their delete dates are taken back in Genesys Cloud"
        );
        self.finish(Outcome::Unknown, Some(Cause::new("cancelled.scheduled", message)))
    }

    /// Ends a chunk that has not sent its deletion, or was about to send it once more because the first was not answered. A job that
    /// exists is cancelled first.
    pub(super) fn end_job(&mut self, outcome: Outcome, cause: Cause) -> Next {
        match self.run.request_id {
            Some(_) => self.to(Phase::JobCancelled { outcome, cause }),
            None => self.finish(outcome, Some(cause)),
        }
    }

    /// When this attempt must be over; absent before it got going.
    fn deadline(&self) -> Option<Timestamp> {
        let limits = self.limits();
        match (self.run.started_at, self.run.queued_at) {
            // What is executed late would have less of its cool-off left.
            (Some(started), _) => {
                let cool_off = if self.run.executed { self.cool_off() } else { Duration::ZERO };
                let uncounted = Duration::from_millis(self.run.uncounted_ms);
                Some(started.plus(limits.chunk_deadline()).plus(cool_off).plus(uncounted))
            }
            (None, Some(queued)) => Some(queued.plus(Duration::from_secs(limits.queue_deadline_seconds))),
            (None, None) => None,
        }
    }

    /// Ends it if it is too late.
    fn expired(&mut self) -> Option<Next> {
        self.deadline().filter(|deadline| self.cx.now >= *deadline)?;
        let (stage, tried) = (self.run.stage(), self.run.tries > 0 || self.run.waits > 0);
        let when = match stage {
            // One try to leave no job behind.
            Stage::Cancelling => return tried.then(|| self.leave_job()),
            // One look at what is left.
            Stage::Verifying if self.run.doubt.is_some() && !tried => return None,
            Stage::Before => "before anything was deleted",
            Stage::Searching => "before it was known whether the job exists",
            Stage::Deleting => "while the deletion was under way",
            Stage::Collecting | Stage::Verifying | Stage::Ended => "before absence was verified",
        };
        let late = self.with_trouble(Cause::new("deadline", format!("the deadline passed {when}")));
        Some(match stage {
            Stage::Before => self.end_job(Outcome::TimedOut, late),
            Stage::Deleting => self.doubt(late),
            Stage::Searching | Stage::Cancelling => self.finish(Outcome::Unknown, Some(late)),
            Stage::Collecting | Stage::Verifying | Stage::Ended => {
                let outcome = self.left_or(Outcome::Unknown);
                self.finish(outcome, Some(late))
            }
        })
    }

    /// `Residual` when something was seen to be left, otherwise the given outcome.
    pub(super) fn left_or(&self, otherwise: Outcome) -> Outcome {
        match self.run.remaining {
            Some(left) if left > 0 && self.run.doubt.is_none() => Outcome::Residual,
            _ => otherwise,
        }
    }

    pub(super) fn finish(&mut self, outcome: Outcome, cause: Option<Cause>) -> Next {
        self.run.phase = Phase::Ended;
        self.run.wait = None;
        self.run.slot = false;
        self.run.ended_at = Some(self.cx.now);
        self.run.outcome = Some(outcome);
        self.run.cause.clone_from(&cause);
        let run = &self.run;
        let event = Event::Finished {
            outcome,
            cause,
            submits: run.submits,
            requests: run.requests,
            before: run.before,
            remaining: run.remaining,
            protected: run.protected,
        };
        self.record(event);
        Next::Done(outcome)
    }

    pub(super) fn record(&mut self, event: Event) {
        let (run, order) = (&mut self.run, self.cx.order);
        let status = run.outcome.map_or(run.phase.word(), Outcome::as_str);
        let since = run.started_at.or(run.queued_at).unwrap_or(self.cx.now);
        let draft = Draft {
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
            duration_ms: millis(self.cx.now.since(since)),
            compliance_note: order.compliance_note.clone(),
            simulated: order.simulated,
        };
        self.records.push(seal(&mut run.head, draft));
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

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn cancelled() -> Cause {
    Cause::new("cancelled", "cancelled before anything was deleted")
}

/// `POST /api/v2/…`, without the query.
fn call_of(request: &HttpRequest) -> String {
    let path = request.path.split_once('?').map_or(request.path.as_str(), |(path, _)| path);
    format!("{} {path}", request.method.as_str())
}

/// Whether the phase's request changes something at the other end, so that its departure is recorded.
fn changes_something(phase: &Phase) -> bool {
    matches!(phase, Phase::Submitted | Phase::Executed | Phase::JobCancelled { .. })
}
