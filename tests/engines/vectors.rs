//! The driver carries out the vectors of `tests/vectors/runs`, which also test the page's core, natively and as wasm.

use std::path::PathBuf;
use std::time::Duration;

use purge_core::json::{FromJson as _, digest};
use purge_core::plan::{CheckContext, check};
use purge_core::report::{ChunkReport, exit_code};
use purge_core::time::Timestamp;
use purge_sim::Scenario;
use serde_json::{Map, Value, json};

use crate::Given;
use crate::driven::drive;

/// Numbers of a chunk that are compared besides its outcome. What was not measured is absent.
const COUNTS: [&str; 6] = ["submits", "requests", "before", "recordsDeleted", "remaining", "protected"];

#[test]
fn the_driver_does_what_the_vectors_say() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/runs");
    let (mut differ, mut carried_out) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        for case in file["cases"].as_array().unwrap() {
            // A refused request never becomes a run.
            if case["expect"].get("refused").is_some() {
                continue;
            }
            carried_out += 1;
            let done = decide(&file, case);
            if done != case["expect"] {
                differ.push(format!("{}\nexpected {}\ndone     {done}", case["name"], case["expect"]));
            }
        }
    }
    assert!(carried_out >= 30, "only {carried_out} cases");
    assert!(differ.is_empty(), "{} of {carried_out} differ\n\n{}", differ.len(), differ.join("\n\n"));
}

/// The file's members, overridden by those of the case.
fn merged(file: &Value, case: Option<&Value>) -> Value {
    let mut members = file.as_object().unwrap().clone();
    members.extend(case.and_then(Value::as_object).cloned().unwrap_or_default());
    Value::Object(members)
}

fn decide(file: &Value, case: &Value) -> Value {
    let of = |name: &str| case.get(name).unwrap_or(&file[name]);
    let start = Timestamp::parse(of("context")["now"].as_str().unwrap()).unwrap();
    let context = CheckContext::at(start);
    let request = merged(&file["request"], case.get("with")).to_string();
    let plan = check(&request, Some(&of("policy").to_string()), &context).plan.unwrap();
    let scenario = Scenario::from_json(&merged(&file["scenario"], case.get("scenario"))).unwrap();
    let scenario = Scenario { jurisdiction: plan.request().jurisdiction.clone(), ..scenario };
    let given = Given::new(plan, of("approvedBy").as_str().unwrap(), scenario, start);
    let cancel_at = case["cancelAfterMs"].as_u64().map(|after| start.plus(Duration::from_millis(after)));
    let made = drive(&given, cancel_at);
    let problems: Vec<_> = made.report.problems.iter().map(|problem| &problem.code).collect();
    json!({
        "outcome": made.report.outcome,
        "exitCode": exit_code(&made.report),
        "lastAt": made.report.last_at,
        "chunks": made.report.chunks.iter().map(chunk).collect::<Vec<_>>(),
        "waits": made.report.totals.waits,
        "problems": problems,
        "records": made.records.len(),
        "auditLog": digest(made.log().as_bytes()),
    })
}

fn chunk(chunk: &ChunkReport) -> Value {
    let written = serde_json::to_value(chunk).unwrap();
    let cause = chunk.cause.as_ref().map(|cause| format!(": {}", cause.code)).unwrap_or_default();
    let mut out = Map::new();
    out.insert("outcome".to_owned(), json!(format!("{}{cause}", written["outcome"].as_str().unwrap())));
    out.extend(COUNTS.map(|name| (name.to_owned(), written[name].clone())).into_iter().filter(|(_, n)| !n.is_null()));
    Value::Object(out)
}
