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

/// A record before it has its place in the chain. The fields are those of [`AuditRecord`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented at `AuditRecord`, which has the same fields")]
pub struct Draft {
    pub run_id: String,
    pub plan_digest: String,
    pub chunk: u32,
    pub attempt: u32,
    pub timestamp: Timestamp,
    pub event: Event,
    pub request_id: Option<String>,
    pub status: String,
    pub jurisdiction: String,
    pub records_deleted: Option<u64>,
    pub duration_ms: u64,
    pub compliance_note: String,
    pub simulated: bool,
}

/// Appends a record to a chain: gives it its number, the hash of the one before and its own, and moves the head on.
#[must_use]
pub fn seal(head: &mut ChainHead, draft: Draft) -> AuditRecord {
    let mut record = AuditRecord {
        v: AUDIT_VERSION,
        run_id: draft.run_id,
        plan_digest: draft.plan_digest,
        chunk: draft.chunk,
        attempt: draft.attempt,
        seq: head.length,
        timestamp: draft.timestamp,
        action: ACTION.to_owned(),
        event: draft.event,
        request_id: draft.request_id,
        status: draft.status,
        jurisdiction: draft.jurisdiction,
        records_deleted: draft.records_deleted,
        duration_ms: draft.duration_ms,
        compliance_note: draft.compliance_note,
        simulated: draft.simulated,
        prev: head.hash.clone(),
        hash: String::new(),
    };
    record.hash = digest(&canonical(&record));
    head.length = head.length.saturating_add(1);
    head.hash.clone_from(&record.hash);
    record
}

impl AuditRecord {
    /// What [`Self::hash`] has to be: SHA-256 over the canonical JSON of every other field.
    #[must_use]
    pub fn computed_hash(&self) -> String {
        // Without one it is not written.
        digest(&canonical(&Self { hash: String::new(), ..self.clone() }))
    }

    /// The record as one line of the log, without the line end: its canonical JSON.
    #[must_use]
    pub fn line(&self) -> String {
        String::from_utf8(canonical(self)).unwrap_or_default()
    }
}
