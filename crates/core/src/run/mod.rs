//! The step machine: one chunk, from approved to verified. The one place that knows the whole story.
//!
//! [`ChunkRun::step`] is total: it takes the state, what just happened and the time, and returns the new state, what to
//! record, and exactly one next move. It never fails and never waits.

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
pub use crate::order::{Approval, ApprovalError, HeldConversation, HeldWindow, Order};
pub use crate::outcome::{Cause, Outcome, WaitReason};
pub use crate::pace::Pace;

/// What just happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Begin.
    Start,
    /// The answer to the request that was sent last.
    Response(HttpResponse),
    /// There will be no answer to it.
    NoResponse(NoResponse),
    /// It has not left: the request budget has no room for it. Or nothing was about to leave, because whoever waited for the budget
    /// has seen that there is still no room.
    NotYet {
        /// When there may be room, at the earliest.
        at: Timestamp,
    },
    /// It has not left: whoever should send it could not, because there is no token for it or the ledger does not answer.
    Unable {
        /// Why.
        cause: Cause,
        /// The pause that the login has asked for.
        retry_after: Option<Duration>,
        /// Whether asking again later may help.
        may_pass: bool,
    },
    /// The deletion that is about to leave may: the policy that applies now, read right before, has nothing against it.
    Permitted {
        /// Its digest.
        policy: String,
    },
    /// It has not left: the policy that applies now, read right before, stands against it, or somebody has asked to cancel. Or it is in
    /// its cool-off, and the policy stands against it by now.
    Objection(Objection),
    /// Time has passed. Early or repeated ticks change nothing.
    Tick,
    /// The organisation's job slot that was asked for: granted or not.
    Slot {
        /// Whether it was granted.
        granted: bool,
    },
    /// Somebody asks to stop. While a request is under way this is only noted: its answer is judged first.
    Cancel {
        /// When they did.
        asked_at: Timestamp,
    },
}

impl Input {
    /// What a chunk is told whose request has no token, with the pause that the login has asked for.
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
