//! CloudWatch embedded metric format: metrics as a log line, without a call to anything.

use serde_json::{Map, Value, json};

use crate::report::{ChunkReport, Report};

/// Namespace of the metrics.
const NAMESPACE: &str = "GenesysPurge";

/// One line for each chunk that has ended. Delivery is at least once, so these are never evidence.
#[must_use]
pub fn emf(report: &Report) -> Vec<String> {
    report.chunks.iter().filter_map(|chunk| line(report, chunk)).collect()
}

fn line(report: &Report, chunk: &ChunkReport) -> Option<String> {
    let outcome = chunk.outcome?;
    let ended_at = chunk.ended_at?;
    let measured: Vec<(&str, &str, u64)> = [
        ("ChunksEnded", "Count", Some(1)),
        ("ChunkDuration", "Milliseconds", chunk.duration_ms),
        ("RecordsDeleted", "Count", chunk.records_deleted),
        ("RecordsRemaining", "Count", chunk.remaining),
        ("Submits", "Count", Some(chunk.submits)),
        ("Requests", "Count", chunk.requests),
    ]
    .into_iter()
    .filter_map(|(name, unit, value)| Some((name, unit, value?)))
    .collect();
    let metrics: Vec<_> = measured.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut root = Map::new();
    root.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": ended_at.millis(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                // Few values each: every combination is a metric that costs money. Identifiers are properties only.
                "Dimensions": [["Outcome", "Simulated"]],
                "Metrics": metrics,
            }],
        }),
    );
    for (name, _, value) in measured {
        root.insert(name.to_owned(), value.into());
    }
    for (name, text) in [
        ("Outcome", Some(outcome.as_str())),
        ("Simulated", Some(if report.simulated { "true" } else { "false" })),
        ("runId", Some(report.run_id.as_str())),
        ("planDigest", Some(report.plan_digest.as_str())),
        ("requestId", chunk.request_id.as_deref()),
        ("cause", chunk.cause.as_ref().map(|cause| cause.code.as_str())),
    ] {
        root.extend(text.map(|text| (name.to_owned(), Value::from(text))));
    }
    root.insert("chunk".to_owned(), chunk.index.into());
    root.insert("attempts".to_owned(), chunk.attempts.into());
    Some(Value::Object(root).to_string())
}
