//! The state of one chunk, as it is stored between any two steps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cause, Order, Outcome, Pace, WaitReason};
use crate::audit::ChainHead;
use crate::chunk::Chunk;
use crate::request::DeletionApi;
use crate::sorted::SortedMap;
use crate::time::Timestamp;

/// Why a deletion whose id the server no longer knows ends in doubt.
pub(super) const DELETION_GONE: &str = "deletion.gone";

/// Why a job that the server no longer knows ends in doubt.
pub(super) const JOB_GONE: &str = "job.gone";

/// Why a job that was perhaps created ends in doubt when nobody could look at all jobs.
pub(super) const TOO_MANY_JOBS: &str = "submit.too-many-jobs";

/// No wait is longer, but for a cool-off, and one for the request budget before anything has begun.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The longest wait of a chunk that has not begun and leaves the way to those that have.
pub(super) const LONGEST_SPREAD: Duration = Duration::from_secs(6 * 3600);

/// Version of the stored state.
pub(crate) const CHUNK_RUN_VERSION: u32 = 6;

/// Conversations that the chunk touches, by the hold or rule that keeps them, each by the first that does.
pub(super) type Touched = SortedMap<String, Vec<String>>;

/// What the chunk is about to do or waiting for; named after the answer that it expects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Phase {
    /// Nothing has happened yet.
    Queued,
    /// A job slot of the organisation.
    Slot,
    /// Which held conversations the window touches, looked up by id.
    HeldConversations { from: usize, touched: Touched },
    /// Which conversations of the window reach into a held window after it, where whole conversations are deleted.
    Straddlers(Search),
    /// Which of them the platform protects, asked in batches.
    Protection { from: usize, batch: usize, touched: Touched, protected: Vec<String> },
    /// The count before anything is deleted.
    CountBefore { entity: usize, sum: u64 },
    /// The acceptance of the deletion (`dataDeletion`) or of the job (`recordingJobs`).
    Submitted,
    /// Signs of an unanswered submit in the counts, watched since then for so long.
    SubmitInCounts { since: Timestamp, watched_ms: u64, entity: usize, sum: u64, baseline: Option<u64> },
    /// Signs of an unanswered submit in the list of jobs.
    SubmitInJobs { since: Timestamp, looks: u32, page: u32 },
    /// The end of the deletion (`dataDeletion`).
    Completed,
    /// The counts of the job (`recordingJobs`).
    Ready,
    /// A page of the window's conversations, before anything is deleted: to choose some whose recordings are looked up.
    Choose(Look),
    /// The acceptance of a query in the background for such conversations, where those that were listed had no recordings.
    Inquiry(Look),
    /// Its end.
    Inquired { id: String, look: Look },
    /// Its result.
    Informed { id: String, look: Look },
    /// The recordings of those, one conversation after the other.
    Had { ids: Vec<String>, at: usize, look: Look },
    /// The acceptance of the execution.
    Executed,
    /// The end of the job; `looks` at one that has not begun, though it should have.
    Fulfilled { looks: u32 },
    /// The recordings that the job failed to delete.
    FailedRecordings { page: u32 },
    /// The count of what is left.
    CountAfter { entity: usize, sum: u64 },
    /// Nothing yet: a look at what is left begins here.
    LookBack,
    /// A page of the window's conversations, to find those that the platform protects: their recordings may be what a job skipped.
    Skips(Look),
    /// Which of these conversations the platform protects, asked in batches: after a job that skipped something, and after a cool-off,
    /// in which a hold may have come. `guards` are those known so far.
    Guarded { guards: Vec<String>, ids: Vec<String>, from: usize, batch: usize, look: Look },
    /// The recordings of those conversations, one conversation after the other; the first `guarded` are protected.
    Metadata { ids: Vec<String>, at: usize, guarded: usize, look: Look },
    /// The end of a job that must not be executed.
    JobCancelled { outcome: Outcome, cause: Cause },
    /// What became of a job that was cancelled; somebody may have executed it before.
    CancelConfirmed { outcome: Outcome, cause: Cause, looks: u32 },
    /// Nothing more.
    Ended,
}

impl Phase {
    /// The state in one word, for people and records.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Slot => "waitingForSlot",
            Self::HeldConversations { .. } | Self::Straddlers(_) | Self::Protection { .. } => "checkingHolds",
            Self::CountBefore { .. }
            | Self::Choose(_)
            | Self::Inquiry(_)
            | Self::Inquired { .. }
            | Self::Informed { .. }
            | Self::Had { .. } => "counting",
            Self::Submitted => "submitting",
            Self::SubmitInCounts { .. } | Self::SubmitInJobs { .. } => "confirmingSubmit",
            Self::Completed | Self::Fulfilled { .. } => "deleting",
            Self::Ready => "preparing",
            Self::Executed => "executing",
            Self::FailedRecordings { .. } => "collectingFailures",
            Self::CountAfter { .. }
            | Self::LookBack
            | Self::Skips(_)
            | Self::Metadata { .. }
            | Self::Guarded { .. } => "verifying",
            Self::JobCancelled { .. } | Self::CancelConfirmed { .. } => "cancelling",
            Self::Ended => "ended",
        }
    }

    /// How far the chunk has come, of its own accord: see [`ChunkRun::stage`].
    fn stage(&self) -> Stage {
        match self {
            Self::Queued
            | Self::Slot
            | Self::HeldConversations { .. }
            | Self::Straddlers(_)
            | Self::Protection { .. }
            | Self::CountBefore { .. }
            | Self::Submitted
            | Self::Ready
            | Self::Choose(_)
            | Self::Inquiry(_)
            | Self::Inquired { .. }
            | Self::Informed { .. }
            | Self::Had { .. }
            | Self::Executed => Stage::Before,
            // Where jobs can be listed a submit only creates; executing is another request.
            Self::SubmitInJobs { .. } => Stage::Searching,
            Self::JobCancelled { .. } | Self::CancelConfirmed { .. } => Stage::Cancelling,
            Self::SubmitInCounts { .. } | Self::Completed | Self::Fulfilled { .. } => Stage::Deleting,
            Self::FailedRecordings { .. } => Stage::Collecting,
            Self::CountAfter { .. }
            | Self::LookBack
            | Self::Skips(_)
            | Self::Metadata { .. }
            | Self::Guarded { .. } => Stage::Verifying,
            Self::Ended => Stage::Ended,
        }
    }
}

/// A search through the conversations of the window, in one piece of it after the other: where it stands and what it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Search {
    pub(crate) piece: u32,
    /// Whether it is at those that have not ended.
    pub(crate) ongoing: bool,
    /// From 1.
    pub(crate) page: u32,
    pub(crate) touched: Touched,
    /// Conversations that there are in the pieces so far, as their first pages say.
    pub(crate) listed: u64,
    /// Whether a piece was refused: what is too old for analytics is not listed, or asking for it is refused.
    pub(crate) refused: bool,
}

/// A look at recordings, before a job is executed or at what it has left: where it stands and what it has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Look {
    /// Pages of the list that are still to be looked at; none before the first has said how many there are.
    pub(crate) pages: Vec<u32>,
    /// Conversations to look at on each page.
    pub(crate) share: u32,
    /// Whether all pages are looked at whole, and conversations that they have shown.
    pub(crate) all: bool,
    pub(crate) seen: u64,
    /// Since when analytics has been asked in the background, too.
    pub(crate) inquired: Option<Timestamp>,
    /// Conversations that were looked at and had no recordings.
    pub(crate) had_none: Vec<String>,
    /// Whether the pages are searched for protected conversations.
    pub(crate) searched: bool,
    /// Conversations that had recordings before the job is executed.
    pub(crate) had: Vec<String>,
    /// Conversations looked at.
    pub(crate) checked: u64,
    /// Recordings of theirs that are there without a delete date; before the execution, all that are there.
    pub(crate) kept: u64,
    /// And with one.
    pub(crate) scheduled: u64,
    /// Those of them that have our job's date.
    pub(crate) ours: u64,
    /// Those of which nobody can tell whether they should be there.
    pub(crate) untold: u64,
    /// Recordings of protected conversations that the job may have skipped.
    pub(crate) explained: u64,
    /// Those that have our job's date: it did not skip them, and the platform has protected them since.
    pub(crate) since: u64,
}

/// How far a chunk has come: what stopping, giving up and lateness depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing has been deleted, and nothing is under way.
    Before,
    /// Nothing has been deleted; a job may exist and is being looked for.
    Searching,
    /// We have deleted nothing; a job is being cancelled.
    Cancelling,
    /// A deletion may be under way.
    Deleting,
    /// The deletion is over; its failures are being read.
    Collecting,
    /// The deletion is over; what is left is being looked for.
    Verifying,
    /// Over.
    Ended,
}

impl Stage {
    /// Whether nothing can have been deleted yet, so that stopping here leaves everything as it was.
    pub(crate) fn is_harmless(self) -> bool {
        match self {
            Self::Before | Self::Searching | Self::Cancelling => true,
            Self::Deleting | Self::Collecting | Self::Verifying | Self::Ended => false,
        }
    }
}

/// A pause, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wait {
    pub(crate) at: Timestamp,
    pub(crate) reason: WaitReason,
}

/// The serialisable state of one chunk in one run. Made under an [`Order`] only, changed by [`ChunkRun::step`] only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChunkRun {
    #[serde(deserialize_with = "crate::json::version::<CHUNK_RUN_VERSION, _>")]
    pub(crate) version: u32,
    pub(crate) chunk: Chunk,
    pub(crate) attempt: u32,
    pub(crate) api: DeletionApi,
    pub(crate) phase: Phase,
    /// When this attempt was first stepped.
    pub(crate) queued_at: Option<Timestamp>,
    /// When it got going: its first request left, or it got its slot.
    pub(crate) started_at: Option<Timestamp>,
    /// Milliseconds since then that its deadline does not count: those before its first submit, and waits for the request budget.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) uncounted_ms: u64,
    pub(crate) wait: Option<Wait>,
    /// When the request left that has no answer yet.
    pub(crate) in_flight: Option<Timestamp>,
    /// Failures of the call in hand, one after the other.
    pub(crate) tries: u32,
    /// How often it has been told to wait, one time after the other: no failure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) waits: u32,
    /// Whether the call in hand is being repeated with a renewed token.
    pub(crate) renewed: bool,
    pub(crate) slot: bool,
    pub(crate) cancel: bool,
    pub(crate) request_id: Option<String>,
    /// Whether an execution of our job has left that was not refused. It may still arrive, whatever the job says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) executed: bool,
    /// When it was last seen that nothing stands against the deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cleared_at: Option<Timestamp>,
    /// Conversations per page of a list, once the server has found larger pages too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page_size: Option<u32>,
    /// The `actionDate` of our job: also the mark by which an unanswered submit is found again.
    pub(crate) action_date: Option<Timestamp>,
    pub(crate) submitted_at: Option<Timestamp>,
    /// When the job was last seen unfinished.
    pub(crate) unfinished_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) verified_at: Option<Timestamp>,
    /// The remote status as it was last written.
    pub(crate) remote: Option<String>,
    /// Since when the remote status has been one that is not known.
    pub(crate) unknown_since: Option<Timestamp>,
    /// A reason why even an empty count is not success.
    pub(crate) doubt: Option<Cause>,
    /// A reason why something is left, whatever a look finds: what the job says itself that it has not deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) residue: Option<Cause>,
    /// Submits that were accepted or may have been.
    pub(crate) submits: u64,
    /// Submits found not to have arrived.
    pub(crate) resubmits: u64,
    /// Requests that left.
    pub(crate) requests: u64,
    pub(crate) before: Option<u64>,
    /// Conversations that our job has counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversations: Option<u64>,
    /// What is left of the whole window; absent where only a part of it was looked at.
    pub(crate) remaining: Option<u64>,
    /// Recordings that the job says it has given a delete date. Whether they went, a look has to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) processed: Option<u64>,
    /// The same, once a look has confirmed it.
    pub(crate) deleted: Option<u64>,
    /// Recordings that the job skipped.
    pub(crate) skipped: u64,
    pub(crate) protected: Option<u64>,
    /// Conversations of the window that are on hold and protected by the platform.
    pub(crate) protected_ids: Vec<String>,
    /// When the look in hand at what is left began.
    pub(crate) look_at: Option<Timestamp>,
    /// Conversations that had recordings when our job was ready, to be looked at again; absent before somebody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sample: Option<Vec<String>>,
    /// Conversations of the window that were listed then; absent where the answer did not say, or reached over a part only, and where
    /// some were asked for in the background.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listed: Option<u64>,
    /// Whether the recordings of all of them were looked up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) every: bool,
    /// Whether a verification found something, so that a single zero is not yet proof.
    pub(crate) seen_left: bool,
    pub(crate) zeros: u32,
    pub(crate) percent: Option<u8>,
    pub(crate) head: ChainHead,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) cause: Option<Cause>,
    /// What went wrong last: why a chunk waits before it tries again; the ids of an answer are what the vendor's support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<Cause>,
}

impl ChunkRun {
    /// A chunk that waits for its turn, first attempt.
    #[must_use]
    pub fn new(order: &Order, chunk: Chunk) -> Self {
        let head = ChainHead::origin(&order.plan_digest, chunk.index);
        Self::fresh(order.request.api, chunk, 1, head)
    }

    fn fresh(api: DeletionApi, chunk: Chunk, attempt: u32, head: ChainHead) -> Self {
        Self {
            version: CHUNK_RUN_VERSION,
            chunk,
            attempt,
            api,
            phase: Phase::Queued,
            queued_at: None,
            started_at: None,
            uncounted_ms: 0,
            wait: None,
            in_flight: None,
            tries: 0,
            waits: 0,
            renewed: false,
            slot: false,
            cancel: false,
            request_id: None,
            executed: false,
            cleared_at: None,
            page_size: None,
            action_date: None,
            submitted_at: None,
            unfinished_at: None,
            finished_at: None,
            verified_at: None,
            remote: None,
            unknown_since: None,
            doubt: None,
            residue: None,
            submits: 0,
            resubmits: 0,
            requests: 0,
            before: None,
            conversations: None,
            remaining: None,
            processed: None,
            deleted: None,
            skipped: 0,
            protected: None,
            protected_ids: Vec::new(),
            look_at: None,
            sample: None,
            listed: None,
            every: false,
            seen_left: false,
            zeros: 0,
            percent: None,
            head,
            ended_at: None,
            outcome: None,
            cause: None,
            trouble: None,
        }
    }

    /// What it deletes, and its place in the plan.
    #[must_use]
    pub fn chunk(&self) -> Chunk {
        self.chunk
    }

    /// Which attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How it ended; absent while it goes on.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Since when a request has been under way whose answer has not been fed back.
    #[must_use]
    pub fn in_flight_since(&self) -> Option<Timestamp> {
        self.in_flight
    }

    /// Whether the request that is under way, or about to leave, is the one that deletes.
    #[must_use]
    pub fn is_deleting(&self) -> bool {
        self.in_flight.is_some() && self.asks_for_deletion()
    }

    /// Whether the request of the phase is the one that deletes.
    pub(crate) fn asks_for_deletion(&self) -> bool {
        match (&self.phase, self.api) {
            // A recording job is only created by its submit; executing it is what deletes.
            (Phase::Submitted, DeletionApi::DataDeletion) | (Phase::Executed, _) => true,
            (_, DeletionApi::DataDeletion | DeletionApi::RecordingJobs) => false,
        }
    }

    /// How far it has come. What would be harmless is not, once an execution has left that may still arrive or a submit may have deleted
    /// something, nor while nobody has begun an attempt that goes on with the deletion of the one before.
    pub(crate) fn stage(&self) -> Stage {
        let own = self.phase.stage();
        let inherited = matches!(self.phase, Phase::Queued) && self.submits > 0;
        let may_go_on = self.executed || inherited || self.may_have_deleted();
        if may_go_on && matches!(own, Stage::Before | Stage::Cancelling) { Stage::Deleting } else { own }
    }

    /// Whether a submit of which nobody knows what became may have deleted something. A recording job deletes nothing before it is executed.
    pub(crate) fn may_have_deleted(&self) -> bool {
        self.api == DeletionApi::DataDeletion && self.submits > 0
    }

    /// Whether the phase itself comes before the deletion, be it the first or one more.
    pub(crate) fn is_before(&self) -> bool {
        self.phase.stage() == Stage::Before
    }

    /// Until when it waits at that time, and for what. A wait that nobody can have begun, by a clock that has been set right since, is
    /// over.
    #[must_use]
    pub fn waits(&self, now: Timestamp) -> Option<(Timestamp, WaitReason)> {
        self.due().filter(|(at, reason)| {
            let longest =
                if *reason == WaitReason::RequestBudget { LONGEST_SPREAD + LONGEST_WAIT } else { LONGEST_WAIT };
            now < *at && (*reason == WaitReason::CoolOff || *at <= now.plus(longest))
        })
    }

    /// Until when it was to wait, and for what.
    #[must_use]
    pub fn due(&self) -> Option<(Timestamp, WaitReason)> {
        self.wait.map(|wait| (wait.at, wait.reason))
    }

    /// Whether its job has run and its recordings go later, so that their delete dates can still be taken back.
    #[must_use]
    pub fn cools_off(&self) -> bool {
        self.wait.is_some_and(|wait| wait.reason == WaitReason::CoolOff)
    }

    /// Whether it needs the organisation's job slot that it was granted.
    #[must_use]
    pub fn wants_slot(&self) -> bool {
        self.slot
    }

    /// Whether somebody asked to stop it.
    #[must_use]
    pub fn cancel_asked(&self) -> bool {
        self.cancel
    }

    /// The next attempt at a chunk that ended other than verified, under the same plan.
    ///
    /// Where a deletion may still be under way the new attempt goes on watching it instead of starting a second one. One that is
    /// known to be over is none: what it left is deleted anew.
    #[must_use]
    pub fn retried(self) -> Option<Self> {
        let outcome = self.outcome?;
        if outcome == Outcome::Verified {
            return None;
        }
        let under_way = outcome == Outcome::Unknown && self.submits > 0 && !self.is_over() && !self.is_out_of_sight();
        let mut next = Self::fresh(self.api, self.chunk, self.attempt.saturating_add(1), self.head);
        if under_way {
            let gone = self.doubt.as_ref().is_some_and(|doubt| doubt.code == DELETION_GONE);
            next.submits = self.submits;
            next.before = self.before;
            // Without an id there are still the counts to tell what became of it.
            next.request_id = self.request_id.filter(|_| !gone);
            next.action_date = self.action_date;
            (next.sample, next.listed, next.every) = (self.sample, self.listed, self.every);
            next.submitted_at = self.submitted_at;
        }
        Some(next)
    }

    /// Whether it ended in doubt although the remote side has said that it is done with it, or has no such job any more: looking again
    /// will show nothing else.
    fn is_over(&self) -> bool {
        let done: &[&str] = match self.api {
            DeletionApi::DataDeletion => &["completed", "failed"],
            DeletionApi::RecordingJobs => &["FULFILLED", "CANCELLED", "FAILED"],
        };
        let is_done = || self.remote.as_deref().is_some_and(|remote| done.contains(&remote));
        self.doubt.as_ref().is_some_and(|doubt| doubt.code == JOB_GONE || is_done())
    }

    /// Whether its job, if there is one, cannot be found among so many: it was never executed, and stays behind.
    fn is_out_of_sight(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.code == TOO_MANY_JOBS)
    }

    /// What its job has shown about how long jobs take, once it has finished.
    #[must_use]
    pub fn observed_pace(&self) -> Option<Pace> {
        let submitted = self.submitted_at?;
        let finished = self.finished_at?;
        Some(Pace {
            unfinished_ms: self.unfinished_at.map_or(0, |at| at.millis_since(submitted)),
            finished_ms: finished.millis_since(submitted).max(1),
            // Where the first look found nothing left, the index was in time, however late the look came.
            lag_ms: self.verified_at.filter(|_| self.seen_left).map_or(0, |at| at.millis_since(finished)),
            slowest_ms: 0,
        })
    }

    /// Milliseconds from the beginning of this attempt until then; of one that never got going, from when it was queued.
    pub(super) fn duration_ms(&self, until: Timestamp) -> u64 {
        until.millis_since(self.started_at.or(self.queued_at).unwrap_or(until))
    }

    /// Records measured as deleted; absent when that was not measured. Of a recording job it is the job's own figure, once a look has
    /// confirmed it.
    #[must_use]
    pub fn records_deleted(&self) -> Option<u64> {
        match self.api {
            DeletionApi::DataDeletion => self.before?.checked_sub(self.remaining?),
            DeletionApi::RecordingJobs => self.deleted,
        }
    }
}
fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}
