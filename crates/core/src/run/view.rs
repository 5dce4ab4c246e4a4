//! The state of a chunk as people and programs see it.

use serde::{Deserialize, Serialize};

use super::state::Wait;
use super::{Cause, ChunkRun, Outcome, WaitReason};
use crate::chunk::Chunk;
use crate::time::Timestamp;
use crate::webhook::ChunkEnd;

/// The state of a chunk at a glance. Numbers that were not measured are absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChunkView {
    /// The window that the chunk deletes, and its place in the plan.
    pub chunk: Chunk,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// The state in one word: `queued`, `submitting`, `deleting`, …; the outcome once the attempt has ended.
    pub state: String,
    /// What the chunk waits for.
    pub wait: Option<WaitReason>,
    /// When it goes on.
    pub due: Option<Timestamp>,
    /// When this attempt got going.
    pub started_at: Option<Timestamp>,
    /// When this attempt ended.
    pub ended_at: Option<Timestamp>,
    /// The remote job or deletion request.
    pub request_id: Option<String>,
    /// Progress of the remote job in per cent, if the server says.
    pub percent: Option<u8>,
    /// Submits that the API accepted or may have accepted.
    pub submits: u64,
    /// Requests that left.
    pub requests: u64,
    /// Records counted before the deletion.
    pub before: Option<u64>,
    /// Records still there in the whole window; absent unless all of it was looked at.
    pub remaining: Option<u64>,
    /// Records measured as deleted; see [`ChunkRun::records_deleted`].
    pub records_deleted: Option<u64>,
    /// Records that the platform keeps because of a hold.
    pub protected: Option<u64>,
    /// How the attempt ended.
    pub outcome: Option<Outcome>,
    /// Why it ended, unless it is verified. While the chunk waits before it tries again: what went wrong last.
    pub cause: Option<Cause>,
}

impl ChunkRun {
    /// How this attempt ended, as it is reported to the governance system; `None` while it goes on.
    #[must_use]
    pub fn end(&self) -> Option<ChunkEnd> {
        let (outcome, at) = (self.outcome?, self.ended_at?);
        Some(ChunkEnd {
            chunk: self.chunk,
            attempt: self.attempt,
            outcome,
            cause: self.cause.clone(),
            request_id: self.request_id.clone(),
            records_deleted: self.records_deleted(),
            duration_ms: self.duration_ms(at),
            at,
        })
    }

    /// The state at a glance.
    #[must_use]
    pub fn view(&self) -> ChunkView {
        ChunkView {
            chunk: self.chunk,
            attempt: self.attempt,
            state: self.outcome.map_or(self.phase.word(), Outcome::as_str).to_owned(),
            wait: self.wait.map(|wait| wait.reason),
            due: self.wait.map(|wait| wait.at),
            started_at: self.started_at,
            ended_at: self.ended_at,
            request_id: self.request_id.clone(),
            percent: self.percent,
            submits: self.submits,
            requests: self.requests,
            before: self.before,
            remaining: self.remaining,
            records_deleted: self.records_deleted(),
            protected: self.protected,
            outcome: self.outcome,
            cause: match self.wait {
                Some(Wait { reason: WaitReason::Backoff { .. }, .. }) => self.trouble.clone(),
                Some(_) | None => self.cause.clone(),
            },
        }
    }
}
