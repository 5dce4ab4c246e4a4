//! A message to the governance system and its state, as ledgers and evidence keep it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{FromJson, Members};
use crate::time::Timestamp;

/// The state of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum MessageState {
    /// It is still to be sent, again or for the first time.
    Pending {
        /// When to send it.
        due: Timestamp,
        /// Why the last attempt failed; absent before the first one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The receiver has it.
    Delivered {
        /// When it was delivered.
        at: Timestamp,
    },
    /// It will not be tried again.
    Dead {
        /// When it was given up.
        at: Timestamp,
        /// Why the last attempt failed.
        why: String,
    },
}

/// A message and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboxRow {
    /// The same for all attempts; the `webhook-id` header.
    pub id: String,
    /// The body, as it is sent.
    pub body: String,
    /// The number of deliveries tried.
    pub attempts: u32,
    /// Whether it is pending, delivered or given up.
    pub state: MessageState,
}

impl OutboxRow {
    /// When to send it, if it is still to be sent.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            MessageState::Pending { due, .. } => Some(due),
            MessageState::Delivered { .. } | MessageState::Dead { .. } => None,
        }
    }
}

/// The members of each kind of state.
const KINDS: [(&str, &[&str]); 3] =
    [("pending", &["kind", "due", "why"]), ("delivered", &["kind", "at"]), ("dead", &["kind", "at", "why"])];

impl FromJson for MessageState {
    fn from_json(value: &Value) -> Result<Self, String> {
        let (kind, m) = Members::tagged(value, &KINDS)?;
        Ok(match kind {
            "pending" => Self::Pending { due: m.take("due")?, why: m.take("why")? },
            "delivered" => Self::Delivered { at: m.take("at")? },
            _ => Self::Dead { at: m.take("at")?, why: m.take("why")? },
        })
    }
}

impl FromJson for OutboxRow {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["id", "body", "attempts", "state"])?;
        Ok(Self { id: m.take("id")?, body: m.take("body")?, attempts: m.take("attempts")?, state: m.take("state")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_as_it_was_written() {
        let at = Timestamp::EPOCH;
        let why = "503".to_owned();
        let states = [
            MessageState::Pending { due: at, why: None },
            MessageState::Pending { due: at, why: Some(why.clone()) },
            MessageState::Delivered { at },
            MessageState::Dead { at, why },
        ];
        for state in states {
            let row = OutboxRow { id: "msg_1".to_owned(), body: "{}".to_owned(), attempts: 2, state };
            assert_eq!(OutboxRow::from_json(&serde_json::to_value(&row).unwrap()), Ok(row));
        }
    }
}
