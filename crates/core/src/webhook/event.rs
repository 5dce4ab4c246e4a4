//! The payload: what the governance system is told when an attempt at a chunk ends.

use serde::{Deserialize, Serialize};

use crate::chunk::Chunk;
use crate::json::digest;
use crate::order::Order;
use crate::outcome::{Cause, Outcome};
use crate::time::Timestamp;

/// The version of the payload.
pub const WEBHOOK_VERSION: u32 = 1;

/// The end of one attempt at a chunk, as far as the webhook reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkEnd {
    /// The chunk.
    pub chunk: Chunk,
    /// The attempt at it, from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The cause; absent when it is verified.
    pub cause: Option<Cause>,
    /// The remote job or deletion request, if there is one.
    pub request_id: Option<String>,
    /// Records measured as deleted.
    pub records_deleted: Option<u64>,
    /// Milliseconds that the attempt took.
    pub duration_ms: u64,
    /// When it ended.
    pub at: Timestamp,
}

/// The payload. Every number is measured or null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookEvent {
    /// [`WEBHOOK_VERSION`].
    pub version: u32,
    /// The same for every delivery of this event, so that a receiver can drop repeats. Also the `webhook-id` header.
    pub id: String,
    /// `data.purge.chunk.completed` for a verified chunk and for no other; otherwise `data.purge.chunk.` and the outcome.
    pub event: String,
    /// The remote job or deletion request; null when none was accepted.
    pub request_id: Option<String>,
    /// The last word of `event`.
    pub status: String,
    /// Records measured as deleted; null when not measured.
    pub records_processed: Option<u64>,
    /// When the attempt ended.
    pub timestamp: Timestamp,
    /// What was measured.
    pub metrics: EventMetrics,
    /// The run.
    pub run_id: String,
    /// The digest of its plan.
    pub plan_digest: String,
    /// The chunk.
    pub chunk: EventChunk,
    /// The attempt at it, from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The cause; absent when it is verified.
    pub cause: Option<Cause>,
    /// Whether the tenant is the simulated one.
    pub simulated: bool,
}

/// What was measured of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventMetrics {
    /// Records deleted per second, to three decimals; null when records or time were not measured.
    pub throughput_records_per_second: Option<f64>,
    /// Always null: no deletion API says how many bytes it freed. Kept for receivers that expect the field.
    #[serde(rename = "storageRecoveredMB")]
    pub storage_recovered_mb: (),
    /// Seconds that the attempt took.
    pub duration_seconds: f64,
}

/// The chunk and its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventChunk {
    /// From 1.
    pub index: u32,
    /// How many chunks the plan has.
    pub total: u32,
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl WebhookEvent {
    /// Makes the event for the end of an attempt.
    #[must_use]
    pub fn of(order: &Order, end: ChunkEnd) -> Self {
        let status = status_word(end.outcome);
        Self {
            version: WEBHOOK_VERSION,
            id: event_id(&order.run_id, end.chunk.index, end.attempt),
            event: format!("data.purge.chunk.{status}"),
            request_id: end.request_id,
            status: status.to_owned(),
            records_processed: end.records_deleted,
            timestamp: end.at,
            metrics: EventMetrics {
                throughput_records_per_second: per_second(end.records_deleted, end.duration_ms),
                storage_recovered_mb: (),
                duration_seconds: divided_by_1000(end.duration_ms),
            },
            run_id: order.run_id.clone(),
            plan_digest: order.plan_digest.clone(),
            chunk: EventChunk {
                index: end.chunk.index,
                total: end.chunk.total,
                start: end.chunk.window.start(),
                end: end.chunk.window.end(),
            },
            attempt: end.attempt,
            outcome: end.outcome,
            cause: end.cause,
            simulated: order.simulated,
        }
    }

    /// The body to sign and to send, the same for every delivery.
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The last word of the event type. Standard Webhooks allows only letters, digits and underscores in event types.
fn status_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Verified => "completed",
        Outcome::Residual => "residual",
        Outcome::Unknown => "unknown",
        Outcome::Held => "held",
        Outcome::Rejected => "rejected",
        Outcome::Failed => "failed",
        Outcome::TimedOut => "timed_out",
        Outcome::Cancelled => "cancelled",
    }
}

/// The id of the event for the end of an attempt.
#[must_use]
pub fn event_id(run_id: &str, chunk: u32, attempt: u32) -> String {
    let digest = digest(format!("{run_id}/{chunk}/{attempt}").as_bytes());
    format!("msg_{}", digest.strip_prefix("sha256:").unwrap_or(&digest))
}

fn per_second(records: Option<u64>, duration_ms: u64) -> Option<f64> {
    records?.checked_mul(1_000_000)?.checked_div(duration_ms).map(divided_by_1000)
}

/// Divides by 1000, exactly for everything below 2^53.
#[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
fn divided_by_1000(count: u64) -> f64 {
    count as f64 / 1000.0
}
