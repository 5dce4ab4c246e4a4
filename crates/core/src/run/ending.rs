//! How an attempt ends: cancelled, past its deadline, in doubt, or done.

use std::time::Duration;

use super::machine::Machine;
use super::state::{Phase, Stage};
use super::{Against, Cause, Next, Objection, Outcome};
use crate::audit::Event;
use crate::time::Timestamp;

impl Machine<'_> {
    /// Somebody asks to stop, which is recorded once.
    pub(super) fn note_cancel(&mut self, asked_at: Timestamp) {
        if !self.run.cancel {
            self.run.cancel = true;
            self.record(Event::CancelAsked { asked_at });
        }
    }

    /// Stops here if somebody asked to and nothing has been deleted. A job that may exist is found first, then cancelled.
    pub(super) fn cancelled(&mut self) -> Option<Next> {
        if !self.run.cancel {
            return None;
        }
        if matches!(self.run.phase, Phase::LookBack) {
            return self.still_to_come().map(|at| self.cancelled_late(at));
        }
        self.run.is_before().then(|| self.end_job(Outcome::Cancelled, self.cancellation()))
    }

    pub(super) fn cancellation(&self) -> Cause {
        let before = if self.run.may_have_deleted() { "another submit" } else { "anything was deleted" };
        Cause::new("cancelled", format!("cancelled before {before}"))
    }

    /// The delete date of the recordings, while it has not come.
    pub(super) fn still_to_come(&self) -> Option<Timestamp> {
        self.run.action_date.filter(|at| *at > self.cx.now)
    }

    /// In the cool-off the policy has come to stand against what the job has done. Where nobody can tell, it goes on waiting: nothing is
    /// about to leave.
    pub(super) fn regretted(&mut self, objection: Objection) -> Next {
        match (objection, self.still_to_come()) {
            (Objection::Held(against) | Objection::Forbidden(against), Some(at)) if self.run.cools_off() => {
                let Against { policy, cause } = against;
                let message = cause.message.clone();
                self.record(Event::PolicyObjected { policy, cause });
                self.left_scheduled(at, "policy.scheduled", &message)
            }
            (Objection::Held(_) | Objection::Forbidden(_) | Objection::Unclear(_) | Objection::Cancelled { .. }, _) => {
                self.resume()
            }
        }
    }

    /// Cancelled in the cool-off.
    pub(super) fn cancelled_late(&mut self, at: Timestamp) -> Next {
        self.left_scheduled(at, "cancelled.scheduled", "cancelled in the cool-off")
    }

    /// Only the job could be cancelled, and it is over: its delete dates stand.
    fn left_scheduled(&mut self, at: Timestamp, code: &str, why: &str) -> Next {
        let message = format!(
            "{why}: the job has run, and its recordings go at {at} unless their delete dates are taken back in Genesys Cloud"
        );
        self.finish(Outcome::Unknown, Some(Cause::new(code, message)))
    }

    /// Ends a chunk that has not sent its deletion, or was about to send it once more because the first was not answered. A job that
    /// exists is cancelled first; and after a submit that may have deleted something, what is left is measured.
    pub(super) fn end_job(&mut self, outcome: Outcome, cause: Cause) -> Next {
        match self.run.request_id {
            _ if self.run.may_have_deleted() => self.doubt(cause),
            Some(_) => self.to(Phase::JobCancelled { outcome, cause }),
            None => self.finish(outcome, Some(cause)),
        }
    }

    /// When this attempt must be over; absent before it got going.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
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
    pub(super) fn expired(&mut self) -> Option<Next> {
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

    /// Whatever the counts will say, this is not success: measure what is left, then end.
    pub(super) fn doubt(&mut self, cause: Cause) -> Next {
        self.run.doubt.get_or_insert(cause);
        self.verify()
    }

    /// `Residual` when the job or the last look has said that something is left, otherwise the given outcome.
    pub(super) fn left_or(&self, otherwise: Outcome) -> Outcome {
        let seen = self.run.seen_left && self.run.zeros == 0;
        let is_left = self.run.residue.is_some() || seen;
        if is_left && self.run.doubt.is_none() { Outcome::Residual } else { otherwise }
    }

    /// Ends the attempt.
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
