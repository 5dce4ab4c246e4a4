//! One attempt at a chunk: what its records amount to.

use super::rules;
use crate::audit::{AuditRecord, Event};
use crate::chunk::Chunk;
use crate::order::Order;
use crate::outcome::{Cause, Outcome, WaitReason};
use crate::policy::Limits;
use crate::request::DeletionApi;
use crate::time::Timestamp;

/// One attempt.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    pub(super) number: u32,
    /// What the attempt before has left to it.
    pub(super) inherited: Bequest,
    /// Submits announced.
    pub(super) sent: u64,
    /// Of those, the ones that nobody refused: accepted, or perhaps.
    pub(super) own: u64,
    /// Whether the last one announced has no fate yet.
    asked: bool,
    /// Whether an unanswered submit was looked for.
    pub(super) looked: bool,
    /// Whether it posted before it looked for anything: then it does not go on with the submit of the attempt before.
    afresh: bool,
    /// Whether its start is on record.
    pub(super) begun: bool,
    /// Whether somebody has asked to stop.
    pub(super) cancelled: bool,
    /// Whether the last look found something on hold in the window.
    pub(super) held: bool,
    /// Whether all that may be on hold was looked for, since the last deletion that may have arrived.
    pub(super) cleared: bool,
    /// Whether what was counted since then is no more than the limit.
    pub(super) within_limit: bool,
    /// The last request that was about to change something.
    call: String,
    /// Whether one that deletes had no answer.
    pub(super) unanswered: bool,
    /// The last status of the deletion request or job.
    pub(super) remote: Option<String>,
    /// What the job has done.
    pub(super) processed: Option<Processed>,
    /// What the last look after that, and after the last deletion, found; absent without one.
    pub(super) seen: Option<Look>,
    /// Submits whose acceptance is on record.
    pub(super) accepted: u64,
    refusals: Vec<Cause>,
    pub(super) request_id: Option<String>,
    /// The last count before a deletion.
    pub(super) counted: Option<u64>,
    /// The most of these counts, with that of the attempt before: what one more submit deletes may have been counted by an earlier one.
    pub(super) most: Option<u64>,
    pub(super) duration_ms: u64,
    pub(super) end: Option<End>,
    /// The rules that it breaks, each once.
    pub(super) broken: Vec<(&'static str, &'static str)>,
}

/// What an attempt that ended in doubt leaves to the next, which may go on with its submit.
#[derive(Debug, Default)]
pub(super) struct Bequest {
    /// Submits of which nobody knows what became.
    pub(super) submits: u64,
    pub(super) request_id: Option<String>,
    pub(super) before: Option<u64>,
    /// When the last submit was about to leave.
    posted_at: Option<Timestamp>,
    /// Conversations that had recordings before a job was executed.
    had: u64,
}

/// What a job says that it has done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processed {
    /// Recordings that it found.
    pub(super) recordings: u64,
    /// Those of them that it has given a delete date.
    pub(super) gone: u64,
    pub(super) skipped: u64,
    pub(super) failed: u64,
    /// Whether that date has come, or was waited for.
    pub(super) due: bool,
}

/// What a look at what is left has found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Whether it was made in the way of the API.
    pub(super) fits: bool,
    /// Whether it looked at nothing.
    pub(super) idle: bool,
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
    /// Whether its outcome says that nothing was deleted.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(self.outcome, Outcome::Held | Outcome::Rejected | Outcome::TimedOut | Outcome::Cancelled)
    }

    /// Whether it may have deleted something: one that failed, only if it had submitted.
    pub(super) fn may_have_deleted(&self) -> bool {
        !self.is_harmless() && (self.outcome != Outcome::Failed || self.submits > 0)
    }
}

impl Attempt {
    /// The first attempt at a chunk, or the one after another.
    pub(super) fn after(last: Option<&Self>, number: u32) -> Self {
        Self { number, inherited: last.map(Self::bequest).unwrap_or_default(), ..Self::default() }
    }

    /// Takes its next record in.
    pub(super) fn record(&mut self, order: &Order, chunk: Chunk, record: &AuditRecord) {
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
            Event::Started { .. } => self.begun = true,
            Event::Sending { call, .. } => self.sends(api, call, record.timestamp),
            // Only submits are POST: a two-phase job is executed with PUT and cancelled with DELETE.
            Event::Withheld { call, .. } if call.starts_with("POST ") => {
                self.sent = self.sent.saturating_sub(1);
                self.asked = false;
            }
            Event::NoAnswer { call, .. } if *call == self.call => {
                self.settle();
                self.unanswered |= deletes(api, call);
                self.may_have_arrived();
            }
            Event::Submitted => {
                self.accepted = self.accepted.saturating_add(1);
                self.settle();
                self.may_have_arrived();
            }
            Event::SubmitLookedFor { arrived, .. } => {
                self.looked = true;
                self.settle();
                if *arrived == Some(false) {
                    let gone = if self.own > 0 { &mut self.own } else { &mut self.inherited.submits };
                    *gone = gone.saturating_sub(1);
                }
            }
            Event::Waiting { reason: WaitReason::CoolOff, .. } => {
                if let Some(job) = &mut self.processed {
                    job.due = true;
                }
            }
            // Whoever waits after posting, and does not look for the submit, was refused it.
            Event::Waiting { reason, .. } if *reason != WaitReason::InFlight => self.asked = false,
            Event::Counted { records } => {
                self.counts(*records, limits);
                self.most = self.most.max(self.inherited.before).max(self.counted);
            }
            Event::Gate { recordings, max_records, passed, .. } => {
                self.counts(*recordings, limits);
                self.within_limit &= *passed && *max_records == limits.max_records;
            }
            Event::Answered { cause, .. } => self.refusals.push(cause.clone()),
            Event::HoldsChecked { asked, periods, unprotected, .. } => {
                self.held = !unprotected.is_empty();
                self.cleared = (*asked, *periods) == rules::to_look_for(order, chunk);
            }
            Event::Status { remote, .. } => {
                self.remote = Some(remote.clone());
                self.seen = None;
            }
            Event::SeenBefore { conversations, .. } => self.inherited.had = *conversations,
            Event::Processed { recordings, processed, skipped, failed } => {
                let days = order.request.recordings.map_or(0, |options| options.cool_off_days);
                // The date is counted from the request that created the job, and this is when it was compared with the clock.
                let due = self.inherited.posted_at.is_some_and(|at| at.plus_days(days) <= record.timestamp);
                let (recordings, skipped, failed) = (*recordings, *skipped, *failed);
                let gone = (*processed).min(recordings.saturating_sub(skipped).saturating_sub(failed));
                self.processed = Some(Processed { recordings, gone, skipped, failed, due });
                // What it found when it ran counts, and not what was counted for the gate.
                self.counted = Some(recordings);
            }
            Event::Verified { method, checked, found, remaining, .. } => {
                let fits = match api {
                    DeletionApi::DataDeletion => method == "analytics",
                    DeletionApi::RecordingJobs => {
                        method == "recordingMetadata" && checked.is_some_and(|checked| checked <= self.inherited.had)
                    }
                };
                let idle = *checked == Some(0);
                self.seen = Some(Look { fits, idle, found: *found, remaining: *remaining });
            }
            Event::CancelAsked { .. } => self.cancelled = true,
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

    /// Something that changes something is about to leave.
    fn sends(&mut self, api: DeletionApi, call: &str, at: Timestamp) {
        call.clone_into(&mut self.call);
        if deletes(api, call) {
            self.seen = None;
        }
        if call.starts_with("POST ") {
            self.sent = self.sent.saturating_add(1);
            self.asked = true;
            self.inherited.posted_at = Some(at);
            if !self.looked {
                self.afresh = true;
                self.inherited.submits = 0;
            }
        }
    }

    fn counts(&mut self, records: u64, limits: &Limits) {
        self.counted = Some(records);
        self.within_limit = limits.max_records.is_none_or(|limit| records <= limit);
    }

    /// What the guards said was about the deletion that may have arrived, and about no other.
    fn may_have_arrived(&mut self) {
        self.cleared = false;
        self.within_limit = false;
    }

    /// Submits accepted or perhaps accepted, as the end says; while there is none, those that nobody has refused.
    pub(super) fn submits(&self) -> u64 {
        let open = self.inherited.submits.saturating_add(self.own).saturating_add(u64::from(self.asked));
        self.end.as_ref().map_or(open, |end| end.submits)
    }

    /// Records that it says it has deleted.
    pub(super) fn records_deleted(&self) -> Option<u64> {
        self.end.as_ref()?.records_deleted
    }

    /// Records that were there before it deleted.
    pub(super) fn before(&self) -> Option<u64> {
        self.end.as_ref().and_then(|end| end.before).or(self.counted)
    }

    /// Whether the next attempt may have deleted some of what this one says that it has: it found other than what this one left.
    pub(super) fn may_overlap(&self, next: &Self, api: DeletionApi) -> bool {
        match api {
            DeletionApi::DataDeletion => next.before() != self.end.as_ref().and_then(|end| end.remaining),
            // Recordings with a date are there until they go: the next job finds them once more.
            DeletionApi::RecordingJobs => {
                let kept = self.before().zip(self.records_deleted()).map(|(before, gone)| before.saturating_sub(gone));
                next.before().zip(kept).is_none_or(|(found, kept)| found > kept)
            }
        }
    }

    /// The last submit announced may have been accepted.
    fn settle(&mut self) {
        self.own = self.own.saturating_add(u64::from(self.asked));
        self.asked = false;
    }

    /// Whether it goes on with the submit of the attempt before, and therefore tells that one's numbers, too.
    pub(super) fn is_heir(&self) -> bool {
        let watches = || self.inherited.submits > 0 && self.end.as_ref().is_none_or(|end| end.submits > 0);
        !self.afresh && (self.looked || watches())
    }

    fn bequest(&self) -> Bequest {
        match self.end.as_ref().filter(|end| end.outcome == Outcome::Unknown) {
            Some(end) => Bequest {
                submits: end.submits,
                request_id: self.request_id.clone(),
                before: end.before,
                posted_at: self.inherited.posted_at,
                had: self.inherited.had,
            },
            None => Bequest::default(),
        }
    }

    /// Whether it was rejected for a reason that came from the API.
    pub(super) fn was_refused(&self) -> bool {
        self.end.as_ref().is_some_and(|end| {
            end.outcome == Outcome::Rejected && self.refusals.iter().any(|refusal| Some(refusal) == end.cause.as_ref())
        })
    }
}

/// Whether that is the request after which data goes: the submit, or the execution of a job.
pub(super) fn deletes(api: DeletionApi, call: &str) -> bool {
    call.starts_with(match api {
        DeletionApi::DataDeletion => "POST ",
        DeletionApi::RecordingJobs => "PUT ",
    })
}
