//! How the messages to the governance system went.

use purge_core::time::Timestamp;
use purge_driver::ledger::{MessageState, OutboxRow};
use serde::Serialize;

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
        let mut messages = Self::default();
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
