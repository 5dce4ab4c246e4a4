//! Measurements as log lines in CloudWatch's embedded metric format. Identifiers are properties, never dimensions: every value of
//! a dimension is a metric that costs money.

use std::io::Write as _;

use purge_core::run::{ChunkView, Order};
use purge_core::time::Timestamp;
use serde_json::{Map, Value, json};

/// Namespace of the metrics, the same as on one machine.
pub const NAMESPACE: &str = "GenesysPurge";

/// The line for a chunk that has ended; `None` while it goes on. What was not measured is left out.
#[must_use]
pub fn chunk_ended(order: &Order, view: &ChunkView) -> Option<String> {
    let (outcome, ended_at) = (view.outcome?, view.ended_at?);
    let duration =
        view.started_at.map(|started| u64::try_from(ended_at.since(started).as_millis()).unwrap_or(u64::MAX));
    let values = [
        ("ChunksEnded", "Count", Some(1)),
        ("ChunkDuration", "Milliseconds", duration),
        ("RecordsDeleted", "Count", view.records_deleted),
        ("RecordsRemaining", "Count", view.remaining),
        ("Submits", "Count", Some(view.submits)),
        ("Requests", "Count", Some(view.requests)),
    ];
    let simulated = if order.simulated { "true" } else { "false" };
    let properties = [
        ("runId", json!(order.run_id)),
        ("chunk", json!(view.chunk.index)),
        ("attempt", json!(view.attempt)),
        ("requestId", json!(view.request_id)),
        ("cause", json!(view.cause.as_ref().map(|cause| &cause.code))),
    ];
    Some(line(ended_at, &[("Outcome", outcome.as_str()), ("Simulated", simulated)], &values, &properties))
}

/// The line for a message that nobody could handle.
#[must_use]
pub fn dead_letter(now: Timestamp, message: &str) -> String {
    line(now, &[("Simulated", "unknown")], &[("DeadLetters", "Count", Some(1))], &[("message", json!(message))])
}

/// The line for a plan that was not carried out.
#[must_use]
pub fn plan_refused(now: Timestamp, codes: &[String]) -> String {
    line(now, &[("Simulated", "unknown")], &[("PlansRefused", "Count", Some(1))], &[("findings", json!(codes))])
}

fn line(
    at: Timestamp,
    dimensions: &[(&str, &str)],
    values: &[(&str, &str, Option<u64>)],
    properties: &[(&str, Value)],
) -> String {
    let measured: Vec<_> = values.iter().filter_map(|(name, unit, value)| Some((*name, *unit, (*value)?))).collect();
    let metrics: Vec<_> = measured.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let names: Vec<_> = dimensions.iter().map(|(name, _)| *name).collect();
    let mut root = Map::new();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics});
    root.insert("_aws".to_owned(), json!({"Timestamp": at.millis(), "CloudWatchMetrics": [directive]}));
    root.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    root.extend(measured.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
    root.extend(
        properties.iter().filter(|(_, v)| !v.is_null()).map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    Value::Object(root).to_string()
}

/// Writes a line where CloudWatch reads it.
pub fn write(line: &str) {
    // Nothing can be done, and nothing is lost but a measurement, when nobody reads the log.
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every unit that CloudWatch knows (`StandardUnit` of its API).
    const UNITS: [&str; 27] = [
        "Seconds",
        "Microseconds",
        "Milliseconds",
        "Bytes",
        "Kilobytes",
        "Megabytes",
        "Gigabytes",
        "Terabytes",
        "Bits",
        "Kilobits",
        "Megabits",
        "Gigabits",
        "Terabits",
        "Percent",
        "Count",
        "Bytes/Second",
        "Kilobytes/Second",
        "Megabytes/Second",
        "Gigabytes/Second",
        "Terabytes/Second",
        "Bits/Second",
        "Kilobits/Second",
        "Megabits/Second",
        "Gigabits/Second",
        "Terabits/Second",
        "Count/Second",
        "None",
    ];

    /// What CloudWatch demands of a line of the embedded metric format, from its specification, and what we demand besides: no
    /// identifier among the dimensions.
    fn valid(line: &str) -> Result<Value, String> {
        let wrong = |what: &str| Err(format!("{what}: {line}"));
        if line.len() > 1024 * 1024 || line.contains('\n') {
            return wrong("it is no event of a log");
        }
        let root: Value = serde_json::from_str(line).map_err(|why| why.to_string())?;
        if !root["_aws"]["Timestamp"].is_i64() {
            return wrong("no time in milliseconds");
        }
        let Some(directives) = root["_aws"]["CloudWatchMetrics"].as_array().filter(|all| !all.is_empty()) else {
            return wrong("no metrics");
        };
        let named = |name: &Value| {
            name.as_str().filter(|name| (1..=250).contains(&name.len()) && name.is_ascii()).map(str::to_owned)
        };
        for directive in directives {
            let namespace = directive["Namespace"].as_str().unwrap_or_default();
            if !(1..=255).contains(&namespace.len()) || namespace.starts_with("AWS/") {
                return wrong("no namespace");
            }
            for set in directive["Dimensions"].as_array().ok_or("no dimensions")? {
                let set = set.as_array().ok_or("a dimension set is a list")?;
                if set.len() > 30 {
                    return wrong("more dimensions than 30");
                }
                for name in set {
                    let Some(name) = named(name) else { return wrong("a dimension without a name") };
                    if !root[&name].as_str().is_some_and(|value| (1..=1024).contains(&value.len())) {
                        return wrong("a dimension that is no text");
                    }
                    if !["Outcome", "Simulated"].contains(&name.as_str()) {
                        return wrong("a dimension with who knows how many values");
                    }
                }
            }
            let metrics = directive["Metrics"].as_array().ok_or("no metrics")?;
            if !(1..=100).contains(&metrics.len()) {
                return wrong("no metric, or more than 100");
            }
            for metric in metrics {
                let Some(name) = named(&metric["Name"]) else { return wrong("a metric without a name") };
                if !root[&name].is_number() {
                    return wrong("a metric that is no number");
                }
                if !metric["Unit"].as_str().is_some_and(|unit| UNITS.contains(&unit)) {
                    return wrong("a unit that CloudWatch does not know");
                }
            }
        }
        Ok(root)
    }

    /// A chunk that has ended, under an order of its own.
    fn ended() -> (Order, ChunkView) {
        use purge_core::plan::{self, CheckContext};
        use purge_core::run::{Approval, Cause, ChunkRun, Context, Pace};

        let request = json!({
            "version": 1, "name": "metrics", "api": "dataDeletion", "recordTypes": ["conversation"],
            "range": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}, "jurisdiction": "us-east-1",
            "query": null, "chunking": {"days": 1}, "reason": "test", "requestedBy": "a@example.com"
        });
        let now = Timestamp::from_millis(1_700_000_000_000);
        let context = CheckContext { now, tenant_jurisdiction: None, default_jurisdiction: None };
        let plan = plan::check(&request.to_string(), None, &context).plan.unwrap();
        let digest = plan.digest().to_owned();
        let approval = Approval { digest, approved_by: "b@example.com".to_owned(), approved_at: now };
        let order = Order::new(&plan, &approval, "https://api.example.com", true).unwrap();
        let run = ChunkRun::new(&order, plan.chunks()[0]);
        let context = Context { order: &order, pace: Pace::default(), now };
        let view = run.abandoned(context, Cause::new("message.dead", "test")).run.view();
        (order, view)
    }

    #[test]
    fn lines_are_valid_and_no_identifier_is_a_dimension() {
        let now = Timestamp::from_millis(5);
        let dead = valid(&dead_letter(now, "m1")).unwrap();
        assert_eq!(
            (&dead["_aws"]["Timestamp"], &dead["message"], &dead["DeadLetters"]),
            (&json!(5), &json!("m1"), &json!(1))
        );
        let refused = valid(&plan_refused(now, &["range.future".to_owned()])).unwrap();
        assert_eq!(refused["findings"], json!(["range.future"]));
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        let (order, view) = ended();
        let line = valid(&chunk_ended(&order, &view).unwrap()).unwrap();
        assert_eq!(
            (&line["runId"], &line["chunk"], &line["Simulated"]),
            (&json!(order.run_id), &json!(1), &json!("true"))
        );
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert!(metrics.iter().all(|metric| metric["Name"] != "RecordsDeleted"), "{line}");
        assert!(line.get("RecordsDeleted").is_none());
    }
}
