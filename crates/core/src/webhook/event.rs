//! The payload: what the governance system is told when a chunk ends.

use serde::{Deserialize, Serialize};

use crate::chunk::Chunk;
use crate::json::digest;
use crate::order::Order;
use crate::outcome::{Cause, Outcome};
use crate::time::Timestamp;

/// Version of the payload.
pub const WEBHOOK_VERSION: u32 = 1;

/// The end of one attempt at a chunk, as far as the webhook tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkEnd {
    /// Which chunk.
    pub chunk: Chunk,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, when it is not verified.
    pub cause: Option<Cause>,
    /// The remote job or deletion request.
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
    /// `data.purge.chunk.completed` for a verified chunk and for no other; else `data.purge.chunk.` and the outcome.
    pub event: String,
    /// The remote job or deletion request; null when none was accepted.
    pub request_id: Option<String>,
    /// Last word of `event`.
    pub status: String,
    /// Records measured as deleted; null when not measured.
    pub records_processed: Option<u64>,
    /// When the chunk ended.
    pub timestamp: Timestamp,
    /// Measurements.
    pub metrics: EventMetrics,
    /// Which run.
    pub run_id: String,
    /// Which plan.
    pub plan_digest: String,
    /// Which chunk.
    pub chunk: EventChunk,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, when it is not verified.
    pub cause: Option<Cause>,
    /// Whether the tenant was the simulated one.
    pub simulated: bool,
}

/// Measurements of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventMetrics {
    /// Records deleted per second of this chunk, to three decimals; null when either was not measured.
    pub throughput_records_per_second: Option<f64>,
    /// Always null: no deletion API says how many bytes it freed. Kept for receivers that expect the field.
    #[serde(rename = "storageRecoveredMB")]
    pub storage_recovered_mb: (),
    /// Seconds that the attempt took.
    pub duration_seconds: f64,
}

/// Which part of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventChunk {
    /// From 1.
    pub index: u32,
    /// How many chunks the plan has.
    pub total: u32,
    /// First instant inside.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

impl WebhookEvent {
    /// The event that tells of a chunk's end.
    #[must_use]
    pub fn of(order: &Order, end: ChunkEnd) -> Self {
        let status = status(end.outcome);
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
                duration_seconds: thousandths(end.duration_ms),
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

    /// The bytes to sign and to send, the same for every delivery.
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Event types allow letters, digits and underscores only (Standard Webhooks).
fn status(outcome: Outcome) -> &'static str {
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

/// The id of the event that tells how an attempt at a chunk ended.
#[must_use]
pub fn event_id(run_id: &str, chunk: u32, attempt: u32) -> String {
    let digest = digest(format!("{run_id}/{chunk}/{attempt}").as_bytes());
    format!("msg_{}", digest.strip_prefix("sha256:").unwrap_or(&digest))
}

fn per_second(records: Option<u64>, duration_ms: u64) -> Option<f64> {
    records?.checked_mul(1_000_000)?.checked_div(duration_ms).map(thousandths)
}

/// Exact for everything below 2^53.
#[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
fn thousandths(count: u64) -> f64 {
    count as f64 / 1000.0
}
