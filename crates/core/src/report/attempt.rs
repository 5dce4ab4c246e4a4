//! What the records of one attempt at a chunk amount to.

use super::rules;
use crate::audit::{AuditRecord, Event};
use crate::chunk::Chunk;
use crate::order::Order;
use crate::outcome::{Cause, Outcome, WaitReason};
use crate::policy::Limits;
use crate::request::DeletionApi;
use crate::time::Timestamp;

/// One attempt at a chunk, as far as its records have been read.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    pub(super) number: u32,
    /// What the attempt before left to this one.
    pub(super) inherited: Inheritance,
    /// Submits that were announced.
    pub(super) announced: u64,
    /// Announced submits that nobody refused: they were accepted, or may have been.
    pub(super) not_refused: u64,
    /// Whether nothing is known yet of the last announced submit.
    has_pending_submit: bool,
    /// Whether an unanswered submit was looked for.
    pub(super) looked_for_submit: bool,
    /// Whether it submitted before it looked for an unanswered submit. Then it does not continue the submit of the attempt before.
    submitted_anew: bool,
    /// Whether it is on record who asked for it.
    pub(super) was_asked_for: bool,
    /// Whether its start is on record.
    pub(super) has_started: bool,
    /// Whether somebody asked to stop.
    pub(super) cancel_asked: bool,
    /// Whether the last lookup of holds found something on hold in the window.
    pub(super) found_held: bool,
    /// Whether everything that may be on hold was looked up since the last deletion that may have arrived.
    pub(super) holds_checked: bool,
    /// Whether the count since then is within the limit.
    pub(super) within_limit: bool,
    /// The last request that was about to change something.
    last_call: String,
    /// Whether a request that deletes had no answer.
    pub(super) deletion_unanswered: bool,
    /// The last status of the deletion request or job.
    pub(super) remote_status: Option<String>,
    /// What the job says it has done.
    pub(super) processed: Option<Processed>,
    /// What the last look found since the last status and the last deletion; `None` without one.
    pub(super) last_look: Option<Look>,
    /// Submits whose acceptance is on record.
    pub(super) accepted: u64,
    refusals: Vec<Cause>,
    pub(super) request_id: Option<String>,
    /// The last count before a deletion.
    pub(super) counted: Option<u64>,
    /// The highest of these counts and that of the attempt before: an earlier count may include what one more submit deletes.
    pub(super) highest_count: Option<u64>,
    pub(super) duration_ms: u64,
    pub(super) end: Option<End>,
    /// The rules that it breaks, each once: the code, and what the attempt does.
    pub(super) broken: Vec<(&'static str, &'static str)>,
}

/// What an attempt that ended as unknown leaves to the next, which may continue its submit.
#[derive(Debug, Default)]
pub(super) struct Inheritance {
    /// Submits whose fate is unknown.
    pub(super) submits: u64,
    pub(super) request_id: Option<String>,
    pub(super) before: Option<u64>,
    /// The time at which the last submit was about to leave.
    posted_at: Option<Timestamp>,
    /// The number of conversations that had recordings before a job was executed.
    seen_before: u64,
}

/// What a job says it has done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processed {
    /// Recordings that the job found.
    pub(super) recordings: u64,
    /// Recordings that the job has given a delete date.
    pub(super) deleted: u64,
    pub(super) skipped: u64,
    pub(super) failed: u64,
    /// Whether that date has come or was waited for.
    pub(super) is_due: bool,
}

/// The result of a look at what is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Whether the method is that of the deletion API.
    pub(super) is_right_method: bool,
    /// Whether there was nothing to look at.
    pub(super) looked_at_nothing: bool,
    pub(super) found: u64,
    pub(super) remaining: Option<u64>,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) at: Timestamp,
    pub(super) outcome: Outcome,
    pub(super) cause: Option<Cause>,
    pub(super) submits: u64,
    pub(super) requests: u64,
    pub(super) before: Option<u64>,
    pub(super) records_deleted: Option<u64>,
    pub(super) remaining: Option<u64>,
    pub(super) protected: Option<u64>,
}

impl End {
    /// Whether the outcome says that nothing was deleted.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(self.outcome, Outcome::Held | Outcome::Rejected | Outcome::TimedOut | Outcome::Cancelled)
    }

    /// Whether the attempt may have deleted something. A failed one may have only if it submitted.
    pub(super) fn may_have_deleted(&self) -> bool {
        !self.is_harmless() && (self.outcome != Outcome::Failed || self.submits > 0)
    }
}

impl Attempt {
    /// The first attempt at a chunk, or the attempt after `last`.
    pub(super) fn after(last: Option<&Self>, number: u32) -> Self {
        Self { number, inherited: last.map(Self::inheritance).unwrap_or_default(), ..Self::default() }
    }

    /// Adds the next record of this attempt.
    pub(super) fn add_record(&mut self, order: &Order, chunk: Chunk, record: &AuditRecord) {
        for (wrong, code, what) in rules::of_record(self, order, chunk, record) {
            if wrong && !self.broken.iter().any(|(known, _)| *known == code) {
                self.broken.push((code, what));
            }
        }
        self.duration_ms = record.duration_ms;
        if record.request_id.is_some() {
            self.request_id.clone_from(&record.request_id);
        }
        let (api, limits) = (order.request.api, &order.limits);
        match &record.event {
            Event::Retried { .. } => self.was_asked_for = true,
            Event::Started { .. } => self.has_started = true,
            Event::Sending { call, .. } => self.note_announced(api, call, record.timestamp),
            // Only submits are POST: a two-phase job is executed with PUT and cancelled with DELETE.
            Event::Withheld { call, .. } if call.starts_with("POST ") => {
                self.announced = self.announced.saturating_sub(1);
                self.has_pending_submit = false;
            }
            Event::NoAnswer { call, .. } if *call == self.last_call => {
                self.settle_pending_submit();
                self.deletion_unanswered |= deletes(api, call);
                self.require_guards_again();
            }
            Event::Submitted => {
                self.accepted = self.accepted.saturating_add(1);
                self.settle_pending_submit();
                self.require_guards_again();
            }
            Event::SubmitLookedFor { arrived, .. } => {
                self.looked_for_submit = true;
                self.settle_pending_submit();
                if *arrived == Some(false) {
                    let counted_in =
                        if self.not_refused > 0 { &mut self.not_refused } else { &mut self.inherited.submits };
                    *counted_in = counted_in.saturating_sub(1);
                }
            }
            Event::Waiting { reason: WaitReason::CoolOff, .. } => {
                if let Some(job) = &mut self.processed {
                    job.is_due = true;
                }
            }
            // A chunk that waits after posting, without looking for the submit, had it refused.
            Event::Waiting { reason, .. } if *reason != WaitReason::InFlight => self.has_pending_submit = false,
            Event::Counted { records } => {
                self.note_count(*records, limits);
                self.highest_count = self.highest_count.max(self.inherited.before).max(self.counted);
            }
            Event::Gate { recordings, max_records, passed, .. } => {
                self.note_count(*recordings, limits);
                self.within_limit &= *passed && *max_records == limits.max_records;
            }
            Event::Answered { cause, .. } => self.refusals.push(cause.clone()),
            Event::HoldsChecked { asked, periods, unprotected, .. } => {
                self.found_held = !unprotected.is_empty();
                self.holds_checked = (*asked, *periods) == rules::required_lookups(order, chunk);
            }
            Event::Status { remote, .. } => {
                self.remote_status = Some(remote.clone());
                self.last_look = None;
            }
            Event::SeenBefore { conversations, .. } => self.inherited.seen_before = *conversations,
            Event::Processed { recordings, processed, skipped, failed } => {
                let days = order.request.recordings.map_or(0, |options| options.cool_off_days);
                // The date is counted from the request that created the job. This record is when the date was compared with the
                // clock.
                let is_due = self.inherited.posted_at.is_some_and(|at| at.plus_days(days) <= record.timestamp);
                let (recordings, skipped, failed) = (*recordings, *skipped, *failed);
                let deleted = (*processed).min(recordings.saturating_sub(skipped).saturating_sub(failed));
                self.processed = Some(Processed { recordings, deleted, skipped, failed, is_due });
                // What the job found when it ran counts, not what was counted for the gate.
                self.counted = Some(recordings);
            }
            Event::Verified { method, checked, found, remaining, .. } => {
                let is_right_method = match api {
                    DeletionApi::DataDeletion => method == "analytics",
                    DeletionApi::RecordingJobs => {
                        method == "recordingMetadata"
                            && checked.is_some_and(|checked| checked <= self.inherited.seen_before)
                    }
                };
                let looked_at_nothing = *checked == Some(0);
                self.last_look =
                    Some(Look { is_right_method, looked_at_nothing, found: *found, remaining: *remaining });
            }
            Event::CancelAsked { .. } => self.cancel_asked = true,
            Event::Finished { outcome, cause, submits, requests, before, remaining, protected } => {
                self.end = Some(End {
                    at: record.timestamp,
                    outcome: *outcome,
                    cause: cause.clone(),
                    submits: *submits,
                    requests: *requests,
                    before: *before,
                    records_deleted: record.records_deleted,
                    remaining: *remaining,
                    protected: *protected,
                });
            }
            Event::NoAnswer { .. }
            | Event::PolicyAsked { .. }
            | Event::PolicyObjected { .. }
            | Event::Withheld { .. }
            | Event::Waiting { .. }
            | Event::FailedItems { .. }
            | Event::ProtectionFound { .. } => {}
        }
    }

    /// Notes a request that changes something and is about to leave.
    fn note_announced(&mut self, api: DeletionApi, call: &str, at: Timestamp) {
        call.clone_into(&mut self.last_call);
        if deletes(api, call) {
            self.last_look = None;
        }
        if call.starts_with("POST ") {
            self.announced = self.announced.saturating_add(1);
            self.has_pending_submit = true;
            self.inherited.posted_at = Some(at);
            if !self.looked_for_submit {
                self.submitted_anew = true;
                self.inherited.submits = 0;
            }
        }
    }

    fn note_count(&mut self, records: u64, limits: &Limits) {
        self.counted = Some(records);
        self.within_limit = limits.max_records.is_none_or(|limit| records <= limit);
    }

    /// Requires the guards to be asked again: what they said was about the deletion that may now have arrived, and about no other.
    fn require_guards_again(&mut self) {
        self.holds_checked = false;
        self.within_limit = false;
    }

    /// Submits that were accepted or may have been, as the end says. Before the end, those that nobody has refused.
    pub(super) fn submits(&self) -> u64 {
        let open =
            self.inherited.submits.saturating_add(self.not_refused).saturating_add(u64::from(self.has_pending_submit));
        self.end.as_ref().map_or(open, |end| end.submits)
    }

    /// The number of records that it says it deleted.
    pub(super) fn records_deleted(&self) -> Option<u64> {
        self.end.as_ref()?.records_deleted
    }

    /// The number of records that were there before it deleted.
    pub(super) fn before(&self) -> Option<u64> {
        self.end.as_ref().and_then(|end| end.before).or(self.counted)
    }

    /// Whether the next attempt may have deleted some of the records that this one says it deleted: it found more or other than
    /// this one left.
    pub(super) fn may_overlap(&self, next: &Self, api: DeletionApi) -> bool {
        match api {
            DeletionApi::DataDeletion => next.before() != self.end.as_ref().and_then(|end| end.remaining),
            // Recordings with a delete date stay until it comes, so the next job finds them again.
            DeletionApi::RecordingJobs => {
                let kept =
                    self.before().zip(self.records_deleted()).map(|(before, deleted)| before.saturating_sub(deleted));
                next.before().zip(kept).is_none_or(|(found, kept)| found > kept)
            }
        }
    }

    /// Notes that the last announced submit may have been accepted.
    fn settle_pending_submit(&mut self) {
        self.not_refused = self.not_refused.saturating_add(u64::from(self.has_pending_submit));
        self.has_pending_submit = false;
    }

    /// Whether it continues the submit of the attempt before, and therefore reports that attempt's numbers, too.
    pub(super) fn continues_previous_submit(&self) -> bool {
        let watches = || self.inherited.submits > 0 && self.end.as_ref().is_none_or(|end| end.submits > 0);
        !self.submitted_anew && (self.looked_for_submit || watches())
    }

    fn inheritance(&self) -> Inheritance {
        match self.end.as_ref().filter(|end| end.outcome == Outcome::Unknown) {
            Some(end) => Inheritance {
                submits: end.submits,
                request_id: self.request_id.clone(),
                before: end.before,
                posted_at: self.inherited.posted_at,
                seen_before: self.inherited.seen_before,
            },
            None => Inheritance::default(),
        }
    }

    /// Whether it was rejected for a reason that the API gave.
    pub(super) fn was_refused_by_api(&self) -> bool {
        self.end.as_ref().is_some_and(|end| {
            end.outcome == Outcome::Rejected && self.refusals.iter().any(|refusal| Some(refusal) == end.cause.as_ref())
        })
    }
}

/// Whether this request makes data go: the submit, or the execution of a job.
pub(super) fn deletes(api: DeletionApi, call: &str) -> bool {
    call.starts_with(match api {
        DeletionApi::DataDeletion => "POST ",
        DeletionApi::RecordingJobs => "PUT ",
    })
}
