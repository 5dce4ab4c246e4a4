//! How the messages to the governance system went.

use purge_core::time::Timestamp;
use purge_driver::ledger::{MessageState, OutboxRow};
use serde::Serialize;
use serde_json::Value;

/// Messages of a run, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Messages {
    /// Taken by the receiver.
    pub(crate) delivered: usize,
    /// Still to be sent.
    pub(crate) pending: usize,
    /// Given up.
    pub(crate) dead: usize,
    /// Of those still to be sent, the one that is due first.
    #[serde(skip)]
    pub(crate) next: Option<Next>,
    /// Those that the receiver has not got.
    #[serde(skip)]
    pub(crate) undelivered: Vec<Undelivered>,
}

/// A message that the receiver has not got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undelivered {
    /// Its id.
    pub(crate) id: String,
    /// Which chunk it is about.
    pub(crate) chunk: Option<u64>,
    /// Whether it is not sent any more.
    pub(crate) given_up: bool,
    /// What became of the last attempt, if there was one.
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

/// A message that is still to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// When the next attempt is due.
    pub(crate) due: Timestamp,
    /// What became of the last attempt, if there was one.
    pub(crate) why: Option<String>,
}

impl Messages {
    /// Counts them.
    pub(crate) fn of(outbox: &[OutboxRow]) -> Self {
        let undelivered = outbox.iter().filter_map(Undelivered::of).collect();
        let mut messages = Self { undelivered, ..Self::default() };
        for row in outbox {
            match &row.state {
                MessageState::Delivered { .. } => messages.delivered += 1,
                MessageState::Pending { due, why } => {
                    messages.pending += 1;
                    if messages.next.as_ref().is_none_or(|next| *due < next.due) {
                        messages.next = Some(Next { due: *due, why: why.clone() });
                    }
                }
                MessageState::Dead { .. } => messages.dead += 1,
            }
        }
        messages
    }
}
