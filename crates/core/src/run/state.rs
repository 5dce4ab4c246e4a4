//! The state of one chunk, as it is stored between any two steps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cause, Order, Outcome, Pace, WaitReason};
use crate::audit::ChainHead;
use crate::chunk::Chunk;
use crate::request::DeletionApi;
use crate::sorted::SortedMap;
use crate::time::Timestamp;

/// Cause of the doubt when the server no longer knows the id of the deletion request.
pub(super) const DELETION_GONE: &str = "deletion.gone";

/// Cause of the doubt when the server no longer knows the job.
pub(super) const JOB_GONE: &str = "job.gone";

/// Cause of an end as `unknown` when our job may have been created, and there are too many jobs to look for it among all of them.
pub(super) const TOO_MANY_JOBS: &str = "submit.too-many-jobs";

/// No wait is longer than this, except a cool-off, and a wait for the request budget before anything has begun.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The longest wait of a chunk that has not begun and gives way to those that have.
pub(super) const LONGEST_SPREAD: Duration = Duration::from_secs(6 * 3600);

/// Version of the stored state.
pub(crate) const CHUNK_RUN_VERSION: u32 = 6;

/// Ids of conversations that the chunk touches, by the name of the hold or rule that keeps them. Each look-up lists a conversation
/// under the first that keeps it.
pub(super) type Touched = SortedMap<String, Vec<String>>;

/// Where a chunk stands: what it has asked, or is about to ask, and the answer it expects. The names are stored with the state, so
/// they stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Phase {
    /// Asks nothing: the chunk has not begun.
    Queued,
    /// Asks the ledger for one of the organisation's job slots; expects that it is granted.
    Slot,
    /// Looks held conversations up by id, in batches that start at `from`; expects their times. Those inside the window go into
    /// `touched`, and so do those that a job may find although analytics does not know them.
    HeldConversations { from: usize, touched: Touched },
    /// Asks for a page of the window's conversations, where whole conversations are deleted; expects their times, to see which of
    /// them reach into a held window after it.
    Straddlers(Search),
    /// Asks about `batch` of the touched conversations, starting at `from`; expects those that the platform protects, which go into
    /// `protected`.
    Protection { from: usize, batch: usize, touched: Touched, protected: Vec<String> },
    /// Asks for the count of one record type before anything is deleted; expects a number. `entity` is the index of the type, `sum`
    /// the total of the types before it.
    CountBefore { entity: usize, sum: u64 },
    /// Sends the deletion request (`dataDeletion`) or creates the job (`recordingJobs`); expects that it is accepted, with an id.
    Submitted,
    /// Counts the window again after an unclear submit, which is one without an answer that tells what became of it; expects a
    /// number, to see whether the window empties. `since` is when the submit came to its end, `watched_ms` how long it has been
    /// watched, `baseline` the count to compare with.
    SubmitInCounts { since: Timestamp, watched_ms: u64, entity: usize, sum: u64, baseline: Option<u64> },
    /// Asks for a page of our own jobs after an unclear submit; expects a list with the job in it. `since` is when the search
    /// began, `looks` how often the whole list has been read without finding it.
    SubmitInJobs { since: Timestamp, looks: u32, page: u32 },
    /// Asks for the status of the deletion request (`dataDeletion`); expects that it is completed.
    Completed,
    /// Asks for the job (`recordingJobs`); expects that it has counted and is ready to be executed.
    Ready,
    /// Asks for a page of the window's conversations before the job is executed; expects conversations, of which a sample is
    /// chosen.
    Choose(Look),
    /// Starts a query in the background for such conversations, because those listed had no recordings; expects the id of the
    /// query.
    Inquiry(Look),
    /// Asks for the state of that query; expects that there is a result.
    Inquired { id: String, look: Look },
    /// Asks for the result of that query; expects conversations, of which a sample is chosen.
    Informed { id: String, look: Look },
    /// Asks for the recordings of the chosen conversation `ids[at]` before the job is executed; expects a list.
    Had { ids: Vec<String>, at: usize, look: Look },
    /// Executes the job; expects that it is under way.
    Executed,
    /// Asks for the executed job; expects that it is fulfilled. `looks` is how often it was still ready, though it should have
    /// begun.
    Fulfilled { looks: u32 },
    /// Asks for a page of the recordings that the job failed to delete; expects a list.
    FailedRecordings { page: u32 },
    /// Asks for the count of one record type after the deletion; expects a number. `entity` and `sum` are as in `CountBefore`.
    CountAfter { entity: usize, sum: u64 },
    /// Asks nothing: a look at what is left of the recordings begins here.
    LookBack,
    /// Asks for a page of the window's conversations after the job; expects conversations that the platform may protect, which
    /// would explain what the job skipped.
    Skips(Look),
    /// Asks about `batch` of the conversations `ids`, starting at `from`; expects those that the platform protects. Asked after a
    /// job that skipped something, and after a cool-off, in which a hold may have come. `guards` are the protected ones known so
    /// far.
    Guarded { guards: Vec<String>, ids: Vec<String>, from: usize, batch: usize, look: Look },
    /// Asks for the recordings of the conversation `ids[at]` after the job; expects a list. The first `guarded` conversations are
    /// protected.
    Metadata { ids: Vec<String>, at: usize, guarded: usize, look: Look },
    /// Cancels a job that must not be executed; expects any answer, for the job itself is asked next. The chunk then ends with
    /// `outcome` and `cause`, unless the job says otherwise.
    JobCancelled { outcome: Outcome, cause: Cause },
    /// Asks for the job that was cancelled; expects that it is cancelled and has processed nothing, since somebody may have
    /// executed it before. `looks` is how often the answer did not settle that.
    CancelConfirmed { outcome: Outcome, cause: Cause, looks: u32 },
    /// Asks nothing: the attempt is over.
    Ended,
}

impl Phase {
    /// The phase in one word, for people and records.
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

    /// How far the chunk has come, judged by the phase alone; see [`ChunkRun::stage`].
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
            // A recording job that was only created deletes nothing: executing it is another request.
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

/// A search through the window's conversations for those that reach into a held window: where it stands and what it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Search {
    /// The piece of the window that is being searched, from 0; a piece is as long as one query may be.
    pub(crate) piece: u32,
    /// Whether only conversations that have not ended are being searched.
    pub(crate) ongoing: bool,
    /// Page of the list, from 1.
    pub(crate) page: u32,
    /// Held conversations that are or may be in the window, and conversations found to reach into a held window.
    pub(crate) touched: Touched,
    /// Number of conversations in the pieces searched so far, according to their first pages.
    pub(crate) listed: u64,
    /// Number of conversations found to reach into a held window.
    pub(crate) reaching: u64,
    /// Whether asking for a piece was refused, as it may be where its conversations are too old for analytics.
    pub(crate) refused: bool,
}

/// A look at recordings, before a job is executed or at what it has left: where it stands and what it has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Look {
    /// Pages of the list that are still to be read; empty until the first page has said how many there are.
    pub(crate) pages: Vec<u32>,
    /// Number of conversations to look at on each page.
    pub(crate) share: u32,
    /// Whether every conversation on every page is looked at.
    pub(crate) all: bool,
    /// Number of conversations that the pages have shown.
    pub(crate) seen: u64,
    /// When the query in the background was decided on.
    pub(crate) inquired: Option<Timestamp>,
    /// Conversations that were looked at before the execution and had no recordings.
    pub(crate) had_none: Vec<String>,
    /// Whether the sample is done, and pages are searched for protected conversations.
    pub(crate) searched: bool,
    /// Conversations that had recordings before the job is executed.
    pub(crate) had: Vec<String>,
    /// Number of conversations looked at; after the job, only of those for which it is clear which recordings should be gone.
    pub(crate) checked: u64,
    /// Number of their recordings that are there without a delete date; before the execution, of all that are there.
    pub(crate) kept: u64,
    /// Number of their recordings that are there with a delete date.
    pub(crate) scheduled: u64,
    /// Number of the scheduled ones that have our job's date.
    pub(crate) ours: u64,
    /// Number of recordings that are there, where nothing tells whether they should be.
    pub(crate) untold: u64,
    /// Number of recordings of protected conversations that the job may have skipped.
    pub(crate) explained: u64,
    /// Number of recordings of protected conversations that have our job's date: the job did not skip them, and the platform has
    /// protected them since.
    pub(crate) since: u64,
}

/// How far a chunk has come. Cancelling, giving up and lateness depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing has been deleted, and no deletion is under way.
    Before,
    /// Nothing has been deleted. A job may exist and is being looked for.
    Searching,
    /// We have deleted nothing. A job is being cancelled.
    Cancelling,
    /// A deletion may be under way.
    Deleting,
    /// The deletion is over. Its failures are being read.
    Collecting,
    /// The deletion is over. What is left is being looked for.
    Verifying,
    /// The attempt is over.
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

/// A pause and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wait {
    pub(crate) at: Timestamp,
    pub(crate) reason: WaitReason,
}

/// The serialisable state of one chunk in one run. It is made under an [`Order`] and changed by [`ChunkRun::step`], in no other
/// way.
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
    /// When this attempt got going: when its first request left, or when it got its slot.
    pub(crate) started_at: Option<Timestamp>,
    /// Milliseconds since `started_at` that the deadline does not count: the time before the first submit, and waits for the
    /// request budget.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) uncounted_ms: u64,
    pub(crate) wait: Option<Wait>,
    /// When the request left whose answer is still to come.
    pub(crate) in_flight: Option<Timestamp>,
    /// Consecutive failures of the current call.
    pub(crate) tries: u32,
    /// How often in a row the current call was told to wait, which is no failure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) waits: u32,
    /// Whether the current call is being repeated with a renewed token.
    pub(crate) renewed: bool,
    pub(crate) slot: bool,
    pub(crate) cancel: bool,
    pub(crate) request_id: Option<String>,
    /// Whether an execution of our job has left and was not refused. It may still arrive, whatever the job says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) executed: bool,
    /// When the holds were last checked and nothing stood against the deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cleared_at: Option<Timestamp>,
    /// Conversations per page of a list, once the server has refused larger pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page_size: Option<u32>,
    /// The `actionDate` of our job, by which an unanswered submit is also found again.
    pub(crate) action_date: Option<Timestamp>,
    pub(crate) submitted_at: Option<Timestamp>,
    /// When the job was last seen unfinished.
    pub(crate) unfinished_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) verified_at: Option<Timestamp>,
    /// The remote status as it was last recorded.
    pub(crate) remote: Option<String>,
    /// Since when the remote status has been an unknown one.
    pub(crate) unknown_since: Option<Timestamp>,
    /// Why even an empty count is not success.
    pub(crate) doubt: Option<Cause>,
    /// Why something is left whatever a look finds: what the job says it has not deleted, or what the platform has protected since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) residue: Option<Cause>,
    /// Number of submits that were accepted or may have been.
    pub(crate) submits: u64,
    /// How often an unclear submit was given up, because nothing moved any more, so that the chunk was to be submitted again.
    pub(crate) resubmits: u64,
    /// Number of requests that left.
    pub(crate) requests: u64,
    /// Number of records counted before the deletion; of a fulfilled job, the recordings that it found when it ran.
    pub(crate) before: Option<u64>,
    /// Number of conversations that our job has counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversations: Option<u64>,
    /// Number of records left in the whole window; absent where only a part of it was looked at.
    pub(crate) remaining: Option<u64>,
    /// Number of recordings that the job says it has given a delete date. Only a look shows whether they went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) processed: Option<u64>,
    /// The same number, once a look has confirmed it.
    pub(crate) deleted: Option<u64>,
    /// Number of recordings that the job skipped.
    pub(crate) skipped: u64,
    /// Number of skipped recordings that protection explains; absent before that is known, and where it explains none.
    pub(crate) protected: Option<u64>,
    /// Conversations of the window that the platform is known to protect.
    pub(crate) protected_ids: Vec<String>,
    /// Held conversations that analytics does not know: they may or may not be in the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unlisted_ids: Vec<String>,
    /// When the current look at what is left began.
    pub(crate) look_at: Option<Timestamp>,
    /// Conversations that had recordings when our job was ready, to be looked at again; absent before that was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sample: Option<Vec<String>>,
    /// Number of conversations of the window that were listed then; absent where the answer did not say or covered only a part of
    /// the window, and where some were asked for in the background.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listed: Option<u64>,
    /// Whether the recordings of all of them were looked up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) every: bool,
    /// Whether a look has found something left, so that a single zero is not yet proof.
    pub(crate) seen_left: bool,
    /// Number of looks in a row that found nothing left.
    pub(crate) zeros: u32,
    pub(crate) percent: Option<u8>,
    pub(crate) head: ChainHead,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) cause: Option<Cause>,
    /// What went wrong last: the reason why a chunk waits before it tries again. It has the ids of the answer, for which the
    /// vendor's support asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<Cause>,
}

impl ChunkRun {
    /// The state of a chunk that waits for its turn, in its first attempt.
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
            unlisted_ids: Vec::new(),
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

    /// What the chunk run deletes, and its place in the plan.
    #[must_use]
    pub fn chunk(&self) -> Chunk {
        self.chunk
    }

    /// Number of the attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How the attempt ended; `None` while it goes on.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// When the request left whose answer has not been fed back.
    #[must_use]
    pub fn in_flight_since(&self) -> Option<Timestamp> {
        self.in_flight
    }

    /// Whether the request in flight, or about to leave, is the one that deletes.
    #[must_use]
    pub fn is_deleting(&self) -> bool {
        self.in_flight.is_some() && self.asks_for_deletion()
    }

    /// Whether the request of the phase is the one that deletes.
    pub(crate) fn asks_for_deletion(&self) -> bool {
        match (&self.phase, self.api) {
            // A submit only creates a recording job; executing the job is what deletes.
            (Phase::Submitted, DeletionApi::DataDeletion) | (Phase::Executed, _) => true,
            (_, DeletionApi::DataDeletion | DeletionApi::RecordingJobs) => false,
        }
    }

    /// How far the chunk has come. A stage that is harmless by its phase counts as [`Stage::Deleting`] once a deletion may be under
    /// way: after an execution that may still arrive, after a submit that may have deleted something, and before an attempt has
    /// begun that inherits the deletion of the one before.
    pub(crate) fn stage(&self) -> Stage {
        let own = self.phase.stage();
        let inherited = matches!(self.phase, Phase::Queued) && self.submits > 0;
        let may_go_on = self.executed || inherited || self.may_have_deleted();
        if may_go_on && matches!(own, Stage::Before | Stage::Cancelling) { Stage::Deleting } else { own }
    }

    /// Whether an unclear submit may have deleted something. A recording job deletes nothing before it is executed.
    pub(crate) fn may_have_deleted(&self) -> bool {
        self.api == DeletionApi::DataDeletion && self.submits > 0
    }

    /// Whether the phase comes before a deletion, be it the first or another one.
    pub(crate) fn is_before_deletion(&self) -> bool {
        self.phase.stage() == Stage::Before
    }

    /// Until when the chunk waits at the time `now`, and for what. A wait that is longer than any can be comes from a clock that
    /// has been set right since, and is over.
    #[must_use]
    pub fn waits(&self, now: Timestamp) -> Option<(Timestamp, WaitReason)> {
        self.due().filter(|(at, reason)| {
            let longest =
                if *reason == WaitReason::RequestBudget { LONGEST_SPREAD + LONGEST_WAIT } else { LONGEST_WAIT };
            now < *at && (*reason == WaitReason::CoolOff || *at <= now.plus(longest))
        })
    }

    /// Until when the chunk was told to wait, and for what.
    #[must_use]
    pub fn due(&self) -> Option<(Timestamp, WaitReason)> {
        self.wait.map(|wait| (wait.at, wait.reason))
    }

    /// Whether the job has run and its recordings go later, so that their delete dates can still be taken back.
    #[must_use]
    pub fn cools_off(&self) -> bool {
        self.wait.is_some_and(|wait| wait.reason == WaitReason::CoolOff)
    }

    /// Whether the chunk still needs the organisation's job slot that it was granted.
    #[must_use]
    pub fn wants_slot(&self) -> bool {
        self.slot
    }

    /// Whether a cancel was asked for.
    #[must_use]
    pub fn cancel_asked(&self) -> bool {
        self.cancel
    }

    /// Whether there can be another attempt: the chunk has ended, and other than verified.
    #[must_use]
    pub fn may_be_retried(&self) -> bool {
        self.outcome.is_some_and(|outcome| outcome != Outcome::Verified)
    }

    /// The state for another attempt, if there can be one; see [`ChunkRun::retried`].
    pub(super) fn next_attempt(self) -> Option<Self> {
        let outcome = self.outcome.filter(|_| self.may_be_retried())?;
        let under_way = outcome == Outcome::Unknown && self.submits > 0 && !self.is_settled() && !self.is_untraceable();
        let mut next = Self::fresh(self.api, self.chunk, self.attempt.saturating_add(1), self.head);
        if under_way {
            let gone = self.doubt.as_ref().is_some_and(|doubt| doubt.code == DELETION_GONE);
            next.submits = self.submits;
            next.before = self.before;
            // Without the id, the counts still tell what became of it.
            next.request_id = self.request_id.filter(|_| !gone);
            next.action_date = self.action_date;
            (next.sample, next.listed, next.every) = (self.sample, self.listed, self.every);
            next.submitted_at = self.submitted_at;
        }
        Some(next)
    }

    /// Whether the attempt ended in doubt although the remote side is done with the deletion, or has no such job any more: looking
    /// again would show nothing else.
    fn is_settled(&self) -> bool {
        let done: &[&str] = match self.api {
            DeletionApi::DataDeletion => &["completed", "failed"],
            DeletionApi::RecordingJobs => &["FULFILLED", "CANCELLED", "FAILED"],
        };
        let is_done = || self.remote.as_deref().is_some_and(|remote| done.contains(&remote));
        self.doubt.as_ref().is_some_and(|doubt| doubt.code == JOB_GONE || is_done())
    }

    /// Whether the job, if there is one, cannot be found among so many. It was never executed, and stays behind.
    fn is_untraceable(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.code == TOO_MANY_JOBS)
    }

    /// What the job has shown about how long jobs take; `None` before it has finished.
    #[must_use]
    pub fn observed_pace(&self) -> Option<Pace> {
        let submitted = self.submitted_at?;
        let finished = self.finished_at?;
        Some(Pace {
            unfinished_ms: self.unfinished_at.map_or(0, |at| at.millis_since(submitted)),
            finished_ms: finished.millis_since(submitted).max(1),
            // Where the first look found nothing left, the index was in time, however late that look came.
            lag_ms: self.verified_at.filter(|_| self.seen_left).map_or(0, |at| at.millis_since(finished)),
            slowest_ms: 0,
        })
    }

    /// Milliseconds from the beginning of this attempt until `until`; from when it was queued, if it never got going.
    pub(super) fn duration_ms(&self, until: Timestamp) -> u64 {
        until.millis_since(self.started_at.or(self.queued_at).unwrap_or(until))
    }

    /// Number of records measured as deleted; `None` when that was not measured. For a recording job it is the job's own figure,
    /// once a look has confirmed it.
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
