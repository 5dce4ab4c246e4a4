//! What became of the messages to the governance system.

use purge_core::time::Timestamp;
use purge_driver::ledger::{MessageState, OutboxRow};
use serde::Serialize;
use serde_json::Value;

/// The messages of a run, counted by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Messages {
    /// Accepted by the receiver.
    pub(crate) delivered: usize,
    /// Still to be sent.
    pub(crate) pending: usize,
    /// Given up.
    pub(crate) dead: usize,
    /// Of the pending messages, the one that is due first.
    #[serde(skip)]
    pub(crate) next: Option<NextAttempt>,
    /// The messages that the receiver does not have.
    #[serde(skip)]
    pub(crate) undelivered: Vec<Undelivered>,
}

/// A message that the receiver does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undelivered {
    /// The message's id.
    pub(crate) id: String,
    /// The chunk that it is about.
    pub(crate) chunk: Option<u64>,
    /// Whether it will not be sent again.
    pub(crate) given_up: bool,
    /// Why the last attempt failed, if there was one.
    pub(crate) why: Option<String>,
}

impl Undelivered {
    fn of(row: &OutboxRow) -> Option<Self> {
        let (given_up, why) = match &row.state {
            MessageState::Delivered { .. } => return None,
            MessageState::Pending { why, .. } => (false, why.clone()),
            MessageState::Dead { why, .. } => (true, Some(why.clone())),
        };
        let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
        let chunk = body.pointer("/chunk/index").and_then(Value::as_u64);
        Some(Self { id: row.id.clone(), chunk, given_up, why })
    }
}

/// The next message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NextAttempt {
    /// When the next attempt is due.
    pub(crate) due: Timestamp,
    /// Why the last attempt failed, if there was one.
    pub(crate) why: Option<String>,
}

impl Messages {
    /// Counts the messages of an outbox.
    pub(crate) fn count(outbox: &[OutboxRow]) -> Self {
        let undelivered = outbox.iter().filter_map(Undelivered::of).collect();
        let mut messages = Self { undelivered, ..Self::default() };
        for row in outbox {
            match &row.state {
                MessageState::Delivered { .. } => messages.delivered += 1,
                MessageState::Pending { due, why } => {
                    messages.pending += 1;
                    if messages.next.as_ref().is_none_or(|next| *due < next.due) {
                        messages.next = Some(NextAttempt { due: *due, why: why.clone() });
                    }
                }
                MessageState::Dead { .. } => messages.dead += 1,
            }
        }
        messages
    }
}
