//! What does not go as it should: a request that does not leave, an answer that does not come or cannot be used, and giving up.

use std::time::Duration;

use serde_json::Value;

use super::machine::{IN_FLIGHT_PATIENCE, Machine, changes_something};
use super::state::{Phase, Stage};
use super::{Cause, Next, Objection, Outcome, WaitReason};
use crate::audit::Event;
use crate::bounds::PAGE_SIZE;
use crate::http::NoResponse;
use crate::reply::Reply;
use crate::request::DeletionApi;
use crate::retry::{GIVE_UP_BEFORE, GIVE_UP_WATCHING, backoff};
use crate::time::Timestamp;

/// Page sizes that are tried one after the other where larger pages are refused.
const SMALLER_PAGES: [u32; 2] = [25, 5];

/// The code of a 400 that says that the page asked for is too large.
pub(super) const TOO_LARGE: &str = "response.entity.too.large";

impl Machine<'_> {
    /// No answer will come. A submit or an execution may have arrived, which has to be found out first; anything else is tried
    /// again.
    pub(super) fn on_no_response(&mut self, why: NoResponse, sent: Timestamp) -> Next {
        if why == NoResponse::NotSent {
            // The request did not leave, so it does not count and had no effect.
            self.run.requests = self.run.requests.saturating_sub(1);
            return self.retry_later(Cause::new("network.not-sent", why.phrase()), None);
        }
        if let Some(call) = self.phase_call() {
            self.record(Event::NoAnswer { call, why });
        }
        match (&self.run.phase, self.run.api) {
            (Phase::Submitted, DeletionApi::DataDeletion) => self.confirm_deletion(match why {
                // The sender may still be alive after all, and waiting for the answer.
                NoResponse::Interrupted => self.cx.now.max(sent.plus(IN_FLIGHT_PATIENCE)),
                NoResponse::NotSent | NoResponse::Dropped | NoResponse::TimedOut => self.cx.now,
            }),
            (Phase::Submitted, DeletionApi::RecordingJobs) => self.confirm_creation(),
            (Phase::Executed, _) => self.confirm_execution(),
            _ => self.retry_later(Cause::new("network.no-answer", why.phrase()), None),
        }
    }

    /// Takes the request back, because its sender could not send it, and tries again later.
    pub(super) fn on_unable(&mut self, cause: Cause, retry_after: Option<Duration>, may_pass: bool) -> Next {
        self.run.requests = self.run.requests.saturating_sub(1);
        if changes_something(&self.run.phase)
            && let Some(call) = self.phase_call()
        {
            self.record(Event::Withheld { call, cause: cause.clone(), policy: None });
        }
        if !may_pass {
            // Try once more from the beginning: another login may have succeeded meanwhile.
            return if std::mem::replace(&mut self.run.renewed, true) { self.give_up(cause) } else { self.proceed() };
        }
        match retry_after {
            // A pause that was asked for is no failure. The deadline limits how often.
            Some(pause) => {
                self.run.trouble = Some(cause);
                self.run.waits = self.run.waits.saturating_add(1);
                let attempt = self.run.tries.saturating_add(self.run.waits);
                self.pause(pause, WaitReason::Backoff { attempt }, true)
            }
            None => self.retry_later(cause, None),
        }
    }

    /// Takes the deletion back, because it must not leave. A job that was made for it is cancelled; a policy that cannot be read is
    /// read again later.
    pub(super) fn on_objection(&mut self, objection: &Objection) -> Next {
        self.run.requests = self.run.requests.saturating_sub(1);
        let (outcome, cause, policy) = match objection {
            Objection::Held(against) => (Some(Outcome::Held), against.cause.clone(), Some(&against.policy)),
            Objection::Forbidden(against) => (Some(Outcome::Rejected), against.cause.clone(), Some(&against.policy)),
            Objection::Unclear(cause) => (None, cause.clone(), None),
            Objection::Cancelled(_) => (Some(Outcome::Cancelled), self.cancel_cause(), None),
        };
        if let Some(call) = self.phase_call() {
            self.record(Event::Withheld { call, cause: cause.clone(), policy: policy.cloned() });
        }
        if let Objection::Cancelled(asked) = objection {
            self.note_cancel(asked.clone());
        }
        match outcome {
            Some(outcome) => self.call_off(outcome, cause),
            None => self.retry_later(cause, None),
        }
    }

    /// Reads the answer to a question that changes nothing. If it cannot be read, the question is asked again later.
    pub(super) fn read<T>(&mut self, reply: Reply, read: impl FnOnce(&Value) -> Option<T>) -> Result<T, Next> {
        let (retry_after, cause) = match reply {
            Reply::Json(value) => match read(&value) {
                Some(answer) => {
                    self.reset_tries();
                    return Ok(answer);
                }
                None => (None, Cause::new("reply.unreadable", "the answer lacks a field or has one of the wrong type")),
            },
            Reply::Empty => (None, Cause::new("reply.unreadable", "the answer has no body")),
            Reply::Unwell { retry_after, cause } => (retry_after, cause),
            Reply::Refused(cause) => {
                // It would be refused again, so it is not asked again.
                self.note_answer(&cause);
                return Err(self.give_up(cause));
            }
            Reply::Missing(cause) | Reply::Conflict(cause) | Reply::Unreadable(cause) => (None, cause),
        };
        Err(self.retry_later(cause, retry_after))
    }

    /// Conversations per page of a list.
    pub(super) fn page_size(&self) -> u32 {
        self.run.page_size.unwrap_or(PAGE_SIZE).max(1)
    }

    /// Whether the reply says that a page is too large, in one of the documented ways. Then the page size is made smaller, and the
    /// list has to be asked for again from its first page.
    pub(super) fn shrink_pages(&mut self, reply: &Reply) -> bool {
        let Reply::Refused(cause) = reply else { return false };
        let smaller = SMALLER_PAGES.into_iter().find(|size| *size < self.page_size());
        if smaller.is_none() || (self.http_status != 413 && cause.code != TOO_LARGE) {
            return false;
        }
        self.note_answer(cause);
        self.run.page_size = smaller;
        true
    }

    /// Like [`Self::read`], but a 404 is an answer as well: it is read as `missing`.
    pub(super) fn read_or<T>(
        &mut self,
        reply: Reply,
        missing: T,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, Next> {
        if matches!(reply, Reply::Missing(_)) { Ok(missing) } else { self.read(reply, read) }
    }

    /// Records an answer that did not help, and keeps its cause for the end of the attempt.
    pub(super) fn note_answer(&mut self, cause: &Cause) {
        self.run.trouble = Some(cause.clone());
        if let Some(call) = self.phase_call() {
            self.record(Event::Answered { call, http_status: self.http_status, cause: cause.clone() });
        }
    }

    /// Asks the same again after a pause, up to the number of tries that the stage allows.
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
        let pause = retry_after.unwrap_or_else(|| backoff(&self.jitter_key(), self.run.tries));
        self.pause(pause, WaitReason::Backoff { attempt: self.run.tries }, true)
    }

    /// Gives up the question of this phase, because it cannot be answered. What comes next depends on the stage.
    pub(super) fn give_up(&mut self, cause: Cause) -> Next {
        if let Some(next) = self.skip_inquiry() {
            return next;
        }
        match self.run.stage() {
            Stage::Before => {
                let message = format!("gave up before anything was deleted: {}", cause.message);
                self.call_off(Outcome::Failed, Cause { message, ..cause })
            }
            Stage::Cancelling => self.leave_job(),
            Stage::Searching => self.finish(Outcome::Unknown, Some(cause)),
            Stage::Deleting => self.end_in_doubt(cause),
            // It is known that something failed, even if not what.
            Stage::Collecting => self.await_removal(),
            Stage::Verifying | Stage::Ended => self.finish(self.residual_or(Outcome::Unknown), Some(cause)),
        }
    }

    /// Ends the attempt where it stands, without asking anything more. What went wrong last is named, since it may be why nothing
    /// carried the attempt on.
    pub(super) fn abandon(&mut self, cause: Cause) -> Next {
        let cause = self.with_trouble(cause);
        let sent = self.run.in_flight.take();
        match (&self.run.phase, sent) {
            // The answer will never be known, so another attempt must look for the submit.
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
            Stage::Verifying | Stage::Ended => self.residual_or(Outcome::Unknown),
        };
        self.finish(outcome, Some(cause))
    }

    /// The cause, together with what went wrong last and led to it.
    pub(super) fn with_trouble(&mut self, cause: Cause) -> Cause {
        match self.run.trouble.take() {
            Some(last) => Cause {
                message: format!("{}; the last error was `{}`: {}", cause.message, last.code, last.message),
                context_id: last.context_id,
                correlation_id: last.correlation_id,
                ..cause
            },
            None => cause,
        }
    }

    /// Ends the attempt without knowing whether its job was cancelled. We have not executed the job, but somebody else may have.
    pub(super) fn leave_job(&mut self) -> Next {
        let (Phase::JobCancelled { cause, .. } | Phase::CancelConfirmed { cause, .. }) = self.run.phase.clone() else {
            return self.resume();
        };
        let message = format!("{}; whether its job was cancelled is not known", cause.message);
        self.finish(Outcome::Unknown, Some(Cause { message, ..cause }))
    }
}
