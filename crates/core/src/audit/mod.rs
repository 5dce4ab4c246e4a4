//! Audit records: what happened to one chunk, in order, each sealed with the hash of the record before it.

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

/// The action that every record names.
pub const ACTION: &str = "data_purge";

/// The name and version of this program in evidence.
pub const PROGRAM: &str = concat!("genesys-purge/", env!("CARGO_PKG_VERSION"));

/// One thing that happened, with its measurements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "snake_case", try_from = "serde_json::Value")]
pub enum Event {
    /// A person asked for another attempt at the chunk, which ended other than verified. The first record of every attempt but the
    /// first.
    Retried {
        /// Who asked.
        asked_by: String,
        /// When they did.
        asked_at: Timestamp,
    },
    /// An attempt at the chunk began: the first one, or one after `retry`.
    Started {
        /// What it covers.
        chunk: Chunk,
        /// Who approved the plan.
        approved_by: String,
        /// When they approved it.
        approved_at: Timestamp,
        /// The program that carries it out: [`PROGRAM`].
        program: String,
    },
    /// Everything that may be on hold was looked up right before the deletion. Written whenever there is something to look up.
    HoldsChecked {
        /// How many conversations were asked about: those that the order names as held.
        asked: u64,
        /// How many held windows and retention periods were searched for conversations that reach into them from the chunk: those
        /// of [`Order::reachable_from`](crate::order::Order::reachable_from).
        periods: u64,
        /// Conversations that a hold or retention period keeps and the platform does not protect, and that the chunk would delete, or
        /// may delete because analytics does not know them; at most 100.
        unprotected: Vec<String>,
        /// Those of all these that the platform itself protects, so that the job skips them.
        protected: Vec<String>,
    },
    /// Records were counted before anything was deleted.
    Counted {
        /// How many.
        records: u64,
    },
    /// A request that changes something is about to leave. The record is durable before it leaves.
    Sending {
        /// `POST /api/v2/…`.
        call: String,
        /// SHA-256 of the body; absent without a body.
        #[serde(skip_serializing_if = "Option::is_none")]
        body_sha256: Option<String>,
    },
    /// A request was refused, or its answer was unexpected.
    Answered {
        /// `POST /api/v2/…`.
        call: String,
        /// The HTTP status.
        http_status: u16,
        /// What the answer means.
        cause: Cause,
    },
    /// No answer came.
    NoAnswer {
        /// `POST /api/v2/…`.
        call: String,
        /// Why.
        why: NoResponse,
    },
    /// The policy that applies now was read right before a deletion left, and nothing in it forbade the deletion.
    PolicyAsked {
        /// The digest of the policy.
        policy: String,
    },
    /// What was about to leave did not leave: it could not be sent, a person asked to stop, or the policy that applies now forbids
    /// it or cannot be read.
    Withheld {
        /// `POST /api/v2/…`.
        call: String,
        /// Why.
        cause: Cause,
        /// The digest of the policy that forbids it, if that is the reason and it could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        policy: Option<String>,
    },
    /// In the cool-off, the policy that applies now turned out to forbid what the job has done.
    PolicyObjected {
        /// The digest of the policy.
        policy: String,
        /// What in the policy forbids it.
        cause: Cause,
    },
    /// The chunk waits for something other than the next poll.
    Waiting {
        /// What it waits for.
        reason: WaitReason,
        /// When the wait ends.
        until: Timestamp,
    },
    /// The deletion was accepted.
    Submitted,
    /// An unanswered submit was looked for.
    SubmitLookedFor {
        /// Whether it had arrived; null while that is unknown.
        arrived: Option<bool>,
        /// How that is known, in words.
        how: String,
    },
    /// The remote job has another status.
    Status {
        /// The status as the server wrote it.
        remote: String,
        /// Whether this program knows that status.
        known: bool,
    },
    /// The counts of a two-phase job, and whether the guard lets the job be executed.
    Gate {
        /// Conversations that the job will touch.
        conversations: Option<u64>,
        /// Recordings that it will delete.
        recordings: u64,
        /// The limit, [`Limits::max_records`](crate::policy::Limits::max_records).
        max_records: Option<u64>,
        /// Whether the job may be executed.
        passed: bool,
    },
    /// Before the job was executed, the recordings of some conversations of the window were looked up. The same ones are looked up
    /// again afterwards.
    SeenBefore {
        /// Conversations of the window that the search lists. Null when it does not say, when it does not cover the whole window,
        /// and when some conversations were asked for in the background.
        listed: Option<u64>,
        /// Conversations whose recordings were looked up.
        checked: u64,
        /// How many of these conversations had recordings of the requested kinds.
        conversations: u64,
        /// How many such recordings they had.
        recordings: u64,
    },
    /// The job finished, with its own counts.
    Processed {
        /// Recordings that the job found when it ran. Since they were counted, another job may have taken some of them.
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
    /// The job skipped recordings, or there was a cool-off during which a hold may have come, so the platform was asked which
    /// conversations it protects. Written only if it protects some.
    ProtectionFound {
        /// Conversations asked about.
        asked: u64,
        /// The conversations that it protects.
        protected: Vec<String>,
    },
    /// The data was looked for after the deletion.
    Verified {
        /// How: `analytics` counts the records of the whole window, `recordingMetadata` looks up the recordings of single
        /// conversations.
        method: String,
        /// Conversations that had recordings before and were looked up again; null for `analytics`.
        checked: Option<u64>,
        /// Conversations of the window that the search lists, some of which may be protected. Null for `analytics`, and when the
        /// number is null in the look before the deletion.
        listed: Option<u64>,
        /// Records (`recordingMetadata`: recordings) still there in what was looked at.
        found: u64,
        /// Records still there in the whole window; null unless everything was looked at.
        remaining: Option<u64>,
    },
    /// The chunk learned that a person had asked to stop.
    CancelAsked {
        /// Who did.
        asked_by: String,
        /// When they did.
        asked_at: Timestamp,
    },
    /// The attempt ended.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// The cause, unless the outcome is `verified`.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// Submits of this attempt that the API accepted or may have accepted.
        submits: u64,
        /// All requests of this attempt that left.
        requests: u64,
        /// Records counted before the deletion.
        before: Option<u64>,
        /// Records still there in the whole window; null unless everything was looked at.
        remaining: Option<u64>,
        /// Records that the platform keeps because of a hold.
        protected: Option<u64>,
    },
}

/// One line of the audit log. It never changes once written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// [`AUDIT_VERSION`].
    pub v: u32,
    /// The run.
    pub run_id: String,
    /// The digest of its plan.
    pub plan_digest: String,
    /// The chunk, from 1.
    pub chunk: u32,
    /// The attempt at the chunk, from 1.
    pub attempt: u32,
    /// The place in the chunk's chain over all attempts, from 0.
    pub seq: u64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Always [`ACTION`].
    pub action: String,
    /// What happened.
    pub event: Event,
    /// The remote job or deletion request, once it is known.
    pub request_id: Option<String>,
    /// The state of the chunk after this record, in one word.
    pub status: String,
    /// Where the data lives.
    pub jurisdiction: String,
    /// Records measured as deleted; null when not measured. For a recording job this is the job's own figure, once a look has
    /// confirmed it.
    pub records_deleted: Option<u64>,
    /// Milliseconds since this attempt began.
    pub duration_ms: u64,
    /// What the policy requires to be kept, what of that was overridden, and the digest of the policy. What was looked up has
    /// records of its own.
    pub compliance_note: String,
    /// Whether the tenant is the simulated one.
    pub simulated: bool,
    /// The hash of the record before it; for the first record, the hash of plan digest and chunk number.
    pub prev: String,
    /// SHA-256 over the canonical JSON of all the above.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hash: String,
}
