//! The step machine: one chunk, from approved to verified. The one place that knows the whole story.
//!
//! [`ChunkRun::step`] is total: it takes the state, what just happened and the time, and returns the new state, what to
//! record, and exactly one next move. It never fails and never waits.

use serde::{Deserialize, Serialize};

use crate::audit::AuditRecord;
use crate::http::{HttpRequest, HttpResponse, NoResponse};
use crate::time::Timestamp;

/// How a chunk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Deleted, and looked for afterwards: nothing is left that should not be.
    Verified,
    /// Deleted as far as the API says, but something is still there.
    Residual,
    /// Nobody can say; needs a person.
    Unknown,
    /// A legal hold stopped it; nothing was deleted.
    Held,
    /// The API refused it, or a guard stopped it; nothing was deleted.
    Rejected,
    /// The API reports that the deletion failed.
    Failed,
    /// Its deadline passed before it was submitted.
    TimedOut,
    /// Somebody cancelled it before anything was deleted.
    Cancelled,
}

impl Outcome {
    /// Every outcome, best first.
    pub const ALL: [Self; 8] = [
        Self::Verified,
        Self::Residual,
        Self::Unknown,
        Self::Held,
        Self::Rejected,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
    ];

    /// As written in records: `verified`, `timedOut`, …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Residual => "residual",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::TimedOut => "timedOut",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a wait is for. Shown wherever the wait is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum WaitReason {
    /// The server asked for a pause.
    RateLimited {
        /// Seconds it asked for, when it said.
        retry_after_seconds: Option<u64>,
    },
    /// Something failed that may work later.
    Backoff {
        /// How often it has failed.
        attempt: u32,
    },
    /// The remote job is being prepared or carried out.
    JobPending {
        /// Progress, when the server says.
        percent: Option<u8>,
    },
    /// Another recording job holds the organisation's slots.
    SlotBusy,
    /// An unanswered submit is being watched.
    ConfirmingSubmit,
    /// The search index has not caught up with the deletion.
    IndexLag,
    /// The deletion was scheduled for later, so that it can be undone until then.
    CoolOff,
}

/// Why a chunk ended as it did, or why a request went wrong: for the person who has to act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cause {
    /// Stable, dotted: the API's own error code where there is one, ours otherwise.
    pub code: String,
    /// One line.
    pub message: String,
    /// Genesys's `contextId`; their support asks for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context_id: Option<String>,
    /// `ININ-Correlation-Id` of the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub correlation_id: Option<String>,
}

impl Cause {
    /// A cause of our own.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), context_id: None, correlation_id: None }
    }
}

/// What just happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Begin.
    Start,
    /// The answer to the request that was sent last.
    Response(HttpResponse),
    /// There will be no answer to it.
    NoResponse(NoResponse),
    /// Time has passed. Early or repeated ticks change nothing.
    Tick,
    /// The organisation's job slot that was asked for: granted or not.
    Slot {
        /// Whether it was granted.
        granted: bool,
    },
    /// Somebody asks to stop.
    Cancel,
}

/// The one next move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this and feed the answer back.
    Send(HttpRequest),
    /// Try to take one of the organisation's job slots and feed back whether it worked. Taking a slot twice is harmless.
    TakeSlot,
    /// Nothing to do before then.
    WaitUntil {
        /// When to feed a [`Input::Tick`].
        at: Timestamp,
        /// What for.
        reason: WaitReason,
    },
    /// It is over.
    Done(Outcome),
}

/// What a step gives: first make `run` and `records` durable, then carry out `next`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The new state.
    pub run: ChunkRun,
    /// What to append to the audit log, already chained.
    pub records: Vec<AuditRecord>,
    /// What to do.
    pub next: Next,
}

/// When the jobs of this run that have ended were last seen unfinished, and when finished, in milliseconds of their age: what
/// the driver has learnt about how long a job takes, so that the next one is not polled in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Age at which jobs were still unfinished; 0 when nothing is known.
    pub unfinished_ms: u64,
    /// Age at which jobs were finished; 0 when nothing is known.
    pub finished_ms: u64,
}

/// What all chunks of a run share, made from an approved plan; stored once per run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// Format version, 1.
    pub version: u32,
    /// Identifies the run: the same plan on the same tenant is the same run.
    pub run_id: String,
    /// Digest of the approved plan.
    pub plan_digest: String,
    /// Digest of the policy it was checked against.
    pub policy_digest: String,
    /// The request.
    pub request: crate::request::PurgeRequest,
    /// Limits of the policy.
    pub limits: crate::policy::Limits,
    /// Conversations on hold, with the hold that names them, sorted.
    pub held_conversations: Vec<HeldConversation>,
    /// Windows on hold (of holds without conversation ids), in order.
    pub held_windows: Vec<HeldWindow>,
    /// Number of retention rules, holds and parts kept, for the compliance note.
    pub compliance_note: String,
    /// Number of chunks.
    pub chunks: u32,
    /// Who approved it.
    pub approved_by: String,
    /// When.
    pub approved_at: Timestamp,
    /// The API's address, without credentials.
    pub tenant: String,
    /// Whether the tenant is the simulated one.
    pub simulated: bool,
}

/// A conversation that a hold names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeldConversation {
    /// The conversation.
    pub id: String,
    /// The hold.
    pub hold: String,
}

/// A window that a hold keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeldWindow {
    /// The window.
    pub window: crate::window::Window,
    /// The hold.
    pub hold: String,
}

/// What a step may look at besides the state.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The run.
    pub order: &'a Order,
    /// What is known about how long jobs take.
    pub pace: Pace,
    /// The time.
    pub now: Timestamp,
}

/// The serialisable state of one chunk in one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRun {}
