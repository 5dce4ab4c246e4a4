//! How an attempt ends: cancelled, past its deadline, in doubt, or done.

use std::time::Duration;

use super::machine::Machine;
use super::state::{Phase, Stage};
use super::{Against, Asked, Cause, Next, Objection, Outcome};
use crate::audit::Event;
use crate::time::Timestamp;

impl Machine<'_> {
    /// Notes that a cancel was asked for, and records it once.
    pub(super) fn note_cancel(&mut self, asked: Asked) {
        if !self.run.cancel {
            self.run.cancel = true;
            self.record(Event::CancelAsked { asked_by: asked.by, asked_at: asked.at });
        }
    }

    /// Stops if a cancel was asked for, in a phase before a deletion or in a cool-off. A job that may exist is found first, then
    /// cancelled.
    pub(super) fn stop_if_cancelled(&mut self) -> Option<Next> {
        if !self.run.cancel {
            return None;
        }
        if matches!(self.run.phase, Phase::LookBack) {
            return self.pending_delete_date().map(|at| self.end_cancelled_in_cool_off(at));
        }
        self.run.is_before_deletion().then(|| self.call_off(Outcome::Cancelled, self.cancel_cause()))
    }

    /// The cause of an end by a cancel.
    pub(super) fn cancel_cause(&self) -> Cause {
        let before = if self.run.may_have_deleted() { "another submit" } else { "anything was deleted" };
        Cause::new("cancelled", format!("cancelled before {before}"))
    }

    /// The delete date of the recordings, until it comes.
    pub(super) fn pending_delete_date(&self) -> Option<Timestamp> {
        self.run.action_date.filter(|at| *at > self.cx.now)
    }

    /// Ends a cool-off because the policy has come to stand against what the job has done. A policy that cannot be read changes
    /// nothing, for nothing is about to leave; nor does any objection outside a cool-off.
    pub(super) fn on_objection_in_cool_off(&mut self, objection: Objection) -> Next {
        match (objection, self.pending_delete_date()) {
            (Objection::Held(against) | Objection::Forbidden(against), Some(at)) if self.run.cools_off() => {
                let Against { policy, cause } = against;
                let message = cause.message.clone();
                self.record(Event::PolicyObjected { policy, cause });
                self.end_scheduled(at, "policy.scheduled", &message)
            }
            (Objection::Held(_) | Objection::Forbidden(_) | Objection::Unclear(_) | Objection::Cancelled(_), _) => {
                self.resume()
            }
        }
    }

    /// Ends a cool-off because a cancel was asked for.
    pub(super) fn end_cancelled_in_cool_off(&mut self, at: Timestamp) -> Next {
        self.end_scheduled(at, "cancelled.scheduled", "cancelled during the cool-off")
    }

    /// Ends the attempt while its delete dates stand. Only the job could have been cancelled, and it is over.
    fn end_scheduled(&mut self, at: Timestamp, code: &str, why: &str) -> Next {
        let message = format!(
            "{why}: the job has run, and its recordings are deleted at {at} unless their delete dates are taken back in Genesys Cloud"
        );
        self.finish(Outcome::Unknown, Some(Cause::new(code, message)))
    }

    /// Ends an attempt that has not sent its deletion, or was about to send it again because the first had no answer. A job that
    /// exists is cancelled first. After a submit that may have deleted something, what is left is measured first.
    pub(super) fn call_off(&mut self, outcome: Outcome, cause: Cause) -> Next {
        match self.run.request_id {
            _ if self.run.may_have_deleted() => self.end_in_doubt(cause),
            Some(_) => self.enter(Phase::JobCancelled { outcome, cause }),
            None => self.finish(outcome, Some(cause)),
        }
    }

    /// When this attempt must be over; `None` before its first step.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let limits = self.limits();
        match (self.run.started_at, self.run.queued_at) {
            // Only an executed job has the cool-off on top. Before that, more time would let a job be executed with less of its
            // cool-off left.
            (Some(started), _) => {
                let cool_off = if self.run.executed { self.cool_off() } else { Duration::ZERO };
                let uncounted = Duration::from_millis(self.run.uncounted_ms);
                Some(started.plus(limits.chunk_deadline()).plus(cool_off).plus(uncounted))
            }
            (None, Some(queued)) => Some(queued.plus(Duration::from_secs(limits.queue_deadline_seconds))),
            (None, None) => None,
        }
    }

    /// Ends the attempt if its deadline has passed.
    pub(super) fn stop_if_expired(&mut self) -> Option<Next> {
        self.deadline().filter(|deadline| self.cx.now >= *deadline)?;
        let (stage, tried) = (self.run.stage(), self.run.tries > 0 || self.run.waits > 0);
        let when = match stage {
            // One try is allowed, to leave no job behind.
            Stage::Cancelling => return tried.then(|| self.leave_job()),
            // One look at what is left is allowed.
            Stage::Verifying if self.run.doubt.is_some() && !tried => return None,
            Stage::Before => "before anything was deleted",
            Stage::Searching => "before it was known whether the job exists",
            Stage::Deleting => "while the deletion was under way",
            Stage::Collecting | Stage::Verifying | Stage::Ended => "before absence was verified",
        };
        let late = self.with_trouble(Cause::new("deadline", format!("the deadline passed {when}")));
        Some(match stage {
            Stage::Before => self.call_off(Outcome::TimedOut, late),
            Stage::Deleting => self.end_in_doubt(late),
            Stage::Searching | Stage::Cancelling => self.finish(Outcome::Unknown, Some(late)),
            Stage::Collecting | Stage::Verifying | Stage::Ended => {
                let outcome = self.residual_or(Outcome::Unknown);
                self.finish(outcome, Some(late))
            }
        })
    }

    /// Measures what is left, then ends the attempt as `unknown`, whatever the counts say.
    pub(super) fn end_in_doubt(&mut self, cause: Cause) -> Next {
        self.run.doubt.get_or_insert(cause);
        self.verify()
    }

    /// `Residual` if the job or the last look has said that something is left, otherwise the given outcome.
    pub(super) fn residual_or(&self, otherwise: Outcome) -> Outcome {
        let seen = self.run.seen_left && self.run.zeros == 0;
        let is_left = self.run.residue.is_some() || seen;
        if is_left && self.run.doubt.is_none() { Outcome::Residual } else { otherwise }
    }

    /// Ends the attempt now, and records it.
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
}
