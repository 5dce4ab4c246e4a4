//! The hash chain: one per chunk, so that chunks can be worked on side by side.

use serde::{Deserialize, Serialize};

use super::{ACTION, AUDIT_VERSION, AuditRecord, Event};
use crate::json::{canonical, digest};
use crate::time::Timestamp;

/// Where a chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainHead {
    /// Number of records so far.
    pub length: u64,
    /// Hash of the last one, or the chain's origin.
    pub hash: String,
}

impl ChainHead {
    /// The head of a chain without records: SHA-256 over `{plan digest}/{chunk}`, so that no chain can be passed off as
    /// that of another plan or chunk.
    #[must_use]
    pub fn origin(plan_digest: &str, chunk: u32) -> Self {
        Self { length: 0, hash: digest(format!("{plan_digest}/{chunk}").as_bytes()) }
    }
}

/// Appends a record to a chain: gives it its version, action and number, the hash of the one before and its own, and moves the head on.
#[must_use]
pub fn seal(head: &mut ChainHead, mut record: AuditRecord) -> AuditRecord {
    record.v = AUDIT_VERSION;
    record.seq = head.length;
    ACTION.clone_into(&mut record.action);
    record.prev.clone_from(&head.hash);
    // Without one it is not written, so the hash is over every other field.
    record.hash.clear();
    record.hash = digest(&canonical(&record));
    head.length = head.length.saturating_add(1);
    head.hash.clone_from(&record.hash);
    record
}

impl AuditRecord {
    /// A record that says nothing yet: for whoever fills in what it is to say. Its place in a chain comes from [`seal`].
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

    /// The record as one line of the log, without the line end: its canonical JSON.
    #[must_use]
    pub fn line(&self) -> String {
        String::from_utf8(canonical(self)).unwrap_or_default()
    }
}
