//! Vectors of whole runs against a simulated tenant: how every chunk ends, and the bytes of the audit log.

use std::time::Duration;

use purge_core::time::Timestamp;
use purge_wasm::{Rehearsal, file_digest};
use serde_json::{Map, Value, json};

use crate::plans::{member_of, planned};

/// More happenings than any of these runs has.
const MOST: u32 = 1_000_000;

/// The members of a chunk that are compared besides its outcome. A member that was not measured is left out.
const COUNTS: [&str; 6] = ["submits", "requests", "before", "recordsDeleted", "remaining", "protected"];

/// The scenario of the file, with what the case adds.
fn scenario(file: &Value, case: &Value) -> Value {
    let mut scenario = file["scenario"].as_object().unwrap().clone();
    scenario.extend(case["scenario"].as_object().cloned().unwrap_or_default());
    Value::Object(scenario)
}

pub(crate) fn decide(file: &Value, case: &Value) -> Value {
    let mut plan = planned(file, case).plan_file().unwrap();
    // The plan file is edited.
    if let Some(edit) = case["edit"].as_array() {
        let edited = plan.replacen(edit[0].as_str().unwrap(), edit[1].as_str().unwrap(), 1);
        assert_ne!(edited, plan, "the plan file has no {}", edit[0]);
        plan = edited;
    }
    let now = member_of("context", file, case)["now"].as_str().unwrap();
    let approver = member_of("approvedBy", file, case).as_str().unwrap();
    let mut rehearsal = match Rehearsal::new(&plan, approver, &scenario(file, case).to_string(), now) {
        Ok(rehearsal) => rehearsal,
        Err(refused) => return json!({ "refused": refused }),
    };
    if let Some(after) = case["cancelAfterMs"].as_u64() {
        if after > 0 {
            let at = Timestamp::parse(now).unwrap().plus(Duration::from_millis(after));
            #[expect(clippy::cast_precision_loss, reason = "no instant has more than 53 bits")]
            rehearsal.run_until(at.millis() as f64, MOST);
        }
        rehearsal.cancel();
    }
    assert!(rehearsal.run_until(f64::MAX, MOST), "it does not end");
    let reported = rehearsal.report();
    let report = &reported["report"];
    let chunk = |chunk: &Value| {
        let mut out = Map::new();
        let cause = chunk["cause"]["code"].as_str().map(|code| format!(": {code}")).unwrap_or_default();
        out.insert("outcome".to_owned(), json!(format!("{}{cause}", chunk["outcome"].as_str().unwrap())));
        out.extend(COUNTS.map(|name| (name.to_owned(), chunk[name].clone())).into_iter().filter(|(_, n)| !n.is_null()));
        Value::Object(out)
    };
    let chunks: Vec<_> = report["chunks"].as_array().unwrap().iter().map(chunk).collect();
    let problem = |problem: &Value| problem["code"].clone();
    let problems: Vec<_> = report["problems"].as_array().unwrap().iter().map(problem).collect();
    let log = rehearsal.audit_log(None, None);
    json!({
        "outcome": report["outcome"],
        "exitCode": reported["exitCode"],
        "lastAt": report["lastAt"],
        "chunks": chunks,
        "waits": report["totals"]["waits"],
        "problems": problems,
        "records": log.lines().count(),
        "auditLog": file_digest(log.as_bytes()),
    })
}
