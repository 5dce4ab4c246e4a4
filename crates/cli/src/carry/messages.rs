//! How the messages to the governance system went.

use purge_driver::ledger::{MessageState, OutboxRow};
use serde::Serialize;

/// Messages of a run, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Messages {
    /// Taken by the receiver.
    pub(crate) delivered: usize,
    /// Still to be sent.
    pub(crate) pending: usize,
    /// Given up.
    pub(crate) dead: usize,
}

impl Messages {
    /// Counts them.
    pub(crate) fn of(outbox: &[OutboxRow]) -> Self {
        let mut messages = Self::default();
        for row in outbox {
            match row.state {
                MessageState::Delivered { .. } => messages.delivered += 1,
                MessageState::Pending { .. } => messages.pending += 1,
                MessageState::Dead { .. } => messages.dead += 1,
            }
        }
        messages
    }
}
