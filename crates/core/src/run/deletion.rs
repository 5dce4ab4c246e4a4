//! `dataDeletion`: submit the window, watch the deletion request, and find out what became of an unclear submit.

use std::time::Duration;

use super::machine::{IN_FLIGHT_PATIENCE, Machine};
use super::state::{DELETION_GONE, Phase};
use super::{Cause, Next, Outcome, WaitReason};
use crate::api::data_deletion::{self, Status};
use crate::audit::Event;
use crate::pace::submit_watch;
use crate::reply::Reply;
use crate::request::DeletionApi;
use crate::retry::{MAX_SUBMITS, jittered};
use crate::time::Timestamp;

/// How long an unknown status is watched before the chunk ends in doubt.
const UNKNOWN_STATUS_PATIENCE: Duration = Duration::from_secs(300);

/// How long an unclear submit is watched at least before it is taken not to have arrived, even if the policy asks for no watch.
const SHORTEST_WATCH: Duration = Duration::from_secs(3);

impl Machine<'_> {
    /// Takes the id of an accepted deletion request. A refused submit ends the attempt; one with an unclear answer is looked for.
    pub(super) fn on_deletion_submitted(&mut self, reply: Reply) -> Next {
        match reply {
            Reply::Json(answer) => match data_deletion::read_id(&answer) {
                Some(id) => {
                    self.count_submit();
                    self.adopt_id(id);
                    self.run.phase = Phase::Completed;
                    self.look_again()
                }
                None => self.on_unclear_submit(&Cause::new(
                    "submit.no-id",
                    "the deletion was accepted, but the answer has no usable id",
                )),
            },
            Reply::Empty => {
                self.on_unclear_submit(&Cause::new("submit.no-id", "the deletion was accepted with an empty answer"))
            }
            Reply::Unwell { cause, .. } | Reply::Unreadable(cause) => self.on_unclear_submit(&cause),
            // Perhaps an earlier submit has arrived after all and stands in the way.
            Reply::Refused(cause) | Reply::Missing(cause) | Reply::Conflict(cause) if self.run.resubmits > 0 => {
                self.on_unclear_submit(&cause)
            }
            Reply::Refused(cause) | Reply::Missing(cause) | Reply::Conflict(cause) => {
                self.note_answer(&cause);
                let outcome = if mentions_a_hold(&cause) { Outcome::Held } else { Outcome::Rejected };
                self.finish(outcome, Some(cause))
            }
        }
    }

    /// Counts a submit that was accepted or may have been.
    pub(super) fn count_submit(&mut self) {
        if (self.run.submits, self.run.resubmits) == (0, 0) {
            // The chunk's deadline counts from its first submit.
            let started = self.run.started_at.unwrap_or(self.cx.now);
            self.run.uncounted_ms = self.cx.now.millis_since(started);
        }
        self.run.submits = self.run.submits.saturating_add(1);
        self.run.submitted_at = Some(self.cx.now);
    }

    /// Takes the id of what the submit has begun, and records that it was accepted.
    pub(super) fn adopt_id(&mut self, id: String) {
        self.run.request_id = Some(id);
        self.reset_tries();
        self.run.trouble = None;
        self.record(Event::Submitted);
    }

    /// Notes an answer that does not tell what became of the submit, and looks for it.
    fn on_unclear_submit(&mut self, cause: &Cause) -> Next {
        self.note_answer(cause);
        self.confirm_deletion(self.cx.now)
    }

    /// Looks for a submit that may have arrived, before another one is sent. `since` is when it came to its end.
    pub(super) fn confirm_deletion(&mut self, since: Timestamp) -> Next {
        self.count_submit();
        self.watch_counts(since, self.run.before)
    }

    /// Watches whether the window empties, compared with the baseline, or without one with what the first look finds. This is the
    /// only sign of an unanswered submit: the API has no list of requests and takes no idempotency key.
    pub(super) fn watch_counts(&mut self, since: Timestamp, baseline: Option<u64>) -> Next {
        self.record(Event::SubmitLookedFor { arrived: None, how: "watching whether the window empties".to_owned() });
        let phase = Phase::SubmitInCounts { since, watched_ms: 0, entity: 0, sum: 0, baseline };
        self.enter_later(
            phase,
            jittered(&self.jitter_key(), 0, Duration::from_secs(1), 20),
            WaitReason::ConfirmingSubmit,
        )
    }

    /// Compares a count with the baseline: the window is empty, is emptying, or has not moved for long enough.
    pub(super) fn on_submit_in_counts(
        &mut self,
        reply: Reply,
        since: Timestamp,
        watched_ms: u64,
        entity: usize,
        sum: u64,
        baseline: Option<u64>,
    ) -> Next {
        let left = match self.read_count(reply, entity, sum) {
            Ok((sum, true)) => sum,
            Ok((sum, false)) => {
                return self.enter(Phase::SubmitInCounts { since, watched_ms, entity: entity + 1, sum, baseline });
            }
            Err(next) => return next,
        };
        // A clock that was set back since must not make the watch longer.
        let since = since.min(self.cx.now.plus(IN_FLIGHT_PATIENCE));
        let emptying = baseline.is_some_and(|before| left < before);
        self.run.remaining = Some(left);
        self.run.zeros = if left == 0 { self.run.zeros.saturating_add(1) } else { 0 };
        // Only a count that was made before anything was sent says what was there before.
        let was_empty = self.run.before == Some(0);
        // The index may flicker: one zero after something else is not yet proof.
        if left == 0 && (was_empty || self.run.zeros >= 2) {
            let (arrived, how) = match self.run.before.or(baseline) {
                _ if was_empty => (None, "the window was empty before and is empty now"),
                Some(1..) => (Some(true), "nothing is left in the window"),
                Some(0) | None => (None, "nothing is in the window; what was there before was not counted"),
            };
            self.record_submit_looked_for(arrived, how);
            self.run.finished_at = Some(self.cx.now);
            self.run.verified_at = Some(self.cx.now);
            self.record_absence_counted(0);
            return self.finish(Outcome::Verified, None);
        }
        // Add up the pauses between the looks. The clock alone may be another machine's, or have been set.
        let watched = Duration::from_millis(watched_ms);
        let watched = watched.saturating_add(pause_after(watched)).min(self.cx.now.since(since));
        let limits = self.limits();
        let (limit, lag) = (limits.confirm_submit_seconds, limits.verify_seconds);
        let watch = submit_watch(Duration::from_secs(limit), Duration::from_secs(lag), self.cx.pace);
        if !emptying && watched >= watch.max(SHORTEST_WATCH) {
            return self.on_window_unchanged(left);
        }
        let baseline = Some(baseline.map_or(left, |before| before.max(left)));
        let watched_ms = u64::try_from(watched.as_millis()).unwrap_or(u64::MAX);
        self.run.phase = Phase::SubmitInCounts { since, watched_ms, entity: 0, sum: 0, baseline };
        self.pause(pause_after(watched), WaitReason::ConfirmingSubmit, false)
    }

    /// Submits again because the window no longer changes, unless a cancel was asked for. Only a count before the submit tells
    /// whether it did not arrive, or deleted a part before the first look and then stood still.
    fn on_window_unchanged(&mut self, left: u64) -> Next {
        let (arrived, seen, outcome, what) = match self.run.before {
            Some(before) if left < before => (
                None,
                "a part is gone; the rest has not changed for as long as a deletion takes",
                Outcome::Residual,
                "the submit left part of the window undeleted",
            ),
            Some(_) => (
                Some(false),
                "the window has not changed for as long as a deletion takes",
                Outcome::Cancelled,
                "the submit had not arrived",
            ),
            None => (
                None,
                "the window has not changed for as long as a deletion takes; what was there before was not counted",
                Outcome::Unknown,
                "the window was not counted before the submit, so it is unknown whether a part was deleted",
            ),
        };
        self.record_submit_looked_for(arrived, seen);
        if arrived == Some(false) {
            self.run.submits = self.run.submits.saturating_sub(1);
        }
        if self.run.cancel {
            return self.finish(outcome, Some(Cause::new("cancelled", format!("cancelled; {what}"))));
        }
        self.run.remaining = None;
        self.submit_again()
    }

    /// Submits once more, unless that has been tried too often.
    pub(super) fn submit_again(&mut self) -> Next {
        self.run.resubmits = self.run.resubmits.saturating_add(1);
        if self.run.resubmits >= MAX_SUBMITS {
            let cause = Cause::new("submit.gave-up", format!("{MAX_SUBMITS} submits had no clear answer"));
            let cause = self.with_trouble(cause);
            return self.call_off(Outcome::Failed, cause);
        }
        match self.run.api {
            // What stands against the deletion may have changed during the watch.
            DeletionApi::DataDeletion => self.check_holds(),
            DeletionApi::RecordingJobs if self.run.slot => self.enter(Phase::Submitted),
            DeletionApi::RecordingJobs => {
                // A retry needs no slot to look for the job of the attempt before. Now it has to wait for its turn.
                self.run.started_at = None;
                self.enter(Phase::Slot)
            }
        }
    }

    /// Records what a search for an unclear submit has found.
    pub(super) fn record_submit_looked_for(&mut self, arrived: Option<bool>, how: &str) {
        self.record(Event::SubmitLookedFor { arrived, how: how.to_owned() });
    }

    /// Verifies a completed deletion, ends a failed one, and watches one in progress.
    pub(super) fn on_deletion_status(&mut self, reply: Reply) -> Next {
        if let Reply::Missing(cause) = reply {
            return self.retry_later(Cause { code: DELETION_GONE.to_owned(), ..cause }, None);
        }
        let id = self.run.request_id.clone().unwrap_or_default();
        let status = match self.read(reply, |answer| data_deletion::read_status(answer, &id)) {
            Ok(status) => status,
            Err(next) => return next,
        };
        match status {
            Status::Completed => {
                self.record_remote_status("completed", true);
                self.run.finished_at = Some(self.cx.now);
                self.verify()
            }
            Status::Failed(cause) => {
                self.record_remote_status("failed", true);
                self.finish(Outcome::Failed, Some(cause))
            }
            Status::InProgress(word) => {
                self.record_remote_status(&word, true);
                self.run.unknown_since = None;
                self.run.unfinished_at = Some(self.cx.now);
                self.look_again()
            }
            Status::Unknown(word) => self.watch_unknown_status(&word),
        }
    }

    /// Watches an unknown status for a while, then measures what is left and ends in doubt. It is neither success nor failure.
    pub(super) fn watch_unknown_status(&mut self, word: &str) -> Next {
        self.record_remote_status(word, false);
        let since = *self.run.unknown_since.get_or_insert(self.cx.now);
        let patience = UNKNOWN_STATUS_PATIENCE.min(self.limits().chunk_deadline() / 3);
        if self.cx.now.since(since) < patience {
            return self.look_again();
        }
        let message = format!("the server reports the status `{word}`, which this version does not know");
        self.end_in_doubt(Cause::new("status.unknown", message))
    }

    /// Records the remote status when it changes.
    pub(super) fn record_remote_status(&mut self, word: &str, known: bool) {
        if self.run.remote.as_deref() != Some(word) {
            self.run.remote = Some(word.to_owned());
            self.record(Event::Status { remote: word.to_owned(), known });
        }
    }
}

/// The pause after a look at an unclear submit that has been watched for so long.
fn pause_after(watched: Duration) -> Duration {
    (watched / 4).clamp(Duration::from_secs(1), Duration::from_secs(60))
}

/// Whether the server refuses because of a hold of its own. No code is documented for that, so the word is looked for.
fn mentions_a_hold(cause: &Cause) -> bool {
    let text = format!("{} {}", cause.code, cause.message).to_ascii_lowercase().replace(['.', '_', '-'], " ");
    text.contains("legal hold") || text.contains("legalhold") || text.contains("hold conflict")
}
