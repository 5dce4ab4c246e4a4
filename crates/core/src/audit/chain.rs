//! The hash chains: one for each chunk, so that chunks can be worked on in parallel.

use serde::{Deserialize, Serialize};

use super::{ACTION, AUDIT_VERSION, AuditRecord, Event};
use crate::json::{canonical, digest};
use crate::time::Timestamp;

/// The current end of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainHead {
    /// The number of records so far.
    pub length: u64,
    /// The hash of the last record, or the origin of the chain.
    pub hash: String,
}

impl ChainHead {
    /// The head of an empty chain: SHA-256 over `{plan digest}/{chunk}`, so that no chain can be passed off as that of another plan
    /// or chunk.
    #[must_use]
    pub fn origin(plan_digest: &str, chunk: u32) -> Self {
        Self { length: 0, hash: digest(format!("{plan_digest}/{chunk}").as_bytes()) }
    }
}

/// Appends a record to a chain: fills in its version, action, number, the hash of the record before it and its own hash, and
/// advances the head.
#[must_use]
pub fn seal(head: &mut ChainHead, mut record: AuditRecord) -> AuditRecord {
    record.v = AUDIT_VERSION;
    record.seq = head.length;
    ACTION.clone_into(&mut record.action);
    record.prev.clone_from(&head.hash);
    // An empty hash is not serialised, so the hash covers every other field.
    record.hash.clear();
    record.hash = digest(canonical(&record).as_bytes());
    head.length = head.length.saturating_add(1);
    head.hash.clone_from(&record.hash);
    record
}

impl AuditRecord {
    /// An empty record, to be filled in. [`seal`] gives it its place in a chain.
    #[must_use]
    pub fn blank() -> Self {
        Self {
            v: 0,
            run_id: String::new(),
            plan_digest: String::new(),
            chunk: 0,
            attempt: 0,
            seq: 0,
            timestamp: Timestamp::EPOCH,
            action: String::new(),
            event: Event::Submitted,
            request_id: None,
            status: String::new(),
            jurisdiction: String::new(),
            records_deleted: None,
            duration_ms: 0,
            compliance_note: String::new(),
            simulated: false,
            prev: String::new(),
            hash: String::new(),
        }
    }

    /// The record as one line of the log: its canonical JSON, without a line end.
    #[must_use]
    pub fn line(&self) -> String {
        canonical(self)
    }
}
