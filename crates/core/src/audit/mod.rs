//! Audit records: what happened to one chunk, in order, each sealed with the hash of the one before.

mod canonical;
mod chain;
mod lines;
mod read;
mod told;
mod verify;

pub use chain::{ChainHead, seal};
pub use lines::Lines;
pub use told::Told;
pub use verify::{BadRecord, Manifest, Verdict, Verifier, Why};

use serde::{Deserialize, Serialize};

use crate::chunk::Chunk;
use crate::http::NoResponse;
use crate::outcome::{Cause, Outcome, WaitReason};
use crate::time::Timestamp;

/// Version of the record format.
pub const AUDIT_VERSION: u32 = 1;

/// What every record says was done.
pub const ACTION: &str = "data_purge";

/// Which program this is, as evidence names it.
pub const PROGRAM: &str = concat!("genesys-purge/", env!("CARGO_PKG_VERSION"));

/// One thing that happened, with what was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "snake_case", try_from = "serde_json::Value")]
pub enum Event {
    /// The chunk was taken up for the first time, or again after `retry`.
    Started {
        /// What it covers.
        chunk: Chunk,
        /// Who approved the plan.
        approved_by: String,
        /// When.
        approved_at: Timestamp,
        /// What carries it out: [`PROGRAM`].
        program: String,
    },
    /// What is held was looked up right before the deletion, all of it: written whenever there is anything to look up.
    HoldsChecked {
        /// Held conversations asked about: those that the order names.
        asked: u64,
        /// Held windows and retention periods for which conversations were searched that reach into them from the chunk: those of
        /// [`Order::reachable_from`](crate::order::Order::reachable_from).
        periods: u64,
        /// Conversations that one of them keeps, that the chunk would delete and that nothing protects, at most 100.
        unprotected: Vec<String>,
        /// Those that the platform itself protects, so that the job will skip them.
        protected: Vec<String>,
    },
    /// Records were counted before anything was deleted.
    Counted {
        /// How many.
        records: u64,
    },
    /// A request that changes something is about to leave. Durable before it does.
    Sending {
        /// `POST /api/v2/…`.
        call: String,
        /// SHA-256 of the body, absent without a body.
        #[serde(skip_serializing_if = "Option::is_none")]
        body_sha256: Option<String>,
    },
    /// The answer to something that went wrong, or an unexpected one.
    Answered {
        /// `POST /api/v2/…`.
        call: String,
        /// HTTP status.
        http_status: u16,
        /// What it means.
        cause: Cause,
    },
    /// No answer came.
    NoAnswer {
        /// `POST /api/v2/…`.
        call: String,
        /// Why.
        why: NoResponse,
    },
    /// The policy that applies now was read right before a deletion left, and nothing in it stood against that.
    PolicyAsked {
        /// Its digest.
        policy: String,
    },
    /// What was about to leave did not: the policy that applies now stands against it, or cannot be read.
    Withheld {
        /// `POST /api/v2/…`.
        call: String,
        /// Why.
        cause: Cause,
        /// Digest of the policy, where it is one that could be read that stands against it.
        #[serde(skip_serializing_if = "Option::is_none")]
        policy: Option<String>,
    },
    /// In the cool-off the policy that applies now has come to stand against what the job has done.
    PolicyObjected {
        /// Its digest.
        policy: String,
        /// What in it.
        cause: Cause,
    },
    /// The chunk waits for something other than the next poll.
    Waiting {
        /// For what.
        reason: WaitReason,
        /// Until when.
        until: Timestamp,
    },
    /// The deletion was accepted.
    Submitted,
    /// An unanswered submit was looked for.
    SubmitLookedFor {
        /// Whether it had arrived; absent when that is still open.
        arrived: Option<bool>,
        /// How that is known.
        how: String,
    },
    /// The remote job changed its status.
    Status {
        /// As the server wrote it.
        remote: String,
        /// Whether that is a status that this program knows.
        known: bool,
    },
    /// The true counts of a two-phase job, and whether the guard lets it pass.
    Gate {
        /// Conversations that the job will touch.
        conversations: Option<u64>,
        /// Recordings that it will delete.
        recordings: u64,
        /// The limit.
        max_records: Option<u64>,
        /// Whether it may be executed.
        passed: bool,
    },
    /// Before the job was executed, the recordings of some conversations of the window were looked up: what is looked at again
    /// afterwards.
    SeenBefore {
        /// Conversations of the window that the search lists; null where it does not say, or does not reach over the whole window, and
        /// where some were asked for in the background.
        listed: Option<u64>,
        /// Conversations whose recordings were looked up.
        checked: u64,
        /// Those of them that had recordings of the kinds asked for.
        conversations: u64,
        /// And how many those were.
        recordings: u64,
    },
    /// The job finished; its own counts.
    Processed {
        /// Recordings that it found when it ran. Since it was counted, another job may have taken some of them.
        recordings: u64,
        /// Recordings processed.
        processed: u64,
        /// Recordings skipped.
        skipped: u64,
        /// Recordings that failed.
        failed: u64,
    },
    /// Recordings that the job failed to delete.
    FailedItems {
        /// `conversation/recording`, at most 100 a record.
        items: Vec<String>,
    },
    /// The job skipped recordings, or there was a cool-off in which a hold may have come, and the platform was asked which conversations
    /// it protects. Written where it protects some.
    ProtectionFound {
        /// Conversations asked about.
        asked: u64,
        /// Those of them that it protects.
        protected: Vec<String>,
    },
    /// Absence was looked for.
    Verified {
        /// `analytics`, which counts the records of the whole window, or `recordingMetadata`, which looks up the recordings of single
        /// conversations.
        method: String,
        /// Conversations that had recordings before, and whose recordings were looked up again; null for `analytics`.
        checked: Option<u64>,
        /// Conversations of the window that the search lists, of which some may be protected; null for `analytics`, and where that of
        /// the look before is.
        listed: Option<u64>,
        /// Records (`recordingMetadata`: recordings) found still there in what was looked at.
        found: u64,
        /// Records still there in the whole window; null unless everything was looked at.
        remaining: Option<u64>,
    },
    /// The chunk learned that a person had asked to stop.
    CancelAsked {
        /// When they did.
        asked_at: Timestamp,
    },
    /// The end of this attempt.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// Why, when it is not `verified`.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// Submits that the API accepted or may have accepted, this attempt.
        submits: u64,
        /// All requests that left, this attempt.
        requests: u64,
        /// Records counted before.
        before: Option<u64>,
        /// Records still there, of the whole window; null unless everything was looked at.
        remaining: Option<u64>,
        /// Records that the platform keeps because of a hold.
        protected: Option<u64>,
    },
}

/// One line of the audit log. Never changed once written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// [`AUDIT_VERSION`].
    pub v: u32,
    /// Which run.
    pub run_id: String,
    /// Which plan.
    pub plan_digest: String,
    /// Which chunk, from 1.
    pub chunk: u32,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// Place in the chunk's chain, from 0, over all attempts.
    pub seq: u64,
    /// When.
    pub timestamp: Timestamp,
    /// Always [`ACTION`].
    pub action: String,
    /// What happened.
    pub event: Event,
    /// The remote job or deletion request, once it is known.
    pub request_id: Option<String>,
    /// State of the chunk after this, one word.
    pub status: String,
    /// Where the data lives.
    pub jurisdiction: String,
    /// Records measured as deleted; null when that was not measured. Of a recording job it is the job's own figure, once a look has
    /// confirmed it.
    pub records_deleted: Option<u64>,
    /// Milliseconds since this attempt began.
    pub duration_ms: u64,
    /// What the policy has to keep and what of it was overridden, and which policy that is. What was looked up has records of its own.
    pub compliance_note: String,
    /// Whether the tenant was the simulated one.
    pub simulated: bool,
    /// Hash of the record before it; of the plan digest and chunk number for the first.
    pub prev: String,
    /// SHA-256 over the canonical JSON of all the above.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hash: String,
}
