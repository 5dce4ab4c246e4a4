//! Measures checking, from two texts to a plan with its digest.

use criterion::{Criterion, criterion_group, criterion_main};
use purge_core::plan::{CheckContext, Checked, check};
use purge_core::time::{DAY_MS, Timestamp};
use serde_json::json;

const HOUR_MS: i64 = 3_600_000;

fn request(start: &str, end: &str, chunking: &serde_json::Value) -> String {
    json!({
        "version": 1, "name": "bench", "api": "dataDeletion", "recordTypes": ["conversation"],
        "range": {"start": start, "end": end}, "jurisdiction": "us-east-1", "chunking": chunking,
        "reason": "bench", "requestedBy": "bench@example.com",
    })
    .to_string()
}

/// Holds of 90 minutes that begin `apart` milliseconds from each other.
fn holds(from: Timestamp, apart: i64) -> String {
    let holds: Vec<serde_json::Value> = (0..1_000)
        .map(|n| {
            let start = from.millis() + n * apart + 1_234;
            let end = Timestamp::from_millis(start + HOUR_MS * 3 / 2);
            json!({"id": format!("hold-{n}"), "range": {"start": Timestamp::from_millis(start), "end": end}})
        })
        .collect();
    json!({"version": 1, "holds": holds}).to_string()
}

fn planning(c: &mut Criterion) {
    let Ok(now) = Timestamp::parse("2026-11-23T12:00:00Z") else { return };
    let Ok(start) = Timestamp::parse("2012-01-01T00:00:00Z") else { return };
    let context = CheckContext::at(now);
    let none = r#"{"version": 1}"#.to_owned();
    let hours = request("2012-01-01T00:00:00Z", "2022-01-01T00:00:00Z", &json!({"hours": 1}));
    let days = request("2021-01-01T00:00:00Z", "2024-01-01T00:00:00Z", &json!({"days": 1}));
    let spread = holds(start, 3 * DAY_MS + 7);
    let run = |request: &str, policy: &str, at_least: usize| -> Checked {
        let checked = check(request, Some(policy), &context);
        let chunks = checked.plan.as_ref().map_or(0, |p| p.chunks().len());
        assert!(chunks >= at_least, "{chunks} chunks: not the plan that is to be measured");
        checked
    };
    c.bench_function("10 years by the hour (87,672 chunks)", |b| b.iter(|| run(&hours, &none, 87_672)));
    c.bench_function("10 years by the hour, 1,000 holds", |b| b.iter(|| run(&hours, &spread, 87_000)));
    c.bench_function("3 years by the day (1,095 chunks)", |b| b.iter(|| run(&days, &none, 1_095)));
    c.bench_function("3 years by the day, 1,000 holds", |b| b.iter(|| run(&days, &spread, 1_095)));
}

criterion_group!(benches, planning);
criterion_main!(benches);
