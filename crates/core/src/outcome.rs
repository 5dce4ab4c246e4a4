//! How a chunk ended, what it waited for, and why something went wrong: the words that all packages share.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{FromJson, Members, word};

/// How a chunk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Deleted, and looked for afterwards: nothing is left that should not be.
    Verified,
    /// Deleted as far as the API says, but something is still there.
    Residual,
    /// What became of the deletion, or of its job, is not known; a person has to look.
    Unknown,
    /// A legal hold or retention rule stopped the chunk; nothing was deleted.
    Held,
    /// The API refused the deletion, or a guard stopped it; nothing was deleted.
    Rejected,
    /// The API reports that the deletion failed, or it could not even be started.
    Failed,
    /// The deadline passed before anything was deleted.
    TimedOut,
    /// The chunk was cancelled before anything was deleted.
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

    /// The word in records: `verified`, `timedOut`, …
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

/// What a wait is for. It is shown wherever the wait is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum WaitReason {
    /// The server asked for a pause.
    RateLimited {
        /// Seconds that the server asked for, if it said.
        retry_after_seconds: Option<u64>,
    },
    /// Something failed that may work later.
    Backoff {
        /// How often it has failed.
        attempt: u32,
    },
    /// The remote job is being prepared or carried out.
    JobPending {
        /// Progress, if the server says.
        percent: Option<u8>,
    },
    /// The organisation's request budget has no room.
    RequestBudget,
    /// Other recording jobs hold the organisation's slots.
    SlotBusy,
    /// An unanswered submit is being watched.
    ConfirmingSubmit,
    /// The search index has not caught up with the deletion.
    IndexLag,
    /// The deletion was scheduled for later, so that it can be undone until then.
    CoolOff,
    /// A request is under way and its answer has not been fed back.
    InFlight,
}

/// Why a chunk ended as it did, or why a request went wrong: for the person who has to act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cause {
    /// Stable and dotted: the API's own error code if there is one, otherwise ours.
    pub code: String,
    /// One line.
    pub message: String,
    /// Genesys's `contextId`, for which their support asks.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context_id: Option<String>,
    /// `ININ-Correlation-Id` of the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub correlation_id: Option<String>,
}

impl Cause {
    /// A cause of our own, without ids of an answer.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), context_id: None, correlation_id: None }
    }
}

impl FromJson for Outcome {
    fn from_json(value: &Value) -> Result<Self, String> {
        word(value, &Self::ALL.map(|outcome| (outcome.as_str(), outcome)))
    }
}

impl FromJson for Cause {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["code", "message", "contextId", "correlationId"])?;
        Ok(Self {
            code: m.take("code")?,
            message: m.take("message")?,
            context_id: m.take("contextId")?,
            correlation_id: m.take("correlationId")?,
        })
    }
}

/// Every reason with its members. `kind` is a member of all of them.
const REASONS: [(&str, &[&str]); 9] = [
    ("rateLimited", &["kind", "retryAfterSeconds"]),
    ("backoff", &["kind", "attempt"]),
    ("jobPending", &["kind", "percent"]),
    ("requestBudget", &["kind"]),
    ("slotBusy", &["kind"]),
    ("confirmingSubmit", &["kind"]),
    ("indexLag", &["kind"]),
    ("coolOff", &["kind"]),
    ("inFlight", &["kind"]),
];

impl FromJson for WaitReason {
    fn from_json(value: &Value) -> Result<Self, String> {
        let (kind, m) = Members::tagged(value, &REASONS)?;
        Ok(match kind {
            "rateLimited" => Self::RateLimited { retry_after_seconds: m.take("retryAfterSeconds")? },
            "backoff" => Self::Backoff { attempt: m.take("attempt")? },
            "jobPending" => Self::JobPending { percent: m.take("percent")? },
            "requestBudget" => Self::RequestBudget,
            "slotBusy" => Self::SlotBusy,
            "confirmingSubmit" => Self::ConfirmingSubmit,
            "indexLag" => Self::IndexLag,
            "coolOff" => Self::CoolOff,
            _ => Self::InFlight,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_read_as_it_was_written() {
        let all = [
            WaitReason::RateLimited { retry_after_seconds: Some(5) },
            WaitReason::Backoff { attempt: 2 },
            WaitReason::JobPending { percent: None },
            WaitReason::RequestBudget,
            WaitReason::SlotBusy,
            WaitReason::ConfirmingSubmit,
            WaitReason::IndexLag,
            WaitReason::CoolOff,
            WaitReason::InFlight,
        ];
        for reason in all {
            // A reason that is missing here does not compile.
            match reason {
                WaitReason::RateLimited { .. }
                | WaitReason::Backoff { .. }
                | WaitReason::JobPending { .. }
                | WaitReason::RequestBudget
                | WaitReason::SlotBusy
                | WaitReason::ConfirmingSubmit
                | WaitReason::IndexLag
                | WaitReason::CoolOff
                | WaitReason::InFlight => {}
            }
            let value = serde_json::to_value(reason).unwrap();
            assert_eq!(WaitReason::from_json(&value), Ok(reason), "{value}");
        }
    }
}
