//! `dataDeletion`: submit the window, watch the deletion request, and find out about a submit that was not answered.

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

/// How long a status that this program does not know is watched before it is given up.
const UNKNOWN_STATUS_PATIENCE: Duration = Duration::from_secs(300);

/// Before an unanswered submit is held not to have arrived it is watched at least for this, even if the policy asks for no watch.
const SHORTEST_WATCH: Duration = Duration::from_secs(3);

impl Machine<'_> {
    pub(super) fn deletion_submitted(&mut self, reply: Reply) -> Next {
        match reply {
            Reply::Json(answer) => match data_deletion::read_id(&answer) {
                Some(id) => {
                    self.count_submit();
                    self.arrived(id);
                    self.run.phase = Phase::Completed;
                    self.look_again()
                }
                None => self.unclear(&Cause::new("submit.no-id", "the deletion was accepted without an id to ask for")),
            },
            Reply::Empty => self.unclear(&Cause::new("submit.no-id", "the deletion was accepted without an answer")),
            Reply::Unwell { cause, .. } | Reply::Unreadable(cause) => self.unclear(&cause),
            // Perhaps because a submit before it has arrived after all, and stands in the way.
            Reply::Refused(cause) | Reply::Missing(cause) | Reply::Conflict(cause) if self.run.resubmits > 0 => {
                self.unclear(&cause)
            }
            Reply::Refused(cause) | Reply::Missing(cause) | Reply::Conflict(cause) => {
                self.note_answer(&cause);
                let outcome = if speaks_of_a_hold(&cause) { Outcome::Held } else { Outcome::Rejected };
                self.finish(outcome, Some(cause))
            }
        }
    }

    /// A submit was accepted, or may have been.
    pub(super) fn count_submit(&mut self) {
        if (self.run.submits, self.run.resubmits) == (0, 0) {
            // Its deadline counts from here.
            let started = self.run.started_at.unwrap_or(self.cx.now);
            self.run.uncounted_ms = self.cx.now.millis_since(started);
        }
        self.run.submits = self.run.submits.saturating_add(1);
        self.run.submitted_at = Some(self.cx.now);
    }

    /// What the submit has begun has an id.
    pub(super) fn arrived(&mut self, id: String) {
        self.run.request_id = Some(id);
        self.another_call();
        self.run.trouble = None;
        self.record(Event::Submitted);
    }

    /// It was answered, but not so that one knows what became of it.
    fn unclear(&mut self, cause: &Cause) -> Next {
        self.note_answer(cause);
        self.deletion_unsure(self.cx.now)
    }

    /// Nobody knows whether the submit arrived: look before posting again. It has come to its end at `since`.
    pub(super) fn deletion_unsure(&mut self, since: Timestamp) -> Next {
        self.count_submit();
        self.watch_counts(since, self.run.before)
    }

    /// This API has no list of requests and takes no idempotency key, so the only sign of an unanswered submit is whether the
    /// window empties: from the baseline on, or without one from what the first look finds.
    pub(super) fn watch_counts(&mut self, since: Timestamp, baseline: Option<u64>) -> Next {
        self.record(Event::SubmitLookedFor { arrived: None, how: "watching whether the window empties".to_owned() });
        let phase = Phase::SubmitInCounts { since, watched_ms: 0, entity: 0, sum: 0, baseline };
        self.later(phase, jittered(&self.key(), 0, Duration::from_secs(1), 20), WaitReason::ConfirmingSubmit)
    }

    pub(super) fn submit_in_counts(
        &mut self,
        reply: Reply,
        since: Timestamp,
        watched_ms: u64,
        entity: usize,
        sum: u64,
        baseline: Option<u64>,
    ) -> Next {
        let left = match self.add_count(reply, entity, sum) {
            Ok((sum, true)) => sum,
            Ok((sum, false)) => {
                return self.to(Phase::SubmitInCounts { since, watched_ms, entity: entity + 1, sum, baseline });
            }
            Err(next) => return next,
        };
        // A clock that has been set right since makes nobody watch for longer.
        let since = since.min(self.cx.now.plus(IN_FLIGHT_PATIENCE));
        let emptying = baseline.is_some_and(|before| left < before);
        self.run.remaining = Some(left);
        self.run.zeros = if left == 0 { self.run.zeros.saturating_add(1) } else { 0 };
        // Only what was counted before anything was sent says what was there before.
        let was_empty = self.run.before == Some(0);
        // An index may flicker: one zero after something else is not yet proof.
        if left == 0 && (was_empty || self.run.zeros >= 2) {
            match self.run.before.or(baseline) {
                _ if was_empty => self.found(None, "nothing was in the window before, and nothing is"),
                Some(1..) => self.found(Some(true), "nothing is left in the window"),
                Some(0) | None => self.found(None, "nothing is in the window; what was there before was not counted"),
            }
            self.run.finished_at = Some(self.cx.now);
            self.run.verified_at = Some(self.cx.now);
            self.counted(0);
            return self.finish(Outcome::Verified, None);
        }
        // The pauses that were made, look by look: the clock alone may be another machine's, or have been set.
        let watched = Duration::from_millis(watched_ms);
        let watched = watched.saturating_add(pause_after(watched)).min(self.cx.now.since(since));
        let limits = self.limits();
        let (limit, lag) = (limits.confirm_submit_seconds, limits.verify_seconds);
        let watch = submit_watch(Duration::from_secs(limit), Duration::from_secs(lag), self.cx.pace);
        if !emptying && watched >= watch.max(SHORTEST_WATCH) {
            return self.submit_does_nothing(left);
        }
        let baseline = Some(baseline.map_or(left, |before| before.max(left)));
        let watched_ms = u64::try_from(watched.as_millis()).unwrap_or(u64::MAX);
        self.run.phase = Phase::SubmitInCounts { since, watched_ms, entity: 0, sum: 0, baseline };
        self.pause(pause_after(watched), WaitReason::ConfirmingSubmit, false)
    }

    /// It has not arrived, or it has deleted a part before anybody looked and stands still; only a count before it tells which.
    fn submit_does_nothing(&mut self, left: u64) -> Next {
        let (arrived, seen, outcome, what) = match self.run.before {
            Some(before) if left < before => (
                None,
                "a part is gone; the rest has not changed for as long as a deletion takes",
                Outcome::Residual,
                "the submit has left a part of the window",
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
                "nobody counted what was in the window before the submit, so nobody knows whether it has deleted a part",
            ),
        };
        self.found(arrived, seen);
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
            return self.end_job(Outcome::Failed, cause);
        }
        match self.run.api {
            // What stood against it may have changed while this one was watched.
            DeletionApi::DataDeletion => self.check_holds(),
            DeletionApi::RecordingJobs if self.run.slot => self.to(Phase::Submitted),
            DeletionApi::RecordingJobs => {
                // A retry needs no slot of its own to look for the job of the attempt before: now it waits for its turn.
                self.run.started_at = None;
                self.to(Phase::Slot)
            }
        }
    }

    pub(super) fn found(&mut self, arrived: Option<bool>, how: &str) {
        self.record(Event::SubmitLookedFor { arrived, how: how.to_owned() });
    }

    pub(super) fn deletion_status(&mut self, reply: Reply) -> Next {
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
                self.remote("completed", true);
                self.run.finished_at = Some(self.cx.now);
                self.verify()
            }
            Status::Failed(cause) => {
                self.remote("failed", true);
                self.finish(Outcome::Failed, Some(cause))
            }
            Status::InProgress(word) => {
                self.remote(&word, true);
                self.run.unknown_since = None;
                self.run.unfinished_at = Some(self.cx.now);
                self.look_again()
            }
            Status::Unknown(word) => self.unknown_status(&word),
        }
    }

    /// Neither success nor failure: watched for a while, then measured, never taken for success.
    pub(super) fn unknown_status(&mut self, word: &str) -> Next {
        self.remote(word, false);
        let since = *self.run.unknown_since.get_or_insert(self.cx.now);
        let patience = UNKNOWN_STATUS_PATIENCE.min(self.limits().chunk_deadline() / 3);
        if self.cx.now.since(since) < patience {
            return self.look_again();
        }
        let message = format!("the server reports the status `{word}`, which this version does not know");
        self.doubt(Cause::new("status.unknown", message))
    }

    /// Records the remote status when it changes.
    pub(super) fn remote(&mut self, word: &str, known: bool) {
        if self.run.remote.as_deref() != Some(word) {
            self.run.remote = Some(word.to_owned());
            self.record(Event::Status { remote: word.to_owned(), known });
        }
    }
}

/// The pause after a look at an unanswered submit that has been watched for this long.
fn pause_after(watched: Duration) -> Duration {
    (watched / 4).clamp(Duration::from_secs(1), Duration::from_secs(60))
}

/// The server's own refusal because of a hold. There is no documented code, so the word is looked for.
fn speaks_of_a_hold(cause: &Cause) -> bool {
    let text = format!("{} {}", cause.code, cause.message).to_ascii_lowercase().replace(['.', '_', '-'], " ");
    text.contains("legal hold") || text.contains("legalhold") || text.contains("hold conflict")
}
