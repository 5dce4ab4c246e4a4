//! `recordingJobs`: create, wait until counted, gate, execute, wait, collect what failed.

use std::time::Duration;

use serde_json::Value;

use super::machine::Machine;
use super::state::{JOB_GONE, Look, Phase, TOO_MANY_JOBS};
use super::{Cause, Next, Outcome, WaitReason};
use crate::api::recording_jobs::{self, Job, State};
use crate::audit::Event;
use crate::reply::Reply;
use crate::time::Timestamp;

/// How long a job that was perhaps created may take to appear in the list before it is created again. Creating deletes nothing:
/// a second job would only wait, uncounted and unexecuted, in one of the organisation's slots.
const LISTING_PATIENCE: Duration = Duration::from_secs(20);

/// Pages of our own jobs that are searched.
const MAX_JOB_PAGES: u32 = 20;

/// Looks at a job that is still `READY` after an unanswered execution before it is executed again: with their pauses a minute,
/// for a gateway may have given up long before what is behind it.
const UNSURE_LOOKS: u32 = 8;

/// Pages of failed recordings that go into the audit log, 100 a page.
const MAX_FAILED_PAGES: u32 = 50;

impl Machine<'_> {
    pub(super) fn job_created(&mut self, reply: Reply) -> Next {
        match reply {
            Reply::Json(answer) => match recording_jobs::read_job(&answer) {
                Some(job) => {
                    self.count_submit();
                    self.adopt(&job)
                }
                None => {
                    self.note_answer(&Cause::new("submit.no-id", "the job was accepted without an id or a state"));
                    self.creation_unsure()
                }
            },
            Reply::Empty => self.creation_unsure(),
            Reply::Unwell { cause, .. } | Reply::Unreadable(cause) => {
                self.note_answer(&cause);
                self.creation_unsure()
            }
            // Somebody else's jobs occupy the organisation: that is waiting, not failing.
            Reply::Conflict(cause) => self.organisation_busy(&cause),
            Reply::Refused(cause) if speaks_of_a_job_limit(&cause) => self.organisation_busy(&cause),
            Reply::Refused(cause) | Reply::Missing(cause) => {
                self.note_answer(&cause);
                self.finish(Outcome::Rejected, Some(cause))
            }
        }
    }

    fn organisation_busy(&mut self, cause: &Cause) -> Next {
        self.note_answer(cause);
        self.run.waits = self.run.waits.saturating_add(1);
        let pause = Duration::from_secs(2) * self.run.waits.min(30);
        self.pause(pause, WaitReason::SlotBusy, true)
    }

    fn adopt(&mut self, job: &Job) -> Next {
        self.arrived(job.id.clone());
        self.saw(job);
        self.run.phase = Phase::Ready;
        self.look_again()
    }

    pub(super) fn creation_unsure(&mut self) -> Next {
        self.count_submit();
        self.record(Event::SubmitLookedFor { arrived: None, how: "looking for our job in the list".to_owned() });
        let phase = Phase::SubmitInJobs { since: self.cx.now, looks: 0, page: 1 };
        self.later(phase, Duration::from_secs(1), WaitReason::ConfirmingSubmit)
    }

    pub(super) fn submit_in_jobs(&mut self, reply: Reply, since: Timestamp, looks: u32, page: u32) -> Next {
        let read = |answer: &Value| Some((recording_jobs::read_list(answer)?, recording_jobs::has_more(answer, page)));
        let (jobs, more) = match self.read(reply, read) {
            Ok(read) => read,
            Err(next) => return next,
        };
        // Two chunks can be created in the same millisecond, so the date alone does not tell whose job it is.
        // A server may keep dates to the second only.
        let second = |date: Option<Timestamp>| date.map(|date| date.millis().div_euclid(1_000));
        let (date, window) = (second(self.run.action_date), Some(self.run.chunk.window));
        let ours = |job: &Job| date.is_some() && second(job.action_date) == date && job.window == window;
        if let Some(job) =
            jobs.into_iter().find(|job| ours(job) && !matches!(job.state, State::Cancelled | State::Failed(_)))
        {
            self.found(Some(true), "a job with our window and action date is listed");
            return self.adopt(&job);
        }
        if more && page < MAX_JOB_PAGES {
            return self.to(Phase::SubmitInJobs { since, looks, page: page + 1 });
        }
        if more {
            // Ours may be on a later page: what has not been looked for has not been found missing.
            let seen = recording_jobs::PAGE_SIZE * MAX_JOB_PAGES as usize;
            let message = format!("our job is not among the first {seen} of our jobs, and there are more");
            return self.finish(Outcome::Unknown, Some(Cause::new(TOO_MANY_JOBS, message)));
        }
        let looks = looks.saturating_add(1);
        if looks < 2 || self.cx.now.since(since) < LISTING_PATIENCE {
            self.run.phase = Phase::SubmitInJobs { since, looks, page: 1 };
            return self.pause(Duration::from_secs(5), WaitReason::ConfirmingSubmit, false);
        }
        self.found(Some(false), "no job with our window and action date is listed");
        self.run.submits = self.run.submits.saturating_sub(1);
        if self.run.cancel {
            return self
                .finish(Outcome::Cancelled, Some(Cause::new("cancelled", "cancelled; no job had been created")));
        }
        self.submit_again()
    }

    pub(super) fn job_ready(&mut self, reply: Reply) -> Next {
        let job = match self.read_own_job(reply) {
            Ok(job) => job,
            Err(next) => return next,
        };
        match job.state.clone() {
            State::Pending => {
                self.run.percent = job.percent;
                self.look_again()
            }
            State::Ready => self.gate(&job),
            State::Processing | State::Fulfilled => {
                // Not by us: but it is ours, and what it deletes has to be accounted for.
                self.run.executed = true;
                self.to(Phase::Fulfilled { looks: 0 })
            }
            State::Cancelled => {
                let cause = Cause::new("job.cancelled-elsewhere", "the job was cancelled by somebody else");
                self.job_is_cancelled(&job, Outcome::Cancelled, cause)
            }
            State::Failed(cause) => self.finish(Outcome::Failed, Some(cause)),
            State::Unknown => {
                let since = *self.run.unknown_since.get_or_insert(self.cx.now);
                if self.cx.now.since(since) < self.limits().chunk_deadline() / 3 {
                    return self.look_again();
                }
                let word = &job.state_text;
                let message = format!("the job is in the state `{word}`, which this version does not know");
                self.end_job(Outcome::Failed, Cause::new("status.unknown", message))
            }
        }
    }

    fn read_own_job(&mut self, reply: Reply) -> Result<Job, Next> {
        let id = self.run.request_id.clone();
        let read = |answer: &Value| recording_jobs::read_job(answer).filter(|job| Some(&job.id) == id.as_ref());
        let job = self.read(reply, read)?;
        self.saw(&job);
        Ok(job)
    }

    /// Its state is on record whenever it changes.
    fn saw(&mut self, job: &Job) {
        self.remote(&job.state_text, job.state != State::Unknown);
    }

    /// The job is counted and waits: the true numbers against the limit, then the holds once more, then execution.
    fn gate(&mut self, job: &Job) -> Next {
        let Some(recordings) = job.recordings else {
            let cause = Cause::new(
                "job.counts-missing",
                "the job is ready but does not say how many recordings it would delete",
            );
            return self.end_job(Outcome::Failed, cause);
        };
        if let Some(cause) = self.lost_cool_off() {
            return self.end_job(Outcome::Failed, cause);
        }
        let over = self.over_limit(recordings, "recordings");
        self.run.before = Some(recordings);
        self.run.conversations = job.conversations;
        self.record(Event::Gate {
            conversations: job.conversations,
            recordings,
            max_records: self.limits().max_records,
            passed: over.is_none(),
        });
        match over {
            Some(cause) => self.end_job(Outcome::Rejected, cause),
            None if self.run.sample.is_none() => self.to(Phase::Choose(Look::default())),
            None => self.check_holds(),
        }
    }

    /// A job that is executed long after it was created, by a retry or a process that was stopped in between, has a delete date that
    /// leaves less time than was approved. Counting takes some of it always, but not longer than a chunk may take.
    fn lost_cool_off(&self) -> Option<Cause> {
        let (cool_off, date) = (self.cool_off(), self.run.action_date?);
        let left = date.plus(self.limits().chunk_deadline());
        (cool_off > Duration::ZERO && left < self.cx.now.plus(cool_off)).then(|| {
            let message =
                format!("the job waited too long: its recordings would go at {date}, before the cool-off is over");
            Cause::new("job.coolOff", message)
        })
    }

    pub(super) fn job_executed(&mut self, reply: Reply) -> Next {
        match reply {
            Reply::Json(answer) => match recording_jobs::read_job(&answer) {
                Some(job) if matches!(job.state, State::Processing | State::Fulfilled) => {
                    self.saw(&job);
                    self.run.executed = true;
                    self.run.phase = Phase::Fulfilled { looks: 0 };
                    self.look_again()
                }
                Some(_) | None => self.execution_unsure(),
            },
            Reply::Empty => self.execution_unsure(),
            Reply::Unwell { cause, .. } | Reply::Unreadable(cause) | Reply::Conflict(cause) => {
                self.note_answer(&cause);
                self.execution_unsure()
            }
            // Perhaps because the execution before it has arrived meanwhile.
            Reply::Refused(cause) | Reply::Missing(cause) if self.run.executed => {
                self.note_answer(&cause);
                self.execution_unsure()
            }
            Reply::Refused(cause) if speaks_of_a_job_limit(&cause) => self.organisation_busy(&cause),
            Reply::Refused(cause) | Reply::Missing(cause) => {
                self.note_answer(&cause);
                self.end_job(Outcome::Rejected, cause)
            }
        }
    }

    /// Nobody knows whether the execution arrived: the job's own state will say.
    pub(super) fn execution_unsure(&mut self) -> Next {
        self.run.executed = true;
        self.later(Phase::Fulfilled { looks: 0 }, Duration::from_secs(1), WaitReason::ConfirmingSubmit)
    }

    pub(super) fn job_fulfilled(&mut self, reply: Reply, looks: u32) -> Next {
        let job = match self.read_own_job(reply) {
            Ok(job) => job,
            Err(next) => return next,
        };
        if job.state == State::Unknown {
            return self.unknown_status(&job.state_text);
        }
        self.run.unknown_since = None;
        self.run.percent = job.percent;
        match job.state {
            State::Ready if looks + 1 >= UNSURE_LOOKS => {
                if self.run.cancel {
                    let cause = Cause::new("cancelled", "cancelled; the execution had not arrived");
                    return self.to(Phase::JobCancelled { outcome: Outcome::Cancelled, cause });
                }
                // The same job once more, past the same guards: it can be executed only once.
                self.gate(&job)
            }
            State::Ready => self.look_again_at(looks, |looks| Phase::Fulfilled { looks }),
            State::Pending => self.look_again(),
            State::Processing | State::Unknown => {
                self.run.phase = Phase::Fulfilled { looks: 0 };
                self.look_again()
            }
            State::Fulfilled => self.processed(&job),
            State::Cancelled => self.cancelled_midway(),
            State::Failed(cause) => {
                self.run.slot = false;
                self.finish(Outcome::Failed, Some(cause))
            }
        }
    }

    /// Only a job that says so itself has deleted nothing: somebody else may have executed ours between two looks.
    fn job_is_cancelled(&mut self, job: &Job, outcome: Outcome, cause: Cause) -> Next {
        if job.processed == Some(0) { self.finish(outcome, Some(cause)) } else { self.cancelled_midway() }
    }

    fn cancelled_midway(&mut self) -> Next {
        let message =
            "the job was cancelled when it may have been under way; recordings that already have a delete date keep it";
        self.doubt(Cause::new("job.cancelled-midway", message))
    }

    fn processed(&mut self, job: &Job) -> Next {
        self.run.finished_at = Some(self.cx.now);
        self.run.slot = false;
        let counts = (job.recordings, job.processed, job.skipped, job.failed);
        let (Some(recordings), Some(processed), Some(skipped), Some(failed)) = counts else {
            let message = "the job is fulfilled but does not say what it processed, skipped and failed to delete";
            return self.doubt(Cause::new("job.counts-missing", message));
        };
        // What it found when it ran, and not what was counted for the gate: that another job took since is not what this one deleted.
        self.run.before = Some(recordings);
        let given_a_date = processed.min(recordings.saturating_sub(skipped).saturating_sub(failed));
        let left = recordings.saturating_sub(given_a_date).saturating_sub(skipped);
        self.run.processed = Some(given_a_date);
        self.run.skipped = skipped;
        self.record(Event::Processed { recordings, processed, skipped, failed });
        if failed > 0 {
            let message = format!("the job did not delete {left} recordings");
            self.run.residue = Some(Cause::new("job.failed-recordings", message));
            return self.to(Phase::FailedRecordings { page: 1 });
        }
        if left > 0 {
            let message = format!("the job is fulfilled, but says nothing of {left} of its {recordings} recordings");
            self.run.residue = Some(Cause::new("job.counts", message));
        }
        self.await_removal()
    }

    /// Looks at what is left, once the recordings have had their date.
    pub(super) fn await_removal(&mut self) -> Next {
        match self.still_to_come() {
            Some(at) if self.run.cancel => self.cancelled_late(at),
            Some(at) => self.later(Phase::LookBack, at.since(self.cx.now), WaitReason::CoolOff),
            None => self.verify(),
        }
    }

    pub(super) fn failed_recordings(&mut self, reply: Reply, page: u32) -> Next {
        let read =
            |answer: &Value| Some((recording_jobs::read_failed(answer)?, recording_jobs::has_more(answer, page)));
        let (items, more) = match self.read(reply, read) {
            Ok(read) => read,
            Err(next) => return next,
        };
        if !items.is_empty() {
            self.record(Event::FailedItems { items });
        }
        if more && page < MAX_FAILED_PAGES {
            return self.to(Phase::FailedRecordings { page: page + 1 });
        }
        if let Some(residue) = &mut self.run.residue {
            let named = if more { "some of those that failed" } else { "those that failed" };
            residue.message += &format!("; the audit log names {named}");
        }
        self.await_removal()
    }

    pub(super) fn job_cancelled(&mut self, reply: Reply, outcome: Outcome, cause: Cause) -> Next {
        match reply {
            // Whatever the answer: what was cancelled may have been under way.
            Reply::Json(_) | Reply::Empty | Reply::Missing(_) | Reply::Unreadable(_) => {
                self.to(Phase::CancelConfirmed { outcome, cause, looks: 0 })
            }
            // It cannot be cancelled any more, perhaps because our execution has arrived after all, or somebody else's has.
            Reply::Conflict(answer) | Reply::Refused(answer) => {
                self.note_answer(&answer);
                if self.run.executed {
                    return self.execution_unsure();
                }
                self.to(Phase::CancelConfirmed { outcome, cause, looks: 0 })
            }
            Reply::Unwell { cause, retry_after } => self.retry_later(cause, retry_after),
        }
    }

    /// One more look, later and later, at a job that is not what it should be.
    fn look_again_at(&mut self, looks: u32, phase: impl FnOnce(u32) -> Phase) -> Next {
        let looks = looks.saturating_add(1);
        self.run.phase = phase(looks);
        self.pause(Duration::from_secs(2) * looks.min(5), WaitReason::ConfirmingSubmit, false)
    }

    /// What has become of the job that was cancelled, by its own word.
    pub(super) fn cancel_confirmed(&mut self, reply: Reply, outcome: Outcome, cause: Cause, looks: u32) -> Next {
        let again = looks + 1 < UNSURE_LOOKS;
        if let Reply::Missing(answer) = reply {
            self.note_answer(&answer);
            if again {
                return self.look_again_at(looks, |looks| Phase::CancelConfirmed { outcome, cause, looks });
            }
            let message = format!("{}; its job is gone, and nobody can say what it had processed", cause.message);
            return self.doubt(Cause { code: JOB_GONE.to_owned(), message, ..answer });
        }
        let job = match self.read_own_job(reply) {
            Ok(job) => job,
            Err(next) => return next,
        };
        match job.state {
            State::Cancelled => self.job_is_cancelled(&job, outcome, cause),
            State::Processing | State::Fulfilled => {
                // What stood against it stands against what it deletes, whoever has it delete that.
                if !std::mem::replace(&mut self.run.executed, true) && outcome != Outcome::Cancelled {
                    let message = format!("{}; somebody else has executed its job all the same", cause.message);
                    self.run.doubt = Some(Cause { message, ..cause });
                }
                self.to(Phase::Fulfilled { looks: 0 })
            }
            State::Failed(cause) => self.finish(Outcome::Failed, Some(cause)),
            // It stays behind: without an execution it deletes nothing.
            State::Pending | State::Ready if !self.run.executed => self.finish(outcome, Some(cause)),
            State::Pending | State::Ready | State::Unknown if again => {
                self.look_again_at(looks, |looks| Phase::CancelConfirmed { outcome, cause, looks })
            }
            State::Pending | State::Ready | State::Unknown => {
                let message = format!("{}; its job was to be cancelled, and does not say that it was", cause.message);
                self.doubt(Cause::new("job.not-cancelled", message))
            }
        }
    }
}

/// The status code for a third job is not documented; a 400 is told apart by what it says.
fn speaks_of_a_job_limit(cause: &Cause) -> bool {
    let text = format!("{} {}", cause.code, cause.message).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    says(&["in progress", "concurrent", "already running"]) || (says(&["job"]) && says(&["limit", "maximum"]))
}
