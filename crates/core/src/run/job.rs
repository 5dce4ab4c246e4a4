//! `recordingJobs`: create a job, wait until it has counted, check its counts and the holds, execute it, wait until it is
//! fulfilled, collect what failed.

use std::time::Duration;

use serde_json::Value;

use super::machine::Machine;
use super::state::{JOB_GONE, Look, Phase, TOO_MANY_JOBS};
use super::{Cause, Next, Outcome, WaitReason};
use crate::api::recording_jobs::{self, Job, State};
use crate::audit::Event;
use crate::reply::Reply;
use crate::time::Timestamp;

/// How long a job that may have been created may take to appear in the list before it is created again. Creating deletes nothing: a
/// second job would only wait, uncounted and unexecuted, in one of the organisation's slots.
const LISTING_PATIENCE: Duration = Duration::from_secs(20);

/// How many pages of our own jobs are searched.
const MAX_JOB_PAGES: u32 = 20;

/// How often a job must be found still `READY` after an unanswered execution before it is executed again. With their pauses these
/// looks take a minute, because a gateway may have given up long before the server behind it. A job that was cancelled gets as many
/// looks.
const UNSURE_LOOKS: u32 = 8;

/// How many pages of failed recordings go into the audit log, 100 a page.
const MAX_FAILED_PAGES: u32 = 50;

impl Machine<'_> {
    /// Takes the id of a created job. A refused creation waits or ends the attempt; one with an unclear answer is looked for.
    pub(super) fn on_job_created(&mut self, reply: Reply) -> Next {
        match reply {
            Reply::Json(answer) => match recording_jobs::read_job(&answer) {
                Some(job) => {
                    self.count_submit();
                    self.adopt_job(&job)
                }
                None => {
                    self.note_answer(&Cause::new("submit.no-id", "the job was accepted without an id or a state"));
                    self.confirm_creation()
                }
            },
            Reply::Empty => self.confirm_creation(),
            Reply::Unwell { cause, .. } | Reply::Unreadable(cause) => {
                self.note_answer(&cause);
                self.confirm_creation()
            }
            // Other jobs occupy the organisation: that is waiting, not failing.
            Reply::Conflict(cause) => self.wait_for_other_jobs(&cause),
            Reply::Refused(cause) if mentions_a_job_limit(&cause) => self.wait_for_other_jobs(&cause),
            Reply::Refused(cause) | Reply::Missing(cause) => {
                self.note_answer(&cause);
                self.finish(Outcome::Rejected, Some(cause))
            }
        }
    }

    /// Waits because the organisation has too many jobs under way.
    fn wait_for_other_jobs(&mut self, cause: &Cause) -> Next {
        self.note_answer(cause);
        self.run.waits = self.run.waits.saturating_add(1);
        let pause = Duration::from_secs(2) * self.run.waits.min(30);
        self.pause(pause, WaitReason::SlotBusy, true)
    }

    /// Takes a job as ours, and waits until it has counted.
    fn adopt_job(&mut self, job: &Job) -> Next {
        self.adopt_id(job.id.clone());
        self.record_job_state(job);
        self.run.phase = Phase::Ready;
        self.look_again()
    }

    /// Looks in the list of jobs for a job that may have been created, before another one is.
    pub(super) fn confirm_creation(&mut self) -> Next {
        self.count_submit();
        self.record(Event::SubmitLookedFor { arrived: None, how: "looking for our job in the list".to_owned() });
        let phase = Phase::SubmitInJobs { since: self.cx.now, looks: 0, page: 1 };
        self.enter_later(phase, Duration::from_secs(1), WaitReason::ConfirmingSubmit)
    }

    /// Takes our job if a page lists it. If no page does for long enough, it was not created.
    pub(super) fn on_submit_in_jobs(&mut self, reply: Reply, since: Timestamp, looks: u32, page: u32) -> Next {
        let read = |answer: &Value| Some((recording_jobs::read_list(answer)?, recording_jobs::has_more(answer, page)));
        let (jobs, more) = match self.read(reply, read) {
            Ok(read) => read,
            Err(next) => return next,
        };
        // Two chunks can be submitted in the same millisecond, so the date alone does not tell whose job it is. A server may keep
        // dates to the second only.
        let second = |date: Option<Timestamp>| date.map(|date| date.millis().div_euclid(1_000));
        let (date, window) = (second(self.run.action_date), Some(self.run.chunk.window));
        let ours = |job: &Job| date.is_some() && second(job.action_date) == date && job.window == window;
        if let Some(job) =
            jobs.into_iter().find(|job| ours(job) && !matches!(job.state, State::Cancelled | State::Failed(_)))
        {
            self.record_submit_looked_for(Some(true), "a job with our window and action date is listed");
            return self.adopt_job(&job);
        }
        if more && page < MAX_JOB_PAGES {
            return self.enter(Phase::SubmitInJobs { since, looks, page: page + 1 });
        }
        if more {
            // Ours may be on a later page, and has not been found missing there.
            let seen = recording_jobs::PAGE_SIZE * MAX_JOB_PAGES as usize;
            let message = format!("our job is not among the first {seen} of our jobs, and there are more");
            return self.finish(Outcome::Unknown, Some(Cause::new(TOO_MANY_JOBS, message)));
        }
        let looks = looks.saturating_add(1);
        if looks < 2 || self.cx.now.since(since) < LISTING_PATIENCE {
            self.run.phase = Phase::SubmitInJobs { since, looks, page: 1 };
            return self.pause(Duration::from_secs(5), WaitReason::ConfirmingSubmit, false);
        }
        self.record_submit_looked_for(Some(false), "no job with our window and action date is listed");
        self.run.submits = self.run.submits.saturating_sub(1);
        if self.run.cancel {
            return self
                .finish(Outcome::Cancelled, Some(Cause::new("cancelled", "cancelled; no job had been created")));
        }
        self.submit_again()
    }

    /// Waits while the job counts, and checks its counts once it is ready. A job that somebody else has executed or cancelled is
    /// accounted for.
    pub(super) fn on_job_before_execution(&mut self, reply: Reply) -> Next {
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
                // We have not executed it, but it is ours, and what it deletes has to be accounted for.
                self.run.executed = true;
                self.enter(Phase::Fulfilled { looks: 0 })
            }
            State::Cancelled => {
                let cause = Cause::new("job.cancelled-elsewhere", "the job was cancelled, but not by this program");
                self.end_cancelled_job(&job, Outcome::Cancelled, cause)
            }
            State::Failed(cause) => self.finish(Outcome::Failed, Some(cause)),
            State::Unknown => {
                let since = *self.run.unknown_since.get_or_insert(self.cx.now);
                if self.cx.now.since(since) < self.limits().chunk_deadline() / 3 {
                    return self.look_again();
                }
                let word = &job.state_text;
                let message = format!("the job is in the state `{word}`, which this version does not know");
                self.call_off(Outcome::Failed, Cause::new("status.unknown", message))
            }
        }
    }

    /// Reads our job. An answer about another job counts as unreadable.
    fn read_own_job(&mut self, reply: Reply) -> Result<Job, Next> {
        let id = self.run.request_id.clone();
        let read = |answer: &Value| recording_jobs::read_job(answer).filter(|job| Some(&job.id) == id.as_ref());
        let job = self.read(reply, read)?;
        self.record_job_state(&job);
        Ok(job)
    }

    /// Records the state of the job whenever it changes.
    fn record_job_state(&mut self, job: &Job) {
        self.record_remote_status(&job.state_text, job.state != State::Unknown);
    }

    /// Compares the counts of a ready job with the limit, then chooses a sample if there is none yet, and asks the holds once more.
    fn gate(&mut self, job: &Job) -> Next {
        let Some(recordings) = job.recordings else {
            let cause = Cause::new(
                "job.counts-missing",
                "the job is ready but does not say how many recordings it would delete",
            );
            return self.call_off(Outcome::Failed, cause);
        };
        if let Some(cause) = self.lost_cool_off() {
            return self.call_off(Outcome::Failed, cause);
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
            Some(cause) => self.call_off(Outcome::Rejected, cause),
            None if self.run.sample.is_none() => self.enter(Phase::Choose(Look::default())),
            None => self.check_holds(),
        }
    }

    /// Why the job must not be executed, if its delete date leaves less time than was approved: a retry came late, or a process was
    /// stopped in between. Counting always takes some of that time, but not longer than a chunk may take.
    fn lost_cool_off(&self) -> Option<Cause> {
        let (cool_off, date) = (self.cool_off(), self.run.action_date?);
        let left = date.plus(self.limits().chunk_deadline());
        (cool_off > Duration::ZERO && left < self.cx.now.plus(cool_off)).then(|| {
            let message =
                format!("the job waited too long: its recordings would be deleted at {date}, before the cool-off ends");
            Cause::new("job.coolOff", message)
        })
    }

    /// Watches a job that is under way. A refused execution waits or cancels the job; after an unclear answer the job itself is
    /// asked.
    pub(super) fn on_execution(&mut self, reply: Reply) -> Next {
        match reply {
            Reply::Json(answer) => match recording_jobs::read_job(&answer) {
                Some(job) if matches!(job.state, State::Processing | State::Fulfilled) => {
                    self.record_job_state(&job);
                    self.run.executed = true;
                    self.run.phase = Phase::Fulfilled { looks: 0 };
                    self.look_again()
                }
                Some(_) | None => self.confirm_execution(),
            },
            Reply::Empty => self.confirm_execution(),
            Reply::Unwell { cause, .. } | Reply::Unreadable(cause) | Reply::Conflict(cause) => {
                self.note_answer(&cause);
                self.confirm_execution()
            }
            // Perhaps the execution before this one has arrived meanwhile.
            Reply::Refused(cause) | Reply::Missing(cause) if self.run.executed => {
                self.note_answer(&cause);
                self.confirm_execution()
            }
            Reply::Refused(cause) if mentions_a_job_limit(&cause) => self.wait_for_other_jobs(&cause),
            Reply::Refused(cause) | Reply::Missing(cause) => {
                self.note_answer(&cause);
                self.call_off(Outcome::Rejected, cause)
            }
        }
    }

    /// Asks the job itself whether an unclear execution has arrived.
    pub(super) fn confirm_execution(&mut self) -> Next {
        self.run.executed = true;
        self.enter_later(Phase::Fulfilled { looks: 0 }, Duration::from_secs(1), WaitReason::ConfirmingSubmit)
    }

    /// Watches the job until it is over. One that stays ready is executed again, past the same guards.
    pub(super) fn on_job_after_execution(&mut self, reply: Reply, looks: u32) -> Next {
        let job = match self.read_own_job(reply) {
            Ok(job) => job,
            Err(next) => return next,
        };
        if job.state == State::Unknown {
            return self.watch_unknown_status(&job.state_text);
        }
        self.run.unknown_since = None;
        self.run.percent = job.percent;
        match job.state {
            State::Ready if looks + 1 >= UNSURE_LOOKS => {
                if self.run.cancel {
                    let cause = Cause::new("cancelled", "cancelled; the execution had not arrived");
                    return self.enter(Phase::JobCancelled { outcome: Outcome::Cancelled, cause });
                }
                // Execute the same job once more, past the same guards. It can run only once.
                self.gate(&job)
            }
            State::Ready => self.recheck_job(looks, |looks| Phase::Fulfilled { looks }),
            State::Pending => self.look_again(),
            State::Processing | State::Unknown => {
                self.run.phase = Phase::Fulfilled { looks: 0 };
                self.look_again()
            }
            State::Fulfilled => self.account_for_job(&job),
            State::Cancelled => self.end_cancelled_midway(),
            State::Failed(cause) => {
                self.run.slot = false;
                self.finish(Outcome::Failed, Some(cause))
            }
        }
    }

    /// Ends the attempt after a cancelled job. Only a job that says so itself has deleted nothing: somebody else may have executed
    /// ours between two looks.
    fn end_cancelled_job(&mut self, job: &Job, outcome: Outcome, cause: Cause) -> Next {
        if job.processed == Some(0) { self.finish(outcome, Some(cause)) } else { self.end_cancelled_midway() }
    }

    /// Ends the attempt in doubt, because a cancelled job may have been under way.
    fn end_cancelled_midway(&mut self) -> Next {
        let message =
            "the job was cancelled when it may have been under way; recordings that already have a delete date keep it";
        self.end_in_doubt(Cause::new("job.cancelled-midway", message))
    }

    /// Takes the counts of a fulfilled job, and goes on to what it failed to delete or to what is left.
    fn account_for_job(&mut self, job: &Job) -> Next {
        self.run.finished_at = Some(self.cx.now);
        self.run.slot = false;
        let counts = (job.recordings, job.processed, job.skipped, job.failed);
        let (Some(recordings), Some(processed), Some(skipped), Some(failed)) = counts else {
            let message = "the job is fulfilled but does not say what it processed, skipped and failed to delete";
            return self.end_in_doubt(Cause::new("job.counts-missing", message));
        };
        // Take what the job found when it ran, not what it had counted before: it did not delete what another job has taken since.
        self.run.before = Some(recordings);
        let given_a_date = processed.min(recordings.saturating_sub(skipped).saturating_sub(failed));
        let left = recordings.saturating_sub(given_a_date).saturating_sub(skipped);
        self.run.processed = Some(given_a_date);
        self.run.skipped = skipped;
        self.record(Event::Processed { recordings, processed, skipped, failed });
        if failed > 0 {
            let message = format!("the job did not delete {left} recordings");
            self.run.residue = Some(Cause::new("job.failed-recordings", message));
            return self.enter(Phase::FailedRecordings { page: 1 });
        }
        if left > 0 {
            let message =
                format!("the job is fulfilled, but does not account for {left} of its {recordings} recordings");
            self.run.residue = Some(Cause::new("job.counts", message));
        }
        self.await_removal()
    }

    /// Looks at what is left, once the recordings' delete date has come.
    pub(super) fn await_removal(&mut self) -> Next {
        match self.pending_delete_date() {
            Some(at) if self.run.cancel => self.end_cancelled_in_cool_off(at),
            Some(at) => self.enter_later(Phase::LookBack, at.since(self.cx.now), WaitReason::CoolOff),
            None => self.verify(),
        }
    }

    /// Records a page of the recordings that the job failed to delete, then asks for the next.
    pub(super) fn on_failed_recordings(&mut self, reply: Reply, page: u32) -> Next {
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
            return self.enter(Phase::FailedRecordings { page: page + 1 });
        }
        if let Some(residue) = &mut self.run.residue {
            let named = if more { "some of those that failed" } else { "those that failed" };
            residue.message += &format!("; the audit log names {named}");
        }
        self.await_removal()
    }

    /// Asks the job itself what it has done, whatever the cancellation was answered.
    pub(super) fn on_cancel(&mut self, reply: Reply, outcome: Outcome, cause: Cause) -> Next {
        match reply {
            // The job may have been under way when it was cancelled.
            Reply::Json(_) | Reply::Empty | Reply::Missing(_) | Reply::Unreadable(_) => {
                self.enter(Phase::CancelConfirmed { outcome, cause, looks: 0 })
            }
            // The job can no longer be cancelled, perhaps because an execution has arrived after all, ours or somebody else's.
            Reply::Conflict(answer) | Reply::Refused(answer) => {
                self.note_answer(&answer);
                if self.run.executed {
                    return self.confirm_execution();
                }
                self.enter(Phase::CancelConfirmed { outcome, cause, looks: 0 })
            }
            Reply::Unwell { cause, retry_after } => self.retry_later(cause, retry_after),
        }
    }

    /// Looks once more, after longer and longer pauses, at a job that is not in the state it should be in.
    fn recheck_job(&mut self, looks: u32, phase: impl FnOnce(u32) -> Phase) -> Next {
        let looks = looks.saturating_add(1);
        self.run.phase = phase(looks);
        self.pause(Duration::from_secs(2) * looks.min(5), WaitReason::ConfirmingSubmit, false)
    }

    /// Ends the attempt by what a cancelled job says has become of it.
    pub(super) fn on_job_after_cancel(&mut self, reply: Reply, outcome: Outcome, cause: Cause, looks: u32) -> Next {
        let again = looks + 1 < UNSURE_LOOKS;
        if let Reply::Missing(answer) = reply {
            self.note_answer(&answer);
            if again {
                return self.recheck_job(looks, |looks| Phase::CancelConfirmed { outcome, cause, looks });
            }
            let message = format!("{}; its job no longer exists, and what it had processed is unknown", cause.message);
            return self.end_in_doubt(Cause { code: JOB_GONE.to_owned(), message, ..answer });
        }
        let job = match self.read_own_job(reply) {
            Ok(job) => job,
            Err(next) => return next,
        };
        match job.state {
            State::Cancelled => self.end_cancelled_job(&job, outcome, cause),
            State::Processing | State::Fulfilled => {
                // What stands against executing the job stands against what it deletes, whoever had it executed.
                if !std::mem::replace(&mut self.run.executed, true) && outcome != Outcome::Cancelled {
                    let message = format!("{}; its job was executed anyway, but not by this program", cause.message);
                    self.run.doubt = Some(Cause { message, ..cause });
                }
                self.enter(Phase::Fulfilled { looks: 0 })
            }
            State::Failed(cause) => self.finish(Outcome::Failed, Some(cause)),
            // The job stays behind: without an execution it deletes nothing.
            State::Pending | State::Ready if !self.run.executed => self.finish(outcome, Some(cause)),
            State::Pending | State::Ready | State::Unknown if again => {
                self.recheck_job(looks, |looks| Phase::CancelConfirmed { outcome, cause, looks })
            }
            State::Pending | State::Ready | State::Unknown => {
                let message = format!("{}; its job does not confirm that it was cancelled", cause.message);
                self.end_in_doubt(Cause::new("job.not-cancelled", message))
            }
        }
    }
}

/// Whether the server refuses because of the limit of jobs. Its status code is not documented; a 400 is recognised by its words.
fn mentions_a_job_limit(cause: &Cause) -> bool {
    let text = format!("{} {}", cause.code, cause.message).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    says(&["in progress", "concurrent", "already running"]) || (says(&["job"]) && says(&["limit", "maximum"]))
}
