//! Reads records back, strictly: an unknown kind or field is an error.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{AuditRecord, ChainHead, Event, Manifest};
use crate::json::{FromJson, Members, Slot, deserialize_into, quoted};

impl TryFrom<Value> for Event {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        Self::from_json(&value)
    }
}

impl<'de> Deserialize<'de> for AuditRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut record = Self::blank();
        // In the order of the canonical text, which [`deserialize_into`] reads fastest.
        let slots: &mut [(&str, &mut dyn Slot)] = &mut [
            ("action", &mut record.action),
            ("attempt", &mut record.attempt),
            ("chunk", &mut record.chunk),
            ("compliance_note", &mut record.compliance_note),
            ("duration_ms", &mut record.duration_ms),
            ("event", &mut record.event),
            ("hash", &mut record.hash),
            ("jurisdiction", &mut record.jurisdiction),
            ("plan_digest", &mut record.plan_digest),
            ("prev", &mut record.prev),
            ("records_deleted", &mut record.records_deleted),
            ("request_id", &mut record.request_id),
            ("run_id", &mut record.run_id),
            ("seq", &mut record.seq),
            ("simulated", &mut record.simulated),
            ("status", &mut record.status),
            ("timestamp", &mut record.timestamp),
            ("v", &mut record.v),
        ];
        deserialize_into(deserializer, slots)?;
        Ok(record)
    }
}

/// The fields of every kind of event. All of them have `kind` itself.
const KINDS: [(&str, &[&str]); 22] = [
    ("retried", &["kind", "asked_by", "asked_at"]),
    ("started", &["kind", "chunk", "approved_by", "approved_at", "program"]),
    ("holds_checked", &["kind", "asked", "periods", "unprotected", "protected"]),
    ("counted", &["kind", "records"]),
    ("sending", &["kind", "call", "body_sha256"]),
    ("answered", &["kind", "call", "http_status", "cause"]),
    ("no_answer", &["kind", "call", "why"]),
    ("policy_asked", &["kind", "policy"]),
    ("withheld", &["kind", "call", "cause", "policy"]),
    ("policy_objected", &["kind", "policy", "cause"]),
    ("waiting", &["kind", "reason", "until"]),
    ("submitted", &["kind"]),
    ("submit_looked_for", &["kind", "arrived", "how"]),
    ("status", &["kind", "remote", "known"]),
    ("gate", &["kind", "conversations", "recordings", "max_records", "passed"]),
    ("seen_before", &["kind", "listed", "checked", "conversations", "recordings"]),
    ("processed", &["kind", "recordings", "processed", "skipped", "failed"]),
    ("failed_items", &["kind", "items"]),
    ("protection_found", &["kind", "asked", "protected"]),
    ("verified", &["kind", "method", "checked", "listed", "found", "remaining"]),
    ("cancel_asked", &["kind", "asked_by", "asked_at"]),
    ("finished", &["kind", "outcome", "cause", "submits", "requests", "before", "remaining", "protected"]),
];

impl FromJson for Event {
    fn from_json(value: &Value) -> Result<Self, String> {
        let (kind, m) = Members::tagged(value, &KINDS)?;
        Ok(match kind {
            "retried" => Self::Retried { asked_by: m.take("asked_by")?, asked_at: m.take("asked_at")? },
            "started" => Self::Started {
                chunk: m.take("chunk")?,
                approved_by: m.take("approved_by")?,
                approved_at: m.take("approved_at")?,
                program: m.take("program")?,
            },
            "holds_checked" => Self::HoldsChecked {
                asked: m.take("asked")?,
                periods: m.take("periods")?,
                unprotected: m.take("unprotected")?,
                protected: m.take("protected")?,
            },
            "counted" => Self::Counted { records: m.take("records")? },
            "sending" => Self::Sending { call: m.take("call")?, body_sha256: m.take("body_sha256")? },
            "answered" => {
                Self::Answered { call: m.take("call")?, http_status: m.take("http_status")?, cause: m.take("cause")? }
            }
            "no_answer" => Self::NoAnswer { call: m.take("call")?, why: m.take("why")? },
            "policy_asked" => Self::PolicyAsked { policy: m.take("policy")? },
            "withheld" => Self::Withheld { call: m.take("call")?, cause: m.take("cause")?, policy: m.take("policy")? },
            "policy_objected" => Self::PolicyObjected { policy: m.take("policy")?, cause: m.take("cause")? },
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
            "seen_before" => Self::SeenBefore {
                listed: m.take("listed")?,
                checked: m.take("checked")?,
                conversations: m.take("conversations")?,
                recordings: m.take("recordings")?,
            },
            "processed" => Self::Processed {
                recordings: m.take("recordings")?,
                processed: m.take("processed")?,
                skipped: m.take("skipped")?,
                failed: m.take("failed")?,
            },
            "failed_items" => Self::FailedItems { items: m.take("items")? },
            "protection_found" => Self::ProtectionFound { asked: m.take("asked")?, protected: m.take("protected")? },
            "verified" => Self::Verified {
                method: m.take("method")?,
                checked: m.take("checked")?,
                listed: m.take("listed")?,
                found: m.take("found")?,
                remaining: m.take("remaining")?,
            },
            "cancel_asked" => Self::CancelAsked { asked_by: m.take("asked_by")?, asked_at: m.take("asked_at")? },
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

/// The heads of chains by chunk.
struct Heads(BTreeMap<u32, ChainHead>);

impl FromJson for Heads {
    fn from_json(value: &Value) -> Result<Self, String> {
        let Value::Object(members) = value else { return Err("expected an object".to_owned()) };
        let mut heads = BTreeMap::new();
        for (key, value) in members {
            // `+1` and `01` would be other names of chunk 1.
            let chunk = key.parse().ok().filter(|chunk: &u32| chunk.to_string() == *key);
            let chunk = chunk.ok_or_else(|| format!("{} is not the number of a chunk", quoted(key)))?;
            heads.insert(chunk, ChainHead::from_json(value)?);
        }
        Ok(Self(heads))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chunk::{Age, Chunk};
    use crate::http::NoResponse;
    use crate::outcome::{Cause, Outcome, WaitReason};
    use crate::time::Timestamp;
    use crate::window::Window;

    /// An event that could be written but not read would make a run's evidence worthless.
    #[test]
    fn every_kind_of_event_is_read_as_it_was_written() {
        let cause = Cause { context_id: Some("ctx".to_owned()), ..Cause::new("a.code", "a message") };
        let whys = [NoResponse::NotSent, NoResponse::Dropped, NoResponse::TimedOut, NoResponse::Interrupted];
        let window = Window::new(Timestamp::EPOCH, Timestamp::from_millis(1)).unwrap();
        let chunk = Chunk { index: 1, total: 2, window, age: Age::Aged };
        let mut all = vec![
            Event::Retried { asked_by: "bob".to_owned(), asked_at: Timestamp::EPOCH },
            Event::Started {
                chunk,
                approved_by: "ada".to_owned(),
                approved_at: Timestamp::EPOCH,
                program: "genesys-purge/1".to_owned(),
            },
            Event::HoldsChecked {
                asked: 3,
                periods: 2,
                unprotected: vec!["a".to_owned()],
                protected: vec!["b".to_owned()],
            },
            Event::PolicyAsked { policy: "sha256:ab".to_owned() },
            Event::Counted { records: 7 },
            Event::Sending { call: "POST /x".to_owned(), body_sha256: Some("sha256:ab".to_owned()) },
            Event::Answered { call: "GET /x".to_owned(), http_status: 503, cause: cause.clone() },
            Event::Withheld { call: "POST /x".to_owned(), cause: cause.clone(), policy: Some("sha256:ab".to_owned()) },
            Event::PolicyObjected { policy: "sha256:ab".to_owned(), cause: cause.clone() },
            Event::Waiting { reason: WaitReason::RequestBudget, until: Timestamp::EPOCH },
            Event::Submitted,
            Event::SubmitLookedFor { arrived: Some(true), how: "the list of jobs".to_owned() },
            Event::Status { remote: "READY".to_owned(), known: true },
            Event::Gate { conversations: Some(1), recordings: 2, max_records: Some(3), passed: true },
            Event::Processed { recordings: 6, processed: 1, skipped: 2, failed: 3 },
            Event::FailedItems { items: vec!["a/b".to_owned()] },
            Event::SeenBefore { listed: Some(9), checked: 3, conversations: 2, recordings: 4 },
            Event::ProtectionFound { asked: 2, protected: vec!["b".to_owned()] },
            Event::Verified {
                method: "analytics".to_owned(),
                checked: Some(1),
                listed: Some(2),
                found: 3,
                remaining: Some(4),
            },
            Event::CancelAsked { asked_by: "cy".to_owned(), asked_at: Timestamp::EPOCH },
        ];
        all.extend(whys.map(|why| Event::NoAnswer { call: "GET /x".to_owned(), why }));
        all.extend(Outcome::ALL.map(|outcome| Event::Finished {
            outcome,
            cause: Some(cause.clone()),
            submits: 1,
            requests: 2,
            before: Some(3),
            remaining: Some(4),
            protected: Some(5),
        }));
        let mut kinds = BTreeSet::new();
        for event in all {
            let value = serde_json::to_value(&event).unwrap();
            kinds.insert(value["kind"].as_str().unwrap().to_owned());
            assert_eq!(Event::from_json(&value), Ok(event), "{value}");
        }
        assert_eq!(kinds, KINDS.iter().map(|(kind, _)| (*kind).to_owned()).collect(), "each kind has its turn");
    }

    /// People who check a log without this program rely on the document.
    #[test]
    fn every_member_of_every_event_is_in_the_document() {
        let (_, document) = include_str!("../../../../EVIDENCE.md").split_once("`event.kind`").unwrap();
        for (kind, members) in KINDS {
            let row = document.lines().find(|line| line.starts_with(&format!("| `{kind}` |")));
            let row = row.unwrap_or_else(|| panic!("EVIDENCE.md has no row for `{kind}`"));
            for member in members.iter().filter(|member| **member != "kind") {
                assert!(
                    row.contains(&format!("`{member}`")),
                    "EVIDENCE.md does not say what `{member}` of `{kind}` is"
                );
            }
        }
    }
}
