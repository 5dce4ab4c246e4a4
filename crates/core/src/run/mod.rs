//! The step machine: it takes one chunk from an approved plan to its end. This is the only place that knows the whole story.
//!
//! [`ChunkRun::step`] is total: it takes the state, what just happened and the time, and returns the new state, what to record, and
//! exactly one next move. It never fails and never waits.
//!
//! The state is always in one phase (`state::Phase`). Most phases send one request and expect its answer. Without trouble, a
//! chunk passes through these phases; those in parentheses are skipped when there is nothing to do in them:
//!
//! * `dataDeletion`: `Queued`, (`HeldConversations`), (`Straddlers`), (`CountBefore`), `Submitted`, `Completed`, `CountAfter`,
//!   `Ended`.
//! * `recordingJobs`, up to the execution: `Queued`, `Slot`, `Submitted`, `Ready`, `Choose`, (`Had`), (`Inquiry`, `Inquired`,
//!   `Informed`, `Had`), (`HeldConversations`), (`Straddlers`), (`Protection`), `Executed`.
//! * `recordingJobs`, after the execution: `Fulfilled`, (`FailedRecordings`), `LookBack`, (`Guarded`), (`Metadata`), (`Skips`,
//!   `Guarded`, `Metadata`), `Ended`.
//!
//! A submit without a clear answer is looked for in `SubmitInCounts` (`dataDeletion`) or `SubmitInJobs` (`recordingJobs`) before it
//! is sent again. A job that must not be executed passes through `JobCancelled` and `CancelConfirmed`.
//!
//! `machine` is the frame and says how its methods are named. `guard` and `sample` are the checks before the deletion, `deletion`
//! and `job` the two APIs, `verify` the checks after it. `waiting`, `trouble` and `ending` are what all phases share.

mod deletion;
mod ending;
mod guard;
mod job;
mod machine;
mod sample;
mod state;
mod trouble;
mod verify;
mod view;
mod waiting;

use std::time::Duration;

use crate::audit::AuditRecord;
use crate::http::{HttpRequest, HttpResponse, NoResponse};
use crate::oauth::TokenError;
use crate::time::Timestamp;

pub use state::ChunkRun;
pub use view::ChunkView;

pub use crate::objection::{Against, InForce, Objection};
pub use crate::order::{Approval, ApprovalError, Asked, HeldConversation, HeldWindow, NameError, Order};
pub use crate::outcome::{Cause, Outcome, WaitReason};
pub use crate::pace::Pace;

/// What just happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The answer to the request that was sent last.
    Response(HttpResponse),
    /// The request that was sent last will have no answer.
    NoResponse(NoResponse),
    /// The request did not leave, because the request budget has no room for it. Without a request in flight: the chunk has waited
    /// for the budget, and there is still no room.
    NotYet {
        /// The earliest time at which there may be room.
        at: Timestamp,
    },
    /// The request did not leave, because the sender has no token or the ledger does not answer.
    Unable {
        /// Why.
        cause: Cause,
        /// The pause that the login asked for.
        retry_after: Option<Duration>,
        /// Whether asking again later may help.
        may_pass: bool,
    },
    /// The policy that applies now was read right before the deletion left, and does not stand against it.
    Permitted {
        /// Digest of that policy.
        policy: String,
    },
    /// With a deletion in flight: it did not leave, because the policy that applies now, read right before, stands against it or
    /// cannot be read, or because a cancel was asked for. In a cool-off: the policy has come to stand against what the job has
    /// done.
    Objection(Objection),
    /// Nothing but that time has passed: the chunk begins, or goes on. An early or repeated tick changes nothing.
    Tick,
    /// Whether the organisation's job slot that was asked for is ours.
    Slot {
        /// Whether it was granted.
        granted: bool,
    },
    /// A cancel was asked for. While a request is in flight this is only noted: its answer is judged first.
    Cancel(Asked),
}

impl Input {
    /// The input for a chunk whose request has no token, with the pause that the login asked for.
    #[must_use]
    pub fn no_token(error: TokenError, retry_after: Option<Duration>) -> Self {
        let message = format!("no token: {}", error.cause.message);
        Self::Unable { cause: Cause { message, ..error.cause }, retry_after, may_pass: error.may_pass }
    }
}

/// The one next move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this and feed the answer back.
    Send(HttpRequest),
    /// Try to take one of the organisation's job slots and feed back whether that worked. Taking a slot twice is harmless.
    TakeSlot,
    /// Do nothing before `at`.
    WaitUntil {
        /// When to feed an [`Input::Tick`].
        at: Timestamp,
        /// What the wait is for.
        reason: WaitReason,
    },
    /// The chunk has ended.
    Done(Outcome),
}

/// The result of a step. First make `run` and `records` durable, then carry out `next`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The new state.
    pub run: ChunkRun,
    /// The records to append to the audit log, already chained.
    pub records: Vec<AuditRecord>,
    /// What to do next.
    pub next: Next,
}

/// What a step may look at besides the state.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What all chunks of the run share.
    pub order: &'a Order,
    /// What earlier jobs have shown about how long jobs take.
    pub pace: Pace,
    /// The current time.
    pub now: Timestamp,
}
