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

/// The pause before the second try for a job slot. It grows by as much with each try, to half a minute.
const SLOT_PATIENCE: Duration = Duration::from_secs(2);

/// Chunks that find no room in the request budget at the same time come back spread over this time, so that they do not all ask at
/// once.
const BUDGET_SPREAD: Duration = Duration::from_secs(10);

/// How long after its deadline a chunk may wait for the request budget, to cancel its job or to look once at what is left.
const LAST_PATIENCE: Duration = Duration::from_secs(3600);

impl Machine<'_> {
    /// Enters a phase after a pause.
    pub(super) fn enter_later(&mut self, phase: Phase, pause: Duration, reason: WaitReason) -> Next {
        self.run.phase = phase;
        self.reset_tries();
        self.pause(pause, reason, reason != (WaitReason::JobPending { percent: self.run.percent }))
    }

    /// Waits for a pause, but never beyond the deadline.
    pub(super) fn pause(&mut self, pause: Duration, reason: WaitReason, worth_recording: bool) -> Next {
        let at = self.cx.now.plus(pause);
        let at = self.deadline().map_or(at, |deadline| at.min(deadline));
        self.wait_until(at, reason, worth_recording)
    }

    /// Waits until a time, and records that if it is worth recording.
    fn wait_until(&mut self, at: Timestamp, reason: WaitReason, worth_recording: bool) -> Next {
        self.run.wait = Some(Wait { at, reason });
        if worth_recording {
            self.record(Event::Waiting { reason, until: at });
        }
        Next::WaitUntil { at, reason }
    }

    /// Waits until the next look at the remote job is due.
    pub(super) fn look_again(&mut self) -> Next {
        let age = self.run.submitted_at.map_or(Duration::ZERO, |at| self.cx.now.since(at));
        let pause = match self.run.api {
            DeletionApi::DataDeletion => until_next_look(age, self.cx.pace),
            DeletionApi::RecordingJobs => until_next_look_at_recordings(age),
        };
        self.pause(pause, WaitReason::JobPending { percent: self.run.percent }, false)
    }

    /// Submits if the job slot was granted, otherwise waits to ask for it again.
    pub(super) fn on_slot(&mut self, granted: bool) -> Next {
        if granted {
            self.run.slot = true;
            self.run.tries = 0;
            self.run.started_at = Some(self.cx.now);
            return self.enter(Phase::Submitted);
        }
        let first = self.run.tries == 0;
        self.run.tries = self.run.tries.saturating_add(1);
        let longest = SLOT_PATIENCE * self.run.tries.min(15);
        // Chunks that wait for a slot ask at different times. In step, all would ask at once and then leave a free slot idle.
        let pause = jittered(&self.jitter_key(), u64::from(self.run.tries), longest, 50);
        self.pause(pause, WaitReason::SlotBusy, first)
    }

    /// Waits as long as the server asks, or as long as a backoff if it does not say. This is no failure.
    pub(super) fn on_rate_limited(&mut self, retry_after: Option<Duration>, cause: &Cause) -> Next {
        self.note_answer(cause);
        self.run.waits = self.run.waits.saturating_add(1);
        let pause = retry_after.unwrap_or_else(|| backoff(&self.jitter_key(), self.run.waits));
        let retry_after_seconds = retry_after.map(|pause| pause.as_secs());
        self.pause(pause, WaitReason::RateLimited { retry_after_seconds }, true)
    }

    /// Takes the request back, because it has not left, and waits for room in the request budget. Waiting for its turn is no
    /// failure.
    pub(super) fn on_not_yet(&mut self, at: Timestamp) -> Next {
        self.run.requests = self.run.requests.saturating_sub(1);
        // A departure that was recorded is taken back by the record of this wait.
        let departed = changes_something(&self.run.phase);
        if (self.run.requests, self.run.submits) == (0, 0) && self.run.api == DeletionApi::DataDeletion {
            // Nothing has begun: the chunk still waits for its turn.
            self.run.phase = Phase::Queued;
            self.run.started_at = None;
        }
        self.wait_for_room(at, departed)
    }

    /// Waits on for the request budget, if the chunk has waited for it and there is still no room. Nothing was about to leave and
    /// nothing is recorded: this may happen often, and the log must not grow with it.
    pub(super) fn on_no_room(&mut self, at: Timestamp) -> Next {
        match self.run.wait {
            Some(wait) if wait.reason == WaitReason::RequestBudget && self.run.waits(self.cx.now).is_none() => self
                .stop_if_cancelled()
                .or_else(|| self.stop_if_expired())
                .unwrap_or_else(|| self.wait_for_room(at, false)),
            Some(_) | None => self.resume(),
        }
    }

    /// Waits for the request budget. The deadline does not count such waits, up to the time that a chunk may wait for its turn. A
    /// chunk that is past its deadline may still wait, but not for ever.
    fn wait_for_room(&mut self, at: Timestamp, worth_recording: bool) -> Next {
        let now = self.cx.now;
        let queued = matches!(self.run.phase, Phase::Queued);
        // A chunk whose process was stopped has not found the budget full (`at` is not in the future), so it comes back soon.
        let spread = if queued && at > now {
            self.time_per_round().clamp(BUDGET_SPREAD, self.longest_spread())
        } else {
            BUDGET_SPREAD
        };
        let at = at.max(now).plus(jittered(&self.jitter_key(), now.millis().unsigned_abs(), spread, 100));
        if self.run.started_at.is_some() {
            let allowed = self.limits().queue_deadline_seconds.saturating_mul(1000);
            let allowed = allowed.saturating_sub(self.run.uncounted_ms);
            self.run.uncounted_ms = self.run.uncounted_ms.saturating_add(at.millis_since(now).min(allowed));
        }
        if self.deadline().is_some_and(|deadline| now >= deadline.plus(LAST_PATIENCE)) {
            self.run.waits = self.run.waits.saturating_add(1);
        }
        let at = if queued { self.deadline().map_or(at, |deadline| at.min(deadline)) } else { at };
        self.wait_until(at, WaitReason::RequestBudget, worth_recording)
    }

    /// The longest time over which chunks that have not begun come back. They give way to those that have: they come back within
    /// the time in which every chunk could ask once, but no later than this. If thousands came back sooner, most would find no room
    /// again, and each would begin long before it can go on. A later attempt has a shorter time, because nothing tells how many
    /// chunks are tried again.
    fn longest_spread(&self) -> Duration {
        if self.run.attempt > 1 { LONGEST_SPREAD / 6 } else { LONGEST_SPREAD }
    }

    /// The time in which every chunk could ask once. For a chunk that has waited for a while it is less, because fewer are left by
    /// then.
    fn time_per_round(&self) -> Duration {
        let round = 60 * u64::from(self.cx.order.chunks) / u64::from(self.limits().requests_per_minute.max(1));
        let waited = self.run.queued_at.map_or(0, |queued| self.cx.now.since(queued).as_secs());
        let thrice = round.max(1).saturating_mul(3);
        Duration::from_secs(round.saturating_mul(thrice) / thrice.saturating_add(waited))
    }
}
