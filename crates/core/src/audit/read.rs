//! Reading events back, strictly: no unknown kind and no unknown field.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ChainHead, Event, Manifest};
use crate::json::{FromJson, Members, kind, quoted, unknown_kind};

impl TryFrom<Value> for Event {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        Self::from_json(&value)
    }
}

/// Every kind, with its fields. `kind` itself belongs to all of them.
const KINDS: [(&str, &[&str]); 16] = [
    ("started", &["kind", "chunk", "approved_by"]),
    ("holds_checked", &["kind", "asked", "unprotected", "protected"]),
    ("counted", &["kind", "records"]),
    ("sending", &["kind", "call", "body_sha256"]),
    ("answered", &["kind", "call", "http_status", "cause"]),
    ("no_answer", &["kind", "call", "why"]),
    ("waiting", &["kind", "reason", "until"]),
    ("submitted", &["kind"]),
    ("submit_looked_for", &["kind", "arrived", "how"]),
    ("status", &["kind", "remote", "known"]),
    ("gate", &["kind", "conversations", "recordings", "max_records", "passed"]),
    ("processed", &["kind", "processed", "skipped", "failed"]),
    ("failed_items", &["kind", "items"]),
    ("verified", &["kind", "method", "checked", "remaining"]),
    ("cancel_asked", &["kind"]),
    ("finished", &["kind", "outcome", "cause", "submits", "requests", "before", "remaining", "protected"]),
];

impl FromJson for Event {
    fn from_json(value: &Value) -> Result<Self, String> {
        let kind = kind(value)?;
        let Some((_, known)) = KINDS.iter().find(|(name, _)| *name == kind) else {
            return Err(unknown_kind(kind, &KINDS.map(|(name, _)| name)));
        };
        let m = Members::of(value, known)?;
        Ok(match kind {
            "started" => Self::Started { chunk: m.take("chunk")?, approved_by: m.take("approved_by")? },
            "holds_checked" => Self::HoldsChecked {
                asked: m.take("asked")?,
                unprotected: m.take("unprotected")?,
                protected: m.take("protected")?,
            },
            "counted" => Self::Counted { records: m.take("records")? },
            "sending" => Self::Sending { call: m.take("call")?, body_sha256: m.take("body_sha256")? },
            "answered" => {
                Self::Answered { call: m.take("call")?, http_status: m.take("http_status")?, cause: m.take("cause")? }
            }
            "no_answer" => Self::NoAnswer { call: m.take("call")?, why: m.take("why")? },
            "waiting" => Self::Waiting { reason: m.take("reason")?, until: m.take("until")? },
            "submitted" => Self::Submitted,
            "submit_looked_for" => Self::SubmitLookedFor { arrived: m.take("arrived")?, how: m.take("how")? },
            "status" => Self::Status { remote: m.take("remote")?, known: m.take("known")? },
            "gate" => Self::Gate {
                conversations: m.take("conversations")?,
                recordings: m.take("recordings")?,
                max_records: m.take("max_records")?,
                passed: m.take("passed")?,
            },
            "processed" => Self::Processed {
                processed: m.take("processed")?,
                skipped: m.take("skipped")?,
                failed: m.take("failed")?,
            },
            "failed_items" => Self::FailedItems { items: m.take("items")? },
            "verified" => Self::Verified {
                method: m.take("method")?,
                checked: m.take("checked")?,
                remaining: m.take("remaining")?,
            },
            "cancel_asked" => Self::CancelAsked,
            _ => Self::Finished {
                outcome: m.take("outcome")?,
                cause: m.take("cause")?,
                submits: m.take("submits")?,
                requests: m.take("requests")?,
                before: m.take("before")?,
                remaining: m.take("remaining")?,
                protected: m.take("protected")?,
            },
        })
    }
}

impl FromJson for ChainHead {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["length", "hash"])?;
        Ok(Self { length: m.take("length")?, hash: m.take("hash")? })
    }
}

impl FromJson for Manifest {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["version", "runId", "planDigest", "heads"])?;
        Ok(Self {
            version: m.take("version")?,
            run_id: m.take("runId")?,
            plan_digest: m.take("planDigest")?,
            heads: m.take::<Heads>("heads")?.0,
        })
    }
}

/// Heads by chunk.
struct Heads(BTreeMap<u32, ChainHead>);

impl FromJson for Heads {
    fn from_json(value: &Value) -> Result<Self, String> {
        let Value::Object(members) = value else { return Err("expected an object".to_owned()) };
        let mut heads = BTreeMap::new();
        for (key, value) in members {
            let chunk = key.parse().map_err(|_| format!("{} is not the number of a chunk", quoted(key)))?;
            heads.insert(chunk, ChainHead::from_json(value)?);
        }
        Ok(Self(heads))
    }
}
