//! Wake-ups: queue messages that say which chunk to look at. They carry no truth: everything is looked up in the ledger.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Version of the messages.
pub const MESSAGE_VERSION: u32 = 1;

/// "Look at this chunk."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WakeUp {
    /// [`MESSAGE_VERSION`].
    pub v: u32,
    /// Which run.
    pub run_id: String,
    /// Which chunk, from 1.
    pub chunk: u32,
    /// Until this time the message is passed on without looking at the chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The attempt that the message was sent for, where its sender knew; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
}

impl WakeUp {
    /// A wake-up that is due at once.
    #[must_use]
    pub fn new(run_id: &str, chunk: u32) -> Self {
        Self { v: MESSAGE_VERSION, run_id: run_id.to_owned(), chunk, not_before: None, attempt: None }
    }

    /// The message as it is sent.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_comes_back_as_it_was_and_nothing_else_is_one() {
        let wake = WakeUp { not_before: Some(Timestamp::EPOCH), ..WakeUp::new("run-1", 7) };
        let text = serde_json::to_string(&wake).unwrap();
        assert_eq!(text, r#"{"v":1,"runId":"run-1","chunk":7,"notBefore":"1970-01-01T00:00:00.000Z"}"#);
        assert_eq!(serde_json::from_str::<WakeUp>(&text).unwrap(), wake);
        let second = WakeUp { attempt: Some(2), ..WakeUp::new("run-1", 7) };
        assert_eq!(second.text(), r#"{"v":1,"runId":"run-1","chunk":7,"attempt":2}"#);
        assert_eq!(serde_json::from_str::<WakeUp>(&second.text()).unwrap(), second);
        for poison in ["", "{}", r#"{"v":1,"runId":"r","chunk":"7"}"#, r#"{"v":1,"runId":"r","chunk":7,"more":1}"#] {
            assert!(serde_json::from_str::<WakeUp>(poison).is_err(), "{poison}");
        }
    }
}
