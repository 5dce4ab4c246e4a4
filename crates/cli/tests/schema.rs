//! The schemas agree with the program, as far as a schema can.

#![cfg(test)]

mod common;

use std::fs;

use common::{Bench, request};
use serde_json::{Value, json};

fn printed_schema(name: &str) -> Value {
    serde_json::from_str(&Bench::new().run(&["schema", name]).exits(0).stdout).unwrap()
}

fn schema(name: &str) -> jsonschema::Validator {
    let schema = printed_schema(name);
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// Checks that every default in the schema of an object, and of the objects in it, is the one that the program uses. Returns how
/// many there are.
fn defaults_agree(schema: &Value, used: &Value, place: &str) -> usize {
    let Some(properties) = schema["properties"].as_object() else { return 0 };
    let one = |(name, property): (&String, &Value)| {
        let place = format!("{place}/{name}");
        if let Some(default) = property.get("default") {
            assert_eq!(default, used.get(name).unwrap_or(&Value::Null), "{place}");
        }
        usize::from(property.get("default").is_some())
            + used.get(name).map_or(0, |used| defaults_agree(property, used, &place))
    };
    properties.iter().map(one).sum()
}

#[test]
fn the_defaults_are_those_that_the_program_uses() {
    let used = purge_core::policy::Limits::default();
    let mut limits = serde_json::to_value(&used).unwrap();
    limits["spanningConversations"] = json!(used.spanning_conversations);
    assert!(defaults_agree(&printed_schema("policy")["properties"]["limits"], &limits, "policy#/limits") > 8);
    let scenario = serde_json::to_value(purge_sim::Scenario::default()).unwrap();
    assert!(defaults_agree(&printed_schema("scenario"), &scenario, "scenario#") > 20);
}

#[test]
fn every_example_is_valid() {
    let (requests, policies) = (schema("request"), schema("policy"));
    let mut seen = 0;
    for file in fs::read_dir(common::example("")).unwrap() {
        let path = file.unwrap().path();
        let value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let validator = if name.ends_with("policy.json") { &policies } else { &requests };
        assert!(validator.is_valid(&value), "{name}: {:?}", validator.iter_errors(&value).collect::<Vec<_>>());
        seen += 1;
    }
    assert!(seen >= 6);
}

#[test]
fn what_the_program_refuses_by_its_form_the_schema_refuses() {
    let bench = Bench::new();
    let validator = schema("request");
    let table = [
        ("version", json!(2)),
        ("name", json!("  ")),
        ("api", json!("gdpr")),
        ("recordTypes", json!([])),
        ("recordTypes", json!(["conversation", "conversation"])),
        ("recordTypes", json!(["recording"])),
        ("range", json!({ "start": "2023-01-01", "end": "2023-02-01T00:00:00Z" })),
        ("range", json!({ "start": "2023-01-01T00:00:00z", "end": "2023-02-01T00:00:00Z" })),
        ("jurisdiction", json!("mars")),
        ("query", json!(" ")),
        ("chunking", json!({ "days": 0 })),
        ("chunking", json!({ "days": 1, "hours": 1 })),
        ("chunking", json!({ "weeks": 1 })),
        ("reason", json!("")),
        ("requestedBy", json!(7)),
        ("extra", json!(1)),
        ("retentionOverride", json!({ "reason": "x" })),
        ("recordings", json!({ "coolOffDays": 1 })),
    ];
    assert!(validator.is_valid(&request(1)));
    for (field, value) in table {
        let mut wrong = request(1);
        wrong[field] = value.clone();
        assert!(!validator.is_valid(&wrong), "schema: {field} {value}");
        bench.file("request.json", &wrong);
        let ran = bench.run(&["plan", "request.json"]);
        assert_eq!(ran.code, 2, "program: {field} {value}: {}", ran.stderr);
    }
    let mut jobs = request(1);
    (jobs["api"], jobs["recordTypes"]) = (json!("recordingJobs"), json!(["recording"]));
    assert!(validator.is_valid(&jobs));
    jobs["query"] = json!("queue:sales");
    assert!(!validator.is_valid(&jobs));
    bench.file("request.json", &jobs);
    assert!(bench.run(&["plan", "request.json"]).exits(2).stderr.contains("query.unsupported"));
}

#[test]
fn what_the_program_refuses_of_a_policy_the_schema_refuses() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    let validator = schema("policy");
    let rule = |change: Value| {
        let mut rule = json!({ "recordTypes": ["message"], "minAgeDays": 30, "basis": "law" });
        rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({ "version": 1, "retention": [rule] })
    };
    let hold = |fields: Value| {
        let mut hold =
            json!({ "id": "H", "range": { "start": "2020-01-01T00:00:00Z", "end": "2020-02-01T00:00:00Z" } });
        hold.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "version": 1, "holds": [hold] })
    };
    let limit = |limits: Value| json!({ "version": 1, "limits": limits });
    let id = "11111111-1111-4111-8111-111111111111";
    for right in [
        json!({ "version": 1 }),
        rule(json!({})),
        hold(json!({ "conversationIds": [id], "matter": null })),
        hold(json!({ "conversationIds": [id, id], "matter": "Doe v. Roe" })),
        limit(json!({ "verifyConversations": 1_000 })),
        limit(
            json!({ "maxRecords": null, "secondPerson": true, "spanningConversations": true, "rangeEnd": "exclusive", "concurrency": 8 }),
        ),
    ] {
        assert!(validator.is_valid(&right), "{right}: {:?}", validator.iter_errors(&right).collect::<Vec<_>>());
        bench.file("policy.json", &right);
        bench.run(&["plan", "request.json", "--policy", "policy.json"]).exits(0);
    }
    for wrong in [
        json!({}),
        json!({ "version": 1, "hold": [] }),
        rule(json!({ "recordTypes": [] })),
        rule(json!({ "minAgeDays": 0 })),
        rule(json!({ "minAgeDays": 36_526 })),
        rule(json!({ "basis": "" })),
        hold(json!({ "id": "" })),
        hold(json!({ "matter": "" })),
        hold(json!({ "recordTypes": [] })),
        hold(json!({ "conversationIds": [] })),
        hold(json!({ "conversationIds": ["x"] })),
        hold(json!({ "query": " " })),
        limit(json!({ "concurrency": 0 })),
        limit(json!({ "maxRecords": 0 })),
        limit(json!({ "concurrency": 1001 })),
        limit(json!({ "requestsPerMinute": 100_001 })),
        limit(json!({ "chunkDeadlineSeconds": 59 })),
        limit(json!({ "verifySeconds": 2_592_001 })),
        limit(json!({ "verifyConversations": 1_001 })),
        limit(json!({ "rangeEnd": "open" })),
        limit(json!({ "unknown": 1 })),
    ] {
        assert!(!validator.is_valid(&wrong), "schema: {wrong}");
        bench.file("policy.json", &wrong);
        let ran = bench.run(&["plan", "request.json", "--policy", "policy.json"]);
        assert_eq!(ran.code, 2, "program: {wrong}: {}", ran.stderr);
    }
}

#[test]
fn scenarios_are_valid_exactly_when_they_are_read() {
    let bench = Bench::new();
    bench.file("request.json", &request(1));
    let validator = schema("scenario");
    let full = serde_json::to_value(purge_sim::Scenario::default()).unwrap();
    assert!(validator.is_valid(&full), "{:?}", validator.iter_errors(&full).collect::<Vec<_>>());
    let fault = |act: Value| json!({ "faults": [{ "on": "count", "nth": [99], "do": act }] });
    for right in [
        json!({}),
        json!({ "seed": 7, "rateLimit": { "perMinute": null }, "dataDeletion": { "processingSeconds": 0 } }),
        json!({ "holdMidRun": { "afterSubmits": 99, "conversationIds": ["x"] } }),
        fault(json!({ "kind": "rateLimited", "retryAfter": "-5" })),
        fault(json!({ "kind": "error", "status": 503 })),
        fault(json!({ "kind": "slow", "ms": 5 })),
        fault(json!({ "kind": "leave", "records": 5 })),
        fault(json!({ "kind": "unknownStatus", "status": "cancelled" })),
    ] {
        assert!(validator.is_valid(&right), "schema: {right}");
        bench.file("scenario.json", &right);
        bench.run(&["simulate", "request.json", "--scenario", "scenario.json"]).exits(0);
    }
    for wrong in [
        json!({ "sed": 7 }),
        json!({ "seed": -1 }),
        json!({ "dataDeletion": { "concurrency": 0 } }),
        json!({ "dataDeletion": { "holdMode": "maybe" } }),
        json!({ "population": { "from": "yesterday" } }),
        fault(json!({ "kind": "explode" })),
        fault(json!({ "kind": "slow" })),
        json!({ "faults": [{ "on": "nobody", "do": { "kind": "stuck" } }] }),
        json!({ "faults": [{ "on": "count", "every": 0, "do": { "kind": "stuck" } }] }),
    ] {
        assert!(!validator.is_valid(&wrong), "schema: {wrong}");
        bench.file("scenario.json", &wrong);
        let ran = bench.run(&["simulate", "request.json", "--scenario", "scenario.json"]);
        assert_eq!(ran.code, 2, "program: {wrong}: {}", ran.stderr);
    }
}
