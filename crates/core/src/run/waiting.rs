//! How a chunk waits: for the remote job, for a job slot, for room in the request budget, and because the server asks for a pause.

use std::time::Duration;

use super::machine::{Machine, changes_something};
use super::state::{LONGEST_SPREAD, Phase, Wait};
use super::{Cause, Next, WaitReason};
use crate::audit::Event;
use crate::pace::{until_next_look, until_next_look_at_recordings};
use crate::request::DeletionApi;
use crate::retry::{backoff, jittered};
use crate::time::Timestamp;

/// Seconds between two tries for a job slot, times the number of the try, at most half a minute.
const SLOT_PATIENCE: Duration = Duration::from_secs(2);

/// Chunks that found no room in the request budget together come back within this time, one after the other.
const BUDGET_SPREAD: Duration = Duration::from_secs(10);

/// How long after its deadline a chunk may wait for the request budget, to cancel its job or to look once at what is left.
const LAST_PATIENCE: Duration = Duration::from_secs(3600);

impl Machine<'_> {
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

    /// The job slot that was asked for is ours, or has to be asked for again.
    pub(super) fn slot(&mut self, granted: bool) -> Next {
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

    /// Makes the pause that the server asks for, or one of its own length; this is no failure.
    pub(super) fn rate_limited(&mut self, retry_after: Option<Duration>, cause: &Cause) -> Next {
        self.note_answer(cause);
        self.run.waits = self.run.waits.saturating_add(1);
        let pause = retry_after.unwrap_or_else(|| backoff(&self.key(), self.run.waits));
        let retry_after_seconds = retry_after.map(|pause| pause.as_secs());
        self.pause(pause, WaitReason::RateLimited { retry_after_seconds }, true)
    }

    /// The request has not left: that is no request, and having to wait for its turn is no failure.
    pub(super) fn not_yet(&mut self, at: Timestamp) -> Next {
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
    pub(super) fn no_room(&mut self, at: Timestamp) -> Next {
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
        let queued = matches!(self.run.phase, Phase::Queued);
        // Whoever was stopped, and found room or never looked for it, goes on as soon as somebody comes by.
        let spread =
            if queued && at > now { self.turn().clamp(BUDGET_SPREAD, self.longest_spread()) } else { BUDGET_SPREAD };
        let at = at.max(now).plus(jittered(&self.key(), now.millis().unsigned_abs(), spread, 100));
        if self.run.started_at.is_some() {
            let allowed = self.limits().queue_deadline_seconds.saturating_mul(1000);
            let allowed = allowed.saturating_sub(self.run.uncounted_ms);
            self.run.uncounted_ms = self.run.uncounted_ms.saturating_add(at.millis_since(now).min(allowed));
        }
        if self.deadline().is_some_and(|deadline| now >= deadline.plus(LAST_PATIENCE)) {
            self.run.waits = self.run.waits.saturating_add(1);
        }
        let at = if queued { self.deadline().map_or(at, |deadline| at.min(deadline)) } else { at };
        self.wait(at, WaitReason::RequestBudget, worth_recording)
    }

    /// Those that have not begun leave the way to those that have: they come back within the time in which each chunk could ask once, but
    /// within this. If thousands came back sooner than that, most would find no room again, and each would begin long before it can go
    /// on. Of those that are tried again nobody knows how many they are.
    fn longest_spread(&self) -> Duration {
        if self.run.attempt > 1 { LONGEST_SPREAD / 6 } else { LONGEST_SPREAD }
    }

    /// The time in which every chunk could ask once; less of it for one that has waited for a while, for then fewer are left.
    fn turn(&self) -> Duration {
        let turn = 60 * u64::from(self.cx.order.chunks) / u64::from(self.limits().requests_per_minute.max(1));
        let waited = self.run.queued_at.map_or(0, |queued| self.cx.now.since(queued).as_secs());
        let thrice = turn.max(1).saturating_mul(3);
        Duration::from_secs(turn.saturating_mul(thrice) / thrice.saturating_add(waited))
    }
}
