//! What does not go as it should: a request that does not leave, an answer that does not come or says nothing, and giving up.

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

/// Sizes of pages that are tried one after the other where larger ones are refused.
const SMALLER_PAGES: [u32; 2] = [25, 5];

impl Machine<'_> {
    /// No answer will come. Of a request that changes something somebody has to find out whether it has arrived.
    pub(super) fn unanswered(&mut self, why: NoResponse, sent: Timestamp) -> Next {
        if why == NoResponse::NotSent {
            // It did not leave, so it is not a request, and nothing can have come of it.
            self.run.requests = self.run.requests.saturating_sub(1);
            return self.retry_later(Cause::new("network.not-sent", why.phrase()), None);
        }
        if let Some(call) = self.call() {
            self.record(Event::NoAnswer { call, why });
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

    /// The request has not left, because whoever should send it could not.
    pub(super) fn unable(&mut self, cause: Cause, retry_after: Option<Duration>, may_pass: bool) -> Next {
        self.run.requests = self.run.requests.saturating_sub(1);
        if changes_something(&self.run.phase)
            && let Some(call) = self.call()
        {
            self.record(Event::Withheld { call, cause: cause.clone(), policy: None });
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
    pub(super) fn objected(&mut self, objection: &Objection) -> Next {
        self.run.requests = self.run.requests.saturating_sub(1);
        let (outcome, cause, policy) = match objection {
            Objection::Held(against) => (Some(Outcome::Held), against.cause.clone(), Some(&against.policy)),
            Objection::Forbidden(against) => (Some(Outcome::Rejected), against.cause.clone(), Some(&against.policy)),
            Objection::Unclear(cause) => (None, cause.clone(), None),
            Objection::Cancelled { .. } => (Some(Outcome::Cancelled), self.cancellation(), None),
        };
        if let Some(call) = self.call() {
            self.record(Event::Withheld { call, cause: cause.clone(), policy: policy.cloned() });
        }
        if let Objection::Cancelled { asked_at } = objection {
            self.note_cancel(*asked_at);
        }
        match outcome {
            Some(outcome) => self.end_job(outcome, cause),
            None => self.retry_later(cause, None),
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
            Reply::Unwell { retry_after, cause } => (retry_after, cause),
            Reply::Refused(cause) => {
                self.note_answer(&cause);
                // It will be refused again: do not ask forty times.
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

    /// Whether a list is to be asked for again from its first page, on smaller ones: the documented answers to a page that is too large.
    pub(super) fn takes_smaller_pages(&mut self, reply: &Reply) -> bool {
        let Reply::Refused(cause) = reply else { return false };
        let smaller = SMALLER_PAGES.into_iter().find(|size| *size < self.page_size());
        if smaller.is_none() || (self.http_status != 413 && cause.code != "response.entity.too.large") {
            return false;
        }
        self.note_answer(cause);
        self.run.page_size = smaller;
        true
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

    /// Records an answer that was none, and keeps it for the cause that the attempt may end with.
    pub(super) fn note_answer(&mut self, cause: &Cause) {
        self.run.trouble = Some(cause.clone());
        if let Some(call) = self.call() {
            self.record(Event::Answered { call, http_status: self.http_status, cause: cause.clone() });
        }
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
        if let Some(next) = self.do_without() {
            return next;
        }
        match self.run.stage() {
            Stage::Before => {
                let message = format!("gave up before anything was deleted: {}", cause.message);
                self.end_job(Outcome::Failed, Cause { message, ..cause })
            }
            Stage::Cancelling => self.leave_job(),
            Stage::Searching => self.finish(Outcome::Unknown, Some(cause)),
            Stage::Deleting => self.doubt(cause),
            // What failed is known to be left, by whatever name.
            Stage::Collecting => self.await_removal(),
            Stage::Verifying | Stage::Ended => self.finish(self.left_or(Outcome::Unknown), Some(cause)),
        }
    }

    /// Ends it where it stands, asking nothing more. What went wrong last may be why nobody could carry it on.
    pub(super) fn abandon(&mut self, cause: Cause) -> Next {
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

    /// Nobody knows whether the job was cancelled. We have not executed it; but it is there, and somebody else may have.
    pub(super) fn leave_job(&mut self) -> Next {
        let (Phase::JobCancelled { cause, .. } | Phase::CancelConfirmed { cause, .. }) = self.run.phase.clone() else {
            return self.resume();
        };
        let message = format!("{}; whether its job was cancelled is not known", cause.message);
        self.finish(Outcome::Unknown, Some(Cause { message, ..cause }))
    }
}
